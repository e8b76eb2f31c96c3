"""Limits of customs and import schemes: the value of goods, of an order and of a piece."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.rules.goods import goods_value
from mapper_gl_rules.rules.loading import load_rules
from mapper_gl_rules.tools.lint import lint

GB = {"billing_address": {"country_id": "GB", "postcode": "EC1A 1BB"}}
POUNDS = {"order_currency_code": "GBP", "base_currency_code": "EUR", "base_to_order_rate": "0.8"}


def uk(make_document: Any, *lines: Any, currency: Any = None, **header: Any) -> Any:
    """Make an invoice to the United Kingdom whose order says what it is worth."""
    found = currency or POUNDS
    subtotal = sum(Decimal(str(line[1])) for line in lines)
    order = {**GB, **found, "subtotal": str(subtotal), **header.pop("order", {})}
    return make_document(*lines, order=order, **found, **header)


def code(rules: Any, document: Any) -> Any:
    (booked,) = Booker(rules).document("invoice", document)
    if booked.stream == "refused_documents":
        return booked.record["reason"]
    return booked.record["lines"][0]["vat_code"]


@pytest.fixture(scope="module")
def example(example_rules: Any) -> Any:
    return load_rules(example_rules)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("BOOK", 135, 0)], "G0"),
        ([("BOOK", "135.01", 0)], "6"),
        ([("BOOK", 100, 0), ("TEA", "35.01", 0)], "6"),
        ([("BOOK", 136, 0, {"discount_amount": 1})], "G0"),
        ([("BOOK", 100, 0), ("GAME", 100, 0, {"product_type": "downloadable"})], "G0"),
    ],
)
def test_zero_to_the_uk_is_local_or_an_export_by_the_value_of_the_goods(
    example: Any, make_document: Any, lines: Any, expected: str
) -> None:
    document = uk(make_document, *lines)
    for item in document.order.items:  # row_total_incl_tax as 2.4.7 sends it, after discount
        item.row_total_incl_tax = item.row_total - (item.discount_amount or 0)
    document.order.grand_total = document.grand_total
    document.order.discount_amount = document.discount_amount
    assert code(example, document) == expected


def test_a_taxed_sale_to_the_uk_is_not_asked_for_its_value(
    example: Any, make_document: Any
) -> None:
    euros = {"order_currency_code": "EUR", "base_currency_code": "EUR"}
    assert code(example, uk(make_document, ("LAMP", 200, 20), currency=euros)) == "G20"


def test_a_limit_in_a_currency_that_nobody_states_is_refused(
    example: Any, make_document: Any
) -> None:
    euros = {"order_currency_code": "EUR", "base_currency_code": "EUR"}
    reason = code(example, uk(make_document, ("BOOK", 200, 0), currency=euros))
    assert "value of the goods in GBP" in reason


def test_zero_where_registered_needs_a_choice(make_rules: Any, make_document: Any) -> None:
    codes = '  "G0": {rate: 0, country: GB, supply: domestic}\n  "6": {rate: 0, supply: export}'
    reason = code(make_rules(more_codes=codes), uk(make_document, ("BOOK", 10, 0)))
    assert "supply zero_where_registered" in reason
    assert "the rules have no VAT code for it" in reason


@pytest.mark.parametrize(
    ("limit", "holds"),
    [("over 250 EUR", False), ("up to 250 EUR", True), ("over 249.99 EUR", True)],
)
def test_the_shops_base_currency_counts_too(
    make_rules: Any, make_document: Any, limit: str, *, holds: bool
) -> None:
    """200.00 GBP at 0.8 are 250.00 EUR."""
    rule = (
        f"name: it, when: {{line: product, goods_value: {limit}}}, "
        'book: {gl: "8999", vat_code: "0"}'
    )
    codes = '  "G0": {rate: 0, country: GB, supply: zero_where_registered}'
    document = uk(make_document, ("BOOK", 200, 0))
    (booked,) = Booker(make_rules(rule, more_codes=codes)).document("invoice", document)
    assert (booked.record["lines"][0]["gl_account"] == "8999") is holds


@pytest.mark.parametrize(("quantity", "gl"), [(1, "8999"), (2, "8000")])
def test_the_value_of_a_piece(make_rules: Any, make_document: Any, quantity: int, gl: str) -> None:
    """Norway's limit is for each piece: 2 for 4,000 NOK are below it, one is above."""
    kroner = {"order_currency_code": "NOK", "base_currency_code": "EUR", "base_to_order_rate": 10}
    rule = (
        "name: it, when: {line: product, piece_value: over 3000 NOK}, "
        'book: {gl: "8999", vat_code: auto}'
    )
    document = make_document(
        ("LAMP", 4000, 0, {"qty": quantity}),
        order={"billing_address": {"country_id": "NO"}, **kroner},
        **kroner,
    )
    rules = make_rules(rule, more_codes='  "6": {rate: 0, supply: export}')
    (booked,) = Booker(rules).document("invoice", document)
    assert booked.record["lines"][0]["gl_account"] == gl


@pytest.mark.parametrize(("price", "debtor"), [(150, "20"), (151, "10")])
def test_a_whole_document_by_the_value_of_its_goods(
    make_rules: Any, make_document: Any, price: int, debtor: str
) -> None:
    rule = 'name: small, when: {line: document, goods_value: up to 150 EUR}, book: {debtor: "20"}'
    booker = Booker(make_rules(rule))
    for _ in range(2):  # remembered decisions must not be taken for another amount
        document = make_document(("LAMP", price, 0), order={"subtotal": price})
        other = make_document(("LAMP", 301 - price, 0), order={"subtotal": 301 - price})
        (booked,) = booker.document("invoice", document)
        booker.document("invoice", other)
        assert booked.record["debtor"] == {"code": debtor}


def test_shipping_and_vat_are_no_goods(make_document: Any, make_rules: Any) -> None:
    document = make_document(
        ("LAMP", 100, 21),
        order={
            "subtotal": 100,
            "tax_amount": "23.10",
            "shipping_amount": 10,
            "shipping_tax_amount": "2.10",
            "grand_total": "133.10",
        },
    )
    document.order.items[0].row_total_incl_tax = Decimal(121)
    options = make_rules().settings.options
    assert goods_value(document.order, options, lambda: None) == {"EUR": 100}


def test_reverse_charge_at_home_has_a_code_of_its_own(example: Any, make_document: Any) -> None:
    for number, expected in (("NL000099998B57", "RC"), (None, "Z"), ("BE0000000097", "RC")):
        order = {"billing_address": {"country_id": "NL", "vat_id": number}}
        assert code(example, make_document(("LAMP", 100, 0), order=order)) == expected
        assert code(example, make_document(("LAMP", 100, 21), order=order)) == "21"


HOME = 'name: zero, when: {line: product, supply: domestic}, book: {gl: "8015", vat_code: auto}'
CHARGED = "when: {line: product, supply: domestic, rate: 0, vat_number: valid}"


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([HOME], ["zero"]),
        ([HOME.replace("auto", '"Z"')], ["zero"]),
        ([f'name: rc, {CHARGED}, book: {{gl: "8016", vat_code: "0"}}', HOME], []),
        ([f"name: rc, {CHARGED}, refuse: by hand", HOME], []),
        # It takes only some of them.
        ([f"name: rc, {CHARGED[:-1]}, sku: LAMP}}, refuse: by hand", HOME], ["zero"]),
        ([f'name: meant, {CHARGED}, book: {{gl: "8016", vat_code: auto}}', HOME], []),
    ],
)
def test_lint_warns_of_reverse_charge_on_the_code_of_zero_rated_goods(
    make_rules: Any, rules: list[str], found: list[str]
) -> None:
    findings = [one for one in lint(make_rules(*rules)) if one.kind == "domestic reverse charge"]
    assert [one.text.split("'")[1] for one in findings] == found
    assert all(one.level == "warning" and "vat_number: valid" in one.text for one in findings)


ZERO = 'name: uk, when: {line: product, supply: zero_where_registered}, book: {gl: "1"}'

MANY = ZERO.replace("zero_where_registered", "[domestic, zero_where_registered]")


@pytest.mark.parametrize(
    ("rules", "codes", "registrations", "found"),
    [
        ([], "", ["GB", "BE"], ["GB"]),
        ([], '  "G": {rate: 0, country: GB, supply: zero_where_registered}', ["GB"], []),
        ([], '  "G": {rate: 0, country: GB, supply: zero_where_registered}', ["GB", "CH"], ["CH"]),
        ([], '  "G": {rate: 0, supply: zero_where_registered}', ["GB", "CH"], []),
        ([ZERO], "", ["GB"], []),
        ([MANY], "", ["GB"], []),
        ([], "", [], []),
    ],
)  # fmt: skip
def test_lint_warns_where_a_zero_abroad_has_no_choice(
    make_rules: Any, rules: Any, codes: str, registrations: Any, found: Any
) -> None:
    checked = make_rules(*rules, more_codes=codes, registrations=registrations)
    findings = [one for one in lint(checked) if one.kind == "zero where registered"]
    assert [one.text.split()[3] for one in findings] == found


def kroner(make_document: Any, price: Any, base: Any, *, in_base: bool) -> Any:
    """A lamp to Norway, of two pieces, in a shop whose base currency is the euro."""
    money = {"order_currency_code": "NOK", "base_currency_code": "EUR", "base_to_order_rate": 11.5}
    amounts = {"base_row_total": base, "base_tax_amount": 0, "base_discount_amount": 0}
    document = make_document(
        ("LAMP", price, 0, {"qty": 2, **amounts}),
        base=in_base,
        base_subtotal=base,
        base_grand_total=base,
        base_tax_amount=0,
        base_discount_amount=0,
        base_discount_tax_compensation_amount=0,
        **money,
        order={
            **money,
            "billing_address": {"country_id": "NO"},
            "subtotal": price,
            "base_subtotal": base,
            "items": [
                {
                    "item_id": 1,
                    "sku": "LAMP",
                    "name": "Lamp",
                    "product_type": "simple",
                    "qty_ordered": 2,
                    "row_total": price,
                    "row_total_incl_tax": price,
                    "base_row_total_incl_tax": base,
                    **amounts,
                }
            ],
        },
    )
    assert document.order_currency_code == ("EUR" if in_base else "NOK")
    return document


@pytest.mark.parametrize("in_base", [False, True])
@pytest.mark.parametrize(
    ("limit", "price", "holds"),
    [
        ("goods_value: over 3000 NOK", "3000.00", False),
        ("goods_value: over 3000 NOK", "3000.01", True),
        ("piece_value: over 1500 NOK", "3000.00", False),
        ("piece_value: over 1500 NOK", "3000.02", True),
        # 3000.00 / 11.5 is 260.8696: the shop says 260.87.
        ("goods_value: up to 260.87 EUR", "3000.01", True),
        ("goods_value: over 260.87 EUR", "3000.01", False),
        ("goods_value: over 260.869 EUR", "2999.99", True),
        ("piece_value: up to 130.435 EUR", "3000.01", True),
    ],
)
def test_limits_are_met_to_the_cent_in_either_currency_whichever_is_booked(
    make_rules: Any, make_document: Any, limit: str, price: str, *, holds: bool, in_base: bool
) -> None:
    rule = f'name: it, when: {{line: product, {limit}}}, book: {{gl: "8999", vat_code: auto}}'
    amounts = "base" if in_base else "document"
    rules = make_rules(rule, more_codes='  "6": {rate: 0, supply: export}', amounts=amounts)
    document = kroner(make_document, price, "260.87", in_base=in_base)
    (booked,) = Booker(rules).document("invoice", document)
    assert (booked.record["lines"][0]["gl_account"] == "8999") is holds

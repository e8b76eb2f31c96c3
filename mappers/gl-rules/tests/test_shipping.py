"""Shipping: its discount has bounds, its VAT fits, and it may have several percentages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mapper_gl_rules.booking import Booker

LOW = 'name: low, when: {line: product, rate: 9}, book: {gl: "8010", vat_code: auto}'
LEFT = 'name: left, when: {line: shipping_discount_tax}, book: {gl: "8105", vat_code: "0"}'


def book(rules: Any, document: Any, kind: str = "invoice") -> Any:
    (booked, *_) = Booker(rules).document(kind, document)  # type: ignore[arg-type]
    return booked


def lines(booked: Any, gl: str) -> list[tuple[str, str, str]]:
    assert booked.stream == "sales_entries", booked.record["reason"]
    return sorted(
        (line["vat_code"], str(line["amount"]), str(line["vat_amount"]))
        for line in booked.record["lines"]
        if line["gl_account"] == gl
    )


def reason(booked: Any) -> str:
    assert booked.stream == "refused_documents", booked.record
    return str(booked.record["reason"])


@pytest.fixture
def parcel(make_document: Any) -> Any:
    """A lamp of 100.00 with a discount of 10.00, and shipping of 5.00."""

    def make(header_discount: str, vat: str = "1.05", **order: Any) -> Any:
        header = Decimal(header_discount)
        tax = Decimal("18.90") + Decimal(vat)
        return make_document(
            ("LAMP", 100, 21, {"discount_amount": 10}),
            discount_amount=-header,
            shipping_amount=5,
            shipping_tax_amount=vat,
            tax_amount=tax,
            grand_total=105 - header + tax,
            order={"shipping_amount": 5, "shipping_tax_amount": vat, **order},
        )

    return make


@pytest.mark.parametrize(
    ("header", "vat", "order"),
    [
        ("0", "1.05", {}),  # shipping would cost 15.00
        ("0", "1.05", {"shipping_discount_amount": 0}),
        ("20", "1.05", {}),  # shipping would cost -5.00
        ("20", "1.05", {"shipping_discount_amount": 0}),
        ("20", "0", {"shipping_discount_amount": 10}),  # more than shipping costs
        ("12", "1.05", {}),  # 3.00 with VAT of 5.00: no discount that the shop knows of
        ("12", "1.05", {"shipping_discount_amount": 0}),  # the order says there is none
        ("12", "0.63", {"shipping_discount_amount": 3}),  # the order says another one
        ("12", "0.30", {"shipping_discount_amount": 2}),  # VAT of neither 3.00 nor 5.00
    ],
)
def test_a_discount_out_of_bounds_is_refused(
    make_rules: Any, parcel: Any, header: str, vat: str, order: Any
) -> None:
    text = reason(book(make_rules(), parcel(header, vat, **order)))
    assert "discount" in text or "shipping: VAT" in text or "fits none" in text


@pytest.mark.parametrize(
    ("vat", "order"),
    [
        ("0.63", {"shipping_discount_amount": 2}),
        ("0.63", {}),  # the VAT proves it
        ("1.05", {"shipping_discount_amount": 2}),  # stated; VAT on the full price
    ],
)
def test_a_discount_inside_its_bounds_is_booked(
    make_rules: Any, parcel: Any, vat: str, order: Any
) -> None:
    assert lines(book(make_rules(), parcel("12", vat, **order)), "8100") == [("21", "3.00", vat)]


def test_shipping_for_free(make_rules: Any, parcel: Any) -> None:
    booked = book(make_rules(), parcel("15", "0", shipping_discount_amount=5))
    assert lines(booked, "8100") == []
    assert booked.record["totals"]["amount"] == Decimal("108.90")


def test_an_export_proves_no_discount_that_nobody_states(
    make_rules: Any, make_document: Any
) -> None:
    def export(**order: Any) -> Any:
        return make_document(
            ("LAMP", 100, 0),
            discount_amount=-2,
            shipping_amount=5,
            order={"billing_address": {"country_id": "US"}, "shipping_amount": 5, **order},
        )

    rules = make_rules(more_codes='  "6": {rate: 0, supply: export}')
    assert "no VAT proves it" in reason(book(rules, export()))
    assert lines(book(rules, export(shipping_discount_amount=2)), "8100") == [("6", "3.00", "0.00")]


def test_vat_of_shipping_must_fit_its_percentage(make_rules: Any, make_document: Any) -> None:
    taxes = [{"type": "shipping", "applied_taxes": [{"percent": 21, "amount": 2}]}]
    document = make_document(
        ("LAMP", 100, 21),
        shipping_amount=5,
        shipping_tax_amount=2,
        order={"extension_attributes": {"item_applied_taxes": taxes}},
    )
    assert "shipping: VAT of 2.00 on 5.00 is not 21 % (1.05)" in reason(
        book(make_rules(), document)
    )


def test_what_tax_amount_leaves_for_shipping_counts(make_rules: Any, make_document: Any) -> None:
    """A known defect doubles shipping_tax_amount of a credit memo, and not tax_amount."""
    document = make_document(
        ("LAMP", 100, 21),
        shipping_amount=5,
        shipping_tax_amount="2.10",
        tax_amount="22.05",
        adjustment=0,
    )
    assert lines(book(make_rules(), document, "credit_memo"), "8100") == [("21", "-5.00", "-1.05")]


def test_cents_of_a_refund_of_shipping_alone_are_on_shipping(
    make_rules: Any, make_document: Any
) -> None:
    """The shop's rounding of a coupon that has no part in shipping: -0.01 inside it."""
    document = make_document(
        ("LAMP", 100, 21),
        subtotal=0,
        tax_amount="0.86",
        discount_tax_compensation_amount="-0.01",
        shipping_amount="4.10",
        shipping_tax_amount="0.86",
        adjustment=0,
        grand_total="4.95",
        order={"shipping_amount": "4.10", "shipping_discount_amount": 0},
    )
    document.items.clear()
    booked = book(make_rules(), document, "credit_memo")
    assert lines(booked, "8100") == [("21", "-4.09", "-0.86")]


# --- the refund of discounted shipping without shipping --------------------------------------


@pytest.fixture
def refund(make_document: Any) -> Any:
    """Recorded: 0.64 x 1.24 / 4.09 = 0.1940 too much is given back."""

    def make(left: str = "0.1940", **order: Any) -> Any:
        known = {
            "shipping_amount": "4.09",
            "shipping_tax_amount": "0.64",
            "shipping_discount_amount": "1.24",
        }
        discount = Decimal(5) - Decimal(left)
        less = {"discount_amount": 5, "discount_tax_compensation_amount": "0.87"}
        return make_document(
            ("LAMP", "16.52", 21, {**less, "tax_amount": "2.60"}),
            adjustment=0,
            discount_amount=-discount,
            order={**known, **order},
        )

    return make


@pytest.mark.parametrize("left", ["0.1940", "0.19", "0.194"])
def test_what_a_refund_leaves_over_is_a_line_of_its_own(
    make_rules: Any, refund: Any, left: str
) -> None:
    booked = book(make_rules(LEFT), refund(left), "credit_memo")
    assert lines(booked, "8105") == [("0", "-0.19", "0.00")]
    assert booked.record["totals"] == {
        "amount": Decimal("-15.18"),
        "vat_amount": Decimal("-2.60"),
        "net_amount": Decimal("-12.58"),
    }
    assert "no rule matches shipping_discount_tax" in reason(
        book(make_rules(), refund(left), "credit_memo")
    )


@pytest.mark.parametrize(
    ("left", "order"),
    [
        ("0.21", {}),
        ("0.17", {}),
        ("-0.1940", {}),
        ("0.1940", {"shipping_discount_amount": 0}),
        ("0.1940", {"shipping_tax_amount": 0}),
        ("0.1940", {"shipping_amount": 0}),
    ],
)
def test_nothing_else_is_left_over(make_rules: Any, refund: Any, left: str, order: Any) -> None:
    text = reason(book(make_rules(LEFT), refund(left, **order), "credit_memo"))
    assert "discount_amount is" in text


def test_an_invoice_leaves_nothing_over(make_rules: Any, refund: Any) -> None:
    assert "discount_amount is" in reason(book(make_rules(LEFT), refund()))


# --- several percentages ---------------------------------------------------------------------


@pytest.fixture
def mixed(make_document: Any) -> Any:
    """A lamp of 50.00 at 21 %, a book of 50.00, shipping of 10.00 with these taxes."""

    def make(
        taxes: list[tuple[Any, Any]], vat: str, low: int = 9, net: str = "10", **header: Any
    ) -> Any:
        applied = [{"percent": rate, "amount": amount} for rate, amount in taxes]
        document = make_document(
            ("LAMP", 50, 21),
            ("BOOK", 50, low),
            shipping_amount=net,
            shipping_tax_amount=vat,
            order={
                "shipping_amount": 10,
                "shipping_tax_amount": sum(Decimal(str(amount)) for _, amount in taxes),
                "extension_attributes": {
                    "item_applied_taxes": [{"type": "shipping", "applied_taxes": applied}]
                },
            },
            **header,
        )
        for item in document.order.items:
            item.price, item.qty_ordered = Decimal(50), Decimal(1)
        return document

    return make


def test_shipping_in_proportion_to_the_goods_has_a_line_per_percentage(
    make_rules: Any, mixed: Any
) -> None:
    booked = book(make_rules(LOW), mixed([(21, "1.05"), (9, "0.45")], "1.50"))
    assert lines(booked, "8100") == [("21", "5.00", "1.05"), ("9", "5.00", "0.45")]


def test_shares_are_known_to_the_cent_of_their_vat(make_rules: Any, mixed: Any) -> None:
    """4.34 at 21 % and 0.61 at 9 %: 0.91 and 0.05 give 4.33 and 0.56, and the rest is rounding."""
    document = mixed([(21, "0.91"), (9, "0.05")], "0.96", net="4.95")
    document.order.shipping_amount = Decimal("4.95")
    found = lines(book(make_rules(LOW), document), "8100")
    assert [(code, vat) for code, _, vat in found] == [("21", "0.91"), ("9", "0.05")]
    assert sum(Decimal(net) for _, net, _ in found) == Decimal("4.95")


def test_percentages_are_added_where_their_sum_gives_the_amount(
    make_rules: Any, mixed: Any
) -> None:
    booked = book(make_rules(LOW), mixed([(12, "1.20"), (9, "0.90")], "2.10"))
    assert lines(booked, "8100") == [("21", "10.00", "2.10")]


def test_a_part_of_the_shipping_keeps_the_shares(make_rules: Any, mixed: Any) -> None:
    document = mixed([(21, "1.05"), (9, "0.45")], "0.50", net="3.33", adjustment=0)
    booked = book(make_rules(LOW), document, "credit_memo")
    found = lines(booked, "8100")
    assert [code for code, *_ in found] == ["21", "9"]
    assert sum(Decimal(net) for _, net, _ in found) == Decimal("-3.33")
    assert sorted(vat for *_, vat in found) == ["-0.15", "-0.35"]


def test_the_rest_is_without_vat_where_the_goods_are(make_rules: Any, mixed: Any) -> None:
    rules = make_rules(
        'name: zero, when: {line: product, rate: 0}, book: {gl: "8015", vat_code: auto}'
    )
    booked = book(rules, mixed([(21, "1.05")], "1.05", low=0))
    assert lines(booked, "8100") == [("21", "5.00", "1.05"), ("Z", "5.00", "0.00")]
    wrong = book(rules, mixed([(21, "0.42")], "0.42", low=0))  # goods: half, shipping: a fifth
    assert "shipping: VAT of 0.42 on 10.00 is not 21 %" in reason(wrong)


def test_percentages_that_give_nothing_are_refused(make_rules: Any, mixed: Any) -> None:
    booked = book(make_rules(LOW), mixed([(21, "1.90"), (9, "0.45")], "2.35"))
    assert "shipping: VAT of 2.35 on 10.00 is not 30 % (3.00)" in reason(booked)


def test_separate_discounts_follow_the_shares(make_rules: Any, mixed: Any) -> None:
    taxes = [(21, "0.84"), (9, "0.36")]
    document = mixed(taxes, "1.20", discount_amount=-2)
    document.order.shipping_discount_amount = Decimal(2)
    booked = book(make_rules(LOW, discounts="separate"), document)
    assert lines(booked, "8100") == [("21", "5.00", "1.05"), ("9", "5.00", "0.45")]
    assert lines(booked, "8200") == [("21", "-1.00", "-0.21"), ("9", "-1.00", "-0.09")]


# --- a percentage that nobody states ---------------------------------------------------------

FINLAND = """\
  "F24": {rate: 24, gl: "1520", country: FI, supply: oss, until: "2024-08-31"}
  "F255": {rate: 25.5, gl: "1520", country: FI, supply: oss, from: "2024-09-01"}
  "F135": {rate: 13.5, gl: "1520", country: FI, supply: oss}"""


@pytest.mark.parametrize(
    ("net", "vat", "code"), [("10.00", "2.55", "F255"), ("10.00", "1.35", "F135")]
)
def test_the_vat_codes_of_the_country_give_the_percentage(
    make_rules: Any, make_document: Any, net: str, vat: str, code: str
) -> None:
    document = make_document(
        ("FOOD", 100, "13.5"),
        shipping_amount=net,
        shipping_tax_amount=vat,
        order={"billing_address": {"country_id": "FI"}},
    )
    assert lines(book(make_rules(more_codes=FINLAND), document), "8100") == [(code, net, vat)]


@pytest.mark.parametrize("vat", ["2.40", "2.10", "2.00"])  # not in force, of another country, no
def test_no_other_percentage_will_do(make_rules: Any, make_document: Any, vat: str) -> None:
    document = make_document(
        ("FOOD", 100, "13.5"),
        shipping_amount="10.00",
        shipping_tax_amount=vat,
        order={"billing_address": {"country_id": "FI"}},
    )
    assert "fits none of the order's rates (13.5 %) and none of the VAT codes (13.5 %, 25.5 %)" in (
        reason(book(make_rules(more_codes=FINLAND), document))
    )

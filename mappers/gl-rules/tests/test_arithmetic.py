"""Generated documents: always balanced, the debtor is the grand total, VAT is the shop's.

10,000 examples: HYPOTHESIS_PROFILE=thorough pytest test_arithmetic.py
"""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.booking.ledger_view import ledger_view
from mapper_gl_rules.money import rounded

CENT = Decimal("0.01")
ZERO = Decimal(0)
RATES = {"NL": (Decimal(21), Decimal(9), ZERO), "DE": (Decimal(19), Decimal(7)), "US": (ZERO,)}


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


@pytest.mark.parametrize(
    ("amount", "unit", "expected"),
    [
        ("0.125", "0.01", "0.13"),
        ("-0.125", "0.01", "-0.13"),
        ("2.345", "0.01", "2.35"),
        ("0.1249", "0.01", "0.12"),
        ("2.5", "1", "3"),
        ("0.0005", "0.001", "0.001"),
    ],
)
def test_halves_go_away_from_zero_as_shop_and_exact_round_them(
    amount: str, unit: str, expected: str
) -> None:
    assert rounded(Decimal(amount), Decimal(unit)) == Decimal(expected)


@st.composite
def shop_lines(draw: Any, rates: Any, *, with_tax: bool) -> Any:
    """Draw lines as Adobe computes them: tax per unit or row, discount before or after tax."""
    per_unit = draw(st.booleans())
    lines = []
    for number in range(draw(st.integers(1, 6))):
        rate = draw(st.sampled_from(rates))
        quantity = Decimal(draw(st.integers(1, 12)))
        price = Decimal(draw(st.integers(1, 50_000))) / 100
        factor = 1 + rate / 100
        if with_tax:
            gross = price * quantity
            tax = (
                cents(price - price / factor) * quantity
                if per_unit
                else cents(gross - gross / factor)
            )
            net = gross - tax
        else:
            net = price * quantity
            tax = cents(price * rate / 100) * quantity if per_unit else cents(net * rate / 100)
        fields: dict[str, Any] = {"qty": quantity, "product_type": "simple"}
        if draw(st.booleans()):
            less = cents((net + tax if with_tax else net) * draw(st.integers(1, 100)) / 100)
            hidden = ZERO
            if with_tax:
                after = cents((net + tax - less) - (net + tax - less) / factor)
                hidden, tax = tax - after, after
            elif draw(st.booleans()):  # the other shops charge VAT on the full price
                tax = cents((net - less) * rate / 100)
            fields |= {"discount_amount": less, "discount_tax_compensation_amount": hidden}
        fields["tax_amount"] = tax
        lines.append((f"SKU-{number}", net, rate, fields))
    return lines


@st.composite
def documents(draw: Any) -> dict[str, Any]:
    """Draw the parts of a document."""
    country = draw(st.sampled_from(sorted(RATES)))
    with_tax = draw(st.booleans())
    lines = draw(shop_lines(RATES[country], with_tax=with_tax))
    header: dict[str, Any] = {}
    rate = RATES[country][0]
    if draw(st.booleans()):
        net = Decimal(draw(st.integers(100, 5_000))) / 100
        header |= {"shipping_amount": net, "shipping_tax_amount": cents(net * rate / 100)}
    memo = draw(st.booleans())
    if memo:
        header["adjustment"] = 0
        for name in ("adjustment_positive", "adjustment_negative"):
            if draw(st.booleans()):
                header[name] = Decimal(draw(st.integers(1, 900))) / 100
    paid = {}
    if not memo:
        for name in ("gift_cards_amount", "customer_balance_amount"):
            if draw(st.booleans()):
                paid[name] = Decimal(draw(st.integers(1, 5_000))) / 100
    return {
        "lines": lines,
        "header": header,
        "paid": paid,
        "kind": "credit_memo" if memo else "invoice",
        "country": country,
        "rate": rate,
        "odd": Decimal(draw(st.sampled_from([0, 0, 0, 25, 49, -30]))) / 10_000,
        "discounts": draw(st.sampled_from(["net", "separate"])),
    }


@pytest.fixture(scope="module")
def rule_books(make_rules: Any) -> Any:
    codes = {
        "D19": {"rate": 19, "gl": "1520", "supply": "oss"},
        "D7": {"rate": 7, "gl": "1520", "supply": "oss"},
        "6": {"rate": 0, "supply": "export"},
    }
    more = "\n".join(
        f'  "{code}": {{{", ".join(f"{k}: {v}" for k, v in entry.items())}}}'
        for code, entry in codes.items()
    )

    def build(discounts: str) -> Any:
        no_vat = 'name: adjusted, when: {line: adjustment}, book: {gl: "8300", vat_code: "0"}'
        return make_rules(
            no_vat,
            more_codes=more,
            discounts=discounts,
            adjustments={"refund": "none", "fee": "none"},
        )

    return {discounts: build(discounts) for discounts in ("net", "separate")}


def build(make_document: Any, drawn: dict[str, Any], extra: Decimal = ZERO) -> Any:
    order: dict[str, Any] = {
        "billing_address": {"country_id": drawn["country"]},
        "extension_attributes": {
            "item_applied_taxes": [
                {"type": "shipping", "applied_taxes": [{"percent": drawn["rate"], "amount": 1}]},
            ],
        },
    }
    document = make_document(*drawn["lines"], order=order, **drawn["header"])
    for name, amount in drawn["paid"].items():
        used = min(amount, document.grand_total)  # Adobe uses no more than the total
        document.extension_attributes = document.extension_attributes or type(document.extension)()
        setattr(document.extension_attributes, name, used)
        document.grand_total -= used
    document.grand_total += extra + drawn["odd"]
    return document


@given(drawn=documents())
def test_every_right_document_is_booked_to_the_cent(
    drawn: dict[str, Any], make_document: Any, rule_books: Any
) -> None:
    rules = rule_books[drawn["discounts"]]
    document = build(make_document, drawn)
    sign = -1 if drawn["kind"] == "credit_memo" else 1
    (booked,) = Booker(rules).document(drawn["kind"], document)
    if document.grand_total < 0:
        fee = f"adjustment_negative {document.adjustment_negative or 0:.2f}"
        assert fee in booked.record["reason"] or "is negative" in booked.record["reason"]
        return
    if booked.stream == "refused_documents":
        assert booked.record["skip"], booked.record  # nothing but zeros
        assert cents(document.grand_total) == 0
        return
    record = booked.record
    # The debtor owes the grand total.
    assert record["totals"]["amount"] == sign * cents(document.grand_total)
    # VAT per rate is what the shop charged.
    shop: dict[Decimal, Decimal] = defaultdict(Decimal)
    for _, _, rate, fields in drawn["lines"]:
        shop[rate] += sign * fields["tax_amount"]
    shop[drawn["rate"]] += sign * drawn["header"].get("shipping_tax_amount", ZERO)
    vat: dict[Decimal, Decimal] = defaultdict(Decimal)
    for line in record["lines"]:
        vat[rules.vat_code(line["vat_code"]).rate] += line.get("vat_amount", 0)
    assert {rate: vat[rate] for rate in vat if vat[rate]} == {
        rate: amount for rate, amount in shop.items() if amount
    }
    # And the whole entry balances.
    view = ledger_view(booked, rules)
    assert view["total_debit"] == view["total_credit"]
    sides = sum(Decimal(line["debit"]) - Decimal(line["credit"]) for line in view["lines"])
    assert sides == 0
    assert all(line["amount"].as_tuple().exponent >= -2 for line in record["lines"])


@given(drawn=documents(), wrong=st.integers(6, 500), up=st.booleans())
def test_every_wrong_total_is_refused(
    drawn: dict[str, Any], wrong: int, up: Any, make_document: Any, rule_books: Any
) -> None:
    extra = Decimal(wrong if up else -wrong) / 100
    document = build(make_document, {**drawn, "odd": ZERO}, extra)
    (booked,) = Booker(rule_books[drawn["discounts"]]).document(drawn["kind"], document)
    assert booked.stream == "refused_documents"
    assert "grand_total" in booked.record["reason"]

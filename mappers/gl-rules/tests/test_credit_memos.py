"""Credit memos: goodwill and fees, negative totals, store credit, and cancelled ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mapper_gl_rules.booking import Booker

LAMP = ("LAMP", 100, 21)
TEA = ("TEA", 20, 9)
CLEARING = 'name: paid, when: {line: document}, book: {clearing_gl: "1240"}'
LOW = 'name: low, when: {line: product, rate: 9}, book: {gl: "8010", vat_code: auto}'
NO_VAT = 'name: fee, when: {line: adjustment}, book: {gl: "8310", vat_code: "0"}'
CREDIT = 'name: credit, when: {line: store_credit_refund}, book: {gl: "1711", vat_code: "0"}'


def book(rules: Any, document: Any) -> Any:
    return Booker(rules).document("credit_memo", document)


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


# --- goodwill on several rates ---------------------------------------------------------------


def test_goodwill_in_proportion_to_the_refunded_goods(make_rules: Any, make_document: Any) -> None:
    """121.00 at 21 % and 21.80 at 9 %: 10.00 is 8.47 and 1.53, with VAT inside."""
    document = make_document(LAMP, TEA, adjustment=10, adjustment_positive=10)
    (booked,) = book(make_rules(LOW, adjustments={"refund": "proportional"}), document)
    assert lines(booked, "8300") == [("21", "-7.00", "-1.47"), ("9", "-1.40", "-0.13")]
    assert booked.record["totals"]["amount"] == -document.grand_total


def test_the_remainder_goes_where_rounding_took_most(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, TEA, adjustment=-1, adjustment_negative="0.05")
    document.grand_total = Decimal("142.75")
    document.adjustment = Decimal("-0.05")
    (booked,) = book(make_rules(LOW, adjustments={"fee": "proportional"}), document)
    found = lines(booked, "8300")
    assert sum(Decimal(net) + Decimal(vat) for _, net, vat in found) == Decimal("0.05")


def test_goodwill_alone_follows_the_goods_of_the_order(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, TEA, adjustment=10, adjustment_positive=10)
    document.items.clear()
    document.subtotal = document.tax_amount = Decimal(0)
    document.grand_total = Decimal(10)
    for item, price in zip(document.order.items, (100, 20), strict=True):
        item.price, item.qty_ordered = Decimal(price), Decimal(1)
    (booked,) = book(make_rules(adjustments={"refund": "proportional"}), document)
    assert lines(booked, "8300") == [("21", "-7.00", "-1.47"), ("9", "-1.40", "-0.13")]


def test_computed_percentages_are_one_rate(make_rules: Any, make_document: Any) -> None:
    """A marketplace computes 17.36 / 82.64 = 21.0068 %, and 21.028 % of a cheaper one."""
    goods = (
        ("LAMP", "82.64", "21.0068", {"tax_amount": "17.36"}),
        ("CUP", "10.70", "21.028", {"tax_amount": "2.25"}),
    )
    document = make_document(*goods, adjustment=10, adjustment_positive=10)
    (booked,) = book(make_rules(adjustments={"refund": "goods"}), document)
    assert lines(booked, "8300") == [("21", "-8.26", "-1.74")]


def test_goodwill_alone_takes_no_rate_of_shipping(make_rules: Any, make_document: Any) -> None:
    order = {"shipping_amount": 5, "shipping_tax_amount": "1.05"}
    document = make_document(TEA, adjustment=10, adjustment_positive=10, order=order)
    document.items.clear()
    document.subtotal = document.tax_amount = Decimal(0)
    document.grand_total = Decimal(10)
    (booked,) = book(make_rules(adjustments={"refund": "goods"}), document)
    assert lines(booked, "8300") == [("9", "-9.17", "-0.83")]


def test_one_rate_needs_no_proportion(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, adjustment=10, adjustment_positive=10)
    (booked,) = book(make_rules(adjustments={"refund": "proportional"}), document)
    assert lines(booked, "8300") == [("21", "-8.26", "-1.74")]


# --- a fee above the refund ------------------------------------------------------------------


def test_a_fee_above_the_refund_is_named(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, adjustment=-125, adjustment_negative=125)
    (booked,) = book(make_rules(NO_VAT, adjustments={"fee": "none"}), document)
    assert reason(booked) == (
        "the fee kept back (adjustment_negative 125.00) is more than the refund of 121.00: the "
        "customer owes 4.00: subtotal 100.00 + tax_amount 21.00 + adjustment_negative -125.00 = "
        "-4.00, grand_total -4.00"
    )
    assert booked.record["where"] == "adjustment_negative"


def test_a_fee_of_the_whole_refund_is_booked(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, adjustment=-121, adjustment_negative=121)
    (booked,) = book(make_rules(NO_VAT, adjustments={"fee": "none"}), document)
    assert booked.record["totals"]["amount"] == 0
    assert lines(booked, "8310") == [("0", "121.00", "0.00")]


def test_another_negative_total_is_refused(make_rules: Any, make_document: Any) -> None:
    document = make_document(("LAMP", -100, 21))
    (booked,) = Booker(make_rules()).document("invoice", document)
    assert reason(booked).startswith("the total is negative: subtotal -100.00")


# --- refunds to store credit -----------------------------------------------------------------


def to_store_credit(make_document: Any, amount: Any, refunded: Any = "121", **own: Any) -> Any:
    order = {
        "total_refunded": refunded,
        "extension_attributes": {"customer_balance_total_refunded": amount},
    }
    return make_document(LAMP, adjustment=0, order=order, **own)


@pytest.mark.parametrize("refunded", ["121", None])
def test_a_refund_to_store_credit_is_a_debt_and_no_money(
    make_rules: Any, make_document: Any, refunded: Any
) -> None:
    booked = book(make_rules(CREDIT, CLEARING), to_store_credit(make_document, 121, refunded))
    (entry,) = booked  # no refund through the clearing account
    assert lines(entry, "1711") == [("0", "121.00", "0.00")]
    assert entry.record["totals"] == {
        "amount": Decimal("0.00"),
        "vat_amount": Decimal("-21.00"),
        "net_amount": Decimal("21.00"),
    }


def test_a_part_may_be_money(make_rules: Any, make_document: Any) -> None:
    entry, money = book(make_rules(CREDIT, CLEARING), to_store_credit(make_document, 50))
    assert lines(entry, "1711") == [("0", "50.00", "0.00")]
    assert entry.record["totals"]["amount"] == Decimal("-71.00")
    assert money.record["totals"]["amount"] == Decimal("71.00")


def test_in_a_daily_summary_the_rest_leaves_the_clearing_account(
    make_rules: Any, make_document: Any
) -> None:
    rules = make_rules(CREDIT, CLEARING, mode="daily_journal")
    (booked,) = book(rules, to_store_credit(make_document, 50))
    found = {line["gl_account"]: line["amount"] for line in booked.record["lines"]}
    assert found == {
        "8000": Decimal("100.00"),
        "1711": Decimal("-50.00"),
        "1240": Decimal("-71.00"),
    }


def test_all_credit_memos_went_to_store_credit(make_rules: Any, make_document: Any) -> None:
    document = to_store_credit(make_document, 300, refunded=300)
    assert lines(book(make_rules(CREDIT), document)[0], "1711") == [("0", "121.00", "0.00")]


@pytest.mark.parametrize(
    ("amount", "refunded"),
    [
        (121, 300),  # another credit memo may have it
        (50, 300),
        (150, 121),  # more than was refunded
        (50, None),  # the order does not say what was refunded
    ],
)
def test_what_cannot_be_attributed_is_refused(
    make_rules: Any, make_document: Any, amount: Any, refunded: Any
) -> None:
    (booked,) = book(make_rules(CREDIT), to_store_credit(make_document, amount, refunded))
    assert f"customer_balance_total_refunded of the order is {amount}.00" in reason(booked)
    assert "customer_balance_total_refunded" in booked.record["where"]


@pytest.mark.parametrize(("credited", "credit"), [(20, None), (121, "101.00")])
def test_store_credit_that_paid_the_order_is_given_back_once(
    make_rules: Any, make_document: Any, credited: int, credit: Any
) -> None:
    """20.00 of the order were paid by store credit; they are in the memo's total already."""
    document = to_store_credit(
        make_document,
        credited,
        refunded=101,
        grand_total=101,
        extension_attributes={"customer_balance_amount": 20},
    )
    (booked,) = book(make_rules(CREDIT), document)
    assert lines(booked, "1710") == [("0", "20.00", "0.00")]
    assert lines(booked, "1711") == ([("0", credit, "0.00")] if credit else [])


def test_an_invoice_is_no_refund(make_rules: Any, make_document: Any) -> None:
    order = {"extension_attributes": {"customer_balance_total_refunded": 121}}
    (booked,) = Booker(make_rules(CREDIT)).document("invoice", make_document(LAMP, order=order))
    assert booked.record["totals"]["amount"] == 121


# --- states ----------------------------------------------------------------------------------


def test_a_cancelled_credit_memo_is_refused(make_rules: Any, make_document: Any) -> None:
    (booked,) = book(make_rules(), make_document(LAMP, adjustment=0, state=3))
    assert reason(booked) == "the shop has cancelled this credit memo"


def test_an_open_credit_memo_has_refunded_no_money_yet(make_rules: Any, make_document: Any) -> None:
    booked = book(make_rules(CLEARING), make_document(LAMP, adjustment=0, state=1))
    assert [one.stream for one in booked] == ["sales_entries"]

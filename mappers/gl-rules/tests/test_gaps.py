"""What a total has more or less than its parts: one fact explains it all, or it is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mapper_gl_rules.booking import Booker

LAMP = ("LAMP", 100, 21)
FEE = {"custom_fee_code": "cod", "custom_fee_amount": 3}


def book(rules: Any, document: Any, kind: str = "invoice") -> Any:
    (booked, *_) = Booker(rules).document(kind, document)  # type: ignore[arg-type]
    return booked


def accounts(booked: Any) -> dict[str, str]:
    assert booked.stream == "sales_entries", booked.record["reason"]
    return {line["gl_account"]: str(line["amount"]) for line in booked.record["lines"]}


def reason(booked: Any) -> str:
    assert booked.stream == "refused_documents", booked.record
    return str(booked.record["reason"])


def on_order(**attributes: Any) -> dict[str, Any]:
    return {"extension_attributes": attributes}


def test_a_gift_card_that_the_document_states_explains_no_other_gap(
    make_rules: Any, make_document: Any
) -> None:
    """50 stated, and a discount of 5 that an extension keeps to itself."""
    stated = {"gift_cards_amount": 50}
    document = make_document(
        LAMP, grand_total=66, extension_attributes=stated, order=on_order(**stated)
    )
    assert reason(book(make_rules(), document)) == (
        "grand_total is 5.00 less than its parts: subtotal 100.00 + tax_amount 21.00 + "
        "gift_cards_amount -50.00 = 71.00, grand_total 66.00"
    )


def test_a_stated_zero_is_stated(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        LAMP,
        grand_total=101,
        extension_attributes={"gift_cards_amount": 0},
        order=on_order(gift_cards_amount=20),
    )
    assert "20.00 less than its parts" in reason(book(make_rules(), document))


@pytest.mark.parametrize(
    ("attributes", "total", "expected"),
    [
        ({"gift_cards_amount": 20}, 101, {"1700": "-20.00"}),
        ({"customer_balance_amount": 20}, 101, {"1710": "-20.00"}),
        ({"reward_currency_amount": 20}, 101, {"1720": "-20.00"}),
        (
            {"gift_cards_amount": 20, "reward_currency_amount": 8},
            93,
            {"1700": "-20.00", "1720": "-8.00"},
        ),
        ({"gift_cards_amount": 20, "reward_currency_amount": 8}, 113, {"1720": "-8.00"}),
        ({"gift_cards_amount": 200}, 0, {"1700": "-121.00"}),  # all that the invoice needs
        ({"gift_cards_amount": 20, "gift_cards_invoiced": 20}, 101, {"1700": "-20.00"}),
    ],
)
def test_what_the_order_states_and_nobody_used_explains_a_gap(
    make_rules: Any, make_document: Any, attributes: Any, total: int, expected: Any
) -> None:
    document = make_document(LAMP, grand_total=total, order=on_order(**attributes))
    assert accounts(book(make_rules(), document)) == {"8000": "100.00", **expected}


@pytest.mark.parametrize(
    ("attributes", "total"),
    [
        ({"gift_cards_amount": 20}, 111),  # a part of it: what is the rest?
        ({"gift_cards_amount": 20}, 96),  # more than it
        ({"gift_cards_amount": 20, "gift_cards_invoiced": 0}, 101),  # used by no invoice
        ({"gift_cards_amount": 20, "gift_cards_invoiced": 15}, 101),
        ({"gift_cards_amount": 20}, 141),  # the other sign
        ({}, 101),
    ],
)
def test_anything_else_is_refused(
    make_rules: Any, make_document: Any, attributes: Any, total: int
) -> None:
    document = make_document(LAMP, grand_total=total, order=on_order(**attributes))
    assert "than its parts: subtotal 100.00" in reason(book(make_rules(), document))


def test_two_readings_are_none(make_rules: Any, make_document: Any) -> None:
    attributes = {"gift_cards_amount": 20, "reward_currency_amount": 20}
    document = make_document(LAMP, grand_total=101, order=on_order(**attributes))
    text = reason(book(make_rules(), document))
    assert "may be gift_cards_amount -20.00 or reward_currency_amount -20.00" in text or (
        "may be reward_currency_amount -20.00 or gift_cards_amount -20.00" in text
    )


def test_a_later_invoice_has_what_the_earlier_left(make_rules: Any, make_document: Any) -> None:
    """A gift card of 50: the first invoice of 30 is paid in full by it, the second has 20."""
    so_far = {"subtotal_invoiced": "124.79", "tax_invoiced": "26.21", "shipping_invoiced": 0}
    so_far |= {"discount_invoiced": 0, "discount_tax_compensation_invoiced": 0}
    order = {**so_far, **on_order(gift_cards_amount=50, gift_cards_invoiced=50)}
    first = make_document(("CUP", "24.79", 21), grand_total=0, order=order)
    assert accounts(book(make_rules(), first))["1700"] == "-30.00"
    second = make_document(LAMP, grand_total=101, order=order)
    assert accounts(book(make_rules(), second))["1700"] == "-20.00"
    guess = make_document(LAMP, grand_total=106, order=order)
    assert "15.00 less than its parts" in reason(book(make_rules(), guess))


def test_a_credit_memo_gives_back_what_was_used(make_rules: Any, make_document: Any) -> None:
    order = on_order(gift_cards_amount=20, gift_cards_refunded=20)
    memo = make_document(LAMP, adjustment=0, grand_total=101, order=order)
    assert accounts(book(make_rules(), memo, "credit_memo"))["1700"] == "20.00"
    none = on_order(gift_cards_amount=20, gift_cards_refunded=0)
    memo = make_document(LAMP, adjustment=0, grand_total=101, order=none)
    assert "20.00 less" in reason(book(make_rules(), memo, "credit_memo"))


FEES = 'name: fees, when: {line: custom_fee}, book: {gl: "8115", vat_code: "0"}'


def test_a_fee_of_another_invoice_explains_nothing(make_rules: Any, make_document: Any) -> None:
    order = on_order(custom_fees=[{**FEE, "invoice_id": 8}])
    document = make_document(LAMP, grand_total=124, order=order)
    assert "3.00 more than its parts" in reason(book(make_rules(FEES), document))


def test_a_fee_of_this_invoice_is_its_own(make_rules: Any, make_document: Any) -> None:
    fees = [{**FEE, "invoice_id": 7}, {**FEE, "custom_fee_code": "wrap", "invoice_id": 8}]
    document = make_document(LAMP, grand_total=124, order=on_order(custom_fees=fees))
    assert accounts(book(make_rules(FEES), document))["8115"] == "3.00"


def test_one_of_two_fees_without_an_invoice_is_found_by_its_amount(
    make_rules: Any, make_document: Any
) -> None:
    fees = [FEE, {"custom_fee_code": "wrap", "custom_fee_amount": 5}]
    document = make_document(LAMP, grand_total=126, order=on_order(custom_fees=fees))
    assert accounts(book(make_rules(FEES), document))["8115"] == "5.00"
    alike = [FEE, {**FEE, "custom_fee_code": "wrap"}]
    document = make_document(LAMP, grand_total=124, order=on_order(custom_fees=alike))
    text = reason(book(make_rules(FEES), document))
    assert "may be custom_fees.cod 3.00 or custom_fees.wrap 3.00" in text


def test_a_fee_and_a_gift_card_together(make_rules: Any, make_document: Any) -> None:
    order = on_order(custom_fees=[FEE], gift_cards_amount=20)
    document = make_document(LAMP, grand_total=104, order=order)
    found = accounts(book(make_rules(FEES), document))
    assert (found["8115"], found["1700"]) == ("3.00", "-20.00")


def test_a_rule_without_a_vat_code_makes_no_choice_for_a_fee(
    make_rules: Any, make_document: Any
) -> None:
    rule = 'name: fees, when: {line: custom_fee}, book: {gl: "8115"}'
    document = make_document(LAMP, grand_total=124, order=on_order(custom_fees=[FEE]))
    assert "has no VAT code of its own" in reason(book(make_rules(rule), document))


def test_the_compensation_of_shipping_may_be_on_the_order_alone(
    make_rules: Any, make_document: Any
) -> None:
    """Older releases leave it out of the invoice, though the total has it."""
    order = {
        "shipping_amount": "4.09",
        "shipping_tax_amount": "0.65",
        "shipping_discount_amount": "1.24",
        "shipping_discount_tax_compensation_amount": "0.21",
    }
    document = make_document(
        ("LAMP", "100.00", 21),
        discount_amount="-1.24",
        shipping_amount="4.09",
        shipping_tax_amount="0.65",
        tax_amount="21.65",
        grand_total="124.71",
        order=order,
    )
    found = accounts(book(make_rules(), document))
    assert found == {"8000": "100.00", "8100": "3.06"}


# --- fixed product tax -------------------------------------------------------------------

TOASTER = {"weee_tax_applied_amount": "1.65", "weee_tax_applied_row_amount": "8.27"}


@pytest.mark.parametrize(
    ("pieces", "total_fpt", "vat"),
    [(5, "8.27", "1.74"), (2, "3.31", "0.70"), (3, "4.96", "1.04"), (3, "4.97", "1.04")],
)
def test_fixed_product_tax_follows_the_amount_of_the_row(
    make_rules: Any, make_document: Any, pieces: int, total_fpt: str, vat: str
) -> None:
    """1.65 a piece, five pieces 8.27: a part is in proportion, and takes the cent of the total."""
    document = make_document(
        ("TOASTER", 60, 21, {"qty": pieces}),
        tax_amount=Decimal("12.60") + Decimal(vat),
        grand_total=Decimal("72.60") + Decimal(total_fpt) + Decimal(vat),
    )
    item = document.order.items[0]
    item.qty_ordered = Decimal(5)
    for name, amount in TOASTER.items():
        setattr(item, name, Decimal(amount))
    booked = book(make_rules(), document)
    assert accounts(booked)["8130"] == total_fpt
    assert booked.record["totals"]["vat_amount"] == document.tax_amount
    assert "4990" not in accounts(booked)


def test_each_row_of_fixed_product_tax_may_be_off_by_a_cent(
    make_rules: Any, make_document: Any
) -> None:
    document = make_document(
        ("TOASTER", 60, 21, {"qty": 2}),
        ("KETTLE", 60, 21, {"qty": 2}),
        tax_amount="26.59",
        grand_total="153.23",  # 2 x 3.31 and two cents
    )
    for item in document.order.items:
        item.qty_ordered, item.weee_tax_applied_row_amount = Decimal(5), Decimal("8.27")
    booked = book(make_rules(), document)
    assert accounts(booked) == {"8000": "120.00", "8130": "6.64"}
    document.grand_total += Decimal("0.06")
    assert "grand_total is 6.70 more" in reason(book(make_rules(), document))


def test_where_only_a_piece_has_an_amount_the_pieces_count(
    make_rules: Any, make_document: Any
) -> None:
    """1.65 x 5 = 8.25, the shop says 8.27: half a cent a piece."""
    line = ("TOASTER", 60, 21, {"qty": 5, "weee_tax_applied_amount": "1.65"})
    document = make_document(line, tax_amount="14.34", grand_total="82.61")
    assert accounts(book(make_rules(), document))["8130"] == "8.27"
    other = make_document(line, tax_amount="14.34", grand_total="82.56")
    assert "more than its parts" in reason(book(make_rules(rounding_limit=0), other))


def test_fixed_product_tax_takes_no_other_gap(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        ("TOASTER", 60, 21, {"qty": 5}), tax_amount="14.34", grand_total="82.71"
    )
    item = document.order.items[0]
    item.qty_ordered = Decimal(5)
    item.weee_tax_applied_row_amount = Decimal("8.27")
    assert "grand_total is 8.37 more" in reason(book(make_rules(), document))


def test_fixed_product_tax_that_the_shop_does_not_tax(make_rules: Any, make_document: Any) -> None:
    line = ("TOASTER", 60, 21, {"qty": 2, "weee_tax_applied_amount": 1})
    booked = book(make_rules(), make_document(line, grand_total="74.60"))
    assert accounts(booked)["8130"] == "2.00"
    assert booked.record["totals"]["vat_amount"] == Decimal("12.60")


def test_base_amounts_of_a_partial_credit_memo_are_in_its_json(
    make_rules: Any, make_document: Any
) -> None:
    """The column keeps the amount of the whole order line: 8.27 where two pieces have 3.31."""
    fields = {
        "qty": 2,
        "base_row_total": 60,
        "base_tax_amount": "12.60",
        "base_weee_tax_applied_row_amnt": "8.27",
        "weee_tax_applied": '[{"row_amount": 2.65, "base_row_amount": 3.31}]',
    }
    document = make_document(
        ("TOASTER", 48, 21, fields),
        base=True,
        adjustment=0,
        order_currency_code="GBP",
        base_to_order_rate="0.8",
        base_subtotal=60,
        base_discount_amount=0,
        base_discount_tax_compensation_amount=0,
        base_tax_amount="13.30",
        base_grand_total="76.61",
    )
    booked = book(make_rules(amounts="base"), document, "credit_memo")
    assert accounts(booked) == {"8000": "-60.00", "8130": "-3.31"}
    assert booked.record["totals"]["amount"] == Decimal("-76.61")

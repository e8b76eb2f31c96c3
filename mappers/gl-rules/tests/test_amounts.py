"""Every identity of Adobe's totals: booked to the cent, or refused with the arithmetic."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mapper_gl_rules.booking import Booker


def book(rules: Any, document: Any, kind: str = "invoice") -> Any:
    (booked, *_) = Booker(rules).document(kind, document)  # type: ignore[arg-type]
    return booked


def lines(booked: Any) -> dict[str, tuple[str, str, str]]:
    assert booked.stream == "sales_entries", booked.record
    return {
        line["gl_account"]: (
            line.get("vat_code"),
            str(line["amount"]),
            str(line.get("vat_amount", "")),
        )
        for line in booked.record["lines"]
    }


def reason(booked: Any) -> str:
    assert booked.stream == "refused_documents", booked.record
    return str(booked.record["reason"])


def total(booked: Any) -> Decimal:
    return Decimal(booked.record["totals"]["amount"])


LAMP = ("LAMP", 100, 21)
TEA = ("TEA", 20, 9)


def test_gift_cards_and_store_credit_are_debts_not_discounts(
    make_rules: Any, make_document: Any
) -> None:
    document = make_document(
        LAMP,
        grand_total=91,
        extension_attributes={"gift_cards_amount": 20, "customer_balance_amount": 10},
    )
    booked = book(make_rules(), document)
    assert lines(booked) == {
        "8000": ("21", "100.00", "21.00"),
        "1700": ("0", "-20.00", "0.00"),
        "1710": ("0", "-10.00", "0.00"),
    }
    assert total(booked) == 91


def test_paid_in_full_by_gift_card_is_still_booked(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, grand_total=0, extension_attributes={"gift_cards_amount": 121})
    assert lines(book(make_rules(), document))["1700"] == ("0", "-121.00", "0.00")


def test_reward_points_are_on_the_order_only(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        LAMP,
        grand_total=113,
        order={"extension_attributes": {"reward_currency_amount": 8}},
    )
    assert lines(book(make_rules(), document))["1720"] == ("0", "-8.00", "0.00")


def test_gift_wrapping_comes_as_text_with_its_own_tax(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        LAMP,
        tax_amount="21.84",
        grand_total="125.84",
        extension_attributes={"gw_items_price": "4.00", "gw_items_tax_amount": "0.84"},
    )
    assert lines(book(make_rules(), document))["8120"] == ("21", "4.00", "0.84")


def test_a_mapped_surcharge_is_booked_with_its_tax(make_rules: Any, make_document: Any) -> None:
    path = "extension_attributes.payment_fee"
    document = make_document(
        LAMP,
        tax_amount="21.53",
        grand_total="124.03",
        extension_attributes={"payment_fee": 2.5, "payment_fee_tax": "0.53"},
    )
    booked = book(make_rules(surcharges={path: f"{path}_tax"}), document)
    assert lines(booked)["8110"] == ("21", "2.50", "0.53")


def test_an_unmapped_surcharge_is_refused_by_name(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        LAMP, grand_total="123.50", extension_attributes={"payment_fee": "2.5000"}
    )
    booked = book(make_rules(), document)
    assert reason(booked) == (
        "grand_total is 2.50 more than its parts: subtotal 100.00 + tax_amount 21.00 = 121.00, "
        "grand_total 123.50; extension_attributes.payment_fee 2.50 may be it"
    )
    assert booked.record["where"] == "extension_attributes.payment_fee"
    assert "surcharges" in booked.record["what_to_do"]


def test_a_total_of_an_extension_may_be_beside_adobes_own(
    make_rules: Any, make_document: Any
) -> None:
    document = make_document(
        LAMP, grand_total="123.50", handling="2.5000", base_handling="2.5000", subtotal_incl_tax=2.5
    )
    booked = book(make_rules(), document)
    assert reason(booked).endswith("grand_total 123.50; handling 2.50 may be it")
    assert (booked.record["where"], booked.record["currency"]) == ("handling", "EUR")
    assert lines(book(make_rules(surcharges={"handling": None}), document))["8110"][1] == "2.50"


@pytest.mark.parametrize(
    ("code", "expected"), [("21", ("21", "2.48", "0.52")), ("0", ("0", "3.00", "0.00"))]
)
def test_custom_fees_of_adobe_take_the_vat_code_of_their_rule(
    make_rules: Any, make_document: Any, code: str, expected: Any
) -> None:
    fee = {"custom_fee_code": "cod", "custom_fee_label": "COD", "custom_fee_amount": 3}
    order = {"extension_attributes": {"custom_fees": [fee]}}
    document = make_document(LAMP, grand_total=124, order=order)
    assert "no rule matches custom_fee custom_fees.cod of 3.00" in reason(
        book(make_rules(), document)
    )
    rule = "name: cod, when: {line: custom_fee, field: custom_fees.cod}, book: "
    auto = book(make_rules(rule + '{gl: "8115", vat_code: auto}'), document)
    assert "the shop states no VAT for custom_fee custom_fees.cod of 3.00" in reason(auto)
    booked = book(make_rules(f'{rule}{{gl: "8115", vat_code: "{code}"}}'), document)
    assert lines(booked)["8115"] == expected
    assert total(booked) == 124


def test_fixed_product_tax_of_a_partial_invoice(make_rules: Any, make_document: Any) -> None:
    line = ("TOASTER", 60, 21, {"qty": 2, "weee_tax_applied_amount": 1})
    document = make_document(line, tax_amount="13.02", grand_total="75.02")
    assert lines(book(make_rules(), document))["8130"] == ("21", "2.00", "0.42")


def test_fixed_product_tax_inside_the_subtotal_is_not_added(
    make_rules: Any, make_document: Any
) -> None:
    line = ("TOASTER", 62, 21, {"qty": 2, "weee_tax_applied_amount": 1})
    assert set(lines(book(make_rules(), make_document(line)))) == {"8000"}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("goods", ("21", "-8.26", "-1.74")),
        ("none", ("0", "-10.00", "0.00")),
        (9, ("9", "-9.17", "-0.83")),
    ],
)
def test_goodwill_has_three_choices(
    make_rules: Any, make_document: Any, choice: Any, expected: Any
) -> None:
    document = make_document(LAMP, adjustment=10, adjustment_positive=10)
    rule = (
        'name: no vat, when: {line: adjustment, field: "adjustment_*"}, '
        'book: {gl: "8300", vat_code: "0"}'
    )
    rules = make_rules(*([rule] if choice == "none" else []), adjustments={"refund": choice})
    booked = book(rules, document, "credit_memo")
    assert lines(booked)["8300"] == expected
    assert total(booked) == Decimal("-131.00")


def test_a_fee_kept_back_lowers_the_refund(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, adjustment=-5, adjustment_negative=5)
    booked = book(make_rules(adjustments={"fee": 21}), document, "credit_memo")
    assert lines(booked)["8300"] == ("21", "4.13", "0.87")
    assert total(booked) == Decimal("-116.00")


def test_an_adjustment_without_a_choice_is_refused(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, adjustment=3, adjustment_positive=3)
    booked = book(make_rules(), document, "credit_memo")
    assert "the rules make no choice" in reason(booked)
    assert "adjustments.refund" in booked.record["what_to_do"]


def test_an_adjustment_on_mixed_goods_is_refused(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, TEA, adjustment=3, adjustment_positive=3)
    booked = book(make_rules(adjustments={"refund": "goods"}), document, "credit_memo")
    assert "takes the rate of the goods: 9 %, 21 %" in reason(booked)


def test_goodwill_alone_takes_the_rate_of_the_order(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, adjustment=10, adjustment_positive=10)
    document.items.clear()
    document.subtotal = document.tax_amount = Decimal(0)
    document.grand_total = Decimal(10)
    booked = book(make_rules(adjustments={"refund": "goods"}), document, "credit_memo")
    assert lines(booked) == {"8300": ("21", "-8.26", "-1.74")}


def test_goodwill_on_an_order_of_free_samples_takes_the_rate_of_shipping(
    make_rules: Any, make_document: Any
) -> None:
    order = {"shipping_amount": "4.09", "shipping_tax_amount": "0.86"}
    document = make_document(("SAMPLE", 0, 21), order=order, adjustment=1, adjustment_positive=1)
    document.items.clear()
    booked = book(make_rules(adjustments={"refund": "goods"}), document, "credit_memo")
    assert lines(booked) == {"8300": ("21", "-0.83", "-0.17")}


def test_a_discount_on_prices_with_tax_nets_to_the_same(
    make_rules: Any, make_document: Any
) -> None:
    """121.00 with tax, 10 % off: 100.00 - 12.10 + 2.10 = 90.00, VAT 18.90."""
    less = {"discount_amount": "12.10", "discount_tax_compensation_amount": "2.10"}
    document = make_document(("LAMP", 100, 21, less))
    assert lines(book(make_rules(), document)) == {"8000": ("21", "90.00", "18.90")}
    assert lines(book(make_rules(discounts="separate"), document)) == {
        "8000": ("21", "100.00", "21.00"),
        "8200": ("21", "-10.00", "-2.10"),
    }


def test_a_discount_on_shipping_is_the_headers_surplus(make_rules: Any, make_document: Any) -> None:
    """Recorded invoice 000000008: 25 % off everything, shipping included."""
    less = {"discount_amount": "22.50", "discount_tax_compensation_amount": "3.91"}
    document = make_document(
        ("LAMP", "74.37", 21, {**less, "tax_amount": "11.71"}),
        discount_amount="-23.74",
        shipping_amount="4.09",
        shipping_tax_amount="0.65",
        shipping_incl_tax="4.95",
        shipping_discount_tax_compensation_amount="0.21",
        grand_total="71.20",
    )
    assert lines(book(make_rules(), document))["8100"] == ("21", "3.06", "0.65")
    separate = book(make_rules(discounts="separate"), document)
    assert lines(separate)["8100"][1] == "4.09"
    assert total(separate) == Decimal("71.20")


def bundle(children: bool) -> Any:  # noqa: FBT001
    parent = {"product_type": "bundle", "tax_amount": "22.80"}
    low, high = {"parent_item_id": 1, "tax_amount": "21.00"}, {"parent_item_id": 1}
    if children:
        return (
            ("SET", 120, 0, parent),
            ("LAMP", 100, 21, low),
            ("TEA", 20, 9, {**high, "tax_amount": "1.80"}),
        )
    zero = {"parent_item_id": 1, "tax_amount": 0}
    return (
        ("SET", 120, 21, {"product_type": "bundle", "tax_amount": "25.20"}),
        ("LAMP", 0, 0, zero),
        ("TEA", 0, 0, zero),
    )


def test_a_dynamic_bundle_shown_twice_is_counted_once(make_rules: Any, make_document: Any) -> None:
    document = make_document(*bundle(children=True), subtotal=120, tax_amount="22.80")
    rules = make_rules(
        'name: low, when: {line: product, rate: 9}, book: {gl: "8010", vat_code: auto}'
    )
    assert lines(book(rules, document)) == {
        "8000": ("21", "100.00", "21.00"),
        "8010": ("9", "20.00", "1.80"),
    }


def test_a_bundle_of_cents_is_counted_once_too(make_rules: Any, make_document: Any) -> None:
    """All rows together are within the rounding limit of the subtotal; a child has the money."""
    document = make_document(
        ("SET", "0.03", 0, {"product_type": "bundle", "tax_amount": "0.01"}),
        ("LAMP", "0.03", 21, {"parent_item_id": 1, "tax_amount": "0.01"}),
        subtotal="0.03",
        tax_amount="0.01",
    )
    (line,) = book(make_rules(), document).record["lines"]
    assert (line["description"], line["amount"]) == ("Lamp", Decimal("0.03"))


def test_a_fixed_bundle_is_booked_by_its_parent(make_rules: Any, make_document: Any) -> None:
    document = make_document(*bundle(children=False))
    assert lines(book(make_rules(), document)) == {"8000": ("21", "120.00", "25.20")}


def test_lines_that_do_not_give_the_subtotal_are_refused(
    make_rules: Any, make_document: Any
) -> None:
    document = make_document(LAMP, subtotal=110, grand_total=131)
    assert reason(book(make_rules(), document)) == (
        "the lines add up to 100.00, the subtotal is 110.00"
    )


@pytest.mark.parametrize(("cents", "refused"), [(5, False), (-5, False), (6, True), (-6, True)])
def test_a_remainder_is_rounded_up_to_the_limit(
    make_rules: Any, make_document: Any, cents: int, refused: Any
) -> None:
    document = make_document(LAMP, grand_total=Decimal("121.00") + Decimal(cents) / 100)
    booked = book(make_rules(), document)
    if refused:
        assert f"grand_total is 0.06 {'more' if cents > 0 else 'less'}" in reason(booked)
    else:
        assert lines(booked)["4990"] == ("0", f"{Decimal(cents) / 100:.2f}", "0")
        assert total(booked) == document.grand_total


def test_vat_that_the_rate_cannot_give_is_refused(make_rules: Any, make_document: Any) -> None:
    document = make_document(("LAMP", 100, 21, {"tax_amount": "9.00"}))
    assert reason(book(make_rules(), document)) == (
        "line LAMP: VAT of 9.00 on 100.00 is not 21 % (21.00)"
    )


def test_vat_before_discount_is_what_some_shops_charge(make_rules: Any, make_document: Any) -> None:
    less = {"discount_amount": 10, "tax_amount": 21}
    document = make_document(("LAMP", 100, 21, less))
    assert lines(book(make_rules(), document)) == {"8000": ("21", "90.00", "21.00")}


def test_a_line_without_its_order_line_is_refused(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP)
    document.order.items.clear()
    assert "which order 000000005 does not have" in reason(book(make_rules(), document))


def test_vat_without_percentage_is_refused(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP)
    document.order.items[0].tax_percent = None
    assert "no tax_percent" in reason(book(make_rules(), document))


@pytest.mark.parametrize(
    ("net", "tax", "code"),
    [("4.95", "1.04", "21"), ("4.10", "0.85", "21"), ("20.00", "1.80", "9"), ("4.95", "0", "Z")],
)
def test_the_rate_of_shipping_follows_from_its_amounts(
    make_rules: Any, make_document: Any, net: str, tax: str, code: str
) -> None:
    document = make_document(LAMP, TEA, shipping_amount=net, shipping_tax_amount=tax)
    rules = make_rules(
        'name: low, when: {line: product, rate: 9}, book: {gl: "8010", vat_code: auto}'
    )
    assert lines(book(rules, document))["8100"][0] == code


def test_shipping_tax_that_fits_several_rates_is_refused(
    make_rules: Any, make_document: Any
) -> None:
    document = make_document(LAMP, TEA, shipping_amount="0.10", shipping_tax_amount="0.02")
    assert "fits several of the order's rates (9 %, 21 %)" in reason(book(make_rules(), document))


def test_shipping_at_a_rate_no_product_has(make_rules: Any, make_document: Any) -> None:
    document = make_document(TEA, shipping_amount="10.00", shipping_tax_amount="2.10")
    rules = make_rules(
        'name: low, when: {line: product, rate: 9}, book: {gl: "8010", vat_code: auto}'
    )
    assert lines(book(rules, document))["8100"] == ("21", "10.00", "2.10")


def test_a_document_without_its_order_is_refused(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP)
    document.order = None
    assert "did not come with the document" in reason(book(make_rules(), document))


def test_a_cancelled_invoice_is_refused(make_rules: Any, make_document: Any) -> None:
    assert "cancelled" in reason(book(make_rules(), make_document(LAMP, state=3)))


def test_a_bad_timestamp_is_refused(make_rules: Any, make_document: Any) -> None:
    booked = book(make_rules(), make_document(LAMP, created_at="yesterday"))
    assert "no timestamp" in reason(booked)


def test_yen_have_no_cents(make_rules: Any, make_document: Any) -> None:
    document = make_document(("LAMP", 100, 21, {"tax_amount": 21}), order_currency_code="JPY")
    booked = book(make_rules(), document)
    assert lines(booked) == {"8000": ("21", "100", "21")}


def test_base_currency_is_a_choice(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        ("LAMP", 80, 21, {"base_row_total": 100, "base_tax_amount": 21}),
        base=True,
        order_currency_code="GBP",
        base_currency_code="EUR",
        base_to_order_rate="0.8",
        base_subtotal=100,
        base_tax_amount=21,
        base_grand_total=121,
        base_discount_amount=0,
        base_discount_tax_compensation_amount=0,
    )
    booked = book(make_rules(amounts="base"), document)
    assert booked.record["currency"] == "EUR"
    assert "exchange_rate" not in booked.record
    assert lines(booked) == {"8000": ("21", "100.00", "21.00")}


def test_a_foreign_document_carries_the_inverse_rate(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        LAMP, order_currency_code="GBP", base_currency_code="EUR", base_to_order_rate="0.8"
    )
    assert book(make_rules(), document).record["exchange_rate"] == Decimal("1.25")

"""Minor units and exchange rates: each currency counts in its own smallest amount."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.money import allotted, minor_unit, practical_unit


def book(rules: Any, document: Any, kind: str = "invoice") -> Any:
    (booked, *_) = Booker(rules).document(kind, document)  # type: ignore[arg-type]
    return booked


def accounts(booked: Any) -> dict[str, tuple[str, str]]:
    assert booked.stream == "sales_entries", booked.record["reason"]
    return {
        line["gl_account"]: (str(line["amount"]), str(line.get("vat_amount", "")))
        for line in booked.record["lines"]
    }


@pytest.mark.parametrize(
    ("currency", "unit", "practical"),
    [
        ("EUR", "0.01", "0.01"),
        ("JPY", "1", "1"),
        ("KWD", "0.001", "0.01"),
        ("HUF", "0.01", "1"),
        ("IDR", "0.01", "1"),
    ],
)
def test_units(currency: str, unit: str, practical: str) -> None:
    assert minor_unit(currency) == Decimal(unit)
    assert practical_unit(currency) == Decimal(practical)


def test_a_currency_is_weak_by_its_rate() -> None:
    assert practical_unit("XYZ", Decimal(101)) == 1
    assert practical_unit("XYZ", Decimal(100)) == Decimal("0.01")


@pytest.mark.parametrize(
    ("currency", "more", "refused"),
    [
        ("EUR", "0.05", False),
        ("EUR", "0.06", True),
        ("JPY", "1", False),
        ("JPY", "5", False),
        ("JPY", "6", True),
        ("KWD", "0.005", False),
        ("KWD", "0.006", True),
        ("IDR", "1", False),
        ("IDR", "6", True),
    ],
)
def test_the_rounding_limit_counts_in_the_smallest_amounts(
    make_rules: Any, make_document: Any, currency: str, more: str, refused: Any
) -> None:
    document = make_document(
        ("LAMP", 1000, 21), order_currency_code=currency, grand_total=1210 + Decimal(more)
    )
    booked = book(make_rules(), document)
    if refused:
        assert "more than its parts" in booked.record["reason"]
        return
    assert Decimal(accounts(booked)["4990"][0]) == Decimal(more)
    assert booked.record["totals"]["amount"] == document.grand_total


def test_yen_with_decimals_give_the_total_without_a_remainder(
    make_rules: Any, make_document: Any
) -> None:
    """Magento keeps two decimals of yen: 33.4 + 33.4 + 33.4 at 10.1 % each."""
    lines = [(f"SKU-{n}", "33.4", rate, {"tax_amount": vat}) for n, rate, vat in (
        (1, 21, "7.01"), (2, 9, "3.01"), (3, 21, "7.01"))]  # fmt: skip
    low = 'name: low, when: {line: product, rate: 9}, book: {gl: "8010", vat_code: auto}'
    booked = book(make_rules(low), make_document(*lines, order_currency_code="JPY"))
    assert accounts(booked) == {"8000": ("67", "14"), "8010": ("33", "3")}
    assert booked.record["totals"]["amount"] == 117


def test_dinars_have_three_decimals(make_rules: Any, make_document: Any) -> None:
    lamp = ("LAMP", "12.345", 21, {"tax_amount": "2.592"})
    document = make_document(
        lamp, order_currency_code="KWD", adjustment="1.000", adjustment_positive="1.000"
    )
    booked = book(make_rules(adjustments={"refund": 21}), document, "credit_memo")
    assert accounts(booked) == {"8000": ("-12.345", "-2.592"), "8300": ("-0.826", "-0.174")}


def test_whole_rupiah_fit_their_percentage(make_rules: Any, make_document: Any) -> None:
    lamp = ("LAMP", 53027, 21, {"tax_amount": 11136})  # 11,135.67
    booked = book(make_rules(), make_document(lamp, order_currency_code="IDR"))
    assert accounts(booked) == {"8000": ("53027.00", "11136.00")}


@pytest.mark.parametrize(
    ("amounts", "total", "expected"),
    [
        (["0.125", "0.125"], "0.25", ["0.13", "0.12"]),
        (["0.104", "0.104", "0.104"], "0.31", ["0.11", "0.10", "0.10"]),
        (["-0.106", "-0.106"], "-0.21", ["-0.10", "-0.11"]),
        (["1", "2"], "3", ["1.00", "2.00"]),
        ([], "0", []),
    ],
)
def test_what_rounding_leaves_is_allotted(amounts: Any, total: str, expected: Any) -> None:
    found = allotted([Decimal(one) for one in amounts], Decimal(total), Decimal("0.01"))
    assert sorted(map(str, found)) == sorted(expected)
    assert sum(found, Decimal(0)) == Decimal(total)


# --- exchange rates --------------------------------------------------------------------------


def foreign(make_document: Any, total: str, rate: str, base: Any, currency: str = "GBP") -> Any:
    return make_document(
        ("LAMP", total, 0),
        order_currency_code=currency,
        base_currency_code="EUR",
        base_to_order_rate=rate,
        base_grand_total=base,
    )


@pytest.mark.parametrize(
    ("total", "rate", "base"),
    [
        ("10000000", "17500", "571.43"),
        ("45.10", "0.8431", "53.48"),
        ("12.39", "0.8431", "14.68"),  # parts rounded one by one: two cents below 14.70
        ("28.66", "0.8431", "33.98"),
        ("147.33", "0.8431", "174.76"),
        ("1000000000", "26500.5", "37735.14"),
    ],
)
def test_the_rate_gives_the_shops_base_total(
    make_rules: Any, make_document: Any, total: str, rate: str, base: str
) -> None:
    booked = book(make_rules(), foreign(make_document, total, rate, base))
    found = booked.record["exchange_rate"] * Decimal(total)
    assert abs(found.quantize(Decimal("0.01")) - Decimal(base)) <= Decimal("0.01")


def test_the_shops_own_rate_is_kept_where_it_gives_the_total(
    make_rules: Any, make_document: Any
) -> None:
    """So that the documents of a day have one rate."""
    rates = {
        book(make_rules(), foreign(make_document, total, "0.8431", base)).record["exchange_rate"]
        for total, base in (("45.10", "53.48"), ("28.66", "33.98"), ("66.15", "78.46"))
    }
    assert rates == {Decimal("1.18609892065")}


def test_a_base_total_that_is_none_is_refused(make_rules: Any, make_document: Any) -> None:
    """A known defect of the shop: the price in the customer's currency is the base price."""
    booked = book(make_rules(), foreign(make_document, "100.00", "0.8", "100.00"))
    assert booked.record["reason"] == (
        "grand_total 100.00 at the rate 0.8 is 125.00 EUR, base_grand_total is 100.00"
    )


def test_a_total_of_nothing_still_has_a_rate(make_rules: Any, make_document: Any) -> None:
    document = foreign(make_document, "100.00", "0.8", "0")
    document.grand_total = Decimal(0)
    document.extension_attributes = type(document.extension)(gift_cards_amount=Decimal(100))
    assert book(make_rules(), document).record["exchange_rate"] == Decimal("1.25")

"""The header is the customer's document: its amounts are booked, its lines follow by cents."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from mapper_gl_rules.booking import Booker

CENT = Decimal("0.01")
LOW = 'name: low, when: {line: product, rate: 9}, book: {gl: "8010", vat_code: auto}'


def book(rules: Any, document: Any, kind: str = "invoice") -> Any:
    (booked, *_) = Booker(rules).document(kind, document)  # type: ignore[arg-type]
    return booked


def booked_lines(booked: Any) -> list[dict[str, Any]]:
    assert booked.stream == "sales_entries", booked.record["reason"]
    lines: list[dict[str, Any]] = booked.record["lines"]
    return lines


def by_account(booked: Any) -> dict[str, tuple[str, str]]:
    return {
        line["gl_account"]: (str(line["amount"]), str(line.get("vat_amount", "")))
        for line in booked_lines(booked)
    }


def reason(booked: Any) -> str:
    assert booked.stream == "refused_documents", booked.record
    return str(booked.record["reason"])


@pytest.fixture
def basket(make_document: Any) -> Any:
    """Three lines of two percentages, one of them with a discount, and shipping."""

    def make(shipped: bool = True, **change: Any) -> Any:  # noqa: FBT001, FBT002
        less = {"discount_amount": "6.05", "discount_tax_compensation_amount": "1.05"}
        header = {
            "discount_amount": "-6.05",
            "discount_tax_compensation_amount": "1.05",
            "subtotal": "170.00",
            "tax_amount": "29.69" if shipped else "28.65",
        }
        order: dict[str, Any] = {"shipping_discount_amount": 0}
        if shipped:
            header |= {"shipping_amount": "4.95", "shipping_tax_amount": "1.04"}
            order |= {"shipping_amount": "4.95", "shipping_tax_amount": "1.04"}
        header = {name: Decimal(amount) for name, amount in header.items()}
        for name, more in change.items():
            header[name] += more
        return make_document(
            ("LAMP", "100.00", 21, {**less, "tax_amount": "19.95"}),
            ("CUP", "20.00", 21),
            ("TEA", "50.00", 9, {"tax_amount": "4.50"}),
            order=order,
            grand_total=sum(header[name] for name in header if name != "shipping_tax_amount"),
            **header,
        )

    return make


CENTS = [Decimal(cents) / 100 for cents in (-4, -3, -2, -1, 1, 2, 3, 4)]


@pytest.mark.parametrize("more", CENTS)
@pytest.mark.parametrize("shipped", [True, False])
@pytest.mark.parametrize(
    "field", ["tax_amount", "subtotal", "discount_amount", "discount_tax_compensation_amount"]
)
@pytest.mark.parametrize("kind", ["invoice", "credit_memo"])
def test_cents_of_the_header_are_spread_over_the_lines(
    make_rules: Any, basket: Any, kind: str, field: str, shipped: Any, more: Decimal
) -> None:
    document = basket(shipped, **{field: more})
    booked = book(make_rules(LOW), document, kind)
    sign = -1 if kind == "credit_memo" else 1
    lines = booked_lines(booked)
    assert "4990" not in {line["gl_account"] for line in lines}, "no rounding line"
    assert booked.record["totals"] == {
        "amount": sign * document.grand_total,
        "vat_amount": sign * document.tax_amount,
        "net_amount": sign * (document.grand_total - document.tax_amount),
    }
    rates: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for line in lines:
        rates[line["vat_code"]][0] += sign * line["amount"]
        rates[line["vat_code"]][1] += sign * line["vat_amount"]
    assert set(rates) == {"21", "9"}
    for code, (net, vat) in rates.items():
        assert abs(net * int(code) / 100 - vat) <= 6 * CENT + abs(more)


def test_the_largest_vat_takes_the_first_cents(make_rules: Any, basket: Any) -> None:
    plain = by_account(book(make_rules(LOW), basket()))
    assert plain == {
        "8000": ("115.00", "24.15"),
        "8010": ("50.00", "4.50"),
        "8100": ("4.95", "1.04"),
    }
    one = by_account(book(make_rules(LOW), basket(tax_amount=-CENT)))
    assert one["8000"] == ("115.00", "24.14")
    three = by_account(book(make_rules(LOW), basket(tax_amount=-3 * CENT)))
    assert (three["8000"][1], three["8010"][1], three["8100"][1]) == ("24.13", "4.49", "1.04")
    net = by_account(book(make_rules(LOW), basket(subtotal=2 * CENT)))
    assert (net["8000"], net["8010"]) == (("115.01", "24.15"), ("50.01", "4.50"))


@pytest.mark.parametrize("field", ["shipping_amount", "shipping_tax_amount"])
@pytest.mark.parametrize("more", CENTS)
def test_shipping_is_what_the_header_says(
    make_rules: Any, basket: Any, field: str, more: Decimal
) -> None:
    document = basket(**{field: more})
    booked = book(make_rules(LOW), document)
    assert booked.record["totals"]["vat_amount"] == document.tax_amount
    assert booked.record["totals"]["amount"] == document.grand_total
    assert by_account(booked)["8100"][0] == str(document.shipping_amount)
    assert "4990" not in by_account(booked)


@pytest.mark.parametrize(
    "field", ["tax_amount", "subtotal", "discount_amount", "discount_tax_compensation_amount"]
)
@pytest.mark.parametrize("more", [Decimal("0.07"), Decimal("-0.07"), Decimal("1.00")])
def test_more_than_cents_is_refused_with_the_arithmetic(
    make_rules: Any, basket: Any, field: str, more: Decimal
) -> None:
    booked = book(make_rules(LOW), basket(**{field: more}))
    text = reason(booked)
    assert field in text or (field == "subtotal" and "the subtotal is" in text)
    assert f"{abs(more):.2f}" in text or field in {"subtotal", "discount_amount"}


def test_vat_has_a_limit_of_its_own(make_rules: Any, make_document: Any) -> None:
    """A cent a line, whatever the rounding limit is; and a wide one helps no VAT."""
    lines = [(f"SKU-{number}", "10.00", 21) for number in range(9)]
    tax = Decimal("18.90")
    exact = book(
        make_rules(rounding_limit=0), make_document(*lines, tax_amount=tax - Decimal("0.10"))
    )
    assert exact.record["totals"]["vat_amount"] == Decimal("18.80")
    wide = book(
        make_rules(rounding_limit=1), make_document(*lines, tax_amount=tax - Decimal("0.11"))
    )
    assert "tax_amount is 18.79, 0.11 less than what it is made of: product 18.90" in reason(wide)


def test_a_header_without_taxed_lines_takes_no_vat(make_rules: Any, make_document: Any) -> None:
    document = make_document(("LAMP", 100, 0), tax_amount="0.01")
    assert "tax_amount is 0.01, 0.01 more than what it is made of" in reason(
        book(make_rules(), document)
    )


def test_the_accountant_may_want_the_vat_of_the_lines(make_rules: Any, basket: Any) -> None:
    booked = book(make_rules(LOW, tax_difference="rounding"), basket(tax_amount=-3 * CENT))
    assert booked.record["totals"]["vat_amount"] == Decimal("29.69")
    assert by_account(booked)["4990"] == ("-0.03", "0")


def test_only_what_the_total_leaves_open_is_rounding(make_rules: Any, basket: Any) -> None:
    document = basket()
    document.grand_total += Decimal("0.02")
    booked = book(make_rules(LOW), document)
    assert by_account(booked)["4990"] == ("0.02", "0")
    assert booked.record["totals"]["vat_amount"] == document.tax_amount


def test_a_discount_line_follows_the_header(make_rules: Any, basket: Any) -> None:
    booked = book(make_rules(LOW, discounts="separate"), basket(discount_amount=-2 * CENT))
    assert by_account(booked)["8200"][0] == "-5.02"
    assert by_account(booked)["8000"][0] == "120.00"


def test_four_decimals_need_no_rounding_line(make_rules: Any, make_document: Any) -> None:
    """VAT of 0.125 twice is 0.25 in the header, and not 0.26."""
    less = {"tax_amount": "0.125", "qty": "0.5"}
    document = make_document(("A", "0.5953", 21, less), ("B", "1.3889", 9, less), tax_amount="0.25")
    booked = book(make_rules(LOW), document)
    assert booked.record["totals"] == {
        "amount": Decimal("2.23"),
        "vat_amount": Decimal("0.25"),
        "net_amount": Decimal("1.98"),
    }
    assert "4990" not in by_account(booked)
    assert sorted(vat for _, vat in by_account(booked).values()) == ["0.12", "0.13"]


def test_less_than_a_cent_of_the_header_is_booked_too(make_rules: Any, make_document: Any) -> None:
    document = make_document(("LAMP", 100, 21), tax_amount="21.0151", grand_total="121.0151")
    assert by_account(book(make_rules(), document)) == {"8000": ("100.00", "21.02")}


def test_a_sales_order_follows_its_header_too(make_rules: Any, basket: Any) -> None:
    document = basket(tax_amount=-2 * CENT)
    order = document.order
    for name in ("subtotal", "discount_amount", "discount_tax_compensation_amount", "tax_amount"):
        setattr(order, name, getattr(document, name))
    order.grand_total = document.grand_total
    for item in order.items:
        item.row_total_incl_tax = (
            item.row_total
            - (item.discount_amount or 0)
            + (item.discount_tax_compensation_amount or 0)
            + item.tax_amount
        )
    (booked,) = Booker(make_rules(sales_orders=True)).order(order)
    assert booked.stream == "sales_orders", booked.record["reason"]
    assert booked.record["totals"]["vat_amount"] == document.tax_amount
    assert booked.record["totals"]["amount"] == document.grand_total

"""Goods or services, and where goods are dispatched from: facts of each line, for OSS."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mapper_gl_rules.booking.booker import Booker
from mapper_gl_rules.booking.day_view import day_entries
from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.tools.explain import explain, texts
from mapper_gl_rules.tools.lint import lint

DE = {"billing_address": {"country_id": "DE", "postcode": "10115"}}
CODES = '  "D19": {rate: 19, gl: "1520", country: DE, supply: oss}'
TENT, EBOOK = ("TENT", 100, 19), ("EBOOK", 50, 19, {"product_type": "downloadable"})
POLAND = "name: from Poland, when: {line: document, website: pl}, book: {dispatch_country: PL}"
EVERYWHERE = "name: from Poland, when: {line: document}, book: {dispatch_country: PL}"


def booked(rules: Any, document: Any, kind: Any = "invoice") -> Any:
    (one,) = Booker(rules).document(kind, document)
    assert "lines" in one.record, one.record
    return one.record


def facts(record: Any) -> list[tuple[Any, ...]]:
    names = ("amount", "supply", "country", "nature", "dispatch_country")
    return [tuple(line.get(name) for name in names) for line in record["lines"]]


def test_goods_leave_from_home_and_services_from_nowhere(
    make_rules: Any, make_document: Any
) -> None:
    rules = make_rules(more_codes=CODES)
    assert facts(booked(rules, make_document(TENT, EBOOK, order=DE))) == [
        (Decimal(100), "oss", "DE", "goods", "NL"),
        (Decimal(50), "oss", "DE", "services", None),
    ]


@pytest.mark.parametrize("product_type", ["virtual", "downloadable", "giftcard"])
def test_what_is_no_goods(make_rules: Any, make_document: Any, product_type: str) -> None:
    line = ("X", 10, 19, {"product_type": product_type})
    record = booked(make_rules(more_codes=CODES), make_document(line, order=DE))
    assert facts(record) == [(Decimal(10), "oss", "DE", "services", None)]


def test_the_rules_say_from_where_for_a_website_a_store_or_all(
    make_rules: Any, make_document: Any
) -> None:
    rules = make_rules(POLAND, more_codes=CODES)
    for website, expected in (("pl", "PL"), ("base", "NL")):
        source = {"instance": "demo", "store_code": "nl", "website_code": website}
        record = booked(rules, make_document(TENT, EBOOK, order=DE, source=source))
        assert [one[3:] for one in facts(record)] == [("goods", expected), ("services", None)]
    everywhere = make_rules(EVERYWHERE, more_codes=CODES)
    assert facts(booked(everywhere, make_document(TENT, order=DE)))[0][3:] == ("goods", "PL")


def test_a_credit_memo_has_the_facts_of_its_own_lines(make_rules: Any, make_document: Any) -> None:
    memo = make_document(TENT, EBOOK, order=DE)
    record = booked(make_rules(EVERYWHERE, more_codes=CODES), memo, "credit_memo")
    assert facts(record) == [
        (Decimal(-100), "oss", "DE", "goods", "PL"),
        (Decimal(-50), "oss", "DE", "services", None),
    ]


def test_shipping_is_of_goods_and_what_a_virtual_order_charges_beside_is_not(
    make_rules: Any, make_document: Any
) -> None:
    rules = make_rules(more_codes=CODES)
    shipped = make_document(TENT, order=DE, shipping_amount=10, shipping_tax_amount="1.90")
    assert facts(booked(rules, shipped)) == [
        (Decimal(100), "oss", "DE", "goods", "NL"),
        (Decimal(10), "oss", "DE", "goods", "NL"),
    ]
    fee = {"adjustment_positive": Decimal("11.90"), "adjustment_negative": 0}
    for is_virtual, item, expected in (
        (1, EBOOK, ("services", None)),
        (0, TENT, ("goods", "NL")),
    ):
        memo = make_document(item, order={**DE, "is_virtual": is_virtual}, **fee)
        goodwill = make_rules(more_codes=CODES, adjustments={"refund": "goods"})
        lines = facts(booked(goodwill, memo, "credit_memo"))
        assert [one[3:] for one in lines] == [expected] * 2


def test_a_business_that_pays_a_fee_on_downloads_is_sold_services(
    make_rules: Any, make_document: Any
) -> None:
    order = {
        "is_virtual": 1,
        "billing_address": {"country_id": "DE", "postcode": "10115", "vat_id": "DE136695976"},
    }
    codes = '  "7": {rate: 0, supply: intra_eu_goods}\n  "8": {rate: 0, supply: intra_eu_services}'
    rules = make_rules(more_codes=codes, adjustments={"refund": "goods"})
    item = ("EBOOK", 50, 0, {"product_type": "virtual"})
    memo = make_document(item, order=order, adjustment_positive=10)
    lines = booked(rules, memo, "credit_memo")["lines"]
    assert [(line["vat_code"], line["supply"]) for line in lines] == [
        ("8", "intra_eu_services")
    ] * 2


def test_what_is_outside_vat_has_neither(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        TENT, order=DE, grand_total=99, extension_attributes={"gift_cards_amount": 20}
    )
    found = facts(booked(make_rules(more_codes=CODES), document))
    assert (found[-1][1:]) == (None, None, None, None)


def test_every_booking_mode_carries_them(make_rules: Any, make_document: Any) -> None:
    clearing = 'name: paid, when: {line: document}, book: {clearing_gl: "1240"}'
    expected = [("goods", "NL"), ("services", None)]
    for mode in ("sales_entry", "sales_invoice", "daily_journal"):
        rules = make_rules(clearing, more_codes=CODES, mode=mode)
        first = Booker(rules).document("invoice", make_document(TENT, EBOOK, order=DE))[0]
        assert [one[3:] for one in facts(first.record)][:2] == expected, mode
        if mode == "daily_journal":
            (day,) = day_entries([first.record, first.record])
            assert [one[3:] for one in facts(day.record)] == [*expected, (None, None)]
    document = make_document(TENT, EBOOK, order=DE)
    rules = make_rules(more_codes=CODES, sales_orders=True)
    document.order.grand_total = document.grand_total
    document.order.subtotal, document.order.tax_amount = document.subtotal, document.tax_amount
    (order,) = Booker(rules).order(document.order)
    assert [one[3:] for one in facts(order.record)] == expected


def test_a_wrong_country_is_refused_where_it_stands(make_rules: Any) -> None:
    for code in ("EL", "ZZ", "nl", "NLD"):
        with pytest.raises(RulesError, match="dispatch_country"):
            make_rules(POLAND.replace("PL", code))
    for code in ("XI", "CH"):
        make_rules(POLAND.replace("PL", code))
    with pytest.raises(RulesError, match="does not belong to a line"):
        make_rules('name: x, when: {line: product}, book: {gl: "1", dispatch_country: PL}')


@pytest.mark.parametrize(
    ("country", "registrations", "told"),
    [
        ("PL", [], "rule 'from Poland' has goods dispatched from PL, where"),
        ("PL", ["PL"], None),
        ("NL", [], None),
        ("CH", [], "rule 'from Poland' has goods dispatched from CH, outside the EU"),
    ],
)
def test_lint_asks_for_the_registration_that_stock_abroad_needs(
    make_rules: Any, country: str, registrations: list[str], told: str | None
) -> None:
    rules = make_rules(POLAND.replace("PL", country), registrations=registrations)
    found = [one.text for one in lint(rules) if one.kind == "dispatch country"]
    assert [one.startswith(told or "") for one in found] == [True] * bool(told)


def test_explain_tells_them(make_rules: Any, make_document: Any) -> None:
    rules = make_rules(EVERYWHERE, more_codes=CODES)
    told = explain(Booker(rules), "invoice", make_document(TENT, EBOOK, order=DE))
    assert [(one.nature, one.dispatch_country) for one in told.lines] == [
        ("goods", "PL"),
        ("services", None),
    ]
    text = "\n".join(texts(told))
    assert "supply oss, goods from PL" in text
    assert "supply oss, services\n" in text

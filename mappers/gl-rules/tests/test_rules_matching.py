"""Each condition of a rule, and that the first match wins."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from time import process_time
from typing import Any

import pytest

from mapper_gl_rules.dates import DocumentDates
from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules import matching
from mapper_gl_rules.rules.facts import DocumentFacts, LineFacts
from mapper_gl_rules.rules.matching import Matcher
from mapper_gl_rules.rules.vocabulary import CONDITIONS
from mapper_gl_rules.source import Order
from mapper_gl_rules.vat import TaxedAs

DOCUMENT = DocumentFacts(
    kind="invoice",
    booking_date=date(2026, 3, 2),
    dates=DocumentDates(date(2026, 3, 2), date(2026, 3, 2), ()),
    tax_point=date(2026, 3, 2),
    tax_point_of="invoice 7",
    currency="EUR",
    country="NL",
    services_country="NL",
    billing_country="BE",
    zone="home",
    vat_number="NL000099998B57",
    vat_number_state="valid",
    business=True,
    reverse_charge=False,
    customer_group="4",
    store=frozenset({"1", "nl"}),
    website="base",
    payment_method="mollie_methods_ideal",
    shipping_method="flatrate_flatrate",
    charged={},
    order=Order(1, "1", Decimal(1), "2026-03-02 09:00:00", []),
    goods_value=lambda: {"EUR": Decimal("135.00"), "GBP": Decimal("117.20")},
    other_order=lambda: None,
)
LINE = LineFacts(
    kind="product",
    name="TEA-POT",
    sku="TEA-POT",
    rate=Decimal("21.0000"),
    taxed_as=TaxedAs("domestic", "NL", date(2026, 3, 2)),
    supply="domestic",
    country="NL",
    nature="goods",
    charged={"NL-21": "NL"},
    vat_country=("NL",),
    product_type="simple",
    attribute_set="9",
    categories=("3", "12"),
    tax_class="2",
    attributes=(("color", frozenset({"red", "blue"})), ("size", frozenset({"L"}))),
    own_account="named",
    piece_value=lambda: {"EUR": Decimal("300.00"), "NOK": Decimal("3000.00")},
)
HOLDS = {
    "line": ["product", "[product, shipping]"],
    "sku": ["TEA-POT", "[CUP, TEA-POT]"],
    "sku_pattern": ["TEA-*", "T?A-POT", "[CUP*, TEA*]"],
    "field": ["TEA-POT"],
    "rate": ["21", "21.0", "[9, 21]"],
    "supply": ["domestic"],
    "vat_country": ["NL", "[BE, NL]"],
    "product_type": ["simple", "[virtual, simple]"],
    "attribute_set": ["9", '"9"'],
    "category": ["12", "[4, 3]"],
    "tax_class": ["2"],
    "attributes": ["{color: red}", "{color: [green, blue], size: L}"],
    "own_account": ["named", "[named, none]"],
    "document": ["invoice"],
    "country": ["NL", "[DE, NL]"],
    "billing_country": ["BE"],
    "zone": ["home", "[home, eu]"],
    "vat_number": ["valid"],
    "goods_value": ["up to 135 EUR", "over 134.99 EUR", "over 100 GBP"],
    "piece_value": ["up to 3000 NOK", "over 299.99 EUR"],
    "customer_group": ["4"],
    "store": ["nl", '"1"', "1"],
    "website": ["base"],
    "payment_method": ["mollie_methods_ideal", "mollie_*"],
    "shipping_method": ["flatrate_*"],
    "currency": ["EUR"],
    "from": ["2026-03-02", '"2026-01-01"'],
    "until": ["2026-03-02", "2026-12-31"],
}
FAILS = {
    "line": "shipping",
    "sku": "TEA-*",
    "sku_pattern": "TEA",
    "field": "CUP",
    "rate": "9",
    "supply": "oss",
    "vat_country": "BE",
    "product_type": "bundle",
    "attribute_set": "4",
    "category": "1",
    "tax_class": "0",
    "attributes": "{color: red, size: XL}",
    "own_account": "none",
    "document": "credit_memo",
    "country": "DE",
    "billing_country": "NL",
    "zone": "non_eu",
    "vat_number": "none",
    "goods_value": "over 135 EUR",
    "piece_value": "over 3000 NOK",
    "customer_group": "1",
    "store": "de",
    "website": "b2b",
    "payment_method": "paypal*",
    "shipping_method": "tablerate",
    "currency": "GBP",
    "from": "2026-03-03",
    "until": "2026-03-01",
}


def matcher(make_rules: Any, name: str, value: str) -> Matcher:
    rule = f'name: it, when: {{{name}: {value}}}, book: {{gl: "1"}}'
    return Matcher(make_rules(rule, every_kind=False))


def test_every_condition_is_tried_here() -> None:
    assert set(HOLDS) == set(FAILS) == set(CONDITIONS)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in HOLDS.items() for value in values]
)
def test_condition_holds(make_rules: Any, name: str, value: str) -> None:
    found = matcher(make_rules, name, value).match(DOCUMENT, LINE)
    assert found is not None
    assert found.name == "it"


@pytest.mark.parametrize(("name", "value"), FAILS.items())
def test_condition_fails_and_says_why(make_rules: Any, name: str, value: str) -> None:
    tried = matcher(make_rules, name, value)
    found = tried.match(DOCUMENT, LINE)
    assert found is not None
    assert found.name == "products"
    assert tried.why_not(0, DOCUMENT, LINE).startswith(f"{name} is ")  # type: ignore[union-attr]
    assert tried.why_not(1, DOCUMENT, LINE) is None


def test_the_first_match_wins(make_rules: Any) -> None:
    rules = make_rules(
        'name: one, when: {line: product, country: DE}, book: {gl: "1"}',
        'name: two, when: {line: product, rate: 21}, book: {gl: "2"}',
        'name: three, when: {line: product}, book: {gl: "3"}',
    )
    found = Matcher(rules).match(DOCUMENT, LINE)
    assert found is not None
    assert found.name == "two"


def test_what_is_remembered_stays_small(make_rules: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(matching, "_MOST", 50)
    tried = matcher(make_rules, "sku", "SKU-7")
    for number in range(1000):
        line = LineFacts(*(getattr(LINE, name) for name in LINE.__struct_fields__))
        line.sku = f"SKU-{number}"
        found = tried.match(DOCUMENT, line)
        assert found is not None
        assert (found.name == "it") == (number == 7)
    assert len(tried.decide(DOCUMENT).lines) <= 50


def test_product_attributes_come_from_the_tap(make_rules: Any, make_document: Any) -> None:
    from mapper_gl_rules.booking import Booker  # noqa: PLC0415

    product = {
        "attribute_set_id": 9,
        "category_ids": ["3", "12"],
        "tax_class_id": 2,
        "custom_attributes": {"gl_group": "kitchen", "colors": "5,7"},
    }
    rules = make_rules(
        "name: kitchen, when: {line: product, attributes: {gl_group: kitchen, colors: 7}, "
        'category: 12, attribute_set: 9, tax_class: 2}, book: {gl: "8005", vat_code: auto}',
    )
    document = make_document(("LAMP", 100, 21, {"product": product}), ("CUP", 10, 21))
    (booked,) = Booker(rules).document("invoice", document)
    assert [line["gl_account"] for line in booked.record["lines"]] == ["8005", "8000"]


@pytest.mark.parametrize(
    "pattern", ["*a" * 90 + "*b", "*?" * 90 + "b", "*[ab]" * 39 + "c", "*" + "a" * 190 + "b*c"]
)
def test_no_pattern_takes_for_ever(make_rules: Any, pattern: str) -> None:
    tried = matcher(make_rules, "sku_pattern", f'"{pattern}"')
    line = LineFacts(*(getattr(LINE, name) for name in LINE.__struct_fields__))
    line.sku = "a" * 100_000
    begin = process_time()
    found = tried.match(DOCUMENT, line)
    assert process_time() - begin < 5
    assert found is not None
    assert found.name == "products"


def test_a_pattern_has_an_end(make_rules: Any) -> None:
    with pytest.raises(RulesError, match="too long"):
        matcher(make_rules, "sku_pattern", f'"{"*a" * 101}"')

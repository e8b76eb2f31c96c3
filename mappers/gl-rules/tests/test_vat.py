"""Percentage alone never decides: destination, VAT number and tax point do."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.rules.facts import document_facts, legal_rates
from mapper_gl_rules.rules.vocabulary import SUPPLIES
from mapper_gl_rules.vat import (
    TaxedAs,
    VatCode,
    VatCodes,
    differs,
    first_valid_number,
    supply_of,
    vat_number_valid,
)

CENT = Decimal("0.01")


@pytest.mark.parametrize(
    ("country", "rate", "goods", "number", "expected"),
    [
        ("NL", 21, True, None, "domestic"),
        ("NL", 0, True, "BE", "domestic"),
        ("DE", 19, True, None, "oss"),
        ("DE", 19, True, "DE", "business_charged"),
        ("DE", 19, True, "NL", "business_charged"),
        ("DE", 0, True, "DE", "intra_eu_goods"),
        ("DE", 0, True, "NL", "untaxed_eu"),
        ("DE", 0, False, "DE", "intra_eu_services"),
        ("DE", 0, True, None, "untaxed_eu"),
        ("US", 0, True, None, "export"),
        ("US", 8, True, None, "taxed_export"),
        ("CH", 0, True, "DE", "export"),
        ("XI", 0, True, "XI", "intra_eu_goods"),
        ("XI", 20, True, None, "oss"),
        ("GB", 20, True, None, "domestic"),
        ("GB", 20, False, None, "domestic"),
        ("GB", 0, True, None, "zero_where_registered"),
        ("GB", 0, False, "DE", "zero_where_registered"),
        ("BE", 0, True, None, "domestic"),
    ],
)
def test_supply(country: str, rate: int, goods: Any, number: str | None, expected: str) -> None:
    registrations = frozenset({"NL", "BE", "GB"})
    found = supply_of(
        country=country,
        rate=Decimal(rate),
        goods=goods,
        business=number is not None,
        reverse_charge=number not in {None, *registrations},
        registrations=registrations,
        home="NL",
    )
    assert found == expected
    assert found in SUPPLIES


def test_a_zero_at_home_outside_the_eu_is_domestic() -> None:
    parts: dict[str, Any] = {"goods": True, "business": False, "reverse_charge": False}
    home = {"country": "GB", "registrations": frozenset({"GB"}), "home": "GB"}
    assert supply_of(rate=Decimal(0), **parts, **home) == "domestic"


def test_outside_vat_there_is_no_supply() -> None:
    parts: dict[str, Any] = {"goods": True, "business": False, "reverse_charge": False}
    parts |= {"registrations": frozenset({"NL"}), "home": "NL"}
    assert supply_of(country="NL", rate=None, **parts) is None
    assert supply_of(country=None, rate=Decimal(21), **parts) is None


@pytest.mark.parametrize(
    ("number", "country", "valid"),
    [
        ("NL000099998B57", "NL", True),
        ("nl 0000.99.998.B57", "NL", True),
        ("BE0000000097", "BE", True),
        ("0000000097", "BE", True),
        ("BE0000000098", "BE", False),
        ("DE123456788", "DE", True),
        ("XI110305878", "GB", True),
        ("123", "DE", False),
        ("none", "NL", False),
    ],
)
def test_vat_numbers_are_checked_by_their_digits(number: str, country: str, valid: Any) -> None:
    assert vat_number_valid(number, country) is valid


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ((("n.v.t.", "BE"), (None, "BE"), ("BE0000000097", "BE")), ("BE0000000097", "valid", "BE")),
        ((("DE123456788", "NL"), ("BE0000000097", "BE")), ("DE123456788", "valid", "DE")),
        ((("0000000097", "BE"),), ("0000000097", "valid", "BE")),
        ((("EL094259216", "GR"),), ("EL094259216", "valid", "GR")),
        ((("  ", "BE"), ("n.v.t.", "BE"), ("x", "BE")), ("n.v.t.", "invalid", None)),
        (((None, "BE"), ("", None)), (None, "none", None)),
    ],
)
def test_the_first_valid_number_counts(places: Any, expected: Any) -> None:
    assert first_valid_number(places) == expected


CODES = VatCodes(
    (
        VatCode("D19", Decimal(19), "1", "DE", "oss", valid_until=date(2020, 6, 30)),
        VatCode(
            "D16", Decimal(16), "1", "DE", "oss", date(2020, 7, 1), valid_until=date(2020, 12, 31)
        ),
        VatCode("E19", Decimal(19), "1", "DE", "oss", valid_from=date(2021, 1, 1)),
        VatCode("21", Decimal(21), "1", country="NL"),
        VatCode("9", Decimal(9), "1", country="NL"),
        VatCode("X21", Decimal(21), "1"),
        VatCode("F25", Decimal("25.5"), "1", "FI", "oss"),
        VatCode("F13", Decimal("13.5"), "1", "FI", "oss"),
        VatCode("C81", Decimal("8.1"), "1", "CH"),
        VatCode("0", Decimal(0), supply="none"),
    )
)
NL = TaxedAs("domestic", "NL", date(2026, 2, 10))


@pytest.mark.parametrize(
    ("supply", "country", "rate", "day", "expected"),
    [
        ("oss", "DE", 19, date(2020, 6, 30), "D19"),
        ("oss", "DE", 19, date(2020, 7, 1), None),
        ("oss", "DE", 16, date(2020, 6, 30), None),
        ("oss", "DE", 16, date(2020, 7, 1), "D16"),
        ("oss", "DE", 16, date(2020, 12, 31), "D16"),
        ("oss", "DE", 16, date(2021, 1, 1), None),
        ("oss", "DE", 19, date(2021, 1, 1), "E19"),
        ("domestic", "NL", 21, date(2026, 1, 1), "21"),
        ("oss", "BE", 21, date(2026, 1, 1), "X21"),
        ("untaxed_eu", "DE", 0, date(2026, 1, 1), None),
    ],
)
def test_the_code_follows_from_supply_country_rate_and_tax_point(
    supply: str, country: str, rate: int, day: date, expected: str | None
) -> None:
    found = CODES.code(TaxedAs(supply, country, day), Decimal(rate))
    assert (found.code if found else None) == expected


def test_two_codes_that_fit_equally_well_are_no_answer() -> None:
    twins = VatCodes((VatCode("A", Decimal(21), "1"), VatCode("B", Decimal(21), "1")))
    assert twins.code(NL, Decimal(21)) is None
    assert twins.candidates(NL) == "A (21 %), B (21 %)"


@pytest.mark.parametrize(
    ("stated", "net", "vat", "pieces", "legal"),
    [
        ("21.0068", "82.64", "17.36", 1, "21"),  # 17.36 / 82.64
        ("20.9440", "24.78", "5.20", 3, "21"),  # of one piece: 1.73 / 8.26
        ("8.9286", "11.20", "1.00", 1, "9"),
        ("21.0068", "-82.64", "-17.36", -1, "21"),
        ("21", "100", "21", 1, "21"),
        ("19", "100", "19", 1, "19"),  # another country's
        ("19", "0.50", "0.10", 1, "19"),  # ... also where the cent would allow 21
        ("8.1", "0.50", "0.04", 1, "8.1"),  # Switzerland's, though 9 % gives the same
        ("20.5", "1.00", "0.21", 1, "20.5"),  # a half percentage is meant
        ("16", "0.50", "0.10", 1, "16"),
        ("20.75", "100", "20.75", 1, "20.75"),  # computed, but nobody's
        ("22.0000", "0.50", "0.11", 1, "22.0000"),
        ("15.3846", "0.13", "0.02", 1, "15.3846"),  # 9 % and 21 % both give 0.02
        ("21.0068", "82.64", "0", 1, "21.0068"),
        ("20.9", "82.64", "17.36", 1, "20.9"),  # 9 cents off
    ],
)
def test_a_computed_percentage_is_the_legal_one_that_gives_the_vat(
    stated: str, net: str, vat: str, pieces: int, legal: str
) -> None:
    found = CODES.percentage(NL, Decimal(stated), Decimal(net), Decimal(vat), Decimal(pieces))
    assert found == Decimal(legal)


def test_legal_rates_are_those_of_the_destination_at_every_possible_tax_point(
    make_rules: Any, make_document: Any
) -> None:
    rules = make_rules(
        more_codes='  "D16": {rate: 16, gl: "1", country: DE, supply: oss, until: 2020-12-31}\n'
        '  "D19": {rate: 19, gl: "1", country: DE, supply: oss, from: 2021-01-01}\n'
        '  "D0": {rate: 0, country: DE, supply: oss}'
    )
    place = {"billing_address": {"country_id": "DE"}}
    for ordered, expected in (("2020-12-30", {16, 19}), ("2021-01-02", {19})):
        document = make_document(
            ("LAMP", 100, 19),
            order={**place, "created_at": f"{ordered} 09:00:00"},
            created_at="2021-01-05 09:00:00",
        )
        facts = document_facts("invoice", document, document.order, rules.settings)
        assert legal_rates(facts, rules.settings, VatCodes(rules.vat_codes)) == expected


def taxed(code: str, percent: float, country: str | None = None, **more: Any) -> dict[str, Any]:
    """Give the fields of an order whose first line and shipping were taxed by a tax code."""
    tax = [{"code": code, "percent": percent, "amount": 1}]
    taxes = [
        {"type": "product", "item_id": 1, "applied_taxes": tax},
        {"type": "shipping", "applied_taxes": tax},
    ]
    rates = [{"code": code, "tax_country_id": country}] if country else []
    return {"extension_attributes": {"item_applied_taxes": taxes}, "tax_rates": rates, **more}


B21 = '  "B21": {rate: 21, gl: "1521", country: BE, supply: oss}'
BE = {"billing_address": {"country_id": "BE", "postcode": "1000"}}


@pytest.mark.parametrize(
    ("order", "refused"),
    [
        (taxed("Hoog", 21, "NL", **BE), "VAT of NL (tax code Hoog)"),
        (taxed("NL-21", 21, **BE), "VAT of NL (tax code NL-21)"),
        (taxed("NL 21 %", 21, **BE), "VAT of NL (tax code NL 21 %)"),
        (taxed("NL-21", 21, "BE", **BE), None),  # what the shop says wins over a name
        (taxed("Hoog", 21, "BE", **BE), None),
        (taxed("BE-21", 21, **BE), None),
        (taxed("Hoog", 21, **BE), None),  # nobody knows
        (taxed("NL-9", 21, **BE), None),  # not the percentage of that name: not certain
        (taxed("US-21", 21, **BE), None),
        (BE, None),
    ],
)
def test_vat_of_another_country_is_refused_with_both_names(
    make_rules: Any, make_document: Any, order: Any, refused: str | None
) -> None:
    document = make_document(("LAMP", 100, 21), order=order)
    (booked,) = Booker(make_rules(more_codes=B21)).document("invoice", document)
    if refused is None:
        assert booked.record["lines"][0]["vat_code"] == "B21"
    else:
        assert refused in booked.record["reason"]
        assert "VAT code B21 is for BE" in booked.record["reason"]


def test_shipping_has_a_tax_code_of_its_own(make_rules: Any, make_document: Any) -> None:
    order = taxed("NL-21", 21, **BE)
    order["extension_attributes"]["item_applied_taxes"][0]["applied_taxes"] = [
        {"code": "BE-21", "percent": 21, "amount": 21}
    ]
    document = make_document(
        ("LAMP", 100, 21), order=order, shipping_amount=10, shipping_tax_amount="2.10"
    )
    (booked,) = Booker(make_rules(more_codes=B21)).document("invoice", document)
    assert booked.record["where"] == "shipping shipping"
    assert "VAT of NL" in booked.record["reason"]


def test_a_rule_may_take_vat_of_the_own_country(make_rules: Any, make_document: Any) -> None:
    """Below the threshold of distance sales the home country's VAT is right."""
    rule = (
        "name: below the threshold, when: {line: product, supply: oss, vat_country: NL}, "
        'book: {gl: "8000", vat_code: "21"}'
    )
    document = make_document(("LAMP", 100, 21), order=taxed("NL-21", 21, **BE))
    (booked,) = Booker(make_rules(rule, more_codes=B21)).document("invoice", document)
    assert booked.record["lines"][0]["vat_code"] == "21"


@pytest.mark.parametrize(
    ("charged", "expected", "differ"),
    [
        ("NL", "NL", False),
        ("NL", "BE", True),
        ("GB", "XI", False),
        ("XI", "GB", True),
        ("ES", "IC", False),
        ("ES", "FR", True),
        ("DE", "CH", True),
    ],
)
def test_a_territorys_tax_rates_are_its_countrys(
    charged: str, expected: str, *, differ: bool
) -> None:
    assert differs(charged, expected) is differ


RATES = st.decimals(1, 30, places=1)


@given(
    rates=st.sets(RATES, min_size=1, max_size=4),
    chosen=st.integers(0, 3),
    gross=st.decimals("0.05", "5000", places=2),
)
def test_the_resolver_gives_the_one_percentage_or_leaves_the_shops(
    rates: set[Decimal], chosen: int, gross: Decimal
) -> None:
    """An importer's percentage of rounded amounts: the legal one, unless the cents allow two."""
    ordered = sorted(rates)
    legal = ordered[chosen % len(ordered)]
    codes = VatCodes([VatCode(f"C{rate}", rate, "1", "NL") for rate in ordered])
    net = (gross / (1 + legal / 100)).quantize(CENT, ROUND_HALF_UP)
    vat = gross - net
    stated = (vat / net * 100).quantize(Decimal("0.0001"))
    found = codes.percentage(NL, stated, net, vat)
    fitting = {rate for rate in rates if abs(net * rate / 100 - vat) <= CENT}
    assert found in {legal, stated}
    if stated % Decimal("0.5") and vat and fitting == {legal}:
        assert found == legal
    if found not in rates:
        assert codes.code(NL, found or Decimal(0)) is None


@given(
    starts=st.lists(st.integers(1, 400), min_size=1, max_size=5, unique=True),
    day=st.integers(0, 500),
)
def test_at_every_tax_point_one_code_holds_or_none(starts: list[int], day: int) -> None:
    first = date(2020, 1, 1)
    days = [first + timedelta(start) for start in sorted(starts)]
    ends = [*[start - timedelta(1) for start in days[1:]], None]
    codes = VatCodes(
        VatCode(f"C{number}", Decimal(21), "1", "NL", None, start, end)
        for number, (start, end) in enumerate(zip(days, ends, strict=True))
    )
    tax_point = first + timedelta(day)
    found = codes.code(TaxedAs("domestic", "NL", tax_point), Decimal(21))
    held = [number for number, start in enumerate(days) if start <= tax_point]
    assert (found.code if found else None) == (f"C{held[-1]}" if held else None)


def test_zero_towards_the_eu_without_a_number_is_refused(
    make_rules: Any, make_document: Any
) -> None:
    order = {"billing_address": {"country_id": "DE", "vat_id": "DE000000000"}}
    document = make_document(("LAMP", 100, 0), order=order)
    (booked,) = Booker(make_rules()).document("invoice", document)
    assert booked.record["reason"] == (
        "no single VAT code fits product LAMP of 100.00 with VAT 0.00 at 0 %, to DE, "
        "supply untaxed_eu, VAT number invalid; the rules have no VAT code for it on 2026-03-02 "
        "(invoice 000000007)"
    )


def test_a_percentage_of_another_country_is_refused_with_the_candidates(
    make_rules: Any, make_document: Any
) -> None:
    document = make_document(("LAMP", 100, 19))
    (booked,) = Booker(make_rules()).document("invoice", document)
    assert "Z (0 %), 9 (9 %), 21 (21 %)" in booked.record["reason"]
    assert "from and until" in booked.record["what_to_do"]


def test_a_computed_percentage_is_booked_and_matched_as_the_legal_one(
    make_rules: Any, make_document: Any
) -> None:
    rule = 'name: high, when: {line: product, rate: 21}, book: {gl: "8021", vat_code: auto}'
    document = make_document(("LAMP", "82.64", "21.0068", {"tax_amount": "17.36"}))
    (booked,) = Booker(make_rules(rule)).document("invoice", document)
    (line,) = booked.record["lines"]
    assert (line["gl_account"], line["vat_code"], line["vat_amount"]) == (
        "8021",
        "21",
        Decimal("17.36"),
    )
    assert line["vat_percentage"] == 21


def test_a_fixed_code_takes_a_computed_percentage_too(make_rules: Any, make_document: Any) -> None:
    rule = 'name: high, when: {line: product}, book: {gl: "8021", vat_code: "21"}'
    document = make_document(("LAMP", "82.64", "21.0068", {"tax_amount": "17.36"}))
    (booked,) = Booker(make_rules(rule)).document("invoice", document)
    assert booked.record["lines"][0]["vat_code"] == "21"


@pytest.mark.parametrize("place", ["billing", "shipping", "customer"])
def test_the_valid_number_may_be_in_any_of_three_places(
    make_rules: Any, make_document: Any, place: str
) -> None:
    address = {"country_id": "BE", "vat_id": "n.v.t."}
    valid = {**address, "vat_id": "0000000097"}
    shipping = {"address": valid if place == "shipping" else address}
    order = {
        "billing_address": valid if place == "billing" else address,
        "extension_attributes": {"shipping_assignments": [{"shipping": shipping}]},
        "customer_taxvat": "0000000097" if place == "customer" else None,
    }
    rules = make_rules(more_codes='  "7": {rate: 0, supply: intra_eu_goods}')
    document = make_document(("LAMP", 100, 0), order=order)
    (booked,) = Booker(rules).document("invoice", document)
    assert booked.record["lines"][0]["vat_code"] == "7"


def test_a_number_of_the_own_country_is_no_reverse_charge(
    make_rules: Any, make_document: Any
) -> None:
    order = {"billing_address": {"country_id": "BE", "vat_id": "NL000099998B57"}}
    document = make_document(("LAMP", 100, 0), order=order)
    (booked,) = Booker(make_rules()).document("invoice", document)
    assert "supply untaxed_eu, VAT number valid" in booked.record["reason"]


def test_a_business_that_was_charged_is_no_distance_sale(
    make_rules: Any, make_document: Any
) -> None:
    codes = (
        '  "B21": {rate: 21, gl: "1521", country: BE, supply: oss}\n'
        '  "BB": {rate: 21, gl: "1522", country: BE, supply: business_charged}'
    )
    rule = (
        "name: charged, when: {line: product, supply: business_charged}, "
        'book: {gl: "8041", vat_code: auto}'
    )
    for number, expected in (("BE0000000097", ("8041", "BB")), (None, ("8000", "B21"))):
        order = {"billing_address": {"country_id": "BE", "vat_id": number}}
        document = make_document(("LAMP", 100, 21), order=order)
        (booked,) = Booker(make_rules(rule, more_codes=codes)).document("invoice", document)
        (line,) = booked.record["lines"]
        assert (line["gl_account"], line["vat_code"]) == expected


@pytest.mark.parametrize(
    ("code", "problem"),
    [('"9"', "has VAT code 9 of 9 %"), (None, "has no VAT code")],
)
def test_a_rule_with_the_wrong_code_is_refused(
    make_rules: Any, make_document: Any, code: str | None, problem: str
) -> None:
    vat = f", vat_code: {code}" if code else ""
    rules = make_rules(f'name: wrong, when: {{line: product}}, book: {{gl: "8010"{vat}}}')
    (booked,) = Booker(rules).document("invoice", make_document(("LAMP", 100, 21)))
    assert booked.record["reason"].startswith(f"rule 'wrong' {problem}, but the shop has product")
    assert "net x rate = 21.00" in booked.record["reason"]


def test_a_rule_with_a_code_that_does_not_hold_is_refused(
    make_rules: Any, make_document: Any
) -> None:
    rules = make_rules(
        'name: old, when: {line: product}, book: {gl: "8010", vat_code: "O21"}',
        more_codes='  "O21": {rate: 21, gl: "1500", supply: none, until: 2026-03-01}',
    )
    (booked,) = Booker(rules).document("invoice", make_document(("LAMP", 100, 21)))
    assert "VAT code O21, which does not hold on 2026-03-02" in booked.record["reason"]

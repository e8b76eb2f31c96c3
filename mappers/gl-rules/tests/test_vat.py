"""Percentage alone never decides: destination, VAT number and date do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.vat import VatCode, find_vat_code, supply_of, vat_country, vat_number_valid

NL = frozenset({"NL"})


@pytest.mark.parametrize(
    ("country", "rate", "goods", "number", "expected"),
    [
        ("NL", 21, True, False, "domestic"),
        ("NL", 0, True, True, "domestic"),
        ("DE", 19, True, False, "oss"),
        ("DE", 19, True, True, "oss"),  # VAT was charged, whatever the number says
        ("DE", 0, True, True, "intra_eu_goods"),
        ("DE", 0, False, True, "intra_eu_services"),
        ("DE", 0, True, False, "untaxed_eu"),
        ("US", 0, True, False, "export"),
        ("US", 8, True, False, "taxed_export"),
        ("GB", 0, True, False, "export"),
        ("XI", 0, True, True, "intra_eu_goods"),
        ("XI", 20, True, False, "oss"),
    ],
)
def test_supply(country: str, rate: int, goods: Any, number: Any, expected: str) -> None:
    found = supply_of(
        country=country,
        rate=Decimal(rate),
        goods=goods,
        vat_number=number,
        registrations=NL,
    )
    assert found == expected


def test_outside_vat_there_is_no_supply() -> None:
    parts: dict[str, Any] = {"goods": True, "vat_number": False, "registrations": NL}
    assert supply_of(country="NL", rate=None, **parts) is None
    assert supply_of(country=None, rate=Decimal(21), **parts) is None


def test_northern_ireland_is_in_the_eu_for_goods_only() -> None:
    assert vat_country("GB", "BT1 5GS", goods=True) == "XI"
    assert vat_country("GB", "BT1 5GS", goods=False) == "GB"
    assert vat_country("GB", "EC1A 1BB", goods=True) == "GB"


@pytest.mark.parametrize(
    ("country", "postcode", "expected"),
    [
        ("ES", "35001", "IC"),
        ("ES", "51001", "EA"),
        ("ES", "28001", "ES"),
        ("FI", "22100", "AX"),
        ("MC", "98000", "FR"),
        ("IM", "IM1 1AA", "GB"),
        ("DE", None, "DE"),
        (None, "1", None),
    ],
)
def test_addresses_that_would_mislead(country: Any, postcode: Any, expected: Any) -> None:
    assert vat_country(country, postcode, goods=True) == expected


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


CODES = (
    VatCode("D19", Decimal(19), "1520", country="DE", supply="oss", valid_until=date(2020, 6, 30)),
    VatCode("D16", Decimal(16), "1520", country="DE", supply="oss", valid_from=date(2020, 7, 1)),
    VatCode("21", Decimal(21), "1500", country="NL"),
    VatCode("X21", Decimal(21), "1500"),
    VatCode("0", Decimal(0), supply="none"),
)


@pytest.mark.parametrize(
    ("supply", "country", "rate", "day", "expected"),
    [
        ("oss", "DE", 19, date(2020, 6, 30), "D19"),
        ("oss", "DE", 19, date(2020, 7, 1), None),
        ("oss", "DE", 16, date(2020, 7, 1), "D16"),
        ("domestic", "NL", 21, date(2026, 1, 1), "21"),
        ("oss", "BE", 21, date(2026, 1, 1), "X21"),
        ("untaxed_eu", "DE", 0, date(2026, 1, 1), None),
    ],
)
def test_the_code_follows_from_supply_country_rate_and_date(
    supply: str, country: str, rate: int, day: date, expected: str | None
) -> None:
    found = find_vat_code(CODES, supply, country, Decimal(rate), day)
    assert (found.code if found else None) == expected


def test_two_codes_that_fit_equally_well_are_no_answer() -> None:
    twins = (VatCode("A", Decimal(21), "1"), VatCode("B", Decimal(21), "1"))
    assert find_vat_code(twins, "oss", "BE", Decimal(21), date(2026, 1, 1)) is None


def test_zero_towards_the_eu_without_a_number_is_refused(
    make_rules: Any, make_document: Any
) -> None:
    order = {"billing_address": {"country_id": "DE", "vat_id": "DE000000000"}}
    document = make_document(("LAMP", 100, 0), order=order)
    (booked,) = Booker(make_rules()).document("invoice", document)
    assert booked.record["reason"] == (
        "no single VAT code fits product LAMP of 100.00 with VAT 0.00 at 0 %, to DE, "
        "supply untaxed_eu, VAT number invalid"
    )


def test_a_number_of_the_own_country_is_no_reverse_charge(
    make_rules: Any, make_document: Any
) -> None:
    order = {"billing_address": {"country_id": "BE", "vat_id": "NL000099998B57"}}
    document = make_document(("LAMP", 100, 0), order=order)
    (booked,) = Booker(make_rules()).document("invoice", document)
    assert "supply untaxed_eu, VAT number valid" in booked.record["reason"]


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

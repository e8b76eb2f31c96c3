"""Where a delivery is for VAT: every place of the table, by postcode and by its own code."""

from __future__ import annotations

from typing import Any

import pytest

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.vat import EU, vat_area
from mapper_gl_rules.vat.territories import PLACES

# Country and postcode as shops send them, city where it decides, and the area for VAT.
ADDRESSES = [
    ("GR", "630 86", "", "GR-ATHOS"),
    ("GR", "63087", "", "GR-ATHOS"),
    ("ES", "35001", "Las Palmas", "IC"),
    ("ES", "38670", "Adeje", "IC"),
    ("FR", "97133", "Gustavia", "BL"),
    ("FR", "97700", "Saint-Barthélemy", "BL"),
    ("FR", "97150", "Marigot", "MF"),
    ("FR", "97800", "Saint-Martin", "MF"),
    ("FR", "97110", "Pointe-à-Pitre", "GP"),
    ("FR", "97200", "Fort-de-France", "MQ"),
    ("FR", "97300", "Cayenne", "GF"),
    ("FR", "97400", "Saint-Denis", "RE"),
    ("FR", "F-97400", "Saint-Denis", "RE"),
    ("FR", "97600", "Mamoudzou", "YT"),
    ("FR", "98500", "Mamoudzou", "YT"),
    ("FI", "22100", "Mariehamn", "AX"),
    ("FI", "AX-22100", "Mariehamn", "AX"),
    ("GB", "GY1 1AA", "St Peter Port", "GG"),
    ("GB", "GY10 1SF", "Sark", "GG"),
    ("GB", "je2 3ab", "St Helier", "JE"),
    ("IT", "22061", "", "IT-CAMPIONE"),
    ("IT", "22060", "CAMPIONE D'ITALIA", "IT-CAMPIONE"),
    ("CH", "6911", "Campione", "IT-CAMPIONE"),
    ("DE", "27498", "Helgoland", "DE-HELGOLAND"),
    ("DE", "D-78266", "Büsingen", "CH"),
    ("ES", "51001", "Ceuta", "EA"),
    ("ES", "52006", "Melilla", "EA"),
    ("IT", "23041", "", "IT-LIVIGNO"),
    ("IT", "23030", "Livigno (SO)", "IT-LIVIGNO"),
    ("IT", "23030", "Trepalle", "IT-LIVIGNO"),
    ("GB", "BFPO 57", "", "CY"),
    ("GB", "BF1 2AU", "", "CY"),
    ("DE", "87491", "Jungholz", "AT"),
    ("DE", "87568", "Hirschegg", "AT"),
    ("FR", "97500", "Saint-Pierre", "PM"),
    ("FR", "98413", "", "TF"),
    ("FR", "98600", "Mata-Utu", "WF"),
    ("FR", "98714", "Papeete", "PF"),
    ("FR", "98800", "Nouméa", "NC"),
    ("DK", "3900", "Nuuk", "GL"),
    ("DK", "FO-100", "Tórshavn", "FO"),
    ("CY", "9300", "Kyrenia", "CY-NORTH"),
    ("CY", "99300", "Girne", "CY-NORTH"),
    ("IT", "47890", "San Marino", "SM"),
    ("IT", "00120", "", "VA"),
    ("IT", "120", "", "VA"),
    ("ES", "AD500", "Andorra la Vella", "AD"),
    ("FR", "AD500", "Andorra la Vella", "AD"),
    ("GB", "IM1 1AA", "Douglas", "GB"),
    ("GB", "GX11 1AA", "", "GI"),
    ("GB", "FIQQ 1ZZ", "", "FK"),
    ("GB", "STHL 1ZZ", "", "SH"),
    ("GB", "ASCN 1ZZ", "", "SH"),
    ("GB", "TDCU 1ZZ", "", "SH"),
    ("NO", "9170", "Longyearbyen", "SJ"),
    ("NO", "8099", "Jan Mayen", "SJ"),
    ("CH", "9490", "Vaduz", "CH"),
]
# Addresses beside them that are what they say.
NEIGHBOURS = [
    ("GR", "63088"),
    ("ES", "28001"),
    ("ES", "36001"),
    ("ES", "3800"),  # 03800 Alcoy
    ("ES", "07001"),  # Balearic Islands
    ("FR", "75001"),
    ("FR", "20000"),  # Corsica
    ("FR", "98000"),  # Monaco
    ("FI", "00100"),
    ("FI", "2210"),  # 02210 Espoo
    ("GB", "G1 1AA"),
    ("GB", "EC1A 1BB"),
    ("GB", "BF1 3AA"),
    ("IT", "22060"),
    ("IT", "23030"),
    ("IT", "00121"),
    ("DE", "27499"),
    ("DE", "78267"),
    ("DE", "87561"),
    ("AT", "6691"),
    ("PT", "9000-001"),  # Madeira
    ("DK", "1000"),
    ("CY", "8000"),
    ("CY", "1010"),
    ("NO", "9008"),
    ("CH", "9484"),
    ("NL", "2212 AB"),
    ("DE", None),
    ("ES", "unknown"),
]
# Territories that the shop knows by a code of their own.
OWN_CODES = {
    "MC": "FR", "IM": "GB", "LI": "CH", "EL": "GR", "UK": "GB",
    **{code: code for code in (
        "AX", "IC", "EA", "GP", "MQ", "GF", "RE", "YT", "BL", "MF", "PM", "NC", "PF", "WF", "TF",
        "GG", "JE", "GI", "FO", "GL", "SM", "VA", "AD", "SJ", "AW", "CW", "SX", "BQ",
    )},
}  # fmt: skip


@pytest.mark.parametrize("goods", [True, False])
@pytest.mark.parametrize(("country", "postcode", "city", "area"), ADDRESSES)
def test_a_place_of_the_table(
    country: str, postcode: str, city: str, area: str, *, goods: bool
) -> None:
    assert vat_area(country, postcode, city, goods=goods) == area
    assert vat_area(country.lower(), f" {postcode} ", city, goods=goods) == area


def test_every_place_of_the_table_is_tried_here() -> None:
    tried = {
        place
        for country, postcode, city, _ in ADDRESSES
        for place in PLACES
        if place.country == country and vat_area(country, postcode, city, goods=True) == place.area
    }
    assert {place.name for place in PLACES} == {place.name for place in tried}


@pytest.mark.parametrize("goods", [True, False])
@pytest.mark.parametrize(("country", "postcode"), NEIGHBOURS)
def test_the_neighbours_are_what_they_say(country: str, postcode: Any, *, goods: bool) -> None:
    assert vat_area(country, postcode, "Somewhere", goods=goods) == country


@pytest.mark.parametrize("goods", [True, False])
@pytest.mark.parametrize(("code", "area"), OWN_CODES.items())
def test_a_code_of_its_own(code: str, area: str, *, goods: bool) -> None:
    assert vat_area(code, "1", goods=goods) == area
    assert (area in EU) == (code in {"MC", "EL"})


@pytest.mark.parametrize(
    ("country", "postcode"), [("GB", "BT1 5GS"), ("XI", "BT1 5GS"), ("XI", "")]
)
def test_northern_ireland_is_in_the_eu_for_goods_only(country: str, postcode: str) -> None:
    assert vat_area(country, postcode, goods=True) == "XI"
    assert vat_area(country, postcode, goods=False) == "GB"


def test_no_country_is_no_area() -> None:
    assert vat_area(None, "97400", goods=True) is None
    assert vat_area("", "97400", goods=True) is None


EXPORT = '  "6": {rate: 0, supply: export}\n  "7": {rate: 0, supply: intra_eu_goods}'


@pytest.mark.parametrize("number", [None, "FR88100000009"])
@pytest.mark.parametrize(
    ("country", "postcode", "city"),
    [
        (country, postcode, city)
        for country, postcode, city, area in ADDRESSES
        if area not in EU | {"GB"}
    ],
)
def test_a_delivery_there_is_an_export_with_a_vat_number_or_without(
    make_rules: Any, make_document: Any, country: str, postcode: str, city: str, number: str | None
) -> None:
    place = {"country_id": country, "postcode": postcode, "city": city, "vat_id": number}
    document = make_document(("LAMP", 100, 0), order={"billing_address": place})
    rules = make_rules(more_codes=EXPORT, registrations=["GB", "DE", "FR", "ES"])
    (booked,) = Booker(rules).document("invoice", document)
    (line,) = booked.record["lines"]
    assert (line["vat_code"], line["supply"]) == ("6", "export")
    assert line["country"] == vat_area(country, postcode, city, goods=True)


@pytest.mark.parametrize("postcode", ["JE2 3AB", "GY1 1AA"])
def test_the_channel_islands_are_not_uk_domestic(
    make_rules: Any, make_document: Any, postcode: str
) -> None:
    place = {"country_id": "GB", "postcode": postcode}
    document = make_document(("LAMP", 100, 20), order={"billing_address": place})
    rules = make_rules(more_codes='  "G20": {rate: 20, gl: "1530", country: GB, supply: domestic}')
    (booked,) = Booker(rules).document("invoice", document)
    assert "supply taxed_export" in booked.record["reason"]

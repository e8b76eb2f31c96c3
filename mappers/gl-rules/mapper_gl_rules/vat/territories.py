"""Where a delivery is for VAT: the country of an address misleads at some places.

No library that is kept up has this table: python-stdnum knows no places, vat_moss (2015) is from
before Brexit and the change of Campione in 2020, pyvat and eu-vat-rates-data go by country only.

Sources: Directive 2006/112/EC, articles 5 to 7 (as amended by 2019/475 for Campione), TFEU articles
349 and 355; the Commission's table "Territorial status of EU countries and certain territories";
the withdrawal agreement's protocol on Northern Ireland, article 8; protocol 10 to the Act of
Accession of Cyprus; the customs treaties of Switzerland with Liechtenstein (1923) and on
Büsingen (1964). Postcodes: the national posts' own lists, Universal Postal Union.
The buffer zone of Cyprus has no postcodes of its own: an address there is in Cyprus.
"""

from __future__ import annotations

from functools import lru_cache
from re import compile as compile_pattern
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from re import Pattern

__all__ = ["EU", "PLACES", "Place", "vat_area"]

# The member states (article 5), ISO codes.
EU = frozenset(
    (
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
        "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    ),
)  # fmt: skip


class Place(NamedTuple):
    """Postcodes of one country that are in another area for VAT.

    Attributes:
        country: As the address says.
        postcodes: Whole postcodes, without spaces and signs.
        area: Where it is for VAT: an ISO code, or country and name where ISO has none.
        name: For people.
        cities: Names of which one must stand in the address, where other towns share the postcode.
    """

    country: str
    postcodes: Pattern[str]
    area: str
    name: str
    cities: tuple[str, ...] = ()


def _place(country: str, postcodes: str, area: str, name: str, *cities: str) -> Place:
    return Place(country, compile_pattern(postcodes), area, name, cities)


PLACES = (
    # Article 6(1): in the customs territory of the EU, not in that of VAT.
    _place("GR", r"6308[67]", "GR-ATHOS", "Mount Athos"),
    _place("ES", r"(35|38)\d{3}", "IC", "Canary Islands"),
    _place("FR", r"97133|977\d\d", "BL", "Saint-Barthélemy"),
    _place("FR", r"97150|978\d\d", "MF", "Saint-Martin"),
    _place("FR", r"971\d\d", "GP", "Guadeloupe"),
    _place("FR", r"972\d\d", "MQ", "Martinique"),
    _place("FR", r"973\d\d", "GF", "French Guiana"),
    _place("FR", r"974\d\d", "RE", "Réunion"),
    _place("FR", r"976\d\d|985\d\d", "YT", "Mayotte"),
    _place("FI", r"22\d{3}", "AX", "Åland"),
    _place("GB", r"GY\d.*", "GG", "Guernsey, Alderney, Sark"),
    _place("GB", r"JE\d.*", "JE", "Jersey"),
    _place("IT", r"22061", "IT-CAMPIONE", "Campione d'Italia"),
    _place("IT", r"22060", "IT-CAMPIONE", "Campione d'Italia", "campione"),
    _place("CH", r"6911", "IT-CAMPIONE", "Campione d'Italia, by its Swiss postcode of old"),
    # Article 6(2): in neither.
    _place("DE", r"27498", "DE-HELGOLAND", "Helgoland"),
    _place("DE", r"78266", "CH", "Büsingen, in the territory of Swiss VAT"),
    _place("ES", r"51\d{3}", "EA", "Ceuta"),
    _place("ES", r"52\d{3}", "EA", "Melilla"),
    _place("IT", r"23041", "IT-LIVIGNO", "Livigno"),
    _place("IT", r"23030", "IT-LIVIGNO", "Livigno", "livigno", "trepalle"),
    # Article 7: taken as part of a member state, whatever the address says.
    _place("GB", r"BFPO5[78]|BF12A[TU]", "CY", "Akrotiri and Dhekelia"),
    # Part of a member state, with a postcode of the neighbour.
    _place("DE", r"87491|8756[789]", "AT", "Jungholz and Mittelberg (Kleinwalsertal)"),
    # The treaties do not hold there at all.
    _place("FR", r"975\d\d", "PM", "Saint-Pierre and Miquelon"),
    _place("FR", r"984\d\d", "TF", "French Southern Territories"),
    _place("FR", r"986\d\d", "WF", "Wallis and Futuna"),
    _place("FR", r"987\d\d", "PF", "French Polynesia"),
    _place("FR", r"988\d\d", "NC", "New Caledonia"),
    _place("DK", r"39\d\d", "GL", "Greenland"),
    _place("DK", r"\d{3}", "FO", "Faroe Islands"),
    _place("CY", r"99\d{3}|9\d{3}", "CY-NORTH", "Cyprus, where the Republic has no control"),
    _place("IT", r"4789\d", "SM", "San Marino"),
    _place("IT", r"00120", "VA", "Vatican City"),
    _place("ES", r"AD\d{3}", "AD", "Andorra"),
    _place("FR", r"AD\d{3}", "AD", "Andorra"),
    _place("GB", r"IM\d.*", "GB", "Isle of Man"),
    _place("GB", r"GX111AA", "GI", "Gibraltar"),
    _place("GB", r"FIQQ1ZZ", "FK", "Falkland Islands"),
    _place("GB", r"(ASCN|STHL|TDCU)1ZZ", "SH", "Saint Helena, Ascension, Tristan da Cunha"),
    _place("NO", r"917\d|8099", "SJ", "Svalbard and Jan Mayen"),
    _place("CH", r"94(8[5-9]|9[0-8])", "CH", "Liechtenstein"),
)
_BY_COUNTRY: dict[str, tuple[Place, ...]] = {
    country: tuple(place for place in PLACES if place.country == country)
    for country in {place.country for place in PLACES}
}
# Codes of their own that are part of another's area: article 7 and the treaties named above.
_PART_OF = {"MC": "FR", "IM": "GB", "LI": "CH", "EL": "GR", "UK": "GB"}
_NORTHERN_IRELAND = "BT"
# Countries with postcodes of five digits, of which spreadsheets eat the first zero.
_FIVE_DIGITS = frozenset(("DE", "ES", "FI", "FR", "GR", "IT"))


@lru_cache(maxsize=65536)
def vat_area(
    country: str | None,
    postcode: str | None,
    city: str | None = None,
    *,
    goods: bool,
) -> str | None:
    """Give the country, or the territory apart, that an address belongs to for VAT.

    Northern Ireland is XI, like a member state, for goods only. A territory outside the EU for
    VAT has a code that is no member state's, with a registration there or without.

    Args:
        country: ISO code as the shop has it, which may be the territory's own (GP, AX, JE).
        postcode: As written.
        city: As written; where a postcode is shared, it decides.
        goods: False for services.
    """
    if not country:
        return None
    country = _PART_OF.get(country.upper(), country.upper())
    code = "".join(letter for letter in (postcode or "").upper() if letter.isalnum())
    if country in {"GB", "XI"} and (country == "XI" or code.startswith(_NORTHERN_IRELAND)):
        return "XI" if goods else "GB"
    if code and country in _BY_COUNTRY:
        code = _plain(country, code)
        town = (city or "").casefold()
        for place in _BY_COUNTRY[country]:
            if place.postcodes.fullmatch(code) and (
                not place.cities or any(name in town for name in place.cities)
            ):
                return place.area
    return country


def _plain(country: str, code: str) -> str:
    """Take a country's sign off its number (F-97400, ES 35001), and give back a lost zero."""
    if country != "GB" and not code.startswith("AD"):
        code = code.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return code.zfill(5) if country in _FIVE_DIGITS and code.isdigit() else code

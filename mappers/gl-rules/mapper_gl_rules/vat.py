"""Where VAT is decided: what kind of supply a line is, and which VAT code that gives.

Percentage alone never decides: three different zeros exist (intra-EU, export, no VAT).
The shop's percentage, the destination and the customer's VAT number do. Nothing is
defaulted: a combination that means an error in the shop has a name of its own, for which
no code is found, so that the document is refused.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
from stdnum.eu import vat as eu_vat
from stdnum.gb import vat as gb_vat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from decimal import Decimal

__all__ = [
    "EU",
    "VatCode",
    "find_vat_code",
    "supply_of",
    "vat_country",
    "vat_number_valid",
]

# Member states, with the code of the ISO country; XI is Northern Ireland for goods only.
EU = frozenset(
    (
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
        "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    ),
)  # fmt: skip
# Directive 2006/112/EC, articles 6 and 7.
_REGIONS = {
    "ES": ((("35", "38"), "IC"), (("51", "52"), "EA")),
    "FI": ((("22",), "AX"),),
}
_SAME_AS = {"MC": "FR", "IM": "GB"}


class VatCode(msgspec.Struct, frozen=True):
    """A VAT code of Exact, as the rules describe it.

    Attributes:
        code: The code in Exact.
        rate: Percentage.
        gl: GL account of the VAT, for checks without Exact; None when there is no VAT.
        country: Destination the code is for, ISO code; None for any.
        supply: Kind of supply the code is for; None for any, `none` is never chosen by itself.
        valid_from: First entry date.
        valid_until: Last entry date.
    """

    code: str
    rate: Decimal
    gl: str | None = None
    country: str | None = None
    supply: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None


@lru_cache(maxsize=65536)
def vat_number_valid(number: str, country: str) -> bool:
    """Check form and check digits of a VAT number, offline (python-stdnum).

    Args:
        number: With or without the country's prefix.
        country: ISO code that a number without prefix belongs to.
    """
    compact = "".join(number.split()).upper().replace(".", "").replace("-", "")
    if compact[:2] == "GB" or (country == "GB" and compact[:1].isdigit()):
        return bool(gb_vat.is_valid(compact.removeprefix("GB")))
    if compact[:1].isdigit():
        compact = ("EL" if country == "GR" else country) + compact
    return bool(eu_vat.is_valid(compact))


def vat_country(country: str | None, postcode: str | None, *, goods: bool) -> str | None:
    """Give the country for VAT, where the address alone would mislead.

    Northern Ireland (postcodes BT) is XI for goods; Monaco is France and the Isle of Man the
    United Kingdom; the Canary Islands (IC), Ceuta and Melilla (EA) and Aland (AX) are outside
    the EU for VAT.
    """
    if country is None:
        return None
    code = "".join((postcode or "").split()).upper()
    if country == "GB" and goods and code.startswith("BT"):
        return "XI"
    for prefixes, region in _REGIONS.get(country, ()):
        if code.startswith(prefixes):
            return region
    return _SAME_AS.get(country, country)


def supply_of(
    *,
    country: str | None,
    rate: Decimal | None,
    goods: bool,
    vat_number: bool,
    registrations: frozenset[str],
) -> str | None:
    """Decide what kind of supply a line is.

    Args:
        country: Destination for VAT (`vat_country`).
        rate: The shop's percentage; None for amounts outside VAT.
        goods: False for virtual and downloadable products.
        vat_number: Whether the customer has a valid VAT number of another country.
        registrations: Countries where the seller is registered: home, and any other local one.

    Returns:
        The supply (a name of `rules.vocabulary.SUPPLIES`), or None where VAT plays no part.
    """
    if rate is None or country is None:
        return None
    if country in registrations:
        return "domestic"
    if country in EU or (country == "XI" and goods):
        if rate:
            return "oss"
        if vat_number:
            return "intra_eu_goods" if goods else "intra_eu_services"
        return "untaxed_eu"
    return "taxed_export" if rate else "export"


def find_vat_code(
    codes: Sequence[VatCode],
    supply: str | None,
    country: str | None,
    rate: Decimal,
    day: date,
) -> VatCode | None:
    """Find the code for a supply by country, percentage and entry date; the most exact first.

    Returns:
        The code, or None when there is none or several fit equally well.
    """
    fitting: list[tuple[int, VatCode]] = []
    for code in codes:
        if code.rate != rate:
            continue
        if (code.valid_from and day < code.valid_from) or (
            code.valid_until and day > code.valid_until
        ):
            continue
        if code.supply not in (None, supply) or code.country not in (None, country):
            continue
        fitting.append(((code.supply is not None) + (code.country is not None), code))
    if not fitting:
        return None
    best = max(score for score, _ in fitting)
    winners = [code for score, code in fitting if score == best]
    return winners[0] if len(winners) == 1 else None

"""VAT numbers: form and check digits, offline; and the one that counts of several."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from stdnum.eu import vat as eu_vat
from stdnum.gb import vat as gb_vat

from mapper_gl_rules.vat.territories import EU

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["VatNumber", "first_valid_number", "vat_number_valid"]


class VatNumber(NamedTuple):
    """The VAT number of a customer.

    Attributes:
        number: As the shop has it; None when it has none.
        state: Whether form and check digits are right.
        country: Member state (or XI, GB) that gave it out; None unless valid.
    """

    number: str | None
    state: Literal["valid", "invalid", "none"]
    country: str | None = None

    def is_foreign(self, registrations: frozenset[str]) -> bool:
        """Tell whether it is of another member state (or XI), as a reverse charge needs."""
        return (self.country in EU or self.country == "XI") and self.country not in registrations


def first_valid_number(candidates: Iterable[tuple[str | None, str | None]]) -> VatNumber:
    """Take the first valid number of the places where a shop keeps one.

    Args:
        candidates: Number as written, and the country that one without prefix belongs to.

    Returns:
        The first valid one; else the first that is not empty; else none.
    """
    first: str | None = None
    for written, country in candidates:
        number = (written or "").strip()
        if not number:
            continue
        if vat_number_valid(number, country or ""):
            return VatNumber(number, "valid", _issuer(number, country or ""))
        first = first or number
    return VatNumber(first, "invalid" if first else "none")


@lru_cache(maxsize=65536)
def vat_number_valid(number: str, country: str) -> bool:
    """Check form and check digits of a VAT number, offline (python-stdnum).

    Args:
        number: With or without the country's prefix.
        country: ISO code that a number without prefix belongs to.
    """
    compact = _compact(number)
    if compact[:2] == "GB" or (country == "GB" and compact[:1].isdigit()):
        return bool(gb_vat.is_valid(compact.removeprefix("GB")))
    if compact[:1].isdigit():
        compact = ("EL" if country == "GR" else country) + compact
    return bool(eu_vat.is_valid(compact))


def _compact(number: str) -> str:
    return "".join(number.split()).upper().replace(".", "").replace("-", "")


def _issuer(number: str, country: str) -> str:
    prefix = _compact(number)[:2]
    return {"EL": "GR"}.get(prefix, prefix) if prefix.isalpha() else country

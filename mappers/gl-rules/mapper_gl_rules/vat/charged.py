"""Whose VAT the shop charged, by its own tax codes."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from re import compile as compile_pattern
from typing import TYPE_CHECKING

from mapper_gl_rules.vat.territories import EU, PLACES, vat_area

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mapper_gl_rules.source import Order
    from mapper_gl_rules.source.model import AppliedTax

__all__ = ["charged_countries", "differs"]

# Without the shop's tax rates only a code that says country and its own percentage is certain.
_CODE = compile_pattern(r"([A-Z]{2})[-_ ]([0-9]{1,2}(?:\.[0-9]{1,4})?) ?%?")
_POSTAL = {
    "XI": "GB",
    **{place.area: place.country for place in PLACES if place.area not in {*EU, "CH", "GB"}},
}
_VAT_COUNTRIES = EU | {"GB", "CH", "NO"}


def charged_countries(order: Order) -> Mapping[tuple[str, int | None], Mapping[str, str]]:
    """Give the country of each tax code that was charged, by kind of amount and order line.

    A code of which nobody says the country is left out.
    """
    taxes = order.extension.item_applied_taxes
    if not taxes:
        return {}
    known = {
        one.code: vat_area(one.tax_country_id, None, goods=False)
        for one in order.tax_rates or ()
        if one.tax_country_id
    }
    found: dict[tuple[str, int | None], dict[str, str]] = {}
    for tax in taxes:
        codes = dict(_countries(tax.applied_taxes or (), known))
        if codes:
            item = tax.item_id or tax.associated_item_id
            found.setdefault((tax.type or "product", item), {}).update(codes)
    return found


def _countries(
    taxes: list[AppliedTax] | tuple[()], known: Mapping[str, str | None]
) -> Iterator[tuple[str, str]]:
    for tax in taxes:
        if tax.code and tax.percent:
            country = known.get(tax.code) or _stated(tax.code, tax.percent)
            if country is not None:
                yield tax.code, country


@lru_cache(maxsize=4096)
def _stated(code: str, percent: Decimal) -> str | None:
    found = _CODE.fullmatch(code)
    if found is None or Decimal(found[2]) != percent or found[1] not in _VAT_COUNTRIES:
        return None
    return found[1]


def differs(charged: str, expected: str) -> bool:
    """Tell whether VAT of one country is not that of another.

    A shop has the tax rates of a territory under the country of its addresses.
    """
    return charged not in {expected, _POSTAL.get(expected)}

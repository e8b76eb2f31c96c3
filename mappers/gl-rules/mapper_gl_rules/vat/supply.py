"""What kind of supply a line is: percentage alone never decides.

Three different zeros exist (intra-EU, export, no VAT). The shop's percentage, the destination and
the customer's VAT number decide together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.vat.territories import EU

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["supply_of"]


def supply_of(
    *,
    country: str | None,
    rate: Decimal | None,
    goods: bool,
    business: bool,
    reverse_charge: bool,
    registrations: frozenset[str],
    home: str,
) -> str | None:
    """Decide what kind of supply a line is.

    Args:
        country: Destination for VAT (`vat_area`).
        rate: The shop's percentage; None for amounts outside VAT.
        goods: False for virtual and downloadable products.
        business: Whether the customer has a valid VAT number.
        reverse_charge: Whether that number is of another member state.
        registrations: Countries where the seller is registered: home, and any other local one.
        home: The seller's own country.

    Returns:
        The supply (a name of `rules.vocabulary.SUPPLIES`), or None where VAT plays no part.
    """
    if rate is None or country is None:
        return None
    eu = country in EU or country == "XI"  # which `vat_area` gives for goods only
    if country in registrations:
        # A zero that leaves the EU is either the local one or an export: the rules choose.
        local = rate or eu or country == home
        return "domestic" if local else "zero_where_registered"
    if not eu:
        return "taxed_export" if rate else "export"
    if rate:
        return "business_charged" if business else "oss"
    if reverse_charge:
        return "intra_eu_goods" if goods else "intra_eu_services"
    return "untaxed_eu"

"""The VAT rate of shipping, which no invoice states.

First what the order says (`item_applied_taxes` of type shipping); where that is missing
(no tax, or B2B purchase orders of 2.4.6 to 2.4.7) the percentage is derived from the amounts.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import CENT, HUNDRED, ZERO, show

if TYPE_CHECKING:
    from mapper_gl_rules.source import Document, Order

__all__ = ["derive_rate", "shipping_line", "shipping_rate"]


def shipping_line(
    header: Document | Order,
    order: Order,
    discounts: Decimal,
    compensation: Decimal,
) -> tuple[AmountLine, Decimal, Decimal]:
    """Give shipping after discount, and its discount.

    The header's discount and compensation have more than the lines: that is shipping's share.
    An order and an invoice show the compensation of shipping apart, a credit memo adds it in.

    Args:
        header: The document (its sign and fields).
        order: Lends the rate.
        discounts: Sum of the lines' gross discounts.
        compensation: Sum of the lines' VAT inside discounts.

    Returns:
        The line after discount, the net discount that is taken off it, and the VAT inside the
        discount (0 where prices exclude tax).
    """
    net = header.shipping_amount or ZERO
    vat = header.shipping_tax_amount or ZERO
    hidden = (
        (header.discount_tax_compensation_amount or ZERO)
        + (header.shipping_discount_tax_compensation_amount or ZERO)
        - compensation
    )
    discount = -(header.discount_amount or ZERO) - discounts - hidden
    before = header.shipping_incl_tax - net if header.shipping_incl_tax else vat + hidden
    rate = shipping_rate(order, net, before)
    return AmountLine("shipping", "shipping", net - discount, vat, rate), discount, hidden


def shipping_rate(order: Order, net: Decimal, tax: Decimal) -> Decimal:
    """Find the percentage of VAT on shipping.

    Args:
        order: Lends its applied taxes and the rates of its lines.
        net: Shipping before discount, without VAT.
        tax: VAT before discount.

    Raises:
        DocumentRefusedError: When the amounts fit no percentage.
    """
    for taxed in order.extension.item_applied_taxes or ():
        if taxed.type == "shipping" and taxed.applied_taxes:
            return sum([applied.percent or ZERO for applied in taxed.applied_taxes], ZERO)
    if not tax:
        return ZERO
    rates = {item.tax_percent for item in order.items if item.tax_percent}
    return derive_rate(net, tax, rates, where="shipping_tax_amount")


def derive_rate(net: Decimal, tax: Decimal, rates: set[Decimal], *, where: str) -> Decimal:
    """Derive a percentage from amounts: one of the order's rates, else a whole number.

    Raises:
        DocumentRefusedError: When no rate fits, or several do.
    """
    fitting = {rate for rate in rates if abs(net * rate / HUNDRED - tax) <= 2 * CENT}
    if not fitting and net:
        low = ((tax - CENT) / net * HUNDRED).to_integral_value(ROUND_CEILING)
        high = ((tax + CENT) / net * HUNDRED).to_integral_value(ROUND_FLOOR)
        fitting = {low} if low == high else set()
    if len(fitting) == 1:
        return fitting.pop()
    known = ", ".join(f"{rate.normalize():f} %" for rate in sorted(rates)) or "none"
    raise DocumentRefusedError(
        reason=f"VAT of {show(tax)} on {show(net)} fits {'several' if fitting else 'none'} of the "
        f"order's rates ({known})",
        where=where,
        what_to_do="Let the shop send item_applied_taxes with the order, or book it by hand.",
    )

"""The discount on shipping, which no invoice states: what the header has more than its rows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from mapper_gl_rules.amounts.spreading import differs
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, rounded, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapper_gl_rules.amounts.model import Context
    from mapper_gl_rules.amounts.rows import Row

__all__ = ["ShippingDiscount", "shipping_discount"]

_HALF = Decimal("0.5")
_COMPARE = "Compare it with the shop's admin; correct it there or book it by hand."


class ShippingDiscount(msgspec.Struct, frozen=True, gc=False):
    """What the header's discount is made of, beside the rows.

    Attributes:
        amount: Discount on shipping; it includes VAT where prices do.
        hidden: VAT inside it.
        left_over: What a refund without shipping gives back too much, see `_left_over`.
        cents: Cents that belong to the rows' discounts.
        hidden_cents: Cents that belong to the VAT inside the rows' discounts.
    """

    amount: Decimal
    hidden: Decimal
    left_over: Decimal
    cents: Decimal
    hidden_cents: Decimal

    @property
    def net(self) -> Decimal:
        """Discount on shipping without VAT."""
        return self.amount - self.hidden


def shipping_discount(
    context: Context, rows: Sequence[Row], apart: Decimal | None
) -> ShippingDiscount:
    """Find the discount on shipping, and the cents that are left for the rows to follow.

    Args:
        context: The document.
        rows: Those that carry its money.
        apart: VAT inside the discount on shipping, where it stands apart; a credit memo has it
            in its `discount_tax_compensation_amount`.

    Raises:
        DocumentRefusedError: When the discount is out of bounds, or not what the order says.
    """
    header = context.header
    stated = -(header.discount_amount or ZERO)
    stated_hidden = header.discount_tax_compensation_amount or ZERO
    discounts = sum([row.discount for row in rows], ZERO)
    hidden = sum([row.hidden for row in rows], ZERO)
    more = stated - discounts
    amount = left_over = inside = ZERO
    if more and header.shipping_amount:
        amount = _on_shipping(context, more, discounts)
    elif more:
        left_over = _left_over(context, -more)
    if amount:
        inside = stated_hidden - hidden if apart is None else apart
        _check_bounds(context, amount, inside, discounts)
    elif apart:
        stated_hidden += apart
    of_discount = [("lines", discounts), ("shipping", amount), ("left over", -left_over)]
    of_hidden = [("lines", hidden), ("shipping", inside if apart is None else ZERO)]
    limit = context.rounding_limit if rows or header.shipping_amount else ZERO
    cents = differs("discount_amount", stated, of_discount, limit)
    hidden_cents = differs("discount_tax_compensation_amount", stated_hidden, of_hidden, limit)
    if not rows:  # shipping is all that there is
        return ShippingDiscount(amount + cents, inside + hidden_cents, left_over, ZERO, ZERO)
    return ShippingDiscount(amount, inside, left_over, cents, hidden_cents)


def _on_shipping(context: Context, more: Decimal, discounts: Decimal) -> Decimal:
    """Tell how much of a discount that no row has is on shipping; the rest are cents of rows."""
    order, shipping = context.order, context.header.shipping_amount or ZERO
    cents = context.rounding_limit
    if order.shipping_discount_amount is None or not order.shipping_amount:
        return more if abs(more) > cents else ZERO
    stated = order.shipping_discount_amount * shipping / order.shipping_amount
    if not stated:
        return ZERO
    if abs(more - stated) <= cents:
        return more
    raise DocumentRefusedError(
        reason=f"the lines have a discount of {show(discounts)}, the header "
        f"{show(discounts + more)}: that leaves {show(more)} for shipping of {show(shipping)}, "
        f"the order says {show(rounded(stated))}",
        where="discount_amount",
        what_to_do=_COMPARE,
    )


def _check_bounds(context: Context, amount: Decimal, hidden: Decimal, discounts: Decimal) -> None:
    """Refuse a discount below 0 or above what shipping costs."""
    shipping, cent = context.header.shipping_amount or ZERO, context.step
    if amount > 0 and -cent <= hidden <= amount + cent and amount - hidden <= shipping + cent:
        return
    raise DocumentRefusedError(
        reason=f"the lines have a discount of {show(discounts)}, the header "
        f"{show(discounts + amount)}: shipping of {show(shipping)} would have a discount of "
        f"{show(amount)}, with {show(hidden)} of VAT inside it",
        where="discount_amount",
        what_to_do=_COMPARE,
    )


def _left_over(context: Context, missing: Decimal) -> Decimal:
    """Recognise what a refund without shipping gives back too much, and exactly that.

    Recorded on 2.4.7: the header's discount is too small by the share that the discount has in
    the VAT of shipping, although no shipping is refunded. The customer got that money.
    """
    order = context.order
    if context.kind != "credit_memo" or not order.shipping_amount:
        return ZERO
    share = (order.shipping_discount_amount or ZERO) / order.shipping_amount
    expected = (order.shipping_tax_amount or ZERO) * share
    return missing if expected and abs(missing - expected) <= context.step * _HALF else ZERO

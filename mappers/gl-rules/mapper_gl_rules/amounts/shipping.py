"""Shipping and the VAT on it, which no invoice gives a percentage for.

First what the order says (`item_applied_taxes` of type shipping); where that is missing
(no tax, or B2B purchase orders of 2.4.6 to 2.4.7) the percentage is derived from the amounts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from mapper_gl_rules.amounts.discounts import split_discount
from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.amounts.rates import check_vat, derive_rate, percent
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import HUNDRED, ZERO, allotted, show

if TYPE_CHECKING:
    from mapper_gl_rules.amounts.model import Context
    from mapper_gl_rules.amounts.shipping_discount import ShippingDiscount
    from mapper_gl_rules.source import Order

__all__ = ["shipping_lines", "shipping_shares"]

_ONE = Decimal(1)
_FINEST = Decimal("0.0001")  # as Adobe stores amounts
_ALIKE = Decimal("0.01")  # how exactly shares of shipping follow those of the goods


class Share(NamedTuple):
    """A part of shipping that has a percentage of its own.

    Attributes:
        rate: The percentage.
        net: Its part of the amount.
        vat: Its part of the VAT.
    """

    rate: Decimal
    net: Decimal
    vat: Decimal


def shipping_lines(
    context: Context, discount: ShippingDiscount, other_vat: Decimal | None
) -> list[AmountLine]:
    """Give shipping after discount, per percentage, and its discount where that stands apart.

    Args:
        context: The document.
        discount: The discount on shipping.
        other_vat: VAT of everything else, where it is known.

    Raises:
        DocumentRefusedError: When the VAT does not fit its percentage.
    """
    if discount.left_over:
        name = "shipping_discount_tax"
        return [AmountLine("shipping_discount_tax", name, discount.left_over, ZERO, None)]
    header = context.header
    full, vat = header.shipping_amount or ZERO, header.shipping_tax_amount or ZERO
    if not full:
        return []
    try:
        shares = _taxed(context, discount, vat)
    except DocumentRefusedError:
        # Known defects put another amount into shipping_tax_amount than into tax_amount: what
        # tax_amount leaves for shipping is right if it fits the percentage.
        if other_vat is None:
            raise
        left = (header.tax_amount or ZERO) - other_vat
        if left == vat or left < 0:
            raise
        shares, vat = _taxed(context, discount, left), left
    lines = []
    parts = zip(
        shares,
        _parts(full - discount.net, [share.net for share in shares]),
        _parts(vat, [share.vat for share in shares]),
        _parts(discount.net, [share.net for share in shares]),
        _parts(discount.hidden, [share.vat for share in shares]),
        strict=True,
    )
    for share, net, tax, less, hidden in parts:
        line = AmountLine("shipping", "shipping", net, tax, share.rate)
        lines.append(line)
        if less and context.options.discounts == "separate":
            lines.append(split_discount(line, less, hidden))
    return lines


def _taxed(context: Context, discount: ShippingDiscount, vat: Decimal) -> list[Share]:
    """Find the percentages of shipping, and check that they give its VAT."""
    header = context.header
    full = header.shipping_amount or ZERO
    stated = header.shipping_tax_amount or ZERO
    before = vat + discount.hidden
    if header.shipping_incl_tax and vat == stated:
        before = header.shipping_incl_tax - full
    shares = shipping_shares(context, (full - discount.net, vat), (full, before))
    if len(shares) == 1:
        _check_vat(context, discount, vat, shares[0].rate)
        return shares
    for share in shares:
        bases = [(full - discount.net) * share.net, full * share.net]
        tolerance = context.step * (2 + len(shares))
        check_vat("shipping", "shipping_tax_amount", bases, vat * share.vat, share.rate, tolerance)
    return shares


def _parts(amount: Decimal, shares: list[Decimal]) -> list[Decimal]:
    """Divide an amount; what rounding leaves goes where it took most."""
    if len(shares) == 1:
        return [amount]
    return allotted([amount * share for share in shares], amount, _FINEST)


def _check_vat(context: Context, discount: ShippingDiscount, vat: Decimal, rate: Decimal) -> None:
    """Refuse VAT that is neither of shipping after discount nor, as some shops tax, of all of it.

    A discount that the order does not state must be proven: the VAT is of what it leaves only.
    """
    full, slack = context.header.shipping_amount or ZERO, context.step * 2
    bases = [full - discount.net, full]
    if discount.amount and context.order.shipping_discount_amount is None:
        if abs(full * rate / HUNDRED - vat) <= slack:
            raise DocumentRefusedError(
                reason=f"shipping of {show(full)} would have a discount of "
                f"{show(discount.amount)}: no line has it, the order does not state it, and no "
                f"VAT proves it (VAT {show(vat)} at {percent(rate)})",
                where="discount_amount",
                what_to_do="Compare it with the shop's admin, then book it by hand.",
            )
        bases.pop()
    check_vat("shipping", "shipping_tax_amount", bases, vat, rate, slack)


def shipping_shares(context: Context, *amounts: tuple[Decimal, Decimal]) -> list[Share]:
    """Find the percentages of VAT on shipping, and how much of it each has.

    Args:
        context: The document.
        amounts: Shipping and its VAT, after and before discount.

    Raises:
        DocumentRefusedError: When the amounts fit no percentage.
    """
    order = context.order
    taxes = [
        (applied.percent or ZERO, applied.amount)
        for taxed in order.extension.item_applied_taxes or ()
        if taxed.type == "shipping"
        for applied in taxed.applied_taxes or ()
    ]
    if not taxes:
        rates = {item.tax_percent for item in order.items if item.tax_percent}
        taxed = [one for one in amounts if one[1]]
        rate = derive_rate(context, taxed, rates, where="shipping_tax_amount") if taxed else ZERO
        return [Share(rate, _ONE, _ONE)]
    rate = sum([percentage for percentage, _ in taxes], ZERO)
    known = [
        (percentage, amount)
        for percentage, amount in taxes
        if percentage > 0 and amount and amount > 0
    ]
    return _in_proportion(context, known) or [Share(rate, _ONE, _ONE)]


def _in_proportion(context: Context, taxes: list[tuple[Decimal, Decimal]]) -> list[Share]:
    """Give the shares of percentages that each are of a part; none where they are of all of it.

    The parts make up the amount, or the rest is as free of VAT as that part of the goods. Else
    the percentages add up, which the VAT has to prove.
    """
    order = context.order
    full = order.shipping_amount or context.header.shipping_amount or ZERO
    less = (order.shipping_discount_amount or ZERO) - (
        order.shipping_discount_tax_compensation_amount or ZERO
    )
    vat = sum([amount for _, amount in taxes], ZERO)
    if not vat:
        return []
    bases = [amount * HUNDRED / percentage for percentage, amount in taxes]
    known = sum(bases, ZERO)
    half_a_cent = [context.step * HUNDRED / (2 * percentage) for percentage, _ in taxes]
    slack = sum(half_a_cent, context.step)
    for base in (full - less, full):
        rest = base - known
        exact = abs(rest) <= slack
        if not exact and (rest < 0 or not base or abs(known / base - _taxed_share(order)) > _ALIKE):
            continue
        whole = known if exact else base
        found = [
            Share(percentage, part / whole, amount / vat)
            for (percentage, amount), part in zip(taxes, bases, strict=True)
        ]
        return found if exact else [*found, Share(ZERO, rest / whole, ZERO)]
    return []


def _taxed_share(order: Order) -> Decimal:
    """Give the part of the goods that has a percentage above 0."""
    goods = [
        (item.tax_percent, (item.price or ZERO) * (item.qty_ordered or ZERO))
        for item in order.items
        if item.tax_percent is not None
    ]
    total = sum([net for _, net in goods], ZERO)
    return sum([net for rate, net in goods if rate], ZERO) / total if total else ZERO

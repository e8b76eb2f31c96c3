"""Shipping and the VAT on it, which no invoice gives a percentage for.

First what the order says (`item_applied_taxes` of type shipping); where that is missing
(no tax, or B2B purchase orders of 2.4.6 to 2.4.7) the percentage is derived from the amounts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from mapper_gl_rules.amounts.discounts import split_discount
from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.amounts.rates import check_vat, derive_rate
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import HUNDRED, ZERO, allotted, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapper_gl_rules.amounts.model import Context
    from mapper_gl_rules.amounts.rows import Row
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
    context: Context, rows: Sequence[Row], discount: ShippingDiscount
) -> list[AmountLine]:
    """Give shipping after discount, per percentage, and its discount where that stands apart.

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
    before = header.shipping_incl_tax - full if header.shipping_incl_tax else vat + discount.hidden
    shares = shipping_shares(context, full, before)
    if len(shares) == 1:
        _check_vat(context, rows, discount, shares[0].rate)
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


def _parts(amount: Decimal, shares: list[Decimal]) -> list[Decimal]:
    """Divide an amount; what rounding leaves goes where it took most."""
    if len(shares) == 1:
        return [amount]
    return allotted([amount * share for share in shares], amount, _FINEST)


def _check_vat(
    context: Context, rows: Sequence[Row], discount: ShippingDiscount, rate: Decimal
) -> None:
    """Refuse VAT that is of another amount than shipping after discount.

    A shop that taxes before discount shows it in its rows; a discount that the order does not
    state must be proven by the VAT.
    """
    header, order = context.header, context.order
    full, vat = header.shipping_amount or ZERO, header.shipping_tax_amount or ZERO
    unproven = discount.amount and order.shipping_discount_amount is None
    if unproven and not rate:
        raise DocumentRefusedError(
            reason=f"shipping of {show(full)} would have a discount of {show(discount.amount)}: "
            "no line has it, the order does not state it, and no VAT proves it",
            where="discount_amount",
            what_to_do="Compare it with the shop's admin, then book it by hand.",
        )
    bases = [full - discount.net]
    if not unproven or any(_taxed_before_discount(row) for row in rows):
        bases.append(full)
    check_vat("shipping", "shipping_tax_amount", bases, vat, rate, context.step * 3)


def _taxed_before_discount(row: Row) -> bool:
    """Tell whether the VAT of a row is of its full price, and not of the discounted one."""
    rate = row.item.tax_percent or ZERO
    of_full = abs(row.raw * rate / HUNDRED - row.vat)
    of_discounted = abs((row.raw - row.discount + row.hidden) * rate / HUNDRED - row.vat)
    return of_full < of_discounted


def shipping_shares(context: Context, net: Decimal, tax: Decimal) -> list[Share]:
    """Find the percentages of VAT on shipping, and how much of it each has.

    Args:
        context: The document.
        net: Shipping before discount, without VAT.
        tax: VAT before discount.

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
        if not tax:
            return [Share(ZERO, _ONE, _ONE)]
        rates = {item.tax_percent for item in order.items if item.tax_percent}
        rate = derive_rate(context, net, tax, rates, where="shipping_tax_amount")
        return [Share(rate, _ONE, _ONE)]
    rate = sum([percentage for percentage, _ in taxes], ZERO)
    amounts = [(percentage, amount) for percentage, amount in taxes if percentage and amount]
    return _in_proportion(context, rate, amounts) or [Share(rate, _ONE, _ONE)]


def _in_proportion(
    context: Context, rate: Decimal, taxes: list[tuple[Decimal, Decimal]]
) -> list[Share]:
    """Give the shares of several percentages; none where they are on the same amount.

    Percentages may be added up only where their sum gives the VAT. Else each VAT amount is of a
    part: the parts make up the amount, or the rest is as free of VAT as that part of the goods.
    """
    order = context.order
    full = order.shipping_amount or ZERO
    less = (order.shipping_discount_amount or ZERO) - (
        order.shipping_discount_tax_compensation_amount or ZERO
    )
    vat = sum([amount for _, amount in taxes], ZERO)
    slack = context.step * (len(taxes) + 1)
    for base in (full - less, full):
        if not taxes or abs(base * rate / HUNDRED - vat) <= slack:
            return []
    bases = [amount * HUNDRED / percentage for percentage, amount in taxes]
    known = sum(bases, ZERO)
    slack += sum([context.step * HUNDRED / (2 * percentage) for percentage, _ in taxes], ZERO)
    for base in (full - less, full):
        rest = base - known
        exact = abs(rest) <= slack
        if not exact and (rest < 0 or abs(known / base - _taxed_share(order)) > _ALIKE):
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

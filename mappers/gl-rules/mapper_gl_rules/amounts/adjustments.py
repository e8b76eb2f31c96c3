"""Goodwill refunds and fees on a credit memo, for which Adobe states no VAT."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.amounts.rates import legal_rate
from mapper_gl_rules.amounts.shipping import shipping_shares
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import HUNDRED, ZERO, allotted, show, vat_inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapper_gl_rules.amounts.model import Choice, Context
    from mapper_gl_rules.source import Document

__all__ = ["adjustment_lines"]


def adjustment_lines(
    context: Context, document: Document, lines: Sequence[AmountLine]
) -> list[AmountLine]:
    """Read `adjustment_positive` (refund) and `adjustment_negative` (fee kept back).

    VAT inside: at the rate of the refunded goods, in proportion to their rates, at a fixed rate,
    or none.

    Raises:
        DocumentRefusedError: When no choice was made, or the goods have several rates.
    """
    found = []
    for name, sign, choice, setting in (
        ("adjustment_positive", 1, context.options.adjustment_refund, "adjustments.refund"),
        ("adjustment_negative", -1, context.options.adjustment_fee, "adjustments.fee"),
    ):
        amount = getattr(document, name) or ZERO
        if not amount:
            continue
        for rate, part in _parts(context, name, amount, choice, setting, lines):
            vat = vat_inside(part, rate, context.unit) if rate else ZERO
            found.append(AmountLine("adjustment", name, sign * (part - vat), sign * vat, rate))
    return found


def _parts(
    context: Context,
    name: str,
    amount: Decimal,
    choice: Choice | None,
    setting: str,
    lines: Sequence[AmountLine],
) -> list[tuple[Decimal | None, Decimal]]:
    """Give percentage and amount of each part of an adjustment; None for outside VAT."""
    if choice == "none":
        return [(None, amount)]
    if isinstance(choice, Decimal):
        return [(choice, amount)]
    if choice is None:
        raise DocumentRefusedError(
            reason=f"{name} of {show(amount)}: the shop states no VAT, the rules make no choice",
            where=name,
            what_to_do=f"Set {setting} to goods, proportional, none or a percentage in the rules.",
        )
    goods = _goods(context, lines) or _goods_of_order(context)
    total = sum(goods.values(), ZERO)
    if len(goods) == 1:
        return [(next(iter(goods)), amount)]
    if choice == "proportional" and total:
        rates = sorted(goods, reverse=True)
        parts = allotted([amount * goods[rate] / total for rate in rates], amount, context.unit)
        return [(rate, part) for rate, part in zip(rates, parts, strict=True) if part]
    known = ", ".join(f"{rate:f} %" for rate in sorted(goods))
    raise DocumentRefusedError(
        reason=f"{name} of {show(amount)} takes the rate of the goods: {known or 'none'}",
        where=name,
        what_to_do=f"Set {setting} to proportional, a percentage or none in the rules, or book it "
        "by hand.",
    )


def _goods(context: Context, lines: Sequence[AmountLine]) -> dict[Decimal, Decimal]:
    """Add up the refunded goods, with VAT, by percentage."""
    goods: dict[Decimal, Decimal] = {}
    for line in lines:
        if line.kind == "product" and line.net and line.rate is not None:
            rate = legal_rate(context, line)
            goods[rate] = goods.get(rate, ZERO) + line.net + line.vat
    return goods


def _goods_of_order(context: Context) -> dict[Decimal, Decimal]:
    """Add up what the order sold; where every product was free, its shipping."""
    order = context.order
    goods: dict[Decimal, Decimal] = {}
    for item in order.items:
        if item.tax_percent is not None and (item.row_total or item.discount_amount):
            net = (item.price or ZERO) * (item.qty_ordered or ZERO) or item.row_total or ZERO
            gross = net * (HUNDRED + item.tax_percent) / HUNDRED - (item.discount_amount or ZERO)
            goods[item.tax_percent] = goods.get(item.tax_percent, ZERO) + gross
    if not goods and order.shipping_amount:
        tax = order.shipping_tax_amount or ZERO
        shares = shipping_shares(context, (order.shipping_amount, tax))
        goods = {
            share.rate: order.shipping_amount * share.net + tax * share.vat for share in shares
        }
    return goods

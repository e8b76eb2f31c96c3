"""Goodwill refunds and fees on a credit memo, for which Adobe states no VAT."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.model import AmountLine, Options
from mapper_gl_rules.amounts.shipping import shipping_rate
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, show, vat_inside

if TYPE_CHECKING:
    from mapper_gl_rules.source import Document, Order

__all__ = ["adjustment_lines"]


def adjustment_lines(
    document: Document,
    order: Order,
    lines: list[AmountLine],
    options: Options,
) -> list[AmountLine]:
    """Read `adjustment_positive` (refund) and `adjustment_negative` (fee kept back).

    Three choices each: VAT inside at the rate of the refunded goods, at a fixed rate, or none.

    Raises:
        DocumentRefusedError: When no choice was made, or the goods have several rates.
    """
    found = []
    for name, sign, choice, setting in (
        ("adjustment_positive", 1, options.adjustment_refund, "adjustments.refund"),
        ("adjustment_negative", -1, options.adjustment_fee, "adjustments.fee"),
    ):
        amount = getattr(document, name) or ZERO
        if not amount:
            continue
        rate = _rate(name, amount, choice, setting, order, lines)
        vat = vat_inside(amount, rate) if rate else ZERO
        found.append(AmountLine("adjustment", name, sign * (amount - vat), sign * vat, rate))
    return found


def _rate(
    name: str,
    amount: Decimal,
    choice: Decimal | str | None,
    setting: str,
    order: Order,
    lines: list[AmountLine],
) -> Decimal | None:
    """Give the percentage inside an adjustment, None for outside VAT."""
    if choice == "none":
        return None
    if isinstance(choice, Decimal):
        return choice
    if choice is None:
        raise DocumentRefusedError(
            reason=f"{name} of {show(amount)}: the shop states no VAT, the rules make no choice",
            where=name,
            what_to_do=f"Set {setting} to goods, none or a percentage in the rules.",
        )
    rates = {line.rate for line in lines if line.kind == "product" and line.net}
    rates = rates or _order_rates(order)
    if len(rates) != 1:
        known = ", ".join(
            f"{rate or ZERO:f} %" for rate in sorted(rates, key=lambda rate: rate or ZERO)
        )
        raise DocumentRefusedError(
            reason=f"{name} of {show(amount)} takes the rate of the goods: {known or 'none'}",
            where=name,
            what_to_do=f"Set {setting} to a percentage or none in the rules, or book it by hand.",
        )
    return rates.pop()


def _order_rates(order: Order) -> set[Decimal | None]:
    """Give the rates of what the order sold; where every product was free, of its shipping."""
    rates: set[Decimal | None] = {
        item.tax_percent
        for item in order.items
        if item.tax_percent is not None and (item.row_total or item.discount_amount)
    }
    if not rates and order.shipping_amount:
        tax = order.shipping_tax_amount or ZERO
        rates.add(shipping_rate(order, order.shipping_amount, tax))
    return rates

"""What a grand total is made of, as far as the document and its order name it.

Recorded for every document of a real shop (2.4.7-p3): grand_total = subtotal + discount +
shipping + tax + tax compensations (+ adjustments) + fixed product tax. Adobe Commerce takes
gift cards, store credit and reward points off and adds gift wrapping; extensions add more.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.amounts.rates import derive_rate
from mapper_gl_rules.money import ZERO
from mapper_gl_rules.source import Document

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from mapper_gl_rules.amounts.model import Context, Parts

__all__ = ["PAYMENTS", "named_totals", "shipping_compensation"]

_APART = "shipping_discount_tax_compensation_amount"
_PARTS = (
    "subtotal",
    "discount_amount",
    "shipping_amount",
    "tax_amount",
    "discount_tax_compensation_amount",
    _APART,
)
_amounts = attrgetter(*_PARTS)
PAYMENTS: tuple[tuple[str, str], ...] = (
    ("gift_card", "gift_cards_amount"),
    ("store_credit", "customer_balance_amount"),
    ("reward", "reward_currency_amount"),
)
_WRAPS = (
    ("gw_price", "gw_tax_amount"),
    ("gw_items_price", "gw_items_tax_amount"),
    ("gw_card_price", "gw_card_tax_amount"),
)


def named_totals(context: Context, rates: Iterable[Decimal]) -> tuple[list[AmountLine], Parts]:
    """Give the totals that the document states beside its lines, and all parts of its total.

    Args:
        context: The document.
        rates: Percentages of its lines.

    Returns:
        Means of payment and gift wrapping; name and amount of each part of the grand total.
    """
    header = context.header
    parts = [
        (name, amount) for name, amount in zip(_PARTS, _amounts(header), strict=True) if amount
    ]
    if isinstance(header, Document):
        if header.adjustment_positive:
            parts.append(("adjustment_positive", header.adjustment_positive))
        if header.adjustment_negative:
            parts.append(("adjustment_negative", -header.adjustment_negative))
    if not header.extension_attributes:
        return [], parts
    extension = header.extension
    found = []
    for kind, name in PAYMENTS:
        amount = getattr(extension, name)
        if amount:
            parts.append((name, -amount))
            found.append(AmountLine(kind, name, -amount, ZERO, None))
    for name, tax_name in _WRAPS:
        amount = getattr(extension, name)
        if amount:
            tax = getattr(extension, tax_name) or ZERO
            parts.append((name, amount))
            rate = derive_rate(context, [(amount, tax)], rates, where=tax_name) if tax else ZERO
            found.append(AmountLine("gift_wrap", name, amount, tax, rate))
    return found, parts


def shipping_compensation(context: Context, parts: Parts) -> Decimal | None:
    """Give the VAT inside the discount on shipping, where it stands apart.

    Older releases leave it out of an invoice, though its total has it: then the order states it.
    """
    header, order = context.header, context.order
    stated: Decimal | None = getattr(header, _APART)
    in_order = order.shipping_discount_tax_compensation_amount
    if context.kind == "credit_memo" or stated is not None:
        return stated
    if not in_order or header.shipping_amount != order.shipping_amount:
        return None
    gap = header.grand_total - sum([amount for _, amount in parts], ZERO)
    if abs(gap - in_order) > context.step:
        return None
    parts.append((_APART, in_order))
    return in_order

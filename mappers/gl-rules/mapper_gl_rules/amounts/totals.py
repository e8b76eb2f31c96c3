"""Does the grand total follow from its parts, and what else is in it?

Recorded for every document of a real shop (2.4.7-p3): grand_total = subtotal + discount +
shipping + tax + tax compensations (+ adjustments) + fixed product tax. Adobe Commerce takes
gift cards, store credit and reward points off and adds gift wrapping; extensions add more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.fixed_product_tax import fixed_product_tax_lines
from mapper_gl_rules.amounts.model import AmountLine, LineKind, Options, arithmetic
from mapper_gl_rules.amounts.shipping import derive_rate
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, show

if TYPE_CHECKING:
    from decimal import Decimal

    from mapper_gl_rules.source import Document, Order

__all__ = ["explain_total"]

_PARTS = (
    "subtotal",
    "discount_amount",
    "shipping_amount",
    "tax_amount",
    "discount_tax_compensation_amount",
    "shipping_discount_tax_compensation_amount",
    "adjustment_positive",
)
_PAYMENTS: tuple[tuple[LineKind, str], ...] = (
    ("gift_card", "gift_cards_amount"),
    ("store_credit", "customer_balance_amount"),
    ("reward", "reward_currency_amount"),
)
_WRAPS = (
    ("gw_price", "gw_tax_amount"),
    ("gw_items_price", "gw_items_tax_amount"),
    ("gw_card_price", "gw_card_tax_amount"),
)


def explain_total(
    document: Document,
    order: Order,
    lines: list[AmountLine],
    line_vat: Decimal,
    options: Options,
) -> tuple[list[AmountLine], list[tuple[str, Decimal]]]:
    """Find the lines that the header adds to products, shipping and adjustments.

    Returns:
        The lines, and the parts of the grand total for messages.

    Raises:
        DocumentRefusedError: When more than the rounding limit stays unexplained.
    """
    parts = [(name, getattr(document, name) or ZERO) for name in _PARTS]
    parts.append(("adjustment_negative", -(document.adjustment_negative or ZERO)))
    extra: list[AmountLine] = []
    for kind, name in _PAYMENTS:
        amount = getattr(document.extension, name)
        if amount:
            parts.append((name, -amount))
            extra.append(AmountLine(kind, name, -amount, ZERO, None))
    for name, tax_name in _WRAPS:
        amount = getattr(document.extension, name)
        if amount:
            tax = getattr(document.extension, tax_name) or ZERO
            line_vat += tax
            parts.append((name, amount))
            rates = {line.rate for line in lines if line.rate}
            rate = derive_rate(amount, tax, rates, where=tax_name) if tax else ZERO
            extra.append(AmountLine("gift_wrap", name, amount, tax, rate))
    gap = document.grand_total - sum([amount for _, amount in parts], ZERO)
    if gap or any(line.weee_tax_applied_row_amount for line in document.items):
        open_tax = (document.tax_amount or ZERO) - line_vat - (document.shipping_tax_amount or ZERO)
        fixed = fixed_product_tax_lines(document, order, gap, open_tax)
        for line in fixed:
            parts.append((f"fixed product tax {line.name}", line.net))
            gap -= line.net
        extra += fixed
    if gap:
        found = _by_order(order, gap)
        if found:
            extra.append(found)
            parts.append((found.name, found.net))
            gap -= found.net
    if abs(gap) > options.rounding_limit:
        raise DocumentRefusedError(
            reason=f"grand_total is {show(abs(gap))} {'more' if gap > 0 else 'less'} than its "
            f"parts: {arithmetic(parts, document.grand_total)}",
            where="grand_total",
            what_to_do="Find the total of an extension that makes the difference and map it.",
        )
    return extra, parts


def _by_order(order: Order, gap: Decimal) -> AmountLine | None:
    """Explain what the invoice leaves out by the order: older releases hide means of payment."""
    for kind, name in _PAYMENTS:
        amount = getattr(order.extension, name) or ZERO
        if gap < 0 and -gap <= amount:
            return AmountLine(kind, name, gap, ZERO, None)
    return None

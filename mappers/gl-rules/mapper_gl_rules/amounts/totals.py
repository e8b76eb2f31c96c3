"""Does the grand total follow from its parts, and what else is in it?

Recorded for every document of a real shop (2.4.7-p3): grand_total = subtotal + discount +
shipping + tax + tax compensations (+ adjustments) + fixed product tax. Adobe Commerce takes
gift cards, store credit and reward points off and adds gift wrapping; extensions add more.
"""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.fixed_product_tax import fixed_product_tax_lines
from mapper_gl_rules.amounts.model import AmountLine, Options, arithmetic
from mapper_gl_rules.amounts.shipping import derive_rate
from mapper_gl_rules.amounts.surcharges import custom_fees, mapped_surcharges, suspects
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, show
from mapper_gl_rules.source import Document

if TYPE_CHECKING:
    from mapper_gl_rules.source import Order

__all__ = ["PAYMENTS", "explain_total"]

Parts = list[tuple[str, Decimal]]

_PARTS = (
    "subtotal",
    "discount_amount",
    "shipping_amount",
    "tax_amount",
    "discount_tax_compensation_amount",
    "shipping_discount_tax_compensation_amount",
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


def explain_total(
    document: Document | Order,
    order: Order,
    lines: list[AmountLine],
    options: Options,
) -> tuple[list[AmountLine], Parts]:
    """Find the lines that the header adds to products, shipping and adjustments.

    Args:
        document: The invoice, credit memo or order itself.
        order: The order.
        lines: What was found in the document's lines, shipping and adjustments.
        options: The accountant's choices.

    Returns:
        The lines, and the parts of the grand total for messages.

    Raises:
        DocumentRefusedError: When more than the rounding limit stays unexplained.
    """
    parts = [
        (name, amount) for name, amount in zip(_PARTS, _amounts(document), strict=True) if amount
    ]
    if isinstance(document, Document):
        if document.adjustment_positive:
            parts.append(("adjustment_positive", document.adjustment_positive))
        if document.adjustment_negative:
            parts.append(("adjustment_negative", -document.adjustment_negative))
    extra = []
    if document.extension_attributes:
        extra = _named_totals(document, parts, lines)
    gap = document.grand_total - sum([amount for _, amount in parts], ZERO)
    if gap:
        gap = _explain(document, order, lines, extra, parts, gap, options)
    if abs(gap) > options.rounding_limit:
        found = suspects(document, gap)
        raise DocumentRefusedError(
            reason=f"grand_total is {show(abs(gap))} {'more' if gap > 0 else 'less'} than its "
            f"parts: {arithmetic(parts, document.grand_total)}"
            + (f"; {', '.join(found)} may be it" if found else ""),
            where=found[0].split()[0] if found else "grand_total",
            what_to_do="Map the extension's total under surcharges in the rules."
            if found
            else "Find the extension's total that makes the difference and map it.",
        )
    return extra, parts


def _named_totals(
    document: Document | Order, parts: Parts, lines: list[AmountLine]
) -> list[AmountLine]:
    """Give Adobe Commerce's own totals: means of payment and gift wrapping."""
    extension = document.extension
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
            rate = derive_rate(amount, tax, _rates(lines), where=tax_name) if tax else ZERO
            found.append(AmountLine("gift_wrap", name, amount, tax, rate))
    return found


def _explain(
    document: Document | Order,
    order: Order,
    lines: list[AmountLine],
    extra: list[AmountLine],
    parts: Parts,
    gap: Decimal,
    options: Options,
) -> Decimal:
    """Explain what the total has more or less than its parts; gives what stays open."""

    def take(found: list[AmountLine]) -> Decimal:
        extra.extend(found)
        parts.extend((f"{line.kind} {line.name}", line.net) for line in found)
        return gap - sum([line.net for line in found], ZERO)

    gap = take(mapped_surcharges(document, options.surcharges, _rates(lines)))
    taxed = sum([line.vat for line in (*lines, *extra) if line.kind != "adjustment"], ZERO)
    open_tax = (document.tax_amount or ZERO) - taxed
    gap = take(fixed_product_tax_lines(document, order, gap, open_tax))
    gap = take(custom_fees(document, order, gap))
    return take(_payment_by_order(order, gap))


def _rates(lines: list[AmountLine]) -> set[Decimal]:
    return {line.rate for line in lines if line.rate}


def _payment_by_order(order: Order, gap: Decimal) -> list[AmountLine]:
    """Explain what the invoice leaves out by the order: older releases hide means of payment."""
    for kind, name in PAYMENTS:
        amount = getattr(order.extension, name) or ZERO
        if gap < 0 and -gap <= amount:
            return [AmountLine(kind, name, gap, ZERO, None)]
    return []

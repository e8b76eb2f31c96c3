"""Fixed product tax (weee), which an invoice shows only in its total.

Recorded on 2.4.7-p3: invoice lines have no weee fields; credit memo and order lines have. Its
VAT is in the header's tax_amount and on no line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.money import CENT, HUNDRED, ZERO, rounded
from mapper_gl_rules.source import Order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from mapper_gl_rules.source import Document, OrderItem

__all__ = ["fixed_product_tax_lines"]


def fixed_product_tax_lines(
    document: Document | Order,
    order: Order,
    gap: Decimal,
    open_tax: Decimal,
) -> list[AmountLine]:
    """Give one line per taxed product, if the total contains the tax.

    Args:
        document: The invoice, credit memo or order itself.
        order: Lends the tax per piece and its VAT rate.
        gap: grand_total minus its parts; nothing to add when the subtotal has it already.
        open_tax: VAT of the header that is on no line.
    """
    lines = [
        AmountLine("fixed_product_tax", item.sku, amount, ZERO, ZERO, item, quantity)
        for item, amount, quantity in _taxed(document, order)
        if amount
    ]
    # A gap of another size has another reason: the caller refuses it.
    if not lines or abs(sum([line.net for line in lines], ZERO) - gap) > CENT * len(lines):
        return []
    if open_tax:
        _spread_vat(lines, order, open_tax)
    return lines


def _taxed(
    document: Document | Order,
    order: Order,
) -> Iterator[tuple[OrderItem, Decimal, Decimal | None]]:
    """Give order line, tax and quantity of each line of the document."""
    if isinstance(document, Order):
        for item in document.items:
            yield item, item.weee_tax_applied_row_amount or ZERO, item.qty_ordered
        return
    items = {item.item_id: item for item in order.items}
    for line in document.items:
        item = items[line.order_item_id]
        amount = line.weee_tax_applied_row_amount
        if amount is None:
            amount = (item.weee_tax_applied_amount or ZERO) * (line.qty or ZERO)
        yield item, amount, line.qty


def _spread_vat(lines: list[AmountLine], order: Order, open_tax: Decimal) -> None:
    """Put the open VAT on the lines by their rate; the last one takes the rest."""
    left = open_tax
    for line in lines:
        if line.item is not None:
            line.rate = _rate(order, line.item)
            line.vat = left if line is lines[-1] else rounded(line.net * line.rate / HUNDRED)
            left -= line.vat


def _rate(order: Order, item: OrderItem) -> Decimal:
    """Take the percentage of weee, else of the product."""
    for taxed in order.extension.item_applied_taxes or ():
        if taxed.type == "weee" and taxed.associated_item_id == item.item_id:
            return sum([tax.percent or ZERO for tax in taxed.applied_taxes or ()], ZERO)
    return item.tax_percent or ZERO

"""Reading an invoice or credit memo: its own lines are the base, the order lends rate and tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mapper_gl_rules.amounts.model import Amounts, Context, Options
from mapper_gl_rules.amounts.reading import read_rows
from mapper_gl_rules.amounts.rows import Row, choose_rows
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from mapper_gl_rules.source import Document, Order

__all__ = ["read_document"]


def read_document(
    kind: Literal["invoice", "credit_memo"],
    document: Document,
    order: Order,
    options: Options,
    legal: frozenset[Decimal],
) -> Amounts:
    """Read what an invoice or credit memo charges, line by line.

    Args:
        kind: Which of the two.
        document: Amounts in its own (positive) sign.
        order: The order it belongs to.
        options: The accountant's choices.
        legal: Percentages of the VAT codes that hold for the destination.

    Raises:
        DocumentRefusedError: When the document does not add up, with the arithmetic.
    """
    context = Context.of(kind, document, order, options, legal)
    return read_rows(context, _rows(context, document, order))


def _rows(context: Context, document: Document, order: Order) -> Sequence[Row]:
    """Join the lines with the order and choose those that carry money."""
    items = {item.item_id: item for item in order.items}
    rows = []
    for line in document.items:
        item = items.get(line.order_item_id)
        if item is None:
            raise DocumentRefusedError(
                reason=f"line {line.sku} belongs to order line {line.order_item_id}, which order "
                f"{order.increment_id} does not have",
                where="items.order_item_id",
                what_to_do="Read the document again; if it stays, book it by hand.",
            )
        # Adobe leaves row_total out on lines that carry no money.
        if line.row_total is not None:
            rows.append(
                Row(
                    item,
                    line.row_total,
                    line.discount_amount or ZERO,
                    line.discount_tax_compensation_amount or ZERO,
                    line.tax_amount or ZERO,
                    line.qty,
                    line.weee_tax_applied_row_amount,
                )
            )
    return choose_rows(rows, document.subtotal or ZERO, context.rounding_limit)

"""Which lines carry money.

A configurable's money is on the parent; a bundle's on the parent (fixed price) or on the
children (dynamic price), and the API does not say which. The choice is proven by the
subtotal: chosen rows must add up to it, or the document is refused.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, show

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from mapper_gl_rules.source import OrderItem

__all__ = ["Row", "choose_rows"]


class Row(msgspec.Struct, gc=False):
    """A line of a document or order.

    Attributes:
        item: The order line, which lends rate and place in the tree.
        raw: Row total before discount, without VAT.
        discount: Discount; it includes VAT where prices do.
        hidden: VAT inside the discount.
        vat: VAT as the shop charged it.
        quantity: Pieces.
        fixed_product_tax: As the line itself states it.
    """

    item: OrderItem
    raw: Decimal
    discount: Decimal
    hidden: Decimal
    vat: Decimal
    quantity: Decimal | None
    fixed_product_tax: Decimal | None


def choose_rows(rows: Sequence[Row], subtotal: Decimal, tolerance: Decimal) -> Sequence[Row]:
    """Choose the rows whose amounts are the document's.

    Args:
        rows: All lines that have a row total.
        subtotal: The header's subtotal, without VAT, in document currency.
        tolerance: Largest difference in document currency.

    Returns:
        The rows to book.

    Raises:
        DocumentRefusedError: When no choice gives the subtotal.
    """
    total = sum([row.raw for row in rows], ZERO)
    if abs(total - subtotal) <= tolerance and not _doubled(rows):
        return rows
    tried = [total]
    for choice in (_children_first(rows), _parents_first(rows), rows):
        total = sum([row.raw for row in choice], ZERO)
        if abs(total - subtotal) <= tolerance:
            return choice
        tried.append(total)
    sums = ", ".join(sorted({show(total) for total in tried}))
    raise DocumentRefusedError(
        reason=f"the lines add up to {sums}, the subtotal is {show(subtotal)}",
        where="items.row_total",
        what_to_do="Compare it with the shop's admin; correct it there or book it by hand.",
    )


def _doubled(rows: Sequence[Row]) -> bool:
    """Tell whether a parent and its children both show money (only a bundle does)."""
    parents = {
        row.item.parent_item_id for row in rows if row.item.parent_item_id is not None and row.raw
    }
    return bool(parents) and any(row.raw and row.item.item_id in parents for row in rows)


def _families(rows: Sequence[Row]) -> dict[int, Decimal]:
    """Sum the children's row totals per parent."""
    families: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for row in rows:
        if row.item.parent_item_id is not None:
            families[row.item.parent_item_id] += row.raw
    return families


def _children_first(rows: Sequence[Row]) -> list[Row]:
    """Drop each parent whose children carry money."""
    families = _families(rows)
    return [row for row in rows if not families.get(row.item.item_id)]


def _parents_first(rows: Sequence[Row]) -> list[Row]:
    """Drop the children of each parent that carries money."""
    paid = {row.item.item_id for row in rows if row.raw}
    return [row for row in rows if row.item.parent_item_id not in paid]

"""How many pieces of an order can still be invoiced, refunded or shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.data.orders import Order

Quantities = dict[int, int]  # ten-thousandths by item_id


def to_invoice(order: Order) -> Quantities:
    """Return the pieces not invoiced or cancelled yet."""
    return _left(order, "qty_ordered", "qty_invoiced", "qty_canceled")


def to_refund(order: Order) -> Quantities:
    """Return the pieces invoiced and not refunded yet."""
    return _left(order, "qty_invoiced", "qty_refunded")


def to_ship(order: Order) -> Quantities:
    """Return the pieces not shipped, refunded or cancelled yet."""
    left = _left(order, "qty_ordered", "qty_shipped", "qty_refunded", "qty_canceled")
    return {
        line.fields["item_id"]: left[line.fields["item_id"]]
        for line in order.lines
        if not line.fields["is_virtual"] and line.fields["item_id"] in left
    }


def with_children(order: Order, quantities: Mapping[int, int]) -> Quantities:
    """Add the children of chosen parents, in proportion to the parent's pieces."""
    chosen = dict(quantities)
    for line in order.lines:
        parent = line.parent
        if parent is not None and parent.fields["item_id"] in chosen:
            pieces = line.quantities["qty_ordered"] // parent.quantities["qty_ordered"]
            chosen[line.fields["item_id"]] = chosen[parent.fields["item_id"]] * pieces
    return chosen


def is_complete(order: Order) -> bool:
    """Tell whether an order is invoiced and shipped in full."""
    return not to_invoice(order) and not to_ship(order)


def _left(order: Order, whole: str, *done: str) -> Quantities:
    left = {}
    for line in order.lines:
        held = line.quantities
        qty = held[whole] - sum(held[name] for name in done)
        if qty > 0:
            left[line.fields["item_id"]] = qty
    return left

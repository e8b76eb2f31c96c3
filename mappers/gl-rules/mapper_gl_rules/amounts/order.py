"""Reading the lines of an order, whose `row_total` is altered on output.

REST replaces an order line's row total by the stored one minus the gross discount, floored
at 0 (recorded on 2.4.7-p3); other releases differ. So several readings are tried, and the one
whose rows add up to the order's subtotal is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mapper_gl_rules.amounts.model import AmountLine, Amounts, Options
from mapper_gl_rules.amounts.rows import choose_rows
from mapper_gl_rules.amounts.shipping import shipping_line
from mapper_gl_rules.amounts.totals import PAYMENTS, explain_total
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import CENT, ZERO, rounded, show

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from mapper_gl_rules.source import Order, OrderItem

__all__ = ["read_order"]


class _Row(msgspec.Struct, gc=False):
    """An order line under one reading of its amounts."""

    item: OrderItem
    raw: Decimal
    item_id: int
    parent_id: int | None


def _after_discount(item: OrderItem) -> Decimal:
    """Give the row total where incl_tax is after discount (2.4.7)."""
    net = (
        (item.row_total_incl_tax or ZERO)
        - (item.tax_amount or ZERO)
        - (item.weee_tax_applied_row_amount or ZERO)
    )
    return net + _discount(item)


def _stored(item: OrderItem) -> Decimal:
    """Give the row total where the output is the stored value (before 2.3)."""
    return item.row_total or ZERO


def _only_row_total(item: OrderItem) -> Decimal:
    """Give the row total where only row_total is lowered by the discount."""
    return (item.row_total or ZERO) + (item.discount_amount or ZERO)


def _price_times_quantity(item: OrderItem) -> Decimal:
    """Give the row total at 100 % discount, when every reading above is floored at 0."""
    return rounded((item.price or ZERO) * (item.qty_ordered or ZERO))


_READINGS: tuple[Callable[[OrderItem], Decimal], ...] = (
    _after_discount,
    _only_row_total,
    _stored,
    _price_times_quantity,
)


def _discount(item: OrderItem) -> Decimal:
    """Give the net discount of a line: gross discount minus the VAT inside it."""
    return (item.discount_amount or ZERO) - (item.discount_tax_compensation_amount or ZERO)


def read_order(order: Order, options: Options) -> Amounts:
    """Read what an order charges: products, shipping and fixed product tax.

    Totals that are means of payment (gift cards, store credit) are no part of a sales order.

    Raises:
        DocumentRefusedError: When no reading of the lines gives the subtotal.
    """
    rows = _rows(order, options)
    lines = []
    for row in rows:
        item = row.item
        net = row.raw - _discount(item)
        vat = item.tax_amount or ZERO
        if row.raw or vat:
            rate = item.tax_percent or ZERO
            lines.append(AmountLine("product", item.sku, net, vat, rate, item, item.qty_ordered))
    if order.shipping_amount:
        discounts = sum([row.item.discount_amount or ZERO for row in rows], ZERO)
        compensation = sum(
            [row.item.discount_tax_compensation_amount or ZERO for row in rows],
            ZERO,
        )
        lines.append(shipping_line(order, order, discounts, compensation)[0])
    extra, parts = explain_total(order, order, lines, options)
    lines += extra
    amounts = Amounts(lines, order.grand_total, parts)
    open_amount = order.grand_total - sum([line.net + line.vat for line in lines], ZERO)
    if abs(open_amount) > max(options.rounding_limit, CENT * len(lines)):
        raise DocumentRefusedError(
            reason=f"the order's lines and its total differ by {show(open_amount)}: "
            f"{amounts.arithmetic}",
            where="grand_total",
            what_to_do="Compare the order with the shop's admin, then send it by hand.",
        )
    paid = {kind for kind, _ in PAYMENTS}
    amounts.lines = [line for line in lines if line.kind not in paid]
    return amounts


def _rows(order: Order, options: Options) -> list[_Row]:
    """Find the reading of the lines that gives the subtotal."""
    tolerance = max(options.rounding_limit, CENT * len(order.items))
    refused: DocumentRefusedError | None = None
    for reading in _READINGS:
        rows = [
            _Row(item, reading(item), item.item_id, item.parent_item_id) for item in order.items
        ]
        try:
            return list(choose_rows(rows, order.subtotal or ZERO, tolerance))
        except DocumentRefusedError as error:
            refused = refused or error
    raise refused or DocumentRefusedError(
        reason="the order has no lines",
        where="items",
        what_to_do="Look at the order in the shop.",
    )

"""Reading the lines of an order, whose `row_total` is altered on output.

REST replaces an order line's row total by the stored one minus the gross discount, floored
at 0 (recorded on 2.4.7-p3); other releases differ. So several readings are tried, and the one
whose rows add up to the order's subtotal is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.model import Amounts, Context, Options
from mapper_gl_rules.amounts.reading import read_rows
from mapper_gl_rules.amounts.rows import Row, choose_rows
from mapper_gl_rules.amounts.totals import PAYMENTS
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from mapper_gl_rules.source import Order, OrderItem

__all__ = ["order_rows", "read_order"]


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


def read_order(order: Order, options: Options, legal: frozenset[Decimal] = frozenset()) -> Amounts:
    """Read what an order charges: products, shipping and fixed product tax.

    Totals that are means of payment (gift cards, store credit) are no part of a sales order.

    Args:
        order: The order.
        options: The accountant's choices.
        legal: Percentages of the VAT codes that hold for the destination.

    Raises:
        DocumentRefusedError: When no reading of the lines gives the subtotal.
    """
    context = Context.of("order", order, order, options, legal)
    amounts = read_rows(context, _rows(context, order))
    paid = {kind for kind, _ in PAYMENTS}
    amounts.lines = [line for line in amounts.lines if line.kind not in paid]
    return amounts


def order_rows(order: Order, options: Options) -> Sequence[Row]:
    """Give the products of an order that carry money, whatever its shipping and total are.

    Raises:
        DocumentRefusedError: When no reading of the lines gives the subtotal.
    """
    return _rows(Context.of("order", order, order, options, frozenset()), order)


def _rows(context: Context, order: Order) -> Sequence[Row]:
    """Find the reading of the lines that gives the subtotal."""
    tolerance = context.rounding_limit
    refused: DocumentRefusedError | None = None
    for reading in _READINGS:
        rows = [
            Row(
                item,
                reading(item),
                item.discount_amount or ZERO,
                item.discount_tax_compensation_amount or ZERO,
                item.tax_amount or ZERO,
                item.qty_ordered,
                item.weee_tax_applied_row_amount,
            )
            for item in order.items
        ]
        try:
            return choose_rows(rows, order.subtotal or ZERO, tolerance)
        except DocumentRefusedError as error:
            refused = refused or error
    raise refused or DocumentRefusedError(
        reason="the order has no lines",
        where="items",
        what_to_do="Look at the order in the shop.",
    )

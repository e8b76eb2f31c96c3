"""What goods are worth, for the limits of customs and import schemes.

The value of a consignment is that of its goods, without VAT and shipping (IOSS 150 EUR, United
Kingdom 135 GBP); Norway's 3,000 NOK are for each piece. Computed only when a rule asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.order import order_rows
from mapper_gl_rules.money import ZERO

if TYPE_CHECKING:
    from mapper_gl_rules.amounts import AmountLine, Options
    from mapper_gl_rules.amounts.rows import Row
    from mapper_gl_rules.source import Order, OrderItem

__all__ = ["SERVICES", "OtherOrder", "Worth", "goods_value", "piece_value"]

# Product types that are no goods.
SERVICES = frozenset({"virtual", "downloadable", "giftcard"})
# Finds a value by currency when it is asked for.
Worth = Callable[[], Mapping[str, Decimal]]
# Finds an order in the currency that is not booked, where the shop states its amounts.
OtherOrder = Callable[[], "Order | None"]


def goods_value(order: Order, options: Options, other: OtherOrder) -> Mapping[str, Decimal]:
    """Give the value of an order's goods, by currency.

    Raises:
        DocumentRefusedError: When the order's lines do not add up.
    """

    def worth(one: Order) -> Decimal:
        goods = (row for row in order_rows(one, options) if not _is_service(row.item))
        return sum(map(_worth, goods), ZERO)

    return _by_currency(order, other, worth(order), worth)


def piece_value(
    line: AmountLine, order: Order, options: Options, other: OtherOrder
) -> Mapping[str, Decimal]:
    """Give the value of one piece of a product line, by currency.

    Raises:
        DocumentRefusedError: When the order's lines do not add up.
    """

    def worth(one: Order) -> Decimal | None:
        for row in order_rows(one, options):
            if line.item is not None and row.item.item_id == line.item.item_id:
                return _worth(row) / (row.quantity or 1)
        return None

    return _by_currency(order, other, line.net / (line.quantity or 1), worth)


def _is_service(item: OrderItem) -> bool:
    return item.product_type in SERVICES


def _worth(row: Row) -> Decimal:
    return row.raw - row.discount + row.hidden + (row.fixed_product_tax or ZERO)


def _by_currency(
    order: Order, other: OtherOrder, value: Decimal, worth: Callable[[Order], Decimal | None]
) -> Mapping[str, Decimal]:
    """Give a value in the currency of the order and in the shop's base currency.

    The other one is of the amounts that the shop states: a limit is met to the cent. Only where it
    states none the rate is used.
    """
    found = {order.order_currency_code or "": value}
    second = other()
    if second is not None:
        stated = worth(second)
        if stated is not None:
            found[second.order_currency_code or ""] = stated
    if order.base_currency_code and order.base_to_order_rate:
        found.setdefault(order.base_currency_code, value / order.base_to_order_rate)
    return found

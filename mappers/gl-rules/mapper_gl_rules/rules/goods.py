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
    from mapper_gl_rules.source import Order

__all__ = ["SERVICES", "Worth", "by_currency", "goods_value", "piece_value"]

# Product types that are no goods.
SERVICES = frozenset({"virtual", "downloadable", "giftcard"})
# Finds a value by currency when it is asked for.
Worth = Callable[[], Mapping[str, Decimal]]


def goods_value(order: Order, options: Options) -> Mapping[str, Decimal]:
    """Give the value of an order's goods, by currency.

    Raises:
        DocumentRefusedError: When the order's lines do not add up.
    """
    values = [
        row.raw - row.discount + row.hidden + (row.fixed_product_tax or ZERO)
        for row in order_rows(order, options)
        if row.item.product_type not in SERVICES
    ]
    return by_currency(order, sum(values, ZERO))


def piece_value(line: AmountLine, order: Order) -> Mapping[str, Decimal]:
    """Give the value of one piece of a product line, by currency."""
    return by_currency(order, line.net / (line.quantity or 1))


def by_currency(order: Order, value: Decimal) -> Mapping[str, Decimal]:
    """Give an amount of an order in its currency and in the shop's base currency."""
    found = {order.order_currency_code or "": value}
    if order.base_currency_code and order.base_to_order_rate:
        found.setdefault(order.base_currency_code, value / order.base_to_order_rate)
    return found

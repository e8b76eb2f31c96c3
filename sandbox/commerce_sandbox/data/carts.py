"""A cart: what is ordered, by whom and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commerce_sandbox.data.arithmetic import Coupon
    from commerce_sandbox.data.catalog import Product, StoreView


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who orders.

    Attributes:
        fields: ``customer_*`` of the order.
        address: Fields of the address, without its numbers.
        shipping_country: Where the goods go (decides the tax), if not the address's country.
        is_untaxed: Whether the shop takes no tax, whatever the country's rate is.
    """

    fields: dict[str, Any]
    address: dict[str, Any]
    shipping_country: str | None = None
    is_untaxed: bool = False


@dataclass(frozen=True, slots=True)
class Cart:
    """What is ordered, by whom and where.

    Attributes:
        store: The store view.
        items: Products with their pieces.
        buyer: Who orders.
        coupon: A cart price rule.
        method: Code of the payment method.
        purchase_order: The buyer's own number.
        shares_shipping: Whether shipping is taxed in proportion to the goods (an extension).
    """

    store: StoreView
    items: tuple[tuple[Product, int], ...]
    buyer: Buyer
    coupon: Coupon | None = None
    method: str = "checkmo"
    purchase_order: str | None = None
    shares_shipping: bool = False

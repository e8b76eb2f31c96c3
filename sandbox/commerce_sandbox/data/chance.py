"""What chance decides: carts, parts of orders, refunds, and when it happens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from commerce_sandbox.data import credit_memos, pieces
from commerce_sandbox.data.arithmetic import CENT, UNIT
from commerce_sandbox.data.carts import Cart
from commerce_sandbox.data.catalog import B2B, COUPONS, SHELF, STORE_VIEWS, Product, StoreView

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from random import Random

    from commerce_sandbox.data.buyers import Buyers
    from commerce_sandbox.data.orders import Order

METHODS = ("checkmo", "banktransfer", "cashondelivery")
_STORES = tuple(store for store in STORE_VIEWS for _ in range(store.share))
_COUPON_SHARE = 0.2
# What kind of refund, by one draw between 0 and 1; above the last bound a fee may be kept.
_GOODWILL, _SHIPPING_ONLY, _PARTIAL, _WITHOUT_FEE = 0.15, 0.25, 0.6, 0.9


def timestamp(moment: datetime) -> str:
    """Write a UTC time as the shop does."""
    return moment.isoformat(" ")[:19]


def draw_cart(rng: Random, buyers: Buyers) -> Cart:
    """Return a random cart of one of the store views."""
    store = rng.choice(_STORES)
    count = 1 + int(rng.random() ** 3 * 5)
    items = tuple(_draw_item(rng, store, product) for product in rng.sample(SHELF, count))
    coupon = None
    if rng.random() < _COUPON_SHARE:
        coupon = rng.choice(COUPONS)
    business = store is B2B
    return Cart(
        store,
        items,
        buyers.draw(store),
        coupon,
        "purchaseorder" if business else rng.choice(METHODS),
        f"PO-{rng.randrange(10**6):06d}" if business else None,
    )


def _draw_item(rng: Random, store: StoreView, product: Product) -> tuple[Product, int]:
    most = 24 if store is B2B else 4
    qty = 1 + int(rng.random() ** 2 * most)
    if product.fractions:
        return product, qty * UNIT // 4
    return product, qty * UNIT


def later(rng: Random, moment: datetime) -> Iterator[str]:
    """Yield later and later times, from ten minutes to some days apart."""
    while True:
        moment += timedelta(seconds=600 + rng.randrange(200_000))
        yield timestamp(moment)


def part(rng: Random, order: Order) -> pieces.Quantities:
    """Return some of the pieces that can be invoiced (whole pieces, at least one line)."""
    return some(rng, order, pieces.to_invoice(order))


def draw_refund(rng: Random, order: Order) -> credit_memos.Refund | None:
    """Return something to refund, or None when nothing comes to mind.

    A goodwill amount or a fee never makes the shop give back more than it was paid: goodwill
    comes off the goods that come back later. An order whose shipping was discounted is refunded
    at once and with its shipping: anything else would leave parts of a cent behind.
    """
    totals = order.money[0]
    left = totals.get("total_paid", 0) - totals.get("total_refunded", 0)
    if left <= 0 or order.fields["state"] == "closed":
        return None
    quantities = pieces.to_refund(order)
    kind = rng.random()
    earlier = totals.get("adjustment_positive", 0)
    if earlier or totals["shipping_discount_amount"]:
        fee = earlier - totals.get("adjustment_negative", 0)
        possible = bool(quantities) and fee <= left
        if totals["shipping_discount_amount"]:
            possible = possible and _shipping_left(order) and not totals.get("total_refunded")
        return _all(quantities, fee) if possible else None
    goodwill = CENT * rng.randrange(1, 500)
    if kind < _GOODWILL and goodwill <= left:
        return credit_memos.Refund({}, adjustment_positive=goodwill)
    if not quantities or kind < _SHIPPING_ONLY:
        return credit_memos.Refund({}, shipping=1.0) if _shipping_left(order) else None
    if kind < _PARTIAL:
        return credit_memos.Refund(
            some(rng, order, quantities), shipping=rng.choice((0.0, 0.0, 0.5))
        )
    fee = CENT * rng.randrange(100) if kind > _WITHOUT_FEE and left > UNIT else 0
    return _all(quantities, fee)


def _all(quantities: pieces.Quantities, fee: int) -> credit_memos.Refund:
    return credit_memos.Refund(quantities, shipping=1.0, adjustment_negative=fee)


def _shipping_left(order: Order) -> bool:
    totals = order.money[0]
    return totals.get("shipping_invoiced", 0) > totals.get("shipping_refunded", 0)


def some(rng: Random, order: Order, available: pieces.Quantities) -> pieces.Quantities:
    """Return some of the pieces that there are (whole pieces, at least one line)."""
    parents = [
        line.fields["item_id"]
        for line in order.lines
        if line.parent is None and line.fields["item_id"] in available
    ]
    if not parents:  # only parts of a bundle are left
        return available
    chosen = rng.sample(parents, rng.randint(1, len(parents)))
    some = {}
    for item_id in chosen:
        whole = available[item_id] // UNIT
        some[item_id] = rng.randint(1, whole) * UNIT if whole > 1 else available[item_id]
    return pieces.with_children(order, some)

"""A shop of any size, made from a seed: the same seed makes the same shop.

Orders are placed one after the other over ten months; most are invoiced at once, some in parts,
some are refunded, cancelled or held. Rows go straight into the store, in batches.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.adobe.store import insert_many
from commerce_sandbox.data import changes, credit_memos, invoices, pieces, shipments
from commerce_sandbox.data.arithmetic import UNIT
from commerce_sandbox.data.buyers import Buyers
from commerce_sandbox.data.catalog import B2B, COUPONS, SHELF, STORE_VIEWS, Product, StoreView
from commerce_sandbox.data.checkout import Cart, place
from commerce_sandbox.data.numbers import Numbers
from commerce_sandbox.data.orders import show_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commerce_sandbox.data.orders import Order
    from commerce_sandbox.database import Database

#: Setting: store views number their documents without a prefix of their own.
ALIKE = "adobe.stores_count_alike"
NUMBERS = "data.numbers"  # setting: the running numbers after generating
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_PERIOD = timedelta(days=304)
_BATCH = 1_000
_METHODS = ("checkmo", "banktransfer", "cashondelivery")
_STORES = tuple(store for store in STORE_VIEWS for _ in range(store.share))
_CENT = 100

# What becomes of an order, by one draw between 0 and 1: the first bound it stays under.
_UNTOUCHED, _CANCELED, _HELD, _REST_CANCELED, _IN_PARTS = 0.06, 0.09, 0.10, 0.12, 0.20
_SHIPPED_SHARE, _REFUND_SHARE, _COUPON_SHARE = 0.3, 0.15, 0.2
# What kind of refund, in the same way; above the last bound a fee may be kept.
_GOODWILL, _SHIPPING_ONLY, _PARTIAL, _WITHOUT_FEE = 0.15, 0.25, 0.6, 0.9

KINDS = ("order", "invoice", "creditmemo", "shipment")


@dataclass(slots=True)
class Sale:
    """An order and the documents made from it.

    Attributes:
        order: As the shop keeps it.
        documents: Shown invoices, credit memos and shipments, as ``(kind, document)``.
    """

    order: Order
    documents: list[tuple[str, dict[str, Any]]]


def timestamp(moment: datetime) -> str:
    """Write a UTC time as the shop does."""
    return moment.isoformat(" ")[:19]


def dumps(document: Any) -> str:
    """Write JSON as the shop does (ASCII, escaped slashes), fast."""
    text = orjson.dumps(document).decode()
    if not text.isascii():
        # Every backslash of invented data is an escape of JSON, so \\x can only be Python's.
        text = text.encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00")
    return text.replace("/", "\\/")


def generate(
    database: Database,
    *,
    orders: int,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Fill the shop with orders, numbered as the setting :data:`ALIKE` says.

    Args:
        database: The sandbox's database, with the catalog in it and no orders.
        orders: How many.
        seed: Same seed, same shop.
        progress: Called with the number of orders made since the last call.
    """
    rng = Random(seed)  # noqa: S311 -- reproducible data, no secrets
    numbers = Numbers(alike=database.setting(ALIKE, default=False))
    buyers = Buyers(rng, orders)
    for batch in buyers.records():
        insert_many(database, "customer", map(dumps, batch))
    with ThreadPoolExecutor(1) as writer:  # SQLite works while the next batch is made
        written = writer.submit(_write, database, {})
        rows: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for count, sale in enumerate(sales(rng, buyers, numbers, orders), 1):
            rows["order"].append(dumps(show_order(sale.order)))
            for kind, document in sale.documents:
                rows[kind].append(dumps(document))
            if count % _BATCH == 0 or count == orders:
                written.result()
                written = writer.submit(_write, database, rows)
                rows = {kind: [] for kind in KINDS}
                progress(_BATCH if count % _BATCH == 0 else count % _BATCH)
        written.result()
        writer.submit(database.close).result()
    database.set_setting(NUMBERS, {"ids": numbers.ids, "increments": numbers.increments})


def _write(database: Database, rows: dict[str, list[str]]) -> None:
    with database.transaction():
        for kind, lines in rows.items():
            insert_many(database, kind, lines)


def sales(rng: Random, buyers: Buyers, numbers: Numbers, count: int) -> Iterator[Sale]:
    """Yield orders with their documents, in the order of their creation."""
    step = _PERIOD / max(count, 1)
    for index in range(count):
        placed = FIRST_DAY + step * index
        cart = draw_cart(rng, buyers)
        order = place(cart, numbers, timestamp(placed))
        yield Sale(order, live(rng, order, numbers, placed))


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
        "purchaseorder" if business else rng.choice(_METHODS),
        f"PO-{rng.randrange(10**6):06d}" if business else None,
    )


def _draw_item(rng: Random, store: StoreView, product: Product) -> tuple[Product, int]:
    most = 24 if store is B2B else 4
    qty = 1 + int(rng.random() ** 2 * most)
    if product.fractions:
        return product, qty * UNIT // 4
    return product, qty * UNIT


def live(
    rng: Random, order: Order, numbers: Numbers, placed: datetime
) -> list[tuple[str, dict[str, Any]]]:
    """Let an order live its life and return the documents it leaves."""
    times = _later(rng, placed)
    fate = rng.random()
    if fate < _UNTOUCHED:
        return []
    if fate < _CANCELED:
        changes.cancel(order, next(times))
        return []
    if fate < _HELD:
        changes.hold(order, next(times))
        return []
    documents: list[tuple[str, dict[str, Any]]] = []
    if fate < _IN_PARTS:
        made = invoices.invoice(order, part(rng, order), numbers, next(times))
        documents.append(("invoice", made))
        if fate < _REST_CANCELED and pieces.to_invoice(order):
            changes.cancel(order, next(times))
            return documents
    left = pieces.to_invoice(order)
    if left:
        documents.append(("invoice", invoices.invoice(order, left, numbers, next(times))))
    to_ship = pieces.to_ship(order)
    if to_ship and rng.random() < _SHIPPED_SHARE:
        documents.append(("shipment", shipments.ship(order, to_ship, numbers, next(times))))
    while rng.random() < _REFUND_SHARE:
        given = draw_refund(rng, order)
        if given is None:
            break
        documents.append(("creditmemo", credit_memos.refund(order, given, numbers, next(times))))
    return documents


def _later(rng: Random, moment: datetime) -> Iterator[str]:
    """Yield later and later times."""
    while True:
        moment += timedelta(seconds=600 + rng.randrange(200_000))
        yield timestamp(moment)


def part(rng: Random, order: Order) -> pieces.Quantities:
    """Return some of the pieces that can be invoiced (whole pieces, at least one line)."""
    return _some(rng, order, pieces.to_invoice(order))


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
    goodwill = _CENT * rng.randrange(1, 500)
    if kind < _GOODWILL and goodwill <= left:
        return credit_memos.Refund({}, adjustment_positive=goodwill)
    if not quantities or kind < _SHIPPING_ONLY:
        return credit_memos.Refund({}, shipping=1.0) if _shipping_left(order) else None
    if kind < _PARTIAL:
        return credit_memos.Refund(
            _some(rng, order, quantities), shipping=rng.choice((0.0, 0.0, 0.5))
        )
    fee = _CENT * rng.randrange(100) if kind > _WITHOUT_FEE and left > UNIT else 0
    return _all(quantities, fee)


def _all(quantities: pieces.Quantities, fee: int) -> credit_memos.Refund:
    return credit_memos.Refund(quantities, shipping=1.0, adjustment_negative=fee)


def _shipping_left(order: Order) -> bool:
    totals = order.money[0]
    return totals.get("shipping_invoiced", 0) > totals.get("shipping_refunded", 0)


def _some(rng: Random, order: Order, available: pieces.Quantities) -> pieces.Quantities:
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

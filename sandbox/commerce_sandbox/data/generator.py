"""A shop of any size, made from a seed: the same seed makes the same shop.

Orders are placed one after the other over ten months; most are invoiced at once, some in parts,
some are refunded, cancelled or held. Rows go straight into the store, in batches.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.adobe.store import insert_many
from commerce_sandbox.data import changes, credit_memos, invoices, pieces, recorded, shipments
from commerce_sandbox.data.buyers import Buyers
from commerce_sandbox.data.catalog import WEAK
from commerce_sandbox.data.chance import draw_cart, draw_refund, later, part, timestamp
from commerce_sandbox.data.checkout import place
from commerce_sandbox.data.kinds import Kinds
from commerce_sandbox.data.numbers import Numbers
from commerce_sandbox.data.orders import show_order
from commerce_sandbox.data.unusual import MAKERS, Sale, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from commerce_sandbox.data.catalog import StoreView
    from commerce_sandbox.data.orders import Order
    from commerce_sandbox.database import Database

#: Setting: store views number their documents without a prefix of their own.
ALIKE = "adobe.stores_count_alike"
NUMBERS = "data.numbers"  # setting: the running numbers after generating
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_PERIOD = timedelta(days=304)
_BATCH = 1_000

# What becomes of an order, by one draw between 0 and 1: the first bound it stays under.
_UNTOUCHED, _CANCELED, _HELD, _REST_CANCELED, _IN_PARTS = 0.06, 0.09, 0.10, 0.12, 0.20
_SHIPPED_SHARE, _REFUND_SHARE = 0.3, 0.15

RECORDS = ("order", "invoice", "creditmemo", "shipment", "transaction")


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
    kinds: Kinds | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Fill the shop with orders, numbered as the setting :data:`ALIKE` says.

    Args:
        database: The sandbox's database, with the catalog in it and no orders.
        orders: How many.
        seed: Same seed, same shop.
        kinds: What is unusual in it; nothing by default.
        progress: Called with the number of orders made since the last call.
    """
    rng = Random(seed)  # noqa: S311 -- reproducible data, no secrets
    kinds = kinds or Kinds()
    if kinds.alike:
        database.set_setting(ALIKE, value=True)
    numbers = Numbers(alike=database.setting(ALIKE, default=False))
    buyers = Buyers(rng, orders)
    if kinds.shares.get("weak_currency"):
        _open_store_views(database, WEAK)
    for batch in buyers.records():
        insert_many(database, "customer", map(dumps, batch))
    with ThreadPoolExecutor(1) as writer:  # SQLite works while the next batch is made
        written = writer.submit(_write, database, {})
        rows: dict[str, list[str]] = {kind: [] for kind in RECORDS}
        for count, sale in enumerate(sales(rng, buyers, numbers, orders, kinds), 1):
            rows["order"].append(dumps(show_order(sale.order)))
            for kind, document in sale.documents:
                rows[kind].append(dumps(document))
            if count % _BATCH == 0 or count == orders:
                written.result()
                written = writer.submit(_write, database, rows)
                rows = {kind: [] for kind in RECORDS}
                progress(_BATCH if count % _BATCH == 0 else count % _BATCH)
        written.result()
        writer.submit(database.close).result()
    database.set_setting(NUMBERS, {"ids": numbers.ids, "increments": numbers.increments})


def _write(database: Database, rows: dict[str, list[str]]) -> None:
    with database.transaction():
        for kind, lines in rows.items():
            insert_many(database, kind, lines)


def _open_store_views(database: Database, stores: Iterable[StoreView]) -> None:
    """Add store views of the consumer site, which are set up like its first one."""
    config = json.loads(recorded.lines("store_config")[0])
    for store in stores:
        own = {"id": store.store_id, "code": store.currency.lower()}
        view = {**own, "name": store.currency, "website_id": 1, "store_group_id": 1, "is_active": 1}
        shown = {**config, **own, "default_display_currency_code": store.currency}
        insert_many(database, "store_view", [dumps(view)])
        insert_many(database, "store_config", [dumps(shown)])


def sales(
    rng: Random, buyers: Buyers, numbers: Numbers, count: int, kinds: Kinds
) -> Iterator[Sale]:
    """Yield orders with their documents, in the order of their creation."""
    step = _PERIOD / max(count, 1)
    other = Random(rng.random()) if kinds.shares else rng  # noqa: S311 -- reproducible data
    for index in range(count):
        placed = FIRST_DAY + step * index
        kind = kinds.draw(other) if kinds.shares else None
        if kind is not None:
            yield MAKERS[kind](Workshop(other, numbers, placed))
            continue
        order = place(draw_cart(rng, buyers), numbers, timestamp(placed))
        yield Sale(order, live(rng, order, numbers, placed))


def live(
    rng: Random, order: Order, numbers: Numbers, placed: datetime
) -> list[tuple[str, dict[str, Any]]]:
    """Let an order live its life and return the documents it leaves."""
    times = later(rng, placed)
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

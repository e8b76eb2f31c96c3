"""A shop that keeps changing while someone reads it.

New orders come in and old ones are invoiced, refunded, shipped, held, cancelled or commented on.
As in a real shop some changes become visible seconds after the time they carry: their
transaction took that long. What moves ``updated_at`` and what does not is as recorded.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from commerce_sandbox.adobe.store import insert_many
from commerce_sandbox.data import changes, credit_memos, invoices, pieces, shipments, vouchers
from commerce_sandbox.data.buyers import Buyers
from commerce_sandbox.data.chance import draw_cart, draw_refund, part, timestamp
from commerce_sandbox.data.checkout import place
from commerce_sandbox.data.generator import ALIKE, NUMBERS, dumps
from commerce_sandbox.data.numbers import Numbers
from commerce_sandbox.data.orders import Order, read_order, show_order

if TYPE_CHECKING:
    from sqlite3 import Connection

    from commerce_sandbox.clock import Clock
    from commerce_sandbox.database import Database

_NEW_SHARE = 0.35
_LATE_SHARE = 0.4
_CANDIDATES = 300
_EXPECTED_ORDERS = 1_000  # decides how many customers buy
_OPEN_STATES = "('new', 'processing', 'complete', 'holded')"

_PARTIAL_SHARE = 0.5

Rows = list[tuple[str, dict[str, Any]]]
Action = Callable[[str], Rows | None]


@dataclass(order=True)
class Change:
    """One change of the shop.

    Attributes:
        visible_at: When its transaction commits, UTC.
        number: Counts the changes of one writer.
        kind: ``new``, ``invoice``, ``refund``, ``ship``, ``cancel``, ``hold``, ``unhold``,
            ``comment`` or ``address``.
        order_id: ``entity_id`` of the order.
        at: The time its rows carry (``YYYY-MM-DD HH:MM:SS``, UTC).
        moves_order: Whether the order's ``updated_at`` became ``at``.
        rows: What it writes: kind of record and document.
    """

    visible_at: datetime
    number: int
    kind: str = field(compare=False)
    order_id: int = field(compare=False)
    at: str = field(compare=False)
    moves_order: bool = field(compare=False)
    rows: Rows = field(compare=False, repr=False)

    def summary(self) -> str:
        """Return the change as one line of JSON, rows as kind and ``entity_id``."""
        shown = asdict(self)
        shown["visible_at"] = self.visible_at.isoformat()
        shown["rows"] = [[kind, document["entity_id"]] for kind, document in self.rows]
        return json.dumps(shown)


class ShopWriter:
    """Changes a shop step by step; one writer per database."""

    def __init__(
        self, database: Database, clock: Clock, seed: int = 0, *, late_seconds: float = 3.0
    ) -> None:
        """Continue the shop in a database.

        Args:
            database: The sandbox's database with a shop in it.
            clock: Gives the time when :meth:`step` is not told.
            seed: Same seed and same times, same changes.
            late_seconds: The longest a change stays invisible.
        """
        self._database = database
        self._clock = clock
        self._rng = Random(seed)  # noqa: S311 -- reproducible data, no secrets
        self._late_seconds = late_seconds
        self._numbers = running_numbers(database)
        self._buyers = Buyers(self._rng, _EXPECTED_ORDERS)
        customers = [row for batch in self._buyers.records() for row in batch]
        insert_many(database, "customer", map(dumps, customers))
        self._pending: list[Change] = []
        self.committed: list[Change] = []

    @property
    def pending(self) -> list[Change]:
        """Return the changes that nobody can see yet."""
        return sorted(self._pending)

    def step(self, now: datetime | None = None) -> Change:
        """Commit what is due and begin one more change.

        Args:
            now: The time, UTC; the clock's when not given.
        """
        now = now or self._clock.now()
        self.commit(now)
        change = self._begin(now)
        heapq.heappush(self._pending, change)
        self.commit(now)
        return change

    def commit(self, now: datetime) -> None:
        """Make every change visible whose time has come."""
        due = []
        while self._pending and self._pending[0].visible_at <= now:
            due.append(heapq.heappop(self._pending))
        if not due:
            return
        with self._database.transaction():
            for change in due:
                for kind, document in change.rows:
                    insert_many(self._database, kind, [dumps(document)])
            self._database.set_setting(NUMBERS, asdict(self._numbers))
        self.committed.extend(due)

    def roll_back(self, change: Change) -> None:
        """Take back a change that nobody can see yet; its numbers are spent."""
        self._pending.remove(change)
        heapq.heapify(self._pending)

    def settle(self) -> None:
        """Make everything visible."""
        self.commit(datetime.max.replace(tzinfo=UTC))

    def _begin(self, now: datetime) -> Change:
        rng = self._rng
        at = timestamp(now)
        late = rng.random() < _LATE_SHARE
        visible_at = now + timedelta(seconds=rng.random() * self._late_seconds * late)
        order = None if rng.random() < _NEW_SHARE else self._draw_order()
        rows: Rows
        if order is None:
            kind = "new"
            order = place(draw_cart(rng, self._buyers), self._numbers, at)
            rows = []
        else:
            kind, action = rng.choice(self._possible(order))
            rows = action(at) or []
        moves = order.fields["updated_at"] == at
        rows = [("order", show_order(order)), *rows]
        number = len(self._pending) + len(self.committed) + 1
        return Change(visible_at, number, kind, order.fields["entity_id"], at, moves, rows)

    def _draw_order(self) -> Order | None:
        """Return an order that has no invisible change (its row is locked in a real shop)."""
        locked = {change.order_id for change in self._pending}
        rows = self._database.connection().execute(
            f"SELECT entity_id FROM adobe_order WHERE state IN {_OPEN_STATES} "  # noqa: S608 -- own constant
            "ORDER BY entity_id DESC LIMIT ?",
            (_CANDIDATES,),
        )
        free = [row["entity_id"] for row in rows if row["entity_id"] not in locked]
        if not free:
            return None
        row = (
            self._database.connection()
            .execute("SELECT body FROM adobe_order WHERE entity_id = ?", (self._rng.choice(free),))
            .fetchone()
        )
        return read_order(json.loads(row["body"]))

    def _possible(self, order: Order) -> list[tuple[str, Action]]:
        """Return what can happen to an order now; what happens more often more than once."""
        street = ["Verhuisstraat", str(self._rng.randrange(1, 400))]
        possible: list[tuple[str, Action]] = [
            ("comment", lambda at: changes.comment(order, "Gebeld", self._numbers, at)),
            ("address", lambda _: changes.move_address(order, street)),
        ]
        if order.fields["state"] == "holded":
            return [*possible, ("unhold", lambda at: changes.unhold(order, at))]
        if vouchers.used(order) or "last_trans_id" in order.payment:
            return possible
        if order.fields["state"] in ("new", "processing"):
            possible.append(("hold", lambda at: changes.hold(order, at)))
            if pieces.to_invoice(order):
                possible += [("invoice", lambda at: self._invoice(order, at))] * 5
                possible.append(("cancel", lambda at: changes.cancel(order, at)))
            if pieces.to_ship(order):
                possible += [("ship", lambda at: self._ship(order, at))] * 2
        given = draw_refund(self._rng, order)
        if given is not None:
            possible += [("refund", lambda at: self._refund(order, given, at))] * 3
        return possible

    def _invoice(self, order: Order, at: str) -> Rows:
        quantities = part(self._rng, order)
        return [("invoice", invoices.invoice(order, quantities, self._numbers, at))]

    def _ship(self, order: Order, at: str) -> Rows:
        return [("shipment", shipments.ship(order, self._some_to_ship(order), self._numbers, at))]

    def _some_to_ship(self, order: Order) -> pieces.Quantities:
        """Return all that is left to ship, or only its first line (an incomplete shipment)."""
        left = pieces.to_ship(order)
        if self._rng.random() < _PARTIAL_SHARE:
            return dict([next(iter(left.items()))])
        return left

    def _refund(self, order: Order, given: credit_memos.Refund, at: str) -> Rows:
        return [("creditmemo", credit_memos.refund(order, given, self._numbers, at))]


def running_numbers(database: Database) -> Numbers:
    """Return the numbers a shop has come to, from its own note or from its documents."""
    alike = database.setting(ALIKE, default=False)
    noted = database.setting(NUMBERS)
    if noted is not None:
        return Numbers(dict(noted["ids"]), dict(noted["increments"]), alike)
    connection = database.connection()
    numbers = Numbers(alike=alike)
    for kind in ("order", "invoice", "creditmemo", "shipment"):
        for row in connection.execute(f"SELECT body FROM adobe_{kind}"):  # noqa: S608 -- own names
            document = json.loads(row["body"])
            _count(numbers.ids, kind, document["entity_id"])
            counter = int(document["increment_id"].partition("-")[0][-9:])
            _count(numbers.increments, f"{kind}:{document['store_id']}", counter)
            name, key = ("line", "item_id") if kind == "order" else (f"{kind}_line", "entity_id")
            for item in document["items"]:
                _count(numbers.ids, name, item[key])
    _count_in_orders(connection, numbers)
    return numbers


def _count_in_orders(connection: Connection, numbers: Numbers) -> None:
    for row in connection.execute("SELECT body FROM adobe_order"):
        order = json.loads(row["body"])
        extension = order["extension_attributes"]
        _count(numbers.ids, "address", order["billing_address_id"])
        for history in order["status_histories"]:
            _count(numbers.ids, "history", history["entity_id"])
        for tax in extension["taxes"]:
            _count(numbers.ids, "tax", tax["tax_id"])
        itemized = [tax for item in order["items"] for tax in _itemized(item)]
        for tax in (*itemized, *extension["additional_itemized_taxes"]):
            _count(numbers.ids, "tax_item", tax["tax_item_id"])


def _itemized(item: dict[str, Any]) -> list[dict[str, Any]]:
    taxes: list[dict[str, Any]] = item["extension_attributes"]["itemized_taxes"]
    return taxes


def _count(highest: dict[str, int], name: str, value: int) -> None:
    highest[name] = max(highest.get(name, 0), value)

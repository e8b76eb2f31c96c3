"""The queue, on both databases: nothing that was told is lost, and nothing is done twice."""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from target_exact_online.ledger.store import Ledger
from target_exact_online.webhooks import queue
from target_exact_online.webhooks.signals import Signal

from .conftest import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ENTRY = Signal("exact", 123456, "SalesEntries", "a", "update")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with contextlib.closing(Ledger.open(ledger_url)) as opened:
        yield opened


def test_repeats_are_one_row_and_what_comes_while_one_looks_is_looked_at_again(
    ledger: Ledger,
) -> None:
    engine = ledger.engine
    queue.put(engine, [ENTRY, ENTRY], NOON)
    queue.put(engine, [ENTRY], NOON + timedelta(minutes=1))
    (one,) = queue.waiting(engine, "exact", ["SalesEntries"])
    assert (one.times, one.first_at, one.last_at) == (3, NOON, NOON + timedelta(minutes=1))
    queue.put(engine, [Signal("exact", 123456, "SalesEntries", "a", "delete")], NOON)
    queue.handled(engine, [one], NOON)
    (again,) = queue.waiting(engine)
    assert (again.times, again.action) == (4, "delete")
    queue.handled(engine, [again], NOON + timedelta(minutes=2))
    assert queue.waiting(engine) == []
    later = NOON + timedelta(hours=1)
    queue.put(engine, [ENTRY], later)  # a replay: looked at once more, and no more
    (replayed,) = queue.waiting(engine)
    assert (replayed.times, replayed.first_at) == (5, later)
    queue.later(engine, [replayed], later + timedelta(minutes=1))
    assert queue.waiting(engine)[0].first_at == later + timedelta(minutes=1)


def test_the_same_key_elsewhere_is_another_record(ledger: Ledger) -> None:
    others = [
        Signal("exact", 654321, "SalesEntries", "a"),
        Signal("exact", 123456, "Items", "a"),
        Signal("exact", 123456, "SalesEntries", "b"),
        Signal("adobe", 123456, "SalesEntries", "a"),
    ]
    queue.put(ledger.engine, [ENTRY, *others], NOON)
    assert len(queue.waiting(ledger.engine)) == 5
    assert len(queue.waiting(ledger.engine, "exact")) == 4
    assert len(queue.waiting(ledger.engine, "exact", ["SalesEntries"], limit=2)) == 2
    queue.handled(ledger.engine, queue.waiting(ledger.engine, "exact", ["Items"]))
    assert len(queue.waiting(ledger.engine)) == 4


def test_orders_are_handed_to_runs_until_their_transaction_must_have_ended(
    ledger: Ledger,
) -> None:
    engine = ledger.engine
    queue.put(engine, [
        Signal("adobe", 0, "order", "12", order_id=12),
        Signal("adobe", 0, "invoice", "31", order_id=12),
        Signal("adobe", 0, "credit_memo", "5", order_id=7),
    ], NOON)  # fmt: skip
    queue.put(engine, [Signal("adobe", 0, "order", "8", order_id=8)], NOON + timedelta(minutes=10))
    assert queue.take_orders(engine, NOON + timedelta(minutes=1)) == [7, 8, 12]
    assert queue.take_orders(engine, NOON + timedelta(minutes=16)) == [7, 8, 12]
    assert queue.take_orders(engine, NOON + timedelta(minutes=17)) == [8]
    assert queue.take_orders(engine, NOON + timedelta(minutes=40)) == [8]
    assert queue.take_orders(engine, NOON + timedelta(minutes=41)) == []


def test_an_order_that_is_told_of_again_is_handed_to_runs_from_then_on(ledger: Ledger) -> None:
    engine, order = ledger.engine, Signal("adobe", 0, "order", "12", order_id=12)
    queue.put(engine, [order], NOON)
    queue.put(engine, [order], NOON + timedelta(minutes=10))
    assert queue.take_orders(engine, NOON + timedelta(minutes=16)) == [12]
    assert queue.take_orders(engine, NOON + timedelta(minutes=24)) == [12]
    assert queue.take_orders(engine, NOON + timedelta(minutes=25)) == [12]
    assert queue.take_orders(engine, NOON + timedelta(minutes=25)) == []


def test_an_order_once_known_stays_known(ledger: Ledger) -> None:
    queue.put(ledger.engine, [Signal("adobe", 0, "invoice", "31", order_id=12)], NOON)
    queue.put(ledger.engine, [Signal("adobe", 0, "invoice", "31")], NOON)
    assert queue.take_orders(ledger.engine, NOON) == [12]


def test_what_was_looked_at_long_ago_is_forgotten(ledger: Ledger) -> None:
    other = Signal("exact", 123456, "SalesEntries", "b")
    queue.put(ledger.engine, [ENTRY, other], NOON)
    queue.handled(ledger.engine, queue.waiting(ledger.engine, limit=1), NOON)
    queue.forget_old(ledger.engine, NOON + timedelta(days=13))
    assert len(rows_of(ledger.engine)) == 2
    queue.forget_old(ledger.engine, NOON + timedelta(days=15))
    assert [row["key"] for row in rows_of(ledger.engine)] == ["b"]


def test_several_receivers_keep_signals_at_once(ledger: Ledger) -> None:
    keys = [f"{number:03}" for number in range(40)]

    def put(order: list[str]) -> None:
        for _ in range(5):
            queue.put(ledger.engine, [Signal("exact", 1, "Items", key) for key in order])

    threads = [threading.Thread(target=put, args=(keys[:: 1 - 2 * (n % 2)],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row["times"] for row in rows_of(ledger.engine)] == [20] * 40

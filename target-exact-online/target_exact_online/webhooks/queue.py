"""The durable queue of signals, in the ledger's database: one row for each record, however often.

A signal that comes while another of the same record is looked at is looked at again: only what was
seen counts as handled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connector_program.database import insert, reading
from target_exact_online.ledger.tables import signals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Engine

    from target_exact_online.webhooks.signals import Signal

KEPT = timedelta(days=14)
"""How long a signal that was looked at is remembered."""
ORDERS_AGAIN = timedelta(minutes=15)
"""How long an order is handed to runs: the shop may tell of it before its transaction ends."""
_KEY = (signals.c.source, signals.c.division, signals.c.topic, signals.c.key)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that somebody is to look at.

    Attributes:
        source: ``exact`` or ``adobe``.
        division: The Exact company, or 0.
        topic: Exact's topic or the shop's kind.
        key: The record's key.
        action: The last one that was told.
        order_id: The shop's order, or None.
        first_at: When it was first told of since somebody looked (UTC).
        last_at: When it was last told of (UTC).
        times: How often in all.
    """

    source: str
    division: int
    topic: str
    key: str
    action: str
    order_id: int | None
    first_at: datetime
    last_at: datetime
    times: int


_COLUMNS = tuple(signals.c[name] for name in Waiting.__dataclass_fields__)


def put(engine: Engine, came: Iterable[Signal], now: datetime | None = None) -> None:
    """Keep signals, in one transaction; when this returns they are durable.

    Args:
        engine: The ledger's engine.
        came: The signals.
        now: The present moment (UTC).
    """
    at = now or datetime.now(UTC)
    rows: dict[tuple[str, int, str, str], dict[str, Any]] = {}
    for one in came:
        key = (one.source, one.division, one.topic, one.key)
        times = rows[key]["times"] + 1 if key in rows else 1
        rows[key] = {
            **dict(zip(("source", "division", "topic", "key"), key, strict=True)),
            "action": one.action,
            "order_id": one.order_id,
            "times": times,
            "first_at": at,
            "last_at": at,
            "handled_at": None,
        }
    if not rows:
        return
    with engine.begin() as connection:
        made = insert(connection, signals)
        new = made.excluded
        again = sa.case((signals.c.handled_at.is_(None), signals.c.first_at), else_=new.first_at)
        kept = made.on_conflict_do_update(
            index_elements=list(_KEY),
            set_={
                "action": new.action,
                "order_id": sa.func.coalesce(new.order_id, signals.c.order_id),
                "first_at": again,
                "last_at": new.last_at,
                "times": signals.c.times + new.times,
                "handled_at": None,
            },
        )
        # In one order, or two processes could wait for each other.
        connection.execute(kept, [rows[key] for key in sorted(rows)])


def waiting(
    engine: Engine,
    source: str | None = None,
    topics: Iterable[str] = (),
    *,
    limit: int | None = None,
) -> list[Waiting]:
    """Return what nobody has looked at, oldest first.

    Args:
        engine: The ledger's engine.
        source: Whose signals; None: both systems'.
        topics: About what; empty: anything.
        limit: How many at most.
    """
    conditions: list[sa.ColumnElement[bool]] = [signals.c.handled_at.is_(None)]
    if source is not None:
        conditions.append(signals.c.source == source)
    if some := list(topics):
        conditions.append(signals.c.topic.in_(some))
    query = sa.select(*_COLUMNS).where(*conditions).order_by(signals.c.first_at, *_KEY)
    with reading(engine) as connection:
        return [Waiting(*row) for row in connection.execute(query.limit(limit))]


def handled(engine: Engine, some: Iterable[Waiting], now: datetime | None = None) -> None:
    """Note that somebody looked; what was told again since then goes on waiting.

    Args:
        engine: The ledger's engine.
        some: What was looked at, as it was then.
        now: The present moment (UTC).
    """
    _update(engine, some, {"handled_at": now or datetime.now(UTC)})


def later(engine: Engine, some: Iterable[Waiting], now: datetime | None = None) -> None:
    """Have records that were looked at looked at once more, after the same time again."""
    _update(engine, some, {"first_at": now or datetime.now(UTC)})


def _update(engine: Engine, some: Iterable[Waiting], values: dict[str, Any]) -> None:
    rows = [
        {f"was_{name}": getattr(one, name) for name in ("source", "division", "topic", "key")}
        | {"was_times": one.times}
        for one in some
    ]
    if not rows:
        return
    names = (*(column.name for column in _KEY), "times")
    same = sa.and_(*(signals.c[name] == sa.bindparam(f"was_{name}") for name in names))
    with engine.begin() as connection:
        connection.execute(signals.update().where(same).values(values), rows)


def take_orders(engine: Engine, now: datetime | None = None) -> list[int]:
    """Return the entity ids of the shop's orders that the next run is to read.

    An order is handed to each run until it was handed to one some time after the last signal: the
    shop tells of a document before its transaction has ended, and then nobody can read it yet.

    Args:
        engine: The ledger's engine.
        now: The present moment (UTC).
    """
    at = now or datetime.now(UTC)
    found = waiting(engine, "adobe")
    handled(engine, (one for one in found if one.last_at <= at - ORDERS_AGAIN), at)
    return sorted({one.order_id for one in found if one.order_id is not None})


def forget_old(engine: Engine, now: datetime | None = None) -> None:
    """Forget signals that were looked at long ago."""
    before = (now or datetime.now(UTC)) - KEPT
    with engine.begin() as connection:
        connection.execute(signals.delete().where(signals.c.handled_at < before))

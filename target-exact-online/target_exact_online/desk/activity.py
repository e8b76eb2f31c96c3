"""What happened lately: documents per day, and what people did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from connector_program.database import reading
from target_exact_online.ledger.tables import chain, documents, events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_exact_online.ledger.store import Ledger

_BY = '"by":'  # in the facts of an event: a person did it


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person did."""

    seq: int  # number of its event
    at: str  # when (UTC, ISO)
    kind: str  # such as `skipped` or `month_signed`
    document_key: str | None
    by: str  # the name of their account on the machine
    facts: Mapping[str, Any]
    note: bytes | None  # their words, encrypted


@dataclass(frozen=True, slots=True)
class Acts:
    """What people did, and where the audit trail ends."""

    seq: int  # number of the last event of all
    head: str  # its hash
    newest: tuple[Act, ...]  # newest first
    searched_from: int  # the first event that was looked at
    looked_to: int  # the last one


def documents_per_day(ledger: Ledger, days: int) -> list[tuple[str, int]]:
    """Return the last booking days that have documents, oldest first, and how many each has."""
    day = documents.c.entry_date
    query = (
        sa.select(day, sa.func.count())
        .where(day.is_not(None))
        .group_by(day)
        .order_by(day.desc())
        .limit(days)
    )
    with reading(ledger.engine) as connection:
        found = connection.execute(query).tuples().all()
    return list(reversed(found))


def acts(ledger: Ledger, *, before: int | None = None, limit: int, among: int) -> Acts:
    """Return what people did lately.

    Args:
        ledger: The ledger.
        before: Only events before this one.
        limit: How many acts at most.
        among: How many events are looked at, at most: people act seldom.
    """
    with reading(ledger.engine) as connection:
        end = connection.execute(sa.select(chain.c.seq, chain.c.hash)).one()
        last = end.seq if before is None else before - 1
        first = max(last - among, 0) + 1
        query = (
            sa.select(events)
            .where(events.c.seq.between(first, last), events.c.detail.contains(_BY))
            .order_by(events.c.seq.desc())
            .limit(limit)
        )
        rows = connection.execute(query).all()
    found = tuple(one for row in rows if (one := _act(row)) is not None)
    reached = rows[-1].seq if len(rows) == limit else first
    return Acts(end.seq, end.hash, found, reached, last)


def _act(row: sa.Row[Any]) -> Act | None:
    facts = msgspec.json.decode(row.detail)
    if not isinstance(facts, dict) or not isinstance(facts.get("by"), str):
        return None  # a reference of the shop may hold these letters, too
    return Act(row.seq, row.at, row.kind, row.document_key, facts["by"], facts, row.note)

"""What is asked of the ledger while documents are posted. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from connector_program.database import reading
from target_exact_online.ledger.rows import DAY, SUMMARY_STREAM, opened, row_of
from target_exact_online.ledger.runs import dead_runs
from target_exact_online.ledger.tables import (
    IN_NO_ENTRY,
    IS_OPEN,
    MAY_BE_IN_EXACT,
    WITHOUT_NUMBER,
    chain,
    documents,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from target_exact_online.ledger.rows import Document
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.posting.state import Row

_MANY = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document out of the ledger, with what the ledger knows of it."""

    document: Document  # its content; its record is empty when it was anonymised
    row: Row  # its row
    sent: str | None  # what was sent for it last, as JSON, or None
    summary_key: str | None  # the entry of the day that it is part of, or None
    updated_at: datetime  # when something last happened to it (UTC)


def look_up(ledger: Ledger, document_key: str) -> Waiting | None:
    """Return one document, or None when the ledger does not know it."""
    return next(iter(_select(ledger, documents.c.document_key == document_key, 1)), None)


def changing_version(ledger: Ledger, document_key: str) -> Document | None:
    """Return the version that Exact's own document is being made, or None."""
    query = sa.select(documents).where(documents.c.document_key == document_key)
    with reading(ledger.engine) as connection:
        row = connection.execute(query).one_or_none()
    if row is None or row.changing_payload is None:
        return None
    changing = opened(ledger.keys, row._asdict(), "changing_payload")
    return replace(changing, payload_hash=row.changing_hash)


def due(
    ledger: Ledger,
    *,
    now: datetime,
    looked_at: datetime | None,
    after: int,
    upto: int | None = None,
    kind: str | None = None,
    limit: int = 50,
) -> Sequence[Waiting]:
    """Return documents that may be sent, in the order in which something last happened to them.

    Held ones are due when their time is not later than ``now`` (UTC), failed and parked ones when
    it is not later than ``looked_at``; None: none of these is. Only those count whose last event
    is later than ``after``, and not later than ``upto``.
    """
    time = documents.c.next_retry_at
    held = (documents.c.state == "held") & (time.is_(None) | (time <= now))
    again: sa.ColumnElement[bool] = sa.false()
    if looked_at is not None:
        again = documents.c.state.in_(("failed", "parked")) & (time <= looked_at)
    return _select(
        ledger,
        sa.and_(
            IS_OPEN,
            held | again,
            documents.c.may_be_in_exact.is_(False),
            documents.c.stream.not_in((SUMMARY_STREAM, "refused_documents")),
            documents.c.payload.is_not(None),
            documents.c.last_seq > after,
            *([documents.c.last_seq <= upto] if upto is not None else []),
            *([documents.c.kind == kind] if kind else []),
        ),
        limit,
    )


def unsettled(ledger: Ledger, *, looked_at: datetime, limit: int = 200) -> Sequence[Waiting]:
    """Return documents that may be in Exact and that no run has in hand, oldest call first."""
    parked = (documents.c.state == "parked") & (documents.c.next_retry_at <= looked_at)
    return _select(
        ledger,
        sa.and_(
            MAY_BE_IN_EXACT,
            documents.c.claimed_by.is_(None),
            documents.c.stream != SUMMARY_STREAM,
            (documents.c.state == "sending") | parked,
        ),
        limit,
        documents.c.sent_at,
    )


def abandoned(ledger: Ledger, run_id: str) -> list[str]:
    """Return the documents that dead runs had in hand; the run that asks is alive for sure."""
    claimed = sa.select(documents.c.claimed_by, documents.c.document_key).where(
        MAY_BE_IN_EXACT, documents.c.claimed_by.is_not(None)
    )
    with reading(ledger.engine) as connection:
        found = connection.execute(claimed.order_by(documents.c.sent_at)).all()
    dead = dead_runs(ledger.engine, {row.claimed_by for row in found} - {run_id})
    return [row.document_key for row in found if row.claimed_by in dead]


def to_change(ledger: Ledger, stream: str, *, limit: int = 200) -> list[str]:
    """Return posted documents of which a version waits that Exact should get."""
    query = (
        sa.select(documents.c.document_key)
        .where(
            documents.c.newer_hash.is_not(None),
            documents.c.newer_payload.is_not(None),
            documents.c.stream == stream,
            documents.c.newer_stream == stream,
            documents.c.state == "posted",
            documents.c.payload.is_not(None),
            documents.c.error.is_(None),
        )
        .order_by(documents.c.last_seq)
        .limit(limit)
    )
    with reading(ledger.engine) as connection:
        return list(connection.scalars(query))


def to_compare(ledger: Ledger, stream: str, *, limit: int = 1_000) -> Sequence[Waiting]:
    """Return posted documents of which Exact's own number is not known yet."""
    condition = sa.and_(
        WITHOUT_NUMBER, documents.c.stream == stream, documents.c.payload.is_not(None)
    )
    return _select(ledger, condition, limit)


def owners(ledger: Ledger, division: int, exact_ids: Iterable[str]) -> dict[str, str]:
    """Return which documents hold these GUIDs of Exact, by GUID."""
    wanted = list(exact_ids)
    held: dict[str, str] = {}
    with reading(ledger.engine) as connection:
        for start in range(0, len(wanted), _MANY):
            query = sa.select(documents.c.exact_id, documents.c.document_key).where(
                documents.c.division == division,
                documents.c.exact_id.in_(wanted[start : start + _MANY]),
            )
            held |= dict(connection.execute(query).tuples().all())
    return held


def unanswered(ledger: Ledger, division: int, stream: str, your_ref: str | None) -> str | None:
    """Return a document with the shop's reference, or any, that may be in Exact and is nobody's."""
    query = sa.select(documents.c.document_key).where(
        MAY_BE_IN_EXACT,
        documents.c.division == division,
        documents.c.stream == stream,
        documents.c.claimed_by.is_(None),
        sa.true() if your_ref is None else documents.c.your_ref == your_ref,
    )
    with reading(ledger.engine) as connection:
        return connection.scalar(query.order_by(documents.c.document_key).limit(1))


class Answer(NamedTuple):
    """When Exact said that it has a document (its clock, UTC), and the document's GUID."""

    at: datetime
    exact_id: str | None


def last_answer(ledger: Ledger, division: int, stream: str) -> Answer | None:
    """Return Exact's last word that it has a document of this stream, or None."""
    query = (
        sa.select(documents.c.answered_at, documents.c.exact_id)
        .where(
            documents.c.division == division,
            documents.c.stream == stream,
            documents.c.answered_at.is_not(None),
        )
        .order_by(documents.c.answered_at.desc())
        .limit(1)
    )
    with reading(ledger.engine) as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Answer(*row)


def posted_days(ledger: Ledger, division: int, day: str) -> Sequence[str]:
    """Return the references of a day's entries that Exact has, as far as the ledger knows."""
    query = sa.select(documents.c.your_ref).where(
        documents.c.division == division,
        documents.c.kind == DAY,
        documents.c.entry_date == day,
        documents.c.state == "posted",
    )
    with reading(ledger.engine) as connection:
        return connection.scalars(query).all()


def number_of(ledger: Ledger, document_key: str) -> int | None:
    """Return the number that Exact gave a document, or None when it has none."""
    query = sa.select(documents.c.exact_number).where(documents.c.document_key == document_key)
    with reading(ledger.engine) as connection:
        number = connection.scalar(query)
    return int(number) if number and str(number).isdigit() else None


def counts(ledger: Ledger) -> dict[str, int]:
    """Return how many documents are in each state that is not an end."""
    query = sa.select(documents.c.state, sa.func.count()).where(IS_OPEN).group_by(documents.c.state)
    with reading(ledger.engine) as connection:
        return dict(connection.execute(query).tuples().all())


def head(ledger: Ledger) -> tuple[int, str]:
    """Return number and hash of the last event."""
    with reading(ledger.engine) as connection:
        row = connection.execute(sa.select(chain.c.seq, chain.c.hash)).one()
        return row.seq, row.hash


def days_to_close(ledger: Ledger, now: datetime) -> list[str]:
    """Return the groups of daily documents that are over and not in an entry yet."""
    query = (
        sa.select(documents.c.summary_group)
        .where(IN_NO_ENTRY)
        .group_by(documents.c.summary_group)
        .having(sa.func.max(documents.c.closes_at) <= now)
        .order_by(documents.c.summary_group)
    )
    with reading(ledger.engine) as connection:
        return list(connection.scalars(query))


def documents_of_day(ledger: Ledger, group: str) -> Sequence[Waiting]:
    """Return all documents of a day's group, oldest first."""
    return _select(ledger, documents.c.summary_group == group, None, documents.c.created_at)


def members(ledger: Ledger, entry_key: str) -> Sequence[Waiting]:
    """Return the documents behind a day's entry."""
    return _select(ledger, documents.c.summary_key == entry_key, None)


def _select(
    ledger: Ledger,
    condition: sa.ColumnElement[bool],
    limit: int | None,
    first: sa.ColumnElement[Any] | None = None,
) -> Sequence[Waiting]:
    order = documents.c.last_seq if first is None else first
    query = (
        sa.select(documents).where(condition).order_by(order, documents.c.document_key).limit(limit)
    )
    with reading(ledger.engine) as connection:
        rows = connection.execute(query).all()
    return [_waiting(ledger, row._asdict()) for row in rows]


def _waiting(ledger: Ledger, row: dict[str, Any]) -> Waiting:
    document = opened(ledger.keys, row)
    return Waiting(document, row_of(row), row["sent"], row["summary_key"], row["updated_at"])

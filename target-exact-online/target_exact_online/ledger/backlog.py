"""What waits in the ledger: for its first call, its next try, its answer, its change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from target_exact_online.ledger import payload
from target_exact_online.ledger.database import reading
from target_exact_online.ledger.entries import KNOWN_NAMES, Document, Known, Waiting
from target_exact_online.ledger.tables import documents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from target_exact_online.ledger.keys import LedgerKeys
    from target_exact_online.ledger.runs import Run


class Backlog:
    """Reads waiting documents and claims none; part of a :class:`.store.Ledger`."""

    def __init__(self, engine: Engine, keys: LedgerKeys) -> None:
        """Use an opened ledger's database and keys."""
        self._engine = engine
        self._keys = keys

    def due(
        self, now: datetime, *, limit: int, after: Known | None, kind: str | None = None
    ) -> list[Waiting]:
        """Return documents that wait: held ones, and those whose next try is due; oldest first.

        Nothing is claimed: most of what is parked still cannot be booked, and looking at it
        must leave no trace.

        Args:
            now: The time to compare ``next_retry_at`` with (UTC).
            limit: How many at most.
            after: The last one of the page before, or None.
            kind: Only this kind, e.g. ``credit_memo``.
        """
        statement = (
            sa.select(documents)
            .where(
                documents.c.kind == kind if kind else sa.true(),
                sa.or_(
                    documents.c.state == "received",
                    sa.and_(
                        documents.c.state.in_(("failed", "parked")),
                        documents.c.next_retry_at <= now,
                    ),
                ),
                documents.c.payload.is_not(None),
            )
            .order_by(documents.c.created_at, documents.c.document_key)
            .limit(limit)
        )
        if after is not None:
            here = sa.tuple_(documents.c.created_at, documents.c.document_key)
            statement = statement.where(here > (after.created_at, after.document_key))
        with reading(self._engine) as connection:
            return [self._opened(row) for row in connection.execute(statement)]

    def unanswered(self, run: Run, *, sent_before: datetime, limit: int) -> list[Waiting]:
        """Return documents of this run whose answer never came, oldest first.

        Args:
            run: The run that holds the claims; none of its calls may be under way.
            sent_before: Only calls that began before this moment (UTC): a younger one may still
                be at work in Exact.
            limit: How many at most.
        """
        statement = (
            sa.select(documents)
            .where(
                documents.c.state == "sending",
                documents.c.claimed_by == run.run_id,
                documents.c.sent_at <= sent_before,
            )
            .order_by(documents.c.sent_at, documents.c.document_key)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [self._opened(row) for row in connection.execute(statement)]

    def oldest_unanswered(self, run: Run) -> datetime | None:
        """Return when the oldest call of this run without an answer began (UTC), or None."""
        with reading(self._engine) as connection:
            oldest: datetime | None = connection.scalar(
                sa.select(documents.c.sent_at)
                .where(documents.c.state == "sending", documents.c.claimed_by == run.run_id)
                .order_by(documents.c.sent_at)
                .limit(1)
            )
            return oldest

    def to_change(self, stream: str, *, limit: int) -> list[Waiting]:
        """Return later versions of posted documents that Exact does not have yet, oldest first.

        Args:
            stream: The stream.
            limit: How many at most.
        """
        there = documents.c.newer_payload.is_not(None)  # the hash outlives `anonymise`
        rows = self._posted(stream, there & documents.c.error.is_(None), limit)
        return [
            Waiting(
                Document(
                    payload.decode(self._keys.decrypt(row.newer_payload)),
                    row.stream,
                    row.document_key,
                    row.newer_hash,
                ),
                self._opened(row).known,
            )
            for row in rows
        ]

    def without_number(self, stream: str, *, limit: int) -> list[Document]:
        """Return posted documents of a stream of which Exact's number is not known yet.

        Args:
            stream: The stream.
            limit: How many at most.
        """
        rows = self._posted(stream, documents.c.exact_number.is_(None), limit)
        return [self._opened(row).document for row in rows]

    def _posted(
        self, stream: str, condition: sa.ColumnElement[bool], limit: int
    ) -> Sequence[sa.Row[Any]]:
        """Return posted documents of a stream, those that were left alone longest first."""
        statement = (
            sa.select(documents)
            .where(documents.c.stream == stream, documents.c.state == "posted", condition)
            .order_by(documents.c.updated_at)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return connection.execute(statement).all()

    def _opened(self, row: sa.Row[Any]) -> Waiting:
        record = payload.decode(self._keys.decrypt(row.payload))
        document = Document(record, row.stream, row.document_key, row.payload_hash)
        return Waiting(document, Known(*(getattr(row, name) for name in KNOWN_NAMES)))

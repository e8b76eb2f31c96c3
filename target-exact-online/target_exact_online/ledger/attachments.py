"""Which posted documents get a PDF copy in Exact, and how far that is.

A copy is remembered in the transaction that records its document as posted, so that a crash
forgets none. A claim belongs to a living run, as for documents; the copy itself is made from the
document's payload and kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from target_exact_online.ledger import chain, payload
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.database import reading
from target_exact_online.ledger.entries import Document
from target_exact_online.ledger.runs import dead_runs
from target_exact_online.ledger.tables import attachments, documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Engine

    from target_exact_online.ledger.entries import Result
    from target_exact_online.ledger.keys import LedgerKeys
    from target_exact_online.ledger.runs import Run

WAITING, ATTACHED, GIVEN_UP = "waiting", "attached", "given_up"
_STREAM, _KINDS = "sales_entries", ("invoice", "credit_memo")
_ALREADY_THERE = "already_there"
_FORGOTTEN = "The document was anonymised before its copy was attached."


@dataclass(frozen=True, slots=True)
class Attachment:
    """A copy that waits to be attached.

    Attributes:
        document: The document as it was posted.
        division: Its division, None for the target's default.
        exact_id: The GUID of its entry in Exact.
        exact_number: The number of its entry, or None.
        exact_document_id: The GUID of Exact's document for the file, once it is known.
        ask_first: Whether Exact may have the copy already.
        attempts: How often it was tried.
        created_at: When it was remembered (UTC).
    """

    document: Document
    division: int | None
    exact_id: str
    exact_number: str | None
    exact_document_id: str | None
    ask_first: bool
    attempts: int
    created_at: datetime


class Attachments:
    """Keeps the copies of one ledger; part of a :class:`.store.Ledger`.

    Attributes:
        wanted: Whether copies of newly posted documents are remembered.
    """

    def __init__(self, engine: Engine, keys: LedgerKeys) -> None:
        """Use an opened ledger's database and keys."""
        self.wanted = False
        self._engine = engine
        self._keys = keys

    def remember(self, connection: Connection, results: Sequence[Result]) -> None:
        """Note copies of the documents that were posted now, in the caller's transaction.

        Args:
            connection: The transaction that records them.
            results: What came of documents; those that are not posted are left out.
        """
        posted = [one for one in results if one.state == "posted" and one.exact_id]
        if not self.wanted or not posted:
            return
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        now = sa.literal(datetime.now(UTC), attachments.c.created_at.type)
        for ask_first in (True, False):  # a ledger that was lost may have attached some
            keys = [one.document_key for one in posted if (one.kind == _ALREADY_THERE) is ask_first]
            if not keys:
                continue
            rows = sa.select(
                documents.c.document_key,
                documents.c.exact_id,
                sa.literal(WAITING),
                sa.literal(ask_first),
                sa.literal(0),
                now,
                now,
                now,
            ).where(
                documents.c.document_key.in_(keys),
                documents.c.stream == _STREAM,
                documents.c.kind.in_(_KINDS),
            )
            columns = ("document_key", "exact_id", "state", "ask_first", "attempts")
            times = ("next_retry_at", "created_at", "updated_at")
            connection.execute(
                insert(attachments).from_select((*columns, *times), rows).on_conflict_do_nothing()
            )

    def take_over(self, run: Run, *, again_at: datetime) -> None:
        """Let go of the claims of dead runs.

        Args:
            run: The run that is alive for sure.
            again_at: When their last calls can no longer be at work in Exact (UTC).
        """
        claimed = sa.select(attachments.c.claimed_by).where(attachments.c.claimed_by.is_not(None))
        with reading(self._engine) as connection:
            owners = {str(owner) for owner in connection.scalars(claimed.distinct())}
        if dead := dead_runs(self._engine, owners - {run.run_id}):
            with self._engine.begin() as connection:
                connection.execute(
                    attachments.update()
                    .where(attachments.c.claimed_by.in_(dead))
                    .values(claimed_by=None, next_retry_at=again_at, updated_at=datetime.now(UTC))
                )

    def due(self, now: datetime, *, limit: int) -> list[Attachment]:
        """Return copies that nobody has in hand and whose time has come, oldest first.

        Args:
            now: The time to compare ``next_retry_at`` with (UTC).
            limit: How many at most.
        """
        statement = (
            sa.select(attachments, *_OF_DOCUMENT)
            .join(documents, documents.c.document_key == attachments.c.document_key)
            .where(
                attachments.c.state == WAITING,
                attachments.c.claimed_by.is_(None),
                attachments.c.next_retry_at <= now,
                documents.c.payload.is_not(None),
            )
            .order_by(attachments.c.created_at, attachments.c.document_key)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [self._opened(row) for row in connection.execute(statement)]

    def claim(self, run: Run, document_key: str) -> bool:
        """Commit the intent to attach a copy; return False when another run has it in hand."""
        with self._engine.begin() as connection:
            taken = connection.execute(
                attachments.update()
                .where(
                    attachments.c.document_key == document_key,
                    attachments.c.state == WAITING,
                    attachments.c.claimed_by.is_(None),
                )
                .values(
                    claimed_by=run.run_id,
                    ask_first=True,
                    attempts=attachments.c.attempts + 1,
                    updated_at=datetime.now(UTC),
                )
            )
            return taken.rowcount == 1

    def has_document(self, document_key: str, exact_document_id: str) -> None:
        """Note Exact's document for the file; the file itself is not there yet."""
        with self._engine.begin() as connection:
            _write(connection, document_key, exact_document_id=exact_document_id)

    def attached(self, run: Run, document_key: str, exact_document_id: str) -> None:
        """Note that Exact has the copy."""
        detail = {"run": run.run_id, "exact_document_id": exact_document_id}
        with self._engine.begin() as connection:
            _write(
                connection,
                document_key,
                state=ATTACHED,
                exact_document_id=exact_document_id,
                error=None,
                claimed_by=None,
            )
            chain.append(connection, self._keys, [Event("attached", document_key, detail)])

    def later(self, document_key: str, reason: str, *, next_retry_at: datetime) -> None:
        """Leave a copy to a later run.

        Args:
            document_key: Its document.
            reason: Why it is not attached.
            next_retry_at: When it is tried again (UTC).
        """
        with self._engine.begin() as connection:
            _write(
                connection,
                document_key,
                error=reason,
                next_retry_at=next_retry_at,
                claimed_by=None,
            )

    def give_up(self, run: Run, document_key: str, reason: str) -> None:
        """Note that a copy is not attached, and why; its document stays posted."""
        event = Event("not_attached", document_key, {"run": run.run_id}, reason)
        with self._engine.begin() as connection:
            _write(connection, document_key, state=GIVEN_UP, error=reason, claimed_by=None)
            chain.append(connection, self._keys, [event])

    def waiting(self) -> int:
        """Return how many copies wait."""
        counted = sa.select(sa.func.count()).where(attachments.c.state == WAITING)
        with reading(self._engine) as connection:
            return connection.execute(counted).scalar_one()

    def _opened(self, row: sa.Row[Any]) -> Attachment:
        record = payload.decode(self._keys.decrypt(row.payload))
        return Attachment(
            Document(record, row.stream, row.document_key, row.payload_hash),
            row.division,
            row.exact_id,
            row.exact_number,
            row.exact_document_id,
            row.ask_first,
            row.attempts,
            row.created_at,
        )


def look_up(connection: Connection, document_key: str) -> sa.Row[Any] | None:
    """Return what is known of a document's copy, or None."""
    statement = sa.select(attachments).where(attachments.c.document_key == document_key)
    return connection.execute(statement).one_or_none()


def unattached(connection: Connection, condition: sa.ColumnElement[bool]) -> list[str]:
    """Return the documents, of those that fit, whose copies wait or were given up."""
    statement = (
        sa.select(documents.c.document_key)
        .join(attachments, attachments.c.document_key == documents.c.document_key)
        .where(
            condition,
            attachments.c.state != ATTACHED,
            attachments.c.claimed_by.is_(None),
            documents.c.payload.is_not(None),
        )
        .order_by(documents.c.document_key)
    )
    return list(connection.scalars(statement))


def try_again(connection: Connection, document_keys: Sequence[str]) -> None:
    """Have copies tried by the next run, in the caller's transaction."""
    for key in document_keys:
        _write(connection, key, state=WAITING, next_retry_at=datetime.now(UTC))


def forget(connection: Connection, document_keys: Sequence[str]) -> None:
    """Give up copies of documents whose content is forgotten, in the caller's transaction."""
    here = attachments.c.document_key.in_(document_keys)
    connection.execute(attachments.update().where(here).values(error=None))
    connection.execute(
        attachments.update()
        .where(here, attachments.c.state == WAITING)
        .values(state=GIVEN_UP, error=_FORGOTTEN, claimed_by=None, updated_at=datetime.now(UTC))
    )


def _write(connection: Connection, document_key: str, **values: Any) -> None:
    connection.execute(
        attachments.update()
        .where(attachments.c.document_key == document_key)
        .values(updated_at=datetime.now(UTC), **values)
    )


_OF_DOCUMENT = (
    documents.c.stream,
    documents.c.division,
    documents.c.exact_number,
    documents.c.payload,
    documents.c.payload_hash,
)

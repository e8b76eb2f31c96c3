"""Which posted documents get a PDF copy in Exact, and how far that is.

Which documents are due follows from the ledger's own log: those that were posted while copies were
wanted. So no crash forgets one, and nobody else has to tell. The copy itself is made from the
document's payload and kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from connector_program.database import insert, reading
from target_exact_online.ledger import chain, payload
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.database import UtcDateTime
from target_exact_online.ledger.tables import documents, events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Engine

    from connector_credentials.data_keys import DataKeys
    from target_exact_online.ledger.runs import Run

WAITING, ATTACHED, GIVEN_UP = "waiting", "attached", "given_up"
_STREAM, _KINDS = "sales_entries", ("invoice", "credit_memo")
_STORED, _FOUND = ("posted", "settled"), ("settled", "already_there")
EVER_SINCE = datetime(1970, 1, 1, tzinfo=UTC)
_FORGOTTEN = "The document was anonymised before its copy was attached."

metadata = sa.MetaData()

attachments = sa.Table(
    "attachments",
    metadata,
    sa.Column("document_key", sa.String(255), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("exact_document_id", sa.String(64)),  # Exact's document for the file
    sa.Column("sent_at", UtcDateTime),  # what comes next may be in Exact since then
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("next_retry_at", UtcDateTime, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

copies_since = sa.Table(
    "copies_since",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),  # documents posted after this event are due
)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that waits to be attached."""

    document_key: str  # the ledger's name for its document
    record: dict[str, Any]  # the document as it was posted
    division: int
    exact_id: str  # the GUID of its entry in Exact
    exact_number: str | None  # the number of its entry, or None
    exact_document_id: str | None  # the GUID of Exact's document for the file, once it is known
    sent_at: datetime | None  # since when what comes next may be in Exact (UTC); None: it is not
    attempts: int  # how often it was tried
    created_at: datetime  # when it was remembered (UTC)


@dataclass(frozen=True, slots=True)
class Rows:
    """Keeps the copies of one ledger."""

    engine: Engine
    keys: DataKeys

    def begin(self, *, wanted: bool) -> None:
        """Note whether documents that are posted from now on get copies.

        Those that were posted before by a run that wanted copies are remembered first.
        """
        self.remember()
        with self.engine.begin() as connection:
            seq, _ = chain.lock_head(connection)
            if not wanted:
                connection.execute(copies_since.delete())
            elif connection.scalar(sa.select(copies_since.c.seq)) is None:
                connection.execute(copies_since.insert().values(id=1, seq=seq))

    def remember(self) -> set[str]:
        """Note copies of the documents that were posted since the last time; return their keys."""
        with self.engine.begin() as connection:
            head, _ = chain.lock_head(connection)
            since = connection.scalar(sa.select(copies_since.c.seq))
            if since is None or since >= head:
                return set()
            # A ledger that was lost may have attached a copy of what was found there.
            may_be_there = sa.func.max(sa.case((events.c.kind.in_(_FOUND), 1), else_=0))
            posted = (
                sa.select(documents.c.document_key, may_be_there.label("may_be_there"))
                .join(events, events.c.document_key == documents.c.document_key)
                .where(
                    events.c.seq > since,
                    events.c.kind.in_({*_STORED, *_FOUND}),
                    documents.c.stream == _STREAM,
                    documents.c.kind.in_(_KINDS),
                    documents.c.exact_id.is_not(None),
                )
                .group_by(documents.c.document_key)
            )
            now = datetime.now(UTC)
            new = [
                {
                    "document_key": row.document_key,
                    "state": WAITING,
                    "sent_at": EVER_SINCE if row.may_be_there else None,
                    "attempts": 0,
                    "next_retry_at": now,
                    "created_at": now,
                    "updated_at": now,
                }
                for row in connection.execute(posted)
            ]
            # An entry that was sent again has none of the copies of the one before.
            stored = sa.select(events.c.document_key).where(
                events.c.seq > since, events.c.kind.in_(_STORED)
            )
            connection.execute(attachments.delete().where(attachments.c.document_key.in_(stored)))
            if new:
                connection.execute(insert(connection, attachments).on_conflict_do_nothing(), new)
            connection.execute(copies_since.update().values(seq=head))
            return {str(one["document_key"]) for one in new}

    def due(self, limit: int, document_key: str | None = None) -> list[Copy]:
        """Return copies, or a document's copy, whose time has come; oldest first."""
        columns = (
            documents.c.division, documents.c.exact_id, documents.c.exact_number,
            documents.c.payload,
        )  # fmt: skip
        statement = (
            sa.select(attachments, *columns)
            .join(documents, documents.c.document_key == attachments.c.document_key)
            .where(
                attachments.c.state == WAITING,
                attachments.c.next_retry_at <= datetime.now(UTC),
                documents.c.payload.is_not(None),
                documents.c.exact_id.is_not(None),
                *([attachments.c.document_key == document_key] if document_key else []),
            )
            .order_by(attachments.c.created_at, attachments.c.document_key)
            .limit(limit)
        )
        with reading(self.engine) as connection:
            return [self._opened(row) for row in connection.execute(statement)]

    def sending(self, one: Copy, at: datetime | None) -> None:
        """Note that the next call begins now, or that nothing came of it (None)."""
        self._set(one, sent_at=at)

    def has_document(self, one: Copy, exact_document_id: str, *, sent_at: datetime | None) -> None:
        """Note Exact's document for the file, which may be in it since some moment (UTC)."""
        self._set(one, exact_document_id=exact_document_id, sent_at=sent_at)

    def attached(self, run: Run, one: Copy, exact_document_id: str) -> None:
        """Note that Exact has the copy."""
        detail = {"run": run.run_id, "exact_document_id": exact_document_id}
        values = {"exact_document_id": exact_document_id, "error": None, "sent_at": None}
        self._end(one, ATTACHED, Event("attached", one.document_key, detail), **values)

    def give_up(self, run: Run, one: Copy, reason: str) -> None:
        """Note that a copy is not attached, and why; its document stays posted."""
        event = Event("not_attached", one.document_key, {"run": run.run_id}, reason)
        self._end(one, GIVEN_UP, event, error=reason)

    def later(self, one: Copy, reason: str, *, next_retry_at: datetime) -> None:
        """Leave a copy to a later run, and say why and when (UTC)."""
        self._set(one, error=reason, next_retry_at=next_retry_at, attempts=one.attempts + 1)

    def waiting(self) -> int:
        """Return how many copies wait."""
        counted = sa.select(sa.func.count()).where(attachments.c.state == WAITING)
        with reading(self.engine) as connection:
            return connection.execute(counted).scalar_one()

    def _set(self, one: Copy, **values: Any) -> None:
        with self.engine.begin() as connection:
            _write(connection, one.document_key, **values)

    def _end(self, one: Copy, state: str, event: Event, **values: Any) -> None:
        with self.engine.begin() as connection:
            chain.append_of_document(connection, self.keys, event)
            _write(connection, one.document_key, state=state, attempts=one.attempts + 1, **values)

    def _opened(self, row: sa.Row[Any]) -> Copy:
        record = payload.decode(self.keys.decrypt(row.payload))
        plain = (one.name for one in fields(Copy) if one.name != "record")
        return Copy(record=record, **{name: getattr(row, name) for name in plain})


_TOLD = ("state", "exact_document_id", "attempts", "next_retry_at", "error")
#: The columns that `with_copy` adds to a document's.
COPY_COLUMNS = tuple(f"copy_{name}" for name in _TOLD)


class Told(NamedTuple):
    """What is known of a document's copy."""

    state: str
    exact_document_id: str | None
    attempts: int
    next_retry_at: datetime
    error: str | None


def with_copy(query: sa.Select[Any]) -> sa.Select[Any]:
    """Have a query of documents bring what is known of their copies, too; see `told`."""
    same = attachments.c.document_key == documents.c.document_key
    columns = (attachments.c[name].label(f"copy_{name}") for name in _TOLD)
    return query.add_columns(*columns).outerjoin(attachments, same)


def told(row: sa.Row[Any]) -> Told | None:
    """Return what is known of a document's copy, or None."""
    return None if row.copy_state is None else Told(*(getattr(row, one) for one in COPY_COLUMNS))


def try_again(
    connection: Connection,
    keys: DataKeys,
    condition: sa.ColumnElement[bool],
    by: str,
    *,
    dry_run: bool,
) -> list[str]:
    """Have copies that wait, or were given up, tried by the next run; return their documents."""
    statement = (
        sa.select(documents.c.document_key)
        .join(attachments, attachments.c.document_key == documents.c.document_key)
        .where(condition, attachments.c.state != ATTACHED, documents.c.payload.is_not(None))
        .order_by(documents.c.document_key)
    )
    found = list(connection.scalars(statement))
    for key in () if dry_run else found:
        chain.append_of_document(connection, keys, Event("attach_again", key, {"by": by}))
        _write(connection, key, state=WAITING, next_retry_at=datetime.now(UTC))
    return found


def forget(connection: Connection, document_keys: Sequence[str]) -> None:
    """Give up copies of documents whose content is forgotten, in the caller's transaction."""
    here = attachments.c.document_key.in_(document_keys)
    connection.execute(attachments.update().where(here).values(error=None))
    connection.execute(
        attachments.update()
        .where(here, attachments.c.state == WAITING)
        .values(state=GIVEN_UP, error=_FORGOTTEN, updated_at=datetime.now(UTC))
    )


def _write(connection: Connection, document_key: str, **values: Any) -> None:
    connection.execute(
        attachments.update()
        .where(attachments.c.document_key == document_key)
        .values(updated_at=datetime.now(UTC), **values)
    )

"""The rows of things that were created, or may have been; one for each.

What a thing is called is kept as a keyed hash, what was sent for it encrypted, and only until
Exact has it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from connector_program.database import insert, reading
from target_exact_online.documents.prepared import Detail  # noqa: TC001  # msgspec needs it
from target_exact_online.ledger import payload
from target_exact_online.ledger.database import UtcDateTime
from target_exact_online.ledger.keys import open_keys
from target_exact_online.ledger.tables import chain, documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection, Engine

    from connector_credentials.data_keys import DataKeys
    from target_exact_online.relations.things import Thing, What

relations = sa.Table(
    "relations",
    sa.MetaData(),
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("what", sa.String(16), primary_key=True),
    sa.Column("identity", sa.String(64), primary_key=True),  # keyed hash
    sa.Column("document_key", sa.String(255), nullable=False),
    sa.Column("owner_id", sa.String(64), nullable=False),
    sa.Column("exact_id", sa.String(64)),
    sa.Column("sent_at", UtcDateTime),  # it may be in Exact since then, until Exact answers
    sa.Column("payload", sa.LargeBinary),  # personal data: encrypted
    sa.Column("created_at", UtcDateTime, nullable=False),
)
_here = relations.c
EVER_SINCE = datetime(1970, 1, 1, tzinfo=UTC)


class _Payload(msgspec.Struct):
    match_filter: str = ""
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """What is recorded of one thing."""

    division: int
    what: What  # what it is
    identity: str  # the keyed hash of what makes it this one
    document_key: str  # the document that needed it first
    owner_id: str  # the GUID of the relation it belongs to, or an empty string
    exact_id: str | None  # its GUID, once Exact has it for sure
    # Since when it may be in Exact (UTC); None when it was not sent, or was answered.
    sent_at: datetime | None
    question: str = field(repr=False)  # the question that finds a relation
    # A relation's addresses and contacts that have no rows yet, or what an address or contact
    # itself is.
    details: tuple[Detail, ...] = field(repr=False)
    order_number: str | None = None  # the order of the document, or None


@dataclass(frozen=True)
class Rows:
    """The rows of all processes with this ledger."""

    engine: Engine

    def find(self, thing: Thing) -> Row | None:
        """Return what is recorded of a thing, or None when it was never sent."""
        found = self._select(*self._is(thing))
        return found[0] if found else None

    def unfinished(self) -> list[Row]:
        """Return what may be in Exact, and what is still to be created, oldest first."""
        return self._select(_here.payload.is_not(None))

    def again(self, row: Row) -> Row | None:
        """Return an unfinished row as it is now, or None when another process finished it."""
        found = self._select(*_is(row), _here.payload.is_not(None))
        return found[0] if found else None

    def details_of(self, document_key: str) -> list[Row]:
        """Return the addresses and contacts that are still to be created for a document."""
        return self._select(
            _here.document_key == document_key,
            _here.payload.is_not(None),
            _here.what.in_(("address", "contact")),
        )

    def holds(self, thing: Thing, exact_id: str) -> bool:
        """Tell whether another thing of this kind has this GUID in Exact."""
        other = sa.select(sa.func.count()).where(
            _here.division == thing.division,
            _here.what == thing.what,
            _here.exact_id == exact_id,
            _here.identity != self._hash(thing),
        )
        with reading(self.engine) as connection:
            return bool(connection.scalar(other))

    def sending(
        self, thing: Thing, document_key: str, at: datetime, details: tuple[Detail, ...] = ()
    ) -> None:
        """Note that a thing is sent now: from here on it may be in Exact."""
        with self.engine.begin() as connection:
            self._put(connection, thing, document_key, details, sent_at=at)

    def wanted(
        self, things: Iterable[tuple[Thing, Detail]], document_key: str, sent_at: datetime | None
    ) -> None:
        """Note what is to be created for a relation after its document."""
        with self.engine.begin() as connection:
            for thing, one in things:
                self._put(connection, thing, document_key, (one,), sent_at=sent_at, replace=False)

    def there(self, thing: Thing, document_key: str, exact_id: str) -> None:
        """Note that Exact has a thing; what was sent for it is forgotten."""
        with self.engine.begin() as connection:
            self._put(connection, thing, document_key, (), exact_id=exact_id)

    def not_there(self, thing: Thing, *, wanted: bool) -> None:
        """Note that Exact surely does not have a thing."""
        here = self._is(thing)
        self._execute(
            relations.update().where(*here).values(sent_at=None)
            if wanted
            else relations.delete().where(*here)
        )

    def waits(self, row: Row, at: datetime) -> None:
        """Correct since when a thing may be in Exact."""
        self._execute(relations.update().where(*_is(row)).values(sent_at=at))

    def is_there(self, row: Row, exact_id: str) -> None:
        """Note that Exact has what an earlier run sent."""
        values = {"exact_id": exact_id, "sent_at": None, "payload": None}
        self._execute(relations.update().where(*_is(row)).values(values))

    def remove(self, row: Row) -> None:
        """Forget a row."""
        self._execute(relations.delete().where(*_is(row)))

    def doubt(self, division: int, exact_ids: Sequence[str], at: datetime) -> None:
        """Forget which things have these GUIDs: they may be in Exact, or were deleted there."""
        here = _here.division == division, _here.exact_id.in_(exact_ids)
        self._execute(relations.update().where(*here).values(exact_id=None, sent_at=at))

    def _execute(self, statement: sa.Update | sa.Delete) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement)

    def _put(
        self,
        connection: Connection,
        thing: Thing,
        document_key: str,
        details: tuple[Detail, ...],
        *,
        exact_id: str | None = None,
        sent_at: datetime | None = None,
        replace: bool = True,
    ) -> None:
        sealed = None
        if exact_id is None:
            content = _Payload(thing.question, details)
            sealed = self._keys.encrypt(msgspec.json.encode(content))
        statement = insert(connection, relations).values(
            division=thing.division,
            what=thing.what,
            identity=self._hash(thing),
            document_key=document_key,
            owner_id=thing.owner_id,
            exact_id=exact_id,
            sent_at=sent_at,
            payload=sealed,
            created_at=datetime.now(UTC),
        )
        new = {"exact_id": exact_id, "sent_at": sent_at, "payload": sealed}
        keys = [_here.division, _here.what, _here.identity]
        connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_=new)
            if replace
            else statement.on_conflict_do_nothing()
        )

    def _is(self, thing: Thing) -> tuple[sa.ColumnElement[bool], ...]:
        return _at(thing.division, thing.what, self._hash(thing))

    def _hash(self, thing: Thing) -> str:
        return self._keys.fingerprint(thing.identity.encode())

    @cached_property
    def since(self) -> date:
        """The day on which the ledger was made (UTC): it created nothing before."""
        with reading(self.engine) as connection:
            made: datetime = connection.execute(sa.select(chain.c.created_at)).scalar_one()
        return made.date()

    @cached_property
    def _keys(self) -> DataKeys:
        """The ledger's keys, opened when the first thing needs them."""
        return open_keys(self.engine)

    def _select(self, *conditions: sa.ColumnElement[bool]) -> list[Row]:
        query = (
            sa.select(relations, documents.c.order_number)
            .outerjoin(documents, documents.c.document_key == _here.document_key)
            .where(*conditions)
            .order_by(_here.created_at, _here.what, _here.identity)
        )
        with reading(self.engine) as connection:
            return [self._row(row) for row in connection.execute(query)]

    def _row(self, row: sa.Row[tuple[object, ...]]) -> Row:
        content = _Payload()
        if row.payload is not None:
            what = f"What the ledger holds of a relation of {row.document_key}"
            content = msgspec.convert(payload.unsealed(self._keys, row.payload, what), _Payload)
        plain = (one.name for one in fields(Row) if one.name not in {"question", "details"})
        return Row(
            question=content.match_filter,
            details=content.details,
            **{name: getattr(row, name) for name in plain},
        )


def _is(row: Row) -> tuple[sa.ColumnElement[bool], ...]:
    return _at(row.division, row.what, row.identity)


def _at(division: int, what: What, identity: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _here.division == division, _here.what == what, _here.identity == identity

"""Relations whose addresses and contacts are not all in Exact yet; usually none.

A relation is noted here before it is created. So the next run knows, whatever happened in between,
that it is ours and what it still lacks; a relation that is not noted is the bookkeeper's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from target_exact_online.documents.prepared import Detail  # noqa: TC001  # msgspec needs it
from target_exact_online.ledger.database import UtcDateTime, reading
from target_exact_online.ledger.keys import LedgerKeys, open_keys
from target_exact_online.ledger.tables import documents

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine, Row

    from target_exact_online.documents.prepared import NewAccount

unfinished = sa.Table(
    "unfinished_relations",
    sa.MetaData(),
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("relation_key", sa.String(64), primary_key=True),  # keyed hash of the question
    sa.Column("document_key", sa.String(255), nullable=False),
    sa.Column("exact_id", sa.String(64)),
    sa.Column("ask_first", sa.Boolean, nullable=False),
    sa.Column("not_before", UtcDateTime, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),  # personal data: encrypted
    sa.Column("created_at", UtcDateTime, nullable=False),
)


class _Payload(msgspec.Struct):
    match_filter: str
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A relation that still lacks addresses or contacts.

    Attributes:
        division: Where it is.
        relation_key: The keyed hash of `match_filter`.
        document_key: The document that needed it first.
        exact_id: Its GUID, or None when the answer to its creation never came.
        ask_first: Whether Exact may have some of the details already.
        not_before: Until then (UTC) a call without an answer may still be at work in Exact.
        match_filter: The question that finds it.
        details: What it still lacks.
        created_at: When its creation was begun (UTC).
        order_number: The order of that document, or None.
    """

    division: int
    relation_key: str
    document_key: str
    exact_id: str | None
    ask_first: bool
    not_before: datetime
    match_filter: str = field(repr=False)
    details: tuple[Detail, ...] = field(repr=False)
    created_at: datetime
    order_number: str | None = None


class UnfinishedRelations:
    """The notes of all processes with this ledger."""

    def __init__(self, engine: Engine) -> None:
        """Use this ledger.

        Args:
            engine: The ledger's engine.
        """
        self._engine = engine

    def begin(self, new: NewAccount, division: int) -> None:
        """Note a relation that is about to be created."""
        now = datetime.now(UTC)
        self.save(
            Unfinished(
                division=division,
                relation_key=self._key(new.match_filter),
                document_key=new.document_key,
                exact_id=None,
                ask_first=False,
                not_before=now,
                match_filter=new.match_filter,
                details=new.details,
                created_at=now,
            )
        )

    def find(self, match_filter: str, division: int) -> Unfinished | None:
        """Return the note of a relation, or None: it is finished, or not ours."""
        found = self._select(
            (unfinished.c.division == division)
            & (unfinished.c.relation_key == self._key(match_filter))
        )
        return found[0] if found else None

    def again(self, one: Unfinished) -> Unfinished | None:
        """Return a note as it is now, or None when another process removed it."""
        return self.find(one.match_filter, one.division)

    def all(self) -> list[Unfinished]:
        """Return all notes, oldest first."""
        return self._select(sa.true())

    def save(self, one: Unfinished) -> None:
        """Keep a note as it is now."""
        payload = msgspec.json.encode(_Payload(one.match_filter, one.details))
        with self._engine.begin() as connection:
            connection.execute(unfinished.delete().where(_is(one)))
            connection.execute(
                unfinished.insert().values(
                    division=one.division,
                    relation_key=one.relation_key,
                    document_key=one.document_key,
                    exact_id=one.exact_id,
                    ask_first=one.ask_first,
                    not_before=one.not_before,
                    payload=self._keys.encrypt(payload),
                    created_at=one.created_at,
                )
            )

    def remove(self, one: Unfinished) -> None:
        """Forget a relation that lacks nothing any more."""
        with self._engine.begin() as connection:
            connection.execute(unfinished.delete().where(_is(one)))

    @cached_property
    def _keys(self) -> LedgerKeys:
        """The ledger's keys, opened when the first relation needs them."""
        return open_keys(self._engine)

    def _key(self, match_filter: str) -> str:
        return self._keys.fingerprint(match_filter.encode())

    def _select(self, condition: sa.ColumnElement[bool]) -> list[Unfinished]:
        query = (
            sa.select(unfinished, documents.c.order_number)
            .outerjoin(documents, documents.c.document_key == unfinished.c.document_key)
            .where(condition)
            .order_by(unfinished.c.created_at)
        )
        with reading(self._engine) as connection:
            return [self._note(row) for row in connection.execute(query)]

    def _note(self, row: Row[tuple[object, ...]]) -> Unfinished:
        payload = msgspec.json.decode(self._keys.decrypt(row.payload), type=_Payload)
        return Unfinished(
            division=row.division,
            relation_key=row.relation_key,
            document_key=row.document_key,
            exact_id=row.exact_id,
            ask_first=row.ask_first,
            not_before=row.not_before,
            match_filter=payload.match_filter,
            details=payload.details,
            created_at=row.created_at,
            order_number=row.order_number,
        )


def _is(one: Unfinished) -> sa.ColumnElement[bool]:
    return (unfinished.c.division == one.division) & (unfinished.c.relation_key == one.relation_key)

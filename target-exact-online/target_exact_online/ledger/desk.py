"""What a person does with documents: look, replay, skip, forget. Every act is an event."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from target_exact_online.exceptions import ConfigError
from target_exact_online.ledger import attachments, chain, payload
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.database import reading
from target_exact_online.ledger.entries import REFUSED_STREAM
from target_exact_online.ledger.tables import documents, events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_exact_online.ledger.store import Ledger

_REPLAYABLE = ("parked", "failed", "skipped")
_SKIPPABLE = ("received", "parked", "failed")


@dataclass(frozen=True, slots=True)
class Search:
    """Which documents; what is None or empty does not narrow.

    Attributes:
        states: Any of these states.
        stream: The stream they came in.
        kind: ``order``, ``invoice``, ``credit_memo``, ...
        order: The shop's order number.
        error: Text that the reason contains.
        keys: These documents.
        changed: Only those of which a later version came that Exact does not have.
    """

    states: tuple[str, ...] = ()
    stream: str | None = None
    kind: str | None = None
    order: str | None = None
    error: str | None = None
    keys: tuple[str, ...] = ()
    changed: bool = False

    def condition(self) -> sa.ColumnElement[bool]:
        """Return the SQL condition."""
        return sa.and_(
            sa.true(),
            *([documents.c.state.in_(self.states)] if self.states else []),
            *([documents.c.stream == self.stream] if self.stream else []),
            *([documents.c.kind == self.kind] if self.kind else []),
            *([documents.c.order_number == self.order] if self.order else []),
            *([documents.c.error.contains(self.error, autoescape=True)] if self.error else []),
            *([documents.c.document_key.in_(self.keys)] if self.keys else []),
            *([documents.c.newer_hash.is_not(None)] if self.changed else []),
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything the ledger knows of one document.

    Attributes:
        row: Its row.
        record: The document as it came in, or None after it was anonymised.
        newer: A version that came after it was posted, or None.
        attachment: What the ledger knows of its PDF copy, or None.
        history: Its events, oldest first, as (time, kind, facts, words).
    """

    row: sa.Row[Any]
    record: dict[str, Any] | None
    newer: dict[str, Any] | None
    attachment: sa.Row[Any] | None
    history: tuple[tuple[str, str, dict[str, Any], str | None], ...]


class Desk:
    """A person's view of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        """Use an opened ledger."""
        self._ledger = ledger

    def find(self, search: Search, *, limit: int | None = None) -> Sequence[sa.Row[Any]]:
        """Return documents, oldest first."""
        statement = (
            sa.select(documents)
            .where(search.condition())
            .order_by(documents.c.created_at, documents.c.document_key)
            .limit(limit)
        )
        with reading(self._ledger.engine) as connection:
            return connection.execute(statement).all()

    def show(self, document_key: str) -> Shown:
        """Return one document with its versions and its history.

        Raises:
            ConfigError: The ledger does not know it.
        """
        history = sa.select(events).where(events.c.document_key == document_key)
        with reading(self._ledger.engine) as connection:
            row = connection.execute(
                sa.select(documents).where(documents.c.document_key == document_key)
            ).one_or_none()
            happened = connection.execute(history.order_by(events.c.seq)).all()
            attachment = attachments.look_up(connection, document_key)
        if row is None:
            msg = (
                f"The ledger knows no document {document_key!r}. "
                "Look for it with `documents list --order NUMBER`."
            )
            raise ConfigError(msg)
        return Shown(
            row,
            self._opened(row.payload),
            self._opened(row.newer_payload),
            attachment,
            tuple(
                (event.at, event.kind, msgspec.json.decode(event.detail), self._words(event.note))
                for event in happened
            ),
        )

    def replay(self, search: Search, *, dry_run: bool) -> list[str]:
        """Have documents posted by the next run; return their keys.

        Only what is parked, failed or skipped, and what is a document: a refused record has
        to come again from the mapper.

        Args:
            search: Which documents.
            dry_run: Only say which.
        """
        condition = sa.and_(
            search.condition(),
            documents.c.state.in_(_REPLAYABLE),
            documents.c.stream != REFUSED_STREAM,
            documents.c.payload.is_not(None),
        )
        return self._change(condition, "replayed", {"state": "received"}, dry_run=dry_run)

    def attach(self, search: Search, *, dry_run: bool) -> list[str]:
        """Have PDF copies that wait or were given up tried by the next run.

        Args:
            search: Which documents.
            dry_run: Only say which.

        Returns:
            The documents' keys.
        """
        with self._ledger.engine.begin() as connection:
            keys = attachments.unattached(connection, search.condition())
            if not dry_run:
                attachments.try_again(connection, keys)
                by = {"by": getpass.getuser()}
                happened = [Event("attach_again", key, by) for key in keys]
                chain.append(connection, self._ledger.keys, happened)
        return keys

    def skip(self, search: Search, reason: str, *, dry_run: bool) -> list[str]:
        """Decide that documents are never posted; return their keys.

        Args:
            search: Which documents.
            reason: Why, for the audit trail.
            dry_run: Only say which.
        """
        condition = sa.and_(search.condition(), documents.c.state.in_(_SKIPPABLE))
        return self._change(
            condition, "skipped", {"state": "skipped", "error": reason}, dry_run=dry_run
        )

    def anonymise(self, before: datetime, *, dry_run: bool) -> list[str]:
        """Forget the content of finished documents; return their keys.

        Keys, amounts, states, Exact's ids and the chain stay: the trail still proves what was
        posted. Names, addresses and messages are gone for good.

        Args:
            before: Only documents that were last touched before this moment (UTC).
            dry_run: Only say which.
        """
        condition = sa.and_(
            documents.c.state.in_(("posted", "skipped")),
            documents.c.updated_at < before,
            documents.c.payload.is_not(None),
        )
        erased = {"payload": None, "newer_payload": None, "error": None}
        return self._change(condition, chain.ANONYMISED, erased, dry_run=dry_run)

    def _change(
        self,
        condition: sa.ColumnElement[bool],
        kind: str,
        values: dict[str, Any],
        *,
        dry_run: bool,
    ) -> list[str]:
        statement = sa.select(documents.c.document_key).where(condition)
        with self._ledger.engine.begin() as connection:
            keys = list(
                connection.scalars(statement.order_by(documents.c.document_key).with_for_update())
            )
            if dry_run or not keys:
                return keys
            change = documents.update().where(documents.c.document_key == sa.bindparam("key"))
            connection.execute(
                change.values(next_retry_at=None, updated_at=datetime.now(UTC), **values),
                [{"key": key} for key in keys],
            )
            if kind == chain.ANONYMISED:
                forget = events.update().where(events.c.document_key == sa.bindparam("key"))
                connection.execute(forget.values(note=None), [{"key": key} for key in keys])
                attachments.forget(connection, keys)
            detail = {"by": getpass.getuser()} | (
                {"state": values["state"]} if "state" in values else {}
            )
            chain.append(
                connection,
                self._ledger.keys,
                [Event(kind, key, detail, values.get("error")) for key in keys],
            )
        return keys

    def _opened(self, stored: bytes | None) -> dict[str, Any] | None:
        return None if stored is None else payload.decode(self._ledger.keys.decrypt(stored))

    def _words(self, stored: bytes | None) -> str | None:
        return None if stored is None else self._ledger.keys.decrypt(stored).decode()

"""The ledger: every document's row, and the one way in which it changes.

A change is an event that `posting.state` decides about, the row that comes of it and an entry of
the chained log, in one transaction. Whoever writes holds the log's head first, so that changes
never cross.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from connector_program.database import disposed_on_error
from target_exact_online.ledger import chain, payload
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.database import LEDGER
from target_exact_online.ledger.keys import open_keys
from target_exact_online.ledger.postings import postings_of
from target_exact_online.ledger.rows import (
    Document,
    describe,
    is_same_origin,
    older_key,
    opened,
    rewrite,
    row_of,
    summary_of,
)
from target_exact_online.ledger.tables import documents, events, postings
from target_exact_online.ledger.upgrade import upgrade
from target_exact_online.posting import events as events_of
from target_exact_online.posting import state
from target_exact_online.posting.events import Arrived, Dissolved, Summed
from target_exact_online.posting.state import Effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import Connection, Engine

    from connector_credentials.data_keys import DataKeys
    from target_exact_online.ledger.runs import Run
    from target_exact_online.posting.state import Step

_CONTENT = {Effect.TAKE_CONTENT, Effect.TAKE_NEWER}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is recorded with an event besides what the event itself decides; None leaves it."""

    sent: str | None = None  # what is sent, as JSON, with the intent
    status: int | None = None  # the HTTP status of the last answer
    answered_at: datetime | None = None  # when Exact said that it has it, by Exact's clock (UTC)
    period: tuple[int, int] | None = None  # Exact's financial year and period
    # The day on which it was booked (ISO), when that differs from the document's.
    entry_date: str | None = None


NO_FACTS = Facts()


@dataclass(frozen=True, slots=True)
class Ledger:
    """The audit trail of one target, shared by all its processes; see :meth:`open`."""

    engine: Engine  # the database
    keys: DataKeys  # what encrypts payloads and links events

    @classmethod
    def open(cls, url: str, division: int | None = None) -> Ledger:
        """Open a ledger, creating it or bringing it up to date when needed.

        The setting ``division`` is the company of documents for which an older version recorded
        none.

        Raises:
            ConfigError: When the database or its key cannot be used.
        """
        engine = LEDGER.open(url)
        with disposed_on_error(engine):
            keys = open_keys(engine)
            upgrade(engine, keys, division)
            return cls(engine, keys)

    def close(self) -> None:
        """Close the database's connections."""
        self.engine.dispose()

    def wipe(self) -> None:
        """Leave nothing of what was forgotten in the file's free pages or its log."""
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def arrive(
        self, run: Run, arrived: Sequence[Document], *, also: Sequence[Event] = ()
    ) -> list[tuple[Document, Step]]:
        """Take documents, in order, into the ledger, in one transaction; a key may come again.

        Events that are ``also`` to be told, such as who approved them, are told in it.

        Returns:
            Each document under the ledger's own name for it, and what became of it.
        """
        done = []
        with run.transaction() as connection:
            pen = _Pen(connection, self.keys, {"run": run.run_id})
            pen.read(_names(arrived))
            for one in arrived:
                document = pen.identified(one)
                overtaken = pen.is_overtaken(document, run)
                done.append((document, pen.arrive(document, overtaken=overtaken)))
            pen.write()
            chain.append(connection, self.keys, also)
        return done

    def move(
        self,
        run: Run | None,
        document_key: str,
        event: events_of.Event,
        facts: Facts = NO_FACTS,
        *,
        expected: int | None = None,
    ) -> Step | None:
        """Let something happen to a document, by a living run or by a person's command (None).

        Only if the expected event is still the document's last one.

        Returns:
            What became of it; None when somebody else changed it meanwhile: decide again.
        """
        with self._transaction(run) as connection:
            pen = _Pen(connection, self.keys, _by(run))
            pen.read([document_key])
            if expected is not None and pen.rows[document_key]["last_seq"] != expected:
                return None
            if isinstance(event, events_of.Found | events_of.Answered) and pen.is_taken(
                document_key, event.exact_id
            ):
                return None
            done = pen.move(document_key, event, facts)
            pen.write()
            return done

    def move_all(
        self,
        run: Run | None,
        document_keys: Iterable[str],
        event: events_of.Event,
        detail: Mapping[str, Any] | None = None,
        *,
        forget: bool = False,
        only_at: Mapping[str, int] | None = None,
    ) -> list[str]:
        """Let the same happen to many documents, in one transaction; return whom it touched.

        The log gets ``detail``, such as who did it; with ``forget`` their content goes, too; with
        ``only_at`` a document is left alone whose last event is not the one that is named.
        """
        touched = []
        with self._transaction(run) as connection:
            pen = _Pen(connection, self.keys, _by(run) | dict(detail or {}))
            pen.read(document_keys)
            for key in sorted(pen.rows):
                if only_at is not None and only_at.get(key) != pen.rows[key]["last_seq"]:
                    continue
                if forget:
                    pen.forget(key)
                if pen.move(key, event, NO_FACTS).kind:
                    touched.append(key)
            pen.write()
        return touched

    def build_entry(self, run: Run, entry: Document, members: Mapping[str, int]) -> Step | None:
        """Take the entry of a day into the ledger, with the documents that are part of it.

        These are given by name with their last events; None: one of them changed meanwhile, build
        it again.
        """
        with run.transaction() as connection:
            pen = _Pen(connection, self.keys, {"run": run.run_id})
            names = _entry_names(entry)
            pen.read([*names, *members])
            if any(pen.rows[key]["last_seq"] != last for key, last in members.items()):
                return None
            # The same day of another company, or in another journal, is another entry.
            group = entry.record["summary_group"]
            name = next(
                one
                for one in names
                if one not in pen.rows or pen.rows[one]["summary_group"] == group
            )
            entry = replace(entry, document_key=name)
            known = pen.rows.get(name)
            if known is not None and not state.may_rebuild(row_of(known)):
                return None
            done = pen.arrive(entry)
            pen.join(entry.document_key, list(members))
            pen.write()
            return done

    def _transaction(self, run: Run | None) -> AbstractContextManager[Connection]:
        return self.engine.begin() if run is None else run.transaction()


def _by(run: Run | None) -> dict[str, Any]:
    return {} if run is None else {"run": run.run_id}


def _entry_names(entry: Document) -> list[str]:
    """Return the names that a day's entry may have; the last one tells all days apart."""
    key, group = entry.document_key, entry.record["summary_group"]
    of_company = f"{key}@{entry.division}"
    digest = hashlib.sha256(group.encode()).hexdigest()[:8]
    return [key, of_company, f"{of_company}-{entry.record['journal']}", f"{of_company}-{digest}"]


def _names(arrived: Iterable[Document]) -> set[str]:
    """Return every name under which the ledger may know these documents."""
    names = set()
    for one in arrived:
        names |= {one.number, f"{one.number}@{one.division}"}
        if (older := older_key(one)) is not None:
            names.add(older)
    return names


@dataclass(slots=True)
class _Pen:
    """Rows of one transaction: read, moved by events, and written with their log."""

    connection: Connection  # the transaction; the log's head is locked in it
    keys: DataKeys  # the ledger's keys
    detail: dict[str, Any]  # what all of its events carry
    # All columns of the documents it has read, as they are by now.
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    _new: set[str] = field(default_factory=set)
    _touched: dict[str, None] = field(default_factory=dict)
    _events: list[Event] = field(default_factory=list)
    _postings: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _seq: int = 0

    def read(self, names: Iterable[str]) -> None:
        """Read the rows of these documents, those that there are."""
        if not self._seq:
            self._seq, _ = chain.lock_head(self.connection)
        wanted = [name for name in names if name not in self.rows]
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            found = sa.select(documents).where(documents.c.document_key.in_(some))
            for row in self.connection.execute(found):
                self.rows[row.document_key] = row._asdict()

    def identified(self, document: Document) -> Document:
        """Return the document under the ledger's name for it; see `Document.document_key`."""
        number, division = document.number, document.division
        known = self.rows.get(number)
        if known is not None:
            other = known["division"] != division
            return replace(document, document_key=f"{number}@{division}") if other else document
        older = older_key(document)
        before = self.rows.get(older) if older is not None else None
        if before and before["division"] == division and is_same_origin(before, document):
            return replace(document, document_key=str(older))
        return document

    def is_overtaken(self, document: Document, run: Run) -> bool:
        """Tell whether another run brought a later version since this run began.

        A shop's time alone proves nothing: its clocks may be wrong, and it may be restored.
        """
        values = self.rows.get(document.document_key)
        if values is None or values["last_seq"] <= run.began_after:
            return False
        column = "newer_payload" if values["newer_hash"] else "payload"
        if values[column] is None:
            return False
        ours, theirs = document.changed_at, opened(self.keys, values, column).changed_at
        if ours is None or theirs is None or ours >= theirs:
            return False
        brought = sa.select(events.c.detail).where(
            events.c.document_key == document.document_key,
            events.c.seq > run.began_after,
            events.c.kind.in_(("held", "changed_in_shop", "parked", "skipped")),
        )
        return any(
            msgspec.json.decode(one).get("run") != run.run_id
            for one in self.connection.scalars(brought)
        )

    def arrive(self, document: Document, *, overtaken: bool = False) -> Step:
        """Take a document in."""
        event = _arrival(document, overtaken=overtaken)
        values = self.rows.get(document.document_key)
        if values is None:
            self.rows[document.document_key] = _begun(document)
            self._new.add(document.document_key)
            done = state.new_row(document.document_key, event)
        else:
            done = state.step(row_of(values), event)
        self._take(done, document, NO_FACTS)
        return done

    def move(self, document_key: str, event: events_of.Event, facts: Facts) -> Step:
        """Let an event happen to a document, and to those whose entry it is."""
        before = row_of(self.rows[document_key])
        done = state.step(before, event)
        self._take(done, None, facts)
        self._tell_members(before, done)
        return done

    def is_taken(self, document_key: str, exact_id: str) -> bool:
        """Tell whether another document has this GUID of Exact by now: two may ask at once."""
        mine, column = self.rows[document_key], documents.c
        other = sa.select(sa.func.count()).where(
            column.division == mine["division"],
            column.exact_id == exact_id,
            column.document_key != document_key,
        )
        # A relation has no reference, and may be that of many documents.
        return bool(mine["your_ref"] and self.connection.scalar(other))

    def join(self, entry_key: str, members: Sequence[str]) -> None:
        """Make these documents, and no others, part of an entry that is not sent."""
        inside = sa.select(documents.c.document_key).where(documents.c.summary_key == entry_key)
        gone = [key for key in self.connection.scalars(inside) if key not in members]
        self.read(gone)
        for key, entry in [*((key, None) for key in gone), *((key, entry_key) for key in members)]:
            if self.rows[key]["summary_key"] != entry:
                self.rows[key]["summary_key"] = entry
                self._log(key, "summed" if entry else "left_out", None, {"summary_key": entry})

    def forget(self, document_key: str) -> None:
        """Let the content and the words of a document go."""
        self.rows[document_key] |= dict.fromkeys(chain.PAYLOADS)
        forgotten = events.update().where(events.c.document_key == document_key)
        self.connection.execute(forgotten.values(note=None))

    def write(self) -> None:
        """Write what changed, and its events with the fingerprints of the rows as they are now."""
        for key, lines in self._postings.items():
            self.connection.execute(postings.delete().where(postings.c.document_key == key))
            if lines:
                self.connection.execute(postings.insert(), lines)
        new = [self.rows[key] for key in self._touched if key in self._new]
        if new:
            self.connection.execute(documents.insert(), new)
        rewrite(self.connection, (self.rows[key] for key in self._touched if key not in self._new))
        chain.append(self.connection, self.keys, self._events)

    def _take(self, done: Step, document: Document | None, facts: Facts) -> None:
        if not done.kind:
            return
        key = done.row.document_key
        values = self.rows[key]
        changed = not _CONTENT.isdisjoint(done.effects) or done.kind == "skipped"
        if values["summary_key"] and changed:
            self._leave_entry(values)
        values |= asdict(done.row) | _given(facts)
        for effect in done.effects:
            self._move_content(effect, values, document)
        values["updated_at"] = datetime.now(UTC)
        self._log(key, done.kind, done.note)

    def _move_content(
        self, effect: Effect, values: dict[str, Any], document: Document | None
    ) -> None:
        """Move versions between their places in a row."""
        match effect:
            case Effect.TAKE_CONTENT if document is not None:
                values |= describe(document) | summary_of(document)
                values |= {"payload": self._sealed(document), "newer_payload": None}
                values |= {"sent": None, "answered_at": None}
            case Effect.KEEP_NEWER if document is not None:
                values |= {"newer_payload": self._sealed(document), "newer_stream": document.stream}
            case Effect.DROP_NEWER:
                values |= {"newer_payload": None, "newer_stream": None}
            case Effect.TAKE_NEWER:
                self._take_newer(values)
            case Effect.BEGIN_CHANGE:
                values["changing_payload"] = values["newer_payload"]
            case Effect.END_CHANGE:
                self._end_change(values)
            case Effect.DROP_CHANGE:
                values["changing_payload"] = None
            case Effect.BOOK:
                self._book(values)
            case _:
                pass  # told to people by the run

    def _leave_entry(self, values: dict[str, Any]) -> None:
        """Let the day's entry be built again when a document of it is not what it was."""
        entry_key, values["summary_key"] = values["summary_key"], None
        self.read([entry_key])
        self._take(state.step(row_of(self.rows[entry_key]), Dissolved()), None, NO_FACTS)
        self.join(entry_key, [])

    def _take_newer(self, values: dict[str, Any]) -> None:
        if values["newer_payload"] is None:  # anonymised meanwhile
            return
        newer = opened(self.keys, values, "newer_payload", values["newer_stream"])
        values |= describe(newer) | summary_of(newer)
        values |= {"payload": values["newer_payload"], "newer_payload": None, "newer_stream": None}
        refusal = _arrival(newer).reason
        if refusal is not None:
            skipped = bool(newer.record.get("skip"))
            values |= {"state": "skipped" if skipped else "parked", "error": refusal}

    def _end_change(self, values: dict[str, Any]) -> None:
        if values["changing_payload"] is None:  # anonymised meanwhile
            return
        changed = opened(self.keys, values, "changing_payload")
        values |= describe(changed) | {"payload": values["changing_payload"]}
        values["changing_payload"] = None

    def _book(self, values: dict[str, Any]) -> None:
        if values["payload"] is None:
            return
        period = values["period_year"], values["period_no"]
        lines = postings_of(opened(self.keys, values), period, values["entry_date"])
        self._postings[values["document_key"]] = lines
        values["postings_hash"] = chain.postings_hash(self.keys, lines) if lines else None

    def _log(
        self, key: str, kind: str, note: str | None, more: Mapping[str, Any] | None = None
    ) -> None:
        values = self.rows[key]
        self._touched[key] = None
        detail = self.detail | {name: values[name] for name in _TOLD} | dict(more or {})
        detail = {name: value for name, value in detail.items() if value is not None}
        values["last_seq"] = self._seq + len(self._events) + 1
        detail["facts"] = chain.facts_of(self.keys, values)
        self._events.append(Event(kind, key, detail, note))

    def _tell_members(self, before: state.Row, done: Step) -> None:
        """Let the documents behind a day's entry follow it."""
        if self.rows[before.document_key]["kind"] != "day":
            return
        now = _seen(done.row)
        if not done.kind or now == _seen(before):
            return
        members = sa.select(documents.c.document_key).where(
            documents.c.summary_key == before.document_key
        )
        keys = list(self.connection.scalars(members.order_by(documents.c.document_key)))
        self.read(keys)
        event = Summed(now, done.row.exact_number)
        for key in keys:
            self._take(state.step(row_of(self.rows[key]), event), None, NO_FACTS)

    def _sealed(self, document: Document) -> bytes:
        return self.keys.encrypt(payload.encode(document.record))


def _seen(row: state.Row) -> events_of.State:
    """Return what an entry's state means for the documents behind it."""
    if row.may_be_in_exact:
        return "sending"
    return "posted" if row.state == "posted" else "held"


def _arrival(document: Document, *, overtaken: bool = False) -> Arrived:
    record = document.record
    reason = refusal_of(record) if document.stream == state.REFUSED_STREAM else None
    skip = bool(record.get("skip"))
    return Arrived(document.stream, document.payload_hash, reason, skip=skip, overtaken=overtaken)


def refusal_of(record: Mapping[str, Any]) -> str:
    """Return why a record of the stream `refused_documents` cannot be booked, in one sentence."""
    where = record.get("where") or "document"
    return f"{record.get('reason')} ({where}). {record.get('what_to_do') or ''}".rstrip()


def _begun(document: Document) -> dict[str, Any]:
    """Return all columns of a document that the ledger sees for the first time."""
    now = datetime.now(UTC)
    empty: dict[str, Any] = dict.fromkeys(column.name for column in documents.c)
    return empty | {"document_key": document.document_key, "created_at": now, "updated_at": now}


def _given(facts: Facts) -> dict[str, Any]:
    found = asdict(facts)
    found["period_year"], found["period_no"] = found.pop("period") or (None, None)
    return {name: value for name, value in found.items() if value is not None}


_TOLD = ("state", "stream", "division", "payload_hash", "exact_id", "exact_number", "status")

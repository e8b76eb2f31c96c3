"""The append-only event log: every row carries a keyed hash over itself and the row before it.

Each event of a document also carries the fingerprint of the document's row as it was from then on,
so that a changed amount, reference or payload shows although no event was touched.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from cryptography.fernet import InvalidToken

from connector_program.database import reading
from target_exact_online.ledger.rows import pages
from target_exact_online.ledger.tables import chain, documents, events, postings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Engine

    from connector_credentials.data_keys import DataKeys

_ENCODER = msgspec.json.Encoder(order="sorted", decimal_format="string")
_MILLISECONDS = "milliseconds"
_DIGITS = Decimal("0.0001")
_PAGE = 200
_MOST_FAULTS = 1_000
_NOTE, _FACTS = "note", "facts"
ANONYMISED = "anonymised"
# What changes without an event: who has a document in hand, and when its row was written.
PAYLOADS = ("payload", "newer_payload", "changing_payload")
_NOT_FACTS = frozenset({"claimed_by", "updated_at", "last_seq", *PAYLOADS})
_FACT_COLUMNS = tuple(column.name for column in documents.c if column.name not in _NOT_FACTS)
# Later columns are in the fingerprint only where they say something: those of older rows hold.
_LATER_COLUMNS = ("nature", "dispatch_country")
_POSTING_COLUMNS = tuple(column.name for column in postings.c if column.name not in _LATER_COLUMNS)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    kind: str  # what happened, e.g. ``posted``
    document_key: str | None  # to which document; None for the ledger itself
    # Facts without personal data: states, hashes, ids, statuses.
    detail: dict[str, Any] = field(default_factory=dict)
    # Words, such as an error message; they may name a person, so they can be erased later without
    # breaking the chain, which covers only their fingerprint.
    note: str | None = None


def facts_of(keys: DataKeys, values: Mapping[str, Any]) -> str:
    """Return the keyed fingerprint of all columns of a document's row, its payloads included."""
    payloads = [_sealed(values[name]) for name in PAYLOADS]
    facts = [_stable(values[name]) for name in _FACT_COLUMNS]
    return keys.fingerprint(_ENCODER.encode([*facts, *payloads]))


def postings_hash(keys: DataKeys, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the keyed fingerprint of a document's postings, in the order of their lines."""
    lines = [[_stable(row[name]) for name in _posting_columns(row)] for row in rows]
    return keys.fingerprint(_ENCODER.encode(lines))


def _posting_columns(row: Mapping[str, Any]) -> tuple[str, ...]:
    told = any(row[name] is not None for name in _LATER_COLUMNS)
    return (*_POSTING_COLUMNS, *_LATER_COLUMNS) if told else _POSTING_COLUMNS


def lock_head(connection: Connection) -> tuple[int, str]:
    """Lock the log until the transaction ends: one chain, whoever writes."""
    row = connection.execute(sa.select(chain.c.seq, chain.c.hash).with_for_update()).one()
    return row.seq, row.hash


def append(connection: Connection, keys: DataKeys, happened: Sequence[Event]) -> None:
    """Append events, in order, in the caller's write transaction."""
    if not happened:
        return
    seq, previous = lock_head(connection)
    at = datetime.now(UTC).isoformat(timespec=_MILLISECONDS)
    rows = []
    for event in happened:
        seq += 1
        note = event.note.encode() if event.note else None
        facts = event.detail | ({_NOTE: keys.fingerprint(note)} if note else {})
        detail = _ENCODER.encode(facts).decode()
        previous = keys.link(previous, _entry(seq, at, event.kind, event.document_key, detail))
        rows.append(
            {
                "seq": seq,
                "at": at,
                "kind": event.kind,
                "document_key": event.document_key,
                "detail": detail,
                "note": keys.encrypt(note) if note else None,
                "hash": previous,
            }
        )
    connection.execute(events.insert(), rows)
    connection.execute(chain.update().values(seq=seq, hash=previous))


def append_of_document(connection: Connection, keys: DataKeys, event: Event) -> None:
    """Append an event of a document that leaves its row as it is, with the row's fingerprint."""
    seq, _ = lock_head(connection)
    here = documents.c.document_key == event.document_key
    connection.execute(documents.update().where(here).values(last_seq=seq + 1))
    row = connection.execute(sa.select(documents).where(here)).one()
    event.detail[_FACTS] = facts_of(keys, row._asdict())
    append(connection, keys, [event])


@dataclass(frozen=True, slots=True)
class Verification:
    """What `audit verify` found."""

    events: int  # how many events were checked
    head: str  # the hash of the last one: keep it elsewhere to prove that nothing was cut off
    faults: tuple[str, ...]  # one sentence per fault; empty when the trail is whole


def verify(
    engine: Engine, keys: DataKeys, *, head: str | None = None, since: str | None = None
) -> Verification:
    """Recompute the chain, and compare every document and its postings with its last event.

    Reads in pages, so that memory stays flat at any size. Faults are changed, deleted, reordered or
    added rows, documents and postings that differ from what their events say; at most a thousand.

    Args:
        engine: The ledger's engine.
        keys: The ledger's keys.
        head: A hash that an earlier report named as the last one: it must still be there.
        since: Begin behind the event with this hash, which an earlier verification reached.
    """
    with reading(engine) as connection:
        start = connection.execute(sa.select(chain.c.seq, chain.c.hash, chain.c.facts_from)).one()
        count, last, faults = _chain_faults(connection, keys, start, head, since)
        found = itertools.chain(faults, _document_faults(connection, keys, start.facts_from or 0))
        some = tuple(itertools.islice(found, _MOST_FAULTS))
    return Verification(count, last, some)


def _chain_faults(
    connection: Connection, keys: DataKeys, told: Any, head: str | None, since: str | None
) -> tuple[int, str, list[str]]:
    faults: list[str] = []
    expected, previous = 0, ""
    if since is not None:
        known = connection.execute(sa.select(events.c.seq).where(events.c.hash == since)).scalar()
        if known is None:
            return 0, "", [f"No event has the hash {since}: the log was cut or exchanged."]
        expected, previous = known, since
    first, seen_head = expected, head in (None, previous)
    for row in _rows(connection, expected):
        expected += 1
        if row.seq != expected:
            faults.append(f"Event {expected} is missing: the next one is {row.seq}.")
            expected = row.seq
        entry = _entry(row.seq, row.at, row.kind, row.document_key, row.detail)
        if keys.link(previous, entry) != row.hash:
            faults.append(
                f"Event {row.seq} ({row.kind} {row.document_key or ''}) does not follow from "
                "the one before it: it, or one before it, was changed, removed or moved."
            )
        previous = row.hash
        seen_head = seen_head or row.hash == head
        if row.note is not None and not _is_note(keys, row.note, row.detail):
            faults.append(f"Event {row.seq} ({row.kind}): its words were changed.")
        del faults[_MOST_FAULTS:]
    if (told.seq, told.hash) != (expected, previous):
        faults.append(
            f"The log ends at event {expected}, but its head says {told.seq}: "
            "the last events were removed or added."
        )
    if not seen_head:
        faults.append(f"No event has the hash {head}: the last events were removed or exchanged.")
    return expected - first, previous, faults


def _is_note(keys: DataKeys, stored: bytes, detail: str) -> bool:
    try:
        told = msgspec.json.decode(detail).get(_NOTE)
        return bool(keys.fingerprint(keys.decrypt(stored)) == told)
    except (InvalidToken, msgspec.DecodeError, AttributeError):
        return False


def _document_faults(connection: Connection, keys: DataKeys, facts_from: int) -> Iterator[str]:
    for page in pages(connection, _PAGE):
        yield from _page_faults(connection, keys, page, facts_from)
    known = sa.select(documents.c.document_key)
    for table, words in (
        (events, "Document {} is gone, its events are still there."),
        (postings, "Postings of {} have no document."),
    ):
        here = table.c.document_key
        gone = sa.select(here).where(here.is_not(None), here.not_in(known)).distinct()
        for key in connection.scalars(gone.limit(_MOST_FAULTS)):
            yield words.format(key)


def _page_faults(
    connection: Connection, keys: DataKeys, page: list[dict[str, Any]], facts_from: int
) -> Iterator[str]:
    names = [row["document_key"] for row in page]
    said = {
        row.seq: row
        for row in connection.execute(
            sa.select(events).where(events.c.seq.in_([row["last_seq"] for row in page]))
        )
    }
    newest = _highest(connection, names, sa.true())
    erased = _highest(connection, names, events.c.kind == ANONYMISED)
    had_words = events.c.note.is_(None) & events.c.detail.contains(f'"{_NOTE}":')
    wordless = _highest(connection, names, had_words)
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in connection.execute(
        sa.select(postings).where(postings.c.document_key.in_(names)).order_by(postings.c.line_no)
    ):
        lines.setdefault(line.document_key, []).append(line._asdict())
    for row in page:
        key = row["document_key"]
        if key not in newest:
            yield f"Document {key} has no event: it was added by hand."
            continue
        if newest[key] != row["last_seq"]:
            last = row["last_seq"]
            yield f"Document {key}: event {newest[key]} is its last one, its row names {last}."
        event = said.get(row["last_seq"])
        facts = event and msgspec.json.decode(event.detail).get(_FACTS)
        if facts is None and row["last_seq"] >= facts_from:
            yield f"Document {key}: its last event tells nothing of its row."
        elif facts is not None and facts_of(keys, row) != facts:
            yield f"Document {key}: its row or content is not what event {row['last_seq']} says."
        if wordless.get(key, 0) > erased.get(key, 0):
            yield f"Document {key}: words were removed without an anonymise command."
        found = postings_hash(keys, lines[key]) if key in lines else None
        if found != row["postings_hash"]:
            yield f"Document {key}: its postings are not those that were written."


def _highest(
    connection: Connection, names: list[str], condition: sa.ColumnElement[bool]
) -> dict[str, int]:
    """Return the last of some events of each document."""
    highest = (
        sa.select(events.c.document_key, sa.func.max(events.c.seq))
        .where(events.c.document_key.in_(names), condition)
        .group_by(events.c.document_key)
    )
    return dict(connection.execute(highest).tuples().all())


def _rows(connection: Connection, after: int) -> Iterator[Any]:
    while page := connection.execute(
        sa.select(events).where(events.c.seq > after).order_by(events.c.seq).limit(_PAGE)
    ).all():
        yield from page
        after = page[-1].seq


def _entry(seq: int, at: str, kind: str, document_key: str | None, detail: str) -> bytes:
    return _ENCODER.encode([seq, at, kind, document_key, detail])


def _stable(value: Any) -> Any:
    """Return a column's value in one form, whichever database gives it back."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, Decimal):
        return format(value.quantize(_DIGITS), "f")
    return value


def _sealed(stored: bytes | None) -> str | None:
    return None if stored is None else hashlib.sha256(stored).hexdigest()

"""The append-only event log: every row carries a keyed hash over itself and the row before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from cryptography.fernet import InvalidToken

from target_exact_online.ledger.database import reading
from target_exact_online.ledger.tables import chain, documents, events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection, Engine

    from target_exact_online.ledger.keys import LedgerKeys

_ENCODER = msgspec.json.Encoder(order="sorted")
_MILLISECONDS = "milliseconds"
_PAGE = 1_000
_NOTE = "note"
ANONYMISED = "anonymised"
# What an event says about a document, compared with the document itself by `audit verify`.
_TRACKED = ("state", "payload_hash", "exact_id", "exact_number")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: What happened, e.g. ``posted``.
        document_key: To which document; None for the ledger itself.
        detail: Facts without personal data: states, hashes, ids, statuses.
        note: Words, such as an error message; they may name a person, so they can be erased
            later without breaking the chain, which covers only their fingerprint.
    """

    kind: str
    document_key: str | None
    detail: dict[str, Any] = field(default_factory=dict)
    note: str | None = None


def append(connection: Connection, keys: LedgerKeys, happened: Sequence[Event]) -> None:
    """Append events in the caller's transaction.

    Args:
        connection: A write transaction.
        keys: The ledger's keys.
        happened: The events, in order.
    """
    if not happened:
        return
    # The head row is locked until the transaction ends: one chain, whoever writes.
    seq, previous = connection.execute(sa.select(chain.c.seq, chain.c.hash).with_for_update()).one()
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


@dataclass(frozen=True, slots=True)
class Verification:
    """What `audit verify` found.

    Attributes:
        events: How many events were checked.
        head: The hash of the last one: keep it elsewhere to prove that nothing was cut off.
        faults: One sentence per fault; empty when the trail is whole.
    """

    events: int
    head: str
    faults: tuple[str, ...]


def verify(engine: Engine, keys: LedgerKeys) -> Verification:
    """Recompute the whole chain and compare every document with its last event.

    Args:
        engine: The ledger's engine.
        keys: The ledger's keys.

    Returns:
        The faults found: changed, deleted, reordered or added rows, and documents that differ
        from what their events say.
    """
    faults: list[str] = []
    last: dict[str, dict[str, Any]] = {}
    erased: dict[str, int] = {}  # the event up to which a document's words may be gone
    wordless: list[tuple[str, int]] = []
    expected, previous = 0, ""
    with reading(engine) as connection:
        for row in _rows(connection):
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
            if row.document_key:
                said = msgspec.json.decode(row.detail)
                last.setdefault(row.document_key, {}).update(
                    {name: said[name] for name in _TRACKED if name in said}
                )
                if row.kind == ANONYMISED:
                    erased[row.document_key] = row.seq
                if row.note is None and _NOTE in said:
                    wordless.append((row.document_key, row.seq))
                elif row.note is not None and not _is_note(keys, row.note, said.get(_NOTE)):
                    faults.append(f"Event {row.seq} ({row.kind}): its words were changed.")
        head = connection.execute(sa.select(chain.c.seq, chain.c.hash)).one()
        if (head.seq, head.hash) != (expected, previous):
            faults.append(
                f"The log ends at event {expected}, but its head says {head.seq}: "
                "the last events were removed or added."
            )
        faults += [
            f"Event {seq}: its words were removed without an anonymise command."
            for key, seq in wordless
            if seq > erased.get(key, 0)
        ]
        faults += _document_faults(connection, last)
    return Verification(expected, previous, tuple(faults))


def _is_note(keys: LedgerKeys, stored: bytes, fingerprint: str | None) -> bool:
    try:
        return keys.fingerprint(keys.decrypt(stored)) == fingerprint
    except InvalidToken:
        return False


def _document_faults(connection: Connection, last: dict[str, dict[str, Any]]) -> Iterator[str]:
    columns = [documents.c.document_key, *(documents.c[name] for name in _TRACKED)]
    for row in connection.execute(sa.select(*columns).order_by(documents.c.document_key)):
        said = last.pop(row.document_key, None)
        if said is None:
            yield f"Document {row.document_key} has no event: it was added by hand."
            continue
        for name in _TRACKED:
            if said.get(name) != getattr(row, name):
                yield (
                    f"Document {row.document_key}: {name} is {getattr(row, name)!r}, "
                    f"its events say {said.get(name)!r}."
                )
    for key in last:
        yield f"Document {key} is gone, its events are still there."


def _rows(connection: Connection) -> Iterator[Any]:
    after = 0
    while page := connection.execute(
        sa.select(events).where(events.c.seq > after).order_by(events.c.seq).limit(_PAGE)
    ).all():
        yield from page
        after = page[-1].seq


def _entry(seq: int, at: str, kind: str, document_key: str | None, detail: str) -> bytes:
    return _ENCODER.encode([seq, at, kind, document_key, detail])

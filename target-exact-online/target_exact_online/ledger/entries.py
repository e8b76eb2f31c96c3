"""What the ledger keeps of a document, and how a document comes in and goes out."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from target_exact_online.ledger import payload
from target_exact_online.ledger.chain import Event

if TYPE_CHECKING:
    from datetime import datetime

    from target_exact_online.ledger.runs import Run

REFUSED_STREAM = "refused_documents"
State = Literal["received", "sending", "posted", "parked", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Document:
    """One document as it arrived.

    Attributes:
        record: The Singer record, amounts as ``Decimal``.
        stream: The stream it came in.
        document_key: The business key.
        payload_hash: The hash of its content.
    """

    record: dict[str, Any] = field(repr=False)
    stream: str
    document_key: str
    payload_hash: str

    @classmethod
    def of(cls, stream: str, record: dict[str, Any]) -> Document:
        """Return the document of a record that has a ``document_key``."""
        return cls(record, stream, record["document_key"], payload.content_hash(record))


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a document.

    Attributes:
        document_key: The business key.
        stream: The stream it came in.
        state: Where it stands.
        payload_hash: The content it stands for.
        newer_hash: The content of a version that came after it was posted, or None.
        attempts: How often it was sent.
        exact_id: Its GUID in Exact, or None.
        exact_number: Its number in Exact, or None.
        error: Why it is not posted, or None.
        claimed_by: The run that has it in hand, or None.
        sent_at: When its last call had begun at the latest (UTC), or None.
        created_at: When the ledger first saw it (UTC).
    """

    document_key: str
    stream: str
    state: State
    payload_hash: str
    newer_hash: str | None
    attempts: int
    exact_id: str | None
    exact_number: str | None
    error: str | None
    claimed_by: str | None
    sent_at: datetime | None
    created_at: datetime


KNOWN_NAMES = tuple(one.name for one in fields(Known))


class Waiting(NamedTuple):
    """A document out of the ledger, with what the ledger knows of it."""

    document: Document
    known: Known


@dataclass(frozen=True, slots=True)
class Arrival:
    """A document and the state it enters the ledger with.

    Attributes:
        document: The document.
        state: ``sending`` claims it for a call, ``received`` holds it for later, ``parked`` and
            ``skipped`` keep it with the reason.
        replaces: What the ledger knew of it when this was decided, or None.
        error: The reason, for ``parked`` and ``skipped``.
        next_retry_at: When it is looked at again by itself (UTC), or None.
    """

    document: Document
    state: State
    replaces: Known | None = None
    error: str | None = None
    next_retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a claimed document.

    Attributes:
        document_key: The business key.
        state: The state it ends in; ``sending`` when the answer never came.
        kind: The event, e.g. ``posted``, ``already_there``, ``parked``, ``unanswered``.
        attempts: How often it was sent so far.
        exact_id: Its GUID in Exact, or None.
        exact_number: Its number in Exact, or None.
        status: The HTTP status of the last answer, or None.
        error: Why it is not posted, or None.
        next_retry_at: When it is tried again by itself (UTC), or None.
    """

    document_key: str
    state: State
    kind: str
    attempts: int
    exact_id: str | None = None
    exact_number: str | None = None
    status: int | None = None
    error: str | None = None
    next_retry_at: datetime | None = None


def describe(document: Document) -> dict[str, Any]:
    """Return the columns by which people look for a document."""
    record = document.record
    source = record.get("source") or {}
    amount = (record.get("totals") or {}).get("amount", record.get("amount"))
    return {
        "document_key": document.document_key,
        "stream": document.stream,
        "kind": source.get("kind") or record.get("kind"),
        "division": record.get("division"),
        "your_ref": record.get("your_ref"),
        "order_number": source.get("order_increment_id"),
        "currency": record.get("currency"),
        "amount": None if amount is None else str(Decimal(amount)),
        "rules_version": record.get("rules_version"),
        "payload_hash": document.payload_hash,
    }


def arrival_event(run: Run, arrival: Arrival) -> Event:
    """Return the event of a document that enters the ledger."""
    document = arrival.document
    detail: dict[str, Any] = {
        "run": run.run_id,
        "state": arrival.state,
        "stream": document.stream,
        "payload_hash": document.payload_hash,
        "exact_id": None,
        "exact_number": None,
        "rules_version": document.record.get("rules_version"),
    }
    return Event(arrival.state, document.document_key, detail, arrival.error)


def result_event(run: Run, result: Result) -> Event:
    """Return the event of what came of a claimed document."""
    return Event(
        result.kind,
        result.document_key,
        {
            "run": run.run_id,
            "state": result.state,
            "exact_id": result.exact_id,
            "exact_number": result.exact_number,
            "status": result.status,
        },
        result.error,
    )

"""A document as it arrives, the facts of it that people look for, and its row in the ledger."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from target_exact_online.ledger import payload
from target_exact_online.ledger.tables import documents
from target_exact_online.posting.state import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy.engine import Connection

    from connector_credentials.data_keys import DataKeys

SUMMARY_STREAM = "summary_documents"
DAY = "day"
ROW_NAMES = tuple(one.name for one in fields(Row))

_LONGEST_GROUP = 255
_DATES = ("entry_date", "invoice_date", "order_date")
_REWRITE = (
    documents.update()
    .where(documents.c.document_key == sa.bindparam("new_document_key"))
    .values(
        {
            column.name: sa.bindparam(f"new_{column.name}")
            for column in documents.c
            if column.name not in {"document_key", "created_at"}
        }
    )
)


@dataclass(frozen=True, slots=True)
class Document:
    """One document as it arrived."""

    record: dict[str, Any] = field(repr=False)  # the Singer record, amounts as ``Decimal``
    stream: str  # the stream it came in
    # The ledger's name for it: the record's own, unless another company of the same ledger has a
    # document of that name.
    document_key: str
    division: int  # the Exact company it belongs to, decided when it came in
    payload_hash: str  # the hash of its content

    @classmethod
    def of(cls, stream: str, record: dict[str, Any], division: int) -> Document:
        """Return the document of a record with a key; `division` is of those that name none."""
        own = record.get("division")
        return cls(
            record,
            stream,
            record["document_key"],
            own if isinstance(own, int) else division,
            payload.content_hash(record),
        )

    @property
    def source(self) -> Mapping[str, Any]:
        """Where it came from; empty when the record does not say."""
        found = self.record.get("source")
        return found if isinstance(found, dict) else {}

    @property
    def number(self) -> str:
        """The key as it is named in records, without the company."""
        return str(self.record["document_key"])

    @property
    def changed_at(self) -> datetime | None:
        """When the shop changed it, by the shop's clock (UTC), or None."""
        try:
            found = datetime.fromisoformat(str(self.source.get("updated_at")))
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def opened(
    keys: DataKeys,
    values: Mapping[str, Any],
    column: str = "payload",
    stream: str | None = None,
) -> Document:
    """Return the version in a column of a row; without content when it was anonymised."""
    stored = values[column]
    return Document(
        {} if stored is None else payload.decode(keys.decrypt(stored)),
        stream or values["stream"],
        values["document_key"],
        values["division"],
        values["payload_hash"],
    )


def pages(connection: Connection, size: int) -> Iterator[list[dict[str, Any]]]:
    """Give all documents, all their columns, in pages: memory stays flat at any size."""
    after = ""
    while page := connection.execute(
        sa.select(documents)
        .where(documents.c.document_key > after)
        .order_by(documents.c.document_key)
        .limit(size)
    ).all():
        yield [row._asdict() for row in page]
        after = page[-1].document_key


def rewrite(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write all columns of documents that the ledger has."""
    given = [{f"new_{name}": value for name, value in row.items()} for row in rows]
    if given:
        connection.execute(_REWRITE, given)


def row_of(values: Mapping[str, Any]) -> Row:
    """Return what decides of a document's columns."""
    return Row(**{name: values[name] for name in ROW_NAMES})


def older_key(document: Document) -> str | None:
    """Return the key that an older version gave the document: without its store view."""
    source = document.source
    start = f"{source.get('instance')}:{source.get('store_code') or '-'}:"
    if not document.number.startswith(start):
        return None
    return f"{source.get('instance')}:{document.number.removeprefix(start)}"


def is_same_origin(values: Mapping[str, Any], document: Document) -> bool:
    """Tell whether a row under an older key is this document, not one that counts alike."""
    source = document.source
    store, entity = source.get("store_code"), source.get("entity_id")
    if values["store_code"] is not None and store is not None:
        return bool(values["store_code"] == store)
    if values["entity_id"] is not None and entity is not None:
        return bool(values["entity_id"] == str(entity))
    return True


def describe(document: Document) -> dict[str, Any]:
    """Return the columns by which people look for a document, and that accountants add up."""
    record, source = document.record, document.source
    totals = record.get("totals")
    totals = totals if isinstance(totals, dict) else {}
    summary = record.get("summary") if document.stream == SUMMARY_STREAM else None
    day = summary.get("day") if isinstance(summary, dict) else None
    return {
        "stream": document.stream,
        "kind": _text(source.get("kind") or record.get("kind"), 32),
        "division": document.division,
        "store_code": _text(source.get("store_code"), 64),
        "entity_id": _text(source.get("entity_id"), 64),
        "your_ref": _text(record.get("your_ref"), 64),
        "order_number": _text(source.get("order_increment_id"), 64),
        "currency": _text(record.get("currency"), 3),
        "amount": _digits(totals.get("amount", record.get("amount"))),
        "vat_amount": _digits(totals.get("vat_amount")),
        "net_amount": _digits(totals.get("net_amount")),
        "entry_date": _text(day or next(filter(None, map(record.get, _DATES)), None), 10),
        "source_created_at": _text(source.get("created_at"), 40),
        "rules_version": _text(record.get("rules_version"), 128),
        "payload_hash": document.payload_hash,
    }


def _text(value: Any, longest: int) -> str | None:
    """Return what a column can hold; a refused record may have anything in its place."""
    return str(value)[:longest] if isinstance(value, (str, int, Decimal)) else None


def _digits(value: Any) -> str | None:
    try:
        return None if value is None else str(Decimal(str(value)))[:40]
    except InvalidOperation:
        return None


def summary_of(document: Document) -> dict[str, Any]:
    """Return to which day a document belongs that is booked in a daily summary, or an entry is.

    Company, shop, store view, day, currency, rate and, where the rules split by it, payment
    method make one entry.
    """
    if document.stream != SUMMARY_STREAM:
        group = document.record.get("summary_group")
        return {"summary_group": group, "summary_key": None, "closes_at": None}
    record, summary = document.record, document.record["summary"]
    rate = record.get("exchange_rate")
    parts = (
        document.division,
        summary["instance"],
        summary.get("store") or "-",
        summary["day"],
        record["currency"],
        "" if rate is None else format(Decimal(str(rate)).normalize(), "f"),
        summary.get("method") or "",
        summary["journal"],
    )
    group = "|".join(str(part).replace("|", "/") for part in parts)
    if len(group) > _LONGEST_GROUP:
        group = hashlib.sha256(group.encode()).hexdigest()
    closes_at = datetime.fromisoformat(summary["closes_at"])
    return {"summary_group": group, "summary_key": None, "closes_at": closes_at}

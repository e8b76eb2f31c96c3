"""Bring the documents of an older ledger up to date: what needs its key, not only its columns.

Older versions named a document without its store view, left the company to the settings of the
moment, and kept neither the accounting facts nor the postings. All of it is in the payloads. Each
document gets one event, so that the log vouches for what was filled in.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connector_program.database import reading
from exact_online.errors import ConfigError
from target_exact_online.ledger import chain, payload
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.postings import postings_of
from target_exact_online.ledger.rows import (
    SUMMARY_STREAM,
    Document,
    describe,
    pages,
    rewrite,
    summary_of,
)
from target_exact_online.ledger.tables import chain as chain_table
from target_exact_online.ledger.tables import documents, postings
from target_exact_online.posting.state import UNKNOWN_CONTENT

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from connector_credentials.data_keys import DataKeys

_PAGE = 500
_day_documents = sa.table("day_documents", sa.column("document_key"), sa.column("entry_key"))
_companies = sa.table("master_state", sa.column("division"))


def upgrade(engine: Engine, keys: DataKeys, division: int | None) -> None:
    """Fill in what an older version did not record; nothing when that was done before.

    The schema is up to date. ``division`` is the company of documents for which none was recorded,
    unless the ledger shows that it was another one.

    Raises:
        ConfigError: The company is not known, or a payload cannot be opened.
    """
    with reading(engine) as connection:
        if connection.scalar(sa.select(chain_table.c.facts_from)) is not None:
            return
    with engine.begin() as connection:
        seq, _ = chain.lock_head(connection)
        if connection.scalar(sa.select(chain_table.c.facts_from)) is not None:
            return  # another process was first
        company = _company(connection, division)
        for page in pages(connection, _PAGE):
            _upgrade_page(connection, keys, page, company)
        _upgrade_days(connection, keys)
        connection.execute(chain_table.update().values(facts_from=seq + 1))


def _company(connection: Connection, division: int | None) -> int | None:
    """Return the one company whose master data this ledger has read; else the setting."""
    read = list(connection.scalars(sa.select(_companies.c.division).distinct()))
    return int(read[0]) if len(read) == 1 else division


def _upgrade_page(
    connection: Connection, keys: DataKeys, page: list[dict[str, Any]], company: int | None
) -> None:
    seq, _ = chain.lock_head(connection)
    happened, lines = [], []
    for number, row in enumerate(page, 1):
        division = row["division"] or company
        if division is None:
            msg = (
                "The ledger has documents of an older version that name no Exact company. Give "
                "the setting division, the company they were posted to."
            )
            raise ConfigError(msg)
        booked = _fill(keys, row, division)
        lines += booked
        row["postings_hash"] = chain.postings_hash(keys, booked) if booked else None
        row |= {"last_seq": seq + number, "updated_at": row["updated_at"]}
        happened.append(_event(keys, row))
    rewrite(connection, page)
    if lines:
        connection.execute(postings.insert(), lines)
    chain.append(connection, keys, happened)


def _fill(keys: DataKeys, row: dict[str, Any], division: int) -> list[dict[str, Any]]:
    """Fill in a row from its payload, and return its postings."""
    row |= {"division": division, "answered_at": _answered(row)}
    if row["payload"] is None:
        row["payload_hash"] = UNKNOWN_CONTENT  # hashes cover less now, and the content is gone
        return []
    document = _opened(keys, row, row["payload"], row["stream"], division)
    told = describe(document) | summary_of(document)
    row |= told
    if row["newer_payload"] is not None:
        newer = _opened(keys, row, row["newer_payload"], row["newer_stream"], division)
        row["newer_hash"] = newer.payload_hash
    if row["state"] != "posted":
        return []
    return postings_of(document, (None, None), row["entry_date"])


def _answered(row: dict[str, Any]) -> datetime | None:
    moment: datetime = row["updated_at"]
    return moment if row["state"] == "posted" else None


def _opened(
    keys: DataKeys, row: dict[str, Any], stored: bytes, stream: str, division: int
) -> Document:
    what = f"The content of document {row['document_key']} in the ledger"
    record = payload.unsealed(keys, stored, what)
    document = Document.of(stream, record | {"document_key": row["document_key"]}, division)
    return replace(document, division=division)


def _upgrade_days(connection: Connection, keys: DataKeys) -> None:
    """Make a row of each document that an older version knew only by its day's entry."""
    entry, member = documents.alias("entry"), documents.alias("member")
    named = (
        sa.select(_day_documents.c.document_key, entry)
        .join(entry, entry.c.document_key == _day_documents.c.entry_key)
        .outerjoin(member, member.c.document_key == _day_documents.c.document_key)
        .where(member.c.document_key.is_(None))
        .order_by(_day_documents.c.document_key)
    )
    found = connection.execute(named).all()
    made: dict[str, dict[str, Any]] = {}
    for row in found:
        made.setdefault(row[0], _member(row[0], row._mapping))  # noqa: SLF001  # SQLAlchemy's own name
    seq, _ = chain.lock_head(connection)
    for number, values in enumerate(made.values(), 1):
        values["last_seq"] = seq + number
    if made:
        connection.execute(documents.insert(), list(made.values()))
        chain.append(connection, keys, [_event(keys, values) for values in made.values()])


def _member(document_key: str, entry: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    empty: dict[str, Any] = dict.fromkeys(column.name for column in documents.c)
    posted = entry["state"] == "posted"
    kind = document_key.split(":")[-2] if document_key.count(":") > 1 else None
    return empty | {
        "document_key": document_key,
        "stream": SUMMARY_STREAM,
        "kind": kind,
        "division": entry["division"],
        "store_code": entry["store_code"],
        "your_ref": document_key.rsplit(":", maxsplit=1)[-1][:64],
        "currency": entry["currency"],
        "entry_date": entry["entry_date"],
        "payload_hash": UNKNOWN_CONTENT,
        "summary_key": entry["document_key"],
        "state": "posted" if posted else "held",
        "may_be_in_exact": entry["may_be_in_exact"],
        "exact_number": entry["exact_number"],
        "attempts": 0,
        "by_person": False,
        "created_at": now,
        "updated_at": now,
    }


def _event(keys: DataKeys, row: dict[str, Any]) -> Event:
    detail = {name: row[name] for name in ("state", "division", "payload_hash", "exact_id")}
    detail["facts"] = chain.facts_of(keys, row)
    return Event("upgraded", row["document_key"], detail)

"""Which documents are behind which summary entry, so that none is booked alone as well.

A shop that changes its booking mode sends the same invoices again in another shape: alone after
they went into a day's entry, or in a day's entry after they were posted alone. Exact would accept
both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from target_exact_online.exceptions import Problem
from target_exact_online.ledger.database import reading
from target_exact_online.ledger.tables import day_documents, documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Engine

    from target_exact_online.ledger.entries import Arrival, Document

_DAY = "day"
# In these states Exact has the entry, or will have it without anybody's decision.
_BOOKED = ("received", "sending", "posted", "failed")
_ALONE = ("sales_entries", "sales_invoices")
_NAMED = 3  # documents named in a message
_WHAT_TO_DO = (
    "Nothing was booked. Change the booking mode by a rule with a `from` date, so that each "
    "document is booked one way only."
)


def _includes(document: Document) -> list[str]:
    """Return the keys of the documents behind a day's entry; none for any other document."""
    source = document.record.get("source") or {}
    return list(document.record.get("includes") or ()) if source.get("kind") == _DAY else []


def remember(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    """Note the documents behind the entries of days, in the caller's transaction."""
    rows = [
        {"document_key": key, "entry_key": arrival.document.document_key}
        for arrival in arrivals
        if arrival.state in _BOOKED
        for key in _includes(arrival.document)
    ]
    if rows:
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        connection.execute(insert(day_documents).on_conflict_do_nothing(), rows)


def booked_otherwise(engine: Engine, candidates: Sequence[Document]) -> dict[str, Problem]:
    """Return the documents that are booked already in another shape, and where.

    Args:
        engine: The ledger's engine.
        candidates: Documents that are about to be sent.

    Returns:
        By document key, what to tell the user; usually nothing.
    """
    behind = {document.document_key: _includes(document) for document in candidates}
    alone = [document.document_key for document in candidates if document.stream in _ALONE]
    included = [key for keys in behind.values() for key in keys]
    if not alone and not included:
        return {}
    with reading(engine) as connection:
        in_days = _entries_of(connection, alone + included)
        posted = _posted_alone(connection, included)
    problems = {
        key: _problem(f"It is in the entry {', '.join(sorted(in_days[key]))} already")
        for key in alone
        if key in in_days
    }
    for key, keys in behind.items():
        twice = [one for one in keys if one in posted or in_days.get(one, set()) - {key}]
        if twice:
            more = f" and {len(twice) - _NAMED} more" if len(twice) > _NAMED else ""
            named = ", ".join(twice[:_NAMED])
            problems[key] = _problem(
                f"It includes documents that are booked already: {named}{more}"
            )
    return problems


def _problem(what: str) -> Problem:
    return Problem("document", what, _WHAT_TO_DO)


def _entries_of(connection: Connection, keys: Sequence[str]) -> dict[str, set[str]]:
    """Return the booked entries of days that include each document."""
    entries: dict[str, set[str]] = {}
    for some in _portions(keys):
        rows = connection.execute(
            sa.select(day_documents.c.document_key, day_documents.c.entry_key)
            .join(documents, documents.c.document_key == day_documents.c.entry_key)
            .where(day_documents.c.document_key.in_(some), documents.c.state.in_(_BOOKED))
        )
        for row in rows:
            entries.setdefault(row.document_key, set()).add(row.entry_key)
    return entries


def _posted_alone(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Return those of the documents that are, or are about to be, in Exact by themselves."""
    return {
        key
        for some in _portions(keys)
        for key in connection.scalars(
            sa.select(documents.c.document_key).where(
                documents.c.document_key.in_(some),
                documents.c.stream.in_(_ALONE),
                documents.c.state.in_(_BOOKED),
            )
        )
    }


def _portions(keys: Sequence[str], size: int = 500) -> list[Sequence[str]]:
    """Cut into what both databases take as parameters of one statement."""
    return [keys[start : start + size] for start in range(0, len(keys), size)]

"""Which documents are behind which summary entry, so that none is booked alone as well.

A shop that changes its booking mode sends the same invoices again in another shape: alone after
they went into a day's entry, with their payment, or in a day's entry after they were posted alone.
Exact would accept both.
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
_FROM_A_DATE = (
    "Change the booking mode by a rule with a `from` date, so that each document is booked one "
    "way only."
)


def _includes(document: Document) -> list[str]:
    """Return the keys of the documents behind a day's entry; none for any other document."""
    return list(document.record.get("includes") or ()) if _is_day(document) else []


def _paid(document: Document) -> list[str]:
    """Return the keys of what a payment or refund is for; none for any other document."""
    return [] if _is_day(document) else list(document.record.get("includes") or ())


def _is_day(document: Document) -> bool:
    return bool((document.record.get("source") or {}).get("kind") == _DAY)


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
    paid = {document.document_key: _paid(document) for document in candidates}
    alone = [document.document_key for document in candidates if document.stream in _ALONE]
    included = [key for keys in behind.values() for key in keys]
    settled = [key for keys in paid.values() for key in keys]
    if not alone and not included and not settled:
        return {}
    with reading(engine) as connection:
        in_days = _entries_of(connection, alone + included + settled)
        posted = _posted_alone(connection, included)
    problems = {
        key: _problem(f"It is in the entry {', '.join(sorted(in_days[key]))} already")
        for key in alone
        if key in in_days
    }
    for key, keys in paid.items():
        for one in keys:
            if one in in_days:
                entry = ", ".join(sorted(in_days[one]))
                problems[key] = _problem(f"Its money is in the entry {entry} already, with {one}")
    for key, keys in behind.items():
        entries = {one: in_days.get(one, set()) - {key} for one in keys}
        booked = [_booked(one, posted, entries) for one in keys if one in posted or entries[one]]
        if booked:
            waiting = [one for one in keys if one not in posted and not entries[one]]
            problems[key] = _problem_of_entry(booked, waiting)
    return problems


def _booked(key: str, posted: dict[str, str | None], entries: dict[str, set[str]]) -> str:
    """Say where a document is booked."""
    if key in posted:
        return f"{key} (as {posted[key]})" if posted[key] else key
    return f"{key} (in {', '.join(sorted(entries[key]))})"


def _problem_of_entry(booked: Sequence[str], waiting: Sequence[str]) -> Problem:
    """Say what holds a day's entry back, which documents wait with it, and how they get on."""
    what = f"It includes documents that are booked already: {_named(booked)}"
    if not waiting:
        return _problem(what, "Skip this entry: all of its documents are booked. ")
    return _problem(
        f"{what}. These wait with it: {_named(waiting)}",
        "Read the documents that wait again in the booking mode of the others, then skip this "
        "entry. ",
    )


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return ", ".join(keys[:_NAMED]) + more


def _problem(what: str, next_step: str = "") -> Problem:
    return Problem("document", what, f"Nothing was booked. {next_step}{_FROM_A_DATE}")


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


def _posted_alone(connection: Connection, keys: Sequence[str]) -> dict[str, str | None]:
    """Return the documents that are, or are about to be, in Exact by themselves: their numbers."""
    return {
        row.document_key: row.exact_number
        for some in _portions(keys)
        for row in connection.execute(
            sa.select(documents.c.document_key, documents.c.exact_number).where(
                documents.c.document_key.in_(some),
                documents.c.stream.in_(_ALONE),
                documents.c.state.in_(_BOOKED),
            )
        )
    }


def _portions(keys: Sequence[str], size: int = 500) -> list[Sequence[str]]:
    """Cut into what both databases take as parameters of one statement."""
    return [keys[start : start + size] for start in range(0, len(keys), size)]

"""What Exact had before this ledger: how a lost ledger is made good without a call per document.

A document that is older than the ledger and unknown to it may have been posted by a ledger that
was lost. When a stream is posted for the first time, the references that Exact has are read in
pages. A company with too many of them is asked for the references of each batch instead.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from target_exact_online import documents
from target_exact_online.exceptions import DocumentRefusedError
from target_exact_online.ledger.database import reading
from target_exact_online.ledger.tables import chain, known_references

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Engine

    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import Found, Prepared
    from target_exact_online.ledger.entries import Document

_REFERENCE = "YourRef"
_MOST_READ = 600  # ten pages of sixty
# These lists are refused without a filter on one of a few properties.
_ALL_OF_THEM = dict.fromkeys(
    ("salesorder/SalesOrders", "salesinvoice/SalesInvoices"),
    "Created gt datetime'2000-01-01T00:00:00'",
)
_CLOCKS_DIFFER = timedelta(hours=1)


class References:
    """The references that Exact had when this ledger was new."""

    def __init__(self, client: ExactClient, engine: Engine) -> None:
        """Prepare; nothing is read yet.

        Args:
            client: Asks Exact.
            engine: The ledger's engine, where the answer is kept.
        """
        self._client = client
        self._engine = engine
        self._known: dict[tuple[int, str], frozenset[str] | None] = {}
        # Rows that this very run has read: later runs ask again, a person may have deleted some.
        self._just_read: dict[tuple[int, str], list[dict[str, Any]]] = {}
        with reading(engine) as connection:
            self._born_at: datetime = connection.execute(sa.select(chain.c.created_at)).one()[0]

    def foreign(
        self, claims: Sequence[tuple[Document, Prepared]]
    ) -> dict[str, Found | DocumentRefusedError]:
        """Return what Exact has of documents although the ledger is new to them.

        Args:
            claims: Documents that this ledger never sent.

        Returns:
            By document key: what Exact has, or why that cannot be this document.

        Raises:
            RetriableError: Exact cannot be asked now.
        """
        old: defaultdict[tuple[int, str], list[Prepared]] = defaultdict(list)
        for document, prepared in claims:
            if self._older_than_ledger(document):
                old[prepared.division, prepared.stream].append(prepared)
        answers: dict[str, Found | DocumentRefusedError] = {}
        for some in old.values():
            if _REFERENCE in some[0].settle_filter:
                suspects = self._suspects(some)
                rows = self._just_read.get((some[0].division, some[0].stream))
                answers |= (
                    documents.settle_many(suspects, self._client)
                    if rows is None
                    else documents.found_among(suspects, rows, self._client)
                )
            else:  # journal entries are few, and carry their key elsewhere
                answers |= self._one_by_one(some)
        return answers

    def _one_by_one(self, some: list[Prepared]) -> dict[str, Found | DocumentRefusedError]:
        answers: dict[str, Found | DocumentRefusedError] = {}
        for prepared in some:
            try:
                found = documents.settle(prepared, self._client)
            except DocumentRefusedError as error:
                answers[prepared.document_key] = error
            else:
                if found is not None:
                    answers[prepared.document_key] = found
        return answers

    def _suspects(self, some: list[Prepared]) -> list[Prepared]:
        """Return those whose reference was there; all of them where it was not read."""
        key = (some[0].division, some[0].stream)
        if key not in self._known:
            self._known[key] = self._first_look(some[0])
        there = self._known[key]
        return some if there is None else [one for one in some if one.your_ref in there]

    def _first_look(self, one: Prepared) -> frozenset[str] | None:
        """Return all references that were there at first, or None when they are too many."""
        division, stream, resource = one.division, one.stream, one.settle_resource
        here = (known_references.c.division == division) & (known_references.c.stream == stream)
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(known_references).where(here)).one_or_none()
        if row is not None:
            return frozenset(json.loads(row.found)) if row.complete else None
        rows = list(
            self._client.get(
                resource,
                division=division,
                select=documents.columns_of_many(one),
                filter=_ALL_OF_THEM.get(resource),
                top=_MOST_READ + 1,
            )
        )
        complete = len(rows) <= _MOST_READ
        found = {str(row.get(_REFERENCE) or "") for row in rows} - {""}
        kept = sorted(found) if complete else []
        if complete:
            self._just_read[division, stream] = rows
        with self._engine.begin() as connection:
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            connection.execute(
                insert(known_references)
                .on_conflict_do_nothing()
                .values(division=division, stream=stream, complete=complete, found=json.dumps(kept))
            )
        return frozenset(kept) if complete else None

    def _older_than_ledger(self, document: Document) -> bool:
        created = (document.record.get("source") or {}).get("created_at")
        try:
            moment = datetime.fromisoformat(str(created))
        except ValueError:
            return True  # better one question too many
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment < self._born_at + _CLOCKS_DIFFER

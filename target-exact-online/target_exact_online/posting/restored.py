"""What Exact has that this ledger does not: a ledger that was lost, or restored from a backup.

Before the first document of a stream is sent, Exact is asked once what it got since the ledger's
last document of that stream, by Exact's clock. A ledger that has none yet asks for everything, and
keeps the references: a document may come long after. What has one of these references is asked for
before it is sent.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from connector_program.database import insert, reading
from exact_online import odata
from exact_online.errors import DocumentRefusedError, Problem
from target_exact_online import documents
from target_exact_online.documents import finding, journal_entry
from target_exact_online.ledger import queries
from target_exact_online.ledger.rows import DAY, describe
from target_exact_online.ledger.tables import known_references

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from target_exact_online.company import Company
    from target_exact_online.documents.prepared import Found, Prepared
    from target_exact_online.ledger.rows import Document
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.posting.backlog import Backlog
    from target_exact_online.posting.gate import Gate

_LOGGER = logging.getLogger("target-exact-online")
_EVER_SINCE = datetime(2000, 1, 1, tzinfo=UTC)
_FAR_FUTURE = datetime.max.replace(tzinfo=UTC)
# Exact may compare with local time, and a document is answered a moment after it was created.
_MARGIN = timedelta(hours=3)
_DAYS = "general_journal_entries"
_ALONE = ("sales_entries", "sales_invoices")
_COMPARE = (
    "Compare it with the shop's documents of that day. Skip this one if it is booked; else give "
    "what Exact has another reference, or delete it there, and replay this one."
)
_SHOPS_CLOCK = timedelta(hours=26)  # the shop's clock and zone against Exact's


@dataclass(slots=True)
class _Look:
    """What one stream of one company had, and what is asked about it."""

    references: set[str]  # those that the ledger does not know
    # Documents of the shop that are older than this are all asked for, because there were too many
    # to read (UTC); None: `references` are all.
    all_until: datetime | None = None
    # References of which it is known by now whether Exact has them.
    asked: set[str] = field(default_factory=set)
    # What this very run has read, by reference: no need to ask again.
    rows: dict[str, list[Found]] = field(default_factory=dict)


@dataclass(slots=True)
class Restored:
    """Tells which documents Exact may have although this ledger never sent them."""

    ledger: Ledger  # the audit trail
    company: Company  # is asked
    backlog: Backlog  # what is sent next: its references are asked for together
    gate: Gate  # whether calls may be made
    index_lag: timedelta  # how long Exact's lists may lag behind what it has stored
    _looks: dict[tuple[int, str], _Look] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        """Remember when the run began."""
        self._began = self.gate.monotonic()

    def is_suspect(self, document: Document, ready: Prepared) -> bool:
        """Tell whether Exact must be asked for a document that this ledger has not sent.

        Raises:
            RetriableError: Exact cannot be asked now.
        """
        if not ready.reference:
            return False  # creating a relation asks for it first
        with self._lock:
            look = self.look(ready.division, ready.stream)
            names = journal_entry.references(ready.reference, ready.day)
            unasked = ready.reference not in look.references | look.asked
            if unasked and _is_older(document, look.all_until):
                ahead = [one.document.record for one in self.backlog.ahead()]
                wanted = [*names, *map(finding.reference_of, ahead)][: odata.MAX_TERMS]
                self._ask(look, ready.division, ready.stream, wanted)
            return bool(look.references.intersection(names))

    def check_day(self, document: Document, ready: Prepared) -> None:
        """Refuse what may be booked the other way: alone, or in an entry of its day.

        Raises:
            DocumentRefusedError: It may be.
            RetriableError: Exact cannot be asked now.
        """
        if ready.stream in _ALONE:
            with self._lock:
                there = self._days(document, ready.division)
        elif document.source.get("kind") == DAY:
            with self._lock:
                there = [text for stream in _ALONE for text in self._alone(stream, document)]
        else:
            return
        if there:
            named = ", ".join(there)
            what = f"Exact has {named}, which this ledger does not know: it may be booked already"
            raise DocumentRefusedError([Problem("document", what, _COMPARE)])

    def _days(self, document: Document, division: int) -> list[str]:
        """Return the entries of a document's day that Exact has and this ledger does not know."""
        facts = describe(document)
        start = f"{facts['entry_date']} {facts['store_code'] or '-'} "[: finding.KEPT]
        look = self.look(division, _DAYS)
        known = any(one.startswith(start) for one in look.references)
        if not known and (start in look.asked or not _is_older(document, look.all_until)):
            return []
        look.asked.add(start)
        posted = queries.posted_days(self.ledger, division, facts["entry_date"])
        there = documents.having(_DAYS, division, [start], self.company.client)
        look.references |= there
        return sorted(there - set(map(finding.stored_reference, posted)))

    def _alone(self, stream: str, entry: Document) -> Iterator[str]:
        """Yield what Exact has alone and this ledger does not know, of the documents of a day."""
        division, client = entry.division, self.company.client
        members = [one.document for one in queries.members(self.ledger, entry.document_key)]
        look = self.look(division, stream)
        older = [one for one in members if _is_older(one, look.all_until)]
        self._ask(look, division, stream, [finding.reference_of(one.record) for one in older])
        for one in members:
            if (reference := finding.reference_of(one.record)) not in look.references:
                continue
            sent = documents.recall(stream, one.record, one.document_key, division, _EVER_SINCE)
            found = documents.find(msgspec.structs.replace(sent, reference=reference), client)
            owners = queries.owners(self.ledger, division, [row.exact_id for row in found])
            for row in found:
                if row.exact_id not in owners:
                    yield f"{one.number} as {row.number or row.exact_id}"

    def look(self, division: int, stream: str) -> _Look:
        """Return what Exact has that this ledger does not; it is looked for once in a run.

        To be done before any answer of Exact is recorded: it would be taken for the last moment of
        which this ledger knows everything.

        Raises:
            RetriableError: Exact cannot be asked now.
        """
        key = (division, stream)
        with self._lock:
            if key not in self._looks:
                self._looks[key] = self._look(*key)
            return self._looks[key]

    def rows(self, ready: Prepared) -> list[Found] | None:
        """Return what this run has read of a document's reference; None: Exact must be asked."""
        with self._lock:
            look = self._looks.get((ready.division, ready.stream))
            return None if look is None else look.rows.get(ready.reference)

    def _look(self, division: int, stream: str) -> _Look:
        first, looked_at = self._first_look(division, stream)
        answered = queries.last_answer(self.ledger, division, stream)
        last = answered.at if answered else looked_at
        if last is None:
            return first
        witness = answered and answered.exact_id
        found = self._since(stream, division, last - _MARGIN, witness, first.references)
        if found is None:
            until = self.company.client.now()
            self._keep(division, stream, first.references, complete=False)
            return _Look(first.references, until)
        owners = queries.owners(self.ledger, division, [one.exact_id for one in found])
        unknown = {one.reference for one in found if one.exact_id not in owners} - {""}
        if unknown:
            _LOGGER.warning(
                "Exact has %s %s since %s that this ledger does not know: it was restored from a "
                "backup, or somebody booked by hand. They are asked for before anything with the "
                "same reference is sent.",
                len(unknown),
                stream,
                f"{last:%Y-%m-%d %H:%M} UTC",
            )
            # Kept before anything is sent: from then on the ledger's last document is a newer one.
            self._keep(division, stream, unknown, complete=True)
        for one in found:
            if one.reference not in first.references:  # else older rows may have it, too
                first.rows.setdefault(one.reference, []).append(one)
        first.references |= unknown
        return first

    def _since(
        self, stream: str, division: int, moment: datetime, witness: str | None, known: set[str]
    ) -> list[Found] | None:
        """Return what was created since a moment, or None when that is too much to read.

        What has not the document that this ledger knows may be the answer to another question, and
        of what is news the last may not be in Exact's lists yet: both answers count. The witness is
        the GUID of that document; known are the references of what the ledger knows that it lacks.
        """
        found = documents.since(stream, division, moment, self.company.client)
        if not found:
            return found
        owners = queries.owners(self.ledger, division, [one.exact_id for one in found])
        news = {one.reference for one in found if one.exact_id not in owners}
        if news <= known and any(one.exact_id == witness for one in found):
            return found
        passed = self.gate.monotonic() - self._began
        self.gate.wait(self.index_lag.total_seconds() - passed)
        again = documents.since(stream, division, moment, self.company.client)
        if again is None:
            return None
        return list({one.exact_id: one for one in (*found, *again)}.values())

    def _first_look(self, division: int, stream: str) -> tuple[_Look, datetime | None]:
        """Return what was there when the ledger was new to the stream; asked once, and kept.

        Returns:
            That, and when an earlier run asked (UTC, Exact's clock); None: not an earlier one.
        """
        here = (known_references.c.division == division) & (known_references.c.stream == stream)
        with reading(self.ledger.engine) as connection:
            row = connection.execute(sa.select(known_references).where(here)).one_or_none()
        read: list[Found] | None = None
        fresh = row is None
        if row is None:
            if queries.last_answer(self.ledger, division, stream) is not None:
                # Posted by an older version, which looked when it was new.
                return _Look(set()), None
            read = self._since(stream, division, _EVER_SINCE, None, set())
            references = {one.reference for one in read or ()} - {""}
            row = self._keep(division, stream, references, complete=read is not None)
        references = set(json.loads(row.found))
        look = _Look(references, None if row.complete else row.looked_at or _FAR_FUTURE)
        for one in read or ():
            look.rows.setdefault(one.reference, []).append(one)
        earlier = None if fresh or row.looked_at is None else row.looked_at - _SHOPS_CLOCK
        return look, earlier

    def _keep(
        self, division: int, stream: str, references: set[str], *, complete: bool
    ) -> sa.Row[tuple[object, ...]]:
        """Add references to those that are kept of what Exact has and this ledger does not.

        If they are not complete, whatever the shop has by now is asked for.
        """
        here = (known_references.c.division == division) & (known_references.c.stream == stream)
        with self.ledger.engine.begin() as connection:
            until = self.company.client.now() + _SHOPS_CLOCK
            empty = {"complete": True, "found": "[]", "looked_at": until}
            connection.execute(
                insert(connection, known_references)
                .on_conflict_do_nothing()
                .values(division=division, stream=stream, **empty)
            )
            kept = sa.select(known_references).where(here).with_for_update()
            before = connection.execute(kept).one()
            found = json.dumps(sorted({*json.loads(before.found), *references}))
            changes: dict[str, Any] = {"found": found}
            if not complete:
                changes |= {"complete": False, "looked_at": until}
            connection.execute(known_references.update().where(here).values(changes))
            return connection.execute(kept).one()

    def _ask(self, look: _Look, division: int, stream: str, references: Iterable[str]) -> None:
        """Ask for those references of which it is not known whether Exact has them."""
        wanted = [one for one in dict.fromkeys(references) if one and one not in look.asked]
        for start in range(0, len(wanted), odata.MAX_TERMS):
            some = wanted[start : start + odata.MAX_TERMS]
            look.references |= documents.having(stream, division, some, self.company.client)
            look.asked |= set(some)


def _is_older(document: Document, moment: datetime | None) -> bool:
    """Tell whether a document was made in the shop before a moment; unknown ones count as such."""
    if moment is None:
        return False
    try:
        created = datetime.fromisoformat(str(document.source.get("created_at")))
    except ValueError:
        return True
    return (created if created.tzinfo else created.replace(tzinfo=UTC)) < moment

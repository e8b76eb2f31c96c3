"""Posted entries that Exact signalled: compared at once, by the month-end comparison.

Exact signals each entry that somebody makes, changes or deletes, also the ones that this target
has just posted itself. What differs is kept beside the document and is an event of the audit
trail, until a later look finds that both agree again.
"""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from connector_program.database import insert, reading
from exact_online.client import open_client
from exact_online.errors import TransientApiError
from target_exact_online.company import Company
from target_exact_online.documents.prepared import DocumentSettings
from target_exact_online.ledger import chain
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.tables import differences, documents
from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end import evidence as exact_side
from target_exact_online.month_end import matching
from target_exact_online.month_end.books import BOOKED_STREAMS, Reader
from target_exact_online.month_end.pairing import Pairing
from target_exact_online.month_end.people import People
from target_exact_online.month_end.scopes import Books, Rates
from target_exact_online.webhooks import queue
from target_exact_online.webhooks.signals import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.model import Finding
    from target_exact_online.month_end.sides import Booked
    from target_exact_online.webhooks.queue import Waiting

DIFFERS, AGREES = "differs_in_exact", "agrees_again"
PART_OF_A_DAY = 0.5
"""Signals are looked at only while half of the day's calls is left: posting comes first."""
AT_ONCE = 400
"""Signals that are looked at together: ten calls."""
_SURELY_SHOWN = timedelta(minutes=10)
"""After this an entry that Exact does not show is gone, even if no signal says who deleted it."""
_INVOICES = "sales_invoices"
_HEADERS = {
    "sales_entries": "salesentry/SalesEntries",
    "general_journal_entries": "generaljournalentry/GeneralJournalEntries",
}
_LOGGER = logging.getLogger("target-exact-online")


@dataclass(slots=True)
class Look:
    """What one look found.

    Attributes:
        agree: Documents that are in Exact as they were posted.
        differ: Documents that are not, with the words.
        unsure: Documents that Exact does not show, which proves nothing yet.
    """

    agree: list[str] = field(default_factory=list)
    differ: dict[str, str] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Posted:
    """A posted document that is to be compared."""

    key: str
    stream: str
    division: int
    exact_id: str
    number: str
    day: date
    posted_at: datetime | None


def look(
    config: Mapping[str, Any],
    ledger: Ledger,
    *,
    now: datetime | None = None,
    at_once: bool = False,
    again: bool = False,
    company: Company | None = None,
) -> Look:
    """Compare the posted entries that Exact signalled.

    Args:
        config: The target's settings.
        ledger: The audit trail.
        now: The present moment (UTC).
        at_once: Also what was signalled so recently that Exact's lists may lag behind it; that is
            looked at once more later.
        again: Also documents that an earlier look found different.
        company: Makes the calls; None: one is opened for them.

    Raises:
        ExactError: Exact could not be asked; what was not looked at goes on waiting.
    """
    at = now or datetime.now(UTC)
    lag = timedelta(seconds=config["index_lag_seconds"])
    found = queue.waiting(ledger.engine, "exact", ENTRIES, limit=AT_ONCE)
    some = [one for one in found if at_once or one.first_at <= at - lag]
    posted = _posted(ledger, some)
    known = {one.key for one in posted}
    if again:
        posted += [one for one in _differing(ledger) if one.key not in known]
    told = Look()
    if posted:
        deleted = {one.key for one in some if one.action.startswith("delete")}
        with contextlib.ExitStack() as cleanup:
            asked = company or _company(config, ledger)
            if company is None:
                cleanup.callback(asked.close)
            for group in _by_month(posted):
                _compare(asked, ledger, group, deleted, at, told)
    _settle(ledger, some, posted, told, at - lag, at)
    return told


def differing(ledger: Ledger) -> list[sa.Row[Any]]:
    """Return documents that Exact has differently, as the last looks found."""
    query = (
        sa.select(differences, documents.c.order_number)
        .join(documents, documents.c.document_key == differences.c.document_key)
        .order_by(differences.c.seen_at, differences.c.document_key)
    )
    with reading(ledger.engine) as connection:
        return list(connection.execute(query))


def _posted(ledger: Ledger, some: Iterable[Waiting]) -> list[_Posted]:
    """Return the posted documents that are behind signals; most signals are about others."""
    keys: dict[int, set[str]] = defaultdict(set)
    for one in some:
        keys[one.division] |= {one.key, one.key.upper()}
    found: list[_Posted] = []
    for division, names in keys.items():
        wanted = documents.c.exact_id.in_(sorted(names)) & (documents.c.division == division)
        found += _rows(ledger, wanted)
    return found


def _differing(ledger: Ledger) -> list[_Posted]:
    wanted = documents.c.document_key.in_(sa.select(differences.c.document_key))
    return _rows(ledger, wanted, limit=AT_ONCE)


def _rows(
    ledger: Ledger, condition: sa.ColumnElement[bool], limit: int | None = None
) -> list[_Posted]:
    query = sa.select(
        *(documents.c[name] for name in ("document_key", "stream", "division", "exact_id")),
        *(documents.c[name] for name in ("exact_number", "entry_date", "answered_at")),
    ).where(
        condition,
        documents.c.state == "posted",
        documents.c.stream.in_(BOOKED_STREAMS),
        documents.c.entry_date.is_not(None),
        documents.c.exact_id.is_not(None),
    )
    with reading(ledger.engine) as connection:
        return [
            _Posted(
                row.document_key,
                row.stream,
                row.division,
                row.exact_id.lower(),
                row.exact_number or "",
                date.fromisoformat(row.entry_date[:10]),
                row.answered_at,
            )
            for row in connection.execute(query.limit(limit))
        ]


def _by_month(posted: Iterable[_Posted]) -> Iterator[list[_Posted]]:
    groups: dict[tuple[int, int, int], list[_Posted]] = defaultdict(list)
    for one in posted:
        groups[one.division, one.day.year, one.day.month].append(one)
    yield from groups.values()


def _company(config: Mapping[str, Any], ledger: Ledger) -> Company:
    """Connect for questions only."""
    client = open_client(
        config, ledger.engine, program="target-exact-online", max_calls_part=PART_OF_A_DAY
    )
    nothing = DocumentSettings(create_accounts=False, create_items=False)
    return Company(client, ledger.engine, nothing, timedelta(0))


def _compare(
    company: Company,
    ledger: Ledger,
    group: list[_Posted],
    deleted: set[str],
    now: datetime,
    told: Look,
) -> None:
    """Compare documents of one month of one company, and record what comes of it."""
    first = group[0]
    with _understood():
        evidence = exact_side.of_company(company, ledger, first.division, first.day, "api")
    with contextlib.closing(evidence):
        month = evidence.month
        owned = ledger_side.owned(ledger, month, evidence.chart)
        books = Books(month.currency, evidence.chart, owned)
        reader = Reader(ledger, month, books, Rates(month.currency, evidence.rate))
        pairing = Pairing(month, books, reader, People(with_names=False))
        by_key = {one.key: one for one in group}
        booked = reader.by_key(by_key)
        with _understood():
            entries = evidence.read_entries(
                (one.exact_id for one in group if one.stream != _INVOICES),
                (one.number for one in group if one.stream == _INVOICES),
            )
        matched = matching.match(booked.values(), entries)
        pairs = [pair for pair in matched.pairs if pair.how in {"id", "number"}]
        for pair in pairs:
            pairing.pair(pair.booked, pair.entry)
        missing = booked.keys() - {pair.booked.key for pair in pairs}
        with _understood():
            shown = _shown(evidence, [by_key[key] for key in missing])
        gone: list[Booked] = []
        for key in sorted(missing):
            one = by_key[key]
            old = one.posted_at is None or one.posted_at <= now - _SURELY_SHOWN
            if key not in shown and (one.exact_id in deleted or old):
                gone.append(booked[key])
            else:
                told.unsure.append(key)
        if evidence.lines is not None:
            pairing.settle_deleted(gone, evidence.lines)
    findings: dict[str, list[Finding]] = defaultdict(list)
    for found in pairing.findings:
        findings[found.document_key].append(found)
    for key in sorted(booked.keys() - set(told.unsure)):
        _record(ledger, by_key[key], findings[key], now, told)


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """Read answers of Exact; one of another form is no answer."""
    try:
        yield
    except OperationalError:
        raise  # the ledger is away
    except (ArithmeticError, LookupError, TypeError, ValueError, SQLAlchemyError) as error:
        msg = f"Exact's answer about signalled entries cannot be used ({type(error).__name__})"
        raise TransientApiError(msg) from error


def _shown(evidence: exact_side.Evidence, missing: list[_Posted]) -> set[str]:
    """Return documents without lines that Exact still has: their header, or the open invoice."""
    if evidence.reading is None or not missing:
        return set()
    there: set[str] = set()
    for stream, resource in _HEADERS.items():
        ids = [one.exact_id for one in missing if one.stream == stream]
        there |= set(evidence.reading.headers(resource, ids)) if ids else set()
    invoices = [one.exact_id for one in missing if one.stream == _INVOICES]
    there |= {one.lower() for one in evidence.reading.open_invoices(invoices)}
    return {one.key for one in missing if one.exact_id in there}


def _record(
    ledger: Ledger, one: _Posted, findings: list[Finding], now: datetime, told: Look
) -> None:
    """Keep what differs beside the document; an event is written only when that changes."""
    codes = ",".join(sorted({found.code for found in findings}))
    words = " ".join(_words(found) for found in findings)
    here = differences.c.document_key == one.key
    with ledger.engine.begin() as connection:
        chain.lock_head(connection)  # two looks at once write one after the other
        known = connection.execute(sa.select(differences).where(here)).one_or_none()
        if not findings:
            told.agree.append(one.key)
            if known is not None:
                connection.execute(differences.delete().where(here))
                event = Event(AGREES, one.key, {"was": known.codes})
                chain.append_of_document(connection, ledger.keys, event)
            return
        told.differ[one.key] = words
        if known is not None and known.words == words:
            return
        made = insert(connection, differences).values(
            document_key=one.key, division=one.division, codes=codes, words=words, seen_at=now
        )
        new = made.excluded
        changed = {"codes": new.codes, "words": new.words, "seen_at": new.seen_at}
        connection.execute(
            made.on_conflict_do_update(index_elements=["document_key"], set_=changed)
        )
        event = Event(DIFFERS, one.key, {"codes": codes}, words)
        chain.append_of_document(connection, ledger.keys, event)
    _LOGGER.warning("%s is in Exact in another way than it was posted: %s", one.key, words)


def _words(found: Finding) -> str:
    named = f" ({found.field}: {found.ours} became {found.theirs})" if found.field else ""
    return f"{found.code} {found.title}{named}. {found.cause}"


def _settle(
    ledger: Ledger,
    some: list[Waiting],
    posted: list[_Posted],
    told: Look,
    quiet_before: datetime,
    now: datetime,
) -> None:
    """Note which signals were looked at for good, and which are looked at once more."""
    unsure = {one.exact_id for one in posted if one.key in told.unsure}
    done: list[Waiting] = []
    later: list[Waiting] = []
    for one in some:
        settled = one.last_at <= quiet_before and one.key not in unsure
        (done if settled else later).append(one)
    queue.handled(ledger.engine, done, now)
    queue.later(ledger.engine, later, now)

"""What a person does with documents: look, replay, skip, forget. Every act is an event."""

from __future__ import annotations

import calendar
import getpass
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from cryptography.fernet import InvalidToken

from connector_program.database import reading
from exact_online.errors import ConfigError
from target_exact_online.copies import rows as copies
from target_exact_online.ledger import payload
from target_exact_online.ledger.chain import PAYLOADS
from target_exact_online.ledger.rows import SUMMARY_STREAM
from target_exact_online.ledger.tables import differences, documents, events, postings
from target_exact_online.master_data.cache import Cache, DamagedRowError
from target_exact_online.master_data.kinds import GL_ACCOUNTS
from target_exact_online.posting.events import Anonymised, Replayed, Skipped
from target_exact_online.posting.state import REFUSED_STREAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from target_exact_online.ledger.store import Ledger

_PAGE = 1_000
_AMOUNT = re.compile(r"-?[0-9]{1,15}([.,][0-9]{1,4})?")
_IN_EXACT = differences.c.words.label("in_exact")
_FORGOTTEN_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Search:
    """Which documents; what is None or empty does not narrow."""

    states: tuple[str, ...] = ()
    stream: str | None = None
    kind: str | None = None
    order: str | None = None  # the shop's order number
    error: str | None = None  # a text that the reason contains
    keys: tuple[str, ...] = ()
    changed: bool = False  # a later version came that Exact does not have
    different: bool = False  # Exact has it in another way than it was posted
    division: int | None = None
    since: str | None = None  # booked on this day or later (ISO)
    until: str | None = None  # booked on this day or earlier (ISO)
    number: str | None = None  # of the order or the document, in the shop or in Exact
    amount: Decimal | None = None  # with VAT; a credit memo is found by it, too
    store: str | None = None  # the store view's code

    def condition(self) -> sa.ColumnElement[bool]:
        """Return the SQL condition."""
        here = documents.c
        narrowing = (
            (self.states, here.state.in_(self.states)),
            (self.stream, here.stream == self.stream),
            (self.kind, here.kind == self.kind),
            (self.order, here.order_number == self.order),
            (self.error, here.error.is_not(None)),  # its index has no others
            (self.error, here.error.contains(self.error or "", autoescape=True)),
            (self.keys, here.document_key.in_(self.keys)),
            (self.changed, here.newer_hash.is_not(None)),
            (self.different, here.document_key.in_(sa.select(differences.c.document_key))),
            (self.division, here.division == self.division),
            (self.since, here.entry_date >= (self.since or "")),
            (self.until, here.entry_date <= (self.until or "")),
            (self.number, here.document_key.in_(_numbered(self.number or ""))),
            (self.amount is not None, here.amount.in_(_spellings(self.amount))),
            (self.store, here.store_code == self.store),
        )
        return sa.and_(sa.true(), *(condition for given, condition in narrowing if given))


def _numbered(number: str) -> sa.CompoundSelect[Any]:
    """Return the query of the documents with a number; each part of it has an index."""
    here = documents.c
    ways = (
        here.document_key == number,
        here.document_key.endswith(f":{number}", autoescape=True),
        here.order_number == number,
        here.your_ref == number,
        here.exact_number == number,
    )
    return sa.union(*(sa.select(here.document_key).where(one) for one in ways))


def _spellings(amount: Decimal | None) -> list[str]:
    """Return how an amount may be written in the ledger, of either sign."""
    if amount is None:
        return []
    size = abs(amount)
    written = {format(size, "f"), format(size.normalize(), "f")}
    for places in ("0.1", "0.01", "0.0001"):
        if size == (rounded := size.quantize(Decimal(places))):
            written.add(format(rounded, "f"))
    return sorted(written | {f"-{one}" for one in written})


def days_of(month: str | None) -> tuple[str | None, str | None]:
    """Return first and last day (ISO) of a month such as 2026-10; of none: None.

    Raises:
        ConfigError: It is no month.
    """
    if month is None:
        return None, None
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError as error:
        msg = f"{month!r} is not a month: write it as 2026-10."
        raise ConfigError(msg) from error
    last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return first.isoformat(), last.isoformat()


def amount_of(text: str) -> Decimal:
    """Return an amount that a person wrote, with a point or a comma before the cents.

    Raises:
        ConfigError: It is none.
    """
    if not _AMOUNT.fullmatch(text.strip()):
        msg = f"{text!r} is not an amount: write it as 121.00."
        raise ConfigError(msg)
    return Decimal(text.strip().replace(",", "."))


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything the ledger knows of one document."""

    row: sa.Row[Any]
    record: dict[str, Any] | None  # as it came in; None: it was anonymised
    newer: dict[str, Any] | None  # a version that came after it was posted
    postings: tuple[sa.Row[Any], ...]  # those that Exact makes included
    account_names: dict[str, str]  # of the GL accounts of its company, as far as they were read
    copy: copies.Told | None  # what the ledger knows of its PDF copy
    history: tuple[tuple[str, str, dict[str, Any], str | None], ...]
    """Its events, oldest first: time, kind, facts, words."""


def find(
    ledger: Ledger,
    search: Search,
    *,
    limit: int | None = None,
    newest_first: bool = False,
    after: tuple[Any, ...] | None = None,
) -> Iterator[sa.Row[Any]]:
    """Give at most `limit` documents in pages, oldest first: by booking day if one is named.

    Args:
        ledger: The ledger.
        search: Which documents.
        limit: How many at most.
        newest_first: The other way round.
        after: Begin behind the document at this `place`.
    """
    order = _order(search)
    along = [one.desc() for one in order] if newest_first else list(order)
    given = 0
    with reading(ledger.engine) as connection:
        while limit is None or given < limit:
            # The keys first: an index alone may tell which they are.
            keys = (
                sa.select(documents.c.document_key)
                .where(search.condition(), *_behind(order, after, newest_first=newest_first))
                .order_by(*along)
                .limit(_PAGE if limit is None else min(_PAGE, limit - given))
            )
            page = connection.execute(
                sa.select(*(one for one in documents.c if one.name not in PAYLOADS), _IN_EXACT)
                .outerjoin(differences, differences.c.document_key == documents.c.document_key)
                .where(documents.c.document_key.in_(keys))
                .order_by(*along)
            ).all()
            yield from page
            given += len(page)
            if len(page) < _PAGE:
                return
            after = place(search, page[-1])


def place(search: Search, row: sa.Row[Any]) -> tuple[Any, ...]:
    """Return where a document stands in the order of a search."""
    return tuple(getattr(row, column.name) for column in _order(search))


def _order(search: Search) -> tuple[sa.Column[Any], ...]:
    came = documents.c.created_at, documents.c.document_key
    return (documents.c.entry_date, *came) if search.since or search.until else came


def _behind(
    order: tuple[sa.Column[Any], ...], after: tuple[Any, ...] | None, *, newest_first: bool
) -> list[sa.ColumnElement[bool]]:
    if after is None:
        return []
    here = sa.tuple_(*order)
    return [here < after if newest_first else here > after]


def show(ledger: Ledger, document_key: str) -> Shown:
    """Return one document with its versions, its postings and its history.

    Raises:
        ConfigError: The ledger does not know it.
    """
    happened = sa.select(events).where(events.c.document_key == document_key)
    booked = sa.select(postings).where(postings.c.document_key == document_key)
    whole = copies.with_copy(
        sa.select(documents, _IN_EXACT)
        .outerjoin(differences, differences.c.document_key == documents.c.document_key)
        .where(documents.c.document_key == document_key)
    )
    with reading(ledger.engine) as connection:
        row = connection.execute(whole).one_or_none()
        if row is None:
            raise ConfigError(_unknown([document_key]))
        history = connection.execute(happened.order_by(events.c.seq)).all()
        lines = connection.execute(booked.order_by(postings.c.line_no)).all()
    return Shown(
        row,
        opened(ledger, row.payload),
        opened(ledger, row.newer_payload),
        tuple(lines),
        _account_names(ledger, row.division),
        copies.told(row),
        tuple(
            (one.at, one.kind, msgspec.json.decode(one.detail), words_of(ledger, one.note))
            for one in history
        ),
    )


def _account_names(ledger: Ledger, division: int) -> dict[str, str]:
    try:
        rows = Cache(ledger.engine, division).rows(GL_ACCOUNTS.name)
    except DamagedRowError:  # read again by the next run
        return {}
    return {str(row.get("Code") or "").strip(): str(row.get("Description") or "") for row in rows}


def replay(ledger: Ledger, search: Search, *, again: bool = False, dry_run: bool) -> list[str]:
    """Have documents posted by the next run; return their keys.

    Only what is parked, failed or skipped, and what is a document: a refused record has to come
    again from the mapper.

    With ``again`` also posted ones: Exact is asked, and what it does not have is sent.

    Raises:
        ConfigError: A named document is not known, or cannot be replayed.
    """
    states = ("parked", "failed", "skipped", *(("posted",) if again else ()))
    known = _states(ledger, search)
    keys = [
        key
        for key, one in known.items()
        if one.state in states
        and one.stream not in (REFUSED_STREAM, SUMMARY_STREAM)
        and one.has_content
    ]
    _check_replayable(search, known, keys, again=again)
    if dry_run:
        return keys
    return ledger.move_all(None, keys, Replayed(datetime.now(UTC), again=again), _by())


def attach(ledger: Ledger, search: Search, *, dry_run: bool) -> list[str]:
    """Have PDF copies that wait, or were given up, tried by the next run; return whose."""
    by = getpass.getuser()
    with ledger.engine.begin() as connection:
        return copies.try_again(connection, ledger.keys, search.condition(), by, dry_run=dry_run)


def skip(ledger: Ledger, search: Search, reason: str, *, dry_run: bool) -> list[str]:
    """Decide that documents are never posted; return their keys.

    Raises:
        ConfigError: A named document is not known, or is posted.
    """
    known = _states(ledger, search)
    keys = [key for key, one in known.items() if one.state in {"held", "parked", "failed"}]
    if search.keys and (others := sorted(set(known) - set(keys))):
        states = ", ".join(f"{key} is {known[key].state}" for key in others)
        msg = f"Only what waits can be skipped: {states}. Nothing was skipped."
        raise ConfigError(msg)
    return keys if dry_run else ledger.move_all(None, keys, Skipped(reason), _by())


def anonymise(
    ledger: Ledger,
    before: datetime,
    *,
    parked_too: bool = False,
    dry_run: bool,
    keep: Callable[[list[str]], dict[str, int]] | None = None,
) -> Iterator[str]:
    """Forget the content of documents that nobody needs any more; give their keys as they go.

    Keys, amounts, postings, states, Exact's ids and the chain stay: the trail still proves what
    was posted. Names, addresses and messages are gone for good; or `keep` has put them elsewhere,
    and said the last event of each document that it has.
    """
    done = documents.c.state.in_(("posted", "skipped")) & (documents.c.updated_at < before)
    old = sa.or_(done, _waits_since(before)) if parked_too else done
    condition = sa.and_(
        old, documents.c.may_be_in_exact.is_(False), documents.c.payload.is_not(None)
    )
    for keys in _key_pages(ledger, condition):
        if dry_run:
            yield from keys
            continue
        kept = None if keep is None else keep(keys)
        forgotten = ledger.move_all(None, keys, Anonymised(), _by(), forget=True, only_at=kept)
        with ledger.engine.begin() as connection:
            copies.forget(connection, forgotten)
        yield from forgotten
    if not dry_run:
        ledger.wipe()


def kept_for_exact(ledger: Ledger, before: datetime) -> list[str]:
    """Return the keys of what waits as long, but whose content is needed to ask Exact for it."""
    condition = sa.and_(_waits_since(before), documents.c.may_be_in_exact)
    return [key for keys in _key_pages(ledger, condition) for key in keys]


def _waits_since(before: datetime) -> sa.ColumnElement[bool]:
    """It waits for a person, and the shop sent no version of it since.

    Not when something last happened to it: each time Exact refuses it again, something does.
    """
    refused_here = (documents.c.stream == REFUSED_STREAM) & (events.c.kind == "parked")
    newer = sa.exists().where(
        events.c.document_key == documents.c.document_key,
        events.c.kind.in_(("held", "changed_in_shop")) | refused_here,
        events.c.at >= before.isoformat(timespec="milliseconds"),
    )
    waits = documents.c.state.in_(("parked", "failed"))
    return sa.and_(waits, documents.c.created_at < before, ~newer)


def _key_pages(ledger: Ledger, condition: sa.ColumnElement[bool]) -> Iterator[list[str]]:
    key, after = documents.c.document_key, ""
    while True:
        query = sa.select(key).where(condition, key > after).order_by(key)
        with reading(ledger.engine) as connection:
            page = list(connection.scalars(query.limit(_FORGOTTEN_AT_A_TIME)))
        if not page:
            return
        yield page
        after = page[-1]


def _states(ledger: Ledger, search: Search) -> dict[str, sa.Row[Any]]:
    """Return how these documents are; those that are named must be known."""
    query = sa.select(
        documents.c.document_key,
        documents.c.state,
        documents.c.stream,
        documents.c.payload.is_not(None).label("has_content"),
        documents.c.summary_key,
    ).where(search.condition())
    with reading(ledger.engine) as connection:
        rows = connection.execute(query.order_by(documents.c.document_key))
        known = {row.document_key: row for row in rows}
    if missing := [key for key in search.keys if key not in known]:
        raise ConfigError(_unknown(missing))
    return known


def _check_replayable(
    search: Search, known: Mapping[str, sa.Row[Any]], keys: Sequence[str], *, again: bool
) -> None:
    """Say why documents that were named cannot be replayed, and what can be done instead."""
    reasons = []
    for key in search.keys:
        one = known[key]
        if key in keys:
            continue
        if one.stream == SUMMARY_STREAM:
            entry = f" {one.summary_key}" if one.summary_key else ""
            reasons.append(f"{key} is booked in the entry of its day: replay that entry{entry}")
        elif one.stream == REFUSED_STREAM:
            reasons.append(f"{key} was refused by the mapper: correct the cause and read it again")
        elif not one.has_content:
            reasons.append(f"{key} was anonymised: read it again from the shop")
        elif one.state == "posted" and not again:
            reasons.append(
                f"{key} is posted: `documents replay --again {key}` asks Exact, and sends it only "
                "if it is gone there"
            )
        else:
            reasons.append(f"{key} is {one.state}: the next run goes on with it by itself")
    if reasons:
        msg = f"Nothing was replayed: {'; '.join(reasons)}."
        raise ConfigError(msg)


def _unknown(keys: Sequence[str]) -> str:
    named = ", ".join(repr(key) for key in keys)
    return (
        f"The ledger knows no document {named}. Look for it with `documents list --order NUMBER`."
    )


def _by() -> dict[str, str]:
    return {"by": getpass.getuser()}


def contents(ledger: Ledger, keys: Sequence[str]) -> dict[str, dict[str, Any] | None]:
    """Return what a few documents hold, by key; None: it was anonymised."""
    here = documents.c
    query = sa.select(here.document_key, here.payload).where(here.document_key.in_(keys))
    with reading(ledger.engine) as connection:
        rows = connection.execute(query).all()
    return {key: opened(ledger, stored) for key, stored in rows}


def opened(ledger: Ledger, stored: bytes | None) -> dict[str, Any] | None:
    """Return a record that the ledger keeps encrypted.

    Raises:
        ConfigError: It was changed in the database.
    """
    if stored is None:
        return None
    try:
        return payload.decode(ledger.keys.decrypt(stored))
    except InvalidToken as error:
        msg = "The content of this document was changed in the database: see `audit verify`."
        raise ConfigError(msg) from error


def words_of(ledger: Ledger, stored: bytes | None) -> str | None:
    """Return the words of an event, which the ledger keeps encrypted."""
    if stored is None:
        return None
    try:
        return ledger.keys.decrypt(stored).decode()
    except InvalidToken:
        return "(these words were changed in the database: see `audit verify`)"

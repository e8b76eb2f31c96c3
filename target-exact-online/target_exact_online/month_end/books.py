"""The ledger's side: documents with what was posted for them. Reads only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from cryptography.fernet import InvalidToken

from connector_program.database import reading
from target_exact_online.documents.prepared import Sent
from target_exact_online.ledger import payload
from target_exact_online.ledger.postings import lines_of
from target_exact_online.ledger.rows import Document
from target_exact_online.ledger.tables import documents, postings
from target_exact_online.month_end.scopes import Books, Owned, Rates
from target_exact_online.month_end.sides import SALES, ZERO, Booked, Line, cents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.sides import Chart, LineKind, Month

BOOKED_STREAMS = ("sales_entries", "sales_invoices", "general_journal_entries")
COMPARED_STREAMS = (*BOOKED_STREAMS, "summary_documents", "refused_documents")
_PAGE = 500
# Without the contents: they are large, and seldom needed.
_DOCUMENT = tuple(
    documents.c[name]
    for name in (
        *("document_key", "stream", "kind", "state", "your_ref", "order_number", "store_code"),
        *("entity_id", "entry_date", "period_year", "period_no", "currency", "amount", "sent"),
        *("exact_id", "exact_number", "rules_version", "error", "source_created_at"),
        *("created_at", "may_be_in_exact", "payload_hash"),
    )
)
_POSTING = tuple(
    postings.c[name]
    for name in (
        *("document_key", "line_no", "gl_account", "cost_center", "cost_unit", "vat_code"),
        *("amount", "vat_amount", "amount_dc", "role", "derived"),
    )
)


def text_hash(text: str) -> str:
    """Return the fingerprint of a description: it may name a person, so it is not kept."""
    return hashlib.sha256(text.strip().encode()).hexdigest() if text.strip() else ""


def owned(ledger: Ledger, month: Month, chart: Chart) -> Owned:
    """Return which of Exact's accounts and journals belong to the rules.

    Args:
        ledger: The audit trail.
        month: Whose documents say what sales book on.
        chart: Exact's accounts.
    """
    account = postings.c.gl_account
    everywhere = sa.select(account).distinct().where(postings.c.division == month.division)
    here = (
        sa.select(account, postings.c.role)
        .distinct()
        .join(documents, documents.c.document_key == postings.c.document_key)
        .where(
            postings.c.division == month.division,
            postings.c.period_year == month.year,
            postings.c.period_no == month.period,
            documents.c.kind.in_(SALES),
            account.is_not(None),
        )
    )
    with reading(ledger.engine) as connection:
        accounts = {code for code in connection.scalars(everywhere) if code}
        roles = connection.execute(here).all()
        journals = _journals(connection, month.division)
    clearing = {row.gl_account for row in roles if row.role == "clearing"}
    accounts = (accounts | _vat_accounts(accounts, chart)) - chart.receivables
    sold = {row.gl_account for row in roles} | (accounts & chart.profit_and_loss)
    vat = _vat_accounts(accounts, chart)
    return Owned(
        frozenset(accounts),
        frozenset((sold | vat) - clearing - chart.receivables),
        frozenset(clearing),
        frozenset(journals),
    )


def _vat_accounts(accounts: set[str], chart: Chart) -> set[str]:
    return {code for code in chart.vat_accounts.values() if code} if accounts else set()


def _journals(connection: sa.Connection, division: int) -> set[str]:
    """Return the journals of documents that Exact answered."""
    newest = (
        sa.select(documents.c.sent)
        .where(
            documents.c.division == division,
            documents.c.stream.in_(("sales_entries", "sales_invoices")),
            documents.c.sent.is_not(None),
        )
        .order_by(documents.c.last_seq.desc())
        .limit(_PAGE)
    )
    return {sent.journal for text in connection.scalars(newest) if (sent := _sent(text)).journal}


_NOTHING_SENT = Sent("", "", "", 0, "", "0", "", "", datetime(1970, 1, 1, tzinfo=UTC))


def _sent(text: str | None) -> Sent:
    if text is None:
        return _NOTHING_SENT
    try:
        return msgspec.json.decode(text, type=Sent)
    except msgspec.MsgspecError:  # of a version that recorded less
        return _NOTHING_SENT


def posted(month: Month) -> sa.ColumnElement[bool]:
    """Return the condition for documents that are booked in a month."""
    known = (documents.c.period_year == month.year) & (documents.c.period_no == month.period)
    day = documents.c.entry_date
    unknown = documents.c.period_year.is_(None) & _within(day, month)
    return sa.and_(
        documents.c.division == month.division,
        documents.c.state == "posted",
        documents.c.stream.in_(BOOKED_STREAMS),
        known | unknown,
    )


def waiting(month: Month) -> sa.ColumnElement[bool]:
    """Return the condition for documents of a month that are not posted."""
    day = sa.func.coalesce(
        documents.c.entry_date, sa.func.substr(documents.c.source_created_at, 1, 10)
    )
    return sa.and_(
        documents.c.division == month.division,
        documents.c.state.in_(("held", "sending", "failed", "parked", "skipped")),
        documents.c.stream.in_(COMPARED_STREAMS),
        _within(day, month),
    )


def _within(day: sa.ColumnElement[Any], month: Month) -> sa.ColumnElement[bool]:
    return (day >= month.first.isoformat()) & (day <= month.last.isoformat())


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads documents of one month.

    Attributes:
        ledger: The audit trail.
        month: The month; documents whose period is not known belong to it by their day.
        books: Names the accounts of VAT.
        rates: Rates of documents for which none was recorded.
    """

    ledger: Ledger
    month: Month
    books: Books
    rates: Rates

    def keys(self, condition: sa.ColumnElement[bool]) -> list[str]:
        """Return the keys of documents."""
        query = sa.select(documents.c.document_key).where(condition)
        with reading(self.ledger.engine) as connection:
            return list(connection.scalars(query.order_by(documents.c.document_key)))

    def where(self, condition: sa.ColumnElement[bool]) -> Iterator[Booked]:
        """Yield documents, in the order of their keys."""
        after = ""
        while page := self._page(condition & (documents.c.document_key > after), _PAGE):
            yield from page
            after = page[-1].key

    def by_key(self, keys: Iterable[str]) -> dict[str, Booked]:
        """Return documents by key."""
        return self._by(documents.c.document_key, keys, lambda one: one.key)

    def by_exact_id(self, ids: Iterable[str]) -> dict[str, Booked]:
        """Return documents by their GUID in Exact, in lower case."""
        named = {form for one in ids for form in (one, one.lower(), one.upper())}
        return self._by(
            documents.c.exact_id, named, lambda one: one.exact_id.lower(), division=True
        )

    def _by(
        self,
        column: sa.ColumnElement[Any],
        values: Iterable[str],
        key: Callable[[Booked], str],
        *,
        division: bool = False,
    ) -> dict[str, Booked]:
        wanted = sorted(set(values))
        found: dict[str, Booked] = {}
        for start in range(0, len(wanted), _PAGE):
            condition: sa.ColumnElement[bool] = column.in_(wanted[start : start + _PAGE])
            if division:
                condition = condition & (documents.c.division == self.month.division)
            found |= {key(one): one for one in self._page(condition, None)}
        return found

    def _page(self, condition: sa.ColumnElement[bool], limit: int | None) -> list[Booked]:
        query = sa.select(*_DOCUMENT).where(condition).order_by(documents.c.document_key)
        with reading(self.ledger.engine) as connection:
            rows = connection.execute(query.limit(limit)).all()
            keys = [row.document_key for row in rows]
            lines: dict[str, list[sa.Row[Any]]] = {key: [] for key in keys}
            for start in range(0, len(keys), _PAGE):
                some = postings.c.document_key.in_(keys[start : start + _PAGE])
                booked = sa.select(*_POSTING).where(some)
                for line in connection.execute(
                    booked.order_by(postings.c.document_key, postings.c.line_no)
                ):
                    lines[line.document_key].append(line)
            sent = {row.document_key: _sent(row.sent) for row in rows}
            needed = [key for key in keys if not lines[key] or not sent[key].journal]
            sealed: dict[str, bytes | None] = {}
            for start in range(0, len(needed), _PAGE):
                some = documents.c.document_key.in_(needed[start : start + _PAGE])
                content_of = sa.select(documents.c.document_key, documents.c.payload).where(some)
                sealed |= dict(connection.execute(content_of).tuples().all())
        return [
            self._booked(
                row,
                lines[row.document_key],
                sent[row.document_key],
                content(self.ledger, sealed.get(row.document_key)),
            )
            for row in rows
        ]

    def _booked(
        self,
        row: sa.Row[Any],
        lines: Sequence[sa.Row[Any]],
        sent: Sent,
        record: Mapping[str, Any],
    ) -> Booked:
        day = sent.print_date or row.entry_date or ""
        made = tuple(self._line(line, row.currency or self.month.currency, day) for line in lines)
        if not made and record.get("lines"):
            made = self.lines(row.stream, record, row.document_key)
        held = row.period_year is None and self.month.holds(day)
        return Booked(
            # Of a month's documents most texts are one of a few, and keys come again and again.
            key=intern(row.document_key),
            stream=intern(row.stream),
            kind=intern(row.kind or ""),
            state=intern(row.state),
            number=row.your_ref or "",
            order_number=row.order_number or "",
            store=intern(row.store_code or ""),
            entry_date=intern(day),
            year=self.month.year if held else row.period_year or 0,
            period=self.month.period if held else row.period_no or 0,
            currency=intern(row.currency or self.month.currency),
            amount=None if row.amount is None else cents(row.amount),
            exact_id=row.exact_id or "",
            entry_number=row.exact_number or "",
            journal=sent.journal or _text(record.get("journal")),
            reference=sent.reference or row.your_ref or "",
            text_hash=text_hash(sent.description),
            relation=sent.account,
            rules_version=row.rules_version or "",
            reason=row.error or "",
            created_at=moment(row.source_created_at),
            since=row.created_at,
            may_be_in_exact=bool(row.may_be_in_exact),
            content=row.payload_hash,
            entity_id=row.entity_id or "",
            lines=made,
        )

    def _line(self, line: sa.Row[Any], currency: str, day: str) -> Line:
        account, kind = line.gl_account or "", self._kind(line.role, line.gl_account, line.derived)
        if kind == "vat":
            account = self.books.vat_account(line.vat_code)
        own = line.amount_dc
        if own is None or currency == self.month.currency:
            own = self.rates.own(line.amount, currency, day)
        return Line(
            account,
            line.amount,
            own,
            kind,
            line.vat_code or "",
            line.vat_amount or ZERO,
            line.cost_center or "",
            line.cost_unit or "",
            line.line_no,
        )

    def _kind(self, role: str, account: str | None, derived: bool) -> LineKind:  # noqa: FBT001
        if derived:
            return "vat" if role == "vat" else "debtor"
        return "debtor" if account in self.books.chart.receivables else "line"

    def lines(self, stream: str, record: Mapping[str, Any], key: str) -> tuple[Line, ...]:
        """Return what a record books, as the ledger would keep it.

        Args:
            stream: The record's stream.
            record: The record.
            key: Its document's key.
        """
        document = Document(dict(record), stream, key, self.month.division, "")
        currency = _text(record.get("currency")) or self.month.currency
        day = _text(record.get("entry_date") or record.get("invoice_date"))
        given = record.get("exchange_rate")
        rate = None if given is None else Decimal(str(given))
        made = []
        for number, line in enumerate(lines_of(document), 1):
            account, code = line.get("gl_account") or "", line.get("vat_code") or ""
            kind = self._kind(line["role"], account, line["derived"])
            made.append(
                Line(
                    self.books.vat_account(code) if kind == "vat" else account,
                    cents(line["amount"]),
                    self.rates.own(cents(line["amount"]), currency, day, rate),
                    kind,
                    code,
                    cents(line.get("vat_amount") or 0),
                    line.get("cost_center") or "",
                    line.get("cost_unit") or "",
                    number,
                )
            )
        return tuple(made)


def content(ledger: Ledger, sealed: bytes | None) -> Mapping[str, Any]:
    """Return a document's record; an empty one when it was anonymised or tampered with.

    Args:
        ledger: The audit trail.
        sealed: The column `payload`.
    """
    if sealed is None:
        return {}
    try:
        return payload.decode(ledger.keys.decrypt(sealed))
    except (InvalidToken, msgspec.MsgspecError):  # `audit verify` names it
        return {}


def numbers(ledger: Ledger, condition: sa.ColumnElement[bool]) -> Iterator[tuple[str, str, str]]:
    """Yield key, stream and Exact's number of documents that have one.

    Args:
        ledger: The audit trail.
        condition: Which documents.
    """
    number = documents.c.exact_number
    query = sa.select(documents.c.document_key, documents.c.stream, number)
    with reading(ledger.engine) as connection:
        rows = connection.execute(query.where(condition, number.is_not(None)))
        yield from rows.tuples()


def fingerprint(ledger: Ledger, month: Month, *, without: Sequence[str] = ()) -> str:
    """Return what changes when a document of the month changes in any way.

    Args:
        ledger: The audit trail.
        month: The month.
        without: Kinds of documents that do not count.
    """
    last = documents.c.last_seq
    query = sa.select(sa.func.count(), sa.func.max(last), sa.func.sum(last)).where(
        documents.c.division == month.division,
        _within(documents.c.entry_date, month),
        sa.func.coalesce(documents.c.kind, "").not_in(without),
    )
    with reading(ledger.engine) as connection:
        count, newest, summed = connection.execute(query).one()
    return f"{count}:{newest or 0}:{int(summed or 0)}"


def moment(text: object) -> datetime | None:
    """Return a moment that a record tells, or None when it tells none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _text(value: object) -> str:
    return "" if value is None else str(value)

"""Exact's transaction lines in a database: the mirror in the ledger's, or those of one comparison.

Whatever they came from, they are read the same way: entry after entry.
"""

from __future__ import annotations

import itertools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connector_program.database import reading
from target_exact_online.month_end.sides import ZERO, Entry, Gone, Line, Stamp
from target_exact_online.month_end.tables import exact_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Engine

    from target_exact_online.month_end.sides import Chart, LineKind, Month

VAT_LINE = 9999
"""The number of the lines that Exact makes for VAT."""
_SALES = frozenset({20, 21})
_MANY = 500
_READ = tuple(
    column
    for column in exact_lines.c
    if column.name
    not in {"division", "id", "rate", "order_number", "invoice_number", "timestamp"}
    | {"deleted_at", "deleted_by"}
)


def store(connection: Connection, division: int, rows: Iterable[Mapping[str, Any]]) -> int:
    """Keep lines, new and changed ones; return how many.

    Args:
        connection: A write transaction.
        division: Whose lines.
        rows: Columns of `exact_lines`.
    """
    values = {row["id"]: {**row, "division": division} for row in rows}
    keys = list(values)
    for start in range(0, len(keys), _MANY):
        some = exact_lines.c.id.in_(keys[start : start + _MANY])
        connection.execute(exact_lines.delete().where(exact_lines.c.division == division, some))
    if values:
        connection.execute(exact_lines.insert(), list(values.values()))
    return len(values)


def entry_lines(engine: Engine, division: int, entry_id: str) -> Sequence[sa.Row[Any]]:
    """Return an entry's lines in the mirror, in Exact's order; none: they were not read yet.

    Args:
        engine: The ledger's engine, which holds the mirror.
        division: The Exact company.
        entry_id: The entry's GUID.
    """
    here = exact_lines.c
    query = sa.select(exact_lines).where(
        here.division == division, here.entry_id == entry_id, here.deleted_at.is_(None)
    )
    with reading(engine) as connection:
        return connection.execute(query.order_by(here.line_no, here.id)).all()


@dataclass(frozen=True, slots=True)
class ExactLines:
    """The transaction lines of one company, as far as they were read.

    Attributes:
        engine: Where they are.
        division: Whose they are.
        chart: Tells debtors' and VAT accounts.
        moving: Whether lines of other periods and deleted ones are there, too.
    """

    engine: Engine
    division: int
    chart: Chart
    moving: bool

    def _here(self, month: Month) -> sa.ColumnElement[bool]:
        return sa.and_(
            exact_lines.c.division == self.division,
            exact_lines.c.period_year == month.year,
            exact_lines.c.period_no == month.period,
            exact_lines.c.deleted_at.is_(None),
        )

    def entries(self, month: Month) -> Iterator[Entry]:
        """Yield the entries of a month."""
        query = (
            sa.select(*_READ)
            .where(self._here(month))
            .order_by(exact_lines.c.entry_id, exact_lines.c.line_no, exact_lines.c.id)
        )
        with reading(self.engine) as connection:
            rows = connection.execution_options(yield_per=1_000).execute(query)
            for _, some in itertools.groupby(rows, key=operator.attrgetter("entry_id")):
                yield self._entry(list(some))

    def elsewhere(self, ids: Iterable[str]) -> dict[str, Entry]:
        """Return entries by GUID (lower case), whatever period they are in."""
        wanted = sorted({form for one in ids for form in (one, one.lower(), one.upper())})
        found: dict[str, Entry] = {}
        for start in range(0, len(wanted), _MANY):
            query = (
                sa.select(exact_lines)
                .where(
                    exact_lines.c.division == self.division,
                    exact_lines.c.entry_id.in_(wanted[start : start + _MANY]),
                    exact_lines.c.deleted_at.is_(None),
                )
                .order_by(exact_lines.c.entry_id, exact_lines.c.line_no, exact_lines.c.id)
            )
            with reading(self.engine) as connection:
                rows = connection.execute(query).all()
            for key, some in itertools.groupby(rows, key=operator.attrgetter("entry_id")):
                found[key.lower()] = self._entry(list(some))
        return found

    def deleted(self, ids: Iterable[str]) -> dict[str, Gone]:
        """Return by whom and when entries were deleted, by GUID (lower case)."""
        wanted = sorted({form for one in ids for form in (one, one.lower(), one.upper())})
        found: dict[str, Gone] = {}
        for start in range(0, len(wanted), _MANY):
            query = sa.select(exact_lines).where(
                exact_lines.c.division == self.division,
                exact_lines.c.entry_id.in_(wanted[start : start + _MANY]),
                exact_lines.c.deleted_at.is_not(None),
            )
            with reading(self.engine) as connection:
                for row in connection.execute(query):
                    gone = Gone(row.deleted_by or "", row.deleted_at)
                    found[row.entry_id.lower()] = gone
        return found

    def deleted_after(self, month: Month) -> Iterator[tuple[Entry, Gone]]:
        """Yield the entries of a month that were deleted."""
        query = (
            sa.select(exact_lines)
            .where(
                exact_lines.c.division == self.division,
                exact_lines.c.period_year == month.year,
                exact_lines.c.period_no == month.period,
                exact_lines.c.deleted_at.is_not(None),
            )
            .order_by(exact_lines.c.entry_id, exact_lines.c.line_no)
        )
        with reading(self.engine) as connection:
            rows = connection.execute(query).all()
        for _, some in itertools.groupby(rows, key=operator.attrgetter("entry_id")):
            lines = list(some)
            yield self._entry(lines), Gone(lines[0].deleted_by or "", lines[0].deleted_at)

    def names(self) -> dict[str, str]:
        """Return the names of users, by GUID (lower case)."""
        found: dict[str, str] = {}
        with reading(self.engine) as connection:
            for user, name in (("creator", "creator_name"), ("modifier", "modifier_name")):
                columns = exact_lines.c[user], exact_lines.c[name]
                query = sa.select(*columns).distinct()
                for key, called in connection.execute(
                    query.where(exact_lines.c.division == self.division, columns[0].is_not(None))
                ):
                    found[key.lower()] = called or ""
        return found

    def counts(self, month: Month) -> tuple[int, str]:
        """Return how many lines a month has, and what changes when one of them does."""
        version = exact_lines.c.timestamp
        query = sa.select(sa.func.count(), sa.func.max(version), sa.func.sum(version))
        with reading(self.engine) as connection:
            count, newest, summed = connection.execute(query.where(self._here(month))).one()
        return count, f"{count}:{newest or 0}:{int(summed or 0)}"

    def vat_accounts(self) -> dict[str, str]:
        """Return the account that the VAT of each code was booked on."""
        query = (
            sa.select(exact_lines.c.vat_code, exact_lines.c.gl_account)
            .distinct()
            .where(
                exact_lines.c.division == self.division,
                exact_lines.c.line_no == VAT_LINE,
                exact_lines.c.vat_code.is_not(None),
            )
            .order_by(exact_lines.c.gl_account)
        )
        with reading(self.engine) as connection:
            return dict(connection.execute(query).tuples().all())

    def _entry(self, rows: Sequence[sa.Row[Any]]) -> Entry:
        first = rows[0]
        numbered = [row for row in rows if row.line_no and row.line_no != VAT_LINE]
        telling = min(numbered, key=lambda row: row.line_no) if numbered else first
        relation = next((row.relation for row in rows if row.relation), None)
        return Entry(
            id=first.entry_id,
            number=first.entry_number or "",
            journal=first.journal,
            type=first.type or 0,
            status=first.status or 0,
            date=first.date or "",
            year=first.period_year or 0,
            period=first.period_no or 0,
            currency=first.currency or "",
            reference=next((row.reference for row in rows if row.reference), ""),
            text_hash=telling.text_hash or "",
            payment_reference=next((r.payment_reference for r in rows if r.payment_reference), ""),
            relation=relation or "",
            lines=tuple(self._line(row) for row in rows),
        )

    def _line(self, row: sa.Row[Any]) -> Line:
        return Line(
            row.gl_account,
            row.amount,
            row.amount_dc,
            self._kind(row),
            row.vat_code or "",
            row.vat_amount or ZERO,
            row.cost_center or "",
            row.cost_unit or "",
            row.line_no or 0,
            Stamp(
                row.creator or "",
                row.creator_name or "",
                row.created,
                row.modifier or "",
                row.modifier_name or "",
                row.modified,
            ),
        )

    def _kind(self, row: sa.Row[Any]) -> LineKind:
        if row.gl_account in self.chart.receivables:
            return "debtor"
        if row.line_no == VAT_LINE:
            return "vat"
        of_vat = row.gl_account in self.chart.vat_accounts.values()
        if of_vat and self.chart.journal_types.get(row.journal) in _SALES:
            return "vat"
        return "line"

"""The report of a month as a spreadsheet: numbers are numbers, and no text is a formula."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any

import xlsxwriter

from connector_credentials import clean
from target_exact_online.month_end.model import Column, columns
from target_exact_online.month_end.text import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from target_exact_online.month_end.model import Cell, CellKind, Result, Statement

MOST_ROWS = 1_000_000
"""Rows of a sheet; what is beyond goes on in another one."""
_DIGITS = 15
"""A spreadsheet keeps so many; a longer number is written as text, so that none is lost."""
_WIDTHS: dict[CellKind, int] = {"text": 24, "money": 16, "number": 12, "date": 18}
_LONG = frozenset({"Bridge", "Document", "Title", "To do", "What", "What happened", "Why"})
_WIDE = 42
_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_OWN_LAST = (7, 9, 10)  # statements that have no place among the sheets of the accountant


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: a table with a header, and sentences below it.

    Attributes:
        name: Its name.
        columns: Names and kinds.
        rows: Cells in the order of the columns.
        notes: Sentences below the table.
        plain: Its texts are keys and codes: there is nothing to mask.
    """

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[tuple[Cell | datetime, ...]]
    notes: tuple[str, ...] = ()
    plain: bool = False


def write(result: Result, file: IO[bytes]) -> None:
    """Write the spreadsheet.

    Args:
        result: The comparison.
        file: Where to.
    """
    options = {"constant_memory": True, "remove_timezone": True}
    with contextlib.closing(xlsxwriter.Workbook(file, options)) as book:
        book.set_properties({"title": f"{result.first:%B %Y}", "created": result.made_at})
        shown = _Shown(book)
        for sheet in sheets(result):
            shown.add(sheet)


def sheets(result: Result) -> Iterator[Sheet]:
    """Yield the sheets of a result."""
    of = {one.number: _of_statement(one) for one in result.statements}
    yield Sheet("Summary", columns("What", "Value", "Note"), _summary(result))
    yield Sheet(
        "Bridge",
        columns("Bridge", "Currency", "Side", "Class", "What", "Documents:number", "Amount:money"),
        _bridges(result),
    )
    yield Sheet(
        "Differences",
        columns(
            *("Class", "Severity", "Title", "Document", "Number", "Entry", "Line:number"),
            *("Field", "Was", "Is", "By whom", "When (UTC):date", "Amount:money", "Currency"),
            *("What happened", "To do"),
        ),
        _rows(
            result.findings,
            *("code", "severity", "title", "document_key", "number", "entry", "line", "field"),
            *("ours", "theirs", "who", "when", "amount", "currency", "cause", "proposal"),
        ),
    )
    yield Sheet(
        "Documents",
        columns(
            *("Document", "Number", "Kind", "Store view", "Booked on:date", "Currency"),
            *("Shop:money", "Ledger:money", "Exact:money", "State", "Entry", "Classes"),
        ),
        _rows(
            result.documents,
            *("document_key", "number", "kind", "store", "entry_date", "currency"),
            *("shop", "ledger", "exact", "state", "entry", "codes"),
        ),
        plain=True,
    )
    yield from (of[number] for number in sorted(of.keys() - {*_OWN_LAST}))
    yield Sheet("Audit", columns("What", "Which", "Value"), _audit(result))
    yield from (of[number] for number in _OWN_LAST if number in of)


def _rows(found: Iterable[object], *names: str) -> Iterator[tuple[Cell | datetime, ...]]:
    return map(attrgetter(*names), found)


def _of_statement(one: Statement) -> Sheet:
    left_out = (f"Not compared: {one.not_compared}",) if one.not_compared else ()
    return Sheet(one.name, one.columns or columns("What"), one.rows, (*left_out, *one.notes))


def _summary(result: Result) -> Iterator[tuple[Cell | datetime, ...]]:
    yield "Month", f"{result.first:%B %Y}", f"period {result.year}-{result.period:02}"
    yield "Division", str(result.division), result.company
    yield "First day", result.first, ""
    yield "Last day", result.last, ""
    yield "Result", result.outcome, VERDICTS[result.outcome]
    yield "Left unexplained", result.unexplained, result.currency
    for word in ("error", "warning", "info"):
        count = sum(one.severity == word for one in result.findings)
        yield f"Differences: {word}", count, "see the sheet Differences" if count else ""
    yield "Documents", len(result.documents), ""
    for row in result.bridges[0].rows if result.bridges else ():
        yield f"{row.code} {row.label}".strip(), row.amount, result.bridges[0].currency
    yield "Compared at (UTC)", result.made_at, f"{result.source}, {result.depth}"
    signed = result.sign_off
    yield "Sign-off", signed.status if signed else "not signed off", signed.note if signed else ""
    for one in result.not_compared:
        yield "Not compared", one.what, one.why


def _bridges(result: Result) -> Iterator[tuple[Cell, ...]]:
    for one in result.bridges:
        for row in one.rows:
            side = row.kind if row.kind == "difference" else row.kind.capitalize()
            yield one.title, one.currency, side, row.code, row.label, row.documents, row.amount
        yield one.title, one.currency, "left unexplained", "", "", None, one.unexplained


def _audit(result: Result) -> Iterator[tuple[Cell | datetime, ...]]:
    yield "What was compared", "fingerprint", result.inputs_hash
    yield "Audit trail", "last event", result.chain_head
    if signed := result.sign_off:
        yield "Sign-off", signed.status, signed.signed_at
        yield "Sign-off", "by", signed.signed_by or "named with --with-names only"
        yield "Sign-off", "event", signed.chain_hash
    for name, count in result.rules_versions:
        yield "Documents by rules", name, count
    yield "Calls to Exact", "all", result.calls.total
    for resource, count in result.calls.by_resource:
        yield "Calls to Exact", resource, count
    yield "Lines read from Exact", "", result.calls.rows
    for one in result.returns:
        name = f"{one.kind} {one.year}-{one.period:02} ({one.frequency})"
        yield name, "filed" if one.is_filed else f"status {one.status}", one.amount
    for journal in result.open_journals:
        yield "Open in Exact", "journal", journal


class _Shown:
    """A workbook under way."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
        self._text = book.add_format({"quote_prefix": True})
        self._money = book.add_format({"num_format": "#,##0.00;[Red]-#,##0.00"})
        self._fine = book.add_format({"num_format": "0.000000"})
        self._whole = book.add_format({"num_format": "#,##0"})
        self._day = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
        self._moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm", "align": "left"})

    def add(self, sheet: Sheet) -> None:
        """Write a sheet; one that is too long goes on in others."""
        rows, number, count = iter(sheet.rows), 1, MOST_ROWS
        while count == MOST_ROWS:
            name = sheet.name if number == 1 else f"{sheet.name} {number}"
            count = self._fill(sheet, name, islice(rows, MOST_ROWS))
            number += 1

    def _fill(self, sheet: Sheet, name: str, rows: Iterable[tuple[Cell | datetime, ...]]) -> int:
        """Write one page of a sheet; return how many rows it has."""
        page = self._book.add_worksheet(name)
        page.freeze_panes(1, 0)
        page.set_landscape()
        page.set_paper(9)  # A4
        page.fit_to_pages(1, 0)
        page.repeat_rows(0)
        for place, column in enumerate(sheet.columns):
            width = (
                _WIDE if column.name in _LONG else max(_WIDTHS[column.kind], len(column.name) + 4)
            )
            page.set_column(place, place, width)
            page.write_string(0, place, column.name, self._head)
        at = 0
        for at, row in enumerate(rows, 1):
            for place, (column, cell) in enumerate(zip(sheet.columns, row, strict=True)):
                self._cell(page, at, place, column.kind, cell, plain=sheet.plain)
        page.autofilter(0, 0, max(at, 1), len(sheet.columns) - 1)
        for number, note in enumerate(sheet.notes):
            self._cell(page, at + 2 + number, 0, "text", note)
        return at

    def _cell(
        self, page: Any, row: int, place: int, kind: CellKind, cell: Any, *, plain: bool = False
    ) -> None:
        if isinstance(cell, tuple):
            cell = ", ".join(cell)
        if cell is None or cell == "":
            return
        if isinstance(cell, str) and kind == "date":
            with contextlib.suppress(ValueError):
                cell = date.fromisoformat(cell)
        if isinstance(cell, datetime):
            page.write_datetime(row, place, cell.astimezone(UTC), self._moment)
        elif isinstance(cell, date):
            page.write_datetime(row, place, cell, self._day)
        elif isinstance(cell, Decimal | int) and len(Decimal(cell).as_tuple().digits) <= _DIGITS:
            shown = self._fine if kind == "number" else self._money
            page.write_number(row, place, cell, shown if isinstance(cell, Decimal) else self._whole)
        else:
            text = str(cell) if plain else clean(cell)
            page.write_string(row, place, text, self._text if text[:1] in _AS_FORMULA else None)

"""Rules as an XLSX workbook: with drop-downs, filters and names, and read without surprises.

What is read is bounded before a library sees it: bytes unpacked, depth, rows, columns, cells.
Text is written as text, whatever it begins with; formulas are refused by name.
"""

from __future__ import annotations

import warnings
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any, NoReturn
from xml.parsers import expat
from zipfile import ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font
from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.utils.cell import coordinate_from_string
from openpyxl.utils.exceptions import IllegalCharacterError
from openpyxl.worksheet.datavalidation import DataValidation

from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.schema import RULES_SCHEMA
from mapper_gl_rules.rules.vocabulary import CONDITIONS, OUTCOMES, OWN_ACCOUNT, VALUES
from mapper_gl_rules.tools.spreadsheet import (
    MOST_COLUMNS,
    MOST_ROWS,
    NAME,
    RULES,
    SETTINGS,
    VAT_CODES,
    Edited,
    Table,
    from_tables,
    to_tables,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpyxl.cell.cell import Cell, MergedCell
    from openpyxl.worksheet.worksheet import Worksheet

    from mapper_gl_rules.tools.master_data import MasterData

__all__ = ["from_xlsx", "to_xlsx"]

_LARGEST, _LARGEST_UNPACKED = 10_000_000, 40_000_000  # bytes
_MOST_PARTS, _MOST_ELEMENTS, _DEEPEST = 500, 1_000_000, 60
_LONGEST = 32_767  # characters of a cell; Excel's own limit, beyond which it cuts
_MEANINGS, _LISTS = "Meanings", "Lists"
_SETTING = RULES_SCHEMA["properties"]["settings"]["properties"]
_VAT_CODE = RULES_SCHEMA["properties"]["vat_codes"]["additionalProperties"]["properties"]
_FLAG = ("yes", "no")


def to_xlsx(text: str, master: MasterData | None = None) -> bytes:
    """Write a YAML text as a workbook.

    Args:
        text: The rules.
        master: Exact's master data: its codes in drop-downs, its names beside the codes.

    Raises:
        RulesError: When a text cannot stand in a cell.
    """
    tables = to_tables(text)
    if master is not None:
        tables[RULES] = _with_names(tables[RULES], master)
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in tables.items():
        _write(book.create_sheet(name), rows)
    _write(book.create_sheet(_MEANINGS), [("word", "meaning", "values"), *_meanings()])
    lists = book.create_sheet(_LISTS)
    lists.sheet_state = "hidden"
    codes = [row[0] for row in tables[VAT_CODES][1:]]
    _drop_downs(book, lists, tables, codes, master)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _with_names(rows: list[list[str]], master: MasterData) -> list[list[str]]:
    """Put the names of codes in a column beside them."""
    found: list[list[str]] = [[] for _ in rows]
    for place, title in enumerate(rows[0]):
        word = OUTCOMES.get(title)
        for row, target in zip(rows, found, strict=True):
            target.append(row[place])
        if word is not None and word.master in {"accounts", "cost_centers", "cost_units"}:
            found[0].append(title + NAME)
            for row, target in zip(rows[1:], found[1:], strict=True):
                target.append(master.name(word.master, row[place]))
    return found


def _meanings() -> Iterable[tuple[str, str, str]]:
    for name, condition in CONDITIONS.items():
        values = " | ".join(condition.choices) or VALUES[condition.value].help.replace("`", "")
        yield name, condition.help, values
    for name, word in OUTCOMES.items():
        yield name, word.help.replace("`", ""), " | ".join(word.choices)


def _write(sheet: Worksheet, rows: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate(rows, 1):
        for column, text in enumerate(row, 1):
            if text:
                _write_cell(sheet.cell(number, column), text)
    for column, title in enumerate(rows[0], 1):
        sheet.cell(1, column).font = Font(bold=True, italic=title.endswith(NAME))
        widest = max((len(row[column - 1]) for row in rows), default=0)
        sheet.column_dimensions[get_column_letter(column)].width = min(max(widest + 2, 8), 60)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = sheet.dimensions


def _write_cell(cell: Any, text: str) -> None:
    """Write text that stays text: = and # at the beginning mean nothing."""
    where = f"sheet {cell.parent.title}, cell {cell.coordinate}"
    if len(text) > _LONGEST:
        raise RulesError(
            what=f"a text of {len(text)} characters is too long for a cell",
            where=where,
            what_to_do="Shorten it, or keep the rules as YAML.",
        )
    try:
        cell.value = text
    except IllegalCharacterError as error:
        raise RulesError(
            what="a control character cannot stand in a cell",
            where=where,
            what_to_do="Take it out of the rules.",
        ) from error
    cell.data_type = "s"
    cell.number_format = "@"
    cell.alignment = Alignment(wrap_text=True, vertical="top")


def _drop_downs(
    book: Workbook,
    lists: Worksheet,
    tables: dict[str, list[list[str]]],
    codes: list[str],
    master: MasterData | None,
) -> None:
    """Offer the values of a cell; others may be typed, such as several at once."""
    choices: dict[tuple[str, str], Iterable[str]] = {
        (VAT_CODES, "supply"): _VAT_CODE["supply"]["enum"],
        **{(RULES, name): one.choices for name, one in CONDITIONS.items()},
        **{(RULES, name): word.choices for name, word in OUTCOMES.items()},
        (RULES, "vat_code"): ("auto", "product", *codes),
    }
    if master is not None:
        choices |= {
            (RULES, name): sorted(getattr(master, word.master))
            for name, word in OUTCOMES.items()
            if word.master not in {None, "vat_codes"}
        }
        choices[RULES, "gl"] = [OWN_ACCOUNT, *sorted(master.accounts)]
        choices[VAT_CODES, "vat_code"] = sorted(master.vat_codes)
        choices[VAT_CODES, "gl"] = sorted(master.accounts)
    for (name, title), values in choices.items():
        titles = tables[name][0]
        if values and title in titles:
            column = get_column_letter(titles.index(title) + 1)
            _offer(book[name], lists, f"{column}2:{column}{MOST_ROWS}", list(values))
    for number, row in enumerate(tables[SETTINGS], 1):
        schema = _SETTING.get(row[0], {})
        values = _FLAG if schema.get("type") == "boolean" else schema.get("enum", ())
        if values:
            _offer(book[SETTINGS], lists, f"B{number}", list(values))


def _offer(sheet: Worksheet, lists: Worksheet, cells: str, values: list[str]) -> None:
    column = lists.max_column + 1 if lists.max_column > 1 or lists["A1"].value else 1
    for number, value in enumerate(values, 1):
        _write_cell(lists.cell(number, column), value)
    letter = get_column_letter(column)
    source = f"{_LISTS}!${letter}$1:${letter}${len(values)}"
    offer = DataValidation(type="list", formula1=source, allow_blank=True)
    offer.showErrorMessage = False
    sheet.add_data_validation(offer)
    offer.add(cells)


def from_xlsx(data: bytes, base: str | None = None, origin: str = "workbook") -> Edited:
    """Read a workbook into YAML; comments on cells are added to the row's comment.

    Args:
        data: The file.
        base: YAML of the present version; its columns must all be there.
        origin: File name, for messages.

    Raises:
        RulesError: When it is no workbook, or a sheet, column or cell is not right.
    """
    try:
        _check_parts(data, origin)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts that are not read, such as pictures
            book = load_workbook(BytesIO(data))
        tables = {name: _table(book, name, origin) for name in (RULES, VAT_CODES, SETTINGS)}
    except RulesError:
        raise
    except Exception as error:  # libraries raise whatever they stumble over in a damaged file
        raise RulesError(
            what="the file is no XLSX workbook, or it is damaged",
            where=origin,
            what_to_do="Open it in Excel and save it as Excel workbook (.xlsx).",
        ) from error
    return from_tables(tables, base)


def _check_parts(data: bytes, origin: str) -> None:
    """Bound what unpacking and parsing may cost, and find the cells."""
    if len(data) > _LARGEST:
        _refuse(f"{len(data)} bytes, more than {_LARGEST}", origin)
    with ZipFile(BytesIO(data)) as archive:
        parts = archive.infolist()
        unpacked = sum(part.file_size for part in parts)
        if len(parts) > _MOST_PARTS or unpacked > _LARGEST_UNPACKED:
            _refuse(f"{len(parts)} parts with {unpacked} bytes unpacked", origin)
        reader = _Reader(origin)
        for part in parts:
            if part.filename.endswith((".xml", ".rels", ".vml")):
                reader.read(part.filename, archive.read(part))


class _Reader:
    """Counts depth, elements and cells of the parts, and refuses entities."""

    def __init__(self, origin: str) -> None:
        self._origin = self._place = origin
        self._elements = self._depth = self._row = self._column = 0

    def read(self, name: str, text: bytes) -> None:
        """Read one part."""
        self._place = f"{self._origin}, {name.rpartition('/')[2].removesuffix('.xml')}"
        self._depth = 0
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        parser.Parse(text, True)  # noqa: FBT003  # it takes no keyword

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _DEEPEST or self._elements > _MOST_ELEMENTS:
            _refuse(f"more than {_DEEPEST} levels or {_MOST_ELEMENTS} elements", self._place)
        tag, place = name.rpartition(":")[2], attributes.get("r", "")
        if tag == "row":
            self._row, self._column = int(place or self._row + 1), 0
        elif tag == "c":
            self._column += 1
            if place:
                letters, self._row = coordinate_from_string(place)
                self._column = column_index_from_string(letters)
            if self._row > MOST_ROWS or self._column > MOST_COLUMNS:
                raise RulesError(
                    what=f"there is a cell in row {self._row}, column {self._column}; a table has "
                    f"at most {MOST_ROWS} rows and {MOST_COLUMNS} columns",
                    where=self._place,
                    what_to_do="Delete the rows below and the columns beside the table (also empty "
                    "ones: select them, Delete), and save it.",
                )

    def _end(self, _: str) -> None:
        self._depth -= 1

    def _doctype(self, *_: Any) -> None:
        _refuse("entities of its own", self._place)


def _refuse(what: str, where: str) -> NoReturn:
    raise RulesError(
        what=f"the workbook has {what}; that is no table of rules",
        where=where,
        what_to_do="Export the rules again and edit that workbook.",
    )


def _table(book: Workbook, name: str, origin: str) -> Table:
    if name not in book.sheetnames:
        raise RulesError(
            what=f"the sheet {name} is missing",
            where=origin,
            what_to_do="Export the rules again and edit that workbook.",
        )
    table = Table(name, f"{origin}, sheet {name}", [], [])
    for number, cells in enumerate(book[name].iter_rows(), 1):
        row = [_text(cell, table.origin) for cell in cells]
        if not table.rows:
            while row and not row[-1]:
                row.pop()
        notes = [note for note in map(_note, cells) if note]
        if notes and table.rows and "comment" in table.rows[0]:
            place = table.rows[0].index("comment")
            row[place] = "\n".join([part for part in (row[place], *notes) if part])
        if any(row):
            table.rows.append(row)
            table.numbers.append(number)
    return table


def _note(cell: Cell | MergedCell) -> str:
    return cell.comment.text.strip() if isinstance(cell.comment, Comment) else ""


def _text(cell: Cell | MergedCell, origin: str) -> str:
    """Give what a person sees in a cell."""
    value: Any = cell.value
    if value is None:
        return ""
    if cell.data_type == "e" or not isinstance(value, str | bool | int | float | date):
        _not_typed("an error or a formula", cell, origin)
    if cell.data_type == "f":
        _not_typed("a formula", cell, origin)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        percent = "%" in str(cell.number_format)
        number = Decimal(str(value)) * (100 if percent else 1)
        return f"{number.normalize():f}{' %' if percent else ''}"
    if isinstance(value, date):  # or a date with a time, of which the day counts
        return value.isoformat()[:10]
    return str(value)


def _not_typed(what: str, cell: Cell | MergedCell, origin: str) -> NoReturn:
    raise RulesError(
        what=f"{what} stands in a cell, not a value",
        where=f"{origin}, cell {cell.coordinate}",
        what_to_do="Replace it by its value (copy, then paste values only).",
    )

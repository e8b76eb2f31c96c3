"""Rules as CSV: with comma, semicolon or tab, in UTF-8, UTF-16 or Windows-1252."""

from __future__ import annotations

import codecs
import csv
from io import StringIO

from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.tools.spreadsheet import (
    MOST_COLUMNS,
    MOST_ROWS,
    RULES,
    Edited,
    Table,
    from_tables,
    to_tables,
)

__all__ = ["from_csv", "to_csv"]

_LARGEST = 10_000_000
_DELIMITERS = ",;\t"
# A spreadsheet program takes what begins so for a formula; an apostrophe says that it is text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def to_csv(text: str) -> str:
    """Write the rules of a YAML text as CSV."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in to_tables(text)[RULES]:
        writer.writerow(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row)
    return out.getvalue()


def from_csv(table: bytes | str, base: str, origin: str = "table") -> Edited:
    """Read rules from CSV into YAML.

    Args:
        table: The CSV.
        base: YAML with the settings and VAT codes: the present version.
        origin: File name, for messages.

    Raises:
        RulesError: When it is no CSV, or a column is unknown or missing.
    """
    text = _decoded(table, origin) if isinstance(table, bytes) else table
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter = ""
    if text[:4].casefold() == "sep=" and text[5:6] == "\n":  # as Excel writes and reads it
        delimiter, text = text[4], text[6:]
    first = text.split("\n", 1)[0]
    delimiter = delimiter or max(_DELIMITERS, key=first.count)
    rows: list[list[str]] = []
    numbers: list[int] = []
    reader = csv.reader(StringIO(text), delimiter=delimiter, strict=True)
    try:
        for number, row in enumerate(reader, 1):
            if number > MOST_ROWS or len(row) > MOST_COLUMNS:
                raise RulesError(
                    what=f"the table has more than {MOST_ROWS} rows or {MOST_COLUMNS} columns",
                    where=f"{origin}, row {number}",
                    what_to_do="Delete what is no rule.",
                )
            cells = [_unquoted(cell) for cell in row]
            if any(cells):
                rows.append(cells)
                numbers.append(number)
    except csv.Error as error:
        raise RulesError(
            what=f"the table is no CSV: {error}",
            where=f"{origin}, line {reader.line_num}",
            what_to_do="Check the quotes there, or save it as Excel workbook (.xlsx).",
        ) from error
    if not rows:
        raise RulesError(what="the table is empty", where=origin, what_to_do="Add the titles.")
    return from_tables({RULES: Table(RULES, origin, rows, numbers)}, base)


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _decoded(table: bytes, origin: str) -> str:
    if len(table) > _LARGEST:
        raise RulesError(
            what=f"the file has {len(table)} bytes, more than {_LARGEST}",
            where=origin,
            what_to_do="Delete what is no rule.",
        )
    utf16 = table.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp1252"):
        try:
            return table.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise RulesError(
        what="the file is neither UTF-8 nor Windows-1252 text",
        where=origin,
        what_to_do="Save it as CSV UTF-8.",
    )

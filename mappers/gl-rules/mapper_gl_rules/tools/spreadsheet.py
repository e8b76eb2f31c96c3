"""Rules as a spreadsheet and back, with their comments.

XLSX has three sheets (Rules, VAT codes, Settings); CSV has the rules alone. Several values in
a cell are separated by ` | `, attributes are written as `color=red | blue; size=L`.
"""

from __future__ import annotations

import csv
import re
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.schema import RULES_SCHEMA
from mapper_gl_rules.rules.vocabulary import CONDITIONS, OUTCOMES
from mapper_gl_rules.rules.yaml_text import parse_yaml
from mapper_gl_rules.tools.comments import comments_of, head_comment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["from_csv", "from_xlsx", "to_csv", "to_xlsx"]

_OUTCOMES = tuple(OUTCOMES)
_CONDITIONS = tuple(CONDITIONS)
RULE_COLUMNS = ("name", *_CONDITIONS, *_OUTCOMES, "refuse", "comment")
_PARTS = RULES_SCHEMA["properties"]
_SETTINGS = _PARTS["settings"]["properties"]
_VAT_CODE = _PARTS["vat_codes"]["additionalProperties"]["properties"]
_VAT_FIELDS = tuple(_VAT_CODE)
_NUMBER = re.compile(r"[0-9]{1,12}([.,][0-9]{1,6})?")
_SEPARATOR = " | "
_ROW_1 = 2  # first row below the titles
Row = list[str]


def to_csv(text: str) -> str:
    """Write the rules of a YAML text as CSV."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(RULE_COLUMNS)
    writer.writerows(_rule_rows(text))
    return out.getvalue()


def from_csv(table: str, base: str) -> str:
    """Read rules from CSV into YAML.

    Args:
        table: The CSV.
        base: YAML with the settings and VAT codes.

    Raises:
        RulesError: When a column is unknown.
    """
    rows = list(csv.reader(StringIO(table)))
    if not rows:
        raise RulesError(what="the table is empty", where="row 1", what_to_do="Add the titles.")
    settings, codes = _base_tables(base)
    return _to_yaml(rows[0], rows[1:], codes, settings)


def to_xlsx(text: str) -> bytes:
    """Write a YAML text as a workbook."""
    settings, codes = _base_tables(text)
    book = Workbook()
    book.remove(book.worksheets[0])
    _sheet(book.create_sheet("Rules"), RULE_COLUMNS, _rule_rows(text))
    _sheet(book.create_sheet("VAT codes"), ("vat_code", *_VAT_FIELDS, "comment"), codes)
    _sheet(book.create_sheet("Settings"), ("setting", "value", "comment"), settings)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def from_xlsx(data: bytes) -> str:
    """Read a workbook into YAML; comments on cells are added to the row's comment.

    Raises:
        RulesError: When it is no workbook, or a sheet or column is missing.
    """
    try:
        book = load_workbook(BytesIO(data))
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise RulesError(
            what="the file is no XLSX workbook",
            where="workbook",
            what_to_do="Save it as Excel workbook (.xlsx).",
        ) from error
    tables: dict[str, list[Row]] = {}
    for name in ("Rules", "VAT codes", "Settings"):
        if name not in book.sheetnames:
            raise RulesError(
                what=f"the sheet {name} is missing",
                where="workbook",
                what_to_do="Export the rules again and edit that workbook.",
            )
        tables[name] = _read_sheet(book[name])
    rules = tables["Rules"]
    return _to_yaml(rules[0], rules[1:], tables["VAT codes"][1:], tables["Settings"][1:])


def _rule_rows(text: str) -> list[Row]:
    tree = parse_yaml(text, "rules")
    comments = comments_of(tree["rules"], text)
    rows = []
    for number, rule in enumerate(tree["rules"]):
        when, book = rule.get("when", {}), rule.get("book", {})
        rows.append(
            [
                rule["name"],
                *(_cell(when.get(name)) for name in _CONDITIONS),
                *(_cell(book.get(name)) for name in _OUTCOMES),
                _cell(rule.get("refuse")),
                comments.get(number, ""),
            ],
        )
    return rows


def _base_tables(text: str) -> tuple[list[Row], list[Row]]:
    """Give the rows of settings and VAT codes."""
    tree = parse_yaml(text, "rules")
    comments = comments_of(tree["settings"], text)
    settings: list[Row] = [["", "", head_comment(text)]]
    for name, value in tree["settings"].items():
        if isinstance(value, dict):
            settings += [[f"{name}.{key}", _cell(one), ""] for key, one in value.items()]
            settings[-1][2] = comments.get(name, "")
        else:
            settings.append([name, _cell(value), comments.get(name, "")])
    comments = comments_of(tree["vat_codes"], text)
    codes = [
        [code, *(_cell(entry.get(field)) for field in _VAT_FIELDS), comments.get(code, "")]
        for code, entry in tree["vat_codes"].items()
    ]
    return settings, codes


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{key}={_cell(one)}" for key, one in value.items())
    if isinstance(value, list):
        return _SEPARATOR.join(_cell(one) for one in value)
    return str(value).replace("|", "\\|")


def _sheet(sheet: Worksheet, titles: Sequence[str], rows: Iterable[Row]) -> None:
    sheet.append(list(titles))
    for row in rows:
        sheet.append(row)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for column in range(1, len(titles) + 1):
        letter = get_column_letter(column)
        width = max(len(str(cell.value or "")) for cell in sheet[letter])
        sheet.column_dimensions[letter].width = min(max(width + 2, 8), 60)
        for cell in sheet[letter][1:]:
            cell.number_format = "@"  # text: a code may begin with 0
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "B2"


def _read_sheet(sheet: Worksheet) -> list[Row]:
    """Give the cells as text, with comments on cells in the column `comment`."""
    rows: list[Row] = []
    for number, cells in enumerate(sheet.iter_rows(), 1):
        row = [_text(cell.value) for cell in cells]
        if number == 1:
            while row and not row[-1]:
                row.pop()
        notes = [cell.comment.text.strip() for cell in cells if cell.comment and cell.comment.text]
        if notes and rows and "comment" in rows[0]:
            place = rows[0].index("comment")
            row[place] = "\n".join([part for part in (row[place], *notes) if part])
        if any(row):
            rows.append(row)
    return rows or [[]]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat())[:10]
    return str(value)


def _to_yaml(titles: Row, rules: list[Row], codes: list[Row], settings: list[Row]) -> str:
    unknown = [title for title in titles if title and title not in RULE_COLUMNS]
    if unknown or "name" not in titles:
        raise RulesError(
            what=f"unknown column {unknown[0]}" if unknown else "the column name is missing",
            where="row 1",
            what_to_do=f"Use the columns {', '.join(RULE_COLUMNS)}.",
        )
    tree = CommentedMap()
    head = next((row[2] for row in settings if not row[0]), "")
    if head:
        tree.yaml_set_start_comment(head + "\n")
    tree["settings"] = _settings_tree(settings)
    tree["vat_codes"] = _codes_tree(codes)
    sequence = CommentedSeq()
    for number, row in enumerate(rules, _ROW_1):
        values = dict(zip(titles, row, strict=False))
        sequence.append(_rule_tree(values, number))
        comment = values.get("comment")
        if comment:
            sequence.yaml_set_comment_before_after_key(len(sequence) - 1, comment, indent=2)
    tree["rules"] = sequence
    yaml = YAML(typ="rt")
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(tree, out)
    return out.getvalue()


def _rule_tree(values: Mapping[str, str], number: int) -> CommentedMap:
    if not values.get("name"):
        raise RulesError(
            what="a rule has no name",
            where=f"row {number}, column name",
            what_to_do="Give it a name of its own.",
        )
    rule = CommentedMap()
    rule["name"] = values["name"]
    rule["when"] = _flow(
        {
            name: _attributes(values[name])
            if condition.value == "attributes"
            else _value(condition.schema, values[name])
            for name, condition in CONDITIONS.items()
            if values.get(name)
        },
    )
    book = {
        name: _value(word.schema, values[name])
        for name, word in OUTCOMES.items()
        if values.get(name)
    }
    if book:
        rule["book"] = _flow(book)
    if values.get("refuse"):
        rule["refuse"] = values["refuse"].replace("\\|", "|")
    return rule


def _settings_tree(rows: list[Row]) -> CommentedMap:
    tree = CommentedMap()
    for name, value, *comment in rows:
        if not name:
            continue
        outer, _, inner = name.partition(".")
        schema = _SETTINGS.get(outer, {})
        if inner:
            schema = schema.get("properties", {}).get(inner, {})
            tree.setdefault(outer, CommentedMap())[inner] = _value(schema, value) if value else None
        else:
            tree[outer] = _value(schema, value)
        if comment and comment[0]:
            tree.yaml_set_comment_before_after_key(outer, comment[0], indent=2)
    return tree


def _codes_tree(rows: list[Row]) -> CommentedMap:
    tree = CommentedMap()
    for code, *values in rows:
        key = DoubleQuotedScalarString(code)
        fields = dict(zip((*_VAT_FIELDS, "comment"), values, strict=False))
        tree[key] = _flow(
            {
                name: _value(_VAT_CODE[name], fields[name])
                for name in _VAT_FIELDS
                if fields.get(name)
            }
        )
        if fields.get("comment"):
            tree.yaml_set_comment_before_after_key(key, fields["comment"], indent=2)
    return tree


def _flow(values: Mapping[str, Any]) -> CommentedMap:
    flow = CommentedMap(values)
    flow.fa.set_flow_style()
    return flow


def _value(schema: Mapping[str, Any], cell: str) -> Any:
    """Read a cell as its schema says: one value or several, a number only where one may be."""
    parts = cell.replace("\\|", "\0").split(_SEPARATOR.strip())
    values = [_one(_types(schema), part.strip().replace("\0", "|")) for part in parts]
    return values if schema.get("type") == "array" or len(values) > 1 else values[0]


def _one(types: set[str], text: str) -> Any:
    if not types.isdisjoint(("number", "integer")) and _NUMBER.fullmatch(text):
        number = float(text.replace(",", "."))
        return int(number) if number.is_integer() else number
    if "boolean" in types and text in {"yes", "no"}:
        return text == "yes"
    return DoubleQuotedScalarString(text)  # the schema says what is wrong with it


def _types(schema: Mapping[str, Any]) -> set[str]:
    """Give the JSON types of one value: of a list its entries'."""
    if "anyOf" in schema or "items" in schema:
        return set().union(*map(_types, schema.get("anyOf") or [schema["items"]]))
    types = schema.get("type", ())
    return {types} if isinstance(types, str) else set(types)


def _attributes(cell: str) -> CommentedMap:
    pairs = (part.partition("=") for part in cell.split(";"))
    return _flow({name.strip(): _value({}, value) for name, _, value in pairs})

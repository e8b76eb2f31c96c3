"""Rules as tables and back, with their comments; every error says where in the table.

A workbook has three tables (Rules, VAT codes, Settings), a CSV file the rules alone. A row is a
rule, a column a condition or an outcome; columns that no rule uses are left out.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.schema import RULES_SCHEMA
from mapper_gl_rules.rules.vocabulary import CONDITIONS, OUTCOMES
from mapper_gl_rules.rules.yaml_text import parse_yaml
from mapper_gl_rules.tools.cells import attributes_in, flow, text_of, value_in
from mapper_gl_rules.tools.comments import comments_of, head_comment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ruamel.yaml.nodes import ScalarNode

    from mapper_gl_rules.rules.shape import Locate, Place

__all__ = [
    "MOST_COLUMNS",
    "MOST_ROWS",
    "NAME",
    "RULES",
    "SETTINGS",
    "VAT_CODES",
    "Edited",
    "Table",
    "from_tables",
    "to_tables",
]

RULES, VAT_CODES, SETTINGS = "Rules", "VAT codes", "Settings"
MOST_ROWS, MOST_COLUMNS = 5_000, 100
NAME = " (name)"  # behind a word: a column with the names of its codes, for people
_RULE_COLUMNS = ("name", *CONDITIONS, *OUTCOMES, "refuse", "comment")
_ALWAYS = frozenset({"name", "line", "gl", "vat_code", "refuse", "comment"})
_PARTS = RULES_SCHEMA["properties"]
_SETTINGS = _PARTS["settings"]["properties"]
_VAT_CODE = _PARTS["vat_codes"]["additionalProperties"]["properties"]
_TITLES = {
    RULES: _RULE_COLUMNS,
    VAT_CODES: ("vat_code", *_VAT_CODE, "comment"),
    SETTINGS: ("setting", "value", "comment"),
}


class Table(msgspec.Struct):
    """A table of text.

    Attributes:
        name: Rules, VAT codes or Settings.
        origin: File and sheet, for messages.
        rows: Cells; the first row has the titles.
        numbers: Number of each row in the file, which may have empty ones.
    """

    name: str
    origin: str
    rows: list[list[str]]
    numbers: list[int]

    def where(self, row: int, column: int | None = None) -> str:
        """Say where a row or a cell of it stands."""
        number = self.numbers[row] if row < len(self.numbers) else row + 1
        if column is None:
            return f"{self.origin}, row {number}"
        return f"{self.origin}, cell {letters(column)}{number}"


class Edited(NamedTuple):
    """What a person edited: YAML, and who knows which cell a part of it comes from."""

    text: str
    locate: Locate | None


def letters(column: int) -> str:
    """Give the letters of a column, counted from 0."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def to_tables(text: str) -> dict[str, list[list[str]]]:
    """Give the rows of each table of a YAML text, titles first."""
    tree = parse_yaml(text, "rules")
    return {
        RULES: _rule_rows(tree, text),
        VAT_CODES: [list(_TITLES[VAT_CODES]), *_code_rows(tree, text)],
        SETTINGS: [list(_TITLES[SETTINGS]), *_setting_rows(tree, text)],
    }


def _rule_rows(tree: CommentedMap, text: str) -> list[list[str]]:
    comments = comments_of(tree["rules"], text)
    rules = list(enumerate(tree["rules"]))
    used = {"comment"} if comments else set()
    for _, rule in rules:
        used |= {*rule, *rule.get("when", {}), *rule.get("book", {})}
    titles = [title for title in _RULE_COLUMNS if title in used | _ALWAYS]
    rows = [titles]
    for number, rule in rules:
        cells = {**rule.get("when", {}), **rule.get("book", {})}
        texts = {title: text_of(value) for title, value in cells.items()}
        texts |= {
            "name": rule["name"],
            "refuse": rule.get("refuse", ""),
            "comment": comments.get(number, ""),
        }
        rows.append([texts.get(title, "") for title in titles])
    return rows


def _code_rows(tree: CommentedMap, text: str) -> Iterator[list[str]]:
    comments = comments_of(tree["vat_codes"], text)
    for code, entry in tree["vat_codes"].items():
        yield [
            code,
            *(text_of(entry.get(field)) for field in _VAT_CODE),
            comments.get(code, ""),
        ]


def _setting_rows(tree: CommentedMap, text: str) -> Iterator[list[str]]:
    """Give a row per setting; the comment at the top of the file has a row without a name."""
    comments = comments_of(tree["settings"], text)
    yield ["", "", head_comment(text)]
    for name, value in tree["settings"].items():
        comment = comments.get(name, "")
        if not isinstance(value, dict):
            yield [name, text_of(value), comment]
            continue
        for number, (key, one) in enumerate(value.items(), 1):
            yield [f"{name}.{key}", text_of(one), comment if number == len(value) else ""]


def from_tables(tables: Mapping[str, Table], base: str | None) -> Edited:
    """Make YAML of tables.

    Args:
        tables: The rules, and the VAT codes and settings unless `base` has them.
        base: The present version, if there is one; its columns must all be there.

    Raises:
        RulesError: When a table cannot be read, with the cell.
    """
    _check_columns(tables, base)
    places: dict[Place, str] = {}
    present = parse_yaml(base, "the present rules") if base is not None else CommentedMap()
    tree = CommentedMap()
    for name, key, build in (
        (SETTINGS, "settings", _settings_tree),
        (VAT_CODES, "vat_codes", _codes_tree),
        (RULES, "rules", _rules_tree),
    ):
        if name in tables:
            tree[key] = build(tables[name], places, tree)
        else:
            tree[key] = present[key]
    if SETTINGS not in tables and base is not None and (head := head_comment(base)):
        tree.yaml_set_start_comment(_lines(head) + "\n")
    yaml = YAML(typ="rt")
    yaml.Representer = _Quoting
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(tree, out)
    return Edited(out.getvalue(), _locate(places, tables))


def _locate(places: Mapping[Place, str], tables: Mapping[str, Table]) -> Locate:
    """Find the cell of a place in the tree, or what is around it."""

    def locate(place: Place, field: str = "") -> str:
        known: Place = tuple(
            part for step in place for part in (step.split(".") if step == "book.gl" else [step])
        )
        while known and known not in places:
            known = known[:-1]
        where = places.get(known) or tables[RULES].origin
        last = next((step for step in reversed(place) if isinstance(step, str)), "")
        return f"{where}, field {(field or last).rpartition('.')[2]}"

    return locate


def _check_columns(tables: Mapping[str, Table], base: str | None) -> None:
    """Refuse unknown and repeated columns, and the loss of one that the present version uses."""
    used: dict[str, set[str]] = {}
    if base is not None:
        for name, rows in to_tables(base).items():
            used[name] = {
                title for place, title in enumerate(rows[0]) if any(row[place] for row in rows[1:])
            }
    for name, table in tables.items():
        known = _TITLES[name]
        titles = [_title(title) for title in table.rows[0]] if table.rows else []
        for place, title in enumerate(titles):
            if not title or title.removesuffix(NAME) not in known or title in titles[:place]:
                _check_title(table, place, title, known)
        for title in (known[0], *(one for one in known if one in used.get(name, ()))):
            if title not in titles:
                reason = ", and the present rules use it" if title in used.get(name, ()) else ""
                raise RulesError(
                    what=f"the column {title} is missing{reason}",
                    where=table.where(0),
                    what_to_do="Export the rules again and edit that, or add the column; cells may "
                    "be empty.",
                )


def _check_title(table: Table, place: int, title: str, known: tuple[str, ...]) -> None:
    """Refuse a column that cannot be read."""
    if not title:
        for number, row in enumerate(table.rows):
            if place < len(row) and row[place]:
                raise RulesError(
                    what="a cell has no title above it",
                    where=table.where(number, place),
                    what_to_do="Write the title of its column, or empty the cell.",
                )
        return
    repeated = title.removesuffix(NAME) in known
    raise RulesError(
        what=f"the column {title} exists twice" if repeated else f"unknown column {title}",
        where=table.where(0, place),
        what_to_do=f"Use each once: {', '.join(known)}.",
    )


def _title(cell: str) -> str:
    return cell.strip().casefold()


def _records(table: Table) -> Iterator[tuple[int, dict[str, str], dict[str, int]]]:
    """Give each row by its titles, and the column of each title."""
    titles = {
        _title(title): place
        for place, title in enumerate(table.rows[0])
        if title.strip() and not _title(title).endswith(NAME)
    }
    for number, row in enumerate(table.rows[1:], 1):
        for place in range(len(table.rows[0]), len(row)):
            _check_title(table, place, "", ())
        cells = {title: row[place] for title, place in titles.items() if place < len(row)}
        yield number, cells, titles


def _named(table: Table, number: int, name: str, seen: dict[str, int], what: str) -> None:
    """Refuse a row without a name, or with that of another one."""
    if not name.strip():
        raise RulesError(
            what=f"a {what} has no name",
            where=table.where(number, 0),
            what_to_do="Give it a name of its own, or empty the row.",
        )
    if name in seen:
        raise RulesError(
            what=f"{what} {name!r} exists twice, first in row {table.numbers[seen[name]]}",
            where=table.where(number, 0),
            what_to_do="Keep one of them, or give each a name of its own.",
        )
    seen[name] = number


def _rules_tree(table: Table, places: dict[Place, str], _: CommentedMap) -> CommentedSeq:
    tree = CommentedSeq()
    seen: dict[str, int] = {}
    for number, cells, columns in _records(table):
        name = cells.get("name", "").strip()
        _named(table, number, name, seen, "rule")
        place: Place = ("rules", len(tree))
        places[place] = table.where(number)
        for title, column in columns.items():
            part = "when" if title in CONDITIONS else "book" if title in OUTCOMES else ""
            places[*place, *([part] if part else []), title] = table.where(number, column)
        rule = CommentedMap()
        rule["name"] = DoubleQuotedScalarString(name)
        rule["when"] = flow(
            {
                title: attributes_in(cells[title])
                if condition.value == "attributes"
                else value_in(condition.schema, cells[title])
                for title, condition in CONDITIONS.items()
                if cells.get(title)
            },
        )
        book = {
            title: value_in(word.schema, cells[title])
            for title, word in OUTCOMES.items()
            if cells.get(title)
        }
        if book:
            rule["book"] = flow(book)
        if cells.get("refuse"):
            rule["refuse"] = cells["refuse"]
        tree.append(rule)
        if comment := _lines(cells.get("comment", "")):
            tree.yaml_set_comment_before_after_key(len(tree) - 1, comment, indent=2)
    return tree


def _codes_tree(table: Table, places: dict[Place, str], _: CommentedMap) -> CommentedMap:
    tree = CommentedMap()
    seen: dict[str, int] = {}
    for number, cells, columns in _records(table):
        code = cells.get("vat_code", "").strip()
        _named(table, number, code, seen, "VAT code")
        places["vat_codes", code] = table.where(number)
        for title, column in columns.items():
            places["vat_codes", code, title] = table.where(number, column)
        key = DoubleQuotedScalarString(code)
        tree[key] = flow(
            {
                field: value_in(schema, cells[field])
                for field, schema in _VAT_CODE.items()
                if cells.get(field)
            }
        )
        if comment := _lines(cells.get("comment", "")):
            tree.yaml_set_comment_before_after_key(key, comment, indent=2)
    return tree


def _settings_tree(table: Table, places: dict[Place, str], whole: CommentedMap) -> CommentedMap:
    tree = CommentedMap()
    seen: dict[str, int] = {}
    for number, cells, columns in _records(table):
        name, value = cells.get("setting", "").strip(), cells.get("value", "")
        comment = _lines(cells.get("comment", ""))
        if not name and not value:
            if comment:
                whole.yaml_set_start_comment(comment + "\n")
            continue
        _named(table, number, name, seen, "setting")
        outer, _, inner = name.partition(".")
        places["settings", outer] = places["settings", outer, inner or ""] = table.where(
            number, columns.get("value")
        )
        schema = _SETTINGS.get(outer, {})
        if inner:
            schema = schema.get("properties", {}).get(inner, {})
            group = tree.setdefault(outer, CommentedMap())
            group[inner] = value_in(schema, value) if value else None
        else:
            tree[outer] = value_in(schema, value)
        if comment:
            tree.yaml_set_comment_before_after_key(outer, comment, indent=2)
    return tree


class _Quoting(RoundTripRepresenter):
    """Quotes a text that begins with a sign: as a key, YAML reads `:0` as something else."""

    def represent_str(self, data: str) -> ScalarNode:
        """Return the node of a text."""
        style = None if data[:1].isalnum() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Quoting.add_representer(str, _Quoting.represent_str)


def _lines(comment: str) -> str:
    """Give a comment whose every line is one of YAML, too."""
    lines = ("".join(filter(str.isprintable, line)) for line in comment.splitlines())
    return "\n".join(lines).strip("\n")

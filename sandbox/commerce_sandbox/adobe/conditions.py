"""Filters and sort fields as SQL, with the casts of the shop's own database (MariaDB)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from commerce_sandbox.adobe.errors import internal, unknown_attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commerce_sandbox.adobe.search import Filter, Sort

Kind = Literal["number", "text", "time", "list"]
Parameter = str | float | None
Clause = tuple[str, list[Parameter]]


@dataclass(frozen=True)
class Column:
    """Something to filter and sort by.

    Attributes:
        sql: Expression over the row; for kind ``list`` the JSON path of a list in the body.
        kind: How the database casts what it is compared with.
    """

    sql: str
    kind: Kind


_COMPARISONS = {
    "eq": "=",
    "neq": "!=",
    "gt": ">",
    "lt": "<",
    "gteq": ">=",
    "lteq": "<=",
    "from": ">=",
    "to": "<=",
}
_TIME = re.compile(
    r"\s*(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"
    r"(?:[T ]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d+)?)?)?"
)
_COMPACT_TIME = re.compile(r"(\d{4}|\d{2})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?")
_ZERO_TIME = ""  # sorts before every time, like 0000-00-00
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def normal_time(value: str) -> str:
    """Return a time as the database reads it, comparable with ``YYYY-MM-DD HH:MM:SS``.

    What follows a readable time (an offset, ``Z``) is ignored; nonsense is the zero time, which
    comes before every real one.
    """
    text = value.strip()
    match = _COMPACT_TIME.fullmatch(text) if text.isdigit() else _TIME.match(text)
    if match is None:
        return _ZERO_TIME
    parts = [int(part or 0) for part in match.groups()[:6]]
    if len(match.group(1)) == len("26"):
        parts[0] += 2000 if parts[0] < 70 else 1900  # noqa: PLR2004  (the database's pivot year)
    try:
        moment = datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001  (UTC by convention)
    except ValueError:
        return _ZERO_TIME
    fraction = (match.group(7) or "").rstrip("0") if match.re is _TIME else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction if fraction != '.' else ''}"


def normal_number(value: str) -> float:
    """Return text as a number the way the database casts it: the leading digits, or 0."""
    match = _NUMBER.match(value)
    return float(match.group()) if match else 0.0


def where(
    groups: Sequence[Sequence[Filter]], column: Callable[[str | None], Column | None]
) -> Clause:
    """Return the condition of all groups.

    Args:
        groups: Groups (AND) of filters (OR).
        column: Finds a column by name; raises the shop's refusal for an unknown one, and returns
            None for a name that is accepted and has no effect.
    """
    clauses: list[str] = []
    parameters: list[Parameter] = []
    for group in groups:
        parts = []
        for one in group:
            found = column(one.field)
            if found is None:
                continue
            sql, values = _condition(found, one)
            parts.append(sql)
            parameters += values
        if parts:
            clauses.append(f"({(' AND ' if _is_range(group) else ' OR ').join(parts)})")
    return (f" WHERE {' AND '.join(clauses)}" if clauses else ""), parameters


def order_by(sorts: Sequence[Sort], column: Callable[[str | None], Column | None]) -> str:
    """Return the order; the same field twice keeps its place and takes the later direction.

    Without sort fields there is none: the shop's database promises no order either.
    """
    directions: dict[str, str] = {}
    for sort in sorts:
        found = column(sort.field) if sort.field is not None else None
        if found is not None and found.kind == "list":
            raise unknown_attribute(str(sort.field))
        if found is not None:
            directions[found.sql] = "ASC" if sort.direction == "ASC" else "DESC"
    if not directions:
        return ""
    return " ORDER BY " + ", ".join(f"{sql} {way}" for sql, way in directions.items())


def _is_range(group: Sequence[Filter]) -> bool:
    """Tell whether a group is the one exception to OR: from and to on one field."""
    return (
        len(group) == len(("from", "to"))
        and {one.condition for one in group} == {"from", "to"}
        and len({one.field for one in group}) == 1
    )


def _cast(column: Column, value: str | None) -> Parameter:
    if value is None:
        return None
    if column.kind == "number":
        return normal_number(value)
    return normal_time(value) if column.kind == "time" else value


def _condition(column: Column, one: Filter) -> Clause:
    if column.kind == "list":
        return _list_condition(column, one)
    sql, value, name = column.sql, one.value, one.condition
    text = value or ""
    if name in {"null", "notnull"} or (name in {"seq", "sneq"} and not text):
        return f"{sql} IS {'NOT ' if name in {'notnull', 'sneq'} else ''}NULL", []
    if name in {"in", "nin"}:
        values = [_cast(column, part) for part in text.split(",")]
        marks = ", ".join("?" * len(values))
        return f"{sql} {'NOT ' if name == 'nin' else ''}IN ({marks})", values
    if name in {"like", "nlike", "fulltext"}:
        pattern = f"%{text}%" if name == "fulltext" else value
        return f"{sql} {'NOT ' if name == 'nlike' else ''}LIKE ? ESCAPE '\\'", [pattern]
    if name in {"finset", "nfinset"}:
        found = f"instr(',' || {sql} || ',', ',' || ? || ',') > 0"
        return (f"NOT ({found})" if name == "nfinset" else found), [value]
    if name in {"is", "regexp", "ntoa"}:
        raise internal()  # no reader has a use for them; refusing is the strict answer
    # Any other name, also one in capitals, is silently taken for eq.
    name = {"seq": "eq", "sneq": "neq"}.get(name, name)
    return f"{sql} {_COMPARISONS.get(name, '=')} ?", [_cast(column, value)]


def _list_condition(column: Column, one: Filter) -> Clause:
    """Compare with the members of a list in the body (websites and categories of a product)."""
    values: list[Parameter] = [normal_number(part) for part in (one.value or "").split(",")]
    marks = ", ".join("?" * len(values))
    negation = "NOT " if one.condition in {"neq", "nin"} else ""
    members = f"SELECT 1 FROM json_each(body, '{column.sql}') WHERE value IN ({marks})"  # noqa: S608  (own path)
    return f"{negation}EXISTS ({members})", values

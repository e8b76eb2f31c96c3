"""How many rows a search finds, without walking the whole index for every page.

A reader that goes through a shop by time asks for the same range again and again, each time a bit
shorter. Counts up to a moment are kept until the database changes, and a new one only counts what
lies between it and the nearest earlier one. The numbers are those of COUNT(*).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING

from commerce_sandbox.adobe.conditions import normal_time
from commerce_sandbox.adobe.store import TABLES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from commerce_sandbox.adobe.conditions import Parameter
    from commerce_sandbox.adobe.search import Criteria
    from commerce_sandbox.database import Database

_TIMES = ("updated_at", "created_at")
# Condition -> whether rows at the very moment lie before the cut.
_LOWER = {"gt": True, "gteq": False, "from": False}
_UPPER = {"lt": False, "lteq": True, "to": True}

Cut = tuple[str, bool]  # a moment, and whether its own rows lie before the cut


class _Ranks:
    """Numbers of rows before some cuts of one column."""

    def __init__(self, table: str, column: str) -> None:
        self._table = table
        self._column = column
        self._cuts: list[Cut] = []
        self._before: dict[Cut, int] = {}
        self._all: int | None = None

    def all(self, connection: sqlite3.Connection) -> int:
        """Return the number of rows that have a value."""
        if self._all is None:
            self._all = self._count(connection, "")
        return self._all

    def before(self, connection: sqlite3.Connection, cut: Cut) -> int:
        """Return the number of rows before a cut."""
        if cut not in self._before:
            position = bisect_right(self._cuts, cut)
            condition = f" WHERE {self._column} {'<=' if cut[1] else '<'} ?"
            if position:
                nearest = self._cuts[position - 1]
                condition += f" AND {self._column} {'>' if nearest[1] else '>='} ?"
                more = self._count(connection, condition, cut[0], nearest[0])
                self._before[cut] = self._before[nearest] + more
            else:
                self._before[cut] = self._count(connection, condition, cut[0])
            insort(self._cuts, cut)
        return self._before[cut]

    def _count(self, connection: sqlite3.Connection, condition: str, *values: str) -> int:
        statement = f"SELECT COUNT({self._column}) FROM {self._table}{condition}"  # noqa: S608  (own names)
        return int(connection.execute(statement, values).fetchone()[0])


def _range(criteria: Criteria) -> tuple[str, list[Cut], list[Cut]] | None:
    """Return column, lower and upper cuts when a search is one range of time, otherwise None."""
    filters = [one for group in criteria.groups for one in group]
    if not filters or any(len(group) != 1 for group in criteria.groups):
        return None
    field = filters[0].field
    if field is None or field not in _TIMES:
        return None
    lower, upper = [], []
    for one in filters:
        if one.field != field or one.value is None:
            return None
        moment = normal_time(one.value)
        if one.condition in _LOWER:
            lower.append((moment, _LOWER[one.condition]))
        elif one.condition in _UPPER:
            upper.append((moment, _UPPER[one.condition]))
        else:
            return None
    return field, lower, upper


def count(
    database: Database, kind: str, criteria: Criteria, where: str, parameters: Sequence[Parameter]
) -> int:
    """Return the number of rows of a search.

    Args:
        database: The sandbox's database.
        kind: Kind of record.
        criteria: The search.
        where: The same search as an SQL condition.
        parameters: The condition's parameters.
    """
    connection = database.connection()
    name = TABLES[kind].name if kind in TABLES else f"adobe_{kind}"
    found = _range(criteria)
    if found is None or kind not in TABLES or found[0] not in TABLES[kind].columns:
        statement = f"SELECT COUNT(*) FROM {name}{where}"  # noqa: S608  (own names)
        return int(connection.execute(statement, parameters).fetchone()[0])
    column, lower, upper = found
    ranks = database.cached(f"adobe.ranks.{kind}.{column}", lambda _: _Ranks(name, column))
    start = max((ranks.before(connection, cut) for cut in lower), default=0)
    ends = [ranks.before(connection, cut) for cut in upper] or [ranks.all(connection)]
    return max(min(ends) - start, 0)

"""A company that Exact moves to another server: all its rows get new versions, lower ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commerce_sandbox.exact import store
from commerce_sandbox.exact.credentials import DIVISION
from commerce_sandbox.exact.writes import timestamp

if TYPE_CHECKING:
    from commerce_sandbox.context import SandboxContext

#: Versions begin here on the other server; those of a sandbox that was not moved are above.
_FIRST, _NOT_MOVED = 1_000, 1_000_000
#: Lists that are added up when they are read have version numbers of their own.
_ADDED_UP = 1_000_000_000_000


def move(context: SandboxContext, division: int = DIVISION) -> None:
    """Move a company: a cursor of before finds nothing any more, not even what changes later.

    Args:
        context: The sandbox.
        division: The company.
    """
    at = timestamp(context.clock.now())
    with context.database.transaction() as connection:
        taken = [
            connection.execute(
                f"SELECT max(version) FROM {table.name} WHERE version < ?",  # noqa: S608 -- our own name
                (_NOT_MOVED,),
            ).fetchone()[0]
            for table in store.TABLES.values()
        ]
        version = max((one for one in taken if one is not None), default=_FIRST)
        for table in store.TABLES.values():
            rows = connection.execute(
                f"SELECT id FROM {table.name} WHERE division = ? AND version < ? ORDER BY version",  # noqa: S608 -- our own name
                (division, _ADDED_UP),
            ).fetchall()
            connection.executemany(
                f"UPDATE {table.name} SET version = ? WHERE id = ?",  # noqa: S608 -- our own name
                [(version + number, row["id"]) for number, row in enumerate(rows, 1)],
            )
            version += len(rows)
        connection.execute("UPDATE exact_counters SET value = ? WHERE name = 'version'", (version,))
        connection.execute("DELETE FROM exact_derived")
        connection.execute(
            f"UPDATE {store.TABLES['system/Divisions'].name} "  # noqa: S608 -- our own name
            "SET body = json_set(body, '$.DivisionMoveDate', ?) WHERE id = ?",
            (at, f"0/{division}"),
        )
    context.database.forget()

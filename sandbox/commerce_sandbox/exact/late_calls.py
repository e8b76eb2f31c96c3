"""Calls that take effect after their client has gone: kept until their time has come.

They are in the database, so that a server that is killed in between carries them out when it is
back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    import sqlite3

    from commerce_sandbox.database import Database

_TABLE = """
CREATE TABLE IF NOT EXISTS exact_late_calls (
  id INTEGER PRIMARY KEY, arrived REAL NOT NULL, due REAL NOT NULL, method TEXT NOT NULL,
  path TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL
)
"""


@dataclass(frozen=True)
class LateCall:
    """A call whose client has gone.

    Attributes:
        method: HTTP method.
        path: Path, decoded.
        headers: Header values under lower-case names.
        body: Request body.
        arrived: Unix seconds of the sandbox's clock when it came.
        due: Unix seconds of the sandbox's clock when it takes effect.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    arrived: float
    due: float


def create_tables(database: Database) -> None:
    """Create the table of late calls if it is missing."""
    database.connection().execute(_TABLE)


def keep(database: Database, call: LateCall) -> None:
    """Keep a call until it is due."""
    database.connection().execute(
        "INSERT INTO exact_late_calls (arrived, due, method, path, headers, body) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (call.arrived, call.due, call.method, call.path, orjson.dumps(call.headers), call.body),
    )
    database.forget("exact.late")


def take_due(database: Database, now: float) -> list[LateCall]:
    """Return the calls whose time has come, each to one process only, in their order."""
    first = database.cached("exact.late", _first_due)
    if first is None or first > now:
        return []
    rows = database.connection().execute(
        "DELETE FROM exact_late_calls WHERE due <= ? RETURNING *", (now,)
    )
    taken = sorted(rows.fetchall(), key=lambda row: (row["due"], row["id"]))
    database.forget("exact.late")
    return [
        LateCall(
            row["method"],
            row["path"],
            orjson.loads(row["headers"]),
            row["body"],
            row["arrived"],
            row["due"],
        )
        for row in taken
    ]


def _first_due(connection: sqlite3.Connection) -> float | None:
    due: float | None = connection.execute("SELECT min(due) FROM exact_late_calls").fetchone()[0]
    return due

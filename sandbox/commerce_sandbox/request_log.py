"""Who called what, and when: one row per call, readable as soon as the caller has its answer.

The log has a file of its own: a call must be answered while a writer keeps a transaction of the
shop open, as a real shop does when a payment takes long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

    from commerce_sandbox.database import Database

_FILE_NAME = "requests.db"
_TABLE = """
CREATE TABLE IF NOT EXISTS requests (
  id INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  system TEXT NOT NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  query TEXT NOT NULL,
  status INTEGER,
  client TEXT NOT NULL,
  fault TEXT
)
"""
_INSERT = (
    "INSERT INTO requests (at, system, method, path, query, status, client, fault) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def _connection(database: Database) -> sqlite3.Connection:
    return database.beside(_FILE_NAME).connection()


def create_tables(database: Database) -> None:
    """Create the table of requests if it is missing."""
    _connection(database).execute(_TABLE)


def record(database: Database, entry: tuple[Any, ...]) -> None:
    """Add a call.

    Args:
        database: The sandbox's database.
        entry: ``(at, system, method, path, query, status, client, fault)``; ``at`` is the
            sandbox's time as Unix seconds, ``status`` is what the client saw (None when
            the connection was dropped).
    """
    _connection(database).execute(_INSERT, entry)


def find(
    database: Database,
    *,
    system: str | None = None,
    method: str | None = None,
    path: str | None = None,
    status: int | None = None,
    since: float | None = None,
    limit: int = -1,
) -> list[dict[str, Any]]:
    """Return calls in the order in which they were answered.

    Args:
        database: The sandbox's database.
        system: ``adobe`` or ``exact``.
        method: HTTP method.
        path: Pattern of the path (shell wildcards).
        status: What the client saw.
        since: Only calls at or after this moment (Unix seconds of the sandbox's clock).
        limit: Only the first calls; -1 for all.
    """
    rows = _connection(database).execute(
        "SELECT * FROM requests WHERE (:system IS NULL OR system = :system) "
        "AND (:method IS NULL OR method = :method) AND (:path IS NULL OR path GLOB :path) "
        "AND (:status IS NULL OR status = :status) AND (:since IS NULL OR at >= :since) "
        "ORDER BY id LIMIT :limit",
        {
            "system": system,
            "method": method,
            "path": path,
            "status": status,
            "since": since,
            "limit": limit,
        },
    )
    return [dict(row) for row in rows]


def clear(database: Database) -> None:
    """Forget all calls."""
    _connection(database).execute("DELETE FROM requests")

"""The sandbox's one truth: a SQLite file that every process of a test may open."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

from contextlib import contextmanager

_SETTINGS_TABLE = "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)"


class Database:
    """Connections to the sandbox's SQLite file, one per thread, and its settings."""

    def __init__(self, path: Path) -> None:
        """Open (and create) the database.

        Args:
            path: The SQLite file; its folder must exist.
        """
        self.path = path
        self._local = threading.local()
        self.connection().execute(_SETTINGS_TABLE)

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection, in autocommit mode."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
            self._local.connection = connection
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block in one write transaction; an exception rolls it back."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def setting(self, name: str, default: Any = None) -> Any:
        """Return a setting as the value that was stored (any JSON value)."""
        row = (
            self.connection()
            .execute("SELECT value FROM settings WHERE name = ?", (name,))
            .fetchone()
        )
        return default if row is None else orjson.loads(row["value"])

    def set_setting(self, name: str, value: Any) -> None:
        """Store a setting; every process sees it at once."""
        self.connection().execute(
            "INSERT INTO settings (name, value) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, orjson.dumps(value).decode()),
        )

    def close(self) -> None:
        """Close this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

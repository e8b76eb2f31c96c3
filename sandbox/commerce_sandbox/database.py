"""The sandbox's one truth: a SQLite file that every process of a test may open."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

FILE_NAME = "sandbox.db"

_SETTINGS_TABLE = "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)"

T = TypeVar("T")


class _Thread(threading.local):
    """What one thread holds: its connection, and what it read through it."""

    def __init__(self) -> None:
        """Start without a connection."""
        self.connection: sqlite3.Connection | None = None
        self.version = -1
        self.cache: dict[str, Any] = {}
        self.steady = False


class Database:
    """Connections to the sandbox's SQLite file, one per thread, and its settings."""

    def __init__(self, path: Path) -> None:
        """Open (and create) the database.

        Args:
            path: The SQLite file; its folder must exist.
        """
        self.path = path
        self._thread = _Thread()
        self.connection().execute(_SETTINGS_TABLE)

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection, in autocommit mode."""
        connection = self._thread.connection
        if connection is None:
            connection = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, cached_statements=512
            )
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
            # Seldom copied back: a checkpoint every few posts was a tenth of a post's time.
            connection.execute("PRAGMA wal_autocheckpoint=20000")
            self._thread.connection = connection
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block in one write transaction; an exception rolls it back.

        What :meth:`cached` returns inside is what the transaction sees.
        """
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            with self.steady():
                yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Look for changes now, and not again before the end of the block.

        Looking costs more than what is mostly done with the value. The block must not wait.
        """
        thread = self._thread
        outer = thread.steady
        self._look()
        thread.steady = True
        try:
            yield
        finally:
            thread.steady = outer

    def _look(self) -> None:
        """Empty the cache if another thread or process has changed the database."""
        thread = self._thread
        version = self.connection().execute("PRAGMA data_version").fetchone()[0]
        if version != thread.version:
            thread.cache.clear()
            thread.version = version

    def cached(self, key: str, load: Callable[[sqlite3.Connection], T]) -> T:
        """Return what ``load`` read, again only after the database has changed.

        A commit by any other process or thread empties the cache by itself (SQLite's
        ``data_version``). A change through *this* thread's connection does not: call
        :meth:`forget` after it.

        Args:
            key: A name for the value, unique in the sandbox.
            load: Reads the value; must not write.
        """
        thread = self._thread
        if not thread.steady:
            self._look()
        if key not in thread.cache:
            thread.cache[key] = load(self.connection())
        value: T = thread.cache[key]
        return value

    def forget(self, key: str | None = None) -> None:
        """Forget one cached value of this thread, or all of them."""
        if key is None:
            self._thread.cache.clear()
        else:
            self._thread.cache.pop(key, None)

    def settings(self) -> dict[str, Any]:
        """Return all stored settings; the answer must not be changed."""
        return self.cached("settings", _read_settings)

    def setting(self, name: str, default: Any = None) -> Any:
        """Return a setting as the value that was stored (any JSON value)."""
        return self.settings().get(name, default)

    def set_setting(self, name: str, value: Any) -> None:
        """Store a setting; every process sees it at once."""
        self.connection().execute(
            "INSERT INTO settings (name, value) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, orjson.dumps(value).decode()),
        )
        self.forget("settings")

    def close(self) -> None:
        """Close this thread's connection."""
        connection = self._thread.connection
        if connection is not None:
            connection.close()
            self._thread.connection = None
            self._thread.version = -1
            self._thread.cache.clear()


def _read_settings(connection: sqlite3.Connection) -> dict[str, Any]:
    rows = connection.execute("SELECT name, value FROM settings")
    return {row["name"]: orjson.loads(row["value"]) for row in rows}

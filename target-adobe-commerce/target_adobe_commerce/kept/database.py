"""The target's database: how it is opened, and who may write with it."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import sqlalchemy as sa

from adobe_commerce.errors import ConfigError
from connector_program.database import Database, Migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

MIGRATIONS = Migrations(
    Path(__file__).parent / "migrations" / "versions", "way_back_version", 7_304_552
)
KEPT = Database(
    what="database",
    setting="database_url",
    file="way-back.db",
    program="target-adobe-commerce",
    error=ConfigError,
    prepare=MIGRATIONS.apply,
)


@contextlib.contextmanager
def one_at_a_time(engine: Engine, name: str) -> Iterator[None]:
    """Let one process of all that share the database plan and write; a dead one holds no lock.

    Raises:
        ConfigError: Another process is at work.
    """
    msg = "Another run writes to this shop with the same database. Run again when it has ended."
    if engine.dialect.name == "sqlite":
        lock = filelock.FileLock(f"{engine.url.database}.lock", mode=0o600)
        try:
            with lock.acquire(timeout=0):
                yield
        except filelock.Timeout:
            raise ConfigError(msg) from None
        return
    digest = hashlib.sha256(f"way_back:{name}".encode()).digest()[:8]
    number = int.from_bytes(digest, "big", signed=True)
    with engine.connect() as connection, connection.begin():  # it ends with its connection
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(number))):
            raise ConfigError(msg)
        yield

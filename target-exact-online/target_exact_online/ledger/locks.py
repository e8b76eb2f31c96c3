"""One process at a time: for what must be looked up and then created, such as a new relation."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

import filelock
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

_WAIT_SECONDS = 300.0  # longer than a lookup and a call can take


@contextlib.contextmanager
def exclusive(engine: Engine, name: str) -> Iterator[None]:
    """Hold a lock by name that all processes with this ledger share; a dead process holds none."""
    if engine.dialect.name == "sqlite":
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        with filelock.FileLock(
            f"{engine.url.database}.{digest}.lock", timeout=_WAIT_SECONDS, mode=0o600
        ):
            yield
        return
    with engine.begin() as connection:  # the lock ends with its transaction
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_number(name))))
        yield


def of_ledger(engine: Engine, name: str) -> str:
    """Return a name that no other ledger has: a server's locks are those of all its schemas."""
    if engine.dialect.name == "sqlite":
        return name  # its locks are files beside it
    with engine.connect() as connection:
        return f"{connection.scalar(sa.func.current_schema())}:{name}"


def lock_number(name: str) -> int:
    """Return the PostgreSQL advisory lock for a name: a signed 64-bit number."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)

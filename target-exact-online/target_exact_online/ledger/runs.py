"""Which runs are alive: a claim of a dead run may be taken over, a claim of a living one never.

A run holds a lock for as long as its process lives, and the operating system or the server lets go
of it when the process dies, however it dies. No clock and no heartbeat decides. On PostgreSQL the
connection that holds the lock also does the claiming and recording: when it is lost, so is the
right to claim.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from exact_online.errors import ConfigError
from target_exact_online.exceptions import RunLostError
from target_exact_online.ledger.locks import lock_number
from target_exact_online.ledger.tables import chain, runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.engine import Connection, Engine


class Run:
    """One process's time with the ledger.

    Attributes:
        run_id: What its claims are signed with.
        started_at: When it began (UTC).
        began_after: The last event of the ledger before it began.
    """

    def __init__(self, engine: Engine) -> None:
        """Begin a run: from here on other runs see it alive.

        Raises:
            ConfigError: The database is behind a pooler in which locks have no owner.
        """
        self.run_id = uuid.uuid4().hex
        self.started_at = datetime.now(UTC)
        self._engine = engine
        self._mine = runs.update().where(runs.c.run_id == self.run_id)
        self._lock: filelock.FileLock | None = None
        self._session: Connection | None = None
        self._lost = False
        self._one_at_a_time = threading.Lock()
        if engine.dialect.name == "sqlite":
            self._lock = _file_lock(engine, self.run_id)
            self._lock.acquire(timeout=0)
        else:
            self._session = _own_session(engine)
            with self._session.begin():  # the lock is the session's: it outlives the transaction
                self._session.execute(sa.select(sa.func.pg_advisory_lock(lock_number(self.run_id))))
        with self.transaction() as connection:
            connection.execute(
                runs.insert().values(
                    run_id=self.run_id, host=socket.gethostname(), started_at=self.started_at
                )
            )
            self.began_after = int(connection.scalar(sa.select(chain.c.seq)) or 0)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write to the ledger as a living run; thread safe, one transaction at a time.

        Raises:
            RunLostError: The connection that showed this run alive is gone.
        """
        if self._session is None:
            with self._engine.begin() as connection:
                yield connection
            return
        with self._one_at_a_time:
            if self._lost:  # a new connection would have no lock
                raise RunLostError
            try:
                with self._session.begin():
                    yield self._session
            except DBAPIError as error:
                self._lost = error.connection_invalidated or self._session.invalidated
                if self._lost:
                    raise RunLostError from error
                raise

    def note(self, outcome: str, streams: Iterable[str], calls_left: int | None) -> None:
        """Note how the run ended, for monitoring; what cannot be noted ends nothing."""
        with contextlib.suppress(RunLostError, DBAPIError), self.transaction() as connection:
            told = {"outcome": outcome, "streams": json.dumps(sorted(streams))}
            connection.execute(self._mine.values(told | {"calls_left": calls_left}))

    def finish(self) -> None:
        """End the run and let go of its lock; a run whose connection is lost has ended already."""
        with contextlib.suppress(RunLostError, DBAPIError), self.transaction() as connection:
            connection.execute(self._mine.values(finished_at=datetime.now(UTC)))
            if self._session is not None:
                # Explicitly: the pooled connection behind it lives on, and so would its lock.
                unlock = sa.func.pg_advisory_unlock(lock_number(self.run_id))
                connection.execute(sa.select(unlock))
        if self._lock is not None:
            self._lock.release()
            with contextlib.suppress(OSError):
                Path(self._lock.lock_file).unlink()
        if self._session is not None:
            self._session.close()


def _own_session(engine: Engine) -> Connection:
    """Return a connection that is one server process's, transaction after transaction.

    Raises:
        ConfigError: Something between us and the server gives each transaction to whichever
            process is free: a lock there would be somebody else's.
    """
    process = sa.select(sa.func.pg_backend_pid())
    session = engine.connect()
    with session.begin():
        first = session.scalar(process)
    with engine.begin() as other:  # keeps a process that was free from being given back
        other.execute(process)
        with session.begin():
            second = session.scalar(process)
    if first == second:
        return session
    session.close()
    msg = (
        "The ledger's database is behind a pooler that shares connections between transactions, "
        "such as PgBouncer with pool_mode=transaction (setting ledger_url). There two runs cannot "
        "see each other. Name the server itself, or a pool of mode session."
    )
    raise ConfigError(msg)


def dead_runs(engine: Engine, run_ids: Iterable[str]) -> set[str]:
    """Return those of some runs, which hold claims, whose process is gone."""
    return {run_id for run_id in run_ids if not _alive(engine, run_id)}


def _alive(engine: Engine, run_id: str) -> bool:
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:  # the probe's own lock ends with its transaction
            free = sa.func.pg_try_advisory_xact_lock(lock_number(run_id))
            return not connection.scalar(sa.select(free))
    lock = _file_lock(engine, run_id)
    if not Path(lock.lock_file).exists():
        return False
    try:
        with lock.acquire(timeout=0):
            pass
    except filelock.Timeout:
        return True
    with contextlib.suppress(OSError):
        Path(lock.lock_file).unlink()
    return False


def _file_lock(engine: Engine, run_id: str) -> filelock.FileLock:
    return filelock.FileLock(f"{engine.url.database}.{run_id}.run", mode=0o600)

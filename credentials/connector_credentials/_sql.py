"""Store in two tables of a SQLite or PostgreSQL database, for several machines."""

from __future__ import annotations

import random
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from connector_credentials.exceptions import (
    LockLostError,
    LockTimeoutError,
    StoreExistsError,
    StoreNotFoundError,
    StoreUnavailableError,
)
from connector_credentials.redaction import protect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BUSY_TIMEOUT = 30  # seconds SQLite waits for another writer
_POLL = (0.05, 0.25)  # seconds between two looks at a lock

_metadata = sa.MetaData()
_entries = sa.Table(
    "connector_entries",
    _metadata,
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("token", sa.Text, nullable=False),
)
_locks = sa.Table(
    "connector_locks",
    _metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("owner", sa.String(32), nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
)


class SqlLease:
    """A row that says who may work on a name, until when by the database's clock."""

    def __init__(self, backend: SqlBackend, name: str, lease: float) -> None:
        """Describe the lease; :meth:`acquire` takes it."""
        self._backend = backend
        self._name = name
        self._lease = lease
        self._owner = secrets.token_hex(16)

    def acquire(self) -> bool:
        """Take the lease if it is free or ran out."""
        now = self._backend.now
        row = {"owner": self._owner, "expires_at": now + self._lease}
        take = (
            sa.update(_locks).where(_locks.c.name == self._name, _locks.c.expires_at < now)
        ).values(row)
        with self._backend.transaction() as connection:
            if connection.execute(take).rowcount:
                return True
        try:
            with self._backend.transaction() as connection:
                connection.execute(sa.insert(_locks).values(name=self._name, **row))
        except IntegrityError:
            return False
        return True

    def renew(self) -> None:
        """Make the lease last in full from now on.

        Raises:
            LockLostError: Somebody else took it after it ran out.
        """
        renewed = sa.update(_locks).where(
            _locks.c.name == self._name, _locks.c.owner == self._owner
        )
        with self._backend.transaction() as connection:
            values = renewed.values(expires_at=self._backend.now + self._lease)
            if not connection.execute(values).rowcount:
                msg = f"The lock of {self._name!r} ran out while it was held. Try again."
                raise LockLostError(msg)

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        mine = sa.delete(_locks).where(_locks.c.name == self._name, _locks.c.owner == self._owner)
        with self._backend.transaction() as connection:
            connection.execute(mine)


class SqlBackend:
    """Entries of one store in the tables ``connector_entries`` and ``connector_locks``."""

    def __init__(self, url: str) -> None:
        """Name the database; nothing is read yet.

        Raises:
            StoreUnavailableError: The URL cannot be understood, or its driver is missing.
        """
        try:
            parsed = sa.make_url(url)
            if parsed.drivername in {"postgresql", "postgres"}:
                parsed = parsed.set(drivername="postgresql+psycopg")
            protect(parsed.password)
            self.label = parsed.render_as_string(hide_password=True)
            options = {"timeout": _BUSY_TIMEOUT} if parsed.get_backend_name() == "sqlite" else {}
            self._engine = sa.create_engine(parsed, poolclass=NullPool, connect_args=options)
        except (ArgumentError, ImportError, SQLAlchemyError) as error:
            msg = (
                f"The credential store's URL cannot be used ({type(error).__name__}). Use a file "
                "path, sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/DATABASE with "
                "connector-credentials[postgres] installed."
            )
            raise StoreUnavailableError(msg) from None
        self._sqlite = self._engine.dialect.name == "sqlite"

    @property
    def now(self) -> sa.ColumnElement[float]:
        """Seconds since 1970 by the database's clock, the one clock all machines share."""
        if self._sqlite:
            return (sa.func.julianday("now") - 2440587.5) * 86400.0
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)

    def create(self, entries: dict[str, str]) -> None:
        """Make the tables and the first entries.

        Raises:
            StoreExistsError: There is a store already.
        """
        rows = [{"key": key, "token": token} for key, token in entries.items()]
        try:
            with self.transaction() as connection:
                _metadata.create_all(connection)
                if connection.execute(sa.select(_entries.c.key).limit(1)).first():
                    raise self._exists()
                connection.execute(sa.insert(_entries), rows)
        except IntegrityError:
            raise self._exists() from None

    def read(self) -> dict[str, str]:
        """Every entry, encrypted.

        Raises:
            StoreNotFoundError: The database has no store.
        """
        with self.transaction() as connection:
            if not sa.inspect(connection).has_table(_entries.name):
                msg = (
                    f"There is no credential store in {self.label}. "
                    "Make one with `connector-credentials init`, or correct the setting."
                )
                raise StoreNotFoundError(msg)
            rows = connection.execute(sa.select(_entries.c.key, _entries.c.token))
            return {row.key: row.token for row in rows}

    def change(self, edit: Callable[[dict[str, str]], None]) -> None:
        """Apply ``edit`` to the entries in one transaction that excludes other writers."""
        with self.transaction() as connection:
            if self._sqlite:
                # The first statement must write, or SQLite would take its lock too late.
                connection.execute(sa.delete(_entries).where(sa.false()))
            else:
                connection.execute(sa.text("LOCK TABLE connector_entries IN EXCLUSIVE MODE"))
            rows = connection.execute(sa.select(_entries.c.key, _entries.c.token))
            before = {row.key: row.token for row in rows}
            after = dict(before)
            edit(after)
            for key in before.keys() - after.keys():
                connection.execute(sa.delete(_entries).where(_entries.c.key == key))
            for key in after.keys() - before.keys():
                connection.execute(sa.insert(_entries).values(key=key, token=after[key]))
            for key in after.keys() & before.keys():
                if after[key] != before[key]:
                    changed = sa.update(_entries).where(_entries.c.key == key)
                    connection.execute(changed.values(token=after[key]))

    @contextmanager
    def lock(self, name: str, timeout: float, lease: float) -> Iterator[SqlLease]:
        """Hold the lease of one name, against threads, processes and machines."""
        held = SqlLease(self, name, lease)
        give_up = time.monotonic() + timeout
        while not held.acquire():
            if time.monotonic() > give_up:
                msg = (
                    f"Another process has held the lock of {name!r} in {self.label} for "
                    f"{timeout:.0f} s. Wait for it, then try again."
                )
                raise LockTimeoutError(msg)
            time.sleep(random.uniform(*_POLL))  # noqa: S311  # nosec B311  # only spreads the waiters
        try:
            yield held
        finally:
            held.release()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction, committed when the block ends.

        Raises:
            StoreUnavailableError: The database does not answer or refuses.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            # The driver's own text can repeat the URL, so only its kind is told.
            msg = (
                f"The credential store {self.label} cannot be used ({type(error).__name__}). "
                "Check that the database runs and the login is right."
            )
            raise StoreUnavailableError(msg) from None

    def _exists(self) -> StoreExistsError:
        msg = f"There is a credential store in {self.label} already. Nothing was changed."
        return StoreExistsError(msg)

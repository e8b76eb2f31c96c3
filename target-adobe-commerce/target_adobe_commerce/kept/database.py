"""Open the target's database and bring its schema up to date."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from adobe_commerce.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL, Connection, Engine

_MIGRATIONS = Path(__file__).parent / "migrations"
#: Not Alembic's own name: the database may be shared with the ledger of Exact, or with Meltano.
VERSION_TABLE = "way_back_version"
_MIGRATION_LOCK = 7_304_552  # any fixed number: the advisory lock that migrating processes share
_BUSY_TIMEOUT_SECONDS = 60.0


def open_engine(url: str) -> Engine:
    """Open the database, creating or migrating it when needed; safe in several processes at once.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user:password@host/database``.

    Raises:
        ConfigError: The URL is wrong, or the database cannot be reached or migrated.
    """
    parsed = _parse(url)
    engine = _sqlite_engine(parsed) if parsed.get_backend_name() == "sqlite" else _engine(parsed)
    try:
        _migrate(engine)
    except DBAPIError as error:
        engine.dispose()
        reason = str(error.orig).strip().splitlines()[0]
        msg = (
            f"The database {parsed.render_as_string(hide_password=True)} cannot be used: "
            f"{reason} (setting database_url). Check the path or server, and its rights."
        )
        raise ConfigError(msg) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read without taking SQLite's write lock.

    Yields:
        A connection in a read transaction.
    """
    with engine.connect().execution_options(reads_only=True) as connection:
        yield connection


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


def insert(connection: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that may say what to do with a row that is there."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def _parse(url: str) -> URL:
    with contextlib.suppress(ArgumentError):
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            return parsed
        if parsed.get_backend_name() == "postgresql":
            # psycopg 3 is the driver of the extra; a bare URL must not need another.
            return parsed.set(drivername="postgresql+psycopg")
    msg = (
        "The setting database_url is not a database URL this target knows. "
        "Use sqlite:///path/to/way-back.db or postgresql://user:password@host/database."
    )
    raise ConfigError(msg)


def _engine(url: URL) -> Engine:
    try:
        return sa.create_engine(url, pool_pre_ping=True)
    except ImportError:
        msg = (
            "A database on PostgreSQL needs the extra: install target-adobe-commerce[postgres] "
            "(setting database_url)."
        )
        raise ConfigError(msg) from None


def _sqlite_engine(url: URL) -> Engine:
    # Names and VAT numbers lie in this file: nobody else on the machine may read it.
    with contextlib.suppress(FileExistsError, OSError):
        Path(str(url.database)).touch(mode=0o600, exist_ok=False)
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy, not the driver, begins transactions
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: an intent that is committed survives a power cut, or a record could be doubled.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads_only = connection.get_execution_options().get("reads_only")
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


def _migrate(engine: Engine) -> None:
    if _revision(engine) == head():
        return
    # Imported here: Alembic costs a third of a second, and a database is seldom new.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:  # on SQLite: BEGIN IMMEDIATE, the others wait here
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            msg = (
                f"The database was written by a newer version of this target ({error}) "
                "(setting database_url). Upgrade target-adobe-commerce."
            )
            raise ConfigError(msg) from error


def head() -> str:
    """Return the newest revision: migrations are modules named ``mNNNN_what.py``."""
    return max(path.name for path in (_MIGRATIONS / "versions").glob("m[0-9]*.py"))[1:5]


def _revision(engine: Engine) -> str | None:
    with reading(engine) as connection:
        if not sa.inspect(connection).has_table(VERSION_TABLE):
            return None
        table = sa.table(VERSION_TABLE, sa.column("version_num"))
        revision: str | None = connection.scalar(sa.select(table.c.version_num))
        return revision

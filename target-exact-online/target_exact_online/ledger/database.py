"""Open the ledger database and bring its schema up to date."""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from exact_online.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL, Connection, Engine

_MIGRATIONS = Path(__file__).parent / "migrations"
# Not Alembic's own name: the ledger may share a database with Meltano, which uses that one.
VERSION_TABLE = "ledger_version"
_MIGRATION_LOCK = 7_304_551  # any fixed number: the advisory lock that migrating processes share
_BUSY_TIMEOUT_SECONDS = 60.0
_SEARCH_PATH = "-csearch_path="


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A moment in UTC, aware in Python whatever the database keeps."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Store UTC; SQLite keeps no zone, so a naive value must not get here."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return an aware UTC datetime."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def open_engine(url: str) -> Engine:
    """Open the ledger database, creating or migrating it when needed.

    Safe when several processes start at once: one migrates, the others wait. On SQLite every
    transaction of ``engine.begin()`` is a write transaction (``BEGIN IMMEDIATE``), so that two
    processes never deadlock; use :func:`reading` where nothing is written.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user:password@host/database``.

    Raises:
        ConfigError: When the URL is wrong, or the database cannot be reached or migrated.
    """
    parsed = _parse(url)
    engine = _sqlite_engine(parsed) if parsed.get_backend_name() == "sqlite" else _engine(parsed)
    try:
        with disposed_on_error(engine):
            _make_schema(engine)
            _migrate(engine)
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        msg = (
            f"The ledger database {parsed.render_as_string(hide_password=True)} cannot be used: "
            f"{reason} (setting ledger_url). Check the path or server, and its rights."
        )
        raise ConfigError(msg) from error
    return engine


@contextlib.contextmanager
def disposed_on_error(engine: Engine) -> Iterator[None]:
    """Close the database's connections when what is done with it first fails."""
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read without taking SQLite's write lock.

    Yields:
        A connection in a read transaction.
    """
    with engine.connect().execution_options(ledger_reads_only=True) as connection:
        yield connection


def insert(connection: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that may say what to do with a row that is there."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def _parse(url: str) -> URL:
    with contextlib.suppress(ArgumentError):
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return parsed
        if parsed.get_backend_name() == "postgresql":
            # psycopg 3 is the driver this package depends on; a bare URL must not need another.
            return parsed.set(drivername="postgresql+psycopg")
    msg = (
        "The setting ledger_url is not a database URL this target knows. "
        "Use sqlite:///path/to/ledger.db or postgresql://user:password@host/database."
    )
    raise ConfigError(msg)


def _engine(url: URL) -> Engine:
    try:
        return sa.create_engine(url, pool_pre_ping=True)
    except ImportError:
        msg = (
            "A ledger on PostgreSQL needs the extra: install target-exact-online[postgres] "
            "(setting ledger_url)."
        )
        raise ConfigError(msg) from None


def in_schema(url: str, schema: str) -> str:
    """Return the URL of a PostgreSQL ledger in a schema, a plain identifier, of its own.

    Raises:
        ConfigError: It is no PostgreSQL database.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() != "postgresql":
        msg = (
            "The setting ledger_schema is for ledgers on PostgreSQL. Leave it out, or give each "
            "tenant a file of its own (setting ledger_url)."
        )
        raise ConfigError(msg)
    path = parsed.set(query={**parsed.query, "options": f"{_SEARCH_PATH}{schema}"})
    return path.render_as_string(hide_password=False)


def _make_schema(engine: Engine) -> None:
    """Make the schema that the URL names, when it is new."""
    options = str(engine.url.query.get("options", ""))
    if not options.startswith(_SEARCH_PATH):
        return
    with reading(engine) as connection:
        if connection.execute(sa.select(sa.func.current_schema())).scalar() is not None:
            return
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        name = options.removeprefix(_SEARCH_PATH)
        connection.execute(sa.schema.CreateSchema(name, if_not_exists=True))


def _sqlite_engine(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        msg = (
            "The ledger cannot live in memory: it is what keeps documents from being posted "
            "twice (setting ledger_url). Use sqlite:///path/to/ledger.db."
        )
        raise ConfigError(msg)
    # Personal data and amounts lie in this file: nobody else on the machine may read it.
    with contextlib.suppress(FileExistsError, OSError):
        Path(url.database).touch(mode=0o600, exist_ok=False)
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy, not the driver, begins transactions
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: an intent that is committed survives a power cut, or a document could be doubled.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # what is forgotten is overwritten

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads_only = connection.get_execution_options().get("ledger_reads_only")
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


def _migrate(engine: Engine) -> None:
    if _revision(engine) == head():
        return
    logging.getLogger("alembic").setLevel(logging.WARNING)  # its start-up lines help nobody
    # Imported here: Alembic costs a third of a second, and a ledger is seldom new.
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
                f"The ledger was written by a newer version of this target ({error}) "
                "(setting ledger_url). Upgrade target-exact-online."
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

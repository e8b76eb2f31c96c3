"""Open a program's database, on SQLite or PostgreSQL, and bring its schema up to date."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from connector_credentials import protect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL, Connection, Engine

_ENVIRONMENT = Path(__file__).parent / "migrations"
_BUSY_TIMEOUT_SECONDS = 60.0
_SEARCH_PATH = "-csearch_path="


class NewerSchemaError(Exception):
    """The schema is of a revision that these migrations do not know."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database as its program and the program's messages know it.

    Attributes:
        what: What it is, such as ``ledger``.
        setting: The setting that has its URL.
        file: Name of a file, as an example.
        program: The distribution whose extra ``postgres`` brings the driver.
        error: What is raised for a wrong URL, or a database that cannot be used.
        prepare: Makes what has to be there, whenever the database is opened.
    """

    what: str
    setting: str
    file: str
    program: str
    error: type[Exception]
    prepare: Callable[[Engine], None]

    def open(self, url: str) -> Engine:
        """Open the database, creating it or bringing it up to date when needed.

        On SQLite every transaction of ``engine.begin()`` is a write transaction (``BEGIN
        IMMEDIATE``), so that two processes never deadlock; use :func:`reading` where nothing is
        written.

        Args:
            url: ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        """
        parsed = self.parse(url)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        engine = _sqlite_engine(parsed) if is_sqlite else self._postgresql_engine(parsed)
        try:
            with disposed_on_error(engine):
                self.prepare(engine)
        except NewerSchemaError as error:
            msg = (
                f"The {self.what} was written by a newer version of this program ({error}) "
                f"(setting {self.setting}). Upgrade {self.program}."
            )
            raise self.error(msg) from error
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            shown = parsed.difference_update_query(["password"]).render_as_string()
            msg = (
                f"The {self.what} {shown} cannot be used: {reason} (setting {self.setting}). "
                "Check the path or server, and its rights."
            )
            raise self.error(msg) from error
        return engine

    def parse(self, url: str) -> URL:
        """Return the parts of a URL; no output shows its password from now on."""
        with contextlib.suppress(ArgumentError):
            parsed = sa.make_url(url)
            for secret in (parsed.password, *parsed.normalized_query.get("password", ())):
                protect(secret)
            if parsed.get_backend_name() == "postgresql":
                # psycopg 3 is the driver of the extra; a bare URL must not need another.
                return parsed.set(drivername="postgresql+psycopg")
            if parsed.get_backend_name() == "sqlite":
                if parsed.database and parsed.database != ":memory:":
                    return parsed
                msg = (
                    f"The {self.what} cannot live in memory: the next run must know what this one "
                    f"did (setting {self.setting}). Use sqlite:///path/to/{self.file}."
                )
                raise self.error(msg)
        msg = (
            f"The setting {self.setting} is not a database URL this program knows. Use "
            f"sqlite:///path/to/{self.file} or postgresql://user:password@host/database."
        )
        raise self.error(msg)

    def in_schema(self, url: str, schema: str) -> str:
        """Return the URL of a PostgreSQL database in a schema, a plain identifier, of its own."""
        parsed = self.parse(url)
        if parsed.get_backend_name() != "postgresql":
            msg = (
                f"The setting {self.setting.removesuffix('_url')}_schema is for PostgreSQL, and "
                f"{self.setting} names a file. Leave it out, or give each tenant a file of its own."
            )
            raise self.error(msg)
        path = parsed.update_query_dict({"options": f"{_SEARCH_PATH}{schema}"})
        return path.render_as_string(hide_password=False)

    def _postgresql_engine(self, url: URL) -> Engine:
        try:
            return sa.create_engine(url, pool_pre_ping=True)
        except ImportError:
            msg = (
                f"A {self.what} on PostgreSQL needs the extra: install {self.program}[postgres] "
                f"(setting {self.setting})."
            )
            raise self.error(msg) from None


@dataclass(frozen=True)
class Migrations:
    """What makes the schema of a database.

    Attributes:
        folder: Has the modules ``mNNNN_what.py``.
        version_table: Not Alembic's own name: a database may be shared, such as with Meltano.
        lock: Any fixed number: the advisory lock that migrating processes share.
    """

    folder: Path
    version_table: str
    lock: int

    def apply(self, engine: Engine) -> None:
        """Bring the schema up to date; of several processes one does, the others wait.

        Raises:
            NewerSchemaError: It is ahead of these migrations.
        """
        self._make_schema(engine)
        if self._revision(engine) == self.head():
            return
        with engine.begin() as connection:  # on SQLite: BEGIN IMMEDIATE, the others wait here
            self._wait_for_others(connection)
            self.upgrade(connection)

    def head(self) -> str:
        """Return the newest revision."""
        return max(path.name for path in self.folder.glob("m[0-9]*.py"))[1:5]

    def upgrade(self, connection: Connection, revision: str = "head") -> None:
        """Bring the schema to a revision, in the transaction of the connection.

        Raises:
            NewerSchemaError: It is ahead of these migrations.
        """
        logging.getLogger("alembic").setLevel(logging.WARNING)  # its start-up lines help nobody
        # Imported here: Alembic costs a third of a second, and a database is seldom new.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_ENVIRONMENT).replace("%", "%%"))
        config.set_main_option("version_locations", str(self.folder).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        config.attributes |= {"connection": connection, "version_table": self.version_table}
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise NewerSchemaError(str(error)) from error

    def _make_schema(self, engine: Engine) -> None:
        """Make the schema that the URL names, when it is new."""
        options = str(engine.url.query.get("options", ""))
        if not options.startswith(_SEARCH_PATH):
            return
        with reading(engine) as connection:
            if connection.scalar(sa.select(sa.func.current_schema())) is not None:
                return
        with engine.begin() as connection:
            self._wait_for_others(connection)
            name = options.removeprefix(_SEARCH_PATH)
            connection.execute(sa.schema.CreateSchema(name, if_not_exists=True))

    def _wait_for_others(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(self.lock)))

    def _revision(self, engine: Engine) -> str | None:
        with reading(engine) as connection:
            if not sa.inspect(connection).has_table(self.version_table):
                return None
            table = sa.table(self.version_table, sa.column("version_num"))
            revision: str | None = connection.scalar(sa.select(table.c.version_num))
            return revision


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
    with engine.connect().execution_options(reads_only=True) as connection:
        yield connection


def insert(connection: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that may say what to do with a row that is there."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def _sqlite_engine(url: URL) -> Engine:
    # Personal data and amounts may lie in the file: nobody else on the machine may read it.
    with contextlib.suppress(OSError):
        Path(str(url.database)).touch(mode=0o600, exist_ok=False)
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
        reads_only = connection.get_execution_options().get("reads_only")
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine

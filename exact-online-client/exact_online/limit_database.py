"""Opens the database of the limits: one of its own, or that of a program to share a budget with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from connector_credentials import protect
from exact_online import limit_tables
from exact_online.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Engine

_BUSY_TIMEOUT_SECONDS = 60.0


def open_limits(url: str, schema: str | None = None, *, setting: str = "limits_url") -> Engine:
    """Open a database, and make the tables of the limits in it where there are none.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        schema: A schema of PostgreSQL, made by whom the database belongs to.
        setting: What the URL is called in settings, for messages.

    Raises:
        ConfigError: The URL is wrong, or the database cannot be used.
    """
    parsed = _parsed(url, setting)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    if schema and is_sqlite:
        msg = f"A schema is for PostgreSQL, and the setting {setting} names a file. Leave it out."
        raise ConfigError(msg)
    if schema:
        parsed = parsed.set(query={**parsed.query, "options": f"-csearch_path={schema}"})
    try:
        engine = sa.create_engine(
            parsed,
            connect_args={"timeout": _BUSY_TIMEOUT_SECONDS} if is_sqlite else {},
            pool_pre_ping=not is_sqlite,
        )
    except ImportError:
        msg = f"A database on PostgreSQL needs the extra postgres (setting {setting})."
        raise ConfigError(msg) from None
    try:
        limit_tables.create_tables(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        reason = str(getattr(error, "orig", error)).strip().partition("\n")[0]
        shown = parsed.render_as_string(hide_password=True)
        msg = (
            f"The database of the limits {shown} cannot be used: {reason} (setting {setting}). "
            "Check the path or server, and its rights."
        )
        raise ConfigError(msg) from error
    return engine


def _parsed(url: str, setting: str) -> URL:
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        msg = (
            f"The setting {setting} is not a database URL. Use sqlite:///path/to/limits.db or "
            "postgresql://user:password@host/database."
        )
        raise ConfigError(msg)
    protect(parsed.password)
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    return parsed

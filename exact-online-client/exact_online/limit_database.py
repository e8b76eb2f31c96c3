"""Opens the database of the limits: one of its own, or that of a program to share a budget with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_program.database import Database
from exact_online.errors import ConfigError
from exact_online.limit_tables import create_tables

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

LIMITS = Database(
    what="database of the limits",
    setting="limits_url",
    file="limits.db",
    program="connector-credentials",
    error=ConfigError,
    prepare=create_tables,
)


def open_limits(url: str, schema: str | None = None) -> Engine:
    """Open a database, and make the tables of the limits in it where there are none.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        schema: A schema of PostgreSQL, made by whom the database belongs to.

    Raises:
        ConfigError: The URL is wrong, or the database cannot be used.
    """
    return LIMITS.open(LIMITS.in_schema(url, schema) if schema else url)

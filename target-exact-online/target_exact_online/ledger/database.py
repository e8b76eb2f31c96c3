"""The ledger database: how it is opened, and how it keeps moments."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from connector_program.database import Database, Migrations
from exact_online.errors import ConfigError

MIGRATIONS = Migrations(
    Path(__file__).parent / "migrations" / "versions", "ledger_version", 7_304_551
)
LEDGER = Database(
    what="ledger",
    setting="ledger_url",
    file="ledger.db",
    program="target-exact-online",
    error=ConfigError,
    prepare=MIGRATIONS.apply,
)


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

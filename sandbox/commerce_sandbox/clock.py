"""The sandbox's clock: real time plus an offset that tests may advance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commerce_sandbox.database import Database

_OFFSET = "clock.offset_seconds"


class Clock:
    """UTC time that can be moved forward, shared by every process on one database."""

    def __init__(self, database: Database) -> None:
        """Use the offset stored in this database.

        Args:
            database: The sandbox's database.
        """
        self._database = database

    def now(self) -> datetime:
        """Return the sandbox's time, timezone-aware UTC."""
        offset = float(self._database.setting(_OFFSET, 0))
        return datetime.now(UTC) + timedelta(seconds=offset)

    def advance(self, seconds: float) -> datetime:
        """Move the clock by some seconds and return the new time."""
        offset = float(self._database.setting(_OFFSET, 0))
        self._database.set_setting(_OFFSET, offset + seconds)
        return self.now()

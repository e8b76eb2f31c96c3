"""The sandbox's clock: real time plus an offset that tests may change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commerce_sandbox.database import Database

OFFSET = "clock.offset_seconds"


class Clock:
    """UTC time that can be moved, shared by every process on one database."""

    def __init__(self, database: Database) -> None:
        """Use the offset stored in this database.

        Args:
            database: The sandbox's database.
        """
        self._database = database

    def now(self) -> datetime:
        """Return the sandbox's time, timezone-aware UTC."""
        offset = float(self._database.setting(OFFSET, 0))
        return datetime.now(UTC) + timedelta(seconds=offset)

    def advance(self, seconds: float) -> datetime:
        """Move the clock by some seconds and return the new time."""
        offset = float(self._database.setting(OFFSET, 0))
        self._database.set_setting(OFFSET, offset + seconds)
        return self.now()

    def set(self, moment: datetime) -> datetime:
        """Let it be this moment now (it runs on from there) and return the new time.

        Args:
            moment: Any timezone-aware time.
        """
        self._database.set_setting(OFFSET, (moment - datetime.now(UTC)).total_seconds())
        return self.now()

"""Moments as the server shows them: Dutch wall clock time, written as if it were UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from commerce_sandbox.exact.store import Row

#: Setting: whether moments are Dutch local time; otherwise they are UTC.
SETTING = "exact.local_time"
#: Properties that are moments; all other dates are days of the calendar.
MOMENTS = ("Created", "Modified", "DeletedDate")
_ZONE = ZoneInfo("Europe/Amsterdam")


@lru_cache(maxsize=4096)  # the rows of one document have the same moment
def local_of(text: str) -> str:
    """Return a stored UTC time as Dutch wall clock time."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC).astimezone(_ZONE)
    return _written(moment)


def utc_of(text: str) -> str:
    """Return Dutch wall clock time as UTC; of an hour that comes twice, the first."""
    moment = datetime.fromisoformat(text).replace(tzinfo=_ZONE).astimezone(UTC)
    return _written(moment)


def _written(moment: datetime) -> str:
    """Write a time as rows have it, so that texts compare as times do."""
    text = moment.replace(tzinfo=None).isoformat()
    return text.rstrip("0") if "." in text else text


def shown(row: Row) -> Row:
    """Return a row with its moments in Dutch wall clock time."""
    moments = {name: local_of(row[name]) for name in MOMENTS if row.get(name) is not None}
    return row | moments

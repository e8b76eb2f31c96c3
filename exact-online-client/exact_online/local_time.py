"""Moments of Exact: Dutch wall clock time, written as if it were UTC, in answers and in filters."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Amsterdam")


def utc(moment: datetime) -> datetime:
    """Return what Exact calls a moment in UTC; of the hour that comes twice in autumn the first.

    Args:
        moment: As an answer has it.
    """
    return moment.replace(tzinfo=ZONE).astimezone(UTC)


def literal(moment: datetime) -> str:
    """Return an aware moment as a filter takes it, to the second below.

    Args:
        moment: When.
    """
    return f"datetime'{moment.astimezone(ZONE):%Y-%m-%dT%H:%M:%S}'"

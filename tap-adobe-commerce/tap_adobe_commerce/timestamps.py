"""Times: ``YYYY-MM-DD HH:MM:SS`` in UTC at the shop, ISO 8601 with ``Z`` in records and STATE."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

_SHOP_FORM = "%Y-%m-%d %H:%M:%S"
_SHOP_LENGTH = 19
#: What MySQL holds where it was made to store an impossible date.
_ZERO = "0000-00-00 00:00:00"


def to_shop(moment: datetime) -> str:
    """A moment as filters and comparisons need it: UTC, whole seconds, no zone mark."""
    return moment.astimezone(UTC).strftime(_SHOP_FORM)


def from_shop(text: str) -> datetime:
    """The moment of a timestamp the shop sent."""
    return datetime.strptime(text, _SHOP_FORM).replace(tzinfo=UTC)


def to_iso(text: str) -> str:
    """A shop's timestamp as records and STATE carry it."""
    return f"{text[:10]}T{text[11:]}Z"


def parse_iso(text: str) -> datetime:
    """A moment from a setting or from STATE; without a zone it is UTC.

    Raises:
        ValueError: It is not an ISO 8601 date or time.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def seconds_later(text: str, seconds: float) -> str:
    """A shop's timestamp moved by some seconds."""
    return to_shop(from_shop(text) + timedelta(seconds=seconds))


class TimestampPlan:
    """Where a schema has timestamps, so that records are converted without searching them."""

    __slots__ = ("_fields", "_lists", "_objects")

    def __init__(self, schema: dict[str, Any]) -> None:
        """Read a schema of an object."""
        self._fields: list[str] = []
        self._objects: list[tuple[str, TimestampPlan]] = []
        self._lists: list[tuple[str, TimestampPlan]] = []
        for name, part in schema.get("properties", {}).items():
            if part.get("format") == "date-time":
                self._fields.append(name)
            elif part.get("properties"):
                plan = TimestampPlan(part)
                if plan:
                    self._objects.append((name, plan))
            elif part.get("items", {}).get("properties"):
                plan = TimestampPlan(part["items"])
                if plan:
                    self._lists.append((name, plan))

    def __bool__(self) -> bool:
        """Whether there is anything to convert."""
        return bool(self._fields or self._objects or self._lists)

    def apply(self, record: dict[str, Any]) -> None:
        """Convert the timestamps of a record in place."""
        for name in self._fields:
            value = record.get(name)
            if value is not None and len(value) == _SHOP_LENGTH:
                record[name] = None if value == _ZERO else to_iso(value)
        for name, plan in self._objects:
            value = record.get(name)
            if isinstance(value, dict):
                plan.apply(value)
        for name, plan in self._lists:
            for item in record.get(name) or ():
                plan.apply(item)

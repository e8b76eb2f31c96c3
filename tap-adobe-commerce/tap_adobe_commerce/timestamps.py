"""Times: ``YYYY-MM-DD HH:MM:SS`` in UTC at the shop, ISO 8601 with ``Z`` in records and STATE."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from adobe_commerce.errors import NotCommerceError

_SHOP_FORM = "%Y-%m-%d %H:%M:%S"
_SHOP_LENGTH = 19
#: What MySQL holds where it was made to store an impossible date.
_ZERO = "0000-00-00 00:00:00"


#: Before and after every change in any shop, in its form.
EPOCH = "1970-01-01 00:00:00"
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2999, 1, 1, tzinfo=UTC)


def to_shop(moment: datetime) -> str:
    """A moment as filters and comparisons need it: UTC, whole seconds, no zone mark.

    What lies before 1970 or after 2998 becomes the first or last moment in between.
    """
    return min(max(moment, _EARLIEST), _LATEST).astimezone(UTC).strftime(_SHOP_FORM)


def from_shop(text: str) -> datetime:
    """The moment of a timestamp the shop sent.

    Raises:
        NotCommerceError: There is no such moment.
    """
    try:
        return datetime.strptime(text, _SHOP_FORM).replace(tzinfo=UTC)
    except ValueError as error:
        msg = f"The shop sends {text!r} as a time. Correct that row in the shop."
        raise NotCommerceError(msg) from error


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
    if text == EPOCH and seconds <= 0:
        return EPOCH
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
            if isinstance(value, str) and len(value) == _SHOP_LENGTH and value[10] == " ":
                record[name] = None if value == _ZERO else to_iso(value)
        for name, plan in self._objects:
            value = record.get(name)
            if isinstance(value, dict):
                plan.apply(value)
        for name, plan in self._lists:
            value = record.get(name)
            for item in value if isinstance(value, list) else ():
                if isinstance(item, dict):
                    plan.apply(item)

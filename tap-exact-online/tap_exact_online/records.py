"""From a row of Exact to a Singer record: which properties are asked for, and what becomes of each.

Numbers stay the decimals they are on the wire. Moments, which Exact writes in the time of
Europe/Amsterdam, become UTC; days stay days.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from exact_online import local_time
from exact_online.answers import PROPERTIES_OF_A_TYPE
from exact_online.errors import TransientApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from exact_online.answers import Row

ADDED = frozenset({"Division", "as_of", "_sdc_deleted_at"})
"""What this tap adds to Exact's properties."""
_DAY = 10  # characters of an ISO date

logger = logging.getLogger("tap-exact-online.records")


def iso(moment: datetime) -> str:
    """Return a moment as records and STATE have it: ISO 8601, UTC."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace(".000", "").replace("+00:00", "Z")


@lru_cache(maxsize=4096)  # the rows of one document have the same moment
def moment_text(value: datetime) -> str:
    """Return a moment of an answer as records have it."""
    return iso(local_time.utc(value))


@dataclass(frozen=True, slots=True)
class Shape:
    """What is read of a stream's rows, and how it is converted.

    Attributes:
        names: Properties to ask Exact for.
        conversions: What is done to values of a property that are there.
    """

    names: tuple[str, ...]
    conversions: tuple[tuple[str, Callable[[Any], Any]], ...]

    @classmethod
    def of(cls, schema: Mapping[str, Any], selected: Iterable[str]) -> Shape:
        """Prepare the conversion of the selected properties.

        Args:
            schema: The stream's JSON Schema.
            selected: Names of its properties.
        """
        names = tuple(name for name in selected if name not in ADDED)
        found = ((name, _conversion(name, schema["properties"][name])) for name in names)
        return cls(names, tuple((name, one) for name, one in found if one is not None))

    @property
    def select(self) -> str:
        """The ``$select`` of the properties."""
        return ",".join(self.names)

    def record(self, row: Row, division: int | None = None) -> dict[str, Any]:
        """Return the record of a row.

        Args:
            row: As the client read it.
            division: The company; None: the record has none.

        Raises:
            TransientApiError: The row lacks a property, or one is of another type.
        """
        record: dict[str, Any] = {} if division is None else {"Division": division}
        for name in self.names:
            record[name] = row[name]
        for name, convert in self.conversions:
            value = record[name]
            if value is not None:
                record[name] = convert(value)
        return record


def _conversion(name: str, part: Mapping[str, Any]) -> Callable[[Any], Any] | None:
    """Return what makes a record's value of a row's, or None where they are the same."""
    given = part["type"]
    kind = given if isinstance(given, str) else next(one for one in given if one != "null")
    kind = str(part.get("format", kind))
    if kind == "integer":
        return partial(_whole, name)  # the longest numbers come as text, and flags as flags
    if kind == "boolean":
        return bool  # some flags come as numbers
    if kind == "date":
        return _Day(name)
    if kind == "date-time":
        return moment_text
    if name in PROPERTIES_OF_A_TYPE:
        return None
    return partial(_typed, name, (str,) if kind == "string" else (int, Decimal))


@dataclass(slots=True)
class _Day:
    """Returns the day of a date; once it is said when Exact gives a time of day as well."""

    name: str
    is_told: bool = False

    def __call__(self, value: datetime) -> str:
        text = _local_text(value)
        if len(text) > _DAY and not self.is_told:
            self.is_told = True
            logger.warning(
                "Exact gives %s a time of day (%s); records have the day of it.", self.name, text
            )
        return text[:_DAY]


@lru_cache(maxsize=4096)
def _local_text(value: datetime) -> str:
    text = value.replace(tzinfo=None).isoformat()
    return text[:_DAY] if text.endswith("T00:00:00") else text


def _whole(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise _other_type(name) from None


def _typed(name: str, types: tuple[type, ...], value: Any) -> Any:
    if not isinstance(value, types):
        raise _other_type(name)
    return value


def _other_type(name: str) -> TransientApiError:
    return TransientApiError(f"Exact's answer has a {name} of another type than documented")

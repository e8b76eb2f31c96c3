"""Values as Exact takes and answers them, and whether an answer has what was sent."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeGuard

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}T00:00:00")


def is_guid(value: Any) -> TypeGuard[str]:
    """Tell whether a value of Exact is a GUID."""
    return isinstance(value, str) and _GUID.fullmatch(value) is not None


def iso(value: date) -> str:
    """Return a date as Exact takes it: midnight, without a zone."""
    return f"{value.isoformat()}T00:00:00"


def same(wanted: Any, there: Any) -> bool:
    """Tell whether a value of Exact is the one that was sent."""
    if there is None:
        return wanted in (None, "", Decimal(0), False)
    if isinstance(there, datetime):
        return str(wanted)[:10] == there.date().isoformat()
    if isinstance(wanted, (Decimal, int)) and not isinstance(wanted, bool):
        return number(there) == wanted
    if isinstance(wanted, str):
        return str(there).strip().casefold() == wanted.strip().casefold()
    return bool(wanted == there)


def said(value: Any) -> str:
    """Return a value as people read it."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, str) and _DAY.fullmatch(value):
        return value[:10]
    return "empty" if value in (None, "") else str(value)


def whole(value: Any) -> int | None:
    """Return a document's number, or None when there is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def total(row: dict[str, Any]) -> Decimal | None:
    """Return the total in an answer, or None when it has none."""
    return number(row.get("AmountFC"))


def number(value: Any) -> Decimal | None:
    """Return a value as an exact number, or None when it is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None

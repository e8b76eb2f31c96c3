"""Literals of OData 2.0, the dialect of Exact's ``$filter``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_TERMS = 40
"""Terms joined by ``or`` in one filter; longer URLs are refused."""

ACCOUNT_CODE_WIDTH = 18
"""``crm/Accounts.Code`` is stored right-aligned in this many characters."""


def text(value: str) -> str:
    """Return a string literal: quotes are doubled."""
    return "'" + value.replace("'", "''") + "'"


def guid(value: str) -> str:
    """Return a GUID literal."""
    return f"guid'{value}'"


def moment(value: datetime) -> str:
    """Return a literal of an aware moment."""
    return f"datetime'{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}'"


def account_code(value: str) -> str:
    """Return the literal of an account code; an unpadded one finds nothing, without an error."""
    return text(value.strip().rjust(ACCOUNT_CODE_WIDTH))


def has(field: str, *values: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether a row has one of these values: the answer to such a filter.

    Exact compares without case and blanks at the ends; a property that a row lacks tells nothing.

    Args:
        field: The property.
        *values: Texts or GUIDs.
    """
    wanted = {value.strip().casefold() for value in values}
    return lambda row: row.get(field) is None or str(row[field]).strip().casefold() in wanted


def any_of(field: str, literals: Iterable[str]) -> str:
    """Return ``field`` equals one of these literals.

    Args:
        field: The property to compare.
        literals: At most `MAX_TERMS` literals.
    """
    return "(" + " or ".join(f"{field} eq {literal}" for literal in literals) + ")"

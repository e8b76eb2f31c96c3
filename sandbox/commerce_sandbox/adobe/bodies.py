"""Bodies of writes: the object a route wants, its members, and where records are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.adobe.errors import internal, missing, wrong_type
from commerce_sandbox.adobe.store import TABLES, insert_many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commerce_sandbox.adobe.call import Call

Record = dict[str, Any]


def wanted(call: Call, name: str) -> Record:
    """Return the object that a route wants in its body.

    Raises:
        ShopError: 400 when it is missing or no object.
    """
    value = call.json().get(name)
    if value is None:
        raise missing(name)
    if not isinstance(value, dict):
        raise wrong_type(value, "object", name)
    return value


def check_members(record: Record, known: Iterable[str]) -> None:
    """Refuse members that the shop's objects do not have: it fails on them.

    Raises:
        ShopError: 500, as in production mode.
    """
    if not set(known).issuperset(record):
        raise internal()


def require(record: Record, *names: str) -> None:
    """Refuse a record without some members, or with empty ones.

    Raises:
        ShopError: 400 that names them.
    """
    absent = [name for name in names if record.get(name) in (None, "", [])]
    if absent:
        raise missing(*absent)


def timestamp(call: Call) -> str:
    """Return the shop's time as it writes it."""
    return datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%d %H:%M:%S")


def stored(call: Call, kind: str, column: str, value: Any) -> Record | None:
    """Return a stored record, or None.

    Args:
        call: The call.
        kind: Key of ``TABLES``.
        column: Column or member that names it.
        value: Its value.
    """
    row = (
        call.context.database.connection()
        .execute(f"SELECT body FROM {TABLES[kind].name} WHERE {column} = ?", (value,))  # noqa: S608 -- own names
        .fetchone()
    )
    if row is None:
        return None
    record: Record = orjson.loads(row["body"])
    return record


def save(call: Call, kind: str, record: Record) -> None:
    """Write a record; what is None is left out, as the shop does."""
    shown = {name: value for name, value in record.items() if value is not None}
    insert_many(call.context.database, kind, [shown])


def next_id(call: Call, kind: str) -> int:
    """Return the number of the next record of a kind."""
    row = (
        call.context.database.connection()
        .execute(f"SELECT coalesce(max(entity_id), 0) + 1 FROM {TABLES[kind].name}")  # noqa: S608 -- own names
        .fetchone()
    )
    return int(row[0])


def attribute_values(record: Record) -> dict[str, Any]:
    """Return ``custom_attributes`` by code; the shop reads a list or an object.

    Raises:
        ShopError: 400 for another shape.
    """
    given = record.get("custom_attributes") or []
    if isinstance(given, dict):
        return dict(given)
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        raise wrong_type(given, "array", "custom_attributes")
    for entry in given:
        require(entry, "attribute_code")
    return {str(entry["attribute_code"]): entry.get("value") for entry in given}


def merged_attributes(stored_record: Record, values: dict[str, Any]) -> list[Record]:
    """Return a record's ``custom_attributes`` with new values; None takes one away."""
    kept = attribute_values(stored_record) | values
    return [
        {"attribute_code": code, "value": value}
        for code, value in kept.items()
        if value is not None
    ]

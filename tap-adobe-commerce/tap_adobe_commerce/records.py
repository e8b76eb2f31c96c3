"""Members of records that other lists of the shop know, checked where they are used."""

from __future__ import annotations

from typing import Any

from adobe_commerce.errors import RecordFormError


def key_in(record: dict[str, Any], member: str) -> int:
    """A key of another list; 0 if there is none.

    Raises:
        RecordFormError: It is something else than a number.
    """
    number = record.get(member) or 0
    if not isinstance(number, int):
        msg = f"its member {member} is no number"
        raise RecordFormError(msg)
    return number


def objects_in(record: dict[str, Any], member: str) -> list[dict[str, Any]]:
    """A list of objects; empty if there is none.

    Raises:
        RecordFormError: It is something else.
    """
    found = record.get(member)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        msg = f"its member {member} is no list of objects"
        raise RecordFormError(msg)
    return found

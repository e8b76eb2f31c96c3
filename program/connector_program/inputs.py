"""What a command line is given: settings, STATE and catalog, read as objects or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from singer_sdk.singerlib import Catalog

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of one file; a STATE with 100,000 rows in its overlap has two million.
LARGEST_FILE = 64 * 1024 * 1024
#: What a foreign form makes the SDK raise; its own code is not at fault then.
_FOREIGN = (AttributeError, IndexError, KeyError, TypeError, ValueError)
_KINDS = {type(None): "null", dict: "an object", list: "a list", str: "text", bool: "true or false"}


def of_kind(
    kind: type[dict[str, Any] | list[Any]],
    value: object,
    what: str,
    error: Callable[[str], Exception],
) -> Any:
    """Return a value, if it is of the kind that it must be.

    Args:
        kind: A dict or a list.
        value: What was given.
        what: Its name, for the message.
        error: Makes what is raised otherwise.
    """
    if isinstance(value, kind):
        return value
    found = _KINDS.get(type(value), "a number")
    msg = f"{what} must be {_KINDS[kind]}, and is {found}. Correct or remove it."
    raise error(msg)


def read_object(
    file: BinaryIO | None, kind: str, error: Callable[[str], Exception]
) -> dict[str, Any]:
    """Return the JSON object in a file; without a file an empty one.

    Args:
        file: What was given.
        kind: What it is, such as ``STATE``.
        error: Makes what is raised when it is something else.
    """
    if not file:
        return {}
    what = f"The {kind} file {file.name}"
    content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        msg = f"{what} is larger than {LARGEST_FILE // 1024**2} MB. Is it the right one?"
        raise error(msg)
    try:
        value = msgspec.json.decode(content)
    except (RecursionError, ValueError) as broken:  # msgspec's own is a ValueError
        msg = f"{what} is not JSON: {broken}."
        raise error(msg) from broken
    found: dict[str, Any] = of_kind(dict, value, what, error)
    return found


def read_catalog(file: BinaryIO | None, error: Callable[[str], Exception]) -> Catalog | None:
    """Return the catalog in a file; without a file None.

    Args:
        file: What was given.
        error: Makes what is raised when it is something else.
    """
    if not file:
        return None
    content = read_object(file, "catalog", error)
    what = f"The catalog file {file.name} is no Singer catalog"
    if not isinstance(content.get("streams"), list):
        msg = f"{what}: it has no list of streams. Run --discover."
        raise error(msg)
    try:
        return Catalog.from_dict(content)
    except _FOREIGN as foreign:
        msg = f"{what} ({type(foreign).__name__}: {foreign}). Run --discover."
        raise error(msg) from foreign

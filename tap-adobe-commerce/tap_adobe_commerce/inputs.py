"""What the command line is given: settings, STATE and catalog, read as objects or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from singer_sdk.singerlib import Catalog

import connector_credentials
from adobe_commerce.errors import ConfigError
from connector_credentials import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Bytes of one file; a STATE with 100,000 rows in its overlap has two million.
LARGEST_FILE = 64 * 1024 * 1024
#: What a foreign form makes the SDK raise; its own code is not at fault then.
_FOREIGN = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def read_settings(paths: Iterable[str]) -> tuple[dict[str, Any], bool]:
    """Settings of several files, later ones first in rank.

    Args:
        paths: Files, or ``ENV`` for the environment.

    Returns:
        The settings, and whether the environment is to be read as well.

    Raises:
        ConfigError: A file is missing, or holds something else.
    """
    try:
        return connector_credentials.read_settings(paths)
    except SettingsError as error:
        raise ConfigError(str(error)) from error


def read_state(file: BinaryIO | None) -> dict[str, Any]:
    """STATE of a file, with an object for each stream.

    Raises:
        ConfigError: It is something else.
    """
    return checked_state(_object(file, f"The STATE file {file.name}")) if file else {}


def checked_state(state: dict[str, Any]) -> dict[str, Any]:
    """STATE, if it has an object for each stream; what each object holds is read later.

    Raises:
        ConfigError: It is something else.
    """
    bookmarks = state.get("bookmarks")
    if bookmarks is None:
        return state | {"bookmarks": {}}
    if not isinstance(bookmarks, dict):
        raise ConfigError(_wrong("STATE.bookmarks", bookmarks))
    for stream, entry in bookmarks.items():
        if not isinstance(entry, dict):
            raise ConfigError(_wrong(f"STATE.bookmarks.{stream}", entry))
        # Left by other taps; this one writes neither, and the SDK trusts their form.
        entry.pop("progress_markers", None)
        entry.pop("partitions", None)
    return state


def read_catalog(file: BinaryIO | None) -> Catalog | None:
    """Catalog of a file.

    Raises:
        ConfigError: It is something else.
    """
    if not file:
        return None
    what = f"The catalog file {file.name}"
    content = _object(file, what)
    if not isinstance(content.get("streams"), list):
        msg = f"{what} is no Singer catalog: it has no list of streams. Run --discover."
        raise ConfigError(msg)
    try:
        return Catalog.from_dict(content)
    except _FOREIGN as error:
        msg = f"{what} is no Singer catalog ({type(error).__name__}: {error}). Run --discover."
        raise ConfigError(msg) from error


def _object(file: BinaryIO, what: str) -> dict[str, Any]:
    content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        msg = f"{what} is larger than {LARGEST_FILE // 1024**2} MB. Is it the right one?"
        raise ConfigError(msg)
    try:
        value = msgspec.json.decode(content)
    except (RecursionError, ValueError) as error:  # msgspec's own is a ValueError
        msg = f"{what} is not JSON: {error}."
        raise ConfigError(msg) from error
    if not isinstance(value, dict):
        raise ConfigError(_wrong(what, value))
    return value


def _wrong(what: str, value: object) -> str:
    names = {type(None): "null", list: "a list", str: "text", bool: "true or false"}
    found = names.get(type(value), "a number")
    return f"{what} must be an object, and is {found}. Correct or remove it."

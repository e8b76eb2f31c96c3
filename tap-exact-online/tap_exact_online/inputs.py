"""What the command line is given: settings, STATE and catalog, read as objects or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from singer_sdk.singerlib import Catalog

import connector_credentials
from connector_credentials import SettingsError
from exact_online.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST_FILE = 64 * 1024 * 1024
# What a foreign form makes the SDK raise; its own code is not at fault then.
_FOREIGN = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def read_settings(paths: Iterable[str]) -> tuple[dict[str, Any], bool]:
    """Return the settings of several files, and whether the environment is to be read as well.

    Args:
        paths: Files, later ones first in rank, or ``ENV``.

    Raises:
        ConfigError: A file is missing, or holds something else.
    """
    try:
        return connector_credentials.read_settings(paths)
    except SettingsError as error:
        raise ConfigError(str(error)) from error


def read_state(file: BinaryIO | None) -> dict[str, Any]:
    """Return the STATE of a file.

    Raises:
        ConfigError: It is something else.
    """
    return checked_state(_object(file, f"The STATE file {file.name}")) if file else {}


def checked_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return STATE, if it has an object for each stream, and for each company of it.

    Raises:
        ConfigError: It is something else.
    """
    bookmarks = _part(state, "bookmarks", dict, "STATE")
    for stream in bookmarks:
        entry = _part(bookmarks, stream, dict, "STATE.bookmarks")
        entry.pop("progress_markers", None)  # of other taps; the SDK trusts their form
        where = f"STATE.bookmarks.{stream}"
        contexts: list[Any] = []
        for number, partition in enumerate(_part(entry, "partitions", list, where)):
            if not isinstance(partition, dict) or not isinstance(partition.get("context"), dict):
                msg = f"{where}.partitions[{number}] has no context. Correct or remove it."
                raise ConfigError(msg)
            if partition["context"] in contexts:
                msg = f"{where}.partitions[{number}] is there twice. Remove one of them."
                raise ConfigError(msg)
            contexts.append(partition["context"])
    return state


def read_catalog(file: BinaryIO | None) -> Catalog | None:
    """Return the catalog of a file.

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


def _part(owner: dict[str, Any], name: str, kind: type, where: str) -> Any:
    """Return a member of the kind it must have; one that is missing is made, and empty."""
    found = owner.get(name)
    if found is None:
        found = owner[name] = kind()
    if not isinstance(found, kind):
        wanted = "an object" if kind is dict else "a list"
        msg = f"{where}.{name} must be {wanted}. Correct or remove it."
        raise ConfigError(msg)
    return found


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
        msg = f"{what} must be an object. Correct or remove it."
        raise ConfigError(msg)
    return value

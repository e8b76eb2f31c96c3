"""Bookmarks: how far a stream of one company is read. Checked when they are read back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

import msgspec

from connector_program.inputs import of_kind
from exact_online.changes import FIRST
from exact_online.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

Version = Annotated[int, msgspec.Meta(ge=FIRST, le=2**63 - 1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Bookmark(msgspec.Struct, kw_only=True):
    """An entry in STATE; members of other programs are dropped."""

    replication_key: str = ""

    @classmethod
    def of(cls, kept: Mapping[str, Any], stream: str) -> Self:
        """Return what STATE says of a stream of one company, or a first bookmark.

        Args:
            kept: The entry.
            stream: The stream, for messages.

        Raises:
            ConfigError: It is none that this tap wrote.
        """
        try:
            found = msgspec.convert(dict(kept), cls)
        except msgspec.ValidationError as error:
            msg = f"STATE holds a bookmark of {stream} that cannot be read ({error}). Remove it."
            raise ConfigError(msg) from error
        if found.replication_key != (wanted := cls().replication_key):
            msg = (
                f"STATE holds a bookmark of {stream} by {found.replication_key}, not by {wanted}. "
                "Remove it."
            )
            raise ConfigError(msg)
        return found

    def entry(self) -> dict[str, Any]:
        """Return it as it stands in STATE."""
        members: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in members.items() if value is not None}


class Changes(_Bookmark):
    """Of a list by row version.

    Attributes:
        after: Every change up to this version is out.
        deleted_after: Every deletion up to this version is out.
        all_from: When the reading of everything began.
        read_at: When the last run that came to the end began.
        moved: What would be another if Exact moved the company.
    """

    replication_key: str = "Timestamp"
    after: Version = msgspec.field(default=FIRST, name="replication_key_value")
    deleted_after: Version = FIRST
    all_from: Moment | None = None
    read_at: Moment | None = None
    moved: str | None = None


class Modified(_Bookmark):
    """Of a list by change time.

    Attributes:
        at: Every change before this moment is out.
    """

    replication_key: str = "Modified"
    at: Moment | None = msgspec.field(default=None, name="replication_key_value")


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


def _part(
    owner: dict[str, Any], name: str, kind: type[dict[str, Any] | list[Any]], where: str
) -> Any:
    """Return a member of the kind it must have; one that is missing is made, and empty."""
    if owner.get(name) is None:
        owner[name] = kind()
    return of_kind(kind, owner[name], f"{where}.{name}", ConfigError)

"""Bookmarks that may step back without repeating records.

The SDK's own bookmarks are not used: a sorted stream aborts when an overlap is read again, an
unsorted one cannot resume, and values are compared as text of mixed forms. Kept per stream:

- ``replication_key_value``: everything before it is read; with ``last_key`` also that second up
  to the key;
- ``read_until``: the shop's time up to which the last run looked;
- ``seen``: key and content hash of every row in the overlap, so that reading it again emits
  only what is new or changed.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from tap_adobe_commerce.exceptions import ConfigError
from tap_adobe_commerce.keyset import Position
from tap_adobe_commerce.timestamps import parse_iso, seconds_later, to_iso, to_shop

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from tap_adobe_commerce.listing import Row

#: Bytes of a content hash; per row two contents are compared, not all with all.
DIGEST_BYTES = 6


def digest(raw: bytes) -> str:
    """Short hash of a row's JSON as the shop sent it."""
    return b64encode(blake2b(raw, digest_size=DIGEST_BYTES).digest()).decode()


class Progress:
    """How far one stream is read, and which rows of the overlap are already out.

    Attributes:
        state: The stream's entry in STATE, changed only by :meth:`checkpoint`.
    """

    def __init__(self, state: dict[str, Any], column: str, overlap: timedelta) -> None:
        """Read the stream's entry in STATE.

        Args:
            state: The entry, empty in a first run.
            column: Name of the replication key.
            overlap: How far behind the last run's end rows may still appear: longer than the
                longest transaction of the shop.

        Raises:
            ConfigError: STATE holds something else than this tap wrote.
        """
        self.state = state
        self._column = column
        self._overlap = overlap
        try:
            self._bookmark = _moment(state.get("replication_key_value"))
            self._read_until = _moment(state.get("read_until"))
            self._last_key = int(state.get("last_key", 0))
            self._earlier = dict(_parse_seen(state.get("seen", "")))
        except (ValueError, TypeError) as error:
            msg = f"STATE holds a bookmark this tap cannot read ({error}). Correct or remove it."
            raise ConfigError(msg) from error
        self._recent: dict[int, tuple[str, str]] = {}
        self._overlap_start = ""

    def begin(self, start_date: str | None, until: str) -> Position:
        """Where this run begins to read, given where it will end.

        Args:
            start_date: Rows that changed before are not wanted; shop's form.
            until: Where this run ends, before the wish of an ``end_date``; shop's form.
        """
        self._overlap_start = seconds_later(until, -self._overlap.total_seconds())
        self._until = until
        if self._bookmark is None:
            return Position(start_date or "1970-01-01 00:00:00")
        position = Position(self._bookmark, self._last_key)
        # Rows older than the overlap were visible when they were passed; younger ones may have
        # been committed since.
        settled = seconds_later(self._read_until or self._bookmark, -self._overlap.total_seconds())
        start = min(position, Position(settled))
        return max(start, Position(start_date)) if start_date else start

    def is_new(self, row: Row) -> bool:
        """Whether a row, as it is now, has not been emitted; remembers it."""
        mark = digest(row.raw)
        known = self._earlier.pop(row.key, None)
        if row.key in self._recent:
            known = self._recent[row.key][1]
        self._recent[row.key] = (row.at, mark)
        return known != mark

    def checkpoint(self, position: Position) -> None:
        """Everything before ``position`` is emitted: put it into the state."""
        keep_from = min(self._overlap_start, position.at)
        self._recent = {
            key: (at, mark) for key, (at, mark) in self._recent.items() if at >= keep_from
        }
        self.state["replication_key"] = self._column
        self.state["replication_key_value"] = to_iso(position.at)
        self.state["read_until"] = to_iso(self._until)
        if position.key:
            self.state["last_key"] = position.key
        else:
            self.state.pop("last_key", None)
        self._write_seen()

    def finish(self) -> None:
        """The run is complete: what it did not meet again in the overlap has moved on."""
        self._earlier.clear()
        self._write_seen()

    def _write_seen(self) -> None:
        pairs = [*self._earlier.items(), *((key, mark) for key, (_, mark) in self._recent.items())]
        if pairs:
            self.state["seen"] = _render_seen(pairs)
        else:
            self.state.pop("seen", None)


def _moment(text: str | None) -> str | None:
    return to_shop(parse_iso(text)) if text else None


def _render_seen(pairs: Iterable[tuple[int, str]]) -> str:
    """One text, which the SDK copies and compares faster than a dictionary."""
    return ",".join(f"{key}:{mark}" for key, mark in pairs)


def _parse_seen(text: str) -> Iterable[tuple[int, str]]:
    for pair in text.split(",") if text else ():
        key, _, mark = pair.partition(":")
        yield int(key), mark

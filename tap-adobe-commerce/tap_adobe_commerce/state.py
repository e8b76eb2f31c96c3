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

from typing import TYPE_CHECKING, Any, NamedTuple

from tap_adobe_commerce.exceptions import ConfigError
from tap_adobe_commerce.keyset import Position
from tap_adobe_commerce.timestamps import parse_iso, seconds_later, to_iso, to_shop

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from tap_adobe_commerce.listing import Row

#: Before every change in any shop.
EPOCH = "1970-01-01 00:00:00"
#: Rows in the overlap from which on a state is written only every other page, every third, ...
ROWS_PER_STATE = 10_000


class Mark(NamedTuple):
    """A row that is out.

    Attributes:
        key: Its number.
        at: Its change time in the shop's form.
        content: Short hash of its content; empty if the row is never met again.
    """

    key: int
    at: str
    content: str


class Progress:
    """How far one stream is read, and which rows of the overlap are already out.

    Attributes:
        state: The stream's entry in STATE.
        parked: Keys that could not be read and wait for a later run.
        swept_to: Highest key a running sweep has emitted; 0 if none is running.
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
            self._swept_at = _moment(state.get("swept_at"))
            self.swept_to = int(state.get("sweep_after", 0))
            self.parked = {int(key) for key in state.get("parked", ())}
        except (ValueError, TypeError) as error:
            msg = f"STATE holds a bookmark this tap cannot read ({error}). Correct or remove it."
            raise ConfigError(msg) from error
        self._recent: dict[int, tuple[str, str]] = {}
        self._overlap_start = ""
        self._until = ""
        self._position = Position(EPOCH)
        self._held_back = 0

    def begin(self, start_date: str | None, until: str) -> Position:
        """Where this run begins to read, given where it will end.

        Args:
            start_date: Rows that changed before are not wanted; shop's form.
            until: Where this run ends, before the wish of an ``end_date``; shop's form.
        """
        self._overlap_start = seconds_later(until, -self._overlap.total_seconds())
        self._until = until
        if self._bookmark is None:
            self._swept_at = until  # a first run reads everything
            self._position = Position(start_date or EPOCH)
            return self._position
        position = self._position = Position(self._bookmark, self._last_key)
        # Rows older than the overlap were visible when they were passed; younger ones may have
        # been committed since.
        settled = seconds_later(self._read_until or self._bookmark, -self._overlap.total_seconds())
        start = min(position, Position(settled))
        return max(start, Position(start_date)) if start_date else start

    def is_past(self, until: str) -> bool:
        """Whether an earlier run has read beyond ``until`` (shop's form) already."""
        return self._bookmark is not None and self._bookmark > until

    def is_new(self, row: Row) -> bool:
        """Whether a row, as it is now, has not been emitted."""
        known = self._earlier.get(row.key)
        return known is None or known != row.mark

    def marks(self, rows: Iterable[Row], position: Position) -> list[Mark]:
        """What :meth:`checkpoint` needs of rows that lead up to ``position``.

        Most rows of a backfill are never met again, and need no hash.
        """
        keep_from = self._keep_from(position)
        return [Mark(row.key, row.at, row.mark if row.at >= keep_from else "") for row in rows]

    def _keep_from(self, position: Position) -> str:
        return min(self._overlap_start, position.at)

    def checkpoint(
        self, position: Position, rows: Iterable[Mark], parked: Iterable[int] = ()
    ) -> bool:
        """Everything before ``position`` is emitted.

        Args:
            position: How far the list is read.
            rows: What was read since the last checkpoint, emitted now or by an earlier run.
            parked: What could not be read and waits for a later run.

        Returns:
            Whether the state was brought up to date. When very many rows changed within the
            overlap it is not for every page, or states would outgrow the records.
        """
        for key, at, mark in rows:
            self._earlier.pop(key, None)
            self._recent[key] = (at, mark)
        keep_from = self._keep_from(position)
        self._recent = {
            key: (at, mark) for key, (at, mark) in self._recent.items() if at >= keep_from
        }
        self._position = position
        self.parked = set(parked)
        if self._held_back < (len(self._earlier) + len(self._recent)) // ROWS_PER_STATE:
            self._held_back += 1
            return False
        self._write()
        return True

    def finish(self) -> None:
        """The run is complete: what it did not meet again in the overlap has moved on."""
        self._earlier.clear()
        self._write()

    def is_sweep_due(self, present: str, every: timedelta | None) -> bool:
        """Whether everything is to be read again.

        Args:
            present: The shop's time, in its form.
            every: Time between sweeps; None: never.
        """
        if every is None:
            return False
        if self.swept_to or self._swept_at is None:
            return True
        return seconds_later(self._swept_at, every.total_seconds()) <= present

    def swept(self, key: int, parked: Iterable[int]) -> None:
        """The sweep has emitted everything up to a key.

        Args:
            key: Highest key that is out.
            parked: What could not be read and waits for a later run.
        """
        self.swept_to = key
        self.parked = set(parked)
        self._write()

    def finish_sweep(self, present: str) -> None:
        """The sweep is complete.

        Args:
            present: The shop's time when it began, in its form.
        """
        self.swept_to = 0
        self._swept_at = present
        self._write()

    def _write(self) -> None:
        self._held_back = 0
        pairs = [*self._earlier.items(), *((key, mark) for key, (_, mark) in self._recent.items())]
        entries: dict[str, Any] = {
            "replication_key": self._column,
            "replication_key_value": to_iso(self._position.at),
            "last_key": self._position.key,
            "read_until": to_iso(self._until),
            "seen": _render_seen(pairs),
            "parked": sorted(self.parked),
            "swept_at": to_iso(self._swept_at) if self._swept_at else None,
            "sweep_after": self.swept_to,
        }
        for name, value in entries.items():
            if value:
                self.state[name] = value
            else:
                self.state.pop(name, None)


def _moment(text: str | None) -> str | None:
    return to_shop(parse_iso(text)) if text else None


def _render_seen(pairs: Iterable[tuple[int, str]]) -> str:
    """One text, which the SDK copies and compares faster than a dictionary."""
    return ",".join(f"{key}:{mark}" for key, mark in pairs)


def _parse_seen(text: str) -> Iterable[tuple[int, str]]:
    for pair in text.split(",") if text else ():
        key, _, mark = pair.partition(":")
        yield int(key), mark

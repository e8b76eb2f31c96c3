"""Bookmarks that may step back without repeating records, and trust no single clock.

The SDK's own bookmarks are not used: a sorted stream aborts when an overlap is read again, an
unsorted one cannot resume, and values are compared as text of mixed forms. Kept per stream:

- ``replication_key_value``: everything before it is read; with ``last_key`` also that second up
  to the key. It never lies beyond the earlier of the shop's clock and ours;
- ``overlap_before``: the next run begins an overlap before it. After a complete run it is the
  newest row's time, so that it does not matter how far the database's clock is out;
- ``newest_row``: the newest change time really seen, the witness when a clock was wrong;
- ``read_until``: up to when the last run looked, by the shop's clock;
- ``seen``: key and content hash of the rows in the overlap, so that reading it again emits only
  what is new or changed.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from adobe_commerce.errors import ConfigError
from connector_program.inputs import of_kind
from tap_adobe_commerce.keyset import Position
from tap_adobe_commerce.timestamps import EPOCH, parse_iso, seconds_later, to_iso, to_shop

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from tap_adobe_commerce.listing import Row

logger = logging.getLogger("tap-adobe-commerce.state")

#: Rows in the overlap from which on a state is written only after many more rows, and how many
#: times more rows there are than that: else states would outgrow the records.
ROWS_PER_STATE = 10_000
SHARE = 16
#: Rows older than the overlap by the clocks that are met again all the same, for the sake of a
#: database whose clock is behind. More of them are an import or a mass update: too dear each time.
MOST_MET_AGAIN = 1000
#: Seconds by which clocks of one shop's web nodes differ without anything being wrong.
JITTER = 60


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


_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Entry(msgspec.Struct):
    """A stream's entry in STATE, as this tap or another wrote it."""

    replication_key: str | None = None
    replication_key_value: str | None = None
    last_key: _Number = 0
    overlap_before: str | None = None
    newest_row: str | None = None
    read_until: str | None = None
    seen: str = ""
    parked: list[_Number] = []
    swept_at: str | None = None
    sweep_after: _Number = 0


class Progress:
    """How far one stream is read, and which rows of the overlap are already out.

    Attributes:
        state: The stream's entry in STATE.
        parked: Keys that could not be read and wait for a later run.
        swept_to: Highest key a running sweep has emitted; 0 if none is running.
    """

    def __init__(
        self, state: dict[str, Any], column: str, overlap: timedelta, name: str = "the stream"
    ) -> None:
        """Read the stream's entry in STATE.

        Args:
            state: The entry, empty in a first run.
            column: Name of the replication key.
            overlap: How far behind the newest row others may still appear: longer than the
                longest transaction of the shop.
            name: The stream's name, for messages.

        Raises:
            ConfigError: STATE holds something else than this tap wrote.
        """
        self.state = state
        self._column = column
        self._overlap = overlap.total_seconds()
        self._name = name
        try:
            entry = msgspec.convert(state, _Entry)
            self._bookmark = _moment(entry.replication_key_value)
            # As long as no row is seen, every run looks at everything.
            self._newest = _moment(entry.newest_row) or EPOCH
            before = _moment(entry.overlap_before) or _moment(entry.read_until)
            self._swept_at = _moment(entry.swept_at)
            self._earlier = dict(_parse_seen(entry.seen))
        except ValueError as error:  # msgspec's own is one
            msg = (
                f"STATE holds a bookmark of {name} that cannot be read ({error}). Correct or "
                "remove it."
            )
            raise ConfigError(msg) from error
        if self._bookmark and entry.replication_key not in {None, column}:
            msg = (
                f"STATE holds a bookmark of {name} by {entry.replication_key}, not by {column}. "
                "Correct or remove it."
            )
            raise ConfigError(msg)
        self._overlap_before = before or self._bookmark or EPOCH
        self._last_key = entry.last_key
        self.swept_to = entry.sweep_after
        self.parked = set(entry.parked)
        self._recent: dict[int, tuple[str, str]] = {}
        self._by_time: deque[tuple[str, int]] = deque()
        self._overlap_start = self._until = self._latest = EPOCH
        self._position = Position(EPOCH)
        self._unwritten = 0

    def begin(self, start_date: str | None, until: str, ours: str | None = None) -> Position:
        """Where this run begins to read, given where it will end.

        Args:
            start_date: Rows that changed before are not wanted; shop's form.
            until: Where this run ends by the shop's clock, before the wish of an ``end_date``.
            ours: The same by our clock; None: as the shop's.
        """
        ours = ours or until
        self._until = until
        self._latest = min(until, ours)
        self._overlap_start = self._before(self._latest)
        first = Position(start_date or EPOCH)
        if self._bookmark is None:
            self._swept_at = self._latest  # a first run reads everything
            self._position, self._overlap_before = first, self._latest
            return first
        tolerance = max(self._overlap, JITTER)
        if self._bookmark > seconds_later(self._latest, tolerance):
            start = self._recovered(first, seconds_later(max(until, ours), tolerance))
        else:
            # Rows older than the overlap were visible when they were passed; younger ones may
            # have been committed since.
            settled = Position(self._before(self._overlap_before))
            start = min(Position(self._bookmark, self._last_key), settled)
        self._position = start
        # Until this run is complete: a run that is killed goes on an overlap before its end.
        self._overlap_before = self._latest
        return max(start, first)

    def _recovered(self, first: Position, horizon: str) -> Position:
        """Where to begin when the bookmark lies in the future: some clock was or is wrong."""
        is_witness = EPOCH < self._newest <= horizon
        start = Position(self._before(self._newest)) if is_witness else first
        logger.error(
            "The bookmark of %s lies in the future: %s UTC, while it is %s UTC by the earlier of "
            "the shop's clock and ours. One of them was wrong in an earlier run, or is now. "
            "Reading again from %s UTC (%s), so that nothing is missed. Correct the clocks.",
            self._name,
            self._bookmark,
            self._latest,
            start.at,
            "an overlap before the newest row really seen" if is_witness else "no row is known",
        )
        self._newest = self._newest if is_witness else EPOCH
        return start

    def _before(self, at: str) -> str:
        return seconds_later(at, -self._overlap)

    def is_past(self, end_date: str) -> bool:
        """Whether an earlier run has read beyond ``end_date`` (shop's form) already."""
        return self._bookmark is not None and self._bookmark > end_date

    def is_new(self, row: Row) -> bool:
        """Whether a row, as it is now, has not been emitted."""
        known = self._earlier.get(row.key)
        return known is None or known != row.mark

    def marks(self, rows: Iterable[Row]) -> list[Mark]:
        """What :meth:`checkpoint` needs of the rows of a page.

        Most rows of a backfill are never met again, and need no hash.
        """
        rows = list(rows)
        newest = min(max((row.at for row in rows), default=EPOCH), self._latest)
        keep_from = min(self._overlap_start, self._before(newest))
        return [Mark(row.key, row.at, row.mark if row.at >= keep_from else "") for row in rows]

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
        for key, at, content in rows:
            self._earlier.pop(key, None)
            self._unwritten += 1
            self._newest = max(self._newest, min(at, self._latest))
            if content:
                self._recent[key] = (at, f"{key}:{content}")
                self._by_time.append((at, key))
        self._forget(min(self._overlap_start, self._before(self._newest)))
        self._position = position
        self.parked = set(parked)
        size = len(self._earlier) + len(self._recent)
        if size > ROWS_PER_STATE and self._unwritten < size // SHARE:
            return False
        self._write()
        return True

    def _forget(self, keep_from: str) -> None:
        """Drop the marks of rows before a time; each is looked at once."""
        while self._by_time and self._by_time[0][0] < keep_from:
            at, key = self._by_time.popleft()
            if self._recent.get(key, ("", ""))[0] == at:
                del self._recent[key]

    def finish(self) -> None:
        """The run is complete: what it did not meet again in the overlap has moved on."""
        self._earlier.clear()
        met_again = sum(at < self._overlap_start for at, _ in self._recent.values())
        if met_again <= MOST_MET_AGAIN:
            self._overlap_start = min(self._overlap_start, self._before(self._newest))
            self._overlap_before = min(self._latest, self._newest)
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
        self._unwritten = 0
        position = min(self._position, Position(self._latest))
        # A run that goes on at a position meets again only what lies behind it.
        seen = [
            text
            for key, (at, text) in self._recent.items()
            if at >= self._overlap_start or Position(at, key) > position
        ]
        seen += [f"{key}:{content}" for key, content in self._earlier.items()]
        entries: dict[str, Any] = {
            "replication_key": self._column,
            "replication_key_value": to_iso(position.at),
            "last_key": position.key,
            "overlap_before": to_iso(self._overlap_before),
            "newest_row": to_iso(self._newest) if self._newest > EPOCH else None,
            "read_until": to_iso(self._until),
            "seen": ",".join(seen),
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


def _parse_seen(text: str) -> Iterable[tuple[int, str]]:
    for pair in text.split(",") if text else ():
        key, _, mark = pair.partition(":")
        yield int(key), mark


def checked_state(state: dict[str, Any]) -> dict[str, Any]:
    """STATE, if it has an object for each stream; what each object holds is read later.

    Raises:
        ConfigError: It is something else.
    """
    bookmarks = state.get("bookmarks")
    if bookmarks is None:
        return state | {"bookmarks": {}}
    for stream, kept in of_kind(dict, bookmarks, "STATE.bookmarks", ConfigError).items():
        entry = of_kind(dict, kept, f"STATE.bookmarks.{stream}", ConfigError)
        # Left by other taps; this one writes neither, and the SDK trusts their form.
        entry.pop("progress_markers", None)
        entry.pop("partitions", None)
    return state

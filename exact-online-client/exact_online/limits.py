"""Exact's limits, kept by every process of one app and company together.

The truth is in a database: what is left of the minute and of the day, corrected by the headers of
each answer. A process leases a few calls at a time and spends them without asking the database
again. Endpoints that answer errors are left alone before Exact blocks them. Only what Exact said is
stored: what a refusal without headers may mean is left to `exact_online.patience`.

Sources: 60 calls a minute and 5,000 a day are the published limits since 2021; ten errors an hour
block an endpoint. The headers win over all constants here.
"""

from __future__ import annotations

import enum
import logging
import math
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exact_online import limit_tables
from exact_online.errors import NotNowError
from exact_online.limit_tables import HOUR, call_windows, create_tables, endpoint_errors
from exact_online.patience import DEFAULT_MAX_WAIT_SECONDS, Patience
from exact_online.windows import (
    DAY,
    GUARD_SECONDS,
    MINUTE,
    Observation,
    Ticket,
    Window,
    later,
    observed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.engine import Engine

MAX_ERRORS_PER_HOUR = 6
"""Exact blocks an endpoint at ten; four are left for a person and for other programs."""

_RESERVED_PART_OF_DAY = 100
_MAX_LEASE = 500
_LEASES_PER_MINUTE = 10
_LONGEST_SLEEP = 1.0
_ERRORS_FRESH_SECONDS = 2.0
_TOO_MANY_REQUESTS = 429

_log = logging.getLogger(__name__)

__all__ = [
    "MAX_ERRORS_PER_HOUR",
    "Budget",
    "Left",
    "Priority",
    "call_windows",
    "create_tables",
    "endpoint_errors",
]


class Priority(enum.Enum):
    """Who may use the last calls of a day."""

    NORMAL = "normal"
    SETTLING = "settling"  # asking about a document that was sent: one percent is kept for it


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of the limits, for people.

    Attributes:
        minute: Calls left in this minute, and the limit.
        day: Calls left today, and the limit.
        day_ends_at: When the day's limit starts again (UTC).
    """

    minute: tuple[int, int]
    day: tuple[int, int]
    day_ends_at: datetime


@dataclass(slots=True)
class _Share:
    """What this process holds of one division's budget."""

    tokens: int = 0  # calls that may be made without asking the database
    lease: int = 0  # what the database counts as held by this process
    minute_ends_at: float = 0.0
    day_ends_at: float = 0.0
    minute_limit: int = limit_tables.ASSUMED_MINUTE_LIMIT
    in_flight: int = 0
    minute: Observation | None = None
    day: Observation | None = None
    day_left: int | None = None  # what Exact last told this process
    has_tried: bool = False  # a day that only the database says is spent
    errors: dict[str, list[float]] = field(default_factory=dict)
    errors_read_at: float = 0.0


class Budget:
    """The calls that one app may make, shared with every process on the same database.

    Attributes:
        clock: Seconds since 1970, UTC.
        sleep: Waits; called with at most a second at a time.
        patience: What happens while Exact takes no calls.
    """

    def __init__(
        self,
        engine: Engine,
        app: str,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        max_wait_seconds: float = DEFAULT_MAX_WAIT_SECONDS,
        max_calls_part: float = 1.0,
        max_calls: int | None = None,
        max_calls_a_minute: int | None = None,
    ) -> None:
        """Use the windows in this database.

        Two programs that share a database or a company get along when the less urgent one leaves
        calls to the other: a reader with ``max_calls_part=0.6`` and ``max_calls_a_minute=50``.

        Args:
            engine: Its tables are there; see `create_tables`.
            app: Identifies the app registration (its client id).
            clock: Seconds since 1970, UTC; best that of `exact_online.server_clock`.
            sleep: Waits. By default `cancel` ends it.
            max_wait_seconds: How long to wait in all while Exact takes no calls.
            max_calls_part: Of the day's calls; the rest is left to other programs.
            max_calls: As many of the day's calls, instead of a part.
            max_calls_a_minute: As many, and the rest of the minute's is left to other programs.
        """
        self._engine = engine
        self._app = app[:64]
        self._part = max_calls_part
        self._a_day = max_calls
        self._a_minute = max_calls_a_minute
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._shares: dict[int, _Share] = {}
        self.clock = clock
        self.sleep = sleep or self._cancelled.wait
        self.patience = Patience(
            max_wait_seconds, clock=clock, sleep=self.sleep, cancelled=self._cancelled
        )

    def acquire(
        self, endpoint: str, *, division: int, priority: Priority = Priority.NORMAL
    ) -> Ticket:
        """Wait until one call to this endpoint may be made, and count it.

        Args:
            endpoint: The resource, e.g. ``salesentry/SalesEntries``.
            division: The company whose limits count.
            priority: Whether the calls kept for settling may be used.

        Returns:
            What to hand to `observe` or `unanswered` afterwards.

        Raises:
            NotNowError: The day is spent, the endpoint had too many errors, or the run was
                cancelled.
        """
        wake_at = 0.0
        while True:
            with self._lock:
                share = self._shares.setdefault(division, _Share())
                now = self.clock()
                self._check_errors(share, endpoint, division, now)
                if not share.tokens or now >= share.minute_ends_at:
                    wake_at = self._lease(share, division, priority, now)
                if share.tokens:
                    share.tokens -= 1
                    share.in_flight += 1
                    return Ticket(endpoint, division, now, share.minute_ends_at, share.day_ends_at)
            self._wait(wake_at)

    def observe(self, ticket: Ticket, status: int, headers: Mapping[str, str]) -> None:
        """Learn from an answer.

        Args:
            ticket: What `acquire` returned for this call.
            status: The HTTP status.
            headers: The answer's headers; rate headers may be absent.
        """
        now = self.clock()
        with self._lock:
            share = self._shares[ticket.division]
            share.in_flight -= 1
            minute, day = observed(headers, ticket, now)
            if day is not None:
                share.day_left = day.remaining
            for seen, ends_at in ((minute, share.minute_ends_at), (day, share.day_ends_at)):
                if seen and abs(seen.ends_at - ends_at) <= GUARD_SECONDS:
                    share.tokens = min(share.tokens, seen.remaining)
            if status == _TOO_MANY_REQUESTS:
                # A refusal binds, whatever was seen before; one that names no limit says nothing.
                share.tokens = share.tokens if minute is day is None else 0
                share.minute, share.day = minute or share.minute, day or share.day
            else:
                if 400 <= status <= 500:  # noqa: PLR2004  # what Exact counts as an error
                    share.errors.setdefault(ticket.endpoint, []).append(now)
                    limit_tables.add_error(
                        self._engine, self._app, ticket.division, ticket.endpoint, now
                    )
                share.minute = later(share.minute, minute)
                share.day = later(share.day, day)

    def unanswered(self, ticket: Ticket) -> None:
        """Note that a call ended without an answer; Exact may have counted it."""
        with self._lock:
            self._shares[ticket.division].in_flight -= 1

    def unused(self, ticket: Ticket) -> None:
        """Give a permission back whose call surely never reached Exact."""
        with self._lock:
            share = self._shares[ticket.division]
            share.in_flight -= 1
            if ticket.minute_ends_at == share.minute_ends_at:
                share.tokens += 1

    def cancel(self) -> None:
        """Let nobody wait for calls any more, because the run ends; any thread may call this."""
        self._cancelled.set()

    def release(self) -> None:
        """Give leased calls back that were not used."""
        with self._lock:
            for division, share in self._shares.items():
                if share.lease:
                    self._exchange(share, division, self.clock(), lambda *_: 0)

    def day_left(self, *, division: int) -> int | None:
        """Return the calls of today that Exact last told this process; None if it never did."""
        with self._lock:
            share = self._shares.get(division)
            return share.day_left if share else None

    def minute_limit(self, *, division: int) -> int:
        """Return the calls a minute allows, as far as the last answers told; costs nothing."""
        with self._lock:
            share = self._shares.get(division)
            return share.minute_limit if share else limit_tables.ASSUMED_MINUTE_LIMIT

    def left(self, *, division: int) -> Left:
        """Return what is left, as far as the last answers told."""
        with self._lock:
            share = self._shares.setdefault(division, _Share())
            minute, day = self._exchange(share, division, self.clock(), lambda *_: 0)
            return Left(
                (minute.left, minute.limit),
                (day.left, day.limit),
                datetime.fromtimestamp(day.ends_at, UTC),
            )

    def _wait(self, wake_at: float) -> None:
        """Wait for the next window, and say so."""
        first = rest = wake_at - self.clock()
        if rest > _LONGEST_SLEEP:
            _log.info("The calls of this minute are spent: waiting %.0f s.", rest)
        while 0 < rest <= first:  # a clock that was set back does not make it longer
            if self._cancelled.is_set():
                msg = "The run was ended while it waited for the next minute's calls."
                raise NotNowError(msg, retry_at=datetime.fromtimestamp(wake_at, UTC))
            self.sleep(min(rest, _LONGEST_SLEEP))
            rest = wake_at - self.clock()

    def _lease(self, share: _Share, division: int, priority: Priority, now: float) -> float:
        """Take some calls; return when to try again if there are none.

        Raises:
            NotNowError: The day is spent.
        """

        def usable(day: Window) -> int:
            for_settling = day.limit // _RESERVED_PART_OF_DAY if priority is Priority.NORMAL else 0
            return day.left - max(for_settling, self._for_others(day.limit))

        def size(minute: Window, day: Window) -> int:
            for_others = 0 if self._a_minute is None else max(minute.limit - self._a_minute, 0)
            most = min(minute.left - for_others, usable(day))
            return max(min(most, max(minute.limit // _LEASES_PER_MINUTE, 1), _MAX_LEASE), 0)

        minute, day = self._exchange(share, division, now, size)
        if usable(day) + share.tokens > 0:
            return minute.ends_at + GUARD_SECONDS
        if day.ends_at - now <= MINUTE:
            return day.ends_at + GUARD_SECONDS
        if day.left <= 0 and share.day_left is None and not share.has_tried:
            # An earlier run was told so. One call finds out whether it is still true.
            share.has_tried = True
            share.tokens = 1
            return now
        retry_at = datetime.fromtimestamp(day.ends_at, UTC)
        part = f"{self._part:.0%} of the " if self._part < 1 else ""
        part = part if self._a_day is None else f"{self._a_day} of the "
        msg = (
            f"The {part}{day.limit} calls of today for division {division} are spent. "
            f"Run again after {retry_at:%Y-%m-%d %H:%M} UTC."
        )
        raise NotNowError(msg, retry_at=retry_at)

    def _for_others(self, limit: int) -> int:
        """Return how many of a day's calls are left to other programs."""
        if self._a_day is None:
            return math.ceil(limit * (1 - self._part))
        return max(limit - self._a_day, 0)

    def _exchange(
        self,
        share: _Share,
        division: int,
        now: float,
        size: Callable[[Window, Window], int],
    ) -> tuple[Window, Window]:
        """Give unused calls back, correct the windows by what was seen, and take new calls.

        Args:
            share: What this process holds.
            division: Whose budget it is.
            now: Seconds since 1970, UTC.
            size: How many calls to take from these windows.

        Returns:
            The windows after that.
        """
        with self._engine.begin() as connection:
            row = limit_tables.lock_windows(connection, self._app, division, now)
            stored = Window(row.minute_limit, row.minute_left, row.minute_ends_at)
            minute = stored.at(now, MINUTE)
            day = Window(row.day_limit, row.day_left, row.day_ends_at).at(now, DAY)
            # Calls that others hold, or made without having reported them.
            others = row.leased if minute is stored else 0
            if minute.ends_at == share.minute_ends_at:
                others = max(others - share.lease, 0)
                minute = replace(minute, left=minute.left + share.tokens)
            if day.ends_at == share.day_ends_at:
                day = replace(day, left=day.left + share.tokens)
            outstanding = others + share.in_flight
            if share.minute:
                corrected = minute.corrected(share.minute, outstanding)
                others = others if corrected.ends_at == minute.ends_at else 0
                minute = corrected
            if share.day:
                day = day.corrected(share.day, outstanding)
            taken = size(minute, day) if now < minute.ends_at else 0
            minute = replace(minute, left=minute.left - taken)
            day = replace(day, left=day.left - taken)
            held = taken + share.in_flight
            limit_tables.write_windows(
                connection, self._app, division, minute, day, leased=others + held
            )
        share.tokens, share.lease = taken, held
        share.minute_ends_at, share.day_ends_at = minute.ends_at, day.ends_at
        share.minute_limit = minute.limit
        share.minute = share.day = None
        return minute, day

    def _check_errors(self, share: _Share, endpoint: str, division: int, now: float) -> None:
        # Where errors happen others make them, too: then every call looks at what they saw.
        if share.errors.get(endpoint) or now - share.errors_read_at >= _ERRORS_FRESH_SECONDS:
            share.errors = limit_tables.read_errors(self._engine, self._app, division, now)
            share.errors_read_at = now
        recent = [at for at in share.errors.get(endpoint, ()) if at > now - HOUR]
        if len(recent) < MAX_ERRORS_PER_HOUR:
            return
        retry_at = datetime.fromtimestamp(sorted(recent)[-MAX_ERRORS_PER_HOUR] + HOUR, UTC)
        msg = (
            f"{endpoint} answered {len(recent)} errors within an hour, and Exact blocks an "
            f"endpoint at ten. It is left alone until {retry_at:%Y-%m-%d %H:%M} UTC."
        )
        raise NotNowError(msg, retry_at=retry_at, endpoint=endpoint)

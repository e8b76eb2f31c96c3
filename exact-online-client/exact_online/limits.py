"""Exact's limits, kept by every process of one app and company together.

The truth is in a database: what is left of the minute and of the day, corrected by the
headers of each answer. A process leases a few calls at a time and spends them without asking the
database again. Endpoints that answer errors are left alone before Exact blocks them.

Sources: 60 calls a minute and 5,000 a day are the published limits since 2021; ten errors an hour
block an endpoint. The headers win over all constants here.
"""

from __future__ import annotations

import enum
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from exact_online.errors import BudgetExhaustedError
from exact_online.windows import (
    DAY,
    GUARD_SECONDS,
    MINUTE,
    Observation,
    Ticket,
    Window,
    later,
    observed,
    spent,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.engine import Connection, Engine

HOUR = 3_600.0

ASSUMED_MINUTE_LIMIT = 60
ASSUMED_DAY_LIMIT = 5_000
MAX_ERRORS_PER_HOUR = 6
"""Exact blocks an endpoint at ten; four are left for a person and for other programs."""

_RESERVED_PART_OF_DAY = 100
_MAX_LEASE = 500
_LEASES_PER_MINUTE = 10
_LONGEST_SLEEP = 1.0
_ERRORS_FRESH_SECONDS = 2.0
_TOO_MANY_REQUESTS = 429

metadata = sa.MetaData()

call_windows = sa.Table(
    "call_windows",
    metadata,
    sa.Column("app", sa.String(64), primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("minute_limit", sa.BigInteger, nullable=False),
    sa.Column("minute_left", sa.BigInteger, nullable=False),
    sa.Column("minute_ends_at", sa.Float, nullable=False),  # seconds since 1970, UTC
    sa.Column("day_limit", sa.BigInteger, nullable=False),
    sa.Column("day_left", sa.BigInteger, nullable=False),
    sa.Column("day_ends_at", sa.Float, nullable=False),
    sa.Column("leased", sa.BigInteger, nullable=False),  # handed out and perhaps not yet used
)

endpoint_errors = sa.Table(
    "endpoint_errors",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(64), nullable=False),
    sa.Column("division", sa.Integer, nullable=False),
    sa.Column("endpoint", sa.String(100), nullable=False),
    sa.Column("at", sa.Float, nullable=False),  # seconds since 1970, UTC
    sa.Index("ix_endpoint_errors_at", "app", "division", "at"),
)


def create_tables(engine: Engine) -> None:
    """Create the tables of the limits where nothing else, such as migrations, does.

    Args:
        engine: A SQLite or PostgreSQL database.
    """
    metadata.create_all(engine)


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

    tokens: int = 0  # calls that may be made without asking the ledger
    lease: int = 0  # what the ledger counts as held by this process
    minute_ends_at: float = 0.0
    day_ends_at: float = 0.0
    minute_limit: int = ASSUMED_MINUTE_LIMIT
    in_flight: int = 0
    bare_refusals: int = 0  # answers 429 without headers, in a row
    minute: Observation | None = None
    day: Observation | None = None
    errors: dict[str, list[float]] = field(default_factory=dict)
    errors_read_at: float = 0.0


class Budget:
    """The calls that one app may make, shared with every process on the same ledger."""

    def __init__(
        self,
        engine: Engine,
        app: str,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Use the windows in this ledger.

        Args:
            engine: The ledger's engine.
            app: Identifies the app registration (its client id).
            clock: Seconds since 1970, UTC.
            sleep: Waits; called with at most a second at a time. By default `cancel` ends it.
        """
        self._engine = engine
        self._app = app[:64]
        self._clock = clock
        self._cancelled = threading.Event()
        self._sleep = sleep or self._cancelled.wait
        self._lock = threading.Lock()
        self._shares: dict[int, _Share] = {}

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
            BudgetExhaustedError: The day is spent, the endpoint had too many errors, or the run
                was cancelled.
        """
        wake_at = 0.0
        while True:
            with self._lock:
                share = self._shares.setdefault(division, _Share())
                now = self._clock()
                self._check_errors(share, endpoint, division, now)
                if not share.tokens or now >= share.minute_ends_at:
                    wake_at = self._lease(share, division, priority, now)
                if share.tokens:
                    share.tokens -= 1
                    share.in_flight += 1
                    return Ticket(endpoint, division, now, share.minute_ends_at, share.day_ends_at)
            while (rest := wake_at - self._clock()) > 0:
                if self._cancelled.is_set():
                    msg = "The run was ended while it waited for the next minute's calls."
                    resume_at = datetime.fromtimestamp(wake_at, UTC)
                    raise BudgetExhaustedError(msg, resume_at=resume_at)
                self._sleep(min(rest, _LONGEST_SLEEP))

    def observe(self, ticket: Ticket, status: int, headers: Mapping[str, str]) -> None:
        """Learn from an answer.

        Args:
            ticket: What `acquire` returned for this call.
            status: The HTTP status.
            headers: The answer's headers; rate headers may be absent.
        """
        now = self._clock()
        with self._lock:
            share = self._shares[ticket.division]
            share.in_flight -= 1
            minute, day = observed(headers, ticket, now)
            if status == _TOO_MANY_REQUESTS:
                share.tokens = 0
                if minute is None and day is None:
                    # The minute at first; a second refusal in a row can only be the day's.
                    if share.bare_refusals == 0:
                        minute = spent(now, MINUTE)
                    else:
                        day = spent(now, DAY)
                    share.bare_refusals += 1
                # A refusal binds, whatever was seen before.
                share.minute, share.day = minute or share.minute, day or share.day
            else:
                share.bare_refusals = 0
                if 400 <= status <= 500:  # noqa: PLR2004  # what Exact counts as an error
                    self._count_error(share, ticket, now)
                share.minute = later(share.minute, minute)
                share.day = later(share.day, day)

    def unanswered(self, ticket: Ticket) -> None:
        """Note that a call ended without an answer; Exact may have counted it."""
        with self._lock:
            self._shares[ticket.division].in_flight -= 1

    def cancel(self) -> None:
        """Let nobody wait for calls any more, because the run ends; any thread may call this."""
        self._cancelled.set()

    def release(self) -> None:
        """Give leased calls back that were not used."""
        with self._lock:
            for division, share in self._shares.items():
                if share.lease:
                    self._exchange(share, division, self._clock(), lambda *_: 0)

    def minute_limit(self, *, division: int) -> int:
        """Return the calls a minute allows, as far as the last answers told; costs nothing."""
        with self._lock:
            share = self._shares.get(division)
            return share.minute_limit if share else ASSUMED_MINUTE_LIMIT

    def left(self, *, division: int) -> Left:
        """Return what is left, as far as the last answers told."""
        with self._lock:
            share = self._shares.setdefault(division, _Share())
            minute, day = self._exchange(share, division, self._clock(), lambda *_: 0)
            return Left(
                (minute.left, minute.limit),
                (day.left, day.limit),
                datetime.fromtimestamp(day.ends_at, UTC),
            )

    def _lease(self, share: _Share, division: int, priority: Priority, now: float) -> float:
        """Take some calls; return when to try again if there are none.

        Raises:
            BudgetExhaustedError: The day is spent.
        """

        def usable(day: Window) -> int:
            reserve = day.limit // _RESERVED_PART_OF_DAY if priority is Priority.NORMAL else 0
            return day.left - reserve

        def size(minute: Window, day: Window) -> int:
            most = min(minute.left, usable(day))
            return max(min(most, max(minute.limit // _LEASES_PER_MINUTE, 1), _MAX_LEASE), 0)

        minute, day = self._exchange(share, division, now, size)
        if usable(day) + share.tokens <= 0:
            resume_at = datetime.fromtimestamp(day.ends_at, UTC)
            msg = (
                f"The {day.limit} calls of today for division {division} are spent. "
                f"Run again after {resume_at:%Y-%m-%d %H:%M} UTC."
            )
            raise BudgetExhaustedError(msg, resume_at=resume_at)
        return minute.ends_at + GUARD_SECONDS

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
            row = self._locked_row(connection, division, now)
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
            self._write(connection, division, minute, day, others + held)
        share.tokens, share.lease = taken, held
        share.minute_ends_at, share.day_ends_at = minute.ends_at, day.ends_at
        share.minute_limit = minute.limit
        share.minute = share.day = None
        return minute, day

    def _locked_row(self, connection: Connection, division: int, now: float) -> sa.Row[Any]:
        here = (call_windows.c.app == self._app) & (call_windows.c.division == division)
        # A write first: it takes the row lock on PostgreSQL, as BEGIN IMMEDIATE does on SQLite.
        lock = (
            call_windows.update()
            .where(here)
            .values(leased=call_windows.c.leased)
            .returning(*call_windows.c)
        )
        row = connection.execute(lock).one_or_none()
        if row is None:
            insert = _insert(connection)
            connection.execute(
                insert.values(
                    app=self._app,
                    division=division,
                    minute_limit=ASSUMED_MINUTE_LIMIT,
                    minute_left=ASSUMED_MINUTE_LIMIT,
                    minute_ends_at=(now // MINUTE + 1) * MINUTE,
                    day_limit=ASSUMED_DAY_LIMIT,
                    day_left=ASSUMED_DAY_LIMIT,
                    day_ends_at=(now // DAY + 1) * DAY,
                    leased=0,
                )
            )
            row = connection.execute(lock).one()
        return row

    def _write(
        self, connection: Connection, division: int, minute: Window, day: Window, leased: int
    ) -> None:
        connection.execute(
            call_windows.update()
            .where((call_windows.c.app == self._app) & (call_windows.c.division == division))
            .values(
                minute_limit=minute.limit,
                minute_left=minute.left,
                minute_ends_at=minute.ends_at,
                day_limit=day.limit,
                day_left=day.left,
                day_ends_at=day.ends_at,
                leased=leased,
            )
        )

    def _check_errors(self, share: _Share, endpoint: str, division: int, now: float) -> None:
        # Where errors happen others make them, too: then every call looks at what they saw.
        if share.errors.get(endpoint) or now - share.errors_read_at >= _ERRORS_FRESH_SECONDS:
            share.errors = self._recent_errors(division, now)
            share.errors_read_at = now
        recent = [at for at in share.errors.get(endpoint, ()) if at > now - HOUR]
        if len(recent) < MAX_ERRORS_PER_HOUR:
            return
        resume_at = datetime.fromtimestamp(sorted(recent)[-MAX_ERRORS_PER_HOUR] + HOUR, UTC)
        msg = (
            f"{endpoint} answered {len(recent)} errors within an hour, and Exact blocks an "
            f"endpoint at ten. It is left alone until {resume_at:%Y-%m-%d %H:%M} UTC."
        )
        raise BudgetExhaustedError(msg, resume_at=resume_at, endpoint=endpoint)

    def _recent_errors(self, division: int, now: float) -> dict[str, list[float]]:
        query = sa.select(endpoint_errors.c.endpoint, endpoint_errors.c.at).where(
            endpoint_errors.c.app == self._app,
            endpoint_errors.c.division == division,
            endpoint_errors.c.at > now - HOUR,
        )
        errors: dict[str, list[float]] = {}
        # The option spares an engine whose transactions begin with a write lock, if it knows it.
        with self._engine.connect().execution_options(ledger_reads_only=True) as connection:
            for endpoint, at in connection.execute(query):
                errors.setdefault(endpoint, []).append(at)
        return errors

    def _count_error(self, share: _Share, ticket: Ticket, now: float) -> None:
        share.errors.setdefault(ticket.endpoint, []).append(now)
        with self._engine.begin() as connection:
            connection.execute(
                endpoint_errors.insert().values(
                    app=self._app, division=ticket.division, endpoint=ticket.endpoint, at=now
                )
            )
            connection.execute(endpoint_errors.delete().where(endpoint_errors.c.at < now - DAY))


def _insert(connection: Connection) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that leaves a row alone which another process made first."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(call_windows).on_conflict_do_nothing()
    return sqlite.insert(call_windows).on_conflict_do_nothing()

"""Rate windows as Exact counts them, and what an answer's headers say about them. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from exact_online.server_clock import header_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE = 60.0
DAY = 86_400.0
GUARD_SECONDS = 1.0  # a window is not trusted to be over before this much after its end

_MINUTE_HEADERS = (
    "X-RateLimit-Minutely-Limit",
    "X-RateLimit-Minutely-Remaining",
    "X-RateLimit-Minutely-Reset",
)
_DAY_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_MILLISECONDS_FROM = 1e12  # in seconds this is the year 33658
_LARGEST_LIMIT = 10**9


@dataclass(frozen=True, slots=True)
class Window:
    """One rate window as this side knows it.

    Attributes:
        limit: Calls it allows.
        left: Calls not yet handed out.
        ends_at: When it ends (seconds since 1970, UTC).
    """

    limit: int
    left: int
    ends_at: float

    def at(self, now: float, length: float) -> Window:
        """Return the window that is open now: this one, or a full new one.

        A window that ends later than any that is open now was written by a clock that was wrong.

        Args:
            now: Seconds since 1970, UTC.
            length: Of a window of this kind, in seconds.
        """
        if now - GUARD_SECONDS < self.ends_at <= now + length + GUARD_SECONDS:
            return self
        ends_at = self.ends_at
        if ends_at > now:
            ends_at = now // length * length
        over = (now - ends_at) // length + 1
        return Window(self.limit, self.limit, ends_at + over * length)

    def corrected(self, seen: Observation, outstanding: int) -> Window:
        """Return the window after an answer said what Exact counts.

        Args:
            seen: What the answer's headers said.
            outstanding: Calls handed out that Exact may not have counted yet.
        """
        window = self
        if seen.limit != self.limit:
            window = replace(self, limit=seen.limit, left=self.left + seen.limit - self.limit)
        truly_left = max(seen.remaining - outstanding, 0)
        if abs(seen.ends_at - window.ends_at) <= GUARD_SECONDS:
            return replace(window, left=max(min(window.left, truly_left), 0))
        over = window.ends_at - GUARD_SECONDS
        if seen.ends_at < over and seen.asked_in < over:  # an answer from the window before
            return replace(window, left=max(window.left, 0))
        return Window(window.limit, truly_left, seen.ends_at)  # Exact's windows end differently


@dataclass(frozen=True, slots=True)
class Observation:
    """What the headers of one answer said about one window.

    Attributes:
        limit: Calls the window allows.
        remaining: Calls left in it.
        ends_at: When it ends (seconds since 1970, UTC).
        asked_in: End of the window, as we knew it, in which the call was made; tells an answer
            that came late from one of the open window.
    """

    limit: int
    remaining: int
    ends_at: float
    asked_in: float


@dataclass(frozen=True, slots=True)
class Ticket:
    """The permission for one call; hand it back with the answer."""

    endpoint: str
    division: int
    at: float
    minute_ends_at: float
    day_ends_at: float


def observed(
    headers: Mapping[str, str], ticket: Ticket, now: float
) -> tuple[Observation | None, Observation | None]:
    """Return what an answer says about the minute and the day; None where it says nothing.

    Args:
        headers: The answer's headers.
        ticket: The call that was answered.
        now: Seconds since 1970, UTC.
    """
    ahead = _ahead(headers.get("Date"), ticket.at, now)
    return (
        _observation(headers, _MINUTE_HEADERS, now, MINUTE, ahead, ticket.minute_ends_at),
        _observation(headers, _DAY_HEADERS, now, DAY, ahead, ticket.day_ends_at),
    )


def _observation(
    headers: Mapping[str, str],
    names: tuple[str, str, str],
    now: float,
    length: float,
    ahead: float,
    asked_in: float,
) -> Observation | None:
    """Read one window's three headers; None when they are absent or make no sense.

    Args:
        headers: The answer's headers.
        names: Limit, rest and reset.
        now: Seconds since 1970, UTC.
        length: Of the window; it cannot end later, whatever a clock that differs says.
        ahead: By how many seconds our clock is ahead of Exact's.
        asked_in: End of the window in which the call was made.
    """
    try:
        limit, remaining = int(headers[names[0]]), int(headers[names[1]])
        reset = float(headers[names[2]])
    except (KeyError, ValueError):
        return None
    if reset > _MILLISECONDS_FROM:
        reset /= 1000
    ends_at = min(reset + ahead, now + length)
    if not 0 < limit <= _LARGEST_LIMIT or not ends_at >= now - length:
        return None
    return Observation(limit, min(max(remaining, 0), limit), ends_at, asked_in)


def _ahead(date: str | None, sent_at: float, now: float) -> float:
    """Return by how many seconds our clock is ahead of Exact's, as far as that is certain."""
    told = header_seconds(date)
    if told is None:
        return 0.0
    if told > now:
        return now - told
    return max(sent_at - (told + 1), 0.0)  # the header has whole seconds


def later(known: Observation | None, seen: Observation | None) -> Observation | None:
    """Return the observation that binds: the later window, and in one window the smaller rest."""
    if known is None or seen is None:
        return seen or known
    if abs(known.ends_at - seen.ends_at) > GUARD_SECONDS:
        return max(known, seen, key=lambda one: one.ends_at)
    return min(known, seen, key=lambda one: one.remaining)

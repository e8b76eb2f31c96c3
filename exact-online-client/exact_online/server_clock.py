"""Exact's clock, read from the ``Date`` header of its answers.

Exact refuses a refresh earlier than 570 s after the previous one, and counts calls by the minute
and the day, by its own clock. The clock of this machine may be wrong or may jump, so it is only
used when Exact does not answer at all.
"""

from __future__ import annotations

import functools
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from exact_online.transport import NoAnswerError, NotSentError, exchange, new_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

_ASK_AGAIN_SECONDS = 60.0  # a site that did not answer is asked for its time no sooner


class ServerClock:
    """Says what time it is at Exact, never later than it really is."""

    def __init__(
        self,
        base_url: str,
        session: requests.Session | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare for one site; nothing is sent yet.

        Args:
            base_url: The site.
            session: Makes the calls; None: one of its own.
            clock: Seconds since 1970 on this machine.
        """
        self._base_url = base_url
        self._session = session or new_session()
        self._offset: float | None = None  # Exact's seconds minus elapsed ones of this machine
        self._asked_at: float | None = None
        self.local = clock
        """Seconds since 1970 by the clock of this machine, right or wrong."""
        self.elapsed = time.monotonic if clock is time.time else clock
        """Seconds since any moment, by a clock that does not jump."""

    def observe(self, headers: Mapping[str, str]) -> float | None:
        """Learn from an answer that just arrived; returns its time in Unix seconds.

        The header names whole seconds, so the time taken from it is up to a second early: a token
        looks younger than it is, never older.
        """
        date = header_seconds(headers.get("Date"))
        if date is not None:
            self._offset = date - self.elapsed()
        return date

    def now(self) -> float:
        """Unix seconds; asks the site when no answer has been seen yet."""
        if self._offset is None:
            asked_at, now = self._asked_at, self.elapsed()
            if asked_at is None or now - asked_at >= _ASK_AGAIN_SECONDS:
                self._asked_at = now
                self.ask()
        return self.local() if self._offset is None else self._offset + self.elapsed()

    def ask(self) -> None:
        """Ask the site for its time, without a token and without using up any limit."""
        url = f"{self._base_url}/api/oauth2/auth"
        try:
            answer = exchange(self._session, "HEAD", url, clock=self.elapsed)
        except (NotSentError, NoAnswerError):
            return  # whoever needs the answer calls next and reports what is wrong
        self.observe(answer.headers)


@functools.lru_cache(maxsize=8)
def header_seconds(date: str | None) -> float | None:
    """Return a date in a header as seconds since 1970; None when it cannot be read.

    Args:
        date: Such as ``Mon, 02 Feb 2026 10:00:00 GMT``.
    """
    try:
        moment = parsedate_to_datetime(date or "")
        if moment.tzinfo is None:  # "-0000": UTC of an unknown place
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None

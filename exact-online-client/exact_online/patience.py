"""What happens while Exact takes no calls: 429, 503, a gateway's error, or no answer at all.

One policy for all threads of a process. After a failure nobody calls for a while; then one thread
tries, and the others wait for what becomes of it. The pauses grow, with jitter, until
``max_wait_seconds`` have passed since the trouble began: then every call ends in `NotNowError`,
which says when to try again. Nothing of this is kept beyond the process: the next run tries.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exact_online.errors import NotNowError
from exact_online.server_clock import header_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFAULT_MAX_WAIT_SECONDS = 300.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
RETRY_LATER_SECONDS = 300.0
"""When to try again after a run has given up, unless Exact said when."""

_LONGEST_RETRY_AFTER = 86_400.0
_LOOK_SECONDS = 0.1  # how soon a thread notices what became of another one's try
_LONGEST_SLEEP = 1.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Turn:
    """One try of a call; tell it what became of it.

    Attributes:
        period: How many failures there had been when it began.
        tries: Whether the others wait for it.
        wants_question: Whether what failed before may have been carried out: then a question shows
            that Exact is back, and no further write is put at risk.
    """

    period: int
    tries: bool
    wants_question: bool
    _patience: Patience

    def failed(
        self, reason: str, *, at_least: float = 0.0, away: bool = True, sent: bool = False
    ) -> None:
        """Note that Exact takes no calls.

        Args:
            reason: What it answered, for people.
            at_least: Seconds that it asked to wait.
            away: False when it answered that a limit is reached.
            sent: True when the call may have been carried out.
        """
        self._patience.note_failure(self, reason, at_least, away=away, sent=sent)

    def worked(self) -> None:
        """Note that Exact answered."""
        self._patience.note_answer(self)


class Patience:
    """Lets calls through, one at a time or none while Exact takes none; thread safe."""

    def __init__(
        self,
        max_wait_seconds: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        cancelled: threading.Event,
    ) -> None:
        """Start without trouble.

        Args:
            max_wait_seconds: How long to wait in all from the first failure on.
            clock: Seconds since 1970, UTC.
            sleep: Waits; called with at most a second at a time.
            cancelled: Set when nobody is to wait any more.
        """
        self._max_wait = max_wait_seconds
        self._clock = clock
        self._sleep = sleep
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._period = 0  # grows with each failure that counts
        self._failures = 0  # in a row
        self._since = 0.0  # of the first one
        self._until = 0.0  # nobody calls before
        self._given_up = False
        self._trying = False
        self._reason = ""
        self._away = False
        self._sent = False

    @contextlib.contextmanager
    def turn(self) -> Iterator[Turn]:
        """Wait until a call may be tried.

        Yields:
            What to tell the outcome.

        Raises:
            NotNowError: Exact has taken no calls for too long, or the run ends.
        """
        turn = self._begin()
        try:
            yield turn
        finally:
            if turn.tries:
                with self._lock:
                    self._trying = False

    def note_failure(
        self, turn: Turn, reason: str, at_least: float, *, away: bool, sent: bool
    ) -> None:
        """Count a failure, and let nobody call for a while; see `Turn.failed`."""
        with self._lock:
            now = self._clock()
            asked = min(max(at_least, 0.0), _LONGEST_RETRY_AFTER)
            if turn.period != self._period:  # it began before a failure that counts already
                self._until = max(self._until, now + asked)
                return
            self._period += 1
            self._failures += 1
            if self._failures == 1:
                self._since = now
            self._reason, self._away = reason, away
            self._sent = sent or (self._sent and self._failures > 1)
            rest = self._since + self._max_wait - now
            self._given_up = rest < max(asked, FIRST_PAUSE_SECONDS / 2)
            if self._given_up:
                self._until = now + (asked or RETRY_LATER_SECONDS)
                return
            pause = min(max(self._pause(), asked), rest)
            self._until = now + pause
        _log.warning("%s. Waiting %.1f s before the next call.", reason, pause)

    def note_answer(self, turn: Turn) -> None:
        """Forget the trouble; see `Turn.worked`."""
        with self._lock:
            if turn.period == self._period:
                self._failures = 0

    def _begin(self) -> Turn:
        while True:
            with self._lock:
                if not self._failures:
                    return Turn(self._period, tries=False, wants_question=False, _patience=self)
                rest = self._rest()
                if self._given_up and rest > 0:
                    raise self._not_now()
                if rest <= 0 and not self._trying:
                    if self._given_up:  # its time is over: a new beginning
                        self._failures, self._given_up = 0, False
                        continue
                    self._trying = True
                    return Turn(self._period, tries=True, wants_question=self._sent, _patience=self)
                if self._cancelled.is_set():
                    raise self._not_now()
            self._sleep(min(max(rest, _LOOK_SECONDS), _LONGEST_SLEEP))

    def _rest(self) -> float:
        """Seconds that nobody may call; a clock that was set back does not make them more."""
        now = self._clock()
        if now < self._since:
            self._since, self._until = now, now + self._pause()
        return self._until - now

    def _pause(self) -> float:
        doublings = min(self._failures - 1, 16)
        longest: float = min(FIRST_PAUSE_SECONDS * 2**doublings, LONGEST_PAUSE_SECONDS)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, hides nothing

    def _not_now(self) -> NotNowError:
        retry_at = datetime.fromtimestamp(self._until, UTC)
        msg = (
            f"Exact Online takes no calls now: {self._reason}. "
            f"Run again after {retry_at:%Y-%m-%d %H:%M} UTC."
        )
        return NotNowError(msg, retry_at=retry_at, away=self._away)


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Return the seconds that an answer asks to wait; 0 when it does not say.

    Args:
        headers: The answer's headers.
        now: Seconds since 1970, UTC.
    """
    said = headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    moment = header_seconds(said)
    return 0.0 if moment is None else max(moment - now, 0.0)

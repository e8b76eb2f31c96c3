"""Whether calls may be made: until a limit, a long outage, a signal or an error ends them."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from exact_online.errors import (
    DocumentRefusedError,
    ExactError,
    NotNowError,
    OutcomeUnknownError,
    TransientApiError,
)
from exact_online.patience import DEFAULT_MAX_WAIT_SECONDS, Patience
from target_exact_online.exceptions import NotBelievedError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from exact_online.patience import Turn
    from target_exact_online.summary import Summary

_LONGEST_SLEEP = 1.0


class Gate:
    """Shared by all that calls Exact in one run; thread safe, as every write is one assignment.

    Attributes:
        held: The reason why nothing more is sent in this run, or None.
        monotonic: Seconds that no setting of a clock changes.
    """

    def __init__(
        self,
        summary: Summary,
        stop: threading.Event,
        *,
        max_wait_seconds: float = DEFAULT_MAX_WAIT_SECONDS,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Start open, until `stop` is set; `sleep` waits some seconds, by default until then.

        Documents are tried for `max_wait_seconds` while none gets an answer; the clock gives
        seconds since 1970, UTC.
        """
        self.held: ExactError | None = None
        self.monotonic = monotonic
        self._stop = stop
        self._sleep = sleep or stop.wait
        self._summary = summary
        self._blocked: set[str] = set()
        self._patience = Patience(max_wait_seconds, clock=clock, sleep=self._sleep, cancelled=stop)
        self._fatal: BaseException | None = None

    @property
    def closed(self) -> bool:
        """Whether no further call may begin."""
        return self.held is not None or self._fatal is not None or self._stop.is_set()

    @property
    def stopped(self) -> bool:
        """Whether somebody asked the run to end."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Let no further call begin, because the run is to end."""
        self._stop.set()

    def blocks(self, resource: str) -> bool:
        """Tell whether a limit of this resource alone is spent."""
        return resource in self._blocked

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than until calls are to end."""
        ends = self.monotonic() + seconds
        while not self.closed and (rest := ends - self.monotonic()) > 0:
            self._sleep(min(rest, _LONGEST_SLEEP))

    def hold(self, error: ExactError) -> None:
        """Stop calling what cannot be called now; what arrives from here on waits."""
        retry_at = error.retry_at if isinstance(error, NotNowError) else None
        self._summary.hold(str(error), retry_at)
        if isinstance(error, NotNowError) and error.endpoint is not None:
            self._blocked.add(error.endpoint)
        else:
            self.held = error

    @contextlib.contextmanager
    def trying(self) -> Iterator[Turn]:
        """Try a document's calls; after one without an answer all wait, and one tries for all.

        Yields:
            What to tell when a call that writes got an answer, or none.

        Raises:
            NotNowError: None got an answer for too long.
        """
        with self._patience.turn() as turn:
            try:
                yield turn
            except ExactError as error:
                self.note(turn, error)
                raise

    def note(self, turn: Turn, error: ExactError) -> None:
        """Note what an error says about Exact: no answer, some answer, or nothing."""
        if isinstance(error, DocumentRefusedError | NotBelievedError):
            turn.worked()
        elif isinstance(error, OutcomeUnknownError | TransientApiError):
            turn.failed(str(error))

    def fail(self, error: BaseException) -> None:
        """End the run with this error, as soon as the ledger knows what was under way."""
        self._fatal = error
        if isinstance(error, ExactError):
            self.held = error

    def raise_failure(self) -> None:
        """Raise what ended the run, if anything did."""
        if self._fatal is not None:
            raise self._fatal

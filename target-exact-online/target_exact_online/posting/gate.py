"""Whether calls may be made: until a limit, a row of outages, a signal or an error ends them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from target_exact_online.exceptions import NotNowError, TargetError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from target_exact_online.summary import Summary

_MAX_OUTAGE = 3  # unreachable this often in a row: the rest waits in the ledger
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
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Start open.

        Args:
            summary: Is told why documents are held.
            stop: Set when no further call may begin.
            monotonic: Seconds that no setting of a clock changes.
            sleep: Waits some seconds; by default until `stop` is set.
        """
        self.held: TargetError | None = None
        self.monotonic = monotonic
        self._stop = stop
        self._sleep = sleep or stop.wait
        self._summary = summary
        self._blocked: set[str] = set()
        self._outages = 0
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

    def hold(self, error: TargetError) -> None:
        """Stop calling what cannot be called now; what arrives from here on waits."""
        retry_at = error.retry_at if isinstance(error, NotNowError) else None
        self._summary.hold(str(error), retry_at)
        if isinstance(error, NotNowError) and error.endpoint is not None:
            self._blocked.add(error.endpoint)
        else:
            self.held = error

    def count_outage(self, error: TargetError) -> None:
        """Stop calling after a few failures in a row: every one counts against Exact's limit."""
        self._outages += 1
        if self._outages >= _MAX_OUTAGE:
            self.hold(error)

    def count_answer(self) -> None:
        """Note that Exact is there."""
        self._outages = 0

    def fail(self, error: BaseException) -> None:
        """End the run with this error, as soon as the ledger knows what was under way."""
        self._fatal = error
        if isinstance(error, TargetError):
            self.held = error

    def raise_failure(self) -> None:
        """Raise what ended the run, if anything did."""
        if self._fatal is not None:
            raise self._fatal

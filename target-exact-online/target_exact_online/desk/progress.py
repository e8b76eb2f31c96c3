"""Show that work goes on: a live line on a terminal, a log line now and then otherwise."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    import logging

    from rich.status import Status

    from target_exact_online.summary import Summary

_LOG_EVERY_SECONDS = 10.0
_RATE_WINDOW_SECONDS = 30.0


class Progress:
    """Counts, rate and time left of one run, on standard error."""

    def __init__(self, summary: Summary, logger: logging.Logger) -> None:
        """Show it until it is closed. Without a terminal lines go to the logger."""
        self._summary = summary
        self._logger = logger
        self._samples = [(time.monotonic(), 0)]
        self._logged_at = time.monotonic()
        self._live: Status | None = None
        if sys.stderr.isatty():
            self._live = Console(stderr=True, markup=False).status("connecting to Exact Online")
            self._live.start()

    def close(self) -> None:
        """Take it away."""
        if self._live is not None:
            self._live.stop()

    def update(self, queued: int) -> None:
        """Show the counts of now, and how many documents are read and not yet dealt with."""
        now = time.monotonic()
        if self._live is None and now - self._logged_at < _LOG_EVERY_SECONDS:
            return
        self._logged_at = now
        line = self._line(now, queued)
        if self._live is None:
            self._logger.info("Progress: %s", line)
        else:
            self._live.update(line)

    def _line(self, now: float, queued: int) -> str:
        summary = self._summary
        done = summary.total_posted
        self._samples = [s for s in self._samples if now - s[0] <= _RATE_WINDOW_SECONDS] or [
            (now, done)
        ]
        self._samples.append((now, done))
        began, before = self._samples[0]
        rate = (done - before) / (now - began) if now > began else 0.0
        parts = [f"{done} posted", f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.0f}/min"]
        if queued:
            seconds = round(queued / rate) if rate else 0
            left = f", about {timedelta(seconds=seconds)} left" if rate else ""
            parts.append(f"{queued} waiting{left}")
        for count, word in (
            (len(summary.parked), "parked"),
            (len(summary.failed), "failed"),
            (summary.held, "held"),
        ):
            if count:
                parts.append(f"{count} {word}")
        return ", ".join(parts)

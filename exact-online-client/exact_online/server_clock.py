"""Exact's clock, read from the ``Date`` header of its answers.

Exact refuses a refresh earlier than 570 s after the previous one, by its own clock. The clock of
this machine may be wrong or may jump, so it is only used when Exact does not answer at all.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS = (10.0, 20.0)


class ServerClock:
    """Says what time it is at Exact, never later than it really is."""

    def __init__(self, base_url: str) -> None:
        """Prepare for one site; nothing is sent yet."""
        self._base_url = base_url
        self._offset: float | None = None  # server seconds minus this process's monotonic seconds

    def observe(self, headers: Mapping[str, str]) -> float | None:
        """Learn from an answer that just arrived; returns its time in Unix seconds.

        The header names whole seconds, so the time taken from it is up to a second early: a token
        looks younger than it is, never older.
        """
        try:
            date = parsedate_to_datetime(headers.get("Date", "")).timestamp()
        except (TypeError, ValueError):
            return None
        self._offset = date - time.monotonic()
        return date

    def now(self) -> float:
        """Unix seconds; asks the site once per process when no answer has been seen yet."""
        if self._offset is None:
            self.ask()
        return time.time() if self._offset is None else self._offset + time.monotonic()

    def ask(self) -> None:
        """Ask the site for its time, without a token and without using up any limit."""
        try:
            with requests.head(
                f"{self._base_url}/api/oauth2/auth", timeout=TIMEOUT_SECONDS, allow_redirects=False
            ) as response:
                self.observe(response.headers)
        except requests.RequestException:
            return  # whoever needs the answer calls next and reports what is wrong

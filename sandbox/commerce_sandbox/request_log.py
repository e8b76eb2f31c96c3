"""Who called what, and when: one line per call, readable as soon as the caller has its answer.

A plain file, not a table: a call must be answered while a writer keeps a transaction of the shop
open, as a real shop does when a payment takes long.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILE_NAME = "requests.jsonl"


class RequestLog:
    """The calls to one sandbox, written and read by any number of processes."""

    def __init__(self, folder: Path) -> None:
        """Open the log in a folder.

        Args:
            folder: Where the sandbox keeps its data.
        """
        self._path = folder / _FILE_NAME
        self._path.touch()

    @cached_property
    def _descriptor(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND)

    def record(self, entry: dict[str, Any]) -> None:
        """Add a call.

        Args:
            entry: ``at`` (the sandbox's time as Unix seconds), ``system``, ``method``, ``path``,
                ``query``, ``status`` (what the client saw, None when the connection was dropped),
                ``client`` (its ``User-Agent``) and ``fault``.
        """
        os.write(self._descriptor, orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def find(
        self,
        *,
        system: str | None = None,
        method: str | None = None,
        path: str | None = None,
        status: int | None = None,
        since: float | None = None,
        limit: int = -1,
    ) -> list[dict[str, Any]]:
        """Return calls in the order in which they were answered.

        Args:
            system: ``adobe`` or ``exact``.
            method: HTTP method.
            path: Pattern of the path (shell wildcards).
            status: What the client saw.
            since: Only calls at or after this moment (Unix seconds of the sandbox's clock).
            limit: Only the first calls; -1 for all.
        """
        found = (
            entry
            for entry in self._entries()
            if system in (None, entry["system"])
            and method in (None, entry["method"])
            and (path is None or fnmatchcase(entry["path"], path))
            and status in (None, entry["status"])
            and (since is None or entry["at"] >= since)
        )
        return list(islice(found, None if limit < 0 else limit))

    def clear(self) -> None:
        """Forget all calls."""
        os.truncate(self._path, 0)

    def _entries(self) -> Iterator[dict[str, Any]]:
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.endswith(b"\n"):  # otherwise it is being written, and not yet answered
                    yield {"id": number, **orjson.loads(line)}

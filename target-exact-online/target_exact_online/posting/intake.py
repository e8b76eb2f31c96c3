"""From the input into the ledger: records are committed in groups, and STATE right after them.

A STATE is true once everything before it lies durably in the ledger, so nothing waits for Exact.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exact_online.errors import RetriableError
from target_exact_online.ledger.rows import Document

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.posting.backlog import Backlog
    from target_exact_online.summary import Summary

_QUEUE_SIZE = 500
_GROUP = 100
_POLL_SECONDS = 0.5


@dataclass(slots=True)
class Intake:
    """Takes documents into the ledger while the input is read; one thread runs it."""

    ledger: Ledger  # the audit trail
    run: Run
    backlog: Backlog  # is told of what has arrived
    summary: Summary  # counts what happens
    write_state: Callable[[dict[str, Any]], None]  # writes one STATE for the tap
    # Called after every group with the number of queued messages.
    on_progress: Callable[[int], None]
    check_company: Callable[[], object]  # raises when the company of the settings cannot be used
    _checked: bool = False
    _queue: queue.Queue[Document | dict[str, Any] | None] = field(
        default_factory=lambda: queue.Queue(_QUEUE_SIZE)
    )
    _ended: threading.Event = field(default_factory=threading.Event)

    def put(self, item: Document | dict[str, Any] | None, check: Callable[[], None]) -> None:
        """Queue a document, a STATE or the end (None); ``check`` raises while there is no room."""
        while True:
            check()
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return

    def end(self) -> None:
        """Take in what is queued, and no more: the run is ending."""
        self._ended.set()

    def take_in(self) -> None:
        """Take everything in, until the input ends or the run does."""
        last = False
        try:
            while not last:
                group, state, last = self._group()
                if group:
                    self._check_company()
                    for document, step in self.ledger.arrive(self.run, group):
                        self.summary.tell(document, step)
                    self.backlog.notify()
                if state is not None:
                    self.write_state(state)
                self.on_progress(self._queue.qsize())
        finally:
            self.backlog.notify(ended=True)

    def _check_company(self) -> None:
        """Take nothing in for a company that cannot be used: it is part of a document's identity.

        Raises:
            FatalError: The setting or the login is wrong.
        """
        if not self._checked:
            with contextlib.suppress(RetriableError):  # away: what arrives waits in the ledger
                self.check_company()
            self._checked = True

    def _group(self) -> tuple[list[Document], dict[str, Any] | None, bool]:
        """Return documents, the STATE that is true after them, and whether the input has ended."""
        group: list[Document] = []
        state: dict[str, Any] | None = None
        while len(group) < _GROUP:
            try:
                # What came together is written together; nothing waits for more to come.
                item = self._queue.get(block=not (group or state), timeout=_POLL_SECONDS)
            except queue.Empty:
                if group or state or not self._ended.is_set():
                    return group, state, False
                return group, state, True
            if item is None:
                return group, state, True
            if isinstance(item, Document):
                group.append(item)
            else:
                state = item
        return group, state, False

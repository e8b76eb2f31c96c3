"""Between reading and posting: a bounded queue, one posting thread, and STATE in its right place.

Reading never waits for Exact longer than the queue is full. A STATE travels in the queue behind
the records that came before it, and is written when all of them are posted or durably held.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_exact_online.ledger.entries import Document
    from target_exact_online.posting import Posting

Priority = Literal["waiting", "credit_memos", "new"]

_QUEUE_SIZE = 500
_MAX_BATCH = 100
_BATCH_SECONDS = 0.5  # an intent is never committed much longer than this before its call
_POLL_SECONDS = 0.5
_GATHER_SECONDS = 0.005  # how late the end of a batch's calls may be seen


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """A STATE message: true once everything before it is done."""

    state: dict[str, Any]


class Outbox:
    """Hands documents to a `Posting` in batches, and writes STATE behind them."""

    def __init__(
        self,
        posting: Posting,
        write_state: Callable[[dict[str, Any]], None],
        stop: threading.Event,
        on_progress: Callable[[int], None],
        *,
        priority: Priority = "waiting",
        at_last: Callable[[], None] | None = None,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            posting: Posts batches.
            write_state: Writes one STATE for the tap.
            stop: Ends posting after the calls in flight.
            on_progress: Called after every batch with the number of queued messages.
            priority: Whether documents of earlier runs go before new ones.
            at_last: What is done when everything is posted and settled.
        """
        self._at_last = at_last
        self._priority = priority
        self._posting = posting
        self._write_state = write_state
        self._stop = stop
        self._on_progress = on_progress
        self._queue: queue.Queue[Document | _Checkpoint | None] = queue.Queue(_QUEUE_SIZE)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="outbox")
        self._ended = threading.Event()
        self._put_back: Document | None = None
        self._due: dict[str, Any] | None = None  # true when the batch under way is recorded
        self._batch_size = 1

    def start(self) -> None:
        """Begin with the work of earlier runs."""
        self._thread.start()

    def submit(self, document: Document) -> None:
        """Queue a document.

        Raises:
            TargetError: What ended posting.
        """
        self._put(document)

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Queue a STATE behind the documents before it."""
        self._put(_Checkpoint(state))

    def finish(self) -> None:
        """Post everything queued, settle what was lost, and end.

        Raises:
            TargetError: What ended posting.
        """
        self._put(None)
        # Not joined: a signal's exception in `join` makes Python 3.11 take the thread for ended.
        self._ended.wait()
        self._raise()

    def stop(self) -> None:
        """Finish the calls in flight, write the STATE that is true, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _put(self, item: Document | _Checkpoint | None) -> None:
        while True:
            self._raise()
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with contextlib.closing(self._posting):
                self._work()
        except BaseException as error:  # noqa: BLE001  # raised again in the reading thread
            self._error = error
        finally:
            self._ended.set()

    def _work(self) -> None:
        self._posting.recover()
        if self._priority == "credit_memos":
            self._posting.drain("credit_memo")
        if self._priority != "new":
            self._posting.drain()
        self._on_progress(self._queue.qsize())
        last = False
        while not (last or self._stop.is_set()):
            documents, state, last = self._next_batch()
            if documents:
                self._post(documents)
            else:
                self._finish()
            self._due = state or self._due
            self._on_progress(self._queue.qsize())
        self._finish()
        if self._priority == "new":
            self._posting.drain()
        self._posting.settle(wait=not self._stop.is_set())
        self._posting.compare_printed()
        if self._at_last is not None:
            self._at_last()

    def _post(self, documents: list[Document]) -> None:
        """Begin to post a batch; the one before is recorded then, and its STATE true."""
        began = time.monotonic()
        self._posting.post(documents)
        self._write_due()
        took = max((time.monotonic() - began) / len(documents), self._posting.pace, 1e-6)
        self._batch_size = max(1, min(_MAX_BATCH, 2 * self._batch_size, int(_BATCH_SECONDS / took)))

    def _finish(self) -> None:
        self._posting.finish()
        self._write_due()

    def _write_due(self) -> None:
        if self._due is not None:
            self._write_state(self._due)
            self._due = None

    def _next_batch(self) -> tuple[list[Document], dict[str, Any] | None, bool]:
        """Return documents, the STATE that is true after them, and whether input has ended.

        Documents gather while the calls of the batch before are under way. None are returned
        when there are none by the time it has to be recorded.
        """
        documents: list[Document] = []
        keys: set[str] = set()
        state: dict[str, Any] | None = None
        if self._put_back is not None:
            documents.append(self._put_back)
            keys.add(self._put_back.document_key)
            self._put_back = None
        while len(documents) < self._batch_size:
            item = self._get(any_yet=bool(documents or state))
            if item is _NOTHING:
                break
            if item is None:
                return documents, state, True
            if isinstance(item, _Checkpoint):
                state = item.state
            elif item.document_key in keys:
                self._put_back = item  # two versions of one document: one after the other
                break
            else:
                documents.append(item)
                keys.add(item.document_key)
        return documents, state, False

    def _get(self, *, any_yet: bool) -> Any:
        """Return the next message; nothing when it is time to go on with what there is."""
        while not self._stop.is_set():
            idle = not (any_yet or self._posting.under_way)
            try:
                if idle:
                    return self._queue.get(timeout=_POLL_SECONDS)
                if self._posting.calling:
                    return self._queue.get(timeout=_GATHER_SECONDS)
                return self._queue.get_nowait()
            except queue.Empty:
                if not idle and not self._posting.calling:
                    return _NOTHING
        return _NOTHING


_NOTHING = object()

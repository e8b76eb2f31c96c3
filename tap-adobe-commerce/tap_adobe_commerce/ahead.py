"""Work done ahead in threads, results in order, memory bounded."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_POLL_SECONDS = 0.2


class _End:
    """Marks the end of a task's items, and the error that ended it, if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Task(Generic[T]):
    """One thread that makes items while there are free places for them."""

    def __init__(
        self, work: Callable[[], Iterable[T]], buffered: int, stop: threading.Event
    ) -> None:
        self._work = work
        self._stop: Final = stop
        self._places = threading.Semaphore(buffered)
        self._items: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        # A daemon: a run that ends must not wait for a call that is still under way.
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        end = _End()
        try:
            items = iter(self._work())
            # The place is taken before the item is made, so that no item waits outside of one.
            while self._has_place() and (item := next(items, end)) is not end:
                self._items.put(item)
        except BaseException as error:  # noqa: BLE001  # raised again where it is read
            end = _End(error)
        self._items.put(end)

    def _has_place(self) -> bool:
        while not self._places.acquire(timeout=_POLL_SECONDS):
            if self._stop.is_set():
                return False
        return not self._stop.is_set()

    def __iter__(self) -> Iterator[T]:
        while True:
            item = self._items.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            self._places.release()
            yield item


def in_order(
    tasks: Iterable[Callable[[], Iterable[T]]], *, workers: int, buffered: int = 1
) -> Iterator[T]:
    """Run tasks in threads and yield their items as if they ran one after the other.

    Args:
        tasks: Each returns items; taken one by one, in the calling thread, as threads get free.
        workers: Tasks that run at once.
        buffered: Items a task may be ahead.

    Yields:
        All items of the first task, then of the second, and so on. A task's error is raised where
        its next item would stand.
    """
    stop = threading.Event()
    waiting = iter(tasks)
    running: deque[_Task[T]] = deque()

    def fill() -> None:
        while len(running) < workers:
            work = next(waiting, None)
            if work is None:
                return
            running.append(_Task(work, buffered, stop))

    try:
        fill()
        while running:
            yield from running[0]
            running.popleft()
            fill()
    finally:
        stop.set()


def ahead(items: Callable[[], Iterable[T]], *, buffered: int = 1) -> Iterator[T]:
    """Yield items that one thread makes ahead."""
    return in_order([items], workers=1, buffered=buffered)

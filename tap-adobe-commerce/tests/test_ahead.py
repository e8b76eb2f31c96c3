"""Work ahead in threads: order, bounds, errors in their place, threads that end."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_adobe_commerce.ahead import ahead, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator


class BrokenError(Exception):
    pass


@given(
    st.lists(st.lists(st.integers(), max_size=5), max_size=8), st.integers(1, 4), st.integers(1, 3)
)
def test_items_come_as_if_tasks_ran_one_after_the_other(
    tasks: list[list[int]], workers: int, buffered: int
) -> None:
    made = in_order([partial(list, task) for task in tasks], workers=workers, buffered=buffered)

    assert list(made) == [item for task in tasks for item in task]


def test_tasks_run_at_once() -> None:
    meeting = threading.Barrier(3, timeout=5)

    def meet() -> list[int]:
        return [meeting.wait() >= 0]

    assert list(in_order([meet] * 3, workers=3)) == [True] * 3


def test_no_more_is_made_than_there_is_room_for() -> None:
    made: list[int] = []

    def count() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    items = ahead(count, buffered=2)
    assert next(items) == 0
    deadline = time.monotonic() + 30
    while len(made) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)

    assert made == [0, 1, 2]  # one is out, two wait
    items.close()  # type: ignore[attr-defined]


def test_an_error_comes_after_the_items_before_it() -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise BrokenError

    items = in_order([partial(list, [0]), fail, partial(list, [2])], workers=3)

    assert next(items) == 0
    assert next(items) == 1
    with pytest.raises(BrokenError):
        next(items)


def test_threads_end_when_nobody_reads_on() -> None:
    before = set(threading.enumerate())

    def endless() -> Iterator[int]:
        while True:
            yield 0

    items = in_order([endless, endless], workers=2)
    assert next(items) == 0
    started = set(threading.enumerate()) - before
    assert len(started) == 2
    items.close()  # type: ignore[attr-defined]

    for thread in started:
        thread.join(timeout=30)
        assert not thread.is_alive()

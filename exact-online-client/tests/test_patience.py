"""While Exact takes no calls: growing pauses, all threads together, and an end that says when."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from exact_online.errors import NotNowError
from exact_online.patience import Patience, retry_after

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()


@dataclass
class FakeTime:
    now: float = NOON
    slept: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@pytest.fixture
def clock() -> FakeTime:
    random.seed(1)
    return FakeTime()


def make(clock: FakeTime, max_wait: float = 300) -> Patience:
    return Patience(max_wait, clock=clock, sleep=clock.sleep, cancelled=threading.Event())


def fail(patience: Patience, reason: str = "HTTP 503", at_least: float = 0) -> None:
    with patience.turn() as turn:
        turn.failed(reason, at_least=at_least)


def work(patience: Patience) -> None:
    with patience.turn() as turn:
        turn.worked()


def test_nobody_waits_without_trouble(clock: FakeTime) -> None:
    patience = make(clock)
    for _ in range(1000):
        work(patience)
    assert clock.slept == 0


def test_pauses_grow_with_jitter_and_end(clock: FakeTime) -> None:
    patience = make(clock, max_wait=300)
    pauses, before = [], 0.0
    with pytest.raises(NotNowError) as caught:  # noqa: PT012  # how often is the question
        for _ in range(100):
            fail(patience)
            pauses.append(clock.slept - before)
            before = clock.slept
    assert 8 <= len(pauses) <= 20
    assert pauses[1] < 1
    for number, pause in enumerate(pauses[1:-1], start=0):
        longest = min(0.5 * 2**number, 60)
        assert longest / 2 <= pause <= longest + 1
    assert 299 <= clock.slept <= 300.1
    assert "HTTP 503" in str(caught.value)
    assert caught.value.retry_at.timestamp() == pytest.approx(clock.now + 300)
    assert caught.value.endpoint is None
    with pytest.raises(NotNowError):  # and the run's other calls do not wait again
        work(patience)
    assert clock.slept <= 300.1


def test_an_answer_ends_the_trouble(clock: FakeTime) -> None:
    patience = make(clock, max_wait=10)
    for _ in range(20):
        fail(patience)
        work(patience)
    assert clock.slept < 20


def test_what_exact_asks_for_is_waited(clock: FakeTime) -> None:
    patience = make(clock)
    fail(patience, at_least=42)
    work(patience)
    assert 42 <= clock.slept <= 43
    fail(patience, at_least=3600)
    with pytest.raises(NotNowError) as caught:
        work(patience)
    assert caught.value.retry_at.timestamp() == pytest.approx(clock.now + 3600)
    clock.now += 3600
    work(patience)


def test_no_moment_is_believed_beyond_a_day(clock: FakeTime) -> None:
    patience = make(clock)
    fail(patience, at_least=1e12)
    with pytest.raises(NotNowError) as caught:
        work(patience)
    assert caught.value.retry_at.timestamp() == pytest.approx(clock.now + 86_400)


def test_no_wait_at_all_if_none_is_wanted(clock: FakeTime) -> None:
    patience = make(clock, max_wait=0)
    fail(patience)
    with pytest.raises(NotNowError):
        work(patience)
    assert clock.slept == 0


def test_calls_that_fail_together_count_once(clock: FakeTime) -> None:
    patience = make(clock)
    with contextlib.ExitStack() as stack:
        turns = [stack.enter_context(patience.turn()) for _ in range(6)]
        for turn in turns[:5]:
            turn.failed("HTTP 503")
        turns[5].worked()  # an answer to a call from before says nothing about now
    work(patience)
    assert 0.25 <= clock.slept <= 0.6


@pytest.mark.parametrize("back", [10.0, 400 * 86_400.0])
def test_a_clock_that_is_set_back(clock: FakeTime, back: float) -> None:
    patience = make(clock)
    fail(patience, at_least=50)
    clock.now -= back
    work(patience)
    assert clock.slept <= 61


def test_one_thread_tries_while_the_others_wait() -> None:
    cancelled = threading.Event()
    patience = Patience(60, clock=time.time, sleep=cancelled.wait, cancelled=cancelled)
    fail(patience)
    at_once, most, tried = 0, 0, 0
    lock = threading.Lock()

    def run() -> None:
        nonlocal at_once, most, tried
        with patience.turn() as turn:
            with lock:
                at_once += 1
                most = max(most, at_once)
                tried += turn.tries
            time.sleep(0.2)
            with lock:
                at_once -= 1
            if turn.tries:
                assert at_once == 0
            turn.worked()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tried == 1
    assert most == 3  # the rest, once the first had its answer


def test_a_try_that_ends_without_a_word_lets_the_next_try(clock: FakeTime) -> None:
    patience = make(clock)
    fail(patience)
    with pytest.raises(KeyboardInterrupt), patience.turn():
        raise KeyboardInterrupt
    work(patience)
    assert clock.slept < 2


def test_the_end_of_a_run_ends_the_wait() -> None:
    cancelled = threading.Event()
    patience = Patience(600, clock=time.time, sleep=cancelled.wait, cancelled=cancelled)
    fail(patience, at_least=100)
    threading.Timer(0.2, cancelled.set).start()
    begun = time.monotonic()
    with pytest.raises(NotNowError):
        work(patience)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", 0),
        ("17", 17),
        (" 17 ", 17),
        ("Wed, 04 Mar 2026 12:01:00 GMT", 60),
        ("Wed, 04 Mar 2026 11:00:00 GMT", 0),
        ("soon", 0),
        ("-5", 0),
        ("\u0663", 0),
        ("1e9", 0),
        ("9" * 5000, 999_999_999),
    ],
)
def test_retry_after(said: str, seconds: float) -> None:
    assert retry_after({"Retry-After": said}, NOON) == seconds
    assert retry_after({}, NOON) == 0

"""One budget for all processes: never a call too many, and the headers win."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exact_online.errors import BudgetExhaustedError
from exact_online.limits import HOUR, Budget, Priority
from exact_online.windows import DAY, MINUTE, Observation, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Engine

DIVISION = 3000001
ENDPOINT = "salesentry/SalesEntries"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()


@dataclass
class FakeTime:
    """A clock that moves only when somebody sleeps."""

    now: float = NOON
    slept: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@dataclass
class Exact:
    """Counts calls as Exact does, and answers with its headers."""

    clock: FakeTime
    minute_limit: int = 60
    day_limit: int = 5_000
    used: dict[tuple[str, int], int] = field(default_factory=dict)
    refused: int = 0

    def answer(self) -> tuple[int, dict[str, str]]:
        now = self.clock()
        date = {"Date": format_datetime(datetime.fromtimestamp(int(now), UTC), usegmt=True)}
        minute, day = ("minute", int(now // MINUTE)), ("day", int(now // DAY))
        minute_left = self.minute_limit - self.used.get(minute, 0)
        day_left = self.day_limit - self.used.get(day, 0)
        if minute_left <= 0 or day_left <= 0:
            self.refused += 1
            return 429, date
        self.used[minute] = self.used.get(minute, 0) + 1
        self.used[day] = self.used.get(day, 0) + 1
        return 201, date | {
            "X-RateLimit-Limit": str(self.day_limit),
            "X-RateLimit-Remaining": str(day_left - 1),
            "X-RateLimit-Reset": str(int((now // DAY + 1) * DAY) * 1000),
            "X-RateLimit-Minutely-Limit": str(self.minute_limit),
            "X-RateLimit-Minutely-Remaining": str(minute_left - 1),
            "X-RateLimit-Minutely-Reset": str(int((now // MINUTE + 1) * MINUTE) * 1000),
        }


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


def call(budget: Budget, exact: Exact, priority: Priority = Priority.NORMAL) -> int:
    ticket = budget.acquire(ENDPOINT, division=DIVISION, priority=priority)
    status, headers = exact.answer()
    budget.observe(ticket, status, headers)
    return status


def test_a_process_uses_the_whole_minute_and_waits_for_the_next(
    engine: Engine, clock: FakeTime
) -> None:
    budget, exact = Budget(engine, "app", clock=clock, sleep=clock.sleep), Exact(clock)
    for _ in range(60):
        call(budget, exact)
    assert clock.slept == 0
    call(budget, exact)
    assert MINUTE <= clock.slept <= MINUTE + 2
    assert exact.refused == 0


def test_the_headers_raise_and_lower_the_assumed_limits(engine: Engine, clock: FakeTime) -> None:
    budget = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    generous = Exact(clock, minute_limit=100, day_limit=9_000)
    for _ in range(100):
        call(budget, generous)
    assert clock.slept == 0
    assert budget.left(division=DIVISION).minute == (0, 100)
    assert budget.left(division=DIVISION).day == (8_900, 9_000)

    clock.now += MINUTE + 2
    strict = Exact(clock, minute_limit=20, day_limit=9_000)
    for _ in range(40):
        call(budget, strict)
    assert strict.refused == 0


def test_the_day_ends_the_run_but_settling_may_still_ask(engine: Engine, clock: FakeTime) -> None:
    budget = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    exact = Exact(clock, minute_limit=1_000, day_limit=200)
    for _ in range(198):
        call(budget, exact)
    with pytest.raises(BudgetExhaustedError) as caught:
        call(budget, exact)
    assert caught.value.resume_at == datetime(2026, 3, 5, tzinfo=UTC)
    assert caught.value.endpoint is None
    assert call(budget, exact, Priority.SETTLING) == 201
    assert call(budget, exact, Priority.SETTLING) == 201
    with pytest.raises(BudgetExhaustedError):
        call(budget, exact, Priority.SETTLING)
    clock.now = datetime(2026, 3, 5, 0, 0, 2, tzinfo=UTC).timestamp()
    assert call(budget, exact) == 201
    assert exact.refused == 0


def test_calls_of_another_program_are_seen_in_the_headers(engine: Engine, clock: FakeTime) -> None:
    budget, exact = Budget(engine, "app", clock=clock, sleep=clock.sleep), Exact(clock)
    for _ in range(60):
        if exact.used.get(("minute", int(clock() // MINUTE)), 0) < 30:
            exact.answer()  # somebody else, one call for each of ours
        call(budget, exact)
    assert exact.refused == 0


def test_a_refusal_without_headers_means_the_minute_then_the_day(
    engine: Engine, clock: FakeTime
) -> None:
    budget = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    budget.observe(budget.acquire(ENDPOINT, division=DIVISION), 429, {})
    ticket = budget.acquire(ENDPOINT, division=DIVISION)
    assert MINUTE <= clock.slept <= MINUTE + 2
    budget.observe(ticket, 429, {})
    with pytest.raises(BudgetExhaustedError) as caught:
        budget.acquire(ENDPOINT, division=DIVISION)
    assert caught.value.resume_at == datetime(2026, 3, 5, tzinfo=UTC)


def test_an_endpoint_with_errors_is_left_alone_by_every_process(
    engine: Engine, clock: FakeTime
) -> None:
    first = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    for _ in range(6):
        first.observe(first.acquire(ENDPOINT, division=DIVISION), 500, {})
        clock.now += 10
    for budget in (first, Budget(engine, "app", clock=clock, sleep=clock.sleep)):
        with pytest.raises(BudgetExhaustedError) as caught:
            budget.acquire(ENDPOINT, division=DIVISION)
        assert caught.value.endpoint == ENDPOINT
        assert caught.value.resume_at.timestamp() == NOON + HOUR
        budget.unanswered(budget.acquire("salesorder/SalesOrders", division=DIVISION))
        budget.unanswered(budget.acquire(ENDPOINT, division=DIVISION + 1))
    clock.now = NOON + HOUR + 1
    first.unanswered(first.acquire(ENDPOINT, division=DIVISION))


@pytest.mark.parametrize("ahead", [-3_600.0, -7.0, -0.7, 0.7, 7.0, 3_600.0])
def test_a_clock_that_differs_does_not_lead_to_refusals(engine: Engine, ahead: float) -> None:
    ours, theirs = FakeTime(NOON + ahead), FakeTime(NOON)

    def sleep(seconds: float) -> None:
        ours.sleep(seconds)
        theirs.now += seconds

    budget, exact = Budget(engine, "app", clock=ours, sleep=sleep), Exact(theirs)
    for _ in range(240):
        call(budget, exact)
    assert exact.refused == 0
    assert ours.slept < 4 * (MINUTE + 2)


def test_a_run_that_ends_does_not_wait_for_the_next_minute(engine: Engine) -> None:
    budget = Budget(engine, "app")
    budget.observe(budget.acquire(ENDPOINT, division=DIVISION), 429, {})
    threading.Timer(0.3, budget.cancel).start()
    begun = time.monotonic()
    with pytest.raises(BudgetExhaustedError, match="was ended"):
        budget.acquire(ENDPOINT, division=DIVISION)
    assert 0.2 < time.monotonic() - begun < 30


def test_unused_calls_are_given_back(engine: Engine, clock: FakeTime) -> None:
    exact = Exact(clock)
    for _ in range(20):  # short runs, one call each, within one minute
        budget = Budget(engine, "app", clock=clock, sleep=clock.sleep)
        call(budget, exact)
        budget.release()
    assert clock.slept == 0
    assert exact.refused == 0


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
)
@given(
    minute_limit=st.integers(3, 70),
    day_limit=st.integers(5, 150),
    turns=st.lists(
        st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 5)), min_size=40, max_size=160
    ),
)
def test_any_interleaving_of_processes_stays_within_the_limits(
    open_limits: Callable[[str], Engine],
    tmp_path_factory: pytest.TempPathFactory,
    minute_limit: int,
    day_limit: int,
    turns: list[tuple[int, bool, int]],
) -> None:
    folder = tmp_path_factory.mktemp("budget")
    clock = FakeTime()
    exact = Exact(clock, minute_limit, day_limit)
    # The ledger knows the limits from an earlier run; the very first answers may come late.
    engine = open_limits(f"sqlite:///{folder}/limits.db")
    call(first := Budget(engine, "app", clock=clock, sleep=clock.sleep), exact)
    first.release()
    budgets = [Budget(engine, "app", clock=clock, sleep=clock.sleep) for _ in range(3)]
    late = []
    for process, answers_at_once, pause in turns:
        budget = budgets[process]
        try:
            ticket = budget.acquire(ENDPOINT, division=DIVISION)
        except BudgetExhaustedError:
            break
        answer = exact.answer()
        if answers_at_once:
            budget.observe(ticket, *answer)
        else:
            late.append((budget, ticket, answer))
        if late and pause == 0:
            slow, slow_ticket, slow_answer = late.pop(0)
            slow.observe(slow_ticket, *slow_answer)
        clock.now += pause
    assert exact.refused == 0


def test_a_window_is_full_again_after_its_end_and_not_before() -> None:
    window = Window(60, 0, NOON + 60)
    assert window.at(NOON + 60.5, MINUTE) is window
    assert window.at(NOON + 61, MINUTE) == Window(60, 60, NOON + 120)


def test_an_answer_from_the_window_before_changes_nothing() -> None:
    window = Window(60, 50, NOON + 120)
    late = Observation(60, 0, ends_at=NOON + 60, asked_in=NOON + 60)
    assert window.corrected(late, outstanding=0) == window
    behind = Observation(60, 3, ends_at=NOON + 60, asked_in=NOON + 120)
    assert window.corrected(behind, outstanding=1) == Window(60, 2, NOON + 60)

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

from exact_online.errors import NotNowError
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
    with pytest.raises(NotNowError) as caught:
        call(budget, exact)
    assert caught.value.retry_at == datetime(2026, 3, 5, tzinfo=UTC)
    assert caught.value.endpoint is None
    assert call(budget, exact, Priority.SETTLING) == 201
    assert call(budget, exact, Priority.SETTLING) == 201
    with pytest.raises(NotNowError):
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


def test_a_refusal_without_headers_spends_nothing(engine: Engine, clock: FakeTime) -> None:
    for _ in range(3):
        budget = Budget(engine, "app", clock=clock, sleep=clock.sleep)
        budget.observe(budget.acquire(ENDPOINT, division=DIVISION), 429, {})
        budget.observe(budget.acquire(ENDPOINT, division=DIVISION), 429, {})
        left = Budget(engine, "app", clock=clock, sleep=clock.sleep).left(division=DIVISION)
        assert left.day[0] > 4_900
        budget.release()
    assert clock.slept == 0


def test_an_endpoint_with_errors_is_left_alone_by_every_process(
    engine: Engine, clock: FakeTime
) -> None:
    first = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    for _ in range(6):
        first.observe(first.acquire(ENDPOINT, division=DIVISION), 500, {})
        clock.now += 10
    for budget in (first, Budget(engine, "app", clock=clock, sleep=clock.sleep)):
        with pytest.raises(NotNowError) as caught:
            budget.acquire(ENDPOINT, division=DIVISION)
        assert caught.value.endpoint == ENDPOINT
        assert caught.value.retry_at.timestamp() == NOON + HOUR
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


SPENT_MINUTE = {
    "X-RateLimit-Minutely-Limit": "60",
    "X-RateLimit-Minutely-Remaining": "0",
}


def test_a_run_that_ends_does_not_wait_for_the_next_minute(engine: Engine) -> None:
    budget = Budget(engine, "app")
    reset = {"X-RateLimit-Minutely-Reset": str(time.time() + 50)}
    budget.observe(budget.acquire(ENDPOINT, division=DIVISION), 429, SPENT_MINUTE | reset)
    threading.Timer(0.3, budget.cancel).start()
    begun = time.monotonic()
    with pytest.raises(NotNowError, match="was ended"):
        budget.acquire(ENDPOINT, division=DIVISION)
    assert 0.2 < time.monotonic() - begun < 30


def test_waiting_is_logged(
    engine: Engine, clock: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    budget = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    reset = {"X-RateLimit-Minutely-Reset": str(NOON + 50)}
    budget.observe(budget.acquire(ENDPOINT, division=DIVISION), 429, SPENT_MINUTE | reset)
    with caplog.at_level("INFO", logger="exact_online.limits"):
        budget.acquire(ENDPOINT, division=DIVISION)
    assert caplog.messages == ["The calls of this minute are spent: waiting 51 s."]


@pytest.mark.parametrize("wrong_by", [-400 * DAY, -DAY, -3_600.0, 3_600.0, DAY, 5 * 365 * DAY])
def test_what_a_wrong_clock_stored_locks_no_later_run_out(
    engine: Engine, clock: FakeTime, wrong_by: float
) -> None:
    wrong = FakeTime(NOON + wrong_by)
    budget, exact = Budget(engine, "app", clock=wrong, sleep=wrong.sleep), Exact(wrong, 3, 5)
    for _ in range(3):
        call(budget, exact)
    for _ in range(6):
        budget.observe(budget.acquire("crm/Accounts", division=DIVISION + 1), 500, {})
    budget.release()
    later_run = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    assert call(later_run, Exact(clock, 3, 5)) == 201
    later_run.acquire("crm/Accounts", division=DIVISION + 1)
    assert clock.slept <= MINUTE + 2


@pytest.mark.parametrize("back", [10.0, 3_600.0, 400 * DAY])
def test_a_clock_that_is_set_back_makes_no_wait_longer(engine: Engine, back: float) -> None:
    clock = FakeTime()
    naps = 0

    def sleep(seconds: float) -> None:
        nonlocal naps
        naps += 1
        clock.sleep(seconds - (back if naps == 3 else 0))

    budget = Budget(engine, "app", clock=clock, sleep=sleep)
    reset = {"X-RateLimit-Minutely-Reset": str(NOON + 50)}
    budget.observe(budget.acquire(ENDPOINT, division=DIVISION), 429, SPENT_MINUTE | reset)
    budget.acquire(ENDPOINT, division=DIVISION)
    assert naps < 3 * MINUTE


def test_a_day_that_an_earlier_run_was_told_is_spent_is_tried_once(
    engine: Engine, clock: FakeTime
) -> None:
    spent = Exact(clock, 1_000, 10)
    budget = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    for _ in range(10):
        call(budget, spent, Priority.SETTLING)
    with pytest.raises(NotNowError):
        call(budget, spent, Priority.SETTLING)
    assert spent.refused == 0  # this run was told so itself

    raised = Exact(clock, 1_000, 500)  # somebody bought more
    second = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    assert [call(second, raised) for _ in range(20)] == [201] * 20
    second.release()

    third = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    day = {
        "X-RateLimit-Limit": "500",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(NOON + DAY / 2),
    }
    third.observe(third.acquire(ENDPOINT, division=DIVISION), 429, day)
    with pytest.raises(NotNowError) as caught:
        third.acquire(ENDPOINT, division=DIVISION)
    assert caught.value.retry_at.timestamp() == NOON + DAY / 2
    fourth = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    fourth.unanswered(fourth.acquire(ENDPOINT, division=DIVISION))
    with pytest.raises(NotNowError):  # once, whatever becomes of it
        fourth.acquire(ENDPOINT, division=DIVISION)


def test_a_day_that_ends_in_a_moment_is_waited_for(engine: Engine, clock: FakeTime) -> None:
    clock.now = NOON + DAY / 2 - 20
    exact = Exact(clock, 1_000, 20)
    budget = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    for _ in range(30):
        call(budget, exact)
    assert exact.refused == 0
    assert 20 <= clock.slept <= 22


def test_a_reader_leaves_calls_to_others(engine: Engine, clock: FakeTime) -> None:
    exact = Exact(clock, minute_limit=60, day_limit=300)
    reader = Budget(
        engine,
        "app",
        clock=clock,
        sleep=clock.sleep,
        max_calls_part=0.6,
        max_calls_a_minute=50,
    )
    poster = Budget(engine, "app", clock=clock, sleep=clock.sleep)
    for _ in range(50):
        call(reader, exact)
    assert clock.slept == 0
    call(reader, exact)  # ten of the minute are left, and not for it
    assert MINUTE <= clock.slept <= MINUTE + 2
    for _ in range(49):
        call(reader, exact)
    reader.release()
    for _ in range(10):
        call(poster, exact)
    assert clock.slept <= MINUTE + 2
    poster.release()
    reader.release()
    exact.used.clear()
    clock.now += DAY
    for _ in range(180):
        call(reader, exact)
    with pytest.raises(NotNowError, match="60% of the 300 calls"):
        call(reader, exact)
    reader.release()
    for _ in range(300 - 180 - 3):
        call(poster, exact)
    with pytest.raises(NotNowError):
        call(poster, exact)
    assert exact.refused == 0


def test_a_permission_that_was_not_used_counts_nothing(engine: Engine, clock: FakeTime) -> None:
    budget, exact = Budget(engine, "app", clock=clock, sleep=clock.sleep), Exact(clock)
    for _ in range(60):
        budget.unused(budget.acquire(ENDPOINT, division=DIVISION))
        call(budget, exact)
    assert clock.slept == 0
    assert exact.refused == 0


@pytest.mark.parametrize(
    ("limit", "remaining", "reset"),
    [
        ("x", "5", "9"),
        ("60", "", "9"),
        ("60", "0", "nan"),
        ("60", "0", "inf"),
        ("60", "0", "-inf"),
        ("60", "0", "0"),
        ("60", "-5", "1e308"),
        ("0", "0", "9"),
        ("-1", "0", "9"),
        ("9" * 40, "0", "9"),
        ("60", "9" * 40, "9"),
        ("9" * 5000, "0", "9"),
    ],
)
def test_headers_that_make_no_sense_lock_nobody_out(
    engine: Engine, clock: FakeTime, limit: str, remaining: str, reset: str
) -> None:
    budget, exact = Budget(engine, "app", clock=clock, sleep=clock.sleep), Exact(clock)
    names = ("X-RateLimit-Minutely-", "X-RateLimit-")
    nonsense = {
        f"{name}{what}": value
        for name in names
        for what, value in (("Limit", limit), ("Remaining", remaining), ("Reset", reset))
    } | {"Date": "Sat, 99 Foo 9999 10:00:00 GMT"}
    budget.observe(budget.acquire(ENDPOINT, division=DIVISION), 201, nonsense)
    budget.release()
    clock.now += DAY  # what it said at most
    assert [call(budget, exact) for _ in range(30)] == [201] * 30
    assert clock.slept <= MINUTE + 2


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
    # The database knows the limits from an earlier run; the very first answers may come late.
    engine = open_limits(f"sqlite:///{folder}/limits.db")
    call(first := Budget(engine, "app", clock=clock, sleep=clock.sleep), exact)
    first.release()
    budgets = [Budget(engine, "app", clock=clock, sleep=clock.sleep) for _ in range(3)]
    late = []
    for process, answers_at_once, pause in turns:
        budget = budgets[process]
        try:
            ticket = budget.acquire(ENDPOINT, division=DIVISION)
        except NotNowError:
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
    # Who was never told that the day is spent may find it out, once.
    shares = [budget._shares.get(DIVISION) for budget in budgets]
    assert exact.refused <= sum(share.has_tried for share in shares if share)


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

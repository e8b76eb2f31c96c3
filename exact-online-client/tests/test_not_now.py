"""One policy while Exact takes no calls, on a virtual clock and without a network."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
import sqlalchemy as sa

from exact_online.errors import (
    AuthorizationRequiredError,
    NotNowError,
    OutcomeUnknownError,
    TransientApiError,
)
from exact_online.limit_tables import call_windows, endpoint_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Engine

    from exact_online.client import ExactClient

ENTRIES = "salesentry/SalesEntries"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()
JSON = {"Content-Type": "application/json"}
STORED = (201, JSON, {"d": {"EntryID": "1"}})
MINUTE = "X-RateLimit-Minutely-"
DAY = "X-RateLimit-"

Reply = Any
Exact = Any


def windows(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(sa.select(call_windows)).one()


BARE: Reply = (429, {}, b"")
AWAY: Reply = (503, {"Content-Type": "text/html"}, b"<html>")
UNREACHABLE: Reply = requests.ConnectTimeout()
NO_ANSWER: Reply = requests.ReadTimeout()


@pytest.mark.parametrize("reply", [BARE, UNREACHABLE])
def test_a_write_waits_and_is_stored(
    exact: Exact, engine: Engine, connect: Callable[..., ExactClient], reply: Reply
) -> None:
    exact.replies = [reply] * 5
    client = connect()
    assert client.post(ENTRIES, {}) == {"EntryID": "1"}
    client.close()
    assert windows(engine).day_left == (4_999 if reply is UNREACHABLE else 4_994)
    assert windows(engine).leased == 0
    gaps = [b - a for a, b in zip(exact.times, exact.times[1:], strict=False)]
    assert len(gaps) == 5
    assert gaps[0] <= 1.1
    assert all(0.25 * 2**n <= gap <= 0.5 * 2**n + 1 for n, gap in enumerate(gaps))


@pytest.mark.parametrize("reply", [BARE, AWAY, UNREACHABLE, NO_ANSWER])
def test_a_read_waits_and_is_answered(
    exact: Exact, connect: Callable[..., ExactClient], reply: Reply
) -> None:
    exact.replies = [reply] * 5
    exact.otherwise = (200, JSON, {"d": []})
    assert list(connect().get("crm/Accounts")) == []
    assert exact.slept > 3


@pytest.mark.parametrize("status", [408, 502, 503, 504, 520, 521, 522, 523, 524])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "7"}])
def test_a_write_that_a_gateway_answers_is_unknown(
    exact: Exact, connect: Callable[..., ExactClient], status: int, headers: dict[str, str]
) -> None:
    exact.replies = [(status, headers, b"")]
    client = connect()
    with pytest.raises(OutcomeUnknownError):
        client.post(ENTRIES, {})
    assert len(exact.asked) == 1
    client.post(ENTRIES, {})  # and the next call waits before it is made
    assert [method for method, *_ in exact.asked] == ["POST", "GET", "POST"]
    assert exact.slept >= (7 if headers else 0.25)


@pytest.mark.parametrize("reply", [AWAY, NO_ANSWER])
def test_no_second_write_is_put_at_risk_while_exact_is_away(
    exact: Exact, connect: Callable[..., ExactClient], reply: Reply
) -> None:
    exact.replies = [reply] * 6
    client = connect()
    with pytest.raises(OutcomeUnknownError):
        client.post(ENTRIES, {})
    client.put(ENTRIES, "1", {})
    asked = [(method, url.partition("?")[0].rpartition("/")[2]) for method, url, _ in exact.asked]
    assert asked[1:6] == [("GET", "Me")] * 5  # until Exact is back
    assert [method for method, _ in asked[6:]] == ["GET", "PUT"]


@pytest.mark.parametrize("reply", [BARE, UNREACHABLE])
def test_what_was_surely_not_stored_needs_no_question(
    exact: Exact, connect: Callable[..., ExactClient], reply: Reply
) -> None:
    exact.replies = [reply] * 3
    connect().post(ENTRIES, {})
    assert [method for method, *_ in exact.asked] == ["POST"] * 4


@pytest.mark.parametrize("reply", [BARE, AWAY, UNREACHABLE, NO_ANSWER])
def test_after_the_longest_wait_it_is_held_and_the_next_run_tries(
    exact: Exact, engine: Engine, connect: Callable[..., ExactClient], reply: Reply
) -> None:
    exact.otherwise = reply
    client = connect(max_wait_seconds=100)
    with pytest.raises(NotNowError) as caught:
        list(client.get("crm/Accounts"))
    assert 99 <= exact.slept <= 101.1
    assert caught.value.away == (reply is not BARE)
    assert 290 <= caught.value.retry_at.timestamp() - exact.now <= 301
    before = len(exact.asked)
    with pytest.raises(NotNowError):
        client.post(ENTRIES, {})
    assert len(exact.asked) == before
    client.close()
    assert windows(engine).day_left > 4_900  # nothing was guessed
    exact.otherwise = STORED
    connect().post(ENTRIES, {})
    assert exact.slept <= 101.1


def test_a_minute_that_exact_says_is_spent_is_waited_for(
    exact: Exact, connect: Callable[..., ExactClient]
) -> None:
    spent = {f"{MINUTE}Limit": "60", f"{MINUTE}Remaining": "0"}
    exact.now += 20
    exact.replies = [(429, spent | {f"{MINUTE}Reset": str((NOON + 60) * 1000)}, b"")]
    connect(max_wait_seconds=0.5).post(ENTRIES, {})
    assert 60 <= exact.times[1] <= 62


def test_a_day_that_exact_says_is_spent_ends_the_run(
    exact: Exact, engine: Engine, connect: Callable[..., ExactClient]
) -> None:
    midnight = NOON + 12 * 3600
    spent = {f"{DAY}Limit": "5000", f"{DAY}Remaining": "0", f"{DAY}Reset": str(midnight * 1000)}
    exact.replies = [(429, spent, b"")]
    with pytest.raises(NotNowError, match="5000 calls of today") as caught:
        connect().post(ENTRIES, {})
    assert not caught.value.away
    assert caught.value.retry_at.timestamp() == midnight
    assert exact.slept < 2
    assert windows(engine).day_ends_at == midnight


def test_a_refusal_without_headers_is_the_minute_s_while_the_day_has_calls(
    exact: Exact, engine: Engine, connect: Callable[..., ExactClient], caplog: Any
) -> None:
    rest = {f"{DAY}Limit": "5000", f"{DAY}Remaining": "4321", f"{DAY}Reset": str(NOON + 43200)}
    exact.replies = [(201, JSON | rest, {"d": {"EntryID": "1"}}), BARE, BARE, BARE]
    client = connect()
    client.post(ENTRIES, {})
    client.post(ENTRIES, {})
    assert "the minute's limit, as 4321 calls of today are left" in caplog.text
    client.close()
    assert 4_310 <= windows(engine).day_left <= 4_321


@pytest.mark.parametrize("ahead", [-5 * 365 * 86400.0, -7200.0, 7200.0, 5 * 365 * 86400.0])
def test_a_clock_that_is_wrong_in_one_run(
    exact: Exact, engine: Engine, connect: Callable[..., ExactClient], ahead: float
) -> None:
    exact.ahead = ahead
    wrong = connect()
    for _ in range(3):
        wrong.post(ENTRIES, {})
    wrong.close()
    assert NOON < windows(engine).day_ends_at <= NOON + 86_401  # Exact's time
    exact.ahead = 0.0
    connect().post(ENTRIES, {})
    assert exact.slept <= 1


def test_a_clock_that_is_wrong_while_exact_is_away(
    exact: Exact, connect: Callable[..., ExactClient]
) -> None:
    exact.ahead, exact.otherwise = 5 * 365 * 86400.0, UNREACHABLE
    exact.token_replies = [UNREACHABLE] * 50
    with pytest.raises(NotNowError):
        connect(max_wait_seconds=5).post(ENTRIES, {})
    exact.ahead, exact.otherwise, exact.token_replies = 0.0, STORED, []
    before = exact.slept
    connect().post(ENTRIES, {})
    assert exact.slept == before


def test_all_threads_wait_together(exact: Exact, connect: Callable[..., ExactClient]) -> None:
    exact.now = time.time()
    client = connect(sleep=time.sleep, clock=time.time)
    client.post(ENTRIES, {})
    exact.replies, exact.asked = [BARE] * 4, []
    threads = [threading.Thread(target=client.post, args=(ENTRIES, {})) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The first four may have been under way together; from then on one tries for all.
    assert len(exact.asked) == 4 + 4


@pytest.mark.parametrize("reply", [(401, {}, b""), (302, {"Location": "/docs/Login.aspx"}, b"")])
def test_an_unauthorized_call_counts_toward_the_errors(
    exact: Exact, engine: Engine, connect: Callable[..., ExactClient], reply: Reply
) -> None:
    exact.replies = [reply]
    client = connect()
    with pytest.raises(AuthorizationRequiredError):
        client.post(ENTRIES, {})
    with engine.connect() as connection:
        assert len(connection.execute(sa.select(endpoint_errors)).all()) == 1


def test_exact_s_time_is_learned_from_every_answer(
    exact: Exact, connect: Callable[..., ExactClient]
) -> None:
    awake = exact.now
    client = connect(clock=lambda: awake + exact.slept)
    client.post(ENTRIES, {})
    exact.now += 3600  # while this machine slept, and its clock with it
    client.post(ENTRIES, {})
    assert client.tokens.access_token() == f"access-{exact.now}"


def test_a_fresh_token_that_is_refused_is_not_renewed(
    exact: Exact, connect: Callable[..., ExactClient]
) -> None:
    exact.otherwise = (401, {}, b"")
    tokens = len(exact.token_replies)
    client = connect()
    with pytest.raises(AuthorizationRequiredError, match="s old"):
        client.post(ENTRIES, {})
    assert len(exact.asked) == 1
    assert len(exact.token_replies) == tokens
    token = client.tokens.access_token()
    assert token == f"access-{NOON}"  # still the first


def test_a_token_endpoint_that_is_away_is_waited_for(
    exact: Exact, engine: Engine, connect: Callable[..., ExactClient]
) -> None:
    exact.token_replies = [UNREACHABLE, UNREACHABLE, (429, {}, b""), AWAY, (302, {}, b"")]
    client = connect()
    assert client.post(ENTRIES, {})
    assert exact.token_replies == []
    client.close()
    assert windows(engine).leased == 0  # no data call was made for them


def test_a_token_is_fresh_after_a_long_wait(
    exact: Exact, connect: Callable[..., ExactClient]
) -> None:
    client = connect()
    client.post(ENTRIES, {})
    exact.now = NOON + 560
    minute = {f"{MINUTE}Limit": "60", f"{MINUTE}Remaining": "0"}
    exact.replies = [
        (201, JSON | minute | {f"{MINUTE}Reset": str(NOON + 600)}, {"d": {"EntryID": "1"}})
    ]
    client.post(ENTRIES, {})
    client.post(ENTRIES, {})
    assert client.tokens.access_token() == f"access-{exact.now}"


def test_pages_that_do_not_end(exact: Exact, connect: Callable[..., ExactClient]) -> None:
    url = "https://start.exactonline.nl/api/v1/1/hrm/Costcenters?$skiptoken="
    first: Reply = (200, JSON, {"d": {"results": [{"Code": "A"}], "__next": f"{url}2"}})
    back: Reply = (200, JSON, {"d": {"results": [{"Code": "B"}], "__next": f"{url}%32"}})
    exact.replies, exact.otherwise = [first], back
    with pytest.raises(TransientApiError, match="do not end"):
        list(connect().get("hrm/Costcenters", select="Code"))
    assert len(exact.asked) == 2


def test_pages_without_number(
    exact: Exact, connect: Callable[..., ExactClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exact_online.client.MAX_PAGES", 7)
    url = "https://start.exactonline.nl/api/v1/1/hrm/Costcenters?$skiptoken="
    exact.replies = [
        (200, JSON, {"d": {"results": [{"Code": "A"}], "__next": f"{url}{number}"}})
        for number in range(20)
    ]
    with pytest.raises(TransientApiError, match="do not end"):
        list(connect().get("hrm/Costcenters", select="Code"))
    assert len(exact.asked) == 7

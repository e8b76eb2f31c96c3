"""The rotation of the pair, second by second on a virtual clock."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from connector_credentials import open_store
from exact_online.errors import (
    AuthorizationRequiredError,
    ConfigError,
    NotNowError,
    TransientApiError,
)
from exact_online.token_endpoint import TokenEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connector_credentials import CredentialStore
    from exact_online.client import ExactClient
    from exact_online.tokens import TokenSource

Exact = Any
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()
JSON = {"Content-Type": "application/json"}
LOGIN = "exact-online"
TOO_EARLY = (
    400,
    JSON,
    {
        "error": "access_denied",
        "error_description": "Rate limit exceeded: access_token not expired",
    },
)
OLD = (
    401,
    JSON,
    {"error": "unauthorized_client", "error_description": "Old refresh token used."},
)


@pytest.fixture
def source(connect: Callable[..., ExactClient]) -> TokenSource:
    return connect().tokens


@pytest.fixture
def store(tmp_path: Path, connect: Callable[..., ExactClient]) -> CredentialStore:
    assert connect
    return open_store(str(tmp_path / "store"))


def spent(exact: Exact) -> list[str]:
    """The refresh tokens that were sent."""
    return [form["refresh_token"][0] for form in exact.token_forms]


@pytest.mark.parametrize("fraction", [0.0, 0.4, 0.999])
def test_not_a_second_before_570_and_soon_after(
    exact: Exact, connect: Callable[..., ExactClient], fraction: float
) -> None:
    exact.now = NOON + fraction
    source = connect().tokens
    first = source.access_token()
    for second in range(560, 570):
        exact.now = NOON + fraction + second
        assert source.access_token() == first
        assert connect().tokens.access_token() == first  # nor does any other process
    assert len(exact.token_forms) == 1
    exact.now = NOON + fraction + 572
    assert connect().tokens.access_token() != first
    assert len(exact.token_forms) == 2


def test_the_pair_is_on_the_disk_before_anything_else_happens(
    exact: Exact, source: TokenSource, store: CredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between Exact's answer and the disk lies one call; nothing sleeps, and nothing is put off."""
    happened: list[str] = []
    refresh, put = TokenEndpoint.refresh, type(store).put

    def noted_refresh(*arguments: Any) -> Any:
        pair = refresh(*arguments)
        happened.append("answer")
        return pair

    def noted_put(self: CredentialStore, name: str, value: dict[str, Any]) -> None:
        put(self, name, value)
        happened.append("pair" if "unanswered" not in value else "note")

    monkeypatch.setattr(TokenEndpoint, "refresh", noted_refresh)
    monkeypatch.setattr(type(store), "put", noted_put)
    monkeypatch.setattr(time, "sleep", lambda _: happened.append("sleep"))
    monkeypatch.setattr(threading.Thread, "start", lambda _: happened.append("thread"))
    token = source.access_token()
    assert happened == ["note", "answer", "pair"]
    assert store.get(LOGIN)["access_token"] == token
    assert exact.slept == 0


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    "refusal",
    [
        {"error": "unauthorized_client", "error_description": "Old refresh token used."},
        {"error": "invalid_grant", "error_description": "invalid or empty chainId"},
        {"error": "invalid_request", "error_description": "The refresh token expired at 1"},
    ],
)
def test_a_refresh_token_that_comes_with_a_refusal_is_kept_and_used(
    exact: Exact,
    source: TokenSource,
    store: CredentialStore,
    refusal: dict[str, str],
    status: int,
) -> None:
    exact.token_replies = [(status, JSON, refusal | {"refresh_token": "kept"})]
    with pytest.raises(TransientApiError, match="new refresh token"):
        source.access_token()
    entry = store.get(LOGIN)
    assert (entry["refresh_token"], entry["unanswered"]) == ("kept", 0)
    assert "refused" not in entry
    assert source.access_token() == f"access-{NOON}"
    assert spent(exact) == ["r", "kept"]


def test_one_call_uses_the_kept_refresh_token_by_itself(
    exact: Exact, connect: Callable[..., ExactClient]
) -> None:
    status, headers, body = OLD
    exact.token_replies = [(status, headers, body | {"refresh_token": "kept"})]
    assert connect().post("salesentry/SalesEntries", {}) == {"EntryID": "1"}
    assert spent(exact) == ["r", "kept"]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (TOO_EARLY, TransientApiError),
        ((400, JSON, {"error": "invalid_client"}), ConfigError),
        ((400, JSON, {"error": "invalid_grant"}), AuthorizationRequiredError),
        ((500, JSON, {"error": "server_error"}), TransientApiError),
        ((200, JSON, {"token_type": "bearer"}), TransientApiError),
    ],
)
def test_a_refresh_token_is_kept_from_any_answer(
    exact: Exact, source: TokenSource, store: CredentialStore, reply: Any, kind: type[Exception]
) -> None:
    status, headers, body = reply
    exact.token_replies = [(status, headers, body | {"refresh_token": "kept"})]
    with pytest.raises(kind):
        source.access_token()
    assert store.get(LOGIN)["refresh_token"] == "kept"
    exact.now += 600
    assert source.access_token() == f"access-{NOON + 600}"
    assert spent(exact) == ["r", "kept"]


def test_a_spent_token_without_a_new_one_stays_dead(
    exact: Exact, source: TokenSource, store: CredentialStore
) -> None:
    exact.token_replies = [OLD]
    for _ in range(3):
        with pytest.raises(AuthorizationRequiredError, match="authorize"):
            source.access_token()
    assert spent(exact) == ["r"]
    assert store.get(LOGIN)["refresh_token"] == "r"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_a_lost_answer(
    exact: Exact, source: TokenSource, store: CredentialStore, status: int
) -> None:
    exact.token_replies = [(status, {"Location": "https://elsewhere.example/"}, b"")] * 5
    for _ in range(5):
        with pytest.raises(TransientApiError, match="nothing was processed"):
            source.access_token()
    assert store.get(LOGIN)["unanswered"] == 0
    exact.token_replies = [OLD]  # so this cannot be blamed on a lost answer
    with pytest.raises(AuthorizationRequiredError, match="Somebody else used"):
        source.access_token()


@pytest.mark.parametrize(
    "error", [requests.ConnectTimeout(), requests.exceptions.ProxyError("no proxy")]
)
def test_what_was_never_sent_is_not_lost(
    exact: Exact, source: TokenSource, store: CredentialStore, error: Exception
) -> None:
    exact.token_replies = [error] * 5
    for _ in range(5):
        with pytest.raises(TransientApiError, match="cannot be reached"):
            source.access_token()
    assert store.get(LOGIN)["unanswered"] == 0


@pytest.mark.parametrize("ahead", [60.0, 3600.0, 5 * 365 * 86400.0])
def test_a_pair_from_the_future_is_renewed(
    source: TokenSource, store: CredentialStore, ahead: float
) -> None:
    """A clock was wrong when it was stored: it may be old, and Exact says so if it is not."""
    store.put(LOGIN, {**store.get(LOGIN), "access_token": "a", "issued_at": NOON + ahead})
    assert source.access_token() == f"access-{NOON}"


def test_a_machine_that_slept_asks_for_the_time(
    exact: Exact, connect: Callable[..., ExactClient]
) -> None:
    awake = exact.now

    def clock() -> float:
        return awake + exact.slept

    asleep = connect(clock=clock).tokens
    asleep.access_token()
    exact.now += 3600  # while this machine's clock stood still
    newer = connect().tokens.access_token()
    assert asleep.rejected(f"access-{NOON}") == newer
    assert len(exact.token_forms) == 2


def test_a_process_that_knew_the_time_before_the_machine_slept(
    exact: Exact, connect: Callable[..., ExactClient]
) -> None:
    """It sees a pair that looks as if it came from the future, and does not renew it."""
    awake = exact.now
    asleep = connect(clock=lambda: awake + exact.slept).tokens
    asleep._clock.now()
    exact.now += 3600
    newer = connect().tokens.access_token()
    assert asleep.access_token() == newer
    assert len(exact.token_forms) == 1


def test_a_pair_from_the_future_that_is_young_is_used(
    exact: Exact, source: TokenSource, store: CredentialStore
) -> None:
    store.put(LOGIN, {**store.get(LOGIN), "access_token": "a", "issued_at": NOON + 3600})
    exact.token_replies = [TOO_EARLY] * 20
    assert source.access_token() == "a"
    for _ in range(20):
        exact.now += 1
        assert source.access_token() == "a"
    assert len(exact.token_forms) == 1


def test_no_wait_is_believed_beyond_its_length(source: TokenSource, store: CredentialStore) -> None:
    entry = {"access_token": "a", "issued_at": NOON - 600, "wait_until": NOON + 5 * 365 * 86400}
    store.put(LOGIN, {**store.get(LOGIN), **entry})
    assert source.access_token() == f"access-{NOON}"


def test_a_login_that_dies_ends_the_wait_at_once(
    exact: Exact, connect: Callable[..., ExactClient]
) -> None:
    exact.token_replies = [OLD]
    with pytest.raises(AuthorizationRequiredError):
        connect().post("salesentry/SalesEntries", {})
    assert exact.slept == 0


def test_200_token_calls_are_not_wasted_on_waiting(
    exact: Exact, connect: Callable[..., ExactClient]
) -> None:
    exact.token_replies = [(429, {}, b"")] * 200
    with pytest.raises(NotNowError, match="200 token calls"):
        connect().post("salesentry/SalesEntries", {})
    assert len(exact.token_forms) <= 20

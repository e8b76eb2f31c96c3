"""When tokens are renewed, and what happens when that goes wrong, against the sandbox."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
import time_machine

from commerce_sandbox.exact.credentials import APP, INACTIVE_USER, SECOND_APP, issue_tokens
from connector_credentials import generate_key, open_store
from connector_credentials.exceptions import StoreUnavailableError
from exact_online.errors import (
    AuthorizationRequiredError,
    ConfigError,
    TransientApiError,
)
from exact_online.stored_login import app_of, save_login
from exact_online.token_endpoint import TokenPair
from exact_online.tokens import TokenSource, build_token_source

if TYPE_CHECKING:
    from pathlib import Path

    from commerce_sandbox.testing import SandboxHandle
    from connector_credentials import CredentialStore

TOKEN = "/api/oauth2/token"
DAY = 86400


@pytest.fixture
def sandbox(next_day: SandboxHandle) -> SandboxHandle:
    """No test here changes the sandbox's settings."""
    return next_day


@pytest.fixture
def config(
    sandbox: SandboxHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Plain settings, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return sandbox.exact_config()


@pytest.fixture
def store(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CredentialStore:
    """A store with the login of ``config``; the settings then name the store alone."""
    monkeypatch.setenv("CONNECTOR_KEY", generate_key())
    path = str(tmp_path / "store")
    store = open_store(path, create=True)
    store.put("exact-online", {key: value for key, value in config.items() if key != "division"})
    config.clear()
    config["credentials"] = path
    return store


def token_calls(sandbox: SandboxHandle) -> list[int | None]:
    return [call["status"] for call in sandbox.requests() if call["path"] == TOKEN]


def answers(sandbox: SandboxHandle, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    url = f"{sandbox.url}/api/v1/current/Me?$select=CurrentDivision"
    return requests.get(url, headers=headers, timeout=10).status_code


def test_plain_settings_are_enough(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    token = build_token_source(config).access_token()
    assert answers(sandbox, token) == 200
    assert build_token_source(config).access_token() == token
    assert token_calls(sandbox) == [200]


def test_a_store_is_enough(
    config: dict[str, Any], store: CredentialStore, sandbox: SandboxHandle
) -> None:
    token = build_token_source(config).access_token()
    assert answers(sandbox, token) == 200
    assert store.get("exact-online")["access_token"] == token


def test_never_before_570_seconds_and_always_after(
    config: dict[str, Any], sandbox: SandboxHandle
) -> None:
    first = build_token_source(config).access_token()
    start = sandbox.now()
    for age in (300, 500, 555):
        sandbox.advance(age - (sandbox.now() - start).total_seconds())
        assert build_token_source(config).access_token() == first
    sandbox.advance(573 - (sandbox.now() - start).total_seconds())
    second = build_token_source(config).access_token()
    assert second != first
    assert token_calls(sandbox) == [200, 200]


def test_a_running_process_renews_by_itself(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    passed = 0.0
    source = build_token_source(config, clock=lambda: time.monotonic() + passed)
    first = source.access_token()
    passed = 580.0
    sandbox.advance(580)
    assert source.access_token() != first
    assert token_calls(sandbox) == [200, 200]


@pytest.mark.parametrize("wrong_by", [-400 * DAY, -3600, 3600, 400 * DAY])
def test_a_wrong_local_clock_changes_nothing(
    config: dict[str, Any], sandbox: SandboxHandle, wrong_by: float
) -> None:
    def wrong() -> float:
        return time.time() + wrong_by

    first = build_token_source(config).access_token()
    assert build_token_source(config, clock=wrong).access_token() == first
    sandbox.advance(580)
    assert build_token_source(config, clock=wrong).access_token() != first
    assert token_calls(sandbox) == [200, 200]


def test_a_rejected_old_token_is_renewed(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    source = build_token_source(config)
    first = source.access_token()
    sandbox.advance(700)  # this process does not know
    assert source.access_token() == first
    assert answers(sandbox, first) == 401
    second = source.rejected(first)
    assert answers(sandbox, second) == 200
    assert token_calls(sandbox) == [200, 200]


def test_a_rejected_token_that_another_process_renewed(
    config: dict[str, Any], sandbox: SandboxHandle
) -> None:
    source = build_token_source(config)
    first = source.access_token()
    sandbox.advance(700)
    second = build_token_source(config).access_token()
    assert source.rejected(first) == second
    assert token_calls(sandbox) == [200, 200]


def test_a_rejected_young_token_is_a_persons_matter(
    config: dict[str, Any], sandbox: SandboxHandle
) -> None:
    source = build_token_source(config)
    token = source.access_token()
    sandbox.advance(100)
    with pytest.raises(AuthorizationRequiredError, match=r"only (9\d|1\d\d) s old.*division"):
        source.rejected(token)
    assert token_calls(sandbox) == [200]
    assert source.access_token() == token  # other divisions may still be fine


def test_threads_renew_once(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    source = build_token_source(config)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(source.access_token())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert token_calls(sandbox) == [200]


def test_the_new_pair_is_stored_before_it_is_used(
    config: dict[str, Any], store: CredentialStore, sandbox: SandboxHandle
) -> None:
    token = build_token_source(config).access_token()
    stored = store.get("exact-online")
    assert stored["access_token"] == token
    assert stored["refresh_token"] != ""
    assert "unanswered" not in stored
    sandbox.advance(600)
    again = build_token_source(config).access_token()
    assert again != token
    assert store.get("exact-online")["access_token"] == again


def test_a_lost_answer_before_the_call_arrived_recovers(
    config: dict[str, Any], sandbox: SandboxHandle
) -> None:
    sandbox.fault(TOKEN, "drop_before")
    assert answers(sandbox, build_token_source(config).access_token()) == 200
    assert token_calls(sandbox) == [None, 200]


@pytest.mark.parametrize("kind", ["error_before", "unavailable"])
def test_a_failing_server_recovers(
    config: dict[str, Any], sandbox: SandboxHandle, kind: str
) -> None:
    sandbox.fault(TOKEN, kind)
    assert answers(sandbox, build_token_source(config).access_token()) == 200


@pytest.mark.parametrize("kind", ["drop_after", "truncate", "error_after"])
def test_an_answer_lost_for_good_ends_in_one_message(
    config: dict[str, Any], sandbox: SandboxHandle, kind: str
) -> None:
    sandbox.fault(TOKEN, kind)
    with pytest.raises(AuthorizationRequiredError, match=r"lost.*authorize"):
        build_token_source(config).access_token()
    calls = len(token_calls(sandbox))
    assert calls == 2
    for _ in range(3):  # later runs say the same without asking Exact again
        with pytest.raises(AuthorizationRequiredError, match=r"lost.*authorize"):
            build_token_source(config).access_token()
    assert len(token_calls(sandbox)) == calls


def test_an_outage_is_not_the_end(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    sandbox.fault(TOKEN, "error_before", times=3)
    with pytest.raises(TransientApiError, match="Run again"):
        build_token_source(config).access_token()
    assert len(token_calls(sandbox)) == 2  # the old token, and exactly once more
    with pytest.raises(TransientApiError, match="Run again"):
        build_token_source(config).access_token()
    assert len(token_calls(sandbox)) == 3
    assert answers(sandbox, build_token_source(config).access_token()) == 200


def test_no_network_is_not_a_lost_answer(
    config: dict[str, Any], store: CredentialStore, sandbox: SandboxHandle
) -> None:
    url = sandbox.url
    sandbox.kill()
    for _ in range(3):
        with pytest.raises(TransientApiError, match="cannot be reached"):
            build_token_source(config).access_token()
    assert store.get("exact-online")["unanswered"] == 0
    sandbox.start(int(url.rpartition(":")[2]))
    assert answers(sandbox, build_token_source(config).access_token()) == 200


def test_a_token_that_is_too_young_is_kept(
    config: dict[str, Any], store: CredentialStore, sandbox: SandboxHandle
) -> None:
    token = build_token_source(config).access_token()
    entry = store.get("exact-online")
    store.put("exact-online", {**entry, "issued_at": entry["issued_at"] - 600})
    sandbox.advance(100)
    assert build_token_source(config).access_token() == token
    assert build_token_source(config).access_token() == token
    assert token_calls(sandbox) == [200, 400]  # asked once, then left in peace
    sandbox.advance(600)
    assert build_token_source(config).access_token() != token


def test_a_first_token_that_is_too_young(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    pair = issue_tokens(sandbox.database, sandbox.now())
    config["refresh_token"] = pair.refresh_token
    with pytest.raises(TransientApiError, match="ten minutes"):
        build_token_source(config).access_token()
    sandbox.advance(600)
    assert answers(sandbox, build_token_source(config).access_token()) == 200


def test_a_month_without_use(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    build_token_source(config).access_token()
    sandbox.advance(31 * DAY)
    with pytest.raises(AuthorizationRequiredError, match=r"30 days.*keep-alive"):
        build_token_source(config).access_token()


def test_a_second_login_ends_the_first(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    build_token_source(config).access_token()
    sandbox.advance(600)
    sandbox.exact_config()
    with pytest.raises(AuthorizationRequiredError, match="connected the same app a second time"):
        build_token_source(config).access_token()


def test_another_app_does_not(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    build_token_source(config).access_token()
    sandbox.advance(600)
    issue_tokens(sandbox.database, sandbox.now(), app=SECOND_APP)
    assert answers(sandbox, build_token_source(config).access_token()) == 200


def test_a_copy_of_the_store_is_told(
    config: dict[str, Any], store: CredentialStore, sandbox: SandboxHandle, tmp_path: Path
) -> None:
    build_token_source(config).access_token()
    copy = open_store(str(tmp_path / "copy"), create=True)
    store.copy_to(copy)
    sandbox.advance(600)
    build_token_source(config).access_token()
    sandbox.advance(600)
    with pytest.raises(AuthorizationRequiredError, match="share one credential store"):
        build_token_source({"credentials": str(tmp_path / "copy")}).access_token()


def test_an_inactive_user(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    pair = issue_tokens(sandbox.database, sandbox.now(), user=INACTIVE_USER, age_seconds=600)
    config["refresh_token"] = pair.refresh_token
    for _ in range(2):  # the administrator can repair this without a new login
        with pytest.raises(AuthorizationRequiredError, match="not active"):
            build_token_source(config).access_token()


def test_a_wrong_client_secret(
    config: dict[str, Any], store: CredentialStore, sandbox: SandboxHandle
) -> None:
    entry = store.get("exact-online")
    store.put("exact-online", {**entry, "client_secret": "not-the-client-secret"})
    with pytest.raises(ConfigError, match="client_id and client_secret") as caught:
        build_token_source(config).access_token()
    assert "not-the-client-secret" not in str(caught.value)
    store.put("exact-online", entry)
    assert answers(sandbox, build_token_source(config).access_token()) == 200


def test_200_token_calls_a_day(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    sandbox.fault(TOKEN, "too_many_requests")
    with pytest.raises(TransientApiError, match="200 token calls a day"):
        build_token_source(config).access_token()
    assert len(token_calls(sandbox)) == 1
    assert answers(sandbox, build_token_source(config).access_token()) == 200


def test_a_new_refresh_token_in_the_settings_wins(
    config: dict[str, Any], sandbox: SandboxHandle
) -> None:
    build_token_source(config).access_token()
    sandbox.advance(600)
    renewed = sandbox.exact_config()
    assert answers(sandbox, build_token_source(renewed).access_token()) == 200
    assert answers(sandbox, build_token_source(renewed).access_token()) == 200


def test_a_login_is_not_outvoted_by_an_old_setting(
    config: dict[str, Any], store: CredentialStore, sandbox: SandboxHandle
) -> None:
    config["refresh_token"] = store.get("exact-online")["refresh_token"]
    build_token_source(config).access_token()
    pair = issue_tokens(sandbox.database, sandbox.now())
    values = store.get("exact-online")
    new = TokenPair(pair.access_token, pair.refresh_token, sandbox.now().timestamp())
    save_login(store, "exact-online", values, new, seed=config["refresh_token"])
    assert build_token_source(config).access_token() == pair.access_token


def test_a_login_that_is_not_there(store: CredentialStore, config: dict[str, Any]) -> None:
    store.put("exact-online", {"client_id": APP.client_id, "client_secret": "x", "country": "NL"})
    with pytest.raises(AuthorizationRequiredError, match="no Exact Online login"):
        build_token_source(config).access_token()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "client_secret is missing"),
        ({"client_secret": "s", "country": "NL"}, "client_id is missing"),
        ({"client_secret": "s", "client_id": "c"}, "country is missing"),
        ({"client_secret": "s", "client_id": "c", "country": "IT"}, "country is 'IT'. Choose one"),
        ({"client_secret": "s", "client_id": "c", "base_url": "exact"}, "not a web address"),
        (
            {"client_secret": "s", "client_id": "c", "base_url": "http://start.exactonline.nl"},
            "in the clear",
        ),
        ({"credentials": "nowhere"}, "no credential store"),
    ],
)
def test_settings_that_cannot_work(
    settings: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_KEY", generate_key())
    with pytest.raises(ConfigError, match=message):
        build_token_source(settings)


def test_warnings_from_day_25(
    config: dict[str, Any], store: CredentialStore, sandbox: SandboxHandle
) -> None:
    build_token_source(config).access_token()
    sandbox.advance(24.9 * DAY)
    assert build_token_source(config).warnings() == []
    sandbox.advance(0.2 * DAY)
    (warning,) = build_token_source(config).warnings()
    assert "25 days ago" in warning
    assert "keep-alive" in warning
    assert store.label not in warning


def test_keep_alive_renews_what_is_idle(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    assert build_token_source(config).keep_alive() == 0.0
    assert build_token_source(config).keep_alive() is None
    for _ in range(3):
        sandbox.advance(26 * DAY)
        days = build_token_source(config).keep_alive()
        assert days == pytest.approx(26, abs=0.01)
    assert answers(sandbox, build_token_source(config).access_token()) == 200


def test_a_quiet_shop_keeps_its_login(config: dict[str, Any], sandbox: SandboxHandle) -> None:
    assert build_token_source(config).look_after() == []
    sandbox.clear_requests()
    with time_machine.travel(sandbox.now()):
        assert build_token_source(config).look_after() == []
    assert sandbox.requests() == []  # a run that posts nothing calls nothing
    for _ in range(3):
        sandbox.advance(26 * DAY)
        with time_machine.travel(sandbox.now()):
            (warning,) = build_token_source(config).look_after()
        assert "26 days ago" in warning
    assert answers(sandbox, build_token_source(config).access_token()) == 200


def test_a_dead_login_is_told_by_a_quiet_run(
    config: dict[str, Any], sandbox: SandboxHandle
) -> None:
    build_token_source(config).access_token()
    sandbox.advance(31 * DAY)
    (warning,) = build_token_source(config).look_after()
    assert "authorize" in warning
    sandbox.fault(TOKEN, "error_before", times=2)
    assert build_token_source(sandbox.exact_config()).look_after() == []


def test_plain_settings_leave_no_secret_in_the_file(
    config: dict[str, Any], sandbox: SandboxHandle, tmp_path: Path
) -> None:
    token = build_token_source(config).access_token()
    assert answers(sandbox, token) == 200
    for path in tmp_path.iterdir():
        if path.is_file():
            text = path.read_text()
            for secret in (token, config["refresh_token"], config["client_secret"]):
                assert secret not in text


def test_another_client_secret_does_not_open_the_file(config: dict[str, Any]) -> None:
    build_token_source(config).access_token()
    with pytest.raises(ConfigError, match="does not open"):
        build_token_source({**config, "client_secret": "another-client-secret"})


def test_a_store_that_fails_for_a_moment_loses_nothing(
    store: CredentialStore,
    sandbox: SandboxHandle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = store.get("exact-online")
    source = TokenSource(store, "exact-online", app_of(values), sleep=lambda _: None)
    put = store.put
    failures = iter([None, StoreUnavailableError("full"), StoreUnavailableError("full")])

    def stumble(name: str, value: dict[str, Any]) -> None:
        if failure := next(failures, None):
            raise failure
        put(name, value)

    monkeypatch.setattr(store, "put", stumble)
    token = source.access_token()
    assert store.get("exact-online")["access_token"] == token
    assert answers(sandbox, token) == 200

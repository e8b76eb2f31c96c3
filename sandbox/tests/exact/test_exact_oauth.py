"""Consent, code exchange and refresh: every answer of the token endpoint."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from commerce_sandbox.exact.credentials import (
    APP,
    INACTIVE_USER,
    REDIRECT_URI,
    SECOND_APP,
    SECOND_USER,
    USER,
    issue_tokens,
)

if TYPE_CHECKING:
    from commerce_sandbox.exact.credentials import App
    from commerce_sandbox.handle import SandboxHandle

NO_CHAIN = "Token is not allowed, because of invalid or empty chainId"


def authorise(handle: SandboxHandle, **changes: str) -> requests.Response:
    query = {
        "client_id": APP.client_id,
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "state": "a b/ü&c",
    } | changes
    url = f"{handle.url}/api/oauth2/auth"
    return requests.get(url, params=query, allow_redirects=False, timeout=30)


def new_code(handle: SandboxHandle) -> str:
    location = authorise(handle).headers["Location"]
    return parse_qs(urlsplit(location).query)["code"][0]


def token(handle: SandboxHandle, app: App = APP, /, **fields: Any) -> requests.Response:
    form = {"client_id": app.client_id, "client_secret": app.client_secret} | fields
    return requests.post(f"{handle.url}/api/oauth2/token", data=form, timeout=30)


def exchange(handle: SandboxHandle, code: str, **changes: Any) -> requests.Response:
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    return token(handle, **(fields | changes))


def refresh(handle: SandboxHandle, refresh_token: str, app: App = APP) -> requests.Response:
    return token(handle, app, grant_type="refresh_token", refresh_token=refresh_token)


def old_pair(handle: SandboxHandle, age: float = 600, **who: Any) -> str:
    pair = issue_tokens(handle.database, handle.now(), age_seconds=age, **who)
    return pair.refresh_token


def test_consent_echoes_the_state_and_the_code_works_once(running: SandboxHandle) -> None:
    response = authorise(running)
    assert response.status_code == 302
    location = response.headers["Location"]
    assert location.startswith(f"{REDIRECT_URI}?")
    query = parse_qs(urlsplit(location).query)
    assert query["state"] == ["a b/ü&c"]
    answer = exchange(running, query["code"][0])
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert body["expires_in"] == "600"
    assert body["token_type"] == "bearer"
    again = exchange(running, query["code"][0])
    assert again.status_code == 400
    assert again.json() == {"error": "invalid_grant", "error_description": NO_CHAIN}


def test_a_code_lives_three_minutes(running: SandboxHandle) -> None:
    code = new_code(running)
    running.advance(181)
    assert exchange(running, code).json()["error_description"] == NO_CHAIN


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": REDIRECT_URI.upper()},
        {"client_id": "00000000-0000-0000-0000-000000000000"},
        {"response_type": "token"},
    ],
)
def test_a_wrong_authorise_request_never_redirects(
    running: SandboxHandle, changes: dict[str, str]
) -> None:
    response = authorise(running, **changes)
    assert response.status_code == 400
    assert "Location" not in response.headers


def test_the_redirect_uri_must_match_in_the_exchange_too(running: SandboxHandle) -> None:
    answer = exchange(running, new_code(running), redirect_uri=REDIRECT_URI + "?x=1")
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


def test_force_login_shows_the_login_page_and_connects_who_logs_in(
    running: SandboxHandle,
) -> None:
    page = authorise(running, force_login="1")
    assert page.status_code == 200
    assert "UserName" in page.text
    form = {"UserName": SECOND_USER.email}
    response = requests.post(page.url, data=form, allow_redirects=False, timeout=30)
    code = parse_qs(urlsplit(response.headers["Location"]).query)["code"][0]
    access = exchange(running, code).json()["access_token"]
    headers = {"Authorization": f"Bearer {access}", "Accept": "application/json"}
    me = requests.get(f"{running.url}/api/v1/current/Me", headers=headers, timeout=30)
    assert me.json()["d"]["results"][0]["UserID"] == SECOND_USER.user_id
    refused = requests.post(page.url, data={"UserName": INACTIVE_USER.email}, timeout=30)
    assert refused.status_code == 400


def test_an_early_refresh_is_refused_and_the_token_survives_it(running: SandboxHandle) -> None:
    refresh_token = old_pair(running, age=0)
    running.advance(569)
    early = refresh(running, refresh_token)
    assert early.status_code == 400
    text = "Rate limit exceeded: access_token not expired"
    assert early.json() == {"error": "access_denied", "error_description": text}
    assert early.headers["Reason"] == f"TooEarlyToRefreshTokens: {text}"
    running.advance(1)
    assert refresh(running, refresh_token).status_code == 200


def test_a_refresh_token_works_once(running: SandboxHandle) -> None:
    first = old_pair(running)
    second = refresh(running, first).json()["refresh_token"]
    assert second != first
    again = refresh(running, first)
    assert again.status_code == 401
    assert again.json() == {
        "error": "unauthorized_client",
        "error_description": "Old refresh token used.",
    }
    running.advance(570)
    assert refresh(running, second).status_code == 200


def test_of_two_programs_with_one_token_one_wins(running: SandboxHandle) -> None:
    refresh_token = old_pair(running)
    statuses: list[int] = []

    def run() -> None:
        statuses.append(refresh(running, refresh_token).status_code)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 401, 401, 401]


def test_a_token_that_was_not_used_for_30_days_is_dead(running: SandboxHandle) -> None:
    refresh_token = old_pair(running, age=30 * 86400 + 60)
    answer = refresh(running, refresh_token)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert answer.json()["error_description"].startswith("The refresh token expired at ")
    assert " and it is now " in answer.json()["error_description"]
    alive = old_pair(running, age=30 * 86400 - 60)
    assert refresh(running, alive).status_code == 200


def test_a_second_consent_of_the_same_user_and_app_ends_the_first(
    running: SandboxHandle,
) -> None:
    first = old_pair(running)
    other_user = old_pair(running, user=SECOND_USER)
    other_app = old_pair(running, app=SECOND_APP)
    second = old_pair(running)
    answer = refresh(running, first)
    expected = {"error": "invalid_grant", "error_description": NO_CHAIN}
    assert (answer.status_code, answer.json()) == (400, expected)
    assert refresh(running, second).status_code == 200
    assert refresh(running, other_user).status_code == 200
    assert refresh(running, other_app, SECOND_APP).status_code == 200


def test_unknown_tokens_and_tokens_of_another_app_have_no_chain(running: SandboxHandle) -> None:
    for answer in (refresh(running, "x"), refresh(running, old_pair(running), SECOND_APP)):
        assert answer.status_code == 400
        assert answer.json()["error_description"] == NO_CHAIN


def test_a_user_who_left_cannot_refresh(running: SandboxHandle) -> None:
    refresh_token = old_pair(running)
    running.set("exact.inactive_users", [USER.user_id])
    answer = refresh(running, refresh_token)
    running.set("exact.inactive_users", [])
    expected = {"error": "invalid_grant", "error_description": "The user is not active"}
    assert (answer.status_code, answer.json()) == (400, expected)
    assert refresh(running, refresh_token).status_code == 200


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "invalid_request"),
    ],
)
def test_a_wrong_client_or_grant_is_a_configuration_error(
    running: SandboxHandle, fields: dict[str, str], error: str
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": old_pair(running)} | fields
    answer = token(running, **form)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_only_a_form_without_authorization_is_read(running: SandboxHandle) -> None:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": old_pair(running),
        "client_id": APP.client_id,
        "client_secret": APP.client_secret,
    }
    url = f"{running.url}/api/oauth2/token"
    assert requests.post(url, json=form, timeout=30).status_code == 400
    basic = requests.post(url, data=form, auth=("a", "b"), timeout=30)
    assert basic.status_code == 400
    assert requests.post(url, data=form, timeout=30).status_code == 200


def test_two_hundred_token_calls_a_day(running: SandboxHandle) -> None:
    refresh_token = old_pair(running, age=0, user=SECOND_USER)
    running.advance(86400 - running.now().timestamp() % 86400)  # a new day has a new count
    refresh_token = old_pair(running, age=0, user=SECOND_USER)
    statuses = [refresh(running, refresh_token).status_code for _ in range(201)]
    assert statuses == [400] * 200 + [429]
    assert refresh(running, old_pair(running)).status_code == 200  # another user has its own
    running.advance(86400)
    assert refresh(running, refresh_token).status_code == 200

"""Bearer, administrator and IMS tokens against the sandbox; and which of them the settings mean."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import requests
import time_machine

from adobe_commerce._admin import _explain, _lifetime
from adobe_commerce.auth import build_auth, is_cloud_service, stored_settings
from adobe_commerce.errors import (
    BusyError,
    ConfigError,
    CredentialsError,
    NotCommerceError,
    UnreachableError,
)
from commerce_sandbox.adobe.credentials import (
    ADMIN_PASSWORD,
    ADMIN_USERNAME,
    FULL,
    IMS_CLIENT_ID,
    IMS_CLIENT_SECRET,
    IMS_ORG_ID,
    TENANT,
)
from connector_credentials import generate_key, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from commerce_sandbox.testing import SandboxHandle

LOGIN = "/rest/V1/integration/admin/token"
IMS = "/ims/token/v3"


def admin(sandbox: SandboxHandle, **changes: Any) -> dict[str, Any]:
    return {
        "base_url": sandbox.url,
        "admin_username": ADMIN_USERNAME,
        "admin_password": ADMIN_PASSWORD,
        **changes,
    }


def ims(sandbox: SandboxHandle, **changes: Any) -> dict[str, Any]:
    return {
        "base_url": f"{sandbox.url}/{TENANT}",
        "ims_client_id": IMS_CLIENT_ID,
        "ims_client_secret": IMS_CLIENT_SECRET,
        "ims_org_id": IMS_ORG_ID,
        "ims_token_url": sandbox.url + IMS,
        **changes,
    }


def orders(config: dict[str, Any], auth: Any) -> requests.Response:
    prefix = "" if is_cloud_service(config) else "/rest"
    url = f"{config['base_url']}{prefix}/V1/orders?searchCriteria[pageSize]=1"
    return requests.get(url, auth=auth, timeout=10)


def token(config: dict[str, Any]) -> str:
    auth: Any = build_auth(config)
    value: str = auth.token()
    return value


def calls(sandbox: SandboxHandle, path: str) -> int:
    return Counter(call["path"] for call in sandbox.requests())[path]


def test_bearer_needs_the_switch(sandbox: SandboxHandle) -> None:
    config = {"base_url": sandbox.url, "bearer_token": FULL.access_token}
    auth: Any = build_auth(config)
    assert orders(config, auth).status_code == 401
    sandbox.set("adobe.bearer_enabled", value=True)
    assert orders(config, auth).status_code == 200


def test_admin_logs_in_once_for_many_calls(sandbox: SandboxHandle) -> None:
    config = admin(sandbox)
    auth: Any = build_auth(config)
    assert [orders(config, auth).status_code for _ in range(3)] == [200, 200, 200]
    assert calls(sandbox, LOGIN) == 1


def test_admin_logs_in_again_before_the_token_ends(sandbox: SandboxHandle) -> None:
    config = admin(sandbox)
    auth: Any = build_auth(config)
    orders(config, auth)
    sandbox.advance(4 * 3600 - 200)
    with time_machine.travel(sandbox.now()):
        assert orders(config, auth).status_code == 200
    assert calls(sandbox, LOGIN) == 2
    assert all(call["status"] == 200 for call in sandbox.requests())


def test_admin_logs_in_again_when_the_token_was_revoked(sandbox: SandboxHandle) -> None:
    config = admin(sandbox)
    auth: Any = build_auth(config)
    orders(config, auth)
    sandbox.advance(5 * 3600)  # the shop's clock alone: this process does not know that it ended
    auth._token = type(auth._token)(auth._token.value, 0.0, auth._token.renew_at)
    assert orders(config, auth).status_code == 200
    assert calls(sandbox, LOGIN) == 2


def test_a_wrong_password_is_tried_once(sandbox: SandboxHandle) -> None:
    auth: Any = build_auth(admin(sandbox, admin_password="wrong-password"))
    for _ in range(4):
        with pytest.raises(CredentialsError, match="six wrong logins") as caught:
            auth.token()
        assert "wrong-password" not in str(caught.value)
    assert calls(sandbox, LOGIN) == 1


def test_a_second_factor_is_explained(sandbox: SandboxHandle) -> None:
    sandbox.set("adobe.admin_two_factor", value=True)
    with pytest.raises(CredentialsError, match="Use an integration"):
        token(admin(sandbox))


def test_a_first_second_factor_is_explained() -> None:
    text = "You are required to configure personal Two-Factor Authorization in order to login."
    assert "second factor" in _explain({"message": text})


def test_a_login_in_maintenance_can_be_retried(sandbox: SandboxHandle) -> None:
    sandbox.set("adobe.maintenance", value=True)
    auth: Any = build_auth(admin(sandbox))
    with pytest.raises(BusyError):
        auth.token()
    sandbox.set("adobe.maintenance", value=False)
    assert auth.token()


def test_a_login_that_is_not_a_shop(sandbox: SandboxHandle) -> None:
    with pytest.raises(NotCommerceError, match="Check base_url"):
        token(admin(sandbox, base_url=f"{sandbox.url}/api"))


def test_a_login_without_an_answer(sandbox: SandboxHandle) -> None:
    sandbox.fault(LOGIN, "drop_before")
    with pytest.raises(UnreachableError, match="No answer"):
        token(admin(sandbox))


def test_lifetime_comes_from_the_token() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"iat": 100, "exp": 3700}).encode()).decode()
    assert _lifetime(f"x.{claims.rstrip('=')}.y") == 3600
    assert _lifetime("opaque-token-of-an-older-shop") == 4 * 3600


def test_ims_token_is_fetched_once_for_many_threads(sandbox: SandboxHandle) -> None:
    config = ims(sandbox)
    auth: Any = build_auth(config)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(orders(config, auth).status_code))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert calls(sandbox, IMS) == 1


def test_ims_token_is_used_for_23_hours(sandbox: SandboxHandle) -> None:
    config = ims(sandbox)
    auth: Any = build_auth(config)
    start = sandbox.now()
    for hours, fetched in ((0, 1), (22.9, 1), (23.1, 2)):
        sandbox.advance(hours * 3600 - (sandbox.now() - start).total_seconds())
        with time_machine.travel(sandbox.now()):
            assert orders(config, auth).status_code == 200
        assert calls(sandbox, IMS) == fetched


def test_ims_token_is_renewed_when_revoked(sandbox: SandboxHandle) -> None:
    config = ims(sandbox)
    auth: Any = build_auth(config)
    orders(config, auth)
    sandbox.advance(300)
    sandbox.set("adobe.ims_revoked_before", sandbox.now().timestamp() - 1)
    with time_machine.travel(sandbox.now()):
        assert orders(config, auth).status_code == 200
        assert orders(config, auth).status_code == 200
    assert calls(sandbox, IMS) == 2


def test_ims_token_is_shared_through_the_store(
    sandbox: SandboxHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTOR_KEY", generate_key())
    path = tmp_path / "store"
    store = open_store(str(path), create=True)
    store.put("cloud", ims(sandbox))
    config = {"credentials": str(path), "credential": "cloud"}
    values = stored_settings(config)
    for _ in range(3):
        assert orders(values, build_auth(config)).status_code == 200
    assert calls(sandbox, IMS) == 1
    assert store.names() == ["cloud"]
    assert token(config) not in path.read_text()


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"ims_client_secret": "wrong-secret"}, "ims_client_secret"),
        ({"ims_client_id": "wrong-client"}, "ims_client_id"),
    ],
)
def test_ims_refusals(sandbox: SandboxHandle, changes: dict[str, str], advice: str) -> None:
    with pytest.raises(CredentialsError, match=advice) as caught:
        token(ims(sandbox, **changes))
    assert "wrong-secret" not in str(caught.value)


def test_ims_asks_to_slow_down(sandbox: SandboxHandle) -> None:
    sandbox.fault(IMS, "too_many_requests", headers={"Retry-After": "7"})
    with pytest.raises(BusyError) as caught:
        token(ims(sandbox))
    assert caught.value.wait == 7


def test_ims_address_of_something_else(sandbox: SandboxHandle) -> None:
    config = ims(sandbox, ims_token_url=f"{sandbox.url}/_sandbox/faults")
    with pytest.raises(CredentialsError):
        token(config)


def test_the_organisation_is_checked_by_the_cloud(sandbox: SandboxHandle) -> None:
    config = ims(sandbox, ims_org_id="0000@AdobeOrg")
    assert orders(config, build_auth(config)).status_code == 403


def test_store_header_only_goes_to_the_cloud(sandbox: SandboxHandle) -> None:
    request = requests.Request("GET", sandbox.url, auth=build_auth(ims(sandbox, store="nl")))
    assert request.prepare().headers["Store"] == "nl"
    request = requests.Request("GET", sandbox.url, auth=build_auth(sandbox.adobe_config()))
    assert "Store" not in request.prepare().headers


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "There are no credentials"),
        ({"consumer_key": "x" * 32}, "set consumer_secret, access_token, access_token_secret"),
        ({"admin_username": "a"}, "set admin_password"),
        ({"ims_client_id": "a"}, "set ims_client_secret"),
        ({"bearer_token": "b" * 32, "admin_username": "a", "admin_password": "p"}, "more than one"),
        (
            {
                "consumer_key": "x" * 32,
                "consumer_secret": "secretsecret",
                "access_token": "x" * 32,
                "access_token_secret": "x" * 32,
            },
            "consumer_secret has 12 characters",
        ),
        (
            {"bearer_token": "b" * 32, "base_url": "https://na1.api.commerce.adobe.com/tenant"},
            "Cloud Service",
        ),
    ],
)
def test_settings_that_cannot_work(config: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build_auth(config)
    assert "secretsecret" not in str(caught.value)


def test_paas_and_cloud_are_told_apart(sandbox: SandboxHandle) -> None:
    assert not is_cloud_service(sandbox.adobe_config())
    assert is_cloud_service(ims(sandbox))


def test_a_store_that_is_missing_is_a_setting_error(tmp_path: Path) -> None:
    config = {"credentials": str(tmp_path / "none")}
    with pytest.raises(ConfigError, match=r"No key|no credential store"):
        build_auth(config)

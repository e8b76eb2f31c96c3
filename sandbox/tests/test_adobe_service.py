"""The shop as a service: tokens, harsh settings, formats, refusals of writes, and the SaaS edge."""

from __future__ import annotations

import gzip
import json
import threading
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from commerce_sandbox.adobe import credentials, store
from commerce_sandbox.adobe.settings import DEFAULTS
from commerce_sandbox.adobe.testing import ShopClient, Signer
from commerce_sandbox.testing import SandboxHandle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commerce_sandbox.adobe.testing import Pairs, Received

PAGE: Pairs = [("searchCriteria[pageSize]", "1"), ("fields", "total_count")]
QUERY = "searchCriteria%5BpageSize%5D=1&fields=total_count"
NOT_AUTHORIZED = "The consumer isn't authorized to access %resources."


@pytest.fixture(scope="module")
def module_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    handle = SandboxHandle(tmp_path_factory.mktemp("shop"))
    yield handle
    handle.stop()


@pytest.fixture
def sandbox(module_sandbox: SandboxHandle) -> Iterator[SandboxHandle]:
    """Share one server; settings and clock go back after each test."""
    yield module_sandbox
    for name, value in {**DEFAULTS, "clock.offset_seconds": 0}.items():
        module_sandbox.set(name, value)


@pytest.fixture
def client(sandbox: SandboxHandle) -> ShopClient:
    return ShopClient(sandbox.url)


def _orders(client: ShopClient, token: str) -> Received:
    target = f"/rest/V1/orders?{QUERY}"
    return client.send("GET", target, {"Authorization": f"Bearer {token}"})


def _admin(client: ShopClient, password: str = credentials.ADMIN_PASSWORD) -> Received:
    return client.token("admin", credentials.ADMIN_USERNAME, password)


def test_an_admin_token_ends_after_four_hours(client: ShopClient, sandbox: SandboxHandle) -> None:
    token = _admin(client).json()
    assert token.count(".") == 2
    sandbox.advance(4 * 3600 - 5)
    assert _orders(client, token).json() == {"total_count": 75}
    sandbox.advance(10)
    assert _orders(client, token).json()["message"] == NOT_AUTHORIZED


def test_six_wrong_passwords_lock_the_account_for_half_an_hour(
    client: ShopClient, sandbox: SandboxHandle
) -> None:
    for _ in range(6):
        assert _admin(client, "wrong").status == 401
    assert _admin(client).status == 401
    sandbox.advance(1801)
    assert _admin(client).status == 200


def test_a_second_factor_stands_before_the_admin_token(
    client: ShopClient, sandbox: SandboxHandle
) -> None:
    sandbox.set("adobe.admin_two_factor", value=True)
    received = _admin(client)
    assert received.status == 400
    assert received.json()["parameters"]["active_providers"] == ["google"]


def test_missing_sign_in_fields_are_named(client: ShopClient) -> None:
    received = client.token("admin", "", "x")
    assert (received.status, received.json()["parameters"]) == (400, {"fieldName": "username"})


def test_the_bearer_switch_opens_only_to_active_integrations(
    client: ShopClient, sandbox: SandboxHandle
) -> None:
    sandbox.set("adobe.bearer_enabled", value=True)
    assert _orders(client, credentials.FULL.access_token).status == 200
    assert _orders(client, credentials.LIMITED.access_token).status == 200
    assert _orders(client, credentials.INACTIVE.access_token).status == 401
    assert _orders(client, f"{credentials.FULL.access_token} more").status == 401


def test_a_token_may_be_taken_back_at_any_time(client: ShopClient, sandbox: SandboxHandle) -> None:
    sandbox.set("adobe.bearer_enabled", value=True)
    sandbox.set("adobe.revoked", ["full"])
    received = client.get("/rest/V1/orders", PAGE)
    assert (received.status, received.json()["message"]) == (401, "Access token has been revoked")
    assert _orders(client, credentials.FULL.access_token).status == 401
    assert client.get("/rest/V1/orders", PAGE, Signer(credentials.LIMITED)).status == 200


def test_a_list_of_values_has_to_fit_the_request_line(client: ShopClient) -> None:
    def ask(count: int) -> Received:
        prefix = "searchCriteria[filter_groups][0][filters][0]"
        values = ",".join(str(key) for key in range(10_000, 10_000 + count))
        pairs: Pairs = [
            (f"{prefix}[field]", "entity_id"),
            (f"{prefix}[value]", values),
            (f"{prefix}[condition_type]", "in"),
        ]
        return client.get("/rest/V1/orders", pairs)

    assert ask(200).status == 200
    refused = ask(1100)
    assert refused.status == 414
    assert refused.headers["content-type"] == "text/html"


def test_the_shops_own_clock_is_in_its_date_header(
    client: ShopClient, sandbox: SandboxHandle
) -> None:
    sandbox.set("adobe.clock_skew_seconds", 7200)
    received = client.get("/rest/V1/orders", PAGE)
    ahead = parsedate_to_datetime(received.headers["date"]) - sandbox.now()
    assert 7190 < ahead.total_seconds() < 7210


@pytest.mark.parametrize(
    ("setting", "status"), [("adobe.maintenance", 503), ("adobe.login_page", 200)]
)
def test_an_html_page_may_stand_before_the_api(
    client: ShopClient, sandbox: SandboxHandle, setting: str, status: int
) -> None:
    sandbox.set(setting, value=True)
    received = client.get("/rest/V1/orders", PAGE)
    assert received.status == status
    assert received.headers["content-type"].startswith("text/html")
    assert b"<!doctype html>" in received.body
    sandbox.set(setting, value=False)
    assert client.get("/rest/V1/orders", PAGE).status == 200


def test_large_answers_are_compressed_when_the_web_server_does_so(
    client: ShopClient, sandbox: SandboxHandle
) -> None:
    accepts = {"Accept-Encoding": "gzip, deflate"}
    plain = client.get("/rest/V1/orders/38", headers=accepts)
    assert "content-encoding" not in plain.headers
    sandbox.set("adobe.gzip", value=True)
    packed = client.get("/rest/V1/orders/38", headers=accepts)
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert "content-encoding" not in client.get("/rest/V1/orders", PAGE, headers=accepts).headers


def test_errors_come_in_the_accepted_format(client: ShopClient) -> None:
    received = client.get(
        "/rest/V1/orders/999999", headers={"Accept": "text/plain;q=0.9, application/xml"}
    )
    assert received.status == 404
    assert received.headers["content-type"].startswith("application/xml")
    assert b"<message>The entity that was requested doesn't exist." in received.body


def test_a_read_does_not_wait_for_a_commit(client: ShopClient, sandbox: SandboxHandle) -> None:
    key = [("searchCriteria[filter_groups][0][filters][0][field]", "entity_id")]
    pairs: Pairs = [
        *key,
        ("searchCriteria[filter_groups][0][filters][0][value]", "5000"),
        ("fields", "total_count"),
    ]
    with sandbox.database.transaction():
        store.insert_many(sandbox.database, "order", [{"entity_id": 5000, "state": "new"}])
        assert client.get("/rest/V1/orders", pairs).json() == {"total_count": 0}
    assert client.get("/rest/V1/orders", pairs).json() == {"total_count": 1}
    store.delete(sandbox.database, "order", 5000)


def test_a_nonce_is_used_once_by_many_callers_at_once(client: ShopClient) -> None:
    header = Signer().header("GET", f"{client.url}/rest/V1/orders", PAGE)
    statuses: list[int] = []

    def call() -> None:
        target = f"/rest/V1/orders?{QUERY}"
        statuses.append(client.send("GET", target, {"Authorization": header}).status)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [401] * 7


def test_store_views_of_the_called_store_come_first(client: ShopClient) -> None:
    for store_code, first in {"all/": "admin", "de/": "de", "": "nl"}.items():
        views = client.get(f"/rest/{store_code}V1/store/storeViews").json()
        assert views[0]["code"] == first
        assert sorted(view["id"] for view in views) == [0, 1, 2, 3, 4, 5, 6]


def _post(client: ShopClient, path: str, body: Any) -> Received:
    target = f"/rest/V1/{path}"
    headers = {
        "Authorization": Signer().header("POST", f"{client.url}{target}", []),
        "Content-Type": "application/json",
    }
    return client.send("POST", target, headers, json.dumps(body))


def test_what_the_real_shop_would_write_is_refused_and_changes_nothing(
    client: ShopClient, sandbox: SandboxHandle
) -> None:
    connection = sandbox.database.connection()
    before = [
        [tuple(row) for row in connection.execute(f"SELECT * FROM {table.name}")]  # noqa: S608
        for table in store.TABLES.values()
    ]
    for path, body in {
        "order/14/invoice": {"capture": True},
        "order/3/refund": {"arguments": {"shipping_amount": 1}},
        "orders/14/cancel": {},
        "orders/59/comments": {"statusHistory": {"comment": "x"}},
        "orders": {"entity": {"increment_id": "1"}},
    }.items():
        received = _post(client, path, body)
        assert received.status == 400, path
        assert "ould not " in received.json()["message"]
    after = [
        [tuple(row) for row in connection.execute(f"SELECT * FROM {table.name}")]  # noqa: S608
        for table in store.TABLES.values()
    ]
    assert after == before


@pytest.mark.parametrize("arguments", ["x", [1], {"shipping_amount": "x"}])
def test_values_of_another_type_are_refused(client: ShopClient, arguments: Any) -> None:
    received = _post(client, "order/3/refund", {"arguments": arguments})
    assert received.status == 400
    assert "value's type is invalid" in received.json()["message"]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("customerGroups/77", {"fieldName": "id", "fieldValue": 77}),
        ("taxRates/77", {"fieldName": "Tax Rate", "fieldValue": 77}),
    ],
)
def test_an_unknown_key_names_the_field(
    client: ShopClient, path: str, parameters: dict[str, Any]
) -> None:
    received = client.get(f"/rest/V1/{path}")
    assert (received.status, received.json()["parameters"]) == (404, parameters)


# SaaS


def _ims(client: ShopClient, **changes: str) -> Received:
    form = {
        "grant_type": "client_credentials",
        "client_id": credentials.IMS_CLIENT_ID,
        "client_secret": credentials.IMS_CLIENT_SECRET,
        "scope": credentials.IMS_SCOPE,
        **changes,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return client.send("POST", "/ims/token/v3", headers, urlencode(form))


def _saas(client: ShopClient, token: str, path: str = f"orders?{QUERY}", **more: str) -> Received:
    headers = {"Authorization": f"Bearer {token}", **more}
    return client.send("GET", f"/{credentials.TENANT}/V1/{path}", headers)


@pytest.fixture
def ims_token(client: ShopClient) -> str:
    answer = _ims(client).json()
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 86399)
    return str(answer["access_token"])


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "unknown"}, 400, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"scope": "everything"}, 400, "invalid_scope"),
        ({"scope": ""}, 400, "invalid_scope"),
    ],
)
def test_ims_refuses_wrong_credentials(
    client: ShopClient, changes: dict[str, str], status: int, error: str
) -> None:
    received = _ims(client, **changes)
    assert (received.status, received.json()["error"]) == (status, error)


def test_a_saas_token_opens_the_same_shop_for_a_day(
    client: ShopClient, sandbox: SandboxHandle, ims_token: str
) -> None:
    assert _saas(client, ims_token, Store="nl").json() == {"total_count": 75}
    assert _saas(client, ims_token, Store="nosuchstore").status == 400
    sandbox.advance(86390)
    assert _saas(client, ims_token).status == 200
    sandbox.advance(10)
    assert _saas(client, ims_token).status == 401


def test_a_saas_token_may_be_taken_back_at_any_time(
    client: ShopClient, sandbox: SandboxHandle, ims_token: str
) -> None:
    sandbox.set("adobe.ims_revoked_before", sandbox.now().timestamp())
    assert _saas(client, ims_token).status == 401
    assert _saas(client, _ims(client).json()["access_token"]).status == 200


def test_the_saas_edge_checks_scope_organisation_and_key(
    client: ShopClient, ims_token: str
) -> None:
    narrow = _ims(client, scope="openid,AdobeID").json()["access_token"]
    assert _saas(client, narrow).status == 401
    assert _saas(client, "nonsense").status == 401
    own = {"x-gw-ims-org-id": credentials.IMS_ORG_ID, "x-api-key": credentials.IMS_CLIENT_ID}
    assert _saas(client, ims_token, **own).status == 200
    assert _saas(client, ims_token, **{"x-gw-ims-org-id": "other@AdobeOrg"}).status == 403
    assert _saas(client, ims_token, **{"x-api-key": "other"}).status == 403


def test_an_ims_token_is_worth_nothing_on_premise_and_the_other_way_round(
    client: ShopClient, ims_token: str
) -> None:
    assert _orders(client, ims_token).status == 401
    assert _saas(client, _admin(client).json()).status == 401


@pytest.mark.parametrize("path", ["directory/currency", "nosuchthing"])
def test_some_routes_are_absent_in_saas(client: ShopClient, ims_token: str, path: str) -> None:
    received = _saas(client, ims_token, path)
    assert (received.status, received.json()["message"]) == (
        404,
        "Request does not match any route.",
    )


def test_another_tenant_is_not_there(client: ShopClient, ims_token: str) -> None:
    headers = {"Authorization": f"Bearer {ims_token}"}
    assert client.send("GET", f"/othertenant/V1/orders?{QUERY}", headers).status == 404


def test_the_saas_edge_slows_a_client_down(
    client: ShopClient, sandbox: SandboxHandle, ims_token: str
) -> None:
    sandbox.set("adobe.saas_minute_limit", 2)
    sandbox.advance(60 - sandbox.now().timestamp() % 60)
    assert [_saas(client, ims_token).status for _ in range(3)] == [200, 200, 429]
    wait = int(_saas(client, ims_token).headers["retry-after"])
    assert 0 < wait <= 60
    sandbox.advance(wait)
    assert _saas(client, ims_token).status == 200


def test_every_setting_is_documented() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for name, default in DEFAULTS.items():
        assert f"| `{name}` | `{json.dumps(default)}` |" in readme

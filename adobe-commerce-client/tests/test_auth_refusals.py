"""Every refusal of credentials has its own message that says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from adobe_commerce import answers
from adobe_commerce.auth import build_auth, explain_auth_error
from adobe_commerce.errors import (
    AdobeCommerceError,
    CredentialsError,
    PermissionDeniedError,
    StaleNonceError,
)
from commerce_sandbox.adobe import credentials
from commerce_sandbox.testing import SandboxHandle

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "auth_refusals.json").read_text(encoding="utf-8")
)
WHERE = "GET /rest/V1/orders at shop.example"
MISSING = "removes part of the request's header"
SWITCHED_OFF = "check that the integration is Active"

EXPECTED: dict[str, tuple[type[AdobeCommerceError], str, str]] = {
    # recording: (error, how the call was made, what the message must say)
    "access_token_wrong_length": (CredentialsError, "oauth1", "access_token must have 32"),
    "bearer_access_token_default_config": (PermissionDeniedError, "bearer", "standalone Bearer"),
    "bearer_customer_token": (PermissionDeniedError, "bearer", "standalone Bearer"),
    "bearer_enabled_wrong_token": (PermissionDeniedError, "bearer", "standalone Bearer"),
    "bearer_garbage": (PermissionDeniedError, "bearer", "standalone Bearer"),
    "consumer_key_wrong_length": (CredentialsError, "oauth1", "consumer_key must have 32"),
    "corrupt_signature": (CredentialsError, "oauth1", "consumer_secret or access_token_secret"),
    "hmac_sha1": (CredentialsError, "oauth1", "update the shop"),
    "hmac_sha512": (CredentialsError, "oauth1", "update the shop"),
    "inactive_integration": (PermissionDeniedError, "oauth1", SWITCHED_OFF),
    "limited_integration_customer_groups": (PermissionDeniedError, "oauth1", "Customer Groups"),
    "limited_integration_customers": (
        PermissionDeniedError,
        "oauth1",
        "Magento_Customer::customer",
    ),
    "limited_integration_products": (PermissionDeniedError, "oauth1", "Inventory > Products"),
    "limited_integration_store_configs": (PermissionDeniedError, "oauth1", "All Stores"),
    "limited_integration_tax_rates": (PermissionDeniedError, "oauth1", "Magento_Tax::manage_tax"),
    "limited_integration_transactions": (
        PermissionDeniedError,
        "oauth1",
        "Magento_Sales::transactions_fetch",
    ),
    "limited_integration_websites": (PermissionDeniedError, "oauth1", "All Stores"),
    "missing_consumer_key": (CredentialsError, "oauth1", MISSING),
    "missing_nonce": (CredentialsError, "oauth1", MISSING),
    "missing_signature": (CredentialsError, "oauth1", MISSING),
    "missing_signature_method": (CredentialsError, "oauth1", MISSING),
    "missing_timestamp": (CredentialsError, "oauth1", MISSING),
    "missing_token": (CredentialsError, "oauth1", MISSING),
    "no_auth": (PermissionDeniedError, "oauth1", SWITCHED_OFF),
    "nonce_reused_new_timestamp": (StaleNonceError, "oauth1", "seen this request before"),
    "nonce_reused_same_timestamp": (StaleNonceError, "oauth1", "seen this request before"),
    "plaintext": (CredentialsError, "oauth1", "update the shop"),
    "signature_in_query": (PermissionDeniedError, "oauth1", SWITCHED_OFF),
    "space_as_plus_in_query": (
        CredentialsError,
        "oauth1",
        "consumer_secret or access_token_secret",
    ),
    "timestamp_future_700s": (StaleNonceError, "oauth1", "ten minutes ahead"),
    "unknown_access_token": (CredentialsError, "oauth1", "copy it again after activation"),
    "unknown_consumer_key": (CredentialsError, "oauth1", "does not know consumer_key"),
    "version_2": (CredentialsError, "oauth1", "changes the Authorization header"),
    "wrong_signature_bad_consumer_secret": (CredentialsError, "oauth1", "consumer_secret or"),
    "wrong_signature_bad_token_secret": (
        CredentialsError,
        "oauth1",
        "access_token_secret is wrong",
    ),
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for this module: no test here changes it."""
    handle = SandboxHandle(tmp_path_factory.mktemp("sandbox"))
    yield handle
    handle.stop()


def explain(status: int, body: Any, scheme: str) -> AdobeCommerceError | None:
    text, parameters = answers._message(json.dumps(body).encode())
    return explain_auth_error(status, text, parameters, WHERE, scheme)


def test_no_recorded_refusal_is_forgotten() -> None:
    # The login's own refusal is in test_auth_tokens.py, as it never reaches a data call.
    assert set(RECORDED) - {"admin_token_bad_password"} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_refusal(name: str) -> None:
    kind, scheme, advice = EXPECTED[name]
    error = explain(RECORDED[name]["status"], RECORDED[name]["body"], scheme)
    assert type(error) is kind
    assert advice in str(error)
    assert WHERE in str(error)
    assert "%" not in str(error)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("Token is not associated with the specified consumer", "of another integration"),
        ("Token is not an access token", "is a request token"),
        ("Access token has been revoked", "Reauthorize"),
        ("Consumer key has expired", "Activate the integration again"),
        ("De handtekening is ongeldig.", "Compare the four values"),
    ],
)
def test_refusals_that_were_not_recorded(text: str, advice: str) -> None:
    error = explain(401, {"message": text}, "oauth1")
    assert type(error) is CredentialsError
    assert advice in str(error)


@pytest.mark.parametrize(
    ("status", "scheme", "advice"),
    [
        (401, "ims", "commerce.accs"),
        (403, "ims", "ims_org_id"),
        (403, "oauth1", "let through"),
    ],
)
def test_refusals_of_the_cloud_service(status: int, scheme: str, advice: str) -> None:
    error = explain(status, {"message": "Profile is not valid"}, scheme)
    assert type(error) is CredentialsError
    assert advice in str(error)


def test_an_admin_role_without_the_permission() -> None:
    error = explain(401, RECORDED["no_auth"]["body"], "admin")
    assert isinstance(error, PermissionDeniedError)
    assert "User Roles" in str(error)
    assert error.resources == "Magento_Sales::actions_view"


def test_other_errors_are_not_about_credentials() -> None:
    body = {"message": '"%fieldName" is required.', "parameters": {"fieldName": "searchCriteria"}}
    assert explain(400, body, "oauth1") is None
    assert explain(404, {"message": "Request does not match any route."}, "oauth1") is None
    assert explain(400, {"message": "Invalid page size"}, "bearer") is None


def _integration(one: credentials.Integration) -> dict[str, str]:
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    return {name: getattr(one, name) for name in names}


@pytest.mark.parametrize(
    ("changes", "kind", "advice"),
    [
        ({"consumer_secret": "x" * 32}, CredentialsError, "consumer_secret"),
        ({"access_token_secret": "x" * 32}, CredentialsError, "access_token_secret"),
        ({"consumer_key": "x" * 32}, CredentialsError, "does not know consumer_key"),
        ({"access_token": "x" * 32}, CredentialsError, "access_token is unknown"),
        (_integration(credentials.INACTIVE), PermissionDeniedError, SWITCHED_OFF),
    ],
)
def test_wrong_credentials_against_a_shop(
    sandbox: SandboxHandle,
    changes: dict[str, str],
    kind: type[AdobeCommerceError],
    advice: str,
) -> None:
    auth = build_auth({**sandbox.adobe_config(), **changes})
    url = f"{sandbox.url}/rest/V1/orders?searchCriteria="
    answer = requests.get(url, auth=auth, timeout=10)
    error = explain(answer.status_code, answer.json(), "oauth1")
    assert type(error) is kind
    assert advice in str(error)


@pytest.mark.parametrize(
    ("route", "permission"),
    [
        ("products?searchCriteria=", "Magento_Catalog::products"),
        ("store/storeConfigs", "Magento_Backend::store"),
        ("taxRates/search?searchCriteria=", "Magento_Tax::manage_tax"),
        ("customers/search?searchCriteria=", "Magento_Customer::customer"),
    ],
)
def test_the_missing_permission_is_named(
    sandbox: SandboxHandle, route: str, permission: str
) -> None:
    auth = build_auth({**sandbox.adobe_config(), **_integration(credentials.LIMITED)})
    answer = requests.get(f"{sandbox.url}/rest/V1/{route}", auth=auth, timeout=10)
    error = explain(answer.status_code, answer.json(), "oauth1")
    assert isinstance(error, PermissionDeniedError)
    assert error.resources == permission
    assert "System > Integrations" in str(error)

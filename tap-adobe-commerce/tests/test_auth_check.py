"""What `connector-credentials doctor` says about a shop's credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox.adobe import credentials
from commerce_sandbox.adobe.credentials import (
    IMS_CLIENT_ID,
    IMS_CLIENT_SECRET,
    IMS_ORG_ID,
    TENANT,
)
from commerce_sandbox.testing import SandboxHandle
from connector_credentials import CredentialStore, Finding, generate_key, open_store
from tap_adobe_commerce._check import check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for this module: no test here changes it."""
    handle = SandboxHandle(tmp_path_factory.mktemp("sandbox"))
    yield handle
    handle.stop()


@pytest.fixture
def store(tmp_path: Path) -> CredentialStore:
    return open_store(str(tmp_path / "store"), generate_key(), create=True)


def findings(store: CredentialStore, values: dict[str, Any]) -> list[Finding]:
    store.put("shop", values)
    found = check(store, "shop")
    assert found is not None
    return found


def test_all_is_well(sandbox: SandboxHandle, store: CredentialStore) -> None:
    (finding,) = findings(store, sandbox.adobe_config())
    assert finding.level == "ok"


def test_the_cloud_is_well(sandbox: SandboxHandle, store: CredentialStore) -> None:
    values = {
        "base_url": f"{sandbox.url}/{TENANT}",
        "ims_client_id": IMS_CLIENT_ID,
        "ims_client_secret": IMS_CLIENT_SECRET,
        "ims_org_id": IMS_ORG_ID,
        "ims_token_url": f"{sandbox.url}/ims/token/v3",
    }
    (finding,) = findings(store, values)
    assert finding.level == "ok", finding.text


def test_missing_permissions_are_named(sandbox: SandboxHandle, store: CredentialStore) -> None:
    limited = {
        name: getattr(credentials.LIMITED, name)
        for name in ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    }
    found = findings(store, sandbox.adobe_config() | limited)
    assert [finding.level for finding in found] == ["warning"] * 3
    text = " ".join(finding.text for finding in found)
    for permission in ("Magento_Backend::store", "Magento_Catalog::products", "Magento_Tax::"):
        assert permission in text


def test_a_wrong_secret_is_an_error(sandbox: SandboxHandle, store: CredentialStore) -> None:
    (finding,) = findings(store, sandbox.adobe_config() | {"consumer_secret": "y" * 32})
    assert finding.level == "error"
    assert "consumer_secret" in finding.text
    assert "y" * 32 not in finding.text


def test_an_incomplete_credential_is_an_error(store: CredentialStore) -> None:
    (finding,) = findings(store, {"base_url": "https://shop.example", "consumer_key": "x" * 32})
    assert finding.level == "error"
    assert "consumer_secret" in finding.text


def test_a_shop_without_an_address_is_not_tested(store: CredentialStore) -> None:
    (finding,) = findings(store, {"bearer_token": "x" * 32})
    assert finding.level == "warning"
    assert "base_url" in finding.text


def test_other_credentials_are_left_alone(store: CredentialStore) -> None:
    store.put("exact-online", {"client_id": "x"})
    assert check(store, "exact-online") is None

"""Live check of a stored Adobe Commerce credential, for ``connector-credentials doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from adobe_commerce.auth import build_auth, is_cloud_service
from adobe_commerce.client import Client
from adobe_commerce.errors import AdobeCommerceError, PermissionDeniedError
from connector_credentials import Finding

if TYPE_CHECKING:
    from connector_credentials import CredentialStore

_FEW = "searchCriteria%5BpageSize%5D=1&fields=total_count"
_ROUTES = {"orders": _FEW, "invoices": _FEW, "creditmemos": _FEW}
#: Without these the tap works, but its records say less.
_USEFUL_ROUTES = {"store/storeConfigs": "", "products": _FEW, "taxRates/search": _FEW}
_MARKS = ("consumer_key", "bearer_token", "admin_username", "ims_client_id")


def check(store: CredentialStore, name: str) -> list[Finding] | None:
    """Read a little from each route the tap needs; None if the credential is not for a shop."""
    values = store.get(name)
    if not any(mark in values for mark in _MARKS):
        return None
    if not values.get("base_url"):
        text = f"Not tested: its shop is unknown. Run `connector-credentials set {name} base_url`."
        return [Finding("warning", text)]
    try:
        client = Client(
            str(values["base_url"]),
            build_auth(values),
            store=None if is_cloud_service(values) else str(values.get("store") or "all"),
            timeout=60.0,
            max_wait=60.0,
        )
        needed = [_try(client, route, query, "error") for route, query in _ROUTES.items()]
        useful = [_try(client, route, query, "warning") for route, query in _USEFUL_ROUTES.items()]
    except AdobeCommerceError as error:
        return [Finding("error", str(error))]
    refused = [finding for finding in needed + useful if finding is not None]
    return refused or [Finding("ok", f"Reads everything the tap needs from {client.host}.")]


def _try(
    client: Client, route: str, query: str, level: Literal["error", "warning"]
) -> Finding | None:
    try:
        client.get(route, query)
    except PermissionDeniedError as error:
        return Finding(level, str(error))
    return None

"""Live check of a stored Exact Online login, for ``connector-credentials doctor``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import requests

from connector_credentials import Finding
from exact_online.errors import ExactError
from exact_online.token_endpoint import AUTHORIZE
from exact_online.tokens import TokenSource, app_of

if TYPE_CHECKING:
    from connector_credentials import CredentialStore

TIMEOUT_SECONDS = (10.0, 60.0)
_ME = "/api/v1/current/Me?$select=FullName,CurrentDivision"


def check(store: CredentialStore, name: str) -> list[Finding] | None:
    """Renew the login if it is due and ask Exact who it is; None if it is not one of Exact's."""
    values = store.get(name)
    if "client_id" not in values:
        return None
    if not values.get("refresh_token"):
        return [Finding("error", f"Nobody has logged in yet. {AUTHORIZE}")]
    try:
        app = app_of(values)
        source = TokenSource(store, name, app)
        warnings = [Finding("warning", text) for text in source.warnings()]
        return [*warnings, _who(app.base_url, source.access_token())]
    except ExactError as error:
        return [Finding("error", str(error))]


def _who(base_url: str, token: str) -> Finding:
    try:
        response = requests.get(
            base_url + _ME,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        return Finding("error", f"{base_url} does not answer ({type(error).__name__}).")
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return Finding("warning", "The login works, but the call limit of today is used up.")
    try:
        me = response.json()["d"]["results"][0]
        user, division = me["FullName"], me["CurrentDivision"]
    except (ValueError, KeyError, IndexError, TypeError):
        reason = response.headers.get("Reason", "")
        return Finding(
            "error",
            f"The token was renewed, but Exact answers HTTP {response.status_code} {reason}. "
            f"Check the user's rights in Exact; if they are right: {AUTHORIZE}",
        )
    return Finding("ok", f"Logs in at {base_url} as {user}, who last worked in {division}.")

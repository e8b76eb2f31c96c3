"""Live check of a stored Exact Online login, for ``connector-credentials doctor``."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from authlib.integrations.requests_client import OAuth2Auth

from connector_credentials import Finding
from exact_online.answers import UnreadableAnswerError, decode, rows_and_next
from exact_online.errors import ExactError
from exact_online.stored_login import app_of
from exact_online.tokens import TokenSource
from exact_online.transport import NoAnswerError, NotSentError, exchange, new_session

if TYPE_CHECKING:
    from connector_credentials import CredentialStore
    from exact_online.token_endpoint import ExactApp

_ME = "/api/v1/current/Me?$select=FullName,CurrentDivision"


def check(store: CredentialStore, name: str) -> list[Finding] | None:
    """Renew the login if it is due and ask Exact who it is; None if it is not one of Exact's."""
    values = store.get(name)
    if "client_id" not in values:
        return None
    try:
        app = app_of(values)
        if not values.get("refresh_token"):
            return [Finding("error", f"Nobody has logged in yet. {app.advice}")]
        source = TokenSource(store, name, app)
        warnings = [Finding("warning", text) for text in source.warnings()]
        return [*warnings, _who(app, source.access_token())]
    except ExactError as error:
        return [Finding("error", str(error))]


def _who(app: ExactApp, token: str) -> Finding:
    with new_session() as session:
        try:
            answer = exchange(
                session,
                "GET",
                app.base_url + _ME,
                clock=time.monotonic,
                auth=OAuth2Auth({"access_token": token, "token_type": "bearer"}),
                headers={"Accept": "application/json"},
            )
        except (NotSentError, NoAnswerError) as error:
            return Finding("error", f"{app.base_url} does not answer ({error}).")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Finding("warning", "The login works, but Exact takes no calls now (HTTP 429).")
    try:
        me = rows_and_next(decode(answer.body))[0][0]
        user, division = me["FullName"], me["CurrentDivision"]
    except (UnreadableAnswerError, IndexError, ExactError):
        reason = answer.headers.get("Reason", "")
        return Finding(
            "error",
            f"The token was renewed, but Exact answers HTTP {answer.status} {reason}. "
            f"Check the user's rights in Exact; if they are right: {app.advice}",
        )
    return Finding("ok", f"Logs in at {app.base_url} as {user}, who last worked in {division}.")

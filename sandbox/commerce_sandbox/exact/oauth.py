"""The OAuth endpoints: consent, code exchange and the refresh with all its refusals."""

from __future__ import annotations

import base64
import html
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from commerce_sandbox.exact.credentials import (
    ACCESS_SECONDS,
    APPS,
    CODE_SECONDS,
    EARLIEST_REFRESH_SECONDS,
    REFRESH_DAYS,
    TOKEN_CALLS_PER_DAY,
    USER,
    USERS,
    start_chain,
    store_pair,
)
from commerce_sandbox.exact.limits import count_one

if TYPE_CHECKING:
    import sqlite3

    from starlette.requests import Request

    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.credentials import App, TokenPair

_DAY_SECONDS = 86400
_FORM = "application/x-www-form-urlencoded"
_NO_CHAIN = "Token is not allowed, because of invalid or empty chainId"
_TOO_EARLY = "Rate limit exceeded: access_token not expired"

#: Sets whether a user can still log in; a list of user ids.
INACTIVE_USERS = "exact.inactive_users"

_LOGIN_PAGE = """<!DOCTYPE html>
<html><head><title>Exact Online</title></head><body><form method="post">
{fields}<input name="UserName" type="email"/><button type="submit">Log in</button>
</form></body></html>
"""


def routes(context: SandboxContext) -> list[Route]:
    """Return the routes of the authorise and token endpoints."""

    async def authorise(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        return _authorise(context, request, form)

    async def token(request: Request) -> Response:
        return _token(context, request, await request.body())

    return [
        Route("/api/oauth2/auth", authorise, methods=["GET", "POST"]),
        Route("/api/oauth2/token", token, methods=["POST"]),
    ]


def _authorise(context: SandboxContext, request: Request, form: dict[str, str]) -> Response:
    """Show the login page or give consent; never redirect to an address that is not registered."""
    query = {**dict(request.query_params), **form}
    app = APPS.get(query.get("client_id", "").strip("{}").lower())
    if app is None:
        return _page("The client_id is not known.")
    if query.get("redirect_uri") != app.redirect_uri:
        return _page("The redirect_uri does not match the registered one.")
    if query.get("response_type") != "code":
        return _page("The response_type must be code.")
    user = USER
    if query.get("force_login", "0") == "1":
        if "UserName" not in form:
            fields = "".join(
                f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}"/>'
                for name, value in query.items()
            )
            return HTMLResponse(_LOGIN_PAGE.format(fields=fields))
        found = [known for known in USERS.values() if known.email == form["UserName"]]
        if not found or not _is_active(context, found[0].user_id):
            return _page("The user name is not known or not active.")
        user = found[0]
    code = base64.b64encode(secrets.token_bytes(240)).decode()  # has + and /: must be decoded once
    with context.database.transaction() as connection:
        connection.execute(
            "INSERT INTO exact_codes VALUES (?, ?, ?, ?, ?, 0)",
            (code, app.client_id, user.user_id, app.redirect_uri, context.clock.now().timestamp()),
        )
    answer = {"code": code} | ({"state": query["state"]} if "state" in query else {})
    return RedirectResponse(f"{app.redirect_uri}?{urlencode(answer)}", status_code=302)


def _page(text: str) -> Response:
    return HTMLResponse(f"<!DOCTYPE html><html><body>{html.escape(text)}</body></html>", 400)


def _token(context: SandboxContext, request: Request, body: bytes) -> Response:
    if "authorization" in request.headers:
        return _refusal(400, "invalid_request", "Authorization header is not allowed.")
    if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
        return _refusal(400, "invalid_request")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if len(form) != len(pairs):
        return _refusal(400, "invalid_request")
    app = APPS.get(form.get("client_id", "").strip("{}").lower())
    if app is None or form.get("client_secret") != app.client_secret:
        return _refusal(400, "invalid_client")
    exchanges = {"authorization_code": _exchange_code, "refresh_token": _refresh}
    exchange = exchanges.get(form.get("grant_type", ""))
    if exchange is None:
        return _refusal(400, "invalid_request")
    # One write transaction: of two programs with the same token, exactly one succeeds.
    with context.database.transaction() as connection:
        return exchange(context, connection, app, form)


def _exchange_code(
    context: SandboxContext, connection: sqlite3.Connection, app: App, form: dict[str, str]
) -> Response:
    now = context.clock.now().timestamp()
    row = connection.execute(
        "SELECT * FROM exact_codes WHERE code = ?", (form.get("code", ""),)
    ).fetchone()
    if row is None or row["client_id"] != app.client_id:
        return _refusal(400, "invalid_grant", _NO_CHAIN)
    if not _count_call(connection, app, row["user_id"], now):
        return Response(status_code=429)
    if form.get("redirect_uri") != row["redirect_uri"]:
        return _refusal(400, "invalid_request")
    if row["used"] or now - row["issued_at"] > CODE_SECONDS:
        return _refusal(400, "invalid_grant", _NO_CHAIN)
    if not _is_active(context, row["user_id"]):
        return _refusal(400, "invalid_grant", "The user is not active")
    connection.execute("UPDATE exact_codes SET used = 1 WHERE code = ?", (row["code"],))
    chain = start_chain(connection, app.client_id, row["user_id"])
    return _success(store_pair(connection, chain, now))


def _refresh(
    context: SandboxContext, connection: sqlite3.Connection, app: App, form: dict[str, str]
) -> Response:
    now = context.clock.now().timestamp()
    row = connection.execute(
        "SELECT token, issued_at, used, alive, client_id, user_id, chain FROM exact_tokens "
        "JOIN exact_chains ON exact_chains.id = chain WHERE token = ? AND kind = 'refresh'",
        (form.get("refresh_token", ""),),
    ).fetchone()
    if row is None or row["client_id"] != app.client_id:
        return _refusal(400, "invalid_grant", _NO_CHAIN)
    if not _count_call(connection, app, row["user_id"], now):
        return Response(status_code=429)
    refusal = _refused_refresh(context, row, now)
    if refusal is not None:
        return refusal
    connection.execute("UPDATE exact_tokens SET used = 1 WHERE token = ?", (row["token"],))
    return _success(store_pair(connection, row["chain"], now))


def _refused_refresh(context: SandboxContext, row: sqlite3.Row, now: float) -> Response | None:
    """Return why a known refresh token cannot be used, or None; it is never consumed here."""
    if row["used"]:
        return _refusal(401, "unauthorized_client", "Old refresh token used.")
    if not row["alive"]:
        return _refusal(400, "invalid_grant", _NO_CHAIN)
    if not _is_active(context, row["user_id"]):
        return _refusal(400, "invalid_grant", "The user is not active")
    expired_at = row["issued_at"] + REFRESH_DAYS * _DAY_SECONDS
    if now > expired_at:
        text = f"The refresh token expired at {_us(expired_at)} and it is now {_us(now)}"
        return _refusal(400, "invalid_request", text)
    if now - row["issued_at"] < EARLIEST_REFRESH_SECONDS:
        refusal = _refusal(400, "access_denied", _TOO_EARLY)
        refusal.headers["Reason"] = f"TooEarlyToRefreshTokens: {_TOO_EARLY}"
        return refusal
    return None


def _count_call(connection: sqlite3.Connection, app: App, user_id: str, now: float) -> bool:
    """Count a token call of this app and user today; tell whether it is within the limit."""
    name = f"token/{app.client_id}/{user_id}"
    return count_one(connection, name, int(now // _DAY_SECONDS)) <= TOKEN_CALLS_PER_DAY


def _is_active(context: SandboxContext, user_id: str) -> bool:
    return USERS[user_id].active and user_id not in context.database.setting(INACTIVE_USERS, [])


def _us(moment: float) -> str:
    """Write a time the way the server's messages do: US style, no leading zeros."""
    at = datetime.fromtimestamp(moment, UTC)
    half = "AM" if at.hour < 12 else "PM"  # noqa: PLR2004 -- noon
    hour = at.hour % 12 or 12
    return f"{at.month}/{at.day}/{at.year} {hour}:{at.minute:02}:{at.second:02} {half}"


def _success(pair: TokenPair) -> Response:
    return _json(
        200,
        {
            "access_token": pair.access_token,
            "token_type": "bearer",
            "expires_in": str(ACCESS_SECONDS),  # a string, as the real server sends it
            "refresh_token": pair.refresh_token,
        },
    )


def _refusal(status: int, error: str, description: str | None = None) -> Response:
    return _json(
        status,
        {"error": error} | ({"error_description": description} if description else {}),
    )


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")

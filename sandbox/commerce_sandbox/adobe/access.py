"""Who is calling and what they may see: bearer tokens, OAuth 1.0a, and the ACL of the shop.

There is no 403: wrong token, missing permission and no credentials all bring the same 401.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.adobe import oauth, tokens
from commerce_sandbox.adobe.credentials import (
    ADMIN_PASSWORD,
    ADMIN_USERNAME,
    CUSTOMER_PASSWORD,
    INTEGRATIONS,
    Integration,
)
from commerce_sandbox.adobe.errors import ShopError, missing, not_authorized

if TYPE_CHECKING:
    from commerce_sandbox.adobe.call import Call

ANONYMOUS = "anonymous"

_ADMIN_LIFETIME = 4 * 3600
_CUSTOMER_LIFETIME = 3600
_FAILURES_ALLOWED = 6
_LOCKED_SECONDS = 1800
_SIGN_IN_REFUSED = (
    "The account sign-in was incorrect or your account is disabled temporarily."
    " Please wait and try again later."
)
_TWO_FACTOR = "Please use the 2fa provider-specific endpoints to obtain a token."


class Gate:
    """The shop's check of every call; keeps used nonces and failed sign-ins."""

    def __init__(self) -> None:
        """Start with no nonce used and nobody locked out."""
        self._nonces = oauth.NonceRegister()
        self._failures: dict[str, list[float]] = {}

    def check(self, call: Call, resource: str) -> None:
        """Let a call through, or refuse it.

        Args:
            call: The call.
            resource: ACL resource of the route; public routes are not checked at all.

        Raises:
            ShopError: 400 or 401.
        """
        if resource == ANONYMOUS:
            return
        if not any(resource.startswith(prefix) for prefix in self._prefixes(call)):
            raise not_authorized(resource)

    def _prefixes(self, call: Call) -> tuple[str, ...]:
        """Return the prefixes of what the caller may use."""
        authorization = call.header("authorization")
        words = authorization.split(" ")
        if len(words) == len(("Bearer", "token")) and words[0].lower() == "bearer":
            return _bearer(call, words[1])
        if oauth.is_oauth(authorization):
            return _granted(self._signed(call, authorization))
        return ()

    def _signed(self, call: Call, authorization: str) -> Integration:
        parameters = oauth.protocol_parameters(
            authorization, call.query, call.header("content-type"), call.body
        )
        # This release signs a slash in a sku as it was decoded, so no client can match it.
        path = call.raw_path.replace("%2F", "/").replace("%2f", "/")
        return oauth.verify(
            method=call.method,
            url=f"{call.scheme}://{_host(call)}{path}",
            parameters=parameters,
            nonces=self._nonces,
            revoked=call.setting("adobe.revoked"),
            now=call.now,
        )

    def admin_token(self, call: Call) -> str:
        """Return a token for an administrator's name and password, valid for 4 hours.

        Raises:
            ShopError: 400 for missing fields or the second factor, 401 for a wrong password or an
                account locked for 30 minutes after six of them.
        """
        username, password = _sign_in(call)
        since = call.now - _LOCKED_SECONDS
        failures = [moment for moment in self._failures.get(username, []) if moment > since]
        locked = len(failures) >= _FAILURES_ALLOWED
        if locked or username != ADMIN_USERNAME or password != ADMIN_PASSWORD:
            if not locked:
                self._failures[username] = [*failures, call.now]
            raise ShopError(401, _SIGN_IN_REFUSED)
        self._failures.pop(username, None)
        if call.setting("adobe.admin_two_factor"):
            raise ShopError(400, _TWO_FACTOR, {"active_providers": ["google"]})
        return tokens.issue(
            "admin", {"uid": 1, "utypid": 2}, now=call.now, lifetime=_ADMIN_LIFETIME
        )

    def customer_token(self, call: Call) -> str:
        """Return a token for a customer, valid for 1 hour; it opens nothing of the sales API.

        Raises:
            ShopError: As ``admin_token``.
        """
        username, password = _sign_in(call)
        row = (
            call.context.database.connection()
            .execute("SELECT entity_id FROM adobe_customer WHERE email = ?", (username,))
            .fetchone()
        )
        if row is None or password != CUSTOMER_PASSWORD:
            raise ShopError(401, _SIGN_IN_REFUSED)
        claims = {"uid": row["entity_id"], "utypid": 3}
        return tokens.issue("customer", claims, now=call.now, lifetime=_CUSTOMER_LIFETIME)


def _host(call: Call) -> str:
    """Return the host as the shop signs it: without the port of its scheme."""
    host = call.header("host")
    default = ":443" if call.scheme == "https" else ":80"
    return host.removesuffix(default)


def _granted(integration: Integration) -> tuple[str, ...]:
    return integration.resources if integration.active else ()


def _bearer(call: Call, token: str) -> tuple[str, ...]:
    """Return what a bearer may use; an unknown one is a guest."""
    claims = tokens.read(token, now=call.now)
    if claims is not None:
        return ("",) if claims["aud"] == "admin" else ()
    if not call.setting("adobe.bearer_enabled"):
        return ()
    for integration in INTEGRATIONS:
        revoked = integration.name in call.setting("adobe.revoked")
        if integration.access_token == token and not revoked:
            return _granted(integration)
    return ()


def _sign_in(call: Call) -> tuple[str, str]:
    body: Any = call.json()
    values = [body.get(name) for name in ("username", "password")]
    absent = [
        name for name, value in zip(("username", "password"), values, strict=True) if not value
    ]
    if absent:
        raise missing(*absent)
    return str(values[0]), str(values[1])

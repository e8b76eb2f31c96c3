"""Adobe Commerce as a Cloud Service: IMS tokens and the edge in front of the shop.

The application behind is the same; only who may pass differs. Where Adobe documents no body, the
shapes are those of its API gateway, so that a client must not rely on the shop's envelope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from commerce_sandbox.adobe import tokens
from commerce_sandbox.adobe.credentials import (
    IMS_CLIENT_ID,
    IMS_CLIENT_SECRET,
    IMS_ORG_ID,
    IMS_SCOPE,
)
from commerce_sandbox.adobe.rendering import Answer, render

if TYPE_CHECKING:
    from commerce_sandbox.adobe.call import Call

_LIFETIME = 86399
_MINUTE = 60
_SCOPES = frozenset(IMS_SCOPE.split(","))
_NEEDED_SCOPE = "commerce.accs"


def _refused(status: int, error: str, description: str) -> Answer:
    return render(status, {"error": error, "error_description": description}, "json")


def token(call: Call) -> Answer:
    """Answer ``POST /ims/token/v3``: a token for a client's id and secret, for 86,399 seconds.

    There is no refresh token, and an earlier token stays valid beside a new one.
    """
    if not call.header("content-type").startswith("application/x-www-form-urlencoded"):
        return _refused(400, "invalid_request", "unsupported content type")
    form = parse_qs(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    values = {name: entries[-1] for name, entries in form.items()}
    if values.get("grant_type") != "client_credentials":
        return _refused(400, "unsupported_grant_type", "grant_type not supported")
    if values.get("client_id") != IMS_CLIENT_ID:
        return _refused(400, "invalid_client", "invalid client_id parameter")
    if values.get("client_secret") != IMS_CLIENT_SECRET:
        return _refused(401, "invalid_client", "invalid client_secret parameter")
    scopes = {scope for scope in values.get("scope", "").split(",") if scope}
    if not scopes or not scopes <= _SCOPES:
        return _refused(400, "invalid_scope", "invalid scope")
    issued = tokens.issue(
        "ims", {"scope": ",".join(sorted(scopes))}, now=call.now, lifetime=_LIFETIME
    )
    answer = {"access_token": issued, "token_type": "bearer", "expires_in": _LIFETIME}
    return render(200, answer, "json")


class Edge:
    """What stands before a SaaS shop: it checks the token and counts calls."""

    def __init__(self) -> None:
        """Start with an unused minute."""
        self._minute = 0
        self._calls = 0

    def refusal(self, call: Call) -> Answer | None:
        """Return why a call does not pass, or None.

        Args:
            call: A call to ``/{tenant}/V1/...``.
        """
        limited = self._limited(call)
        if limited is not None:
            return limited
        words = call.header("authorization").split(" ")
        bearer = words[1] if words[0].lower() == "bearer" and words[1:] else ""
        claims = tokens.read(bearer, now=call.now)
        if (
            claims is None
            or claims["aud"] != "ims"
            or claims["iat"] < call.setting("adobe.ims_revoked_before")
            or _NEEDED_SCOPE not in claims["scope"].split(",")
        ):
            body = {"error_code": "401013", "message": "Oauth token is not valid"}
            return render(401, body, "json")
        if call.headers.get("x-gw-ims-org-id", IMS_ORG_ID) != IMS_ORG_ID:
            body = {"error_code": "403025", "message": "Profile is not valid"}
            return render(403, body, "json")
        if call.headers.get("x-api-key", IMS_CLIENT_ID) != IMS_CLIENT_ID:
            body = {"error_code": "403000", "message": "Api Key is invalid"}
            return render(403, body, "json")
        return None

    def _limited(self, call: Call) -> Answer | None:
        limit = call.setting("adobe.saas_minute_limit")
        minute, second = divmod(int(call.now), _MINUTE)
        if minute != self._minute:
            self._minute, self._calls = minute, 0
        self._calls += 1
        if limit is None or self._calls <= limit:
            return None
        answer = render(429, {"error_code": "429050", "message": "Too many requests"}, "json")
        answer.headers["Retry-After"] = str(_MINUTE - second)
        return answer

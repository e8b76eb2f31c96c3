"""Tokens of an administrator's account: a JWT that lives four hours by default."""

from __future__ import annotations

import base64
import json
import time
from http import HTTPStatus
from typing import Any

import requests

from adobe_commerce._bearer import FETCH_TIMEOUT, FetchedToken, RenewingBearer
from adobe_commerce.errors import (
    BusyError,
    CredentialsError,
    NotCommerceError,
    UnreachableError,
)

DEFAULT_LIFETIME = 4 * 3600.0  # seconds; the shop's own default
_MARGIN = 300.0  # seconds before the end at which a token is renewed


class AdminAuth(RenewingBearer):
    """Logs in with user name and password, and again when the token ends.

    After a refused login nothing is tried again: the shop locks the account after six failures.
    """

    scheme = "admin"

    def __init__(self, base_url: str, username: str, password: str) -> None:
        """Prepare; nothing is sent yet."""
        super().__init__()
        self._url = f"{base_url.rstrip('/')}/rest/V1/integration/admin/token"
        self._login = {"username": username, "password": password}
        self._refusal: str | None = None

    def fetch(self) -> FetchedToken:
        """Log in.

        Raises:
            CredentialsError: The shop refuses the login, now or before.
            NotCommerceError: What answers is not a shop.
            BusyError: The shop is in maintenance or overloaded.
            UnreachableError: The shop does not answer.
        """
        if self._refusal:
            raise CredentialsError(self._refusal)
        try:
            response = requests.post(
                self._url, json=self._login, timeout=FETCH_TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            msg = f"No answer from {self._url} ({type(error).__name__})."
            raise UnreachableError(msg) from None
        content = _json(response)
        if response.status_code == HTTPStatus.OK and isinstance(content, str):
            now = time.time()
            return FetchedToken(content, now, now + _lifetime(content) - _MARGIN)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS or response.status_code >= 500:  # noqa: PLR2004  # HTTP's own boundary
            msg = f"The shop cannot log in now (HTTP {response.status_code} from {self._url})."
            raise BusyError(msg)
        if not isinstance(content, dict) or "message" not in content:
            msg = (
                f"{self._url} answers HTTP {response.status_code} without a token. Check base_url."
            )
            raise NotCommerceError(msg)
        self._refusal = _explain(content)
        raise CredentialsError(self._refusal)


def _explain(content: dict[str, Any]) -> str:
    """One message per known refusal of a login."""
    text = str(content["message"])
    lower = text.lower()
    if "2fa" in lower or "two-factor" in lower:
        return (
            "The shop asks this administrator for a second factor, which a program does not have. "
            "Use an integration (consumer_key, consumer_secret, access_token, "
            f'access_token_secret) instead. The shop says: "{text}"'
        )
    if "captcha" in lower:
        return (
            "The shop protects its login with a captcha. Use an integration instead. "
            f'The shop says: "{text}"'
        )
    return (
        "The shop does not accept admin_username and admin_password, or has locked the account for "
        "half an hour. Correct them before the next run: six wrong logins lock the account. "
        f'The shop says: "{text}"'
    )


def _lifetime(token: str) -> float:
    """Seconds the token lives, from its own claims; only to plan, so it is not verified."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"]) - float(claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError):
        return DEFAULT_LIFETIME  # before 2.4.4 the token was opaque


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None

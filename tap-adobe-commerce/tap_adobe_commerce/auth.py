"""Authentication against Adobe Commerce, chosen by which settings are present."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests.auth import AuthBase

from tap_adobe_commerce._oauth1 import AdobeOAuth1

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest

INTEGRATION_KEYS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")


class BearerAuth(AuthBase):
    """Sends one token that does not change."""

    def __init__(self, token: str) -> None:
        """Take the token as the shop's administrator gave it."""
        self._token = token

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Put the token in the request's header."""
        r.headers["Authorization"] = f"Bearer {self._token}"
        return r


def build_auth(config: Mapping[str, Any]) -> AuthBase:
    """The ``requests`` auth object for a tap's settings."""
    if all(config.get(key) for key in INTEGRATION_KEYS):
        return AdobeOAuth1(*(str(config[key]) for key in INTEGRATION_KEYS))
    if config.get("bearer_token"):
        return BearerAuth(str(config["bearer_token"]))
    missing = ", ".join(key for key in INTEGRATION_KEYS if not config.get(key))
    msg = f"No complete Adobe Commerce credential in the settings: {missing} missing."
    raise ValueError(msg)

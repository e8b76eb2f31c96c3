"""OAuth 1.0a request signing as Adobe Commerce verifies it.

The server departs from RFC 5849 in three ways that break a stock signer:

- parameters are sorted in natural order (``[2]`` before ``[10]``), not by bytes;
- the query is decoded raw, so a space must travel as ``%20`` (a ``+`` stays a plus sign);
- only ``HMAC-SHA256`` is accepted, since 2.4.4.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from authlib.integrations.requests_client import OAuth1Auth
from authlib.oauth1.rfc5849.signature import normalize_base_string_uri
from authlib.oauth1.rfc5849.util import escape, unescape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from requests import PreparedRequest

SIGNATURE_METHOD = "HMAC-SHA256"

_RUN = re.compile(r"\d+|\D")


def natural_order(key: str) -> list[tuple[int, int]]:
    """Sort key of a percent-encoded parameter name, as PHP's ``strnatcmp`` orders it.

    A run of digits compares as one number, any other character by its code. All digits share
    one rank because no other character lies between ``0`` and ``9``.
    """
    return [(ord("0"), int(run)) if run.isdigit() else (ord(run), 0) for run in _RUN.findall(key)]


def canonical_url(url: str) -> str:
    """The same URL with its query encoded the way the server's base string expects it.

    ``requests`` writes a space as ``+``, which the server would not decode. A parameter without
    ``=`` gets one, because the server leaves such a pair out of its base string.
    """
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    return urlunsplit(parts._replace(query=urlencode(pairs, quote_via=quote, safe="")))


def base_string(method: str, url: str, params: Iterable[tuple[str, str]]) -> str:
    """Signature base string over ``params`` (decoded names and values).

    Of a name that occurs twice the server keeps the last value.
    """
    encoded = {escape(name): escape(value) for name, value in params}
    query = "&".join(f"{name}={encoded[name]}" for name in sorted(encoded, key=natural_order))
    return "&".join(escape(part) for part in (method.upper(), url, query))


def hmac_sha256(text: str, consumer_secret: str, token_secret: str) -> str:
    """Base64 of the HMAC-SHA256 of a base string."""
    key = f"{escape(consumer_secret)}&{escape(token_secret)}"
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _sign(client: Any, request: Any) -> str:
    params = [
        (name, unescape(value) if name.startswith("oauth_") else value)
        for name, value in request.params
        if name not in {"oauth_signature", "realm"}
    ]
    url = normalize_base_string_uri(request.uri, request.headers.get("Host"))
    text = base_string(request.method, url, params)
    return hmac_sha256(text, client.client_secret, client.token_secret)


class AdobeOAuth1(OAuth1Auth):  # type: ignore[misc]  # authlib ships no types
    """Signs each request it is called for, with a fresh nonce and timestamp.

    The server stores the nonce before it checks the signature, so a request must never be sent
    twice with one signature: prepare it again for every try.
    """

    scheme = "oauth1"
    SIGNATURE_METHODS = {SIGNATURE_METHOD: _sign}  # noqa: RUF012  # authlib's own extension point

    def __init__(
        self, consumer_key: str, consumer_secret: str, access_token: str, access_token_secret: str
    ) -> None:
        """Take the four values of the integration, 32 characters each."""
        super().__init__(
            consumer_key,
            client_secret=consumer_secret,
            token=access_token,
            token_secret=access_token_secret,
            signature_method=SIGNATURE_METHOD,
        )

    def get_oauth_params(self, nonce: str, timestamp: str) -> list[tuple[str, str]]:
        """OAuth fields of one request; the nonce fits the server's column of 32 characters."""
        del nonce
        params: list[tuple[str, str]] = super().get_oauth_params(secrets.token_hex(16), timestamp)
        return params

    def __call__(self, req: PreparedRequest) -> PreparedRequest:
        """Sign ``req`` and rewrite its query to the form that was signed."""
        req.url = canonical_url(str(req.url))
        signed: PreparedRequest = super().__call__(req)
        return signed

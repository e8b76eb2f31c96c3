"""OAuth 1.0a as the shop verifies it, with its departures from RFC 5849.

Follows the order of checks, the texts and the oddities seen in the recordings of a 2.4.7-p3 shop:
only HMAC-SHA256, keys in natural order, raw decoding, nonce kept before the signature is looked at.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from functools import cmp_to_key
from itertools import zip_longest
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from commerce_sandbox.adobe.credentials import INTEGRATIONS, Integration
from commerce_sandbox.adobe.errors import ShopError, missing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_REQUIRED = (
    "oauth_consumer_key",
    "oauth_signature",
    "oauth_signature_method",
    "oauth_nonce",
    "oauth_timestamp",
    "oauth_token",
)
_METHOD = "HMAC-SHA256"
_VALUE_LENGTH = 32
_NONCE_COLUMN = 32  # a longer nonce is cut without a word by the shop's database
_AHEAD_SECONDS = 600
_NONCE_LIFE_SECONDS = 7200
_FIELD_NAME = re.compile(r"oauth_[a-z_-]+")
_DIGITS = re.compile(r"(\d+)")


def is_oauth(authorization: str) -> bool:
    """Tell whether the shop would read this header as an OAuth request at all."""
    return "oauth " in authorization.lower()


def encode(text: str) -> str:
    """Percent-encode as RFC 3986 asks."""
    return quote(text, safe="~")


def _compare(left: str, right: str) -> int:
    return (left > right) - (left < right)


def natural_compare(left: str, right: str) -> int:
    """Compare two keys as PHP's ``strnatcmp`` does: runs of digits by their value.

    A run that starts with 0 is compared as text, like a fraction.
    """
    position = 0
    for mine, other in zip_longest(_DIGITS.split(left), _DIGITS.split(right), fillvalue=""):
        if mine == other:
            position += len(mine)
            continue
        if not (mine.isdigit() and other.isdigit()):
            return _compare(left[position:], right[position:])
        if "0" in (mine[0], other[0]) or len(mine) == len(other):
            return _compare(mine, other)
        return -1 if len(mine) < len(other) else 1
    return 0


def protocol_parameters(
    authorization: str, query: str, content_type: str, body: bytes
) -> dict[str, str]:
    """Collect what the shop signs: header fields, form fields and query pairs.

    Args:
        authorization: The Authorization header.
        query: The query string as sent. A pair without exactly one ``=`` is left out; a plus sign
            stays a plus sign.
        content_type: The Content-Type header; only a form is part of the signature.
        body: The request's body.
    """
    parameters: dict[str, str] = {}
    for part in authorization[len("oauth ") :].split(","):
        name, separator, value = part.strip().partition("=")
        if separator and _FIELD_NAME.search(name):
            parameters[unquote(name)] = unquote(value.strip('"'))
    if content_type.startswith("application/x-www-form-urlencoded"):
        form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        parameters.update((name, value) for name, value in form if not name.startswith("oauth_"))
    for pair in query.split("&"):
        if pair.count("=") == 1:
            name, _, value = pair.partition("=")
            parameters[unquote(name)] = unquote(value)
    return parameters


def signature(
    method: str, url: str, parameters: Mapping[str, str], consumer_secret: str, token_secret: str
) -> str:
    """Return the signature the shop expects.

    Args:
        method: HTTP method.
        url: Scheme, host (with its port, unless it is the scheme's own) and path.
        parameters: All parameters, decoded; ``oauth_signature`` is left out here.
        consumer_secret: Secret of the consumer.
        token_secret: Secret of the access token.
    """
    encoded = {
        encode(name): encode(value)
        for name, value in parameters.items()
        if name != "oauth_signature"
    }
    ordered = sorted(encoded, key=cmp_to_key(natural_compare))
    pairs = "&".join(f"{name}={encoded[name]}" for name in ordered)
    base = "&".join((method.upper(), encode(url), encode(pairs)))
    key = f"{encode(consumer_secret)}&{encode(token_secret)}"
    digest = hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


class NonceRegister:
    """Nonces that were used.

    Kept in memory, not in the database: a verified read must not wait for a writer's transaction.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._seen: dict[tuple[int, str], float] = {}
        self._lock = threading.Lock()

    def use(self, consumer_id: int, nonce: str, timestamp: str, now: float) -> None:
        """Keep a nonce, or refuse it.

        Args:
            consumer_id: The consumer that sent it.
            nonce: Of any length; only its first 32 characters count.
            timestamp: The request's own time; far ahead is refused, the past is not.
            now: The shop's time, seconds since 1970.

        Raises:
            ShopError: The nonce was used, or the timestamp cannot be.
        """
        digits = re.match(r"\s*-?\d+", timestamp)
        seconds = int(digits.group()) if digits else 0
        if seconds <= 0 or seconds > now + _AHEAD_SECONDS:
            raise ShopError(401, "An error occurred validating the nonce")
        key = (consumer_id, nonce[:_NONCE_COLUMN])
        with self._lock:
            self._forget(now)
            if key in self._seen:
                raise ShopError(
                    401,
                    "The nonce is already being used by the consumer with ID %1",
                    [str(consumer_id)],
                )
            self._seen[key] = now

    def _forget(self, now: float) -> None:
        """Drop what is older than two hours; nonces are kept in the order they came."""
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest] >= now - _NONCE_LIFE_SECONDS:
                return
            del self._seen[oldest]


def verify(
    *,
    method: str,
    url: str,
    parameters: Mapping[str, str],
    nonces: NonceRegister,
    revoked: Collection[str],
    now: float,
) -> Integration:
    """Check a signed request in the shop's own order and return the integration that signed it.

    Args:
        method: HTTP method.
        url: URL without query, as the shop sees it.
        parameters: Result of ``protocol_parameters``.
        nonces: Nonces used so far.
        revoked: Names of integrations whose token was taken back.
        now: The shop's time, seconds since 1970.

    Raises:
        ShopError: 400 or 401 with the shop's text.
    """
    if parameters.get("oauth_version", "1.0") != "1.0":
        version = parameters["oauth_version"]
        raise ShopError(400, 'The "%1" Oauth version isn\'t supported.', [version])
    absent = [name for name in _REQUIRED if not parameters.get(name)]
    if absent:
        raise missing(*absent)
    if len(parameters["oauth_token"]) != _VALUE_LENGTH:
        raise ShopError(400, "The token length is invalid. Check the length and try again.")
    if parameters["oauth_signature_method"] != _METHOD:
        unsupported = parameters["oauth_signature_method"]
        raise ShopError(400, "Signature method %1 is not supported", [unsupported])
    consumer = _consumer(parameters["oauth_consumer_key"])
    nonces.use(consumer.consumer_id, parameters["oauth_nonce"], parameters["oauth_timestamp"], now)
    if not any(known.access_token == parameters["oauth_token"] for known in INTEGRATIONS):
        raise ShopError(401, "Specified token does not exist")
    if consumer.access_token != parameters["oauth_token"]:
        raise ShopError(401, "Token is not associated with the specified consumer")
    if consumer.name in revoked:
        raise ShopError(401, "Access token has been revoked")
    expected = signature(
        method, url, parameters, consumer.consumer_secret, consumer.access_token_secret
    )
    if not hmac.compare_digest(expected.encode(), parameters["oauth_signature"].encode()):
        raise ShopError(401, "The signature is invalid. Verify and try again.")
    return consumer


def _consumer(key: str) -> Integration:
    if len(key) != _VALUE_LENGTH:
        raise ShopError(401, "Consumer key is not the correct length")
    for integration in INTEGRATIONS:
        if integration.consumer_key == key:
            return integration
    raise ShopError(401, "A consumer having the specified key does not exist")

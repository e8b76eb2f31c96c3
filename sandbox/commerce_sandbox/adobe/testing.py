"""A client that talks to the shop by hand, for tests of the sandbox and of clients.

It signs with code of its own: nothing here is shared with the verification in ``oauth``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from commerce_sandbox.adobe import credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

Pairs = list[tuple[str, str | None]]

_TIMEOUT_SECONDS = 60
_ALGORITHMS = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA512": hashlib.sha512}


def _encode(text: str) -> str:
    return quote(text, safe="")


def query_string(pairs: Pairs) -> str:
    """Return a query string, fully percent-encoded; a value of None leaves the ``=`` out."""
    return "&".join(
        _encode(name) if value is None else f"{_encode(name)}={_encode(value)}"
        for name, value in pairs
    )


def _natural(key: str) -> list[Any]:
    """Order as people do; enough for keys whose numbers have no leading zero."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", key)]


@dataclass(frozen=True)
class Signer:
    """Signs requests as one integration; each member can be bent to make a mistake.

    Attributes:
        integration: Whose credentials are used.
        method: Signature method; an unknown one is signed with SHA-256 all the same.
        nonce: A fixed nonce; None: a new one for each request.
        ahead: Seconds that the timestamp is ahead of the real time.
        version: ``oauth_version``; None leaves it out.
        without: A field to leave out after signing.
        corrupt: Whether the signature is spoiled.
        realm: Whether the header starts with a realm.
        natural: Whether keys are sorted in natural order, as the shop does, or by bytes.
    """

    integration: credentials.Integration = field(default_factory=lambda: credentials.FULL)
    method: str = "HMAC-SHA256"
    nonce: str | None = None
    ahead: int = 0
    version: str | None = "1.0"
    without: str = ""
    corrupt: bool = False
    realm: bool = False
    natural: bool = False

    def with_credentials(self, **changes: str) -> Signer:
        """Return a signer that uses other credentials in part."""
        return replace(self, integration=replace(self.integration, **changes))  # type: ignore[arg-type]

    def parameters(self, method: str, url: str, pairs: Pairs) -> dict[str, str]:
        """Return the OAuth fields of a request, with the signature."""
        values = {
            "oauth_consumer_key": self.integration.consumer_key,
            "oauth_token": self.integration.access_token,
            "oauth_signature_method": self.method,
            "oauth_timestamp": str(int(time.time()) + self.ahead),
            "oauth_nonce": self.nonce or uuid.uuid4().hex,
        }
        if self.version:
            values["oauth_version"] = self.version
        signed = {_encode(name): _encode(value or "") for name, value in pairs}
        signed |= {_encode(name): _encode(value) for name, value in values.items()}
        names = sorted(signed, key=_natural) if self.natural else sorted(signed)
        base = "&".join(f"{name}={signed[name]}" for name in names)
        text = f"{method}&{_encode(url)}&{_encode(base)}"
        secrets = (self.integration.consumer_secret, self.integration.access_token_secret)
        key = "&".join(_encode(secret) for secret in secrets)
        algorithm = _ALGORITHMS.get(self.method, hashlib.sha256)
        digest = hmac.new(key.encode(), text.encode(), algorithm).digest()
        signature = base64.b64encode(digest).decode()
        values["oauth_signature"] = f"A{signature[1:]}x" if self.corrupt else signature
        values.pop(self.without, None)
        return values

    def header(self, method: str, url: str, pairs: Pairs) -> str:
        """Return the Authorization header of a request."""
        values = self.parameters(method, url, pairs)
        parts = [f'{name}="{_encode(value)}"' for name, value in values.items()]
        if self.realm:
            parts.insert(0, 'realm="Shop"')
        return "OAuth " + ", ".join(parts)


@dataclass(frozen=True)
class Received:
    """An answer: status, headers under lower-case names, and the body as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's value."""
        return json.loads(self.body)


class ShopClient:
    """Sends single requests, byte for byte as told."""

    def __init__(self, url: str) -> None:
        """Talk to the sandbox at a base URL."""
        self.url = url
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str | None] | None = None,
        body: str | None = None,
    ) -> Received:
        """Send a request and return its answer.

        Args:
            method: HTTP method.
            target: Path and query as they shall stand in the request.
            headers: Headers; one with None is left out.
            body: Text of the body.
        """
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                if value is not None:
                    connection.putheader(name, value)
            data = None if body is None else body.encode()
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            return Received(response.status, received, response.read())
        finally:
            connection.close()

    def get(
        self,
        path: str,
        pairs: Pairs | None = None,
        signer: Signer | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Received:
        """Send a signed GET.

        Args:
            path: Path, percent-encoded.
            pairs: Query, decoded.
            signer: Who signs; by default the integration that may read everything.
            headers: More headers.
        """
        pairs = pairs or []
        header = (signer or Signer()).header("GET", f"{self.url}{path}", pairs)
        target = f"{path}?{query_string(pairs)}" if pairs else path
        return self.send("GET", target, {"Authorization": header, **(headers or {})})

    def write(self, method: str, path: str, body: Any, signer: Signer | None = None) -> Received:
        """Send a signed POST, PUT or DELETE with a JSON body."""
        header = (signer or Signer()).header(method, f"{self.url}{path}", [])
        headers = {"Authorization": header, "Content-Type": "application/json"}
        return self.send(method, path, headers, json.dumps(body))

    def token(self, kind: str, username: str, password: str) -> Received:
        """Ask for an admin or customer token."""
        body = json.dumps({"username": username, "password": password})
        target = f"/rest/V1/integration/{kind}/token"
        return self.send("POST", target, {"Content-Type": "application/json"}, body)

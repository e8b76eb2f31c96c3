"""One exchange over HTTP: sent and answered, surely not sent, or sent without an answer.

`requests` finds proxies and certificates as everybody expects it to; the calls themselves go
straight to its connection pool, because preparing a request and a session's hooks cost more time
than a whole sales entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = urllib3.Timeout(connect=10.0, read=60.0)
"""Seconds to connect, and between two pieces of the answer; Exact is slow on large entries."""

_CONNECTIONS = 32
_HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Prefer": "return=representation",
    "User-Agent": "target-exact-online",
}
_BEFORE_SENDING = (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)


class NotSentError(Exception):
    """The connection failed before the request could leave."""


class NoAnswerError(Exception):
    """The request left, and no complete answer came back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status.
        headers: Case does not matter.
        body: All of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Tell whether the body says that it is JSON."""
        return "json" in self.headers.get("Content-Type", "")

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_refusal(self) -> bool:
        """Tell whether the status is 4xx; a time-out is none, it says nothing about the call."""
        return (
            HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR
            and self.status != HTTPStatus.REQUEST_TIMEOUT
        )

    @property
    def is_unauthorized(self) -> bool:
        """Tell whether the token was refused: 401, or a redirect to the login page."""
        to_login = "login" in self.headers.get("Location", "").lower()
        redirect = HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST
        return self.status == HTTPStatus.UNAUTHORIZED or (redirect and to_login)


class _InOnePiece:
    """A connection that sends a request's head and body together: one packet, one system call."""

    _pieces: bytearray | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._pieces = pieces = bytearray()
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]  # of urllib3's connection
        finally:
            self._pieces = None
        self.send(pieces)

    def send(self, data: Any) -> None:
        if self._pieces is None:
            super().send(data)  # type: ignore[misc]  # of urllib3's connection
        else:
            self._pieces += data


class _HTTPConnection(_InOnePiece, urllib3.connection.HTTPConnection):
    pass


class _HTTPSConnection(_InOnePiece, urllib3.connection.HTTPSConnection):
    pass


class Transport:
    """Keeps connections to one site. Thread safe; redirects are never followed."""

    def __init__(self, base_url: str, session: requests.Session | None = None) -> None:
        """Find proxies and certificates; nothing is sent yet.

        Args:
            base_url: The site.
            session: For proxies or certificates other than the environment's.
        """
        with session or requests.Session() as settings:
            found = settings.merge_environment_settings(
                base_url, {}, stream=False, verify=None, cert=None
            )
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=_CONNECTIONS)
        pool = self._adapter.get_connection_with_tls_context(
            requests.Request("GET", base_url).prepare(),
            verify=True if found["verify"] is None else found["verify"],
            proxies=found["proxies"],
            cert=found["cert"],
        )
        self._pool = cast("urllib3.HTTPConnectionPool", pool)
        secure = isinstance(self._pool, urllib3.HTTPSConnectionPool)
        self._pool.ConnectionCls = _HTTPSConnection if secure else _HTTPConnection
        # A plain-text proxy wants the whole address; every other connection only the path.
        self._whole_url = self._pool.proxy is not None and base_url.startswith("http:")

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()

    def exchange(self, method: str, url: str, body: bytes | None, token: str) -> Answer:
        """Send a request once and read its whole answer.

        Args:
            method: The HTTP method.
            url: An address on the site.
            body: JSON, or None.
            token: The access token.

        Raises:
            NotSentError: Surely nothing arrived.
            NoAnswerError: It may have arrived.
        """
        if not self._whole_url:
            parts = urlsplit(url)
            url = f"{parts.path}?{parts.query}" if parts.query else parts.path
        try:
            response = self._pool.urlopen(
                method,
                url,
                body=body,
                headers=_HEADERS | {"Authorization": f"Bearer {token}"},
                retries=False,  # repeating is decided by the caller, per verb
                redirect=False,
                timeout=TIMEOUT,
            )
            return Answer(response.status, response.headers, response.data)
        except _BEFORE_SENDING as error:
            raise NotSentError(type(error).__name__) from None
        except (HTTPError, OSError) as error:
            # Named without the request: its headers hold the token.
            raise NoAnswerError(type(error).__name__) from None

"""HTTP over `requests`: one call ends in an answer, surely not sent, or sent without an answer.

What is *surely not sent* is one list for everything that calls Exact: whatever fails until the
connection stands (name, connect, proxy, TLS handshake, certificate). From the first byte of the
request on, no error says whether Exact has done what was asked.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
)

from connector_credentials import redact
from exact_online.answers import UnreadableAnswerError, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from exact_online.answers import Answer

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
"""Between two pieces of an answer; Exact is slow on large entries."""
ANSWER_SECONDS = 120.0
"""For a whole answer, however steadily it drips."""

_CONNECTIONS = 8
_BEFORE_SENDING = (
    ConnectTimeoutError,  # urllib3's NewConnectionError and NameResolutionError are such, too
    ProxyError,  # raised by urllib3 only until the proxy is connected
    ssl.SSLCertVerificationError,
)
_NETWORK_ADVICE = "Check the network and country, then run again."
_CERTIFICATE_ADVICE = (
    "Check country or base_url. If a proxy of yours opens TLS connections, name the file with its "
    "certificate in the variable REQUESTS_CA_BUNDLE."
)
_wire = logging.getLogger("exact_online.wire")


class NotSentError(Exception):
    """The connection failed before the request could leave.

    Attributes:
        untrusted: True when the site's certificate is not trusted: only a person can help.
        advice: What to do.
    """

    def __init__(self, reason: str, *, untrusted: bool = False) -> None:
        """Say why, without the request: its headers hold the token."""
        super().__init__(reason)
        self.untrusted = untrusted
        self.advice = _CERTIFICATE_ADVICE if untrusted else _NETWORK_ADVICE


class NoAnswerError(Exception):
    """The request left, and no complete answer came back."""


class UnboundedAnswerError(NoAnswerError):
    """The answer was too large, too slow or packed too well to be read; asking again is no use."""


class _StandingConnection:
    """Before the connection stands there is one kind of failure; after it there is a time limit.

    urllib3 has one class for a TLS error in the handshake and one in the middle of an answer, and
    its time-outs start anew with every byte of an answer's head.
    """

    sock: Any

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]  # of urllib3's connection
        except ConnectTimeoutError:
            raise
        except (OSError, HTTPException, HTTPError, ValueError) as error:
            raise NewConnectionError(self, type(error).__name__) from error  # type: ignore[arg-type]

    def getresponse(self) -> Any:
        watch = threading.Timer(ANSWER_SECONDS, _shut_down, [self.sock])
        watch.daemon = True
        watch.start()
        try:
            return super().getresponse()  # type: ignore[misc]  # of urllib3's connection
        finally:
            watch.cancel()


class _HTTPConnection(_StandingConnection, urllib3.connection.HTTPConnection):
    pass


class _HTTPSConnection(_StandingConnection, urllib3.connection.HTTPSConnection):
    pass


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class _Adapter(HTTPAdapter):
    """The adapter of `requests` with connections that tell whether they stood."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


class _WithoutQuery(logging.Filter):
    """Keeps filters out of urllib3's own log: they hold references and e-mail addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                part.partition("?")[0] if isinstance(part, str) else part for part in record.args
            )
        return True


_without_query = _WithoutQuery()


def new_session() -> requests.Session:
    """Return a session for Exact: proxies and certificates as `requests` finds them, no cookies.

    Change it as you like (``verify``, ``proxies``, ``cert``) before you give it to a client.
    """
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_connections=2, pool_maxsize=_CONNECTIONS))
    # A cookie would tie calls of several threads to one session at Exact.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    logging.getLogger("urllib3.connectionpool").addFilter(_without_query)
    return session


def no_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send no credentials, not even those that a ``.netrc`` file has for the host."""
    return request


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    clock: Callable[[], float],
    auth: Callable[[requests.PreparedRequest], requests.PreparedRequest] = no_authorization,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """Send a request once and read its whole answer; a redirect is an answer.

    Args:
        session: Makes the call.
        method: The HTTP method.
        url: The address.
        clock: Seconds since any moment.
        auth: Signs the request.
        headers: The request's own.
        body: What to send, or None.

    Raises:
        NotSentError: Surely nothing arrived.
        NoAnswerError: It may have arrived.
        UnboundedAnswerError: It may have arrived, and its answer is beyond what is read.
    """
    begun = clock()
    said: object = "no answer"
    try:
        with session.request(
            method,
            url,
            data=body,
            headers={"Accept-Encoding": "gzip, deflate"} | dict(headers or {}),
            auth=auth,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as response:
            said = response.status_code
            return read(response, deadline=begun + ANSWER_SECONDS, clock=clock)
    except (requests.RequestException, HTTPError, OSError) as error:
        # Named without the request: its headers hold the token.
        if said == "no answer" and was_never_sent(error):
            said = "not sent"
            raise NotSentError(_reason(error), untrusted=_certificate(error) is not None) from None
        raise NoAnswerError(type(error).__name__) from None
    except UnreadableAnswerError as error:
        raise UnboundedAnswerError(str(error)) from None
    finally:
        _wire.debug(
            "%s %s %s in %.0f ms", method, urlsplit(url).path, said, (clock() - begun) * 1000
        )


def was_never_sent(error: BaseException) -> bool:
    """Tell whether a call failed before the first byte of its request left this machine.

    Args:
        error: What `requests` raised.
    """
    return any(isinstance(cause, _BEFORE_SENDING) for cause in _causes(error)) or isinstance(
        error,
        requests.exceptions.ConnectTimeout
        | requests.exceptions.ProxyError
        | requests.exceptions.InvalidURL
        | requests.exceptions.InvalidSchema
        | requests.exceptions.InvalidHeader,
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """What an error of `requests` is made of, itself first."""
    while error is not None:
        yield error
        inner: BaseException | None = error.reason if isinstance(error, MaxRetryError) else None
        if inner is None and error.args and isinstance(error.args[0], BaseException):
            inner = error.args[0]
        error = inner or error.__cause__


def _certificate(error: BaseException) -> str | None:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message or "it is not trusted"
    return None


def _reason(error: BaseException) -> str:
    """Why a call was not sent, in a few words."""
    if said := _certificate(error):
        return f"its certificate is not accepted: {said}"
    *_, first = _causes(error)
    if isinstance(first, ssl.SSLError):
        return f"the TLS handshake failed: {first.reason or type(first).__name__}"
    said = getattr(first, "strerror", None) or ""
    if not said and isinstance(first, OSError):
        said = str(first)
    return redact(said or type(first).__name__)


def _shut_down(sock: Any) -> None:
    """End a connection whose answer takes too long; whoever waits for it sees its end."""
    with contextlib.suppress(OSError, TypeError):
        # Past TLS: its own way would leave the waiting thread with an error of the program.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)

"""HTTP: one connection pool, signed requests, retries within a bounded time, errors by type."""

from __future__ import annotations

import logging
import os
import threading
import time
from codecs import BOM_UTF8
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import requests
from tenacity import Retrying, retry_if_exception_type, stop_any, wait_random_exponential
from tenacity.stop import stop_base, stop_before_delay
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from adobe_commerce import answers
from adobe_commerce._deadline import TimelyAdapter
from adobe_commerce.errors import (
    BrokenAnswerError,
    BusyError,
    ConfigError,
    GarbledError,
    GaveUpError,
    NotCommerceError,
    NotConnectedError,
    OutcomeUnknownError,
    OversizedError,
    RedirectedError,
    RetriableError,
    ServerFaultError,
    SlowError,
    StaleNonceError,
    TooManyCallsError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests.auth import AuthBase
    from tenacity import RetryCallState

logger = logging.getLogger("adobe-commerce.client")

#: Seconds to connect.
CONNECT_TIMEOUT = 10.0
#: Bytes read at a time.
READ_SIZE = 262144
#: Tries of a call that ends in 500: one broken record does not heal, so the page shrinks soon.
FAULT_TRIES = 3
#: Tries before the shop has answered anything: then the address is probably wrong.
FIRST_TRIES = 3
#: Tries when an answer is cut short: a page too heavy for the shop stays too heavy.
BROKEN_TRIES = 2
#: Bytes of one answer, unpacked: 1,000 large orders have a quarter of it.
LARGEST_ANSWER = 64 * 1024 * 1024
#: Bytes of an error's text that are read; the rest is not worth it.
LARGEST_ERROR = 256 * 1024
#: A clock that is further from ours than this, in days, says nothing.
CLOCK_DAYS = 3650
#: Longest wait between two tries, in seconds.
LONGEST_WAIT = 60.0
_ENCODER = msgspec.json.Encoder(decimal_format="number")
#: Errors of a call that the shop surely did not carry out.
_NOTHING_STORED = (NotConnectedError, StaleNonceError, TooManyCallsError)


@dataclass(frozen=True, slots=True)
class Answer:
    """Body of a successful call.

    Attributes:
        body: JSON text as the shop sent it.
        where: Method, path and host of the call, for messages.
    """

    body: bytes
    where: str


class Client:
    """Talks to one shop. Safe to use from several threads at once."""

    def __init__(
        self,
        base_url: str,
        auth: AuthBase,
        *,
        store: str | None = "all",
        timeout: float = 180.0,
        max_wait: float = 300.0,
        connections: int = 8,
    ) -> None:
        """Prepare a connection pool; nothing is sent yet.

        Args:
            base_url: The shop's address, for example ``https://shop.example``.
            auth: Signs each try of each request.
            store: Store code in the path; None for the cloud service, which has none there.
            timeout: Seconds that one try may take.
            max_wait: Seconds that one call may take with all its retries.
            connections: Calls that may run at once.

        Raises:
            ConfigError: ``base_url`` is not an address of a shop.
        """
        self.host = check_base_url(base_url)
        self._root = base_url.rstrip("/") + (f"/rest/{store}/V1" if store else "/V1")
        self._auth = auth
        self._scheme = str(getattr(auth, "scheme", "oauth1"))
        self._timeout = timeout
        self._max_wait = max_wait
        self._answered = threading.Event()
        self._session = requests.Session()
        # The shop's session cookie plays no part, and sent back it makes PHP answer one call of
        # the session at a time.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = TimelyAdapter(pool_connections=1, pool_maxsize=connections)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                # Some installations let a web cache answer GET requests.
                "Cache-Control": "no-cache",
                "User-Agent": f"adobe-commerce-client/{version('adobe-commerce-client')}",
            }
        )
        self._counts = threading.Lock()
        self._clock_ahead = timedelta(0)
        self.requests_sent = 0
        self.bytes_received = 0

    @property
    def has_answered(self) -> bool:
        """Whether the shop has answered, and so told its time."""
        return self._answered.is_set()

    def server_now(self) -> datetime:
        """The shop's present time in UTC, as its last answer told; ours before the first."""
        return datetime.now(UTC) + self._clock_ahead

    def get(self, route: str, query: str = "", *, patient: bool = True) -> Answer:
        """Read a route, with retries.

        Args:
            route: Route below ``V1``, for example ``orders``.
            query: Percent-encoded query.
            patient: Whether a 500 is worth a second try of the very same request.

        Returns:
            The answer, checked to be complete JSON.

        Raises:
            FatalError: The shop refuses the request, or did not recover within ``max_wait``.
            ServerFaultError: The shop answers 500 each time; a smaller page may help.
            SlowError: The shop does not answer in time; a smaller page may help.
            BrokenAnswerError: The answer ends too early; a smaller page may help.
        """
        started = time.monotonic()
        retrying = Retrying(
            retry=retry_if_exception_type(RetriableError),
            stop=stop_any(
                _StopAsTheErrorAsks(self._answered.is_set, FAULT_TRIES if patient else 1),
                stop_before_delay(self._max_wait),
            ),
            wait=_wait,
            before_sleep=_log_retry,
            reraise=True,
        )
        try:
            answer: Answer = retrying(self._get_once, route, query)
        except (ServerFaultError, SlowError, BrokenAnswerError) as error:
            # Their frames hold the answer, and cycles are looked for seldom (see tap.py).
            error.__cause__ = error.__context__ = None
            raise error.with_traceback(None) from None
        except RetriableError as error:
            waited = time.monotonic() - started
            msg = f"{error} Gave up after {waited:.0f} seconds. Run again when the shop is back."
            if not self._answered.is_set() and isinstance(error, UnreachableError):
                msg = f"{error} Check the setting base_url and the network."
            raise GaveUpError(msg) from error
        return answer

    def send(self, method: str, route: str, body: dict[str, Any]) -> Answer:
        """Write to a route. Repeated only when surely nothing was stored.

        Args:
            method: ``POST``, ``PUT`` or ``DELETE``.
            route: Route below ``V1``, percent-encoded.
            body: What is sent as JSON.

        Returns:
            The answer, checked to be complete JSON.

        Raises:
            FatalError: The shop refuses the request: nothing was stored.
            GaveUpError: The shop could not be reached, or did not take the call in time: nothing
                was stored.
            OutcomeUnknownError: It was sent, and no trustworthy answer came.
        """
        data = _ENCODER.encode(body)
        retrying = Retrying(
            retry=retry_if_exception_type(_NOTHING_STORED),
            stop=stop_any(
                _StopAsTheErrorAsks(self._answered.is_set, 1), stop_before_delay(self._max_wait)
            ),
            wait=_wait,
            before_sleep=_log_retry,
            reraise=True,
        )
        try:
            answer: Answer = retrying(self._send_once, method, route, data)
        except _NOTHING_STORED as error:
            msg = f"{error} Nothing was stored. Run again when the shop is well."
            raise GaveUpError(msg) from error
        return answer

    def _send_once(self, method: str, route: str, data: bytes) -> Answer:
        try:
            return self._exchange(method, f"{self._root}/{route}", data)
        except (*_NOTHING_STORED, RedirectedError):
            raise
        except (RetriableError, NotCommerceError) as error:
            msg = f"{error} Whether it was stored is not known."
            raise OutcomeUnknownError(msg) from error

    def _get_once(self, route: str, query: str) -> Answer:
        return self._exchange("GET", f"{self._root}/{route}" + (f"?{query}" if query else ""))

    def _exchange(self, method: str, url: str, data: bytes | None = None) -> Answer:
        where = f"{method} {urlsplit(url).path} at {self.host}"
        began = time.monotonic()
        try:
            with self._session.request(
                method,
                url,
                data=data,
                headers={"Content-Type": "application/json"} if data else None,
                auth=self._auth,
                timeout=(CONNECT_TIMEOUT, self._timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                self._answered.set()
                self._clock_ahead = _server_time(response) - datetime.now(UTC)
                body = self._read_body(response, where)
                wire_bytes = response.raw.tell()
        except requests.exceptions.SSLError as error:
            msg = f"The certificate of {self.host} is not accepted: {_reason(error)}."
            raise ConfigError(msg) from error
        except requests.exceptions.ConnectTimeout as error:
            msg = f"No connection to {self.host} within {CONNECT_TIMEOUT:.0f} seconds."
            raise NotConnectedError(msg) from error
        except (requests.exceptions.Timeout, ReadTimeoutError) as error:
            msg = f"No answer within {self._timeout:.0f} seconds ({where})."
            raise SlowError(msg) from error
        except (ProtocolError, DecodeError) as error:
            msg = f"The answer broke off ({where})."
            raise BrokenAnswerError(msg) from error
        except requests.exceptions.ConnectionError as error:
            if time.monotonic() - began >= self._timeout:  # its headers did not come in time
                msg = f"No answer within {self._timeout:.0f} seconds ({where})."
                raise SlowError(msg) from error
            msg = f"Cannot reach {self.host}: {_reason(error)}."
            never = isinstance(_innermost(error), NewConnectionError)
            raise (NotConnectedError if never else UnreachableError)(msg) from error
        except (requests.exceptions.RequestException, HTTPError) as error:
            msg = f"{url.partition('?')[0]} is no usable address: {_reason(error)}. Check base_url."
            raise ConfigError(msg) from error
        with self._counts:
            self.requests_sent += 1
            self.bytes_received += wire_bytes
        answers.raise_for_answer(response, body, where, self._scheme, scalar=data is not None)
        return Answer(body, where)

    def _read_body(self, response: requests.Response, where: str) -> bytes:
        """Read the body within the time of one call, however slowly it drips."""
        deadline = time.monotonic() + self._timeout
        parts = []
        size = 0
        # One read of the connection at a time: a larger one would wait for all its bytes.
        while part := response.raw.read1(READ_SIZE, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > LARGEST_ERROR and response.status_code != HTTPStatus.OK:
                response.close()
                break
            if size > LARGEST_ANSWER:
                response.close()
                parts.clear()
                msg = f"The answer is larger than {LARGEST_ANSWER // 1024**2} MB ({where})."
                raise OversizedError(msg)
            if time.monotonic() > deadline:
                response.close()
                msg = f"No complete answer within {self._timeout:.0f} seconds ({where})."
                raise SlowError(msg)
        # A PHP file of an extension that begins with a byte order mark sends it before each answer.
        return b"".join(parts).removeprefix(BOM_UTF8)


def check_base_url(base_url: str) -> str:
    """Return the host of a shop's address.

    Raises:
        ConfigError: It is not an ``http`` or ``https`` address, or contains more than that.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"Setting base_url is {base_url!r}. Write it as https://shop.example."
        raise ConfigError(msg)
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        msg = f"Setting base_url is {base_url!r}. Use https: the shop's answers are personal data."
        raise ConfigError(msg)
    if os.environ.get("MELTANO_ENVIRONMENT") == "sandbox" and not _is_this_machine(parts.hostname):
        msg = (
            f"The environment sandbox reaches no real shop, and base_url is {base_url!r}. Choose "
            "the environment prod by its name: meltano --environment prod run ..."
        )
        raise ConfigError(msg)
    if parts.username or parts.password or parts.query or parts.fragment:
        msg = "Setting base_url must hold only scheme, host and path, no credentials or query."
        raise ConfigError(msg)
    if "rest" in parts.path.split("/"):
        msg = f"Setting base_url is {base_url!r}. Leave out '/rest' and what follows it."
        raise ConfigError(msg)
    return parts.netloc


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _StopAsTheErrorAsks(stop_base):
    """Fewer tries for errors that time does not heal."""

    def __init__(self, answered: Callable[[], bool], fault_tries: int) -> None:
        self._answered = answered
        self._fault_tries = fault_tries

    def __call__(self, retry_state: RetryCallState) -> bool:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        tries = retry_state.attempt_number
        if isinstance(error, ServerFaultError):
            return tries >= self._fault_tries
        if isinstance(error, OversizedError | GarbledError):
            return True  # the same call brings the same answer
        if isinstance(error, SlowError | BrokenAnswerError | StaleNonceError):
            return tries >= BROKEN_TRIES
        if isinstance(error, UnreachableError) and not self._answered():
            return tries >= FIRST_TRIES
        return False


_jitter = wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)


def _wait(retry_state: RetryCallState) -> float:
    """Seconds until the next try: what the shop asked for, else growing with jitter."""
    error = retry_state.outcome.exception() if retry_state.outcome else None
    if isinstance(error, RetriableError) and error.wait is not None:
        return error.wait
    return float(_jitter(retry_state))


def _log_retry(retry_state: RetryCallState) -> None:
    error = retry_state.outcome.exception() if retry_state.outcome else None
    wait = retry_state.next_action.sleep if retry_state.next_action else 0.0
    level = logging.WARNING if isinstance(error, BusyError) else logging.INFO
    logger.log(level, "%s Next try in %.1f seconds.", error, wait)


def _server_time(response: requests.Response) -> datetime:
    """The shop's clock; ours only when the shop does not send a usable one."""
    ours = datetime.now(UTC)
    header = response.headers.get("Date")
    try:
        theirs = parsedate_to_datetime(header).astimezone(UTC) if header else ours
    except (ValueError, TypeError, OverflowError):
        return ours
    return theirs if abs(theirs - ours) < timedelta(days=CLOCK_DAYS) else ours


def _innermost(error: Exception) -> BaseException:
    """The innermost reason, without the noise of the libraries in between."""
    inner: BaseException = error
    for _ in range(6):
        if isinstance(inner, NewConnectionError):
            break
        following = getattr(inner, "reason", None) or inner.__cause__ or inner.__context__
        if not isinstance(following, BaseException) or following is inner:
            break
        inner = following
    return inner


def _reason(error: Exception) -> str:
    inner = _innermost(error)
    cause = inner.__cause__ or inner.__context__
    if isinstance(inner, NewConnectionError) and cause is not None:
        inner = cause
    return (getattr(inner, "strerror", None) or str(inner) or type(inner).__name__).rstrip(".")

"""HTTP to Exact Online: one class, every call counted, nothing written twice by itself.

Reads are repeated when Exact was unavailable. Writes are repeated only where it is certain that
nothing was stored: before anything was sent, after a 429, and once after a 401. In every other case
the caller is told that the outcome is unknown, and has to ask before sending again: Exact has no
idempotency key.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import requests
import tenacity
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError, SSLError

from target_exact_online import _answers
from target_exact_online._answers import UnreadableAnswerError
from target_exact_online.error_catalogue import explain
from target_exact_online.exceptions import (
    AuthorizationRequiredError,
    DocumentRefusedError,
    OutcomeUnknownError,
    Problem,
    RequestRefusedError,
    TransientApiError,
)
from target_exact_online.limits import Priority

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_exact_online.limits import Budget

TIMEOUT_SECONDS = (10.0, 60.0)
"""To connect, and between two bytes of the answer; Exact is slow on large entries."""

_READ_ATTEMPTS = 4
_MAX_RATE_LIMIT_WAITS = 3
_HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Prefer": "return=representation",
    "User-Agent": "target-exact-online",
}


class TokenSource(Protocol):
    """Where access tokens come from; see `target_exact_online.auth`."""

    def access_token(self) -> str:
        """Return a token that is worth sending."""
        ...

    def rejected(self, token: str) -> str:
        """Return another token after a 401, or raise when there is none."""
        ...


class ExactClient:
    """Calls one Exact Online site for one app.

    Thread safe. Amounts come and go as `decimal.Decimal`, moments as aware UTC datetimes, codes
    without their padding.
    """

    def __init__(
        self,
        base_url: str,
        division: int,
        token_source: TokenSource,
        budget: Budget,
        session: requests.Session | None = None,
    ) -> None:
        """Prepare the connection; nothing is sent yet.

        Args:
            base_url: The site, e.g. ``https://start.exactonline.nl``.
            division: The division that calls go to unless they name another one.
            token_source: Gives access tokens.
            budget: Says when a call may be made; shared with other processes.
            session: For proxies or certificates of your own.
        """
        self.base_url = base_url.rstrip("/")
        self.division = division
        self.calls: Counter[tuple[str, str]] = Counter()
        self._token_source = token_source
        self._budget = budget
        self._session = session or requests.Session()
        # Proxies and certificates of the environment are looked up once, not per call.
        environment = self._session.merge_environment_settings(
            self.base_url, {}, stream=False, verify=None, cert=None
        )
        self._proxies = environment["proxies"]
        self._verify = True if environment["verify"] is None else environment["verify"]
        self._certificate = environment["cert"]
        # Repeating is decided here, per verb; the pool must never do it by itself.
        self._adapter = HTTPAdapter(max_retries=0, pool_maxsize=32)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections and give unused calls back to the budget."""
        self._adapter.close()
        self._session.close()
        self._budget.release()

    @property
    def call_count(self) -> int:
        """Number of HTTP calls made so far, repeats included."""
        return sum(self.calls.values())

    def get(
        self,
        resource: str,
        *,
        division: int | None = None,
        select: str | None = None,
        filter: str | None = None,  # noqa: A002  # OData's own word, as in the URL
        top: int | None = None,
        orderby: str | None = None,
        expand: str | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of a resource, page after page.

        Args:
            resource: E.g. ``financial/GLAccounts``; ``current/Me`` has no division.
            division: Another division than the client's.
            select: Properties to read, comma separated.
            filter: OData 2.0 filter.
            top: At most this many rows.
            orderby: Property to order by.
            expand: Collection to include.
            priority: Whether the calls kept for settling may be used.

        Raises:
            TransientApiError: Exact is not available.
            BudgetExhaustedError: No calls left.
            AuthorizationRequiredError: No right to read this.
            RequestRefusedError: Exact does not accept the question.
        """
        options = {
            "$select": select,
            "$filter": filter,
            "$top": top,
            "$orderby": orderby,
            "$expand": expand,
        }
        query = urlencode(
            {name: value for name, value in options.items() if value is not None},
            safe="$'(),:",
            quote_via=quote,
        )
        url: str | None = self._url(resource, division) + (f"?{query}" if query else "")
        seen = 0
        while url:
            rows, following = self._page(url, resource, division, priority)
            for row in rows:
                yield row
                seen += 1
                if top is not None and seen >= top:
                    return
            if following and not rows:
                msg = f"Exact answered an empty page of {resource} that has a next page"
                raise TransientApiError(msg)
            url = self._checked_next(url, following) if following else None

    def post(
        self, resource: str, payload: Mapping[str, Any], *, division: int | None = None
    ) -> dict[str, Any]:
        """Create an entity and return it as stored.

        Args:
            resource: E.g. ``salesentry/SalesEntries``.
            payload: Its properties; amounts as ``Decimal``.
            division: Another division than the client's.

        Raises:
            TransientApiError: Surely nothing was stored.
            OutcomeUnknownError: It may have been stored: ask before sending again.
            BudgetExhaustedError: No calls left; nothing was sent.
            AuthorizationRequiredError: No right to create this.
            DocumentRefusedError: Exact does not accept the content.
        """
        response = self._write("POST", resource, self._url(resource, division), payload, division)
        try:
            return _answers.entity(_answers.decode(response.content))
        except UnreadableAnswerError as error:
            msg = f"Exact accepted {resource}, but its answer cannot be read ({error})"
            raise OutcomeUnknownError(msg, status=response.status_code) from error

    def put(
        self,
        resource: str,
        key: str,
        payload: Mapping[str, Any],
        *,
        division: int | None = None,
    ) -> None:
        """Change properties of an entity; errors as for `post`.

        Args:
            resource: E.g. ``salesorder/SalesOrders``.
            key: The entity's GUID.
            payload: The properties to change.
            division: Another division than the client's.
        """
        url = f"{self._url(resource, division)}(guid'{key}')"
        self._write("PUT", resource, url, payload, division)

    def delete(self, resource: str, key: str, *, division: int | None = None) -> None:
        """Delete an entity; errors as for `post`.

        Args:
            resource: E.g. ``salesorder/SalesOrderLines``.
            key: The entity's GUID.
            division: Another division than the client's.
        """
        self._write(
            "DELETE", resource, f"{self._url(resource, division)}(guid'{key}')", None, division
        )

    def _url(self, resource: str, division: int | None) -> str:
        area = "" if resource.startswith("current/") else f"{division or self.division}/"
        return f"{self.base_url}/api/v1/{area}{resource}"

    def _page(
        self, url: str, resource: str, division: int | None, priority: Priority
    ) -> tuple[list[dict[str, Any]], str | None]:
        for attempt in tenacity.Retrying(
            stop=tenacity.stop_after_attempt(_READ_ATTEMPTS),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
            retry=tenacity.retry_if_exception_type(TransientApiError),
            reraise=True,
        ):
            with attempt:
                response = self._call("GET", resource, url, None, division, priority)
                _raise_for_read(response, resource, division or self.division)
                try:
                    return _answers.rows_and_next(_answers.decode(response.content))
                except UnreadableAnswerError as error:
                    msg = f"Exact's answer to {resource} cannot be read ({error})"
                    raise TransientApiError(msg, status=response.status_code) from error
        raise AssertionError  # pragma: no cover  # tenacity re-raises the last error

    def _write(
        self,
        method: str,
        resource: str,
        url: str,
        payload: Mapping[str, Any] | None,
        division: int | None,
    ) -> requests.Response:
        body = None if payload is None else _answers.encode(dict(payload))
        try:
            response = self._call(method, resource, url, body, division, Priority.NORMAL)
        except _SentError as error:
            msg = f"{resource} was sent, but no answer came ({error})"
            raise OutcomeUnknownError(msg) from error
        _raise_for_write(response, resource, division or self.division)
        return response

    def _call(
        self,
        method: str,
        resource: str,
        url: str,
        body: bytes | None,
        division: int | None,
        priority: Priority,
    ) -> requests.Response:
        """Make one call; repeat it only after a 429, and once after a 401."""
        where = division or self.division
        token = self._token_source.access_token()
        renewed = False
        waits = 0
        while True:
            ticket = self._budget.acquire(resource, division=where, priority=priority)
            try:
                response = self._send(method, resource, url, body, token)
            except BaseException:
                self._budget.unanswered(ticket)
                raise
            self._budget.observe(ticket, response.status_code, response.headers)
            if response.status_code == requests.codes.too_many_requests:
                waits += 1
                if waits > _MAX_RATE_LIMIT_WAITS:
                    msg = f"Exact keeps answering that the rate limit of {resource} is reached"
                    raise TransientApiError(msg, status=response.status_code)
                continue
            if not _is_unauthorized(response):
                return response
            if renewed:
                raise _not_authorized(response, resource, where)
            token = self._token_source.rejected(token)
            renewed = True

    def _send(
        self, method: str, resource: str, url: str, body: bytes | None, token: str
    ) -> requests.Response:
        with self._lock:
            self.calls[method, resource] += 1
        request = requests.PreparedRequest()
        request.prepare(method=method, url=url, data=body, headers=_HEADERS | _bearer(token))
        try:
            response = self._adapter.send(
                request,
                timeout=TIMEOUT_SECONDS,
                proxies=self._proxies,
                verify=self._verify,
                cert=self._certificate,
            )
            _ = response.content  # the body may break off, too
        except requests.RequestException as error:
            # The reason is named without the request: its headers hold the token.
            reason = type(_cause(error)).__name__
            host = urlsplit(url).netloc
            if method == "GET" or _nothing_was_sent(error):
                msg = f"Exact Online at {host} cannot be reached ({reason})"
                raise TransientApiError(msg) from None
            raise _SentError(reason) from None
        return response

    def _checked_next(self, url: str, following: str) -> str:
        """Return the next page's address, unless it would carry the token somewhere else."""
        here, there = urlsplit(url), urlsplit(following)
        if (here.scheme, here.netloc, here.path) != (there.scheme, there.netloc, there.path):
            msg = f"Exact names a next page at another place ({there.netloc}{there.path})"
            raise RequestRefusedError(msg)
        return following


class _SentError(Exception):
    """A write left this machine and no complete answer came back."""


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _cause(error: BaseException) -> BaseException:
    """Return the innermost reason of a failed call."""
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", inner)
    return reason if isinstance(reason, BaseException) else error


def _nothing_was_sent(error: requests.RequestException) -> bool:
    """Tell whether the connection failed before the request could leave."""
    return isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(
        _cause(error), (NewConnectionError, ConnectTimeoutError, SSLError, ProxyError)
    )


def _is_unauthorized(response: requests.Response) -> bool:
    """Tell whether the token was refused: 401, or a redirect to the login page."""
    if response.status_code == requests.codes.unauthorized:
        return True
    return response.is_redirect and "login" in response.headers.get("Location", "").lower()


def _not_authorized(
    response: requests.Response, resource: str, division: int
) -> AuthorizationRequiredError:
    reason = response.headers.get("Reason") or f"HTTP {response.status_code}"
    msg = (
        f"Exact does not accept the access token for {resource} in division {division} "
        f"({reason}). Check the division, and connect again if the message stays."
    )
    return AuthorizationRequiredError(msg)


def _forbidden(
    response: requests.Response, resource: str, division: int
) -> AuthorizationRequiredError:
    said = _answers.error_text(response.content) or response.headers.get("Reason") or "Forbidden"
    msg = (
        f"Exact does not permit {response.request.method} {resource} in division {division} "
        f"({said}). "
        "Check the app's scopes, the user's rights, the licence and the permitted companies."
    )
    return AuthorizationRequiredError(msg)


def _raise_for_read(response: requests.Response, resource: str, division: int) -> None:
    status = response.status_code
    if status == requests.codes.ok and _is_json(response):
        return
    if status == requests.codes.forbidden:
        raise _forbidden(response, resource, division)
    said = _answers.error_text(response.content)
    client_error = 400 <= status < 500 and status != requests.codes.request_timeout  # noqa: PLR2004  # the HTTP class
    if client_error or said:
        msg = (
            f"Exact refuses to answer {resource} (HTTP {status}: {said or 'no reason given'}). "
            "Check the division, and report it if that is right."
        )
        raise RequestRefusedError(msg)
    what = "a page instead of data" if response.ok else f"HTTP {status}"
    msg = f"Exact is not available: it answered {what} to {resource}"
    raise TransientApiError(msg, status=status)


def _raise_for_write(response: requests.Response, resource: str, division: int) -> None:
    status = response.status_code
    if response.ok and not response.is_redirect:
        if status == requests.codes.no_content or _is_json(response):
            return
        msg = f"Exact answered a page instead of data to {resource}"
        raise OutcomeUnknownError(msg, status=status)
    if status == requests.codes.forbidden:
        raise _forbidden(response, resource, division)
    said = _answers.error_text(response.content)
    if status == requests.codes.internal_server_error and said:
        raise _refused(said)
    client_error = 400 <= status < 500 and status != requests.codes.request_timeout  # noqa: PLR2004  # the HTTP class
    if client_error:
        raise DocumentRefusedError(
            [
                Problem(
                    where="document",
                    what=f"Exact does not accept the form of the document (HTTP {status})",
                    what_to_do="Report this with the document's key.",
                    original=said,
                )
            ],
            by_exact=True,
        )
    msg = f"Exact answered HTTP {status} to {resource} without a reason"
    raise OutcomeUnknownError(msg, status=status)


def _refused(said: str) -> DocumentRefusedError | OutcomeUnknownError:
    """Return what a business error of Exact means for the document."""
    explanations = explain(said)
    if any(explanation.retry for explanation in explanations):
        return OutcomeUnknownError(f'Exact could not store it: "{said}"', status=500)
    return DocumentRefusedError(
        [explanation.problem for explanation in explanations],
        by_exact=True,
        duplicate=any(explanation.duplicate for explanation in explanations),
    )


def _is_json(response: requests.Response) -> bool:
    return "json" in response.headers.get("Content-Type", "")

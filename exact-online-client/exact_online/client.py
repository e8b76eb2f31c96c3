"""HTTP to Exact Online: one class, every call counted, nothing written twice by itself.

Reads are repeated when Exact was unavailable. Writes are repeated only where it is certain that
nothing was stored: before anything was sent, after a 429, and once after a 401. In every other case
the caller is told that the outcome is unknown, and has to ask before sending again: Exact has no
idempotency key.
"""

from __future__ import annotations

import threading
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import tenacity

from exact_online import answers
from exact_online._http import NoAnswerError, NotSentError, Transport
from exact_online.answers import UnreadableAnswerError
from exact_online.error_catalogue import explain
from exact_online.errors import (
    AuthorizationRequiredError,
    DocumentRefusedError,
    OutcomeUnknownError,
    Problem,
    RequestRefusedError,
    TransientApiError,
)
from exact_online.limits import Priority

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

    from exact_online._http import Answer
    from exact_online.limits import Budget

_READ_ATTEMPTS = 4
_MAX_RATE_LIMIT_WAITS = 3


class TokenSource(Protocol):
    """Where access tokens come from; see `exact_online.tokens`."""

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
        self._transport = Transport(self.base_url, session)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections and give unused calls back to the budget."""
        self._transport.close()
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
            return answers.entity(answers.decode(response.body))
        except UnreadableAnswerError as error:
            msg = f"Exact accepted {resource}, but its answer cannot be read ({error})"
            raise OutcomeUnknownError(msg, status=response.status) from error

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
                    return answers.rows_and_next(answers.decode(response.body))
                except UnreadableAnswerError as error:
                    msg = f"Exact's answer to {resource} cannot be read ({error})"
                    raise TransientApiError(msg, status=response.status) from error
        raise AssertionError  # pragma: no cover  # tenacity re-raises the last error

    def _write(
        self,
        method: str,
        resource: str,
        url: str,
        payload: Mapping[str, Any] | None,
        division: int | None,
    ) -> Answer:
        body = None if payload is None else answers.encode(dict(payload))
        try:
            response = self._call(method, resource, url, body, division, Priority.NORMAL)
        except NoAnswerError as error:
            msg = f"{resource} was sent, but no answer came ({error})"
            raise OutcomeUnknownError(msg) from error
        _raise_for_write(response, f"{method} {resource}", division or self.division)
        return response

    def _call(
        self,
        method: str,
        resource: str,
        url: str,
        body: bytes | None,
        division: int | None,
        priority: Priority,
    ) -> Answer:
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
            self._budget.observe(ticket, response.status, response.headers)
            if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                waits += 1
                if waits > _MAX_RATE_LIMIT_WAITS:
                    msg = f"Exact keeps answering that the rate limit of {resource} is reached"
                    raise TransientApiError(msg, status=response.status)
                continue
            if not response.is_unauthorized:
                return response
            if renewed:
                raise _not_authorized(response, resource, where)
            token = self._token_source.rejected(token)
            renewed = True

    def _send(self, method: str, resource: str, url: str, body: bytes | None, token: str) -> Answer:
        with self._lock:
            self.calls[method, resource] += 1
        try:
            return self._transport.exchange(method, url, body, token)
        except NotSentError as error:
            msg = f"Exact Online at {urlsplit(url).netloc} cannot be reached ({error})"
            raise TransientApiError(msg) from error
        except NoAnswerError as error:
            if method != "GET":
                raise
            msg = f"Exact Online did not answer {resource} ({error})"
            raise TransientApiError(msg) from error

    def _checked_next(self, url: str, following: str) -> str:
        """Return the next page's address, unless it would carry the token somewhere else."""
        here, there = urlsplit(url), urlsplit(following)
        if (here.scheme, here.netloc, here.path) != (there.scheme, there.netloc, there.path):
            msg = f"Exact names a next page at another place ({there.netloc}{there.path})"
            raise RequestRefusedError(msg)
        return following


def _not_authorized(answer: Answer, resource: str, division: int) -> AuthorizationRequiredError:
    reason = answer.headers.get("Reason") or f"HTTP {answer.status}"
    msg = (
        f"Exact does not accept the access token for {resource} in division {division} "
        f"({reason}). Check the division, and connect again if the message stays."
    )
    return AuthorizationRequiredError(msg)


def _forbidden(answer: Answer, asked: str, division: int) -> AuthorizationRequiredError:
    said = answers.error_text(answer.body) or answer.headers.get("Reason") or "Forbidden"
    msg = (
        f"Exact does not permit {asked} in division {division} ({said}). "
        "Check the app's scopes, the user's rights, the licence and the permitted companies."
    )
    return AuthorizationRequiredError(msg)


def _raise_for_read(answer: Answer, resource: str, division: int) -> None:
    if answer.status == HTTPStatus.OK and answer.is_json:
        return
    if answer.status == HTTPStatus.FORBIDDEN:
        raise _forbidden(answer, f"to read {resource}", division)
    said = answers.error_text(answer.body)
    if answer.is_refusal or said:
        msg = (
            f"Exact refuses to answer {resource} (HTTP {answer.status}: "
            f"{said or 'no reason given'}). Check the division, and report it if that is right."
        )
        raise RequestRefusedError(msg)
    what = "a page instead of data" if answer.is_success else f"HTTP {answer.status}"
    msg = f"Exact is not available: it answered {what} to {resource}"
    raise TransientApiError(msg, status=answer.status)


def _raise_for_write(answer: Answer, asked: str, division: int) -> None:
    if answer.is_success:
        if answer.status == HTTPStatus.NO_CONTENT or answer.is_json:
            return
        msg = f"Exact answered a page instead of data to {asked}"
        raise OutcomeUnknownError(msg, status=answer.status)
    if answer.status == HTTPStatus.FORBIDDEN:
        raise _forbidden(answer, asked, division)
    said = answers.error_text(answer.body)
    if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR and said:
        raise _refused(said)
    if answer.is_refusal:
        problem = Problem(
            where="document",
            what=f"Exact does not accept the form of the document (HTTP {answer.status})",
            what_to_do="Report this with the document's key.",
            original=said,
        )
        raise DocumentRefusedError([problem], by_exact=True)
    msg = f"Exact answered HTTP {answer.status} to {asked} without a reason"
    raise OutcomeUnknownError(msg, status=answer.status)


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

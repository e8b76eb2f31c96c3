"""Calls to Exact Online: every one counted, nothing written twice by itself.

Reads are repeated when Exact was unavailable. Writes are repeated only where it is certain that
nothing was stored: before anything was sent, after a 429, and once after a 401. In every other case
the caller is told that the outcome is unknown, and has to ask before sending again: Exact has no
idempotency key.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import tenacity
from authlib.integrations.requests_client import OAuth2Auth

from exact_online import answers, refusals
from exact_online.answers import UnreadableAnswerError
from exact_online.errors import (
    ConfigError,
    DocumentRefusedError,
    OutcomeUnknownError,
    Problem,
    RequestRefusedError,
    TransientApiError,
)
from exact_online.limits import Budget, Priority
from exact_online.patience import DEFAULT_MAX_WAIT_SECONDS, retry_after
from exact_online.server_clock import ServerClock
from exact_online.stored_login import app_of, open_login
from exact_online.tokens import TokenSource
from exact_online.transport import (
    NoAnswerError,
    NotSentError,
    UnboundedAnswerError,
    exchange,
    new_session,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import requests
    from sqlalchemy.engine import Engine

    from exact_online.answers import Answer, Row
    from exact_online.patience import Turn
    from exact_online.windows import Ticket

MAX_PAGES = 10_000
MAX_URL = 6_000
MAX_BODY = 10 * 1024 * 1024

_READ_ATTEMPTS = 4
_QUESTION = "current/Me"
_HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Prefer": "return=representation",
    "User-Agent": "exact-online-client",
}
# A gateway's words for "Exact does not answer"; they say nothing about the call.
_AWAY = {408, 502, 503, 504, *range(520, 531)}


_LATENCY_WEIGHT = 0.2  # of the latest answer


@dataclass(frozen=True, slots=True)
class Question:
    """A list to read, with the options of OData.

    Attributes:
        resource: E.g. ``financial/GLAccounts``.
        division: Another division than the client's.
        select: Properties to read, comma separated.
        filter: OData 2.0 filter.
        top: At most this many rows.
        orderby: Property to order by.
        expand: Collection to include.
    """

    resource: str
    division: int | None = None
    select: str | None = None
    filter: str | None = None
    top: int | None = None
    orderby: str | None = None
    expand: str | None = None

    @property
    def query(self) -> str:
        """What stands behind the question mark of its address."""
        options = {
            "$select": self.select,
            "$filter": self.filter,
            "$top": self.top,
            "$orderby": self.orderby,
            "$expand": self.expand,
        }
        given = {name: value for name, value in options.items() if value is not None}
        return urlencode(given, safe="$'(),:", quote_via=quote)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Attributes:
        rows: What is on it.
        is_last: Whether no page follows.
    """

    rows: list[Row]
    is_last: bool


class ExactClient:
    """Calls one Exact Online site for one app.

    Thread safe. Amounts come and go as `decimal.Decimal`, moments as aware UTC datetimes, codes
    without their padding.

    Attributes:
        base_url: The site.
        division: The division that calls go to unless they name another one.
        tokens: Gives access tokens.
        budget: Says when a call may be made.
        calls: How often each method and resource was called, repeats included.
        mean_latency: Seconds until Exact answers a call, of the latest ones.
    """

    def __init__(
        self,
        base_url: str,
        division: int,
        token_source: TokenSource,
        budget: Budget,
        session: requests.Session | None = None,
        *,
        server_clock: ServerClock | None = None,
    ) -> None:
        """Prepare the connection; nothing is sent yet. `open_client` does this for settings.

        Args:
            base_url: The site, e.g. ``https://start.exactonline.nl``.
            division: The division that calls go to unless they name another one.
            token_source: Gives access tokens.
            budget: Says when a call may be made; shared with other processes.
            session: For proxies, certificates or an adapter of your own. Start from
                `exact_online.transport.new_session` where calls go over a network.
            server_clock: Learns Exact's time from every answer.
        """
        self.base_url = base_url.rstrip("/")
        self.division = division
        self.tokens = token_source
        self.budget = budget
        self.calls: Counter[tuple[str, str]] = Counter()
        self._session = session or new_session()
        self._server_clock = server_clock
        self._lock = threading.Lock()
        self.mean_latency = 0.0

    def close(self) -> None:
        """Close the connections and give unused calls back to the budget."""
        self._session.close()
        self.budget.release()

    def now(self) -> datetime:
        """Return the time at Exact (UTC), as far as its answers told; else our own."""
        return datetime.fromtimestamp(self.budget.clock(), UTC)

    @property
    def call_count(self) -> int:
        """Number of HTTP calls made so far, repeats included."""
        return sum(self.calls.values())

    def get(  # noqa: PLR0913  # the options of OData
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
        answers_it: Callable[[Row], bool] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of a resource, page after page.

        A page with a row of another division, or one that the filter leaves out, answers another
        question: nothing is concluded from it, least of all that something is not there.

        Args:
            resource: E.g. ``financial/GLAccounts``; ``current/Me`` has no division.
            division: Another division than the client's.
            select: Properties to read, comma separated.
            filter: OData 2.0 filter.
            top: At most this many rows.
            orderby: Property to order by.
            expand: Collection to include.
            priority: Whether the calls kept for settling may be used.
            answers_it: Tells whether the filter lets a row through.

        Raises:
            TransientApiError: Exact's answer cannot be used.
            NotNowError: No calls left, or Exact takes none for too long.
            AuthorizationRequiredError: No right to read this.
            RequestRefusedError: Exact does not accept the question.
        """
        question = Question(resource, division, select, filter, top, orderby, expand)
        seen = 0
        for page in self.ask(question, priority=priority, answers_it=answers_it):
            for row in page.rows:
                yield row
                seen += 1
                if top is not None and seen >= top:
                    return

    def ask(
        self,
        question: Question,
        *,
        priority: Priority = Priority.NORMAL,
        answers_it: Callable[[Row], bool] | None = None,
    ) -> Iterator[Page]:
        """Yield the pages of a list; the next one is asked for when this one was dealt with.

        Args:
            question: What to read.
            priority: As for `get`, and so are the errors.
            answers_it: As for `get`.
        """
        resource, division = question.resource, question.division
        query = question.query
        url = self._url(resource, division) + (f"?{query}" if query else "")
        visited: set[str] = set()
        while True:
            visited.add(unquote(url))
            rows, following = self._page(url, resource, division, priority, answers_it)
            yield Page(rows, is_last=not following)
            if not following:
                return
            url = _next_page(url, following, resource, rows, visited)

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
            NotNowError: No calls left, or Exact takes none for too long; nothing was stored.
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
        self,
        url: str,
        resource: str,
        division: int | None,
        priority: Priority,
        answers_it: Callable[[Row], bool] | None,
    ) -> tuple[list[Row], str | None]:
        if len(url) > MAX_URL:
            msg = f"The question for {resource} is longer than the {MAX_URL} characters Exact reads"
            raise RequestRefusedError(msg)
        where = division or self.division
        try:
            for attempt in tenacity.Retrying(
                stop=tenacity.stop_after_attempt(_READ_ATTEMPTS),
                wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
                retry=tenacity.retry_if_exception_type(TransientApiError),
                sleep=self._pause,
                reraise=True,
            ):
                with attempt:
                    answer = self._call("GET", resource, url, None, division, priority)
                    refusals.raise_for_read(answer, resource, where)
                    content = _content(answer, resource)
                    page = answers.rows_and_next(content)
                    strange = answers.of_other_division(content, where)
                    if strange or (answers_it and not all(map(answers_it, page[0]))):
                        msg = f"Exact's answer to {resource} is the answer to another question"
                        raise TransientApiError(msg, status=answer.status)
        except (UnboundedAnswerError, UnreadableAnswerError) as error:  # asking again is no use
            msg = f"Exact's answer to {resource} cannot be used ({error})"
            raise TransientApiError(msg) from error
        return page

    def _pause(self, seconds: float) -> None:
        self.budget.sleep(seconds)

    def _write(
        self,
        method: str,
        resource: str,
        url: str,
        payload: Mapping[str, Any] | None,
        division: int | None,
    ) -> Answer:
        body = None if payload is None else answers.encode(dict(payload))
        if body is not None and len(body) > MAX_BODY:
            problem = Problem(
                where="document",
                what=f"The document has {len(body) / 1024 / 1024:.1f} MB, and Exact takes 10",
                what_to_do="Split it, or leave attachments out.",
            )
            raise DocumentRefusedError([problem])
        answer = self._call(method, resource, url, body, division, Priority.NORMAL)
        refusals.raise_for_write(answer, f"{method} {resource}", division or self.division)
        return answer

    def _call(
        self,
        method: str,
        resource: str,
        url: str,
        body: bytes | None,
        division: int | None,
        priority: Priority,
    ) -> Answer:
        """Make one call; repeat it while surely nothing was stored, and once after a 401."""
        where = division or self.division
        rejected: str | None = None
        while True:
            with self.budget.patience.turn() as turn:
                if turn.wants_question and method != "GET" and not self._is_back(turn, where):
                    continue
                ticket = self.budget.acquire(resource, division=where, priority=priority)
                token = self._token(turn, ticket, rejected)
                if token is None:
                    continue
                answer = self._try(turn, ticket, method, url, body, token)
                if answer is None:
                    continue
                if not answer.is_unauthorized:
                    return answer
                if rejected is not None:
                    raise refusals.not_authorized(answer, resource, where)
                rejected = token

    def _is_back(self, turn: Turn, division: int) -> bool:
        """Ask a question before a write, when the last call may have been carried out unheard."""
        ticket = self.budget.acquire(_QUESTION, division=division)
        token = self._token(turn, ticket, None)
        url = f"{self._url(_QUESTION, None)}?$select=CurrentDivision"
        return token is not None and self._try(turn, ticket, "GET", url, None, token) is not None

    def _token(self, turn: Turn, ticket: Ticket, rejected: str | None) -> str | None:
        """A token worth sending; None: there is none now, and it may be asked for again."""
        try:
            token = self.tokens.access_token()
            return self.tokens.rejected(token) if token == rejected else token
        except TransientApiError as error:  # the token endpoint or the store does not answer
            self.budget.unused(ticket)
            turn.failed(str(error), away=error.status != HTTPStatus.TOO_MANY_REQUESTS)
            return None
        except BaseException:
            self.budget.unused(ticket)
            raise

    def _try(
        self, turn: Turn, ticket: Ticket, method: str, url: str, body: bytes | None, token: str
    ) -> Answer | None:
        """Make one call once; None: surely nothing was stored, and it may be made again."""
        resource = ticket.endpoint
        try:
            answer = self._send(method, resource, url, body, token)
        except NotSentError as error:
            self.budget.unused(ticket)
            self._not_sent(turn, url, error)
            return None
        except NoAnswerError as error:
            self.budget.unanswered(ticket)
            self._no_answer(turn, method, resource, error)
            return None
        except BaseException:
            self.budget.unanswered(ticket)
            raise
        status = HTTPStatus.UNAUTHORIZED if answer.is_unauthorized else answer.status
        self.budget.observe(ticket, status, answer.headers)
        if self._server_clock:
            self._server_clock.observe(answer.headers)
        if status != HTTPStatus.TOO_MANY_REQUESTS and status not in _AWAY:
            turn.worked()
            return answer
        pause = retry_after(answer.headers, self.budget.clock())
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            left = self.budget.day_left(division=ticket.division)
            turn.failed(refusals.which_limit(answer, resource, left), at_least=pause, away=False)
            return None
        turn.failed(
            f"it answered HTTP {status} to {resource}", at_least=pause, sent=method != "GET"
        )
        if method == "GET":
            return None
        raise refusals.unknown_outcome(answer, f"{method} {resource}")

    def _not_sent(self, turn: Turn, url: str, error: NotSentError) -> None:
        what = f"Exact Online at {urlsplit(url).netloc} cannot be reached ({error})"
        if error.untrusted:
            msg = f"{what}. {error.advice}"
            raise ConfigError(msg) from error
        turn.failed(what)

    def _no_answer(self, turn: Turn, method: str, resource: str, error: NoAnswerError) -> None:
        """Note that a call got no answer, and raise unless it may be made again."""
        bounds = isinstance(error, UnboundedAnswerError)
        write = method != "GET"
        reason = f"Exact Online did not answer {resource} ({error})"
        if not bounds:
            turn.failed(reason, sent=write)
        if write:
            msg = f"{resource} was sent, but no answer came ({error})"
            raise OutcomeUnknownError(msg) from error
        if bounds:
            raise error

    def _send(self, method: str, resource: str, url: str, body: bytes | None, token: str) -> Answer:
        with self._lock:
            self.calls[method, resource] += 1
        began = self.budget.clock()
        answer = exchange(
            self._session,
            method,
            url,
            clock=self.budget.clock,
            auth=OAuth2Auth({"access_token": token, "token_type": "bearer"}),
            headers=_HEADERS,
            body=body,
        )
        with self._lock:
            took = max(self.budget.clock() - began, 0.0)
            self.mean_latency += (took - self.mean_latency) * _LATENCY_WEIGHT
        return answer


def open_client(  # noqa: PLR0913  # the clock's, the session's and the limits' options
    config: Mapping[str, Any],
    engine: Engine,
    *,
    program: str = "exact-online",
    session: requests.Session | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] | None = None,
    max_calls_part: float = 1.0,
    max_calls: int | None = None,
    max_calls_a_minute: int | None = None,
) -> ExactClient:
    """Connect to the company that the settings name; nothing is called yet.

    Args:
        config: ``division``, the login (see `exact_online.tokens.open_login`), and
            ``max_wait_seconds``, the longest wait while Exact takes no calls.
        engine: The database of the limits; see `exact_online.limits.create_tables`.
        program: Has the commands ``authorize`` and ``keep-alive``; named in advice.
        session: As for `ExactClient`; the token endpoint is called over it, too.
        clock: Seconds since 1970 on this machine. Time is read nowhere else.
        sleep: Waits, a second at most at a time.
        max_calls_part: As for `exact_online.limits.Budget`.
        max_calls: As for `exact_online.limits.Budget`.
        max_calls_a_minute: As for `exact_online.limits.Budget`.

    Raises:
        ConfigError: A setting is missing or wrong.
        TransientApiError: The store of the login does not answer.
    """
    division = division_of(config)
    store, name, values = open_login(config)
    app = app_of(values, program)
    session = session or new_session()
    server_clock = ServerClock(app.base_url, session, clock=clock)
    budget = Budget(
        engine,
        app.client_id,
        clock=server_clock.now,
        sleep=sleep,
        max_wait_seconds=float(config.get("max_wait_seconds", DEFAULT_MAX_WAIT_SECONDS)),
        max_calls_part=max_calls_part,
        max_calls=max_calls,
        max_calls_a_minute=max_calls_a_minute,
    )
    tokens = TokenSource(
        store,
        name,
        app,
        str(config.get("refresh_token") or "") or None,
        server_clock=server_clock,
        session=session,
        sleep=budget.sleep,
    )
    return ExactClient(app.base_url, division, tokens, budget, session, server_clock=server_clock)


def division_of(config: Mapping[str, Any]) -> int:
    """Return the setting ``division``.

    Raises:
        ConfigError: It is missing.
    """
    if not config.get("division"):
        msg = (
            "The setting division is missing: the number of the Exact company, to be seen in the "
            "address bar of Exact Online as _Division_=123456."
        )
        raise ConfigError(msg)
    try:
        return int(config["division"])
    except (TypeError, ValueError, OverflowError):
        msg = "The setting division is no number. Give the one that Exact shows as _Division_=..."
        raise ConfigError(msg) from None


def _next_page(url: str, following: str, resource: str, rows: list[Row], visited: set[str]) -> str:
    """Return the next page's address if it leads on, and not somewhere else with the token."""
    here, there = urlsplit(url), urlsplit(following)
    if (here.scheme, here.netloc, here.path) != (there.scheme, there.netloc, there.path):
        msg = f"Exact names a next page at another place ({there.netloc}{there.path})"
        raise RequestRefusedError(msg)
    if not rows:
        msg = f"Exact answered an empty page of {resource} that has a next page"
        raise TransientApiError(msg)
    if unquote(following) in visited or len(visited) >= MAX_PAGES:
        msg = f"Exact's pages of {resource} do not end: page {len(visited)} leads back"
        raise TransientApiError(msg)
    return following


def _content(answer: Answer, resource: str) -> Any:
    try:
        return answers.decode(answer.body)
    except UnreadableAnswerError as error:
        msg = f"Exact's answer to {resource} cannot be read ({error})"
        raise TransientApiError(msg, status=answer.status) from error

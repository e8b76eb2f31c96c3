"""The receiver's web application: read, verify, keep, answer; it does nothing else.

A signal is answered after it is durable, by one INSERT that all signals of the moment share. What
cannot be kept is answered with 503, so that its sender tries again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from exact_online.errors import TransientApiError
from target_exact_online.webhooks import queue
from target_exact_online.webhooks.signals import NotUnderstoodError
from target_exact_online.webhooks.verifying import NotVerifiedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from sqlalchemy.engine import Engine
    from starlette.requests import Request

    from target_exact_online.webhooks.schemes import (
        EventScheme,
        ExactScheme,
        Schemes,
        WebhookScheme,
    )
    from target_exact_online.webhooks.signals import Signal

    Answer: TypeAlias = Callable[[Request, bytes], Awaitable[Response]]

EXACT_PATH, WEBHOOK_PATH, EVENT_PATH = "/exact", "/adobe/webhook", "/adobe/event"
MOST_BYTES = 1024 * 1024
KEEP_SECONDS = 2.0
"""How long a signal may wait until it is durable; then its sender is asked to come again."""
_MOST_WAITING = 10_000
_MOST_CHALLENGE = 512
_TOLD_EVERY_SECONDS = 60.0
_LOGGER = logging.getLogger("target-exact-online")


class _TooLargeError(Exception):
    """A body has more bytes than any signal."""


class _AwayError(Exception):
    """Signals cannot be kept now."""


@dataclass(slots=True)
class Intake:
    """Keeps signals in the queue, all that wait in one transaction.

    Attributes:
        engine: The ledger's engine.
        kept: Called after each transaction, in the event loop.
    """

    engine: Engine
    kept: Callable[[], object] = lambda: None
    _waiting: list[tuple[list[Signal], asyncio.Future[None]]] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    async def keep(self, came: list[Signal]) -> None:
        """Return when the signals are durable.

        Raises:
            _AwayError: They are not, and may not become so.
        """
        if not came:
            return
        if len(self._waiting) >= _MOST_WAITING:
            raise _AwayError
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((came, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush())
        try:
            async with asyncio.timeout(KEEP_SECONDS):
                await future
        except TimeoutError:
            raise _AwayError from None

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            came = [one for some, _ in batch for one in some]
            error: _AwayError | None = None
            try:
                await asyncio.to_thread(queue.put, self.engine, came)
            except SQLAlchemyError as failure:
                reason = str(getattr(failure, "orig", None) or type(failure).__name__)
                _LOGGER.warning("Signals cannot be kept: %s", reason.splitlines()[0])
                error = _AwayError()
            for _, future in batch:
                if future.done():
                    continue  # its sender was told to come again
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)
            self.kept()


@dataclass(slots=True)
class Told:
    """Says what is refused, at most once a minute for each reason: anybody may send anything."""

    clock: Callable[[], float] = time.monotonic
    _counts: Counter[str] = field(default_factory=Counter)
    _last: dict[str, float] = field(default_factory=dict)

    def tell(self, system: str, reason: object) -> None:
        """Note a refusal."""
        text = f"A signal to {system} was refused: {reason}"
        self._counts[text] += 1
        now = self.clock()
        if now - self._last.get(text, -_TOLD_EVERY_SECONDS) < _TOLD_EVERY_SECONDS:
            return
        self._last[text] = now
        _LOGGER.warning("%s (%s in all)", text, self._counts[text])


def build(schemes: Schemes, intake: Intake) -> Starlette:
    """Return the application for the schemes that are set up; other paths are not there.

    Args:
        schemes: How signals are verified.
        intake: Keeps them.
    """
    told = Told()
    answers: dict[str, Answer] = {}
    if schemes.exact is not None:
        answers[EXACT_PATH] = _exact(schemes.exact, intake)
    if schemes.webhook is not None:
        answers[WEBHOOK_PATH] = _webhook(schemes.webhook, intake)
    if schemes.event is not None:
        answers[EVENT_PATH] = _event(schemes.event, intake)
    routes = [
        Route(path, _guarded(path, answer, told), methods=["POST"])
        for path, answer in answers.items()
    ]
    if schemes.event is not None:
        routes.append(Route(EVENT_PATH, _challenge, methods=["GET"]))
    return Starlette(routes=routes)


def paths(schemes: Schemes) -> list[str]:
    """Return where signals are taken."""
    given = {
        EXACT_PATH: schemes.exact,
        WEBHOOK_PATH: schemes.webhook,
        EVENT_PATH: schemes.event,
    }
    return [path for path, scheme in given.items() if scheme is not None]


def _exact(scheme: ExactScheme, intake: Intake) -> Answer:
    async def answer(_: Request, body: bytes) -> Response:
        if body:  # an empty one is how Exact tries whether somebody is there
            await intake.keep(scheme.signals(body))
        return Response(status_code=HTTPStatus.OK)

    return answer


def _webhook(scheme: WebhookScheme, intake: Intake) -> Answer:
    async def answer(request: Request, body: bytes) -> Response:
        await intake.keep(scheme.signals(body, request.headers))
        return JSONResponse({"op": "success"})  # the shop goes on with what it was doing

    return answer


def _event(scheme: EventScheme, intake: Intake) -> Answer:
    async def answer(request: Request, body: bytes) -> Response:
        found = scheme.at_once(body, request.headers)
        if found is None:  # Adobe is asked for the key, and others are served meanwhile
            found = await asyncio.to_thread(scheme.signals, body, request.headers)
        await intake.keep(found)
        return Response(status_code=HTTPStatus.OK)

    return answer


async def _challenge(request: Request) -> Response:
    """Give the challenge back that a registration at Adobe I/O asks for."""
    challenge = request.query_params.get("challenge", "")
    if not 0 < len(challenge) <= _MOST_CHALLENGE or not challenge.isprintable():
        return Response(status_code=HTTPStatus.BAD_REQUEST)
    headers = {"x-content-type-options": "nosniff"}
    return PlainTextResponse(challenge, headers=headers)


def _guarded(path: str, answer: Answer, told: Told) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that reads a bounded body and answers whatever is wrong with it."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request, await _body(request))
        except NotVerifiedError as error:
            told.tell(path, error)
            return Response(status_code=HTTPStatus.FORBIDDEN)
        except NotUnderstoodError as error:
            told.tell(path, error)
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except _TooLargeError:
            told.tell(path, f"it has more than {MOST_BYTES} bytes.")
            closed = {"connection": "close"}
            return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers=closed)
        except (TransientApiError, _AwayError) as error:
            if str(error):
                told.tell(path, error)
            soon = {"retry-after": "30"}
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=soon)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.REQUEST_TIMEOUT)  # nobody hears it

    return endpoint


async def _body(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > MOST_BYTES:
        raise _TooLargeError
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise _TooLargeError
        parts.append(part)
    return b"".join(parts)

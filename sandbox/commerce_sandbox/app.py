"""One ASGI application for both systems, with faults and the request log around them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect

from commerce_sandbox import asgi, control, faults, signals
from commerce_sandbox.adobe.service import Shop
from commerce_sandbox.exact import late_calls
from commerce_sandbox.exact.late_calls import LateCall
from commerce_sandbox.exact.routes import ExactOnline, run_late_calls
from commerce_sandbox.exceptions import SignalError

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.faults import Fault

ABORT = "commerce_sandbox.abort"  # ASGI extension: closes the TCP connection at once

_PUNCTUAL = 0.01  # seconds that a timer may be early
_SLOW_PAUSE = 0.05  # seconds between two pieces of a slow answer
_ERROR_BODY = b'{"message":"Internal Error. Details are available in the server log."}'
# What PHP prints when display_errors is on: it begins the answer, so headers come too late.
_PHP_NOTICE = (
    "<br />\n<b>Deprecated</b>:  Optional parameter before required one in"
    " <b>/var/www/html/app/code/Vendor/Module/Plugin/Order.php</b> on line <b>42</b><br />\n"
)
_UNAVAILABLE_BODY = (
    b"<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head>"
    b"<body><h1>Service Unavailable</h1></body></html>\n"
)


class SandboxApp:
    """Dispatches by path prefix: ``/_sandbox`` control, ``/api/`` Exact, all else Adobe."""

    def __init__(self, context: SandboxContext) -> None:
        """Build the three applications on one context."""
        self._context = context
        self._control: ASGIApp = Starlette(routes=control.routes(context))
        self._adobe: ASGIApp = Shop(context)
        self._exact: ASGIApp = ExactOnline(context)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http":  # the server is started with lifespan off
            return
        path: str = scope["path"]
        if path.startswith(control.PREFIX):
            await self._control(scope, receive, send)
            return
        if path.startswith(signals.KEYS_PATH):
            await self._public_key(path, send)
            return
        is_exact = path.startswith("/api/")
        exchange = _Exchange(self._context, scope, send, "exact" if is_exact else "adobe")
        app = self._exact if is_exact else self._adobe
        fault = faults.take(self._context.database, scope["method"], path)
        with suppress(ClientDisconnect):  # a client that was killed half way
            if fault is None:
                await app(scope, receive, exchange.send)
            else:
                exchange.fault = fault
                await _suffer(fault, app, scope, receive, exchange)

    async def _public_key(self, path: str, send: Send) -> None:
        """Show a public key of I/O Events, as Adobe's own host does."""
        name = path.removeprefix(signals.KEYS_PATH).removesuffix(".pem")
        try:
            text = signals.Signer.of(self._context.database).public_key(name)
        except SignalError:
            await asgi.answer(send, 404, {"content-type": "text/html"}, b"Not Found")
            return
        await asgi.answer(send, 200, {"content-type": "application/x-pem-file"}, text.encode())


@lru_cache(maxsize=8)
def _http_date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


class _Exchange:
    """One call: hands messages to the server and writes the call down before its answer begins."""

    __slots__ = ("_context", "_scope", "_send", "_system", "fault")

    def __init__(self, context: SandboxContext, scope: Scope, send: Send, system: str) -> None:
        self._context = context
        self._scope = scope
        self._send = send
        self._system = system
        self.fault: Fault | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":  # a client may not wait for an empty body
            message = self.begun(message)
        await self._send(message)

    async def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        await asgi.answer(self.send, status, headers, body)

    def begun(self, message: Message) -> Message:
        """Write the call down, and put the sandbox's time into an answer that has none yet."""
        now = self._context.clock.now()
        self.record(message["status"], now)
        headers = message["headers"]
        if any(name.lower() == b"date" for name, _ in headers):
            return message
        return {**message, "headers": [*headers, (b"date", _http_date(int(now.timestamp())))]}

    def record(self, status: int | None, now: datetime | None = None) -> None:
        scope = self._scope
        client = b""
        for name, value in scope["headers"]:
            if name == b"user-agent":
                client = value
                break
        self._context.requests.record(
            {
                "at": (now or self._context.clock.now()).timestamp(),
                "system": self._system,
                "method": scope["method"],
                "path": scope["path"],
                "query": scope["query_string"].decode("latin-1"),
                "status": status,
                "client": client.decode("latin-1"),
                "fault": self.fault.kind if self.fault else None,
            }
        )

    async def late_commit(self, receive: Receive, params: dict[str, Any]) -> None:
        """Keep the call for later, and end it for the client at once."""
        context, scope = self._context, self._scope
        body = await asgi.body_of(receive)
        now = context.clock.now().timestamp()
        seconds = float(params.get("seconds", 5))
        late_calls.keep(
            context.database,
            LateCall(
                scope["method"], scope["path"], asgi.headers_of(scope), body, now, now + seconds
            ),
        )
        # Nobody may call again: the server itself looks, a moment after the call is due.
        asyncio.get_running_loop().call_later(seconds + _PUNCTUAL, run_late_calls, context)
        if "status" in params:
            await self.answer(*_status(params))
        else:
            self.record(None)
            await self.drop(receive)

    async def drop(self, receive: Receive) -> None:
        """Close the connection; return when the server has noticed."""
        self._scope["extensions"][ABORT]["close"]()
        while (await receive())["type"] != "http.disconnect":
            pass


async def _suffer(
    fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, exchange: _Exchange
) -> None:
    """Serve one call as the fault says."""
    params = fault.params
    if fault.kind == "latency":
        await asyncio.sleep(float(params.get("seconds", 1)))
        await app(scope, receive, exchange.send)
    elif fault.kind == "too_many_requests":
        headers = {"content-type": "application/json", **params.get("headers", {})}
        await exchange.answer(429, headers, str(params.get("body", "")).encode())
    elif fault.kind == "error_before":
        await _error(fault, exchange)
    elif fault.kind == "unavailable":
        headers = {"content-type": "text/html"}
        if "retry_after" in params:
            headers["retry-after"] = str(params["retry_after"])
        await exchange.answer(503, headers, _UNAVAILABLE_BODY)
    elif fault.kind == "status_before":
        await exchange.answer(*_status(params))
    elif fault.kind == "late_commit":
        await exchange.late_commit(receive, params)
    elif fault.kind in faults.OF_EXACT:
        await app({**scope, faults.SCOPE_KEY: fault}, receive, exchange.send)
    elif fault.kind == "drop_before":
        exchange.record(None)
        await exchange.drop(receive)
    else:
        await _suffer_after(fault, await _run(app, scope, receive), receive, exchange)


async def _suffer_after(
    fault: Fault, answer: tuple[Message, bytes], receive: Receive, exchange: _Exchange
) -> None:
    """Spoil an answer that the system has already given."""
    start, body = answer
    if fault.kind == "error_after":
        await _error(fault, exchange)
    elif fault.kind == "status_after":
        await exchange.answer(*_status(fault.params))
    elif fault.kind == "drop_after":
        exchange.record(None)
        await exchange.drop(receive)
    elif fault.kind == "php_notice":
        text = str(fault.params.get("text", _PHP_NOTICE)).encode()
        await exchange.answer(start["status"], {"content-type": "text/html"}, text + body)
    elif fault.kind == "truncate":
        await exchange.send(start)
        half = body[: len(body) // 2]
        await exchange.send({"type": "http.response.body", "body": half, "more_body": True})
        await exchange.drop(receive)
    else:  # slow
        rate = float(fault.params.get("bytes_per_second", 100))
        size = max(1, round(rate * _SLOW_PAUSE))
        await exchange.send(start)
        for position in range(0, len(body), size):
            await asyncio.sleep(size / rate)
            part = body[position : position + size]
            await exchange.send({"type": "http.response.body", "body": part, "more_body": True})
        await exchange.send({"type": "http.response.body", "body": b""})


def _status(params: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body that a fault names."""
    headers = {"content-type": "text/html", **params.get("headers", {})}
    return int(params.get("status", 502)), headers, str(params.get("body", "")).encode()


async def _error(fault: Fault, exchange: _Exchange) -> None:
    body = str(fault.params["body"]).encode() if "body" in fault.params else _ERROR_BODY
    await exchange.answer(500, {"content-type": "application/json"}, body)


async def _run(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """Run a call to its end and return its answer instead of sending it."""
    start: list[Message] = []
    body = bytearray()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.append(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, keep)
    headers = [pair for pair in start[0]["headers"] if pair[0].lower() != b"content-length"]
    headers.append((b"content-length", str(len(body)).encode()))
    return {**start[0], "headers": headers}, bytes(body)

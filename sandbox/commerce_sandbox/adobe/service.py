"""The shop: takes a request through its checks, in the real order, and sends the answer."""

from __future__ import annotations

import gzip
import re
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from typing import TYPE_CHECKING

import orjson

from commerce_sandbox import asgi
from commerce_sandbox.adobe import projection, rendering, saas
from commerce_sandbox.adobe.access import ANONYMOUS, Gate
from commerce_sandbox.adobe.call import Call
from commerce_sandbox.adobe.credentials import TENANT
from commerce_sandbox.adobe.endpoints import Endpoint, endpoints
from commerce_sandbox.adobe.errors import ShopError, no_such_route
from commerce_sandbox.adobe.reading import OutOfMemory
from commerce_sandbox.adobe.settings import DEFAULTS

if TYPE_CHECKING:
    import sqlite3

    from starlette.types import Receive, Scope, Send

    from commerce_sandbox.adobe.rendering import Answer
    from commerce_sandbox.context import SandboxContext

_VERSION = re.compile(r"[Vv]\d+")
_SKEW = "adobe.clock_skew_seconds"
_NODES = "adobe.node_clocks"
_METHODS = ("GET", "POST", "PUT", "DELETE")
_GZIP_FROM = 1100  # bytes; the web server's own limit
_REQUEST_LINE = 8192  # bytes; the web server's default buffer
_SESSION_HEADERS = {"Expires": "Thu, 19 Nov 1981 08:52:00 GMT", "Pragma": "no-cache"}


class Shop:
    """An ASGI application for ``/rest/...``, ``/{tenant}/V1/...`` and the IMS token route."""

    def __init__(self, context: SandboxContext) -> None:
        """Open the shop on a sandbox's database and clock."""
        self._context = context
        self._gate = Gate()
        self._edge = saas.Edge()
        self._endpoints = endpoints(self._gate)
        self._turn = count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = await asgi.body_of(receive)
        with self._context.database.steady():
            call = self._call(scope, body)
            answer = self._answer(call)
            content = b"" if call.method == "HEAD" else answer.body
            headers = answer.headers | {
                "Content-Type": answer.content_type,
                "Date": format_datetime(datetime.fromtimestamp(call.now, UTC), usegmt=True),
            }
            if _is_compressed(call, content):
                content = gzip.compress(content, compresslevel=1, mtime=0)
                headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        await asgi.answer(send, answer.status, headers, content)

    def _call(self, scope: Scope, body: bytes) -> Call:
        database = self._context.database
        now = self._context.clock.now().timestamp()
        nodes = database.setting(_NODES, DEFAULTS[_NODES])
        if nodes:
            now += float(nodes[next(self._turn) % len(nodes)])
        return Call(
            context=self._context,
            method=scope["method"],
            scheme=scope["scheme"],
            raw_path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=asgi.headers_of(scope),
            body=body,
            now=now + float(database.setting(_SKEW, DEFAULTS[_SKEW])),
        )

    def _answer(self, call: Call) -> Answer:
        path = call.raw_path.strip("/").split("/")
        if path == ["ims", "token", "v3"]:
            return saas.token(call)
        page = _page(call)
        if page is not None:
            return page
        wanted = rendering.accepted_format(call.headers.get("accept"))
        if wanted is None:
            return rendering.failure(_base_url(call))
        try:
            return self._api(call, path, wanted)
        except OutOfMemory:
            return rendering.out_of_memory()
        except ShopError as error:
            answer = rendering.render(error.status, error.body, wanted)
            answer.headers["Cache-Control"] = "no-store"
            return answer

    def _api(self, call: Call, path: list[str], wanted: str) -> Answer:
        if path[0] == "rest":
            return self._paas(call, path[1:], wanted)
        if path[0] == TENANT and path[1:]:
            return self._saas(call, path[1:], wanted)
        raise no_such_route()

    def _paas(self, call: Call, path: list[str], wanted: str) -> Answer:
        if path and (path[0] == "all" or path[0] in self._store_codes()):
            call, path = replace(call, store_code=path[0]), path[1:]
        if not path or not _VERSION.fullmatch(path[0]):
            raise ShopError(400, "Specified request cannot be processed.")
        endpoint, call = self._route(call, path)
        self._gate.check(call, endpoint.resource)
        answer = self._handle(call, endpoint, wanted)
        if endpoint.resource != ANONYMOUS:
            answer.headers.update(_SESSION_HEADERS)
            session = f"PHPSESSID={secrets.token_hex(13)}; path=/; HttpOnly; SameSite=Lax"
            answer.headers["Set-Cookie"] = session
        return answer

    def _saas(self, call: Call, path: list[str], wanted: str) -> Answer:
        refusal = self._edge.refusal(call)
        if refusal is not None:
            return refusal
        store = call.headers.get("store", "all")
        if store not in {"all", "default"} and store not in self._store_codes():
            raise ShopError(400, "Specified request cannot be processed.")
        code = "" if store == "default" else store
        endpoint, call = self._route(replace(call, store_code=code), path)
        if endpoint.paas_only:
            raise no_such_route()
        return self._handle(call, endpoint, wanted)

    def _store_codes(self) -> frozenset[str]:
        return self._context.database.cached("adobe.store_codes", _read_store_codes)

    def _route(self, call: Call, path: list[str]) -> tuple[Endpoint, Call]:
        if call.method not in _METHODS:
            raise ShopError(405, f"The {call.method} HTTP method is not supported.")
        if path[0] == "V1":
            for endpoint in self._endpoints:
                arguments = endpoint.match(call.method, path[1:])
                if arguments is not None:
                    return endpoint, replace(call, arguments=arguments)
        raise no_such_route()

    @staticmethod
    def _handle(call: Call, endpoint: Endpoint, wanted: str) -> Answer:
        body = endpoint.handler(call)
        fields = call.parameters.get("fields")
        if fields and body[:1] in b"[{":
            chosen = projection.parse(fields) if isinstance(fields, str) else None
            value = [] if chosen is None else projection.apply(orjson.loads(body), chosen)
            answer = rendering.render(200, value, wanted)
        else:
            answer = rendering.render(200, body, wanted)
        answer.headers.update({"Cache-Control": "no-store", "X-Frame-Options": "SAMEORIGIN"})
        return answer


def _is_compressed(call: Call, body: bytes) -> bool:
    return (
        len(body) >= _GZIP_FROM
        and call.setting("adobe.gzip")
        and "gzip" in call.header("accept-encoding")
    )


def _read_store_codes(connection: sqlite3.Connection) -> frozenset[str]:
    rows = connection.execute("SELECT code FROM adobe_store_view WHERE entity_id > 0")
    return frozenset(row["code"] for row in rows)


def _base_url(call: Call) -> str:
    return f"{call.scheme}://{call.header('host')}"


def _page(call: Call) -> Answer | None:
    """Return the HTML page that stands before the API, if any."""
    line = f"{call.method} {call.raw_path}?{call.query} HTTP/1.1\r\n"
    if len(line) > _REQUEST_LINE:
        return rendering.uri_too_long()
    if call.setting("adobe.maintenance"):
        return rendering.maintenance(_base_url(call))
    if call.setting("adobe.login_page"):
        return rendering.login()
    return None

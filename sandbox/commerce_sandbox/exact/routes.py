"""The REST API over HTTP: one endpoint that reads the path and hands the call on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from commerce_sandbox import asgi
from commerce_sandbox.exact import (
    access,
    atom,
    limits,
    master,
    oauth,
    query,
    render,
    store,
    writes,
)
from commerce_sandbox.exact.errors import (
    ApiError,
    ForbiddenError,
    MediaTypeError,
    NotFoundError,
    TooManyRequestsError,
    UnauthorizedError,
    UriTooLongError,
    ValidationError,
)
from commerce_sandbox.exact.me import me
from commerce_sandbox.exact.metadata import LINES, resources

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.access import Caller
    from commerce_sandbox.exact.metadata import Resource

_LONGEST_URL = 4096
_JSON = "application/json"
_PATH = re.compile(
    r"(?P<division>current|\d+)/(?P<resource>[A-Za-z]+(?:/[A-Za-z]+)*?)"
    r"(?:\((?:guid'(?P<guid>[0-9a-fA-F-]{36})'|'(?P<text>[^']*)'|(?P<number>\d+))\))?"
    r"(?:/(?P<navigation>[A-Za-z]+))?(?P<count>/\$count)?"
)
_MOVED = (
    "<html><head><title>Object moved</title></head><body>\r\n<h2>Object moved to "
    '<a href="/docs/Login.aspx?ReturnUrl={url}">here</a>.</h2>\r\n</body></html>\r\n'
)
_ROOT = "/api/v1/"
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "MERGE")


@dataclass(frozen=True)
class Call:
    """One call to the REST API.

    Attributes:
        method: HTTP method.
        path: Path, decoded.
        query: Query string as sent.
        headers: Header values under lower-case names.
        body: Request body.
        origin: Scheme and host, as the caller names them.
        uri_length: Length of path and query as sent, in bytes.
        moment: The sandbox's time, UTC.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    origin: str
    uri_length: int
    moment: datetime

    @property
    def accepts_json(self) -> bool:
        """Whether the answer is JSON; otherwise it is Atom."""
        return _JSON in self.headers.get("accept", "")


@dataclass(frozen=True)
class Target:
    """What a call's path names."""

    division: int
    resource: Resource
    key: str | None
    navigation: str | None
    count: bool
    base: str


@dataclass(frozen=True)
class Answer:
    """How a call is answered."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class ExactOnline:
    """An ASGI application for ``/api/...``: the REST API, and the OAuth endpoints beside it."""

    def __init__(self, context: SandboxContext) -> None:
        """Open Exact Online on a sandbox's database and clock."""
        self._context = context
        self._other: ASGIApp = Starlette(
            routes=[
                *oauth.routes(context),
                Route("/api/{rest:path}", _unknown, methods=_METHODS),
            ],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if not scope["path"].startswith(_ROOT) or scope["method"] not in _METHODS:
            await self._other(scope, receive, send)
            return
        body = await asgi.body_of(receive)
        with self._context.database.steady():
            found = _serve(self._context, self._call(scope, body))
        await asgi.answer(send, found.status, found.headers, found.body)

    def _call(self, scope: Scope, body: bytes) -> Call:
        headers = asgi.headers_of(scope)
        host, port = scope["server"]
        return Call(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
            origin=f"{scope['scheme']}://{headers.get('host', f'{host}:{port}')}",
            uri_length=len(scope["raw_path"]) + len(scope["query_string"]),
            moment=self._context.clock.now(),
        )


async def _unknown(_: Request) -> Response:
    return Response(status_code=404)


def _serve(context: SandboxContext, call: Call) -> Answer:
    now = call.moment.timestamp()
    endpoint = None
    try:
        caller = access.authenticate(context.database, call.headers.get("authorization"), now)
        target = _target(call, caller)
        access.check_division(context.database, target.division)
        endpoint = (
            f"{caller.app.client_id}/{caller.user.user_id}/{target.division}/{target.resource.path}"
        )
        limits.check_errors(context.database, endpoint, now)
        headers = limits.count(context.database, caller.app.client_id, target.division, now)
        access.check_scope(context.database, caller, target.resource, call.method)
        found = _run(context, call, caller, target)
    except ApiError as error:
        if endpoint is not None and not isinstance(error, TooManyRequestsError):
            limits.count_error(context.database, endpoint, now)
        return _refusal(context, call, error)
    found.headers.update(headers)
    return found


def _target(call: Call, caller: Caller) -> Target:
    if call.uri_length > _LONGEST_URL:
        raise UriTooLongError
    match = _PATH.fullmatch(call.path, len(_ROOT))
    if match is None:
        raise NotFoundError
    path, navigation = match["resource"], match["navigation"]
    key = match["text"] or match["number"] or (match["guid"] and match["guid"].lower())
    if navigation and key is None:
        path, navigation = f"{path}/{navigation}", None
    current = match["division"] == "current"
    if current:
        path = f"current/{path}"
    resource = resources().get(path)
    if (
        resource is None
        or current != (path == "current/Me")
        or (navigation and (path, navigation) not in LINES)
    ):
        raise NotFoundError
    root = f"{call.origin}/api/v1"
    return Target(
        division=caller.current_division if current else int(match["division"]),
        resource=resource,
        key=key,
        navigation=navigation,
        count=bool(match["count"]),
        base=root if current else f"{root}/{match['division']}",
    )


def _run(context: SandboxContext, call: Call, caller: Caller, target: Target) -> Answer:
    method, resource = call.method, target.resource
    if method not in resource.methods:
        raise ForbiddenError
    if method == "GET":
        return _get(context, call, caller, target)
    if target.navigation or target.count:
        raise NotFoundError
    if method == "POST":
        return _post(context, call, target)
    if target.key is None:
        raise NotFoundError
    if method == "PUT":
        _check_json(call)
        writes.put(context, resource, target.division, target.key, call.body, call.moment)
        if _wants_representation(call):
            return _entity(context, call, target, query.Options())
    else:
        writes.delete(context, resource, target.division, target.key, call.moment)
    return Answer(204)


def _get(context: SandboxContext, call: Call, caller: Caller, target: Target) -> Answer:
    resource, parent = target.resource, None
    if target.navigation:
        parent = target.key
        resource = resources()[LINES[target.resource.path, target.navigation]]
    options = query.parse_options(call.query, resource)
    if target.resource.path == "current/Me":
        entity = render.entity(resource, me(context, caller), target.base, select=options.select)
        return _list(call, resource, {"results": [entity]})
    if target.key is not None and parent is None:
        return _entity(context, call, target, options)
    if parent is None:
        query.check_filter(resource, options)
    if target.count:
        return _count(context, call, target, options)
    if parent is None:
        query.check_select(options)
    database, division = context.database, target.division
    page = query.fetch(database, resource, division, options, parent=parent)
    rows = query.entities(database, resource, division, page.rows, target.base, options)
    listing: dict[str, Any] = {"results": rows}
    if page.total is not None:
        listing["__count"] = str(page.total)
    if page.token is not None:
        path = quote(call.path, safe="/()'")
        listing["__next"] = f"{call.origin}{path}?{query.next_query(call.query, page.token)}"
    elif database.setting("exact.bare_lists") and call.accepts_json:
        return _json(200, {"d": rows})
    return _list(call, resource, listing)


def _count(context: SandboxContext, call: Call, target: Target, options: query.Options) -> Answer:
    if call.accepts_json:  # a number is neither JSON nor Atom here
        raise MediaTypeError
    found = query.count(context.database, target.resource, target.division, options)
    return Answer(200, str(found).encode(), {"Content-Type": "text/plain; charset=utf-8"})


def _list(call: Call, resource: Resource, listing: dict[str, Any]) -> Answer:
    if call.accepts_json:
        return _json(200, {"d": listing})
    address = f"{call.origin}{call.path}"
    return _atom(200, atom.feed(resource, listing["results"], address, listing.get("__next")))


def _entity(context: SandboxContext, call: Call, target: Target, options: query.Options) -> Answer:
    key = target.key or ""
    resource = target.resource
    table = store.TABLES.get(resource.path)
    if table is None:
        raise NotFoundError
    division = target.division
    if table.key == "Code":
        division = 0 if resource.path == "system/Divisions" else division
        key = f"{division}/{key}"
    row = store.get(context.database.connection(), resource.path, division, key)
    if row is None:
        text = f"Resource not found for the segment '{resource.name}'."
        raise NotFoundError(text)
    entity = query.entities(
        context.database, resource, target.division, [row], target.base, options
    )[0]
    if not call.accepts_json:
        return _atom(200, atom.entry(resource, entity))
    return _json(200, {"d": entity})


def _post(context: SandboxContext, call: Call, target: Target) -> Answer:
    _check_json(call)
    if target.key is not None:
        raise NotFoundError
    resource = target.resource
    row = writes.post(context, resource, target.division, call.body, call.moment)
    whole = _wants_representation(call) or "GET" not in resource.methods
    data = master.of_division(context.database, target.division) if whole else None
    entity = render.entity(resource, row, target.base, master=data, blank=not whole)
    location = {"Location": entity["__metadata"]["uri"]}
    if not call.accepts_json:
        return _atom(201, atom.entry(resource, entity), location)
    return _json(201, {"d": entity}, location)


def _wants_representation(call: Call) -> bool:
    return "return=representation" in call.headers.get("prefer", "").replace(" ", "")


def _check_json(call: Call) -> None:
    if not call.headers.get("content-type", "").startswith(_JSON):
        text = "Unsupported media type requested."
        raise MediaTypeError(text)


def _refusal(context: SandboxContext, call: Call, error: ApiError) -> Answer:
    if isinstance(error, UnauthorizedError):
        if context.database.setting("exact.html_unauthorized"):
            page = _MOVED.format(url=quote(call.path, safe=""))
            return Answer(401, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
        return Answer(401)
    text = error.text
    if isinstance(error, ValidationError):
        text = error.in_language(context.database.setting("exact.language", "nl"))
    if not text:
        return Answer(error.status, headers=error.headers)
    if not call.accepts_json:
        return Answer(
            error.status, atom.error(text), error.headers | {"Content-Type": "application/xml"}
        )
    message = {"lang": "", "value": text}
    return _json(error.status, {"error": {"code": "", "message": message}}, error.headers)


def _json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(status, orjson.dumps(body), (headers or {}) | kind)


def _atom(status: int, body: bytes, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, body, (headers or {}) | {"Content-Type": "application/atom+xml"})

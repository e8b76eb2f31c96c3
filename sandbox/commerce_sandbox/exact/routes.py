"""The REST API over HTTP: one endpoint that reads the path and hands the call on."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from commerce_sandbox import asgi, faults
from commerce_sandbox.exact import (
    access,
    atom,
    late_calls,
    limits,
    master,
    oauth,
    query,
    render,
    store,
    writes,
    wrong_answers,
)
from commerce_sandbox.exact.errors import (
    ApiError,
    BodyTooLargeError,
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
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.access import Caller
    from commerce_sandbox.exact.metadata import Resource
    from commerce_sandbox.faults import Fault

_LONGEST_URL = 4096
_LARGEST_BODY = 10_000_000
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
        moment: When the call takes effect, UTC of the sandbox's clock.
        fault: What goes wrong with it, besides what the HTTP server does.
        arrived: When it came, if it takes effect later.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    origin: str
    uri_length: int
    moment: datetime
    fault: Fault | None = None
    arrived: datetime | None = None

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
        run_late_calls(self._context)
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
            fault=scope.get(faults.SCOPE_KEY),
        )


def run_late_calls(context: SandboxContext) -> None:
    """Carry out the calls whose clients have gone and whose time has come."""
    now = context.clock.now().timestamp()
    for late in late_calls.take_due(context.database, now):
        call = Call(
            method=late.method,
            path=late.path,
            query="",
            headers=late.headers,
            body=late.body,
            origin="",
            uri_length=0,
            moment=datetime.fromtimestamp(late.due, UTC),
            arrived=datetime.fromtimestamp(late.arrived, UTC),
        )
        with context.database.steady():
            _serve(context, call)


async def _unknown(_: Request) -> Response:
    return Response(status_code=404)


def _serve(context: SandboxContext, call: Call) -> Answer:
    now = (call.arrived or call.moment).timestamp()  # its token was good when it came
    endpoint = None
    try:
        caller = access.authenticate(context.database, call.headers.get("authorization"), now)
        target = _target(call, caller)
        access.check_division(context.database, target.division)
        endpoint = _endpoint(caller, target)
        limits.check_errors(context.database, endpoint, now)
        headers = limits.count(context.database, caller.app.client_id, target.division, now)
        access.check_scope(context.database, caller, target.resource, call.method)
        found = _run(context, call, caller, target)
    except UnauthorizedError as error:
        if error.caller is not None:
            with suppress(ApiError):
                endpoint = _endpoint(error.caller, _target(call, error.caller))
                limits.count_error(context.database, endpoint, now)
        return _refusal(context, call, error)
    except ApiError as error:
        if endpoint is not None and not isinstance(error, TooManyRequestsError):
            limits.count_error(context.database, endpoint, now)
        return _refusal(context, call, error)
    found.headers.update(headers)
    return found


def _endpoint(caller: Caller, target: Target) -> str:
    """Return what errors are counted by: app, user, division and resource."""
    return f"{caller.app.client_id}/{caller.user.user_id}/{target.division}/{target.resource.path}"


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
    refused = context.database.setting("exact.refused_methods", {}).get(resource.path, ())
    if method not in resource.methods or method in refused:
        raise ForbiddenError
    if len(call.body) > _LARGEST_BODY:
        raise BodyTooLargeError
    if method == "GET":
        return _spoiled(context, call, target, _get(context, call, caller, target))
    if target.navigation or target.count:
        raise NotFoundError
    if method == "POST":
        return _spoiled(context, call, target, _post(context, call, target))
    if target.key is None:
        raise NotFoundError
    if method == "PUT":
        _check_json(call)
        writes.put(context, resource, target.division, target.key, call.body, call.moment)
        if _wants_representation(call):
            entity = _entity(context, call, target, query.Options())
            return _spoiled(context, call, target, entity)
    else:
        writes.delete(context, resource, target.division, target.key, call.moment)
    return Answer(204)


def _spoiled(context: SandboxContext, call: Call, target: Target, found: Answer) -> Answer:
    """Return the answer, or one that is not ours when a fault says so."""
    kind = call.fault.kind if call.fault else ""
    if kind not in wrong_answers.KINDS or not call.accepts_json or target.count:
        return found
    resource = target.resource
    if target.navigation:
        resource = resources()[LINES[resource.path, target.navigation]]
    asked = wrong_answers.Asked(context.database, resource, target.division, target.base)
    return Answer(found.status, wrong_answers.spoiled(kind, asked, found.body), found.headers)


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
    options = _as_indexed(context, call, options)
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


def _as_indexed(context: SandboxContext, call: Call, options: query.Options) -> query.Options:
    """Return options with which a filter does not see the newest rows, if its index lags."""
    lag = context.database.setting("exact.index_lag_seconds", 0)
    if not lag:
        return options
    return replace(options, seen_until=writes.timestamp(call.moment - timedelta(seconds=lag)))


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
    row = writes.post(
        context, resource, target.division, call.body, call.moment, _bookkeeping_faults(call)
    )
    whole = _wants_representation(call) or "GET" not in resource.methods
    data = master.of_division(context.database, target.division) if whole else None
    entity = render.entity(resource, row, target.base, master=data, blank=not whole)
    location = {"Location": entity["__metadata"]["uri"]}
    if not call.accepts_json:
        return _atom(201, atom.entry(resource, entity), location)
    return _json(201, {"d": entity}, location)


def _bookkeeping_faults(call: Call) -> dict[str, dict[str, Any]]:
    fault = call.fault
    if fault is None:
        return {}
    if fault.kind == "unprinted":
        name = fault.params.get("property", "DocumentCreationError")
        text = fault.params.get("text", "The document could not be created")
        return {fault.kind: {name: text}}
    return {fault.kind: fault.params}


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

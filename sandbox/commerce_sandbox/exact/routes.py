"""The REST API over HTTP: one endpoint that reads the path and hands the call on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

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
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "MERGE"]


@dataclass(frozen=True)
class Call:
    """One call to a resource, as its path names it."""

    division: int
    resource: Resource
    key: str | None
    navigation: str | None
    count: bool
    base: str
    accepts_json: bool
    moment: datetime


def routes(context: SandboxContext) -> list[BaseRoute]:
    """Return the routes of Exact Online."""

    async def endpoint(request: Request) -> Response:
        return _serve(context, request, await request.body())

    async def unknown(_: Request) -> Response:
        return Response(status_code=404)

    return [
        *oauth.routes(context),
        Route("/api/v1/{rest:path}", endpoint, methods=_METHODS),
        Route("/api/{rest:path}", unknown, methods=_METHODS),
    ]


def _serve(context: SandboxContext, request: Request, body: bytes) -> Response:
    moment = context.clock.now()
    now = moment.timestamp()
    json = _JSON in request.headers.get("accept", "")
    headers: dict[str, str] = {}
    endpoint = None
    try:
        caller = access.authenticate(context.database, request.headers.get("authorization"), now)
        call = _call(request, caller, moment, json=json)
        access.check_division(context.database, call.division)
        endpoint = (
            f"{caller.app.client_id}/{caller.user.user_id}/{call.division}/{call.resource.path}"
        )
        limits.check_errors(context.database, endpoint, now)
        headers = limits.count(context.database, caller.app.client_id, call.division, now)
        access.check_scope(context.database, caller, call.resource, request.method)
        response = _run(context, request, caller, call, body)
    except ApiError as error:
        if endpoint is not None and not isinstance(error, TooManyRequestsError):
            limits.count_error(context.database, endpoint, now)
        return _refusal(context, request, error, json=json)
    response.headers.update(headers)
    return response


def _call(request: Request, caller: Caller, moment: datetime, *, json: bool) -> Call:
    scope = request.scope
    if len(scope["raw_path"]) + len(scope["query_string"]) > _LONGEST_URL:
        raise UriTooLongError
    match = _PATH.fullmatch(request.path_params["rest"])
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
    root = f"{request.url.scheme}://{request.url.netloc}/api/v1"
    return Call(
        division=caller.current_division if current else int(match["division"]),
        resource=resource,
        key=key,
        navigation=navigation,
        count=bool(match["count"]),
        base=root if current else f"{root}/{match['division']}",
        accepts_json=json,
        moment=moment,
    )


def _run(
    context: SandboxContext, request: Request, caller: Caller, call: Call, body: bytes
) -> Response:
    method = request.method
    if method not in call.resource.methods:
        raise ForbiddenError
    if method == "GET":
        return _get(context, request, caller, call)
    if call.navigation or call.count:
        raise NotFoundError
    if method == "POST":
        return _post(context, request, call, body)
    if call.key is None:
        raise NotFoundError
    if method == "PUT":
        _check_json(request)
        writes.put(context, call.resource, call.division, call.key, body, call.moment)
        if _wants_representation(request):
            return _entity(context, call, query.Options())
    else:
        writes.delete(context, call.resource, call.division, call.key, call.moment)
    return Response(status_code=204)


def _get(context: SandboxContext, request: Request, caller: Caller, call: Call) -> Response:
    resource, parent = call.resource, None
    if call.navigation:
        parent = call.key
        resource = resources()[LINES[call.resource.path, call.navigation]]
    raw = request.scope["query_string"].decode("latin-1")
    options = query.parse_options(raw, resource)
    if call.resource.path == "current/Me":
        entity = render.entity(resource, me(context, caller), call.base, select=options.select)
        return _list(call, resource, {"results": [entity]}, request)
    if call.key is not None and parent is None:
        return _entity(context, call, options)
    if parent is None:
        query.check_filter(resource, options)
    if call.count:
        return _count(context, call, options)
    if parent is None:
        query.check_select(options)
    page = query.fetch(context.database, resource, call.division, options, parent=parent)
    rows = query.entities(context.database, resource, call.division, page.rows, call.base, options)
    listing: dict[str, Any] = {"results": rows}
    if page.total is not None:
        listing["__count"] = str(page.total)
    if page.token is not None:
        path = quote(request.url.path, safe="/()'")
        address = f"{request.url.scheme}://{request.url.netloc}{path}"
        listing["__next"] = f"{address}?{query.next_query(raw, page.token)}"
    elif context.database.setting("exact.bare_lists") and call.accepts_json:
        return _json(200, {"d": rows})
    return _list(call, resource, listing, request)


def _count(context: SandboxContext, call: Call, options: query.Options) -> Response:
    if call.accepts_json:  # a number is neither JSON nor Atom here
        raise MediaTypeError
    found = query.count(context.database, call.resource, call.division, options)
    return Response(str(found), media_type="text/plain")


def _list(call: Call, resource: Resource, listing: dict[str, Any], request: Request) -> Response:
    if call.accepts_json:
        return _json(200, {"d": listing})
    address = str(request.url.replace(query=""))
    xml = atom.feed(resource, listing["results"], address, listing.get("__next"))
    return Response(xml, media_type="application/atom+xml")


def _entity(context: SandboxContext, call: Call, options: query.Options) -> Response:
    key = call.key or ""
    table = store.TABLES.get(call.resource.path)
    if table is None:
        raise NotFoundError
    division = call.division
    if table.key == "Code":
        division = 0 if call.resource.path == "system/Divisions" else division
        key = f"{division}/{key}"
    row = store.get(context.database.connection(), call.resource.path, division, key)
    if row is None:
        text = f"Resource not found for the segment '{call.resource.name}'."
        raise NotFoundError(text)
    entity = query.entities(
        context.database, call.resource, call.division, [row], call.base, options
    )[0]
    if not call.accepts_json:
        return Response(atom.entry(call.resource, entity), media_type="application/atom+xml")
    return _json(200, {"d": entity})


def _post(context: SandboxContext, request: Request, call: Call, body: bytes) -> Response:
    _check_json(request)
    if call.key is not None:
        raise NotFoundError
    row = writes.post(context, call.resource, call.division, body, call.moment)
    whole = _wants_representation(request) or "GET" not in call.resource.methods
    data = None
    if whole:
        connection = context.database.connection()
        key = row.get(call.resource.key, "")
        if call.resource.path in store.TABLES:
            row = store.get(connection, call.resource.path, call.division, key) or row
        data = master.of_division(context.database, call.division)
    entity = render.entity(
        call.resource,
        row,
        call.base,
        master=data,
        blank=not whole,
    )
    location = {"Location": entity["__metadata"]["uri"]}
    if not call.accepts_json:
        xml = atom.entry(call.resource, entity)
        return Response(xml, 201, location, media_type="application/atom+xml")
    return _json(201, {"d": entity}, location)


def _wants_representation(request: Request) -> bool:
    return "return=representation" in request.headers.get("prefer", "").replace(" ", "")


def _check_json(request: Request) -> None:
    if not request.headers.get("content-type", "").startswith(_JSON):
        text = "Unsupported media type requested."
        raise MediaTypeError(text)


def _refusal(context: SandboxContext, request: Request, error: ApiError, *, json: bool) -> Response:
    if isinstance(error, UnauthorizedError):
        if context.database.setting("exact.html_unauthorized"):
            page = _MOVED.format(url=quote(request.url.path, safe=""))
            return Response(page, 401, media_type="text/html")
        return Response(status_code=401)
    text = error.text
    if isinstance(error, ValidationError):
        text = error.in_language(context.database.setting("exact.language", "nl"))
    if not text:
        return Response(status_code=error.status, headers=error.headers)
    if not json:
        return Response(atom.error(text), error.status, error.headers, "application/xml")
    message = {"lang": "", "value": text}
    return _json(error.status, {"error": {"code": "", "message": message}}, error.headers)


def _json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json; charset=utf-8")

"""The REST API over HTTP: who calls, what it is, and how a refusal looks on the wire."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from commerce_sandbox import asgi, faults
from commerce_sandbox.exact import (
    access,
    atom,
    late_calls,
    limits,
    local_time,
    master,
    oauth,
    reads,
    render,
    writes,
)
from commerce_sandbox.exact.calls import (
    ROOT,
    Answer,
    Call,
    check_json,
    in_atom,
    in_json,
    target_of,
    wants_representation,
)
from commerce_sandbox.exact.errors import (
    ApiError,
    BodyTooLargeError,
    ForbiddenError,
    NotFoundError,
    TooManyRequestsError,
    UnauthorizedError,
    ValidationError,
)
from commerce_sandbox.exact.options import Options

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.access import Caller
    from commerce_sandbox.exact.calls import Target
    from commerce_sandbox.exact.credentials import User

_LARGEST_BODY = 10_000_000
_MOVED = (
    "<html><head><title>Object moved</title></head><body>\r\n<h2>Object moved to "
    '<a href="/docs/Login.aspx?ReturnUrl={url}">here</a>.</h2>\r\n</body></html>\r\n'
)
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "MERGE")


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
        if not scope["path"].startswith(ROOT) or scope["method"] not in _METHODS:
            await self._other(scope, receive, send)
            return
        body = await asgi.body_of(receive)
        run_late_calls(self._context)
        with self._context.database.steady():
            found = _serve(self._context, self._call(scope, body))
        await asgi.answer(send, found.status, found.headers, found.body)

    def _call(self, scope: Scope, body: bytes) -> Call:
        headers = asgi.headers_of(scope)
        path = scope["path"]
        if "//" in path and self._context.database.setting("exact.double_slashes") == "merged":
            path = re.sub("/+", "/", path)
        host, port = scope["server"]
        return Call(
            method=scope["method"],
            path=path,
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
        target = target_of(call, caller)
        access.check_division(context.database, target.division)
        endpoint = _endpoint(caller, target)
        limits.check_errors(context.database, endpoint, now)
        headers = limits.count(context.database, caller.app.client_id, target.division, now)
        access.check_scope(context.database, caller, target.resource, call.method)
        found = _run(context, call, caller, target)
    except UnauthorizedError as error:
        if error.caller is not None:
            with suppress(ApiError):
                endpoint = _endpoint(error.caller, target_of(call, error.caller))
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


def _run(context: SandboxContext, call: Call, caller: Caller, target: Target) -> Answer:
    method, resource = call.method, target.resource
    refused = context.database.setting("exact.refused_methods", {}).get(resource.path, ())
    if method not in resource.methods or method in refused:
        raise ForbiddenError
    if len(call.body) > _LARGEST_BODY:
        raise BodyTooLargeError
    if method == "GET":
        return reads.spoiled(context, call, target, reads.get(context, call, caller, target))
    if target.navigation or target.count:
        raise NotFoundError
    if method == "POST":
        return reads.spoiled(context, call, target, _post(context, call, caller.user, target))
    if target.key is None:
        raise NotFoundError
    if method == "PUT":
        check_json(call)
        writes.put(
            context, resource, target.division, target.key, call.body, call.moment, caller.user
        )
        if wants_representation(call):
            entity = reads.entity(context, call, target, Options(local=reads.is_local(context)))
            return reads.spoiled(context, call, target, entity)
    else:
        writes.delete(context, resource, target.division, target.key, call.moment, caller.user)
    return Answer(204)


def _post(context: SandboxContext, call: Call, user: User, target: Target) -> Answer:
    check_json(call)
    if target.key is not None:
        raise NotFoundError
    resource = target.resource
    faults_of_call = _bookkeeping_faults(call)
    row = writes.post(
        context, resource, target.division, call.body, call.moment, user, faults_of_call
    )
    whole = wants_representation(call) or "GET" not in resource.methods
    data = master.of_division(context.database, target.division) if whole else None
    if reads.is_local(context):
        row = local_time.shown(row)
    entity = render.entity(resource, row, target.base, master=data, blank=not whole)
    location = {"Location": entity["__metadata"]["uri"]}
    if not call.accepts_json:
        return in_atom(201, atom.entry(resource, entity), location)
    return in_json(201, {"d": entity}, location)


def _bookkeeping_faults(call: Call) -> dict[str, dict[str, Any]]:
    fault = call.fault
    if fault is None:
        return {}
    if fault.kind == "unprinted":
        name = fault.params.get("property", "DocumentCreationError")
        text = fault.params.get("text", "The document could not be created")
        return {fault.kind: {name: text}}
    return {fault.kind: fault.params}


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
    return in_json(error.status, {"error": {"code": "", "message": message}}, error.headers)

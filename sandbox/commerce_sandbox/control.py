"""The control API under ``/_sandbox``: clock, settings, faults and the request log."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from commerce_sandbox import faults, request_log, settings
from commerce_sandbox.exceptions import SandboxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from commerce_sandbox.context import SandboxContext

PREFIX = "/_sandbox"


def routes(context: SandboxContext) -> list[Route]:
    """Return the routes of the control API."""
    database, clock = context.database, context.clock

    async def health(_: Request) -> Any:
        return {"status": "ok", "now": clock.now().isoformat()}

    async def read_clock(_: Request) -> Any:
        return {"now": clock.now().isoformat()}

    async def set_clock(request: Request) -> Any:
        body = await _body(request)
        if "set" in body:
            clock.set(datetime.fromisoformat(body["set"]))
        else:
            clock.advance(float(body["advance"]))
        return {"now": clock.now().isoformat()}

    async def read_settings(_: Request) -> Any:
        return settings.everything(database)

    async def change_settings(request: Request) -> Any:
        for name, value in (await _body(request)).items():
            settings.change(database, name, value)
        return settings.everything(database)

    async def read_faults(_: Request) -> Any:
        return [asdict(fault) for fault in faults.planned(database)]

    async def add_fault(request: Request) -> Any:
        return {"id": faults.add(database, faults.Fault(**await _body(request)))}

    async def clear_faults(_: Request) -> Any:
        faults.clear(database)
        return {}

    async def read_requests(request: Request) -> Any:
        query = request.query_params
        return request_log.find(
            database,
            system=query.get("system"),
            method=query.get("method"),
            path=query.get("path"),
            status=int(query["status"]) if "status" in query else None,
            since=float(query["since"]) if "since" in query else None,
            limit=int(query.get("limit", -1)),
        )

    async def clear_requests(_: Request) -> Any:
        request_log.clear(database)
        return {}

    table = [
        ("/health", "GET", health),
        ("/clock", "GET", read_clock),
        ("/clock", "POST", set_clock),
        ("/settings", "GET", read_settings),
        ("/settings", "POST", change_settings),
        ("/faults", "GET", read_faults),
        ("/faults", "POST", add_fault),
        ("/faults", "DELETE", clear_faults),
        ("/requests", "GET", read_requests),
        ("/requests", "DELETE", clear_requests),
    ]
    return [Route(PREFIX + path, _json(call), methods=[method]) for path, method, call in table]


async def _body(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(await request.body())
    return body


def _json(
    call: Callable[[Request], Awaitable[Any]],
) -> Callable[[Request], Awaitable[Response]]:
    """Answer with JSON, and with 400 and the reason when the call was wrong."""

    async def endpoint(request: Request) -> Response:
        status = 200
        try:
            answer = await call(request)
        except (SandboxError, KeyError, TypeError, ValueError) as error:
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        return Response(orjson.dumps(answer), status, media_type="application/json")

    return endpoint

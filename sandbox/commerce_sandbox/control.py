"""The control API under ``/_sandbox``: clock, settings, faults and the request log."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from commerce_sandbox import faults, settings
from commerce_sandbox.data import backstage
from commerce_sandbox.exceptions import SandboxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from commerce_sandbox.context import SandboxContext

PREFIX = "/_sandbox"


def routes(context: SandboxContext) -> list[Route]:
    """Return the routes of the control API."""
    calls = _Calls(context)
    table = [
        ("/health", "GET", calls.health),
        ("/clock", "GET", calls.health),
        ("/clock", "POST", calls.change_clock),
        ("/settings", "GET", calls.read_settings),
        ("/settings", "POST", calls.change_settings),
        ("/faults", "GET", calls.read_faults),
        ("/faults", "POST", calls.add_fault),
        ("/faults", "DELETE", calls.clear_faults),
        ("/requests", "GET", calls.read_requests),
        ("/requests", "DELETE", calls.clear_requests),
        ("/shop/change", "POST", calls.change_record),
        ("/shop/remove", "POST", calls.remove_record),
        ("/shop/import-credit-memo", "POST", calls.import_credit_memo),
        ("/shop/capture", "POST", calls.capture),
    ]
    return [Route(PREFIX + path, _json(call), methods=[method]) for path, method, call in table]


class _Calls:
    """What the control API can do; each takes a request and returns what JSON shows."""

    def __init__(self, context: SandboxContext) -> None:
        self._clock = context.clock
        self._database = context.database
        self._requests = context.requests

    async def health(self, _: Request) -> Any:
        return {"status": "ok", "now": self._clock.now().isoformat()}

    async def change_clock(self, request: Request) -> Any:
        body = await _body(request)
        if "set" in body:
            now = self._clock.set(datetime.fromisoformat(body["set"]))
        else:
            now = self._clock.advance(float(body["advance"]))
        return {"status": "ok", "now": now.isoformat()}

    async def read_settings(self, _: Request) -> Any:
        return settings.everything(self._database)

    async def change_settings(self, request: Request) -> Any:
        for name, value in (await _body(request)).items():
            settings.change(self._database, name, value)
        return settings.everything(self._database)

    async def read_faults(self, _: Request) -> Any:
        return [asdict(fault) for fault in faults.planned(self._database)]

    async def add_fault(self, request: Request) -> Any:
        return {"id": faults.add(self._database, faults.Fault(**await _body(request)))}

    async def clear_faults(self, _: Request) -> Any:
        faults.clear(self._database)
        return {}

    async def read_requests(self, request: Request) -> Any:
        query = request.query_params
        return self._requests.find(
            system=query.get("system"),
            method=query.get("method"),
            path=query.get("path"),
            status=int(query["status"]) if "status" in query else None,
            since=float(query["since"]) if "since" in query else None,
            limit=int(query.get("limit", -1)),
        )

    async def clear_requests(self, _: Request) -> Any:
        self._requests.clear()
        return {}

    async def change_record(self, request: Request) -> Any:
        body = await _body(request)
        return backstage.change(self._database, body["kind"], body["id"], body["changes"])

    async def remove_record(self, request: Request) -> Any:
        body = await _body(request)
        backstage.remove(self._database, body["kind"], body["id"])
        return {}

    async def import_credit_memo(self, request: Request) -> Any:
        body = await _body(request)
        return backstage.import_credit_memo(self._database, body["order_id"], body["at"])

    async def capture(self, request: Request) -> Any:
        body = await _body(request)
        return backstage.capture(self._database, body["invoice_id"], body["at"])


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

"""Between the HTTP server and the two systems: what a call carries, and how it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

_NO_CONTENT = 204


def headers_of(scope: Scope) -> dict[str, str]:
    """Return a call's headers under lower-case names; of a repeated one the first counts."""
    pairs = reversed(scope["headers"])
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}


async def body_of(receive: Receive) -> bytes:
    """Return the whole body of a call.

    Raises:
        ClientDisconnect: The client was gone before it had sent everything.
    """
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message["body"])
        more = message["more_body"]
    return b"".join(parts)


async def answer(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Send a whole answer."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    if status != _NO_CONTENT:
        raw.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})

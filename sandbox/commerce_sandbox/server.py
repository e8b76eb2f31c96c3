"""The HTTP server: uvicorn on one loopback port."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from commerce_sandbox.app import ABORT, SandboxApp
from commerce_sandbox.exceptions import NotLoopbackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commerce_sandbox.context import SandboxContext

_BACKLOG = 512


class _Joined(asyncio.Transport):
    """Sends an answer's head together with its body: one system call, and one packet."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._head = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._head and bytes(data[:5]) == b"HTTP/":
            self._head = bytes(data)
            asyncio.get_running_loop().call_soon(self._flush)  # the body may come later
        else:
            self._transport.writelines((self._head, data))
            self._head = b""

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():  # a client that is gone gets nothing
            self._transport.write(head)


class _Protocol(HttpToolsProtocol):
    """Lets the application close the connection under a client's feet."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = _Joined(transport)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"close": self.transport.close}}


class _Server(uvicorn.Server):
    """Tells when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in an orderly way on SIGTERM and Ctrl-C, with exit code 0."""
        earlier = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        yield
        for number, handler in earlier.items():
            signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def bind(host: str, port: int) -> socket.socket:
    """Return a socket on a loopback address.

    Args:
        host: ``127.0.0.1`` or another loopback address.
        port: Port, or 0 for any free one.

    Raises:
        NotLoopbackError: The address is reachable from other machines.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise NotLoopbackError(host) from None
    if not address.is_loopback:
        raise NotLoopbackError(host)
    listener = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)  # noqa: PLR2004 -- IP version
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def base_url(listener: socket.socket) -> str:
    """Return the URL under which a socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    context: SandboxContext, listener: socket.socket, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        context: What the routes work on.
        listener: A socket from :func:`bind`.
        ready: Called once the server answers.
    """
    config = uvicorn.Config(
        SandboxApp(context),
        http=_Protocol,
        loop="asyncio" if sys.platform == "win32" else "uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        log_level="warning",
        server_header=False,
        date_header=False,  # the application tells the sandbox's own time
        backlog=_BACKLOG,
        timeout_graceful_shutdown=1,
    )
    _Server(config, ready).run(sockets=[listener])


def write_ready_file(path: str, url: str) -> None:
    """Write the URL to a file, in one step."""
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as stream:  # noqa: PTH123 -- plain text, once
        stream.write(url)
    os.replace(temporary, path)  # noqa: PTH105 -- same

"""The receiver as a process: uvicorn on loopback, with bounds that a stranger cannot stretch."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from exact_online.errors import ConfigError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

REQUEST_SECONDS = 10.0
"""How long a request may take to arrive, its head and its body together."""
_MOST_HEAD_BYTES = 32 * 1024
_MOST_CONNECTIONS = 256  # each may bring a body of a megabyte
_BACKLOG = 512


class _HeadTooLargeError(Exception):
    """The head of a request is larger than any that signals have."""


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose request does not arrive in time, or has too large a head."""

    _deadline: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to wait for a request's end."""
        super().on_message_begin()
        self._head = 0
        self._wait()

    def on_url(self, url: bytes) -> None:
        """Count the bytes of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count the bytes of the head."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_message_complete(self) -> None:
        """Stop waiting: it is here."""
        self._arrived()
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > _MOST_HEAD_BYTES:
            raise _HeadTooLargeError

    def _wait(self) -> None:
        self._arrived()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()


class _Server(uvicorn.Server):
    """Tells when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in an orderly way on SIGTERM and Ctrl-C, with exit code 0."""
        earlier = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address of this machine.

    Args:
        host: An IP address; loopback unless a proxy on another machine ends TLS.
        port: The port; 0 for any free one.

    Raises:
        ConfigError: It is no address, or the port is taken.
    """
    try:
        address = ipaddress.ip_address(host)
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004  # IP version
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (ValueError, OSError) as error:
        msg = f"Nothing can listen on {host} port {port}: {error}. Use --host and --port."
        raise ConfigError(msg) from error
    return listener


def serve(app: ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that have arrived are answered first.

    Args:
        app: The application.
        listener: A socket of `listen`.
        ready: Called once it answers.
    """
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
    )
    _Server(config, ready).run(sockets=[listener])

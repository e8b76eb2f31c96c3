"""Serve an application on this machine alone."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import uvicorn

from exact_online.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

_MOST_AT_ONCE = 64
_KEEP_SECONDS = 5
_LARGEST_HEAD = 32 << 10


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """Listen on loopback, on a free port for 0.

    Raises:
        ConfigError: The port is taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            msg = f"Port {port} cannot be used: {error.strerror} (option --port). Take another."
            raise ConfigError(msg) from error
        listener.listen()  # at once: a browser may be faster than what comes next
        yield listener


def server_of(app: ASGIApp) -> uvicorn.Server:
    """Return a server for an application; it logs nothing but its own faults."""
    config = uvicorn.Config(
        app,
        access_log=False,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        http="h11",
        lifespan="off",
        limit_concurrency=_MOST_AT_ONCE,
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_KEEP_SECONDS,
        timeout_keep_alive=_KEEP_SECONDS,
        ws="none",
    )
    return uvicorn.Server(config)

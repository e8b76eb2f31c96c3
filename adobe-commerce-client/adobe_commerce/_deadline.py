"""An adapter of ``requests`` whose answers must begin in time.

The read timeout of a socket begins anew with every byte, so headers that drip could hold a call
for hours.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from urllib3 import HTTPResponse
    from urllib3.connectionpool import ConnectionPool


# It shows the traceback of half a header, which the error here says in words.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class _InTime(HTTPConnection):
    """Ends the connection if status and headers are not there within the read timeout."""

    _is_cut = False

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        seconds = self.timeout
        if not isinstance(seconds, int | float):
            return super().getresponse()
        self._is_cut = False
        watch = threading.Timer(seconds, self._cut)
        watch.daemon = True
        watch.start()
        try:
            response = super().getresponse()
        finally:
            watch.cancel()
        if self._is_cut:  # what is there of the headers looks like an answer
            response.close()
            raise TimeoutError
        return response

    def _cut(self) -> None:
        self._is_cut = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _SecureInTime(_InTime, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _InTime


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureInTime


_POOLS: dict[str, type[ConnectionPool]] = {"http": _Pool, "https": _SecurePool}


class TimelyAdapter(HTTPAdapter):
    """An adapter whose answers begin within the read timeout, or not at all."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make connections of our own."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """The same through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

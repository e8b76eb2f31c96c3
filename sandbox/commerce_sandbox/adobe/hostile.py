"""A shop that says exactly what a test wants, whatever that is."""

from __future__ import annotations

import json
import operator
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

CREDENTIALS = {
    "consumer_key": "k" * 32,
    "consumer_secret": "s" * 32,
    "access_token": "t" * 32,
    "access_token_secret": "x" * 32,
}
#: Added to the window size, it makes zlib write a gzip file.
GZIP = 16
#: What an ordinary small shop says to each route.
STORES: dict[str, Any] = {
    "store/websites": [{"id": 1, "code": "base"}],
    "store/storeConfigs": [{"id": 1, "code": "nl", "timezone": "Europe/Amsterdam"}],
    "store/storeViews": [{"id": 1, "code": "nl", "website_id": 1}],
}


class Said:
    """An answer: its body, and status and headers where they are not the usual ones."""

    def __init__(self, body: Any, status: int = 200, **headers: str) -> None:
        """Say a value as JSON, or bytes as they are."""
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class HostileShop(ThreadingHTTPServer):
    """Answers each route as told: a value, a :class:`Said`, or a function of query and headers.

    Attributes:
        routes: What to say, by the part of the path behind ``V1/``; may be changed any time.
        asked: Route and query of each call so far.
    """

    daemon_threads = True

    def __init__(self, routes: dict[str, Any]) -> None:
        """Start on a free port; routes that are not given are empty lists."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.routes = STORES | routes
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def config(self) -> dict[str, Any]:
        """Settings of a tap that reads it, and does not wait long."""
        address = {"base_url": f"http://127.0.0.1:{self.server_port}", "instance": "hostile"}
        return CREDENTIALS | address | {"max_wait_seconds": 2, "request_timeout_seconds": 20}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has read enough goes away; that is what it is here for."""
        del request, client_address

    def stop(self) -> None:
        """End the server."""
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HostileShop

    def do_GET(self) -> None:  # the name that http.server calls
        parts = urlsplit(self.path)
        route = parts.path.partition("/V1/")[2]
        query = dict(parse_qsl(parts.query))
        self.server.asked.append((route, query))
        said = self.server.routes.get(route, {"items": [], "total_count": 0})
        if callable(said):
            said = said(query, self.headers)
        if not isinstance(said, Said):
            said = Said(said)
        self.send_response(said.status)
        for name, value in ({"Content-Type": "application/json"} | said.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        self.wfile.write(said.body)

    def log_message(self, *_arguments: Any) -> None:
        pass


def once(rows: list[Any]) -> Callable[[dict[str, str], Any], Any]:
    """A list that honours conditions on the key, as far as keyset and parking need it."""

    def answer(query: dict[str, str], _headers: Any) -> Any:
        found = rows
        for number in range(10):
            prefix = f"searchCriteria[filter_groups][{number}][filters][0]"
            if (name := query.get(f"{prefix}[field]")) is None:
                break
            value, kind = query[f"{prefix}[value]"], query[f"{prefix}[condition_type]"]
            found = [row for row in found if _matches(row.get(name), kind, value)]
        return {"items": found, "total_count": len(found)}

    return answer


def _matches(value: Any, kind: str, wanted: str) -> bool:
    if kind in {"in", "nin"}:
        return (str(value) in wanted.split(",")) == (kind == "in")
    left: Any = value if isinstance(value, int) else str(value)
    right: Any = int(wanted) if isinstance(value, int) else wanted
    compare = {"eq": operator.eq, "gt": operator.gt, "gteq": operator.ge, "lteq": operator.le}
    return bool(compare[kind](left, right))


def bomb(megabytes: int) -> Said:
    """A small answer that unpacks to a large one."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | GZIP)
    spaces = b" " * 1024 * 1024
    body = b"".join(packer.compress(spaces) for _ in range(megabytes))
    body += packer.compress(b'{"items":[],"total_count":0}') + packer.flush()
    return Said(body, Content_Encoding="gzip")

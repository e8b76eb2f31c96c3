"""What the client makes of answers, against a server that says exactly what a test wants."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.auth import HTTPBasicAuth

from adobe_commerce import answers
from adobe_commerce.auth import build_auth
from adobe_commerce.client import Client
from adobe_commerce.errors import (
    BrokenAnswerError,
    ConfigError,
    GaveUpError,
    NotCommerceError,
    OutcomeUnknownError,
    PageTooLargeError,
    PermissionDeniedError,
    RecordFormError,
    RedirectedError,
    RequestRefusedError,
    ServerFaultError,
    SlowError,
)
from adobe_commerce.search import MAX_LISTED, Filter, Search, among, parts, render_projection

if TYPE_CHECKING:
    from collections.abc import Iterator

Answer = tuple[int, dict[str, str], bytes]


class Asked(NamedTuple):
    """A request, and from which connection it came."""

    headers: dict[str, str]
    connection: tuple[str, int]
    body: bytes = b""


class Server(ThreadingHTTPServer):
    """Gives prepared answers, the last one for ever, and remembers what was asked."""

    answers: list[Answer]
    asked: list[Asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(Asked(dict(self.headers), self.client_address, body))
        answers = self.server.answers
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = do_GET  # noqa: N815  # the names that the server calls

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(("127.0.0.1", 0), _Handler)
    running.daemon_threads = True
    running.answers, running.asked = [], []
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def client(server: Server) -> Client:
    url = f"http://127.0.0.1:{server.server_port}"
    return Client(url, HTTPBasicAuth("a", "b"), max_wait=5, timeout=2)


def said(status: int, content: Any = "{}", **headers: str) -> Answer:
    body = content if isinstance(content, bytes) else str(content).encode()
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, body


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 2"])
def test_headers_that_drip_are_given_up_in_time(start: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def drip() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.sendall(start)
                while True:
                    connection.sendall(b"X")
                    time.sleep(0.05)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(SlowError, match="within 1 seconds"):
        Client(url, HTTPBasicAuth("a", "b"), max_wait=0, timeout=1).get("orders")
    assert time.monotonic() - began < 5
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def error(message: str, **more: Any) -> str:
    return json.dumps({"message": message} | more)


@pytest.mark.parametrize(
    ("answer", "expected", "text"),
    [
        (said(301, Location="https://www.shop.example/x?secret=1"), RedirectedError, "base_url"),
        (said(200, "<html>", Content_Type="text/html"), NotCommerceError, "text/html"),
        (said(200, ""), BrokenAnswerError, "empty"),
        (said(200, '{"items":[{"entity_id":1}'), BrokenAnswerError, "truncated"),
        (said(404, error("Request does not match any route.")), RequestRefusedError, "base_url"),
        (
            said(400, error("Maximum SearchCriteria pageSize is %max", parameters={"max": 50})),
            PageTooLargeError,
            "largest page is 50",
        ),
        (
            said(400, error("%1 is not %2", parameters=["this", "that"])),
            RequestRefusedError,
            "this is not that",
        ),
        (
            said(400, error("%fieldName is required", parameters={"fieldName": "x"})),
            RequestRefusedError,
            "x is required",
        ),
        (
            said(401, error("no", parameters={"resources": "Magento_Tax::manage_tax"})),
            PermissionDeniedError,
            "Magento_Tax::manage_tax",
        ),
        (said(500, '{"messages":{"error":[{"code":500}]}}'), ServerFaultError, "500"),
        (said(500, "<h1>Fatal</h1>", Content_Type="text/html"), ServerFaultError, "500"),
    ],
)
def test_answers_become_errors_that_say_what_and_where(
    server: Server, client: Client, answer: Answer, expected: type[Exception], text: str
) -> None:
    server.answers = [answer]

    with pytest.raises(expected, match=text) as caught:
        client.get("orders", patient=False)

    assert type(caught.value) is expected
    assert "/rest/all/V1/orders at 127.0.0.1" in str(caught.value)
    assert "secret=1" not in str(caught.value)


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_obeyed_as_seconds_or_as_a_date(
    server: Server, client: Client, *, as_date: bool
) -> None:
    # A date has whole seconds, so that two ahead are at least one.
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    server.answers = [said(429, Retry_After=moment if as_date else "1"), said(200, "[]")]
    began = time.monotonic()

    assert client.get("orders").body == b"[]"

    assert time.monotonic() - began > 0.9
    assert len(server.asked) == 2


def test_a_wait_longer_than_allowed_is_not_begun(server: Server, client: Client) -> None:
    server.answers = [said(503, Retry_After="3600")]
    began = time.monotonic()

    with pytest.raises(GaveUpError, match="Run again"):
        client.get("orders")

    assert time.monotonic() - began < 60


def test_every_try_is_signed_anew(server: Server) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    keys = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    auth = build_auth({"base_url": url} | dict.fromkeys(keys, "x" * 32))
    server.answers = [said(502), said(502), said(200)]

    Client(url, auth).get("orders")

    signatures = {request.headers["Authorization"] for request in server.asked}
    assert len(signatures) == 3


def test_cookies_are_not_sent_back_and_connections_are_reused(
    server: Server, client: Client
) -> None:
    server.answers = [said(200, "[]", Set_Cookie="PHPSESSID=1; path=/")]

    for _ in range(3):
        client.get("orders")

    assert all("Cookie" not in request.headers for request in server.asked)
    assert len({request.connection for request in server.asked}) == 1


def test_compressed_answers_are_counted_as_they_travel(server: Server, client: Client) -> None:
    body = b'{"items":[' + b"0," * 5000 + b"0]}"
    packed = gzip.compress(body)
    server.answers = [said(200, packed, Content_Encoding="gzip")]

    assert client.get("orders").body == body
    assert client.bytes_received == len(packed)


def test_a_truncated_document_is_told_from_a_wrong_one() -> None:
    with pytest.raises(BrokenAnswerError, match="truncated"):
        answers.decode(b'{"items":[{"a":1', "here")
    with pytest.raises(NotCommerceError, match="unexpected form"):
        answers.decode(b'"text"', "here", msgspec.json.Decoder(dict))


@pytest.mark.parametrize("url", ["", "ftp://x", "https://", "https://shop.example/rest/V1"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        Client(url, HTTPBasicAuth("a", "b"))


@pytest.mark.parametrize("url", ["https://shop.example:port", "https://shop..example"])
def test_addresses_that_only_look_like_one(url: str) -> None:
    with pytest.raises(ConfigError, match="Check base_url"):
        Client(url, HTTPBasicAuth("a", "b"), max_wait=1).get("orders")


@given(st.text(), st.integers(1, 9))
def test_a_query_says_what_was_meant_whatever_it_holds(value: str, filters: int) -> None:
    search = Search(
        tuple(Filter(f"field_{number}", "eq", value) for number in range(filters)),
        ("updated_at", "entity_id"),
        fields="items[a,b]",
    )

    query = search.query()

    assert not set(query) & set("+ []")
    pairs = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))
    for number in range(filters):
        prefix = f"searchCriteria[filter_groups][{number}][filters][0]"
        assert pairs[f"{prefix}[value]"] == value
    assert pairs["searchCriteria[sortOrders][1][direction]"] == "ASC"
    assert urlsplit(f"http://x/?{query}").query == query


def test_long_lists_are_asked_for_in_parts() -> None:
    numbers = list(range(1, 2 * MAX_LISTED + 2))

    asked = [among("entity_id", part).value for part in parts(numbers)]

    assert len(asked) == 3
    assert ",".join(asked) == ",".join(map(str, numbers))
    assert max(map(len, asked)) < 2000


def test_a_projection_is_written_in_the_shops_form() -> None:
    assert render_projection({"a": None, "b": {"c": None, "d": {"e": None}}}) == "a,b[c,d[e]]"


# Writes


def test_a_write_is_sent_as_json_and_may_be_answered_by_a_single_value(
    server: Server, client: Client
) -> None:
    for body in (b'{"id":1}', b'"17"', b"true", b"17"):
        server.answers = [said(200, body)]
        assert client.send("POST", "customers", {"customer": {"x": 1}}).body == body
    assert server.asked[-1].body == b'{"customer":{"x":1}}'
    assert server.asked[-1].headers["Content-Type"] == "application/json"
    server.answers = [said(200, b'"17"')]
    with pytest.raises(NotCommerceError):
        client.get("orders")  # a question is never answered so


@pytest.mark.parametrize(
    "answer",
    [
        said(500, error("Internal Error")),
        said(502, "<html>"),
        said(503, "<html>"),
        said(504, "<html>"),
        said(200, ""),
        said(200, '{"id":'),
        said(200, "<html>login", Content_Type="text/html"),
        said(200, 'Notice: x {"id":1}'),
    ],
)
def test_a_write_without_a_trustworthy_answer_is_never_repeated(
    server: Server, client: Client, answer: Answer
) -> None:
    server.answers = [answer]
    with pytest.raises(OutcomeUnknownError, match="not known"):
        client.send("PUT", "customers/1", {"customer": {}})
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        said(429, "{}", Retry_After="0"),
        said(401, error("The nonce is already being used by the consumer with ID 1.")),
    ],
)
def test_a_write_that_surely_stored_nothing_is_repeated(
    server: Server, client: Client, answer: Answer
) -> None:
    server.answers = [answer, said(200, '{"id":1}')]
    assert client.send("PUT", "customers/1", {"customer": {}}).body == b'{"id":1}'
    assert len(server.asked) == 2


@pytest.mark.parametrize("answer", [said(400, error("No")), said(404, error("No")), said(302)])
def test_a_refused_write_says_so_once(server: Server, client: Client, answer: Answer) -> None:
    server.answers = [answer]
    kind = RedirectedError if answer[0] == 302 else RequestRefusedError
    with pytest.raises((kind, OutcomeUnknownError)) as caught:
        client.send("PUT", "customers/1", {"customer": {}})
    assert isinstance(caught.value, kind)
    assert len(server.asked) == 1


def test_a_write_to_nobody_stored_nothing() -> None:
    client = Client("http://127.0.0.1:1", HTTPBasicAuth("a", "b"), max_wait=0)
    with pytest.raises(GaveUpError, match="Nothing was stored"):
        client.send("PUT", "customers/1", {"customer": {}})


def test_a_connection_that_breaks_after_the_write_was_sent_leaves_it_open() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)

    thread = threading.Thread(target=hang_up, daemon=True)
    thread.start()
    client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", HTTPBasicAuth("a", "b"))
    with pytest.raises(OutcomeUnknownError):
        client.send("POST", "customers", {"customer": {}})
    thread.join()
    listener.close()


def test_the_depth_of_a_record_is_bounded_on_every_python() -> None:
    def deep(levels: int) -> msgspec.Raw:
        lists = levels - 1  # the record itself is a level
        return msgspec.Raw(b'{"x":' + b"[" * lists + b"]" * lists + b"}")

    assert answers.record(deep(64))
    with pytest.raises(RecordFormError, match="deeper than 64"):
        answers.record(deep(65))

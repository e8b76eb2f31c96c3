"""What was surely not sent, and what may have been carried out: on real sockets."""

from __future__ import annotations

import gzip
import importlib.util
import logging
import socket
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exact_online import transport
from exact_online.client import ExactClient
from exact_online.errors import (
    ConfigError,
    NotNowError,
    OutcomeUnknownError,
    TransientApiError,
)
from exact_online.limits import Budget
from exact_online.server_clock import ServerClock
from exact_online.token_endpoint import AnswerLostError, ExactApp, TokenEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests
    from sqlalchemy.engine import Engine

_spec = importlib.util.spec_from_file_location("servers", Path(__file__).with_name("servers.py"))
assert _spec
assert _spec.loader
servers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(servers)
Server = Any

ENTRIES = "salesentry/SalesEntries"
TOKEN = "the-access-token"
GARBAGE = b"\xde\xad\xbe\xef" * 64


class Tokens:
    def access_token(self) -> str:
        return TOKEN

    def rejected(self, token: str) -> str:
        raise AssertionError(token)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = servers.make_certificate(tmp_path_factory.mktemp("tls"))
    return file


@pytest.fixture
def session(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[requests.Session]:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # they win over a session's own
        monkeypatch.delenv(name, raising=False)
    with transport.new_session() as session:
        session.verify = str(certificate)
        yield session


@pytest.fixture
def post(engine: Engine, session: requests.Session) -> Callable[[str], Any]:
    """Post a sales entry; return the error, or what was stored."""

    def run(url: str) -> Any:
        budget = Budget(engine, "app", max_wait_seconds=0)
        client = ExactClient(url, 1, Tokens(), budget, session)  # type: ignore[arg-type]
        return client.post(ENTRIES, {"YourRef": "1"})

    return run


@pytest.fixture
def get(engine: Engine, session: requests.Session) -> Callable[[str], Any]:
    def run(url: str) -> Any:
        budget = Budget(engine, "app", max_wait_seconds=0)
        client = ExactClient(url, 1, Tokens(), budget, session)  # type: ignore[arg-type]
        return list(client.get("crm/Accounts", select="ID"))

    return run


@pytest.fixture
def refresh(session: requests.Session) -> Callable[[str], Any]:
    """Renew a login."""

    def run(url: str) -> Any:
        app = ExactApp(url, "client", "the-client-secret")
        clock = ServerClock(url, session)
        return TokenEndpoint(app, clock, session).refresh("the-refresh-token")

    return run


def close_in_handshake(_: Server, connection: socket.socket) -> None:
    connection.recv(65536)


def garbage_in_handshake(_: Server, connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(GARBAGE)


def reset_in_handshake(_: Server, connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


@pytest.mark.parametrize("handle", [close_in_handshake, garbage_in_handshake, reset_in_handshake])
def test_a_handshake_that_fails_is_surely_not_sent(
    handle: Any, post: Callable[[str], Any], refresh: Callable[[str], Any]
) -> None:
    with servers.serving(handle) as server:
        url = f"https://127.0.0.1:{server.port}"
        with pytest.raises(NotNowError, match="cannot be reached"):
            post(url)
        with pytest.raises(TransientApiError, match="cannot be reached"):
            refresh(url)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1", "http://127.0.0.1:1", "https://no-such-host.invalid"]
)
def test_a_connection_that_fails_is_surely_not_sent(
    url: str, post: Callable[[str], Any], refresh: Callable[[str], Any]
) -> None:
    with pytest.raises(NotNowError, match="cannot be reached") as caught:
        post(url)
    assert caught.value.away
    with pytest.raises(TransientApiError, match="cannot be reached"):
        refresh(url)


def refusing(server: Server, connection: socket.socket) -> None:
    server.read(connection)
    connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")


def silent(server: Server, connection: socket.socket) -> None:
    server.read(connection)


@pytest.mark.parametrize("proxy", [refusing, silent, None])
def test_a_proxy_that_does_not_connect_is_surely_not_sent(
    proxy: Any,
    session: requests.Session,
    post: Callable[[str], Any],
    refresh: Callable[[str], Any],
) -> None:
    with servers.serving(proxy or silent) as server:
        port = server.port if proxy else 1
        session.proxies = {"https": f"http://user:proxy-secret@127.0.0.1:{port}"}
        url = "https://start.exactonline.nl"
        with pytest.raises(NotNowError, match="cannot be reached") as caught:
            post(url)
        assert "proxy-secret" not in str(caught.value)
        with pytest.raises(TransientApiError, match="cannot be reached"):
            refresh(url)
        assert all(request.startswith(b"CONNECT") for request in server.requests)


def test_a_self_signed_certificate_is_named(
    session: requests.Session,
    certificate: Path,
    post: Callable[[str], Any],
    refresh: Callable[[str], Any],
) -> None:
    session.verify = True
    context = servers.tls(certificate)

    def handle(server: Server, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            server.read(secure)

    with servers.serving(handle) as server:
        url = f"https://127.0.0.1:{server.port}"
        for call in (post, refresh):
            with pytest.raises(ConfigError, match=r"self-signed certificate.*REQUESTS_CA_BUNDLE"):
                call(url)
        assert server.requests == []


def test_a_certificate_of_another_host_is_named(
    session: requests.Session, tmp_path: Path, post: Callable[[str], Any]
) -> None:
    other = servers.make_certificate(tmp_path, "elsewhere.example")
    session.verify = str(other)
    context = servers.tls(other)

    def handle(server: Server, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            server.read(secure)

    with servers.serving(handle) as server, pytest.raises(ConfigError, match="mismatch"):
        post(f"https://127.0.0.1:{server.port}")


HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"


def break_tls(raw: socket.socket, _: Any) -> None:
    raw.sendall(GARBAGE)


def break_tls_in_the_body(raw: socket.socket, secure: Any) -> None:
    secure.sendall(HEAD + b'{"d": {')
    raw.sendall(GARBAGE)


def close(_: socket.socket, __: Any) -> None:
    pass


def reset(raw: socket.socket, _: Any) -> None:
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def close_in_the_body(_: socket.socket, secure: Any) -> None:
    secure.sendall(HEAD + b'{"d": {')


def no_http(_: socket.socket, secure: Any) -> None:
    secure.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize(
    "end", [break_tls, break_tls_in_the_body, close, reset, close_in_the_body, no_http]
)
def test_from_the_first_byte_on_the_outcome_is_unknown(
    scheme: str,
    end: Any,
    certificate: Path,
    post: Callable[[str], Any],
    refresh: Callable[[str], Any],
) -> None:
    context = servers.tls(certificate)

    def handle(server: Server, connection: socket.socket) -> None:
        if scheme == "http":
            server.read(connection)
            end(connection, connection)
            return
        raw = connection.dup()
        with raw, context.wrap_socket(connection, server_side=True) as secure:
            server.read(secure)
            end(raw, secure)

    with servers.serving(handle) as server:
        url = f"{scheme}://127.0.0.1:{server.port}"
        with pytest.raises(OutcomeUnknownError, match="no answer came") as caught:
            post(url)
        assert TOKEN not in repr(caught.value)
        assert len(server.requests) == 1  # never repeated
        with pytest.raises(AnswerLostError):
            refresh(url)
        assert len(server.requests) == 2


def drip_head(server: Server, connection: socket.socket) -> None:
    server.read(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\n")
    while not server.ended.wait(0.05):
        connection.sendall(b"X")


def drip_body(server: Server, connection: socket.socket) -> None:
    server.read(connection)
    connection.sendall(HEAD)
    while not server.ended.wait(0.05):
        connection.sendall(b" ")


def say_nothing(server: Server, connection: socket.socket) -> None:
    server.read(connection)
    server.ended.wait(10)


@pytest.mark.parametrize("handle", [drip_head, drip_body, say_nothing])
def test_an_answer_that_drips_ends(
    handle: Any,
    post: Callable[[str], Any],
    refresh: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 0.6)
    for call, kind in ((post, OutcomeUnknownError), (refresh, AnswerLostError)):
        with servers.serving(handle) as server:
            begun = time.monotonic()
            with pytest.raises(kind):
                call(f"http://127.0.0.1:{server.port}")
            assert time.monotonic() - begun < 8


def answering(*parts: bytes, headers: str = "") -> Callable[[Server, socket.socket], None]:
    def handle(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Date: Mon, 02 Feb 2026 10:00:00 GMT\r\n" + headers.encode() + b"\r\n"
        )
        for part in parts:
            connection.sendall(part)

    return handle


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1024 * 1024)
    return b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()


def test_a_small_answer_that_unpacks_to_a_large_one(
    post: Callable[[str], Any], get: Callable[[str], Any], refresh: Callable[[str], Any]
) -> None:
    packed = bomb(600)
    assert len(packed) < 1024 * 1024
    with servers.serving(answering(packed, headers="Content-Encoding: gzip\r\n")) as server:
        url = f"http://127.0.0.1:{server.port}"
        tracemalloc.start()
        try:
            with pytest.raises(TransientApiError, match="more than 32 MB"):
                get(url)
            assert len(server.requests) == 1  # asking again is no use
            with pytest.raises(OutcomeUnknownError, match="more than 32 MB"):
                post(url)
            with pytest.raises(AnswerLostError, match="more than 32 MB"):
                refresh(url)
            assert tracemalloc.get_traced_memory()[1] < 150 * 1024 * 1024
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("packing", ["gzip, gzip", "br", "zstd", "gzip,deflate", "x" * 5000])
def test_an_answer_packed_in_another_way(get: Callable[[str], Any], packing: str) -> None:
    twice = gzip.compress(gzip.compress(b'{"d": []}'))
    handle = answering(twice, headers=f"Content-Encoding: {packing}\r\n")
    with (
        servers.serving(handle) as server,
        pytest.raises(TransientApiError, match="packed"),
    ):
        get(f"http://127.0.0.1:{server.port}")


@pytest.mark.parametrize("broken", [b"not gzip", gzip.compress(b'{"d": []}', mtime=0)[:-12], b""])
def test_an_answer_that_does_not_unpack(get: Callable[[str], Any], broken: bytes) -> None:
    handle = answering(broken, headers="Content-Encoding: gzip\r\n")
    with servers.serving(handle) as server, pytest.raises((NotNowError, TransientApiError)):
        get(f"http://127.0.0.1:{server.port}")


def test_packed_and_chunked_answers_are_read(get: Callable[[str], Any]) -> None:
    packed = gzip.compress(b'{"d": {"results": [{"ID": "1"}]}}')
    with servers.serving(answering(packed, headers="Content-Encoding: gzip\r\n")) as server:
        assert get(f"http://127.0.0.1:{server.port}") == [{"ID": "1"}]
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, packed[n : n + 1]) for n in range(len(packed)))
    headers = "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"
    with servers.serving(answering(chunks, b"0\r\n\r\n", headers=headers)) as server:
        assert get(f"http://127.0.0.1:{server.port}") == [{"ID": "1"}]
    with (
        servers.serving(answering(chunks, headers=headers)) as server,
        pytest.raises(NotNowError, match="did not answer"),
    ):
        get(f"http://127.0.0.1:{server.port}")


def test_the_wire_log_holds_no_secret_and_no_question(
    get: Callable[[str], Any],
    refresh: Callable[[str], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = (
        b'{"d": {"results": [{"ID": "the-answer"}]}, "access_token": "a1", "refresh_token": "r1"}'
    )
    with servers.serving(answering(answer)) as server:
        url = f"http://127.0.0.1:{server.port}"
        get(url)
        refresh(url)
    wire = [one.getMessage() for one in caplog.records if one.name == "exact_online.wire"]
    assert wire[0].startswith("GET /api/v1/1/crm/Accounts 200 in ")
    assert wire[1].startswith("POST /api/oauth2/token 200 in ")
    for secret in (TOKEN, "the-client-secret", "the-refresh-token", "the-answer", "select", "r1"):
        assert secret not in caplog.text


def test_redirects_and_cookies_and_netrc_are_left_alone(
    get: Callable[[str], Any],
    refresh: Callable[[str], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password netrc-secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    cookie = "Set-Cookie: session=1; Path=/\r\n"
    rows = b'{"d": [], "access_token": "a1", "refresh_token": "r1"}'
    with servers.serving(answering(rows, headers=cookie)) as server:
        url = f"http://127.0.0.1:{server.port}"
        get(url)
        get(url)
        refresh(url)
        first, second, token = server.requests
    assert f"Authorization: Bearer {TOKEN}\r\n".encode() in first
    assert b"Cookie" not in second
    assert b"Authorization" not in token

    def redirecting(server: Server, connection: socket.socket) -> None:
        server.read(connection)
        connection.sendall(
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n"
            b"Connection: close\r\n\r\n"
        )

    with servers.serving(redirecting) as server:
        with pytest.raises(TransientApiError, match="nothing was processed"):
            refresh(f"http://127.0.0.1:{server.port}")
        assert len(server.requests) == 1

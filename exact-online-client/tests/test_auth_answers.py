"""Every answer of the token endpoint has its own message; answers as they were reported."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from exact_online.errors import (
    AuthorizationRequiredError,
    ConfigError,
    TransientApiError,
)
from exact_online.hosts import HOSTS, base_url
from exact_online.server_clock import ServerClock
from exact_online.token_endpoint import (
    AnswerLostError,
    ExactApp,
    LoginDeadError,
    OldTokenError,
    TokenEndpoint,
    TooEarlyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "the-client-secret"
DATE = "Mon, 02 Feb 2026 10:00:00 GMT"


class Canned:
    """A server with one answer, which keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.asked: list[tuple[dict[str, str], str]] = []
        canned = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                canned.asked.append((dict(self.headers), self.rfile.read(length).decode()))
                self.send_response_only(canned.status)
                for name, value in ({"Date": DATE} | canned.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(canned.body)))
                self.end_headers()
                self.wfile.write(canned.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, status: int, body: Any, **headers: str) -> None:
        self.status, self.headers = status, headers
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Canned]:
    canned = Canned()
    yield canned
    canned.stop()


@pytest.fixture
def endpoint(server: Canned) -> TokenEndpoint:
    return TokenEndpoint(ExactApp(server.url, "the-client", SECRET), ServerClock(server.url))


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "message"),
    [
        (
            400,
            {
                "error": "access_denied",
                "error_description": "Rate limit exceeded: access_token not expired",
            },
            {"Reason": "TooEarlyToRefreshTokens: Rate limit exceeded: access_token not expired"},
            TooEarlyError,
            "not expired",
        ),
        (
            401,
            {"error": "access_denied", "error_description": "access token not expired"},
            {},
            TooEarlyError,
            "not expired",
        ),
        (
            401,
            {"error": "unauthorized_client", "error_description": "Old refresh token used."},
            {},
            OldTokenError,
            "Old refresh token used",
        ),
        (
            400,
            {
                "error": "invalid_request",
                "error_description": "The refresh token expired at 3/4/2026 9:00:00 AM and it is "
                "now 4/4/2026 9:00:00 AM",
            },
            {},
            LoginDeadError,
            "not been used for 30 days",
        ),
        (
            400,
            {
                "error": "invalid_grant",
                "error_description": "Token is not allowed, because of invalid or empty chainId",
            },
            {},
            LoginDeadError,
            "connected the same app a second time",
        ),
        (
            400,
            {"error": "invalid_grant", "error_description": "The user is not active"},
            {},
            AuthorizationRequiredError,
            "not active any more",
        ),
        (
            400,
            {"error": "invalid_grant"},
            {"Reason": "InactiveUser"},
            AuthorizationRequiredError,
            "not active",
        ),
        (
            400,
            {"error": "invalid_grant"},
            {"Reason": "BlockedUser"},
            AuthorizationRequiredError,
            "not active",
        ),
        (
            403,
            {"error": "access_denied", "error_description": "Customer's license expired"},
            {"Reason": "LicenseExpired"},
            AuthorizationRequiredError,
            "subscription is blocked",
        ),
        (400, {"error": "invalid_client"}, {}, ConfigError, "client_id and client_secret"),
        (400, {"error": "invalid_request"}, {}, ConfigError, "client_id and client_secret"),
        (400, {"error": "invalid_grant"}, {}, AuthorizationRequiredError, "authorize"),
        (429, b"", {}, TransientApiError, "200 token calls a day"),
        (429, {"error": "slow_down"}, {}, TransientApiError, "200 token calls a day"),
        (404, b"<html>not here</html>", {}, ConfigError, "Check country and base_url"),
        (302, b"", {"Location": "/docs/Login.aspx"}, TransientApiError, "nothing was processed"),
        (200, b"<html>maintenance</html>", {}, AnswerLostError, "without a token"),
        (200, b'{"access_token": "half', {}, AnswerLostError, "without a token"),
        (200, {"access_token": "a-token-alone"}, {}, AnswerLostError, "without a token"),
        (500, b"", {}, AnswerLostError, "HTTP 500"),
        (502, b"<html>", {}, AnswerLostError, "HTTP 502"),
        (503, {"error": "unavailable"}, {}, AnswerLostError, "HTTP 503"),
    ],
)  # fmt: skip
def test_answer(
    server: Canned,
    endpoint: TokenEndpoint,
    status: int,
    body: Any,
    headers: dict[str, str],
    kind: type[Exception],
    message: str,
) -> None:
    server.answer(status, body, **headers)
    with pytest.raises(kind, match=message) as caught:
        endpoint.refresh("the-old-refresh-token")
    assert type(caught.value) is kind
    for secret in (SECRET, "the-old-refresh-token"):
        assert secret not in str(caught.value)
    assert len(server.asked) == 1  # never again by itself


def test_a_pair_with_lenient_lifetime(server: Canned, endpoint: TokenEndpoint) -> None:
    body = {"access_token": "new-access", "refresh_token": "new-refresh", "token_type": "bearer"}
    for lifetime in ("600", 600, "", None, "ten minutes"):
        server.answer(200, {**body, "expires_in": lifetime})
        pair = endpoint.refresh("the-old-refresh-token")
        assert (pair.access_token, pair.refresh_token) == ("new-access", "new-refresh")
        assert pair.issued_at == 1770026401  # the header's second, rounded up


def test_secrets_travel_in_the_form_only(server: Canned, endpoint: TokenEndpoint) -> None:
    server.answer(200, {"access_token": "new-access", "refresh_token": "new-refresh"})
    endpoint.refresh("old+refresh/token")
    ((headers, body),) = server.asked
    assert "Authorization" not in headers
    assert headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert "refresh_token=old%2Brefresh%2Ftoken" in body
    assert "client_secret=the-client-secret" in body


def test_a_slow_answer_is_a_lost_one(
    server: Canned, endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exact_online.transport.READ_SECONDS", 0.1)
    server._server.RequestHandlerClass.do_POST = lambda _: threading.Event().wait(0.5)  # type: ignore[attr-defined]
    with pytest.raises(AnswerLostError, match="ReadTimeout"):
        endpoint.refresh("the-old-refresh-token")


def test_a_site_that_does_not_answer_is_not_a_lost_answer() -> None:
    app = ExactApp("http://127.0.0.1:1", "the-client", SECRET)
    with pytest.raises(TransientApiError, match="cannot be reached"):
        TokenEndpoint(app, ServerClock(app.base_url)).refresh("the-old-refresh-token")


def test_the_clock_without_a_date(server: Canned, endpoint: TokenEndpoint) -> None:
    server.answer(200, {"access_token": "new-access", "refresh_token": "r"}, Date="nonsense")
    assert endpoint.refresh("the-old-refresh-token").issued_at > 1_700_000_000


@pytest.mark.parametrize(
    ("country", "host"),
    [
        ("NL", "start.exactonline.nl"),
        ("BE", "start.exactonline.be"),
        ("UK", "start.exactonline.co.uk"),
        ("DE", "start.exactonline.de"),
        ("FR", "start.exactonline.fr"),
        ("ES", "start.exactonline.es"),
        ("US", "start.exactonline.com"),
    ],
)
def test_seven_countries_by_name(country: str, host: str) -> None:
    assert base_url({"country": country}) == f"https://{host}"
    assert base_url({"country": country.lower()}) == f"https://{host}"
    assert len(HOSTS) == 7


def test_an_address_instead_of_a_country() -> None:
    assert base_url({"base_url": "http://127.0.0.1:8000/"}) == "http://127.0.0.1:8000"

"""Databases for the limits, the sandbox on a new day, and an Exact without a network."""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
import requests
import sqlalchemy as sa
from cryptography.fernet import Fernet
from requests.adapters import BaseAdapter
from sqlalchemy.engine import make_url
from urllib3 import HTTPResponse

from commerce_sandbox.testing import SandboxHandle
from connector_credentials import generate_key, open_store
from exact_online import limits
from exact_online.client import ExactClient, open_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine


@pytest.fixture(scope="module")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for all tests of a module, where none changes its settings."""
    handle = SandboxHandle(tmp_path_factory.mktemp("sandbox"))
    yield handle
    handle.stop()


@pytest.fixture
def next_day(running_sandbox: SandboxHandle) -> SandboxHandle:
    """The module's sandbox on a new day: token calls are counted by the day."""
    running_sandbox.clear_faults()
    running_sandbox.clear_requests()
    running_sandbox.advance(86400)
    return running_sandbox


@pytest.fixture
def open_limits() -> Iterator[Callable[[str], Engine]]:
    """Return a function that opens a database with the tables of the limits."""
    opened = []

    def open_engine(url: str) -> Engine:
        engine = sa.create_engine(url, connect_args={"timeout": 60} if "sqlite" in url else {})
        opened.append(engine)
        limits.create_tables(engine)
        return engine

    yield open_engine
    for engine in opened:
        engine.dispose()


@pytest.fixture
def engine(tmp_path: Path, open_limits: Callable[[str], Engine]) -> Engine:
    """A new database with the tables of the limits."""
    return open_limits(f"sqlite:///{tmp_path}/limits.db")


@pytest.fixture
def postgres_url(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new PostgreSQL database, and the key it needs."""
    monkeypatch.setenv("CONNECTOR_KEY", Fernet.generate_key().decode())
    url = make_url(postgres_database).set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def limits_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/limits.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


NOON = datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()
JSON = {"Content-Type": "application/json"}
STORED = (201, JSON, {"d": {"EntryID": "1"}})
Reply = tuple[int, dict[str, str], Any] | Exception


@dataclass
class Exact(BaseAdapter):
    """Answers what is written down, in no time, by a clock of its own."""

    now: float = NOON
    ahead: float = 0.0  # of our clock
    slept: float = 0.0
    replies: list[Reply] = field(default_factory=list)
    otherwise: Reply = STORED
    asked: list[tuple[str, str, float]] = field(default_factory=list)
    token_replies: list[Reply] = field(default_factory=list)
    token_forms: list[dict[str, list[str]]] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        assert request.method
        assert request.url
        if request.method == "HEAD":
            return self._response(request, 302, {}, b"")
        if request.url.endswith("/api/oauth2/token"):
            self.token_forms.append(parse_qs(bytes(request.body or b"").decode()))
            reply = self.token_replies.pop(0) if self.token_replies else self._pair()
        else:
            self.asked.append((request.method, request.url, self.now))
            reply = self.replies.pop(0) if self.replies else self.otherwise
        if isinstance(reply, Exception):
            raise reply
        status, headers, body = reply
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._response(request, status, headers, content)

    def _pair(self) -> Reply:
        return (
            200,
            JSON,
            {"access_token": f"access-{self.now}", "refresh_token": f"refresh-{self.now}"},
        )

    def _response(
        self, request: requests.PreparedRequest, status: int, headers: dict[str, str], body: bytes
    ) -> requests.Response:
        date = format_datetime(datetime.fromtimestamp(int(self.now), UTC), usegmt=True)
        response = requests.Response()
        response.status_code = status
        response.headers.update({"Date": date} | headers)
        response.raw = HTTPResponse(io.BytesIO(body), preload_content=False)
        response.request, response.url = request, request.url or ""
        return response

    def close(self) -> None:
        pass

    def clock(self) -> float:
        return self.now + self.ahead

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds

    @property
    def times(self) -> list[float]:
        return [at - NOON for _, _, at in self.asked]


@pytest.fixture
def exact() -> Exact:
    random.seed(4)
    return Exact()


@pytest.fixture
def connect(
    exact: Exact, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., ExactClient]:
    monkeypatch.setenv("CONNECTOR_KEY", generate_key())
    store = open_store(str(tmp_path / "store"), create=True)
    login = {"client_id": "c", "client_secret": "secret", "refresh_token": "r", "country": "NL"}
    store.put("exact-online", login)

    def run(clock: Any = exact.clock, sleep: Any = exact.sleep, **changes: Any) -> ExactClient:
        session = requests.Session()
        session.mount("https://", exact)
        return open_client(
            {"credentials": store.label, "division": 1} | changes,
            engine,
            session=session,
            clock=clock,
            sleep=sleep,
        )

    return run

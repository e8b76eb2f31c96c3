"""A running Exact Online and a small client for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from commerce_sandbox.exact.credentials import APP, DIVISION, USER, guid, issue_tokens
from commerce_sandbox.handle import SandboxHandle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commerce_sandbox.exact.credentials import App, User


class ExactClient:
    """Calls with a valid token, as a target would make them."""

    def __init__(self, handle: SandboxHandle, app: App = APP, user: User = USER) -> None:
        self.handle = handle
        self.http = requests.Session()
        self.http.headers["Accept"] = "application/json"
        self.login(app, user)

    def login(self, app: App = APP, user: User = USER) -> None:
        pair = issue_tokens(self.handle.database, self.handle.now(), app=app, user=user)
        self.http.headers["Authorization"] = f"Bearer {pair.access_token}"

    def url(self, path: str, division: int = DIVISION) -> str:
        return f"{self.handle.url}/api/v1/{division}/{path}"

    def get(self, path: str, division: int = DIVISION, **options: Any) -> requests.Response:
        query = {f"${name}": value for name, value in options.items()}
        return self.http.get(self.url(path, division), params=query, timeout=30)

    def rows(self, path: str, **options: Any) -> list[dict[str, Any]]:
        response = self.get(path, **options)
        assert response.status_code == 200, response.text
        rows: list[dict[str, Any]] = response.json()["d"]["results"]
        return rows

    def post(self, path: str, body: Any, *, whole: bool = True) -> requests.Response:
        headers = {"Prefer": "return=representation"} if whole else {}
        return self.http.post(self.url(path), json=body, headers=headers, timeout=30)

    def create(self, path: str, body: Any) -> dict[str, Any]:
        response = self.post(path, body)
        assert response.status_code == 201, response.text
        entity: dict[str, Any] = response.json()["d"]
        return entity

    def put(self, path: str, key: str, body: Any) -> requests.Response:
        return self.http.put(self.url(f"{path}(guid'{key}')"), json=body, timeout=30)

    def delete(self, path: str, key: str) -> requests.Response:
        return self.http.delete(self.url(f"{path}(guid'{key}')"), timeout=30)

    def refused(self, path: str, body: Any, status: int = 500) -> str:
        """Post what must be refused and return the message."""
        response = self.post(path, body)
        assert response.status_code == status, response.text
        return message(response)


def message(response: requests.Response) -> str:
    text: str = response.json()["error"]["message"]["value"]
    return text


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for all tests of a file, without limits: those have their own tests."""
    handle = SandboxHandle(tmp_path_factory.mktemp("exact") / "sandbox", "empty")
    for name in ("minute_limit", "day_limit", "error_limit"):
        handle.set(f"exact.{name}", None)
    yield handle
    handle.stop()


@pytest.fixture(scope="module")
def exact(running: SandboxHandle) -> ExactClient:
    """Return a client of the file's sandbox."""
    return ExactClient(running)


@pytest.fixture
def fresh(sandbox_factory: Callable[..., SandboxHandle]) -> ExactClient:
    """Return a client of a sandbox of its own, with all limits on."""
    handle = sandbox_factory("empty")
    return ExactClient(handle)


@pytest.fixture
def client_of() -> Callable[..., ExactClient]:
    """Return what makes further clients of a sandbox."""
    return ExactClient


@pytest.fixture
def error_text() -> Callable[[requests.Response], str]:
    """Return what reads the message of an error envelope."""
    return message


@pytest.fixture
def gl() -> Callable[[str], str]:
    """Return the GUID of a GL account by its code."""
    return lambda code: guid(DIVISION, "financial/GLAccounts", code)


@pytest.fixture
def account() -> Callable[[str], str]:
    """Return the GUID of an account by its code."""
    return lambda code: guid(DIVISION, "crm/Accounts", code)


@pytest.fixture
def item() -> Callable[[str], str]:
    """Return the GUID of an item by its code."""
    return lambda code: guid(DIVISION, "logistics/Items", code)

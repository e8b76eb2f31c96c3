"""Stores of every kind, and real processes that work on them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from connector_credentials import CredentialStore, generate_key, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_key_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key but the one a test gives, and never the developer's own keyring."""
    monkeypatch.delenv("CONNECTOR_KEY", raising=False)
    monkeypatch.delenv("CONNECTOR_KEY_FILE", raising=False)
    monkeypatch.delenv("CONNECTOR_CREDENTIALS", raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.fixture(params=["file", "sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be made; nothing is there yet."""
    if request.param == "file":
        return str(tmp_path / "folder" / "a.credentials")
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    database: str = request.getfixturevalue("postgres_database")
    return database


@pytest.fixture
def key() -> str:
    return generate_key()


@pytest.fixture
def store(url: str, key: str) -> CredentialStore:
    return open_store(url, key, create=True)


@pytest.fixture
def python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Run Python code in another process, with arguments and a clean end."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        options: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], env={**os.environ, **environment}, **options
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()

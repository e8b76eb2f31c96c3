"""Processes that share one login and die at the worst moments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from connector_credentials import generate_key, open_store
from exact_online.errors import AuthorizationRequiredError
from exact_online.tokens import build_token_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle
    from connector_credentials import CredentialStore

TOKEN = "/api/oauth2/token"
SOAK = Path(__file__).parents[2] / "benchmarks" / "token_soak.py"

# Renews the token, and dies at a named moment as if by `kill -9`.
RENEW = """
import json, os, signal, sys
from connector_credentials import CredentialStore
from exact_online import tokens
from exact_online.token_endpoint import TokenEndpoint

config, moment = json.loads(sys.argv[1]), sys.argv[2]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
put, refresh = CredentialStore.put, TokenEndpoint.refresh

def dying_put(store, name, value):
    new_pair = "unanswered" not in value
    if moment == "before the note" and not new_pair: die()
    if moment == "before the new pair is stored" and new_pair: die()
    put(store, name, value)
    if moment == "after the note" and not new_pair: die()
    if moment == "after the new pair is stored" and new_pair: die()

def dying_refresh(endpoint, token, keep):
    if moment == "before the call": die()
    pair = refresh(endpoint, token, keep)
    if moment == "after the answer": die()
    return pair

CredentialStore.put, TokenEndpoint.refresh = dying_put, dying_refresh
print(tokens.build_token_source(config).access_token())
"""
NEVER = "never"


def renew(config: dict[str, Any], moment: str = NEVER) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RENEW, json.dumps(config), moment],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def me(sandbox: SandboxHandle, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    url = f"{sandbox.url}/api/v1/current/Me?$select=CurrentDivision"
    return requests.get(url, headers=headers, timeout=10).status_code


def token_calls(sandbox: SandboxHandle) -> list[int | None]:
    return [call["status"] for call in sandbox.requests() if call["path"] == TOKEN]


@pytest.fixture
def sandbox(next_day: SandboxHandle) -> SandboxHandle:
    """No test here changes the sandbox's settings."""
    return next_day


@pytest.fixture
def make_config(
    sandbox: SandboxHandle, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], dict[str, Any]]:
    """Settings of a target whose login is in a store at a URL."""

    def make(url: str) -> dict[str, Any]:
        monkeypatch.setenv("CONNECTOR_KEY", generate_key())
        store = open_store(url, create=True)
        store.put("exact-online", sandbox.exact_config())
        return {"credentials": url}

    return make


def stored(config: dict[str, Any]) -> dict[str, Any]:
    store: CredentialStore = open_store(config["credentials"])
    return store.get("exact-online")


@pytest.mark.parametrize(
    "moment",
    ["before the note", "after the note", "before the call", "after the new pair is stored"],
)
def test_a_crash_that_costs_nothing(
    sandbox: SandboxHandle,
    make_config: Callable[[str], dict[str, Any]],
    tmp_path: Path,
    moment: str,
) -> None:
    config = make_config(str(tmp_path / "store"))
    process = renew(config, moment)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    token = build_token_source(config).access_token()
    assert me(sandbox, token) == 200
    assert token_calls(sandbox) == [200]
    assert "unanswered" not in stored(config)


@pytest.mark.parametrize("moment", ["after the answer", "before the new pair is stored"])
def test_a_crash_that_loses_the_pair_is_told_once_and_clearly(
    sandbox: SandboxHandle,
    make_config: Callable[[str], dict[str, Any]],
    tmp_path: Path,
    moment: str,
) -> None:
    config = make_config(str(tmp_path / "store"))
    process = renew(config, moment)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    messages = set()
    for _ in range(3):
        with pytest.raises(AuthorizationRequiredError) as caught:
            build_token_source(config).access_token()
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert "was lost" in messages.pop()
    assert token_calls(sandbox) == [200, 401]  # the old token once more, and never again


@pytest.mark.parametrize("kind", ["file", "sqlite", "postgresql"])
def test_processes_renew_once(
    sandbox: SandboxHandle,
    make_config: Callable[[str], dict[str, Any]],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    kind: str,
) -> None:
    urls = {"file": str(tmp_path / "store"), "sqlite": f"sqlite:///{tmp_path}/store.db"}
    config = make_config(urls.get(kind) or request.getfixturevalue("postgres_server"))
    processes = [renew(config) for _ in range(4)]
    tokens = set()
    for process in processes:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        tokens.add(out.strip())
    assert len(tokens) == 1
    assert token_calls(sandbox) == [200]
    assert me(sandbox, tokens.pop()) == 200


@pytest.mark.parametrize(("store", "hours"), [("file", 5), ("postgresql", 1.5)])
def test_some_simulated_hours_with_random_kills(store: str, hours: float) -> None:
    command = [sys.executable, str(SOAK), "--processes", "4", "--kills", "0.4"]
    done = subprocess.run(
        [*command, "--hours", str(hours), "--seed", "3", "--store", store, "--json"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["kills"] >= 3
    assert figures["refreshes"] >= 3 * hours
    assert figures["calls"] > 0
    for never in ("lockouts", "early_refreshes", "token_reuse", "unclear_messages"):
        assert figures[never] == 0, figures
    assert figures["lost_answers"] <= figures["strikes"]
    assert figures["late_losses"] <= 1 + figures["late_strikes"] / 3

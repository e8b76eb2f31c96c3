"""Logging in as a person does, with the real program against the sandbox's consent page."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from click.testing import CliRunner

from commerce_sandbox.exact.credentials import APP
from connector_credentials import generate_key, open_store
from exact_online._check import check
from exact_online.cli import login_commands
from exact_online.tokens import build_token_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

DAY = 86400
authorize_command, keep_alive_command = login_commands("exact-online")
SECRETS = (APP.client_secret, "stampNL001")  # every token of the sandbox begins so


@pytest.fixture
def sandbox(next_day: SandboxHandle) -> SandboxHandle:
    """No test here changes the sandbox's settings."""
    return next_day


@pytest.fixture
def environment(
    sandbox: SandboxHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Settings in the environment, and an empty store."""
    monkeypatch.chdir(tmp_path)
    values = {
        "CONNECTOR_KEY": generate_key(),
        "EXACT_ONLINE_CREDENTIALS": str(tmp_path / "store"),
        "EXACT_ONLINE_BASE_URL": sandbox.url,
        "EXACT_ONLINE_CLIENT_ID": APP.client_id,
        "EXACT_ONLINE_CLIENT_SECRET": APP.client_secret,
        "EXACT_ONLINE_REDIRECT_URI": APP.redirect_uri,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    open_store(str(tmp_path / "store"), create=True)
    return values


def consent(url: str) -> str:
    """Give consent as the browser does; returns the address it is sent back to."""
    answer = requests.get(url, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


class Person:
    """The program, and somebody who reads what it says and answers."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [PROGRAM, "authorize", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.seen = ""

    def address(self) -> str:
        assert self.process.stderr is not None
        while True:
            line = self.process.stderr.readline()
            assert line, self.seen
            self.seen += line
            if found := re.search(r"https?://\S+/api/oauth2/auth\S+", line):
                return found[0]

    def answer(self, text: str = "") -> tuple[int, str]:
        out, errors = self.process.communicate(text + "\n", timeout=60)
        said = self.seen + out + errors
        assert "Traceback" not in said
        for secret in SECRETS:
            assert secret not in said
        return self.process.returncode, said


PROGRAM = Path(sys.executable).with_name("exact-online")


def test_paste_the_address(environment: dict[str, str], sandbox: SandboxHandle) -> None:
    person = Person("--paste")
    code, said = person.answer(consent(person.address()))
    assert code == 0, said
    assert "Logged in" in said
    assert "ends any earlier login" in said
    config = {"credentials": environment["EXACT_ONLINE_CREDENTIALS"]}
    store = open_store(config["credentials"])
    assert set(store.get("exact-online")) == {
        "access_token", "base_url", "client_id", "client_secret", "issued_at", "redirect_uri",
        "refresh_token",
    }  # fmt: skip
    (finding,) = check(store, "exact-online") or []
    assert finding.level == "ok"
    assert "Carla Koppeling" in finding.text
    sandbox.advance(600)
    assert build_token_source(config).access_token()


def test_the_browser_comes_back_to_this_machine(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    person = Person("--listen", str(port))
    # The registered page forwards the browser to the port that listens here.
    back = consent(person.address()).replace(APP.redirect_uri, f"http://127.0.0.1:{port}/callback")
    assert requests.get(f"http://127.0.0.1:{port}/favicon.ico", timeout=10).status_code == 404
    assert "close this window" in requests.get(back, timeout=10).text
    code, said = person.answer()
    assert code == 0, said
    assert open_store(environment["EXACT_ONLINE_CREDENTIALS"]).names() == ["exact-online"]


@pytest.fixture
def paste(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run the command in this process and paste what a function makes of the right address."""

    def run(change: Callable[[str], str]) -> str:
        said = ""

        def answer(*_: Any, **__: Any) -> str:
            nonlocal said
            said = capsys.readouterr().err
            found = re.search(r"https?://\S+/api/oauth2/auth\S+", said)
            assert found
            return change(consent(found[0]))

        monkeypatch.setattr("exact_online.login.click.prompt", answer)
        assert authorize_command.main(["--paste"], standalone_mode=False) == 1
        return said + capsys.readouterr().err

    return run


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda back: back.replace("state=", "state=x"), "belongs to another login attempt"),
        (lambda back: re.sub(r"&state=\w+", "", back), "belongs to another login attempt"),
        (lambda back: back.partition("?")[0], "holds no code"),
        (lambda _: "hello", "holds no code"),
        (lambda back: re.sub(r"code=[^&]+", "code=cut-off", back), "older than three minutes"),
        (lambda back: back.partition("?")[0] + "?error=access_denied", "did not give consent"),
    ],
)
def test_what_is_pasted_is_checked(paste: Callable[..., str], change: Any, message: str) -> None:
    said = paste(change)
    assert message in said
    assert said.count("ERROR: ") == 1


@pytest.mark.usefixtures("environment")
def test_a_code_older_than_three_minutes(paste: Callable[..., str], sandbox: SandboxHandle) -> None:
    def wait(back: str) -> str:
        sandbox.advance(181)
        return back

    assert "older than three minutes" in paste(wait)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:8080/callback",
        "https://localhost/callback",
        "https://127.0.0.1:8443/",
        "http://www.example.com/callback",
        "www.example.com/callback",
        "https:///callback",
    ],
)
def test_a_redirect_uri_that_exact_does_not_take(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXACT_ONLINE_REDIRECT_URI", address)
    done = CliRunner().invoke(authorize_command, ["--paste"])
    assert done.exit_code == 1
    assert (
        f"The setting redirect_uri is {address!r}. Exact takes HTTPS addresses only" in done.output
    )
    assert "Open this address" not in done.output


@pytest.mark.usefixtures("environment")
def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = Person("--listen", str(taken.getsockname()[1])).answer()
    assert code == 1
    assert "cannot be used" in said


def test_a_login_is_replaced_only_when_asked(
    environment: dict[str, str], sandbox: SandboxHandle
) -> None:
    store = open_store(environment["EXACT_ONLINE_CREDENTIALS"])
    first = Person("--paste")
    first.answer(consent(first.address()))
    before = store.get("exact-online")
    person = Person("--paste")
    code, said = person.answer("n")
    assert code == 1
    assert "Replace the login 'exact-online'" in said
    assert store.get("exact-online") == before
    person = Person("--paste", "--yes")
    assert person.answer(consent(person.address()))[0] == 0
    assert store.get("exact-online") != before
    sandbox.advance(600)
    assert build_token_source({"credentials": store.label}).access_token()


def test_what_is_missing_is_asked_for(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment:
        if name.startswith("EXACT") and "CREDENTIALS" not in name:
            monkeypatch.delenv(name)
    done = CliRunner().invoke(authorize_command, ["--paste"], input="nl\nclient-1\nhidden-1\n\n")
    assert "Country of the Exact subscription" in done.output
    assert "client_id" in done.output
    assert "hidden-1" not in done.output


@pytest.mark.usefixtures("environment")
def test_keep_alive_renews_every_login_of_the_store(
    sandbox: SandboxHandle,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CONNECTOR_FAILURES_FILE", str(tmp_path / "failures"))
    store = open_store(environment["EXACT_ONLINE_CREDENTIALS"])
    store.put("adobe-commerce", {"consumer_key": "x"})
    store.put("exact-online", sandbox.exact_config())
    store.put("dead", {**sandbox.exact_config(), "refresh_token": "stampNL001.unknown"})
    done = CliRunner().invoke(keep_alive_command, [])
    assert done.exit_code == 1
    assert done.output.count("ERROR: ") == 1
    assert "dead: " in done.output
    failures = (tmp_path / "failures").read_text().splitlines()
    told = next(one for one in map(json.loads, failures) if one["error"].startswith("dead: "))
    assert (told["program"], told["outcome"]) == ("exact-online", "stopped")
    store.delete("dead")
    store.put("exact-online", sandbox.exact_config())
    assert "renewed after 0.0 days" in CliRunner().invoke(keep_alive_command, []).output
    assert "nothing to do" in CliRunner().invoke(keep_alive_command, []).output
    sandbox.advance(26 * DAY)
    done = CliRunner().invoke(keep_alive_command, [])
    assert done.exit_code == 0
    assert "WARNING: it had not been used for 26 days" in done.output
    for secret in SECRETS:
        assert secret not in done.output


def test_doctor_tells_what_is_wrong(
    sandbox: SandboxHandle, environment: dict[str, str], tmp_path: Path
) -> None:
    store = open_store(environment["EXACT_ONLINE_CREDENTIALS"])
    config = {key: value for key, value in sandbox.exact_config().items() if key != "division"}
    store.put("new", {**config, "refresh_token": ""})
    store.put("broken", {**config, "refresh_token": "stampNL001.unknown"})
    store.put("exact-online", config)
    done = subprocess.run(
        [Path(sys.executable).with_name("connector-credentials"), "doctor"],
        env={**os.environ, "CONNECTOR_CREDENTIALS": str(tmp_path / "store")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    lines = dict(re.findall(r"^\w+ +([\w-]+): (.*)$", done.stdout, re.MULTILINE))
    assert "Nobody has logged in yet" in lines["new"]
    assert "authorize" in lines["broken"]
    assert "Carla Koppeling" in lines["exact-online"]
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr


def test_doctor_leaves_other_credentials_alone(environment: dict[str, str]) -> None:
    store = open_store(environment["EXACT_ONLINE_CREDENTIALS"])
    store.put("adobe-commerce", {"consumer_key": "x"})
    assert check(store, "adobe-commerce") is None

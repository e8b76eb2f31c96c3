"""No secret leaves the credential store: not into outputs, states, logs, files or the process list.

A whole `meltano run` at the most talkative log level, good and bad, and then a search for every
secret that was in play in every byte it left behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psutil
import pytest

from connector_credentials import generate_key, open_store
from connector_credentials.exceptions import MissingKeyError, WrongKeyError

if TYPE_CHECKING:
    from commerce_sandbox.testing import SandboxHandle

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
ADOBE_SECRETS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
EXACT_SECRETS = ("client_secret", "refresh_token")


@dataclass
class Project:
    """A Meltano project of its own, whose plugins find their secrets in a store."""

    sandbox: SandboxHandle
    folder: Path
    key: str = field(default_factory=generate_key)
    output: list[str] = field(default_factory=list)
    command_lines: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        shutil.copy(ROOT / "meltano.yml", self.folder)
        self.adobe, self.exact = self.sandbox.adobe_config(), self.sandbox.exact_config()
        self.store = open_store(str(self.folder / "store"), self.key, create=True)
        self.store.put("adobe-commerce", {name: self.adobe[name] for name in ADOBE_SECRETS})
        values = {name: self.exact[name] for name in ("client_id", *EXACT_SECRETS)}
        self.store.put("exact-online", values)

    def run(self, *command: str) -> int:
        """Run a command, watching the process list; returns its exit code."""
        environment = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "MELTANO_CLI_LOG_LEVEL": "debug",
            "LOGLEVEL": "DEBUG",
            "TAP_ADOBE_COMMERCE_LOGLEVEL": "DEBUG",
            "TARGET_EXACT_ONLINE_LOGLEVEL": "DEBUG",
            "ADOBE_BASE_URL": self.sandbox.url,
            "ADOBE_INSTANCE": "sandbox",
            "EXACT_BASE_URL": self.sandbox.url,
            "EXACT_DIVISION": str(self.exact["division"]),
            "CREDENTIALS_URL": str(self.folder / "store"),
            "LEDGER_URL": f"sqlite:///{self.folder / 'ledger.db'}",
            "RULES_FILE": str(ROOT / "examples" / "rules.yml"),
            "REPORT_FILE": str(self.folder / "report.json"),
            "CONNECTOR_KEY": self.key,
        }
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        watcher = threading.Thread(target=self._watch, args=(psutil.Process(process.pid),))
        watcher.start()
        output, _ = process.communicate(timeout=200)
        watcher.join()
        self.output.append(output)
        return process.returncode

    def _watch(self, process: psutil.Process) -> None:
        while process.is_running():
            try:
                for one in (process, *process.children(recursive=True)):
                    self.command_lines.add(" ".join(one.cmdline()))
            except psutil.Error:
                continue
            finally:
                threading.Event().wait(0.05)

    def secrets(self) -> dict[str, str]:
        """Every secret of both sides: the first ones, and every token that was ever issued."""
        found = {name: str(self.adobe[name]) for name in ADOBE_SECRETS}
        found |= {name: str(self.exact[name]) for name in EXACT_SECRETS}
        found["key of the store"] = self.key
        rows = self.sandbox.database.connection().execute("SELECT token FROM exact_tokens")
        found |= {f"token {number}": row["token"] for number, row in enumerate(rows)}
        return found

    def leaks(self) -> list[str]:
        """Where a secret can be read: the output, the process list, and every file."""
        places = {"output": "\n".join(self.output).encode()}
        places["process list"] = "\n".join(self.command_lines).encode()
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                places[str(path.relative_to(self.folder))] = path.read_bytes()
        return [
            f"{name} in {place}"
            for name, secret in self.secrets().items()
            for text in {secret, quote(secret, safe="")}
            for place, content in places.items()
            if text.encode() in content
        ]


@pytest.fixture
def project(sandbox: SandboxHandle, tmp_path: Path) -> Project:
    """Return a project for the recorded shop."""
    sandbox.set("exact.minute_limit", 1_000)
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(sandbox, folder)


def test_a_whole_run_leaves_no_secret_behind(project: Project) -> None:
    code = project.run("meltano", "run", "invoices-to-exact")
    output = project.output[0]
    assert project.sandbox.exact("salesentry/SalesEntries"), output[-3000:]
    assert code in {0, 1}  # Meltano makes one of the target's 3 when documents were parked
    assert "DEBUG" in output.upper()
    assert any("target-exact-online" in line for line in project.command_lines)
    assert (project.folder / "ledger.db").exists()
    assert (project.folder / ".meltano").is_dir()
    assert len(project.secrets()) >= 9  # the login was renewed at least once
    assert project.leaks() == []
    planted = project.store.get("exact-online")["access_token"]
    (project.folder / ".meltano" / "planted.log").write_bytes(b"\0" + planted.encode())
    assert len(project.leaks()) == 1  # the search does find what is there


@pytest.mark.parametrize(
    ("credential", "change", "said"),
    [
        (
            "adobe-commerce",
            {"consumer_secret": "wrong-secret-of-32-characters-xx"},
            "consumer_secret",
        ),
        ("exact-online", {"refresh_token": "stampNL001.unknown-token"}, "authorize"),
    ],
)
def test_a_run_that_fails_leaves_no_secret_behind(
    project: Project, credential: str, change: dict[str, Any], said: str
) -> None:
    project.store.put(credential, project.store.get(credential) | change)
    project.adobe |= change
    project.exact |= change
    assert project.run("meltano", "run", "invoices-to-exact") != 0
    assert said in project.output[0]
    assert project.leaks() == []


def test_commands_leave_no_secret_behind(project: Project) -> None:
    store = str(project.folder / "store")
    project.store.put("adobe-commerce", project.store.get("adobe-commerce") | project.adobe)
    project.store.put("exact-online", project.store.get("exact-online") | project.exact)
    assert project.run("connector-credentials", "--store", store, "list") == 0
    assert project.run("connector-credentials", "--store", store, "doctor") == 0, project.output
    assert project.run("connector-credentials", "--store", store, "export", "backup") == 0
    assert project.leaks() == []


def test_a_stolen_store_without_its_key_yields_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONNECTOR_KEY", raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    stolen = project.folder / "stolen"
    shutil.copy(project.folder / "store", stolen)
    with pytest.raises(MissingKeyError):
        open_store(str(stolen))
    with pytest.raises(WrongKeyError):
        open_store(str(stolen), generate_key())
    assert project.leaks() == []

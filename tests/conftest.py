"""The three plugins in a pipe, as real processes, against the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox.testing import select_streams
from connector_credentials import generate_key, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.testing import SandboxHandle

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
RULES = ROOT / "examples" / "rules.yml"
KEY = generate_key()


@dataclass
class Outcome:
    """How a process of the pipe ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line, parse_float=Decimal) for line in self.stdout.splitlines()]

    @property
    def messages_of_target(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]

    def records(self, stream: str | None = None) -> list[dict[str, Any]]:
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and stream in {None, message["stream"]}
        ]


@dataclass
class Pipe:
    """tap | mapper | target in one folder, with one ledger and one key."""

    sandbox: SandboxHandle
    folder: Path
    tap: dict[str, Any] = field(default_factory=dict)
    mapper: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{BIN}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(self.folder),
            "CONNECTOR_KEY": KEY,
        }

    @property
    def report(self) -> dict[str, Any]:
        path = Path(self.target["report_file"])
        report: dict[str, Any] = json.loads(path.read_text(), parse_float=Decimal)
        return report

    def command(self, program: str, config: Mapping[str, Any], *arguments: str) -> list[str]:
        path = self.folder / f"{program}.json"
        path.write_text(json.dumps(config))
        return [str(BIN / program), "--config", str(path), *arguments]

    def call(self, command: list[str], stdin: str = "", timeout: float = 120) -> Outcome:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.folder,
            env=self.environment,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def extract(self, *streams: str, state: Mapping[str, Any] | None = None) -> Outcome:
        """Run the tap on these streams."""
        discovered = self.call(self.command("tap-adobe-commerce", self.tap, "--discover"))
        assert discovered.code == 0, discovered.stderr
        catalog = select_streams(discovered.stdout, *streams)
        (self.folder / "catalog.json").write_text(json.dumps(catalog))
        arguments = ["--catalog", str(self.folder / "catalog.json")]
        if state:
            (self.folder / "state.json").write_text(json.dumps(state))
            arguments += ["--state", str(self.folder / "state.json")]
        return self.call(self.command("tap-adobe-commerce", self.tap, *arguments))

    def book(self, messages: str) -> Outcome:
        """Run the mapper on these messages."""
        return self.call(self.command("mapper-gl-rules", self.mapper), messages)

    def post(self, messages: str) -> Outcome:
        """Run the target on these messages."""
        return self.call(self.command("target-exact-online", self.target), messages)

    def run(self, *streams: str, state: Mapping[str, Any] | None = None) -> Outcome:
        """Run the whole pipe; the tap and the mapper must succeed."""
        extracted = self.extract(*streams, state=state)
        assert extracted.code == 0, extracted.stderr
        booked = self.book(extracted.stdout)
        assert booked.code == 0, booked.stderr
        return self.post(booked.stdout)


@pytest.fixture
def pipe(sandbox: SandboxHandle, tmp_path: Path) -> Pipe:
    """Return a pipe on the recorded shop with the example rules."""
    sandbox.set("exact.minute_limit", 1_000)
    folder = tmp_path / "run"
    folder.mkdir()
    credentials = f"file:{folder / 'credentials'}"
    open_store(credentials, KEY, create=True)
    return Pipe(
        sandbox,
        folder,
        tap=sandbox.adobe_config(),
        mapper={"rules_file": str(RULES)},
        target={
            **sandbox.exact_config(),
            "credentials": credentials,
            "ledger_url": f"sqlite:///{folder / 'ledger.db'}",
            "report_file": str(folder / "report.json"),
            "settle_after_seconds": 1,
            "max_wait_seconds": 5,
        },
    )

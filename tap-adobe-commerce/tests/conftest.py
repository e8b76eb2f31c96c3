"""Runs the real program against a sandbox, and reads what it wrote."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from commerce_sandbox.adobe import credentials
from commerce_sandbox.testing import SandboxHandle, select_streams
from tap_adobe_commerce.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How long an example takes says more about the machine than about the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

PROGRAM = Path(sys.executable).with_name("tap-adobe-commerce")


@dataclass
class Run:
    """What one run of the tap wrote, and how it ended."""

    code: int
    errors: str
    lines: list[str]
    messages: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.messages = [json.loads(line, parse_float=Decimal) for line in self.lines]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def keys(self, stream: str, key: str = "entity_id") -> list[int]:
        return [record[key] for record in self.records(stream)]

    def schema(self, stream: str) -> dict[str, Any]:
        schema: dict[str, Any] = next(
            message["schema"]
            for message in self.messages
            if message["type"] == "SCHEMA" and message["stream"] == stream
        )
        return schema

    @property
    def states(self) -> list[dict[str, Any]]:
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    @property
    def state(self) -> dict[str, Any]:
        return self.states[-1]

    @property
    def error_lines(self) -> list[str]:
        """Lines on stderr that are not informational."""
        return [
            line
            for line in self.errors.splitlines()
            if line and "| INFO " not in line and "| WARNING " not in line
        ]


@pytest.fixture(scope="session")
def program() -> Path:
    """The installed command."""
    return PROGRAM


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Any], Path]:
    """Write a value as a JSON file in a folder of its own."""

    def write(name: str, value: Any) -> Path:
        path = tmp_path_factory.mktemp("files") / name
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def catalog() -> Callable[..., dict[str, Any]]:
    """A catalog from discovery in which only the named streams are selected."""
    found = subprocess.run([PROGRAM, "--discover"], capture_output=True, check=True).stdout
    return functools.partial(select_streams, found)


@pytest.fixture(scope="session")
def run_program() -> Callable[..., Run]:
    """Run the program with nothing but the given arguments."""

    def run(*arguments: str | Path) -> Run:
        done = subprocess.run(
            [PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=120
        )
        return Run(done.returncode, done.stderr, done.stdout.splitlines())

    return run


@pytest.fixture(scope="session")
def run_tap(
    files: Callable[[str, Any], Path], catalog: Callable[..., dict[str, Any]]
) -> Callable[..., Run]:
    """Run the tap as a program of its own."""

    def run(
        config: dict[str, Any],
        *arguments: str,
        streams: tuple[str, ...] = ("orders", "invoices", "credit_memos"),
        state: dict[str, Any] | None = None,
        select: dict[str, Any] | None = None,
    ) -> Run:
        command = [PROGRAM, "--config", files("config.json", config)]
        command += ["--catalog", files("catalog.json", select or catalog(*streams))]
        if state is not None:
            command += ["--state", files("state.json", state)]
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=False, timeout=120
        )
        return Run(done.returncode, done.stderr, done.stdout.splitlines())

    return run


@pytest.fixture(scope="session")
def recorded(
    tmp_path_factory: pytest.TempPathFactory, run_tap: Callable[..., Run]
) -> Iterator[Run]:
    """One run over the recorded shop, for tests that only look at what came out."""
    sandbox = SandboxHandle(tmp_path_factory.mktemp("recorded"))
    yield run_tap(sandbox.adobe_config(), streams=tuple(stream.name for stream in STREAMS))
    sandbox.stop()


@pytest.fixture
def sales_only() -> dict[str, str]:
    """Settings of an integration that may read sales and nothing else."""
    return {
        part: getattr(credentials.LIMITED, part)
        for part in ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    }

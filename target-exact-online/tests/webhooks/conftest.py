"""A company, and a receiver of signals as a process of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from commerce_sandbox.adobe.credentials import IMS_CLIENT_ID
from commerce_sandbox.signals import Sender, Signer
from target_exact_online.ledger.store import Ledger
from target_exact_online.ledger.tables import signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from commerce_sandbox.signals import Signal
    from commerce_sandbox.testing import SandboxHandle


@dataclass
class Receiver:
    """A running ``webhooks serve``."""

    process: subprocess.Popen[str]
    url: str
    log: Path
    ledger_url: str

    def send(self, signal: Signal, path: str = "/exact", **options: Any) -> int | None:
        return Sender(self.url + path).send(signal, **options).status

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=20)

    def rows(self) -> list[dict[str, Any]]:
        """What is in the queue, handled or not."""
        with contextlib.closing(Ledger.open(self.ledger_url)) as ledger:
            return rows_of(ledger.engine)


def rows_of(engine: sa.Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        query = sa.select(signals).order_by(signals.c.source, signals.c.topic, signals.c.key)
        return [dict(row._mapping) for row in connection.execute(query)]


def schemes_of(sandbox: SandboxHandle) -> dict[str, Any]:
    """Settings for everything that the sandbox signs."""
    signer = Signer.of(sandbox.database)
    return {
        "exact_webhook_secret": signer.exact_secret,
        "adobe_public_key": signer.public_key("webhook"),
        "adobe_events_client_id": IMS_CLIENT_ID,
        "adobe_keys_url": sandbox.url,
    }


def start(folder: Path, config: dict[str, Any], *arguments: str, before: str = "") -> Receiver:
    """Start a receiver; `before` is Python that runs in its process first."""
    Ledger.open(config["ledger_url"], int(config["division"])).close()
    settings = folder / "receiver.json"
    settings.write_text(json.dumps(config))
    log = folder / f"receiver-{len(list(folder.glob('receiver-*.log')))}.log"
    program = f"from target_exact_online.cli import main\n{before}\nmain()"
    given = ("--config", str(settings), "webhooks", "serve", "--port", "0", *arguments)
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *given],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=folder,
        )
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said.startswith("Listening at http://127.0.0.1:"), said + log.read_text()
    return Receiver(process, said.split()[2].removesuffix(":"), log, config["ledger_url"])


def stop(receiver: Receiver) -> None:
    """End a receiver, whatever is left of it."""
    receiver.kill()
    assert receiver.process.stdout is not None
    receiver.process.stdout.close()
    assert "Traceback" not in receiver.log.read_text()


@pytest.fixture(scope="module")
def signer(running_sandbox: SandboxHandle) -> Signer:
    return Signer.of(running_sandbox.database)


@pytest.fixture(scope="module")
def settings(
    running_sandbox: SandboxHandle, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("receiver")
    ledger = {"ledger_url": f"sqlite:///{folder}/ledger.db"}
    return running_sandbox.exact_config() | schemes_of(running_sandbox) | ledger


@pytest.fixture(scope="module")
def running_receiver(
    settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    """One receiver for all tests of a module; it checks nothing by itself."""
    one = start(tmp_path_factory.mktemp("process"), settings, "--no-check")
    yield one
    stop(one)


@pytest.fixture
def receiver(running_receiver: Receiver) -> Receiver:
    """The module's receiver with an empty queue."""
    with (
        contextlib.closing(Ledger.open(running_receiver.ledger_url)) as ledger,
        ledger.engine.begin() as connection,
    ):
        connection.execute(signals.delete())
    return running_receiver


@pytest.fixture
def start_receiver(settings: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., Receiver]]:
    """Return a function that starts a receiver with a ledger of its own."""
    started: list[Receiver] = []

    def start_one(*arguments: str, before: str = "", **changes: Any) -> Receiver:
        ledger = {"ledger_url": f"sqlite:///{tmp_path}/ledger.db"}
        one = start(tmp_path, settings | ledger | changes, *arguments, before=before)
        started.append(one)
        return one

    yield start_one
    for one in started:
        stop(one)

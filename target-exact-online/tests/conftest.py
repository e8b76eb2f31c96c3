"""Records of contract 2, and the real target as a process against the sandbox."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from msgspec import structs

from commerce_sandbox.testing import SandboxHandle
from exact_online.client import ExactClient
from exact_online.hosts import base_url
from exact_online.limits import Budget
from exact_online.tokens import app_of, build_token_source, open_login
from target_exact_online import documents
from target_exact_online.cli import cli
from target_exact_online.documents.begun import Begun
from target_exact_online.documents.prepared import DocumentSettings, Found, Prepared
from target_exact_online.ledger.database import LEDGER
from target_exact_online.master_data import MasterData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import sqlalchemy as sa

AT = datetime(2026, 2, 10, 12, tzinfo=UTC)
TARGET = Path(sys.executable).with_name("target-exact-online")
SCHEMA = {"type": "object", "properties": {"document_key": {"type": "string"}}}


def make_sales_entry(number: int, **changes: Any) -> dict[str, Any]:
    """An invoice of 121.00, or a credit memo of -121.00."""
    kind = changes.get("kind", "invoice")
    sign = -1 if kind == "credit_memo" else 1
    reference = f"{number:09}"
    record: dict[str, Any] = {
        "document_key": f"shop:{kind}:{reference}",
        "your_ref": reference,
        "description": f"Order {reference}",
        "kind": kind,
        "journal": "70",
        "entry_date": "2026-02-10",
        "currency": "EUR",
        "debtor": {"code": "10"},
        "lines": [
            {
                "gl_account": "8000",
                "amount": sign * 100.00,
                "vat_code": "21",
                "vat_amount": sign * 21.00,
                "description": "Tent",
                "rule": "default",
            }
        ],
        "totals": {
            "amount": sign * 121.00,
            "vat_amount": sign * 21.00,
            "net_amount": sign * 100.00,
        },
        "rules_version": "1",
        "source": {
            "instance": "shop",
            "kind": kind,
            "increment_id": reference,
            "order_increment_id": reference,
            "created_at": "2026-02-10T10:00:00Z",
        },
    }
    record |= changes
    return record


def make_messages(stream: str, records: Iterable[dict[str, Any]], *, state_every: int = 1) -> str:
    """Singer messages: a schema, the records, and a STATE with their count now and then."""
    schema = {"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": []}
    lines = [json.dumps(schema)]
    count = 0
    for count, record in enumerate(records, start=1):
        lines.append(
            json.dumps({"type": "RECORD", "stream": stream, "record": record}, default=float)
        )
        if count % state_every == 0:
            lines.append(json.dumps({"type": "STATE", "value": {"records": count}}))
    lines.append(json.dumps({"type": "STATE", "value": {"records": count}}))
    return "\n".join(lines) + "\n"


@dataclass
class Outcome:
    """How a target process ended."""

    exit_code: int
    stdout: str
    stderr: str
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> dict[str, Any] | None:
        """The last STATE it wrote."""
        lines = self.stdout.splitlines()
        state: dict[str, Any] | None = json.loads(lines[-1]) if lines else None
        return state


class TargetProcess:
    """Starts the target with one configuration and one ledger, as often as a test likes."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder = folder
        self.config = {
            "ledger_url": f"sqlite:///{folder}/ledger.db",
            "report_file": str(folder / "report.json"),
            "settle_after_seconds": 1,
            "index_lag_seconds": 1,
            "max_wait_seconds": 5,
        } | config
        self.config_file = folder / "config.json"
        self.write()

    def write(self, **changes: Any) -> None:
        """Change settings; None removes one."""
        self.config = {k: v for k, v in (self.config | changes).items() if v is not None}
        self.config_file.write_text(json.dumps(self.config))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it; the caller feeds and ends it."""
        return subprocess.Popen(
            [TARGET, "--config", str(self.config_file), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )

    def run(self, given: str = "", *arguments: str) -> Outcome:
        """Run it to its end."""
        self._forget_report()
        with self.start(*arguments) as process:
            stdout, stderr = process.communicate(given, timeout=120)
        return Outcome(process.returncode, stdout, stderr, self._report())

    def _forget_report(self) -> None:
        Path(self.config.get("report_file", self.folder / "none")).unlink(missing_ok=True)

    def _report(self) -> dict[str, Any]:
        path = Path(self.config.get("report_file", self.folder / "none"))
        read: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        return read

    def back_up(self) -> Path:
        """Back the ledger up, as its guide says."""
        backup = self.folder / "backup.db"
        with (
            contextlib.closing(sqlite3.connect(self.folder / "ledger.db")) as live,
            contextlib.closing(sqlite3.connect(backup)) as copy,
        ):
            live.backup(copy)
        return backup

    def restore(self, backup: Path) -> None:
        """Put a backup in the ledger's place."""
        for path in self.folder.glob("ledger.db-*"):
            path.unlink()
        shutil.copy(backup, self.folder / "ledger.db")

    def call(self, *arguments: str, given: str = "") -> Outcome:
        """Run it in this process, which is faster; what it logs is left out."""
        self._forget_report()
        (self.folder / "input").write_text(given)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        prefix = ["--config", str(self.config_file), "--input", str(self.folder / "input")]
        try:
            with contextlib.chdir(self.folder):  # as in a process: the login is kept there
                result = CliRunner().invoke(cli, [*prefix, *arguments])
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr, self._report())

    def post(self, records: Iterable[dict[str, Any]], stream: str = "sales_entries") -> Outcome:
        """Post records of one stream, in a process of its own."""
        return self.run(make_messages(stream, records))

    def post_here(
        self, records: Iterable[dict[str, Any]], stream: str = "sales_entries"
    ) -> Outcome:
        """Post records of one stream in this process, which is faster."""
        return self.call(given=make_messages(stream, records))


@pytest.fixture
def sales_entry() -> Callable[..., dict[str, Any]]:
    """Return a function that makes valid records: ``sales_entry(number, **changes)``."""
    return make_sales_entry


@pytest.fixture
def messages() -> Callable[..., str]:
    """Return a function that makes Singer input: ``messages(stream, records)``."""
    return make_messages


@pytest.fixture(scope="module")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for all tests of a module, where none changes its settings."""
    handle = SandboxHandle(tmp_path_factory.mktemp("sandbox"))
    yield handle
    handle.stop()


@dataclass
class ExactCompany:
    """An Exact company without a run: a client and its master data."""

    client: ExactClient
    engine: sa.Engine
    master: MasterData

    @property
    def division(self) -> int:
        return self.master.division

    @property
    def begun(self) -> Begun:
        return Begun(self.engine)

    def prepare(
        self, record: dict[str, Any], stream: str = "sales_entries", **settings: Any
    ) -> Prepared:
        return documents.prepare(stream, record, self.master, DocumentSettings(**settings))

    def find(self, prepared: Prepared, **changes: Any) -> list[Found]:
        return documents.find(structs.replace(prepared.sent(AT), **changes), self.client)


@pytest.fixture(scope="module")
def open_exact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ExactCompany]]:
    """Return a function that opens the company of a sandbox, with a new cache each time."""
    opened: list[ExactCompany] = []
    with pytest.MonkeyPatch.context() as patch:

        def open_one(handle: SandboxHandle) -> ExactCompany:
            folder = tmp_path_factory.mktemp("company")
            patch.chdir(folder)
            config = handle.exact_config() | {"ledger_url": f"sqlite:///{folder}/ledger.db"}
            engine = LEDGER.open(config["ledger_url"])
            _, _, login = open_login(config)
            budget = Budget(engine, app_of(login).client_id)
            division = int(config["division"])
            client = ExactClient(base_url(login), division, build_token_source(config), budget)
            opened.append(ExactCompany(client, engine, MasterData.load(client, engine, division)))
            return opened[-1]

        yield open_one
    for one in opened:
        one.client.close()
        one.engine.dispose()


@pytest.fixture
def next_day(running_sandbox: SandboxHandle) -> SandboxHandle:
    """The module's sandbox on a new day: token calls are counted by the day."""
    running_sandbox.clear_faults()
    running_sandbox.clear_requests()
    running_sandbox.advance(86400)
    return running_sandbox


@pytest.fixture
def make_target(tmp_path: Path, sandbox: SandboxHandle) -> Callable[..., TargetProcess]:
    """Return a function that sets up a target for the sandbox, with a folder of its own."""
    config = sandbox.exact_config()

    def make(name: str = "target", **changes: Any) -> TargetProcess:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return TargetProcess(folder, config | changes)

    return make


@pytest.fixture
def target(make_target: Callable[..., TargetProcess]) -> TargetProcess:
    """Return a target that is set up for the sandbox."""
    return make_target()


@pytest.fixture
def postgres_ledger(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A PostgreSQL database for a new ledger, and the key it needs."""
    monkeypatch.setenv("CONNECTOR_KEY", Fernet.generate_key().decode())
    return postgres_database


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database for a new ledger, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    url: str = request.getfixturevalue("postgres_ledger")
    return url

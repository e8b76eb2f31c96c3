"""What whoever schedules a run can rely on: report, outcome, last words, status."""

from __future__ import annotations

import contextlib
import json
import random
import select
import signal
import socket
import stat
import struct
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy.engine import make_url

from exact_online.errors import ConfigError
from target_exact_online.cli import cli
from target_exact_online.ledger.faults import DAMAGED
from target_exact_online.ledger.runs import Run
from target_exact_online.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commerce_sandbox.testing import SandboxHandle

    SalesEntry = Callable[..., dict[str, Any]]

ENTRIES = "*/salesentry/SalesEntries"


def test_the_report_says_how_the_run_ended_and_is_the_owners_alone(
    target: Any, sales_entry: SalesEntry
) -> None:
    outcome = target.post_here([sales_entry(1)])
    path = Path(target.config["report_file"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert outcome.report["outcome"] == "ok"
    assert outcome.report["retry_at"] is None
    assert outcome.report["streams"] == ["sales_entries"]
    assert len(outcome.report["run_id"]) == 32
    assert [one.name for one in path.parent.glob(".report-*")] == []


def test_a_report_is_never_the_one_of_the_run_before(
    target: Any, sales_entry: SalesEntry, messages: Callable[..., str], sandbox: SandboxHandle
) -> None:
    target.post_here([sales_entry(1)])
    path = Path(target.config["report_file"])
    assert path.exists()
    sandbox.fault(ENTRIES, "latency", method="POST", seconds=2)
    with target.start() as process:
        process.stdin.write(messages("sales_entries", [sales_entry(2)]))
        process.stdin.flush()
        while not any(fault.fired for fault in sandbox.faults()):
            time.sleep(0.01)
        assert not path.exists(), "taken away when the run begins"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    report = json.loads(path.read_text())
    assert (report["exit_code"], report["outcome"]) == (143, "retry")


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"division": 999_999}, "stopped"),
        ({"ledger_url": "sqlite:////no/such/folder/ledger.db"}, "stopped"),
    ],
)
def test_what_stops_a_run_at_its_start_is_in_the_report_and_said_last(
    target: Any,
    sales_entry: SalesEntry,
    messages: Callable[..., str],
    changes: dict[str, Any],
    outcome: str,
) -> None:
    target.write(**changes)
    # More than a pipe holds: whoever writes it would be told of a closed pipe.
    given = messages("sales_entries", [sales_entry(n) for n in range(1, 2001)])
    ended = target.run(given)
    assert ended.exit_code == 1
    assert ended.report["outcome"] == outcome
    assert ended.report["error"] in ended.stderr.splitlines()[-1]
    assert ended.stdout == "", "no STATE is true"


@pytest.mark.parametrize(
    ("changes", "given", "outcome"),
    [
        ({"division": 999_999}, "", "stopped"),
        ({"division": "x"}, "", "stopped"),
        ({"refresh_token": "dead"}, "", "stopped"),
        ({"base_url": "http://127.0.0.1:9", "max_wait_seconds": 1}, "", "retry"),
        ({}, '{"type": "RECORD", "str', "retry"),  # its tap was killed
    ],
)
def test_whether_another_try_can_help_is_written_down(
    target: Any,
    sales_entry: SalesEntry,
    messages: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    given: str,
    outcome: str,
) -> None:
    failures = target.folder / "failures"
    monkeypatch.setenv("CONNECTOR_FAILURES_FILE", str(failures))
    target.write(**changes)
    ended = target.call(given=given or messages("sales_entries", [sales_entry(1)]))
    told = json.loads(failures.read_text())
    assert ended.exit_code == 1
    assert (told["program"], told["outcome"]) == ("target-exact-online", outcome)
    assert f"ERROR: {told['error']}" in ended.stderr
    assert ended.report.get("outcome", outcome) == outcome


def test_a_damaged_ledger_is_for_a_person(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = target.folder / "failures"
    monkeypatch.setenv("CONNECTOR_FAILURES_FILE", str(failures))
    Path(target.config["ledger_url"].removeprefix("sqlite:///")).write_bytes(b"none" * 5_000)
    assert target.call().exit_code == 1
    assert json.loads(failures.read_text())["outcome"] == "stopped"


@pytest.mark.parametrize("setting", [{"division": "x"}, {"fail_on": "sometimes"}])
def test_wrong_settings_let_the_tap_finish(target: Any, setting: dict[str, Any]) -> None:
    target.write(**setting)
    with target.start() as process:
        for _ in range(100):
            process.stdin.write("x" * 10_000)  # a closed pipe would raise here
        process.stdin.close()
        process.stdin = None
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "(config)." in stderr.splitlines()[-1]


def test_documents_of_another_job_fail_only_that_job(
    target: Any, sales_entry: SalesEntry, messages: Callable[..., str]
) -> None:
    unknown = sales_entry(1)
    unknown["lines"][0]["gl_account"] = "8oo0"
    parked = target.post_here([unknown])
    assert (parked.exit_code, parked.report["outcome"]) == (3, "needs_people")

    other = target.call(given=messages("accounts", []))
    assert (other.exit_code, other.report["outcome"]) == (0, "ok")
    assert other.report["still_parked"] + len(other.report["parked"]) == 1, "but it is told"

    again = target.post_here([])
    assert again.exit_code in {0, 3}
    assert target.post_here([unknown]).exit_code == 3


def test_a_day_that_is_spent_is_held_until_then(
    target: Any, sales_entry: SalesEntry, sandbox: SandboxHandle
) -> None:
    sandbox.set("exact.day_limit", 1)
    outcome = target.post_here([sales_entry(n) for n in range(1, 4)])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.report["outcome"] == "held"
    assert outcome.report["retry_at"] == outcome.report["resume_at"] is not None


def test_on_outcome_gets_the_report_and_no_login(
    target: Any, sales_entry: SalesEntry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/seen\nenv > {tmp_path}/env\necho noise\n')
    hook.chmod(0o700)
    monkeypatch.setenv("TARGET_EXACT_ONLINE_CLIENT_SECRET", "hunter2-hunter2")
    monkeypatch.setenv("CONNECTOR_KEY_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("CONNECTOR_KEY", "")
    target.write(on_outcome=str(hook))
    outcome = target.run("")
    monkeypatch.delenv("CONNECTOR_KEY_FILE")
    outcome = target.post([sales_entry(1)])
    assert outcome.exit_code == 0, outcome.stderr
    assert json.loads((tmp_path / "seen").read_text()) == outcome.report
    told = (tmp_path / "env").read_text()
    assert "hunter2" not in told
    assert "CONNECTOR_" not in told
    assert "noise" not in outcome.stdout

    target.write(on_outcome="/no/such/command")
    failed = target.post([sales_entry(2)])
    assert failed.exit_code == 0
    assert "on_outcome failed" in failed.stderr

    target.write(report_file=None)
    assert target.call().exit_code == 1


def test_the_last_line_is_cleaned(target: Any) -> None:
    target.write(on_outcome="x", report_file="/no\x1b[31m/such/re\nport")
    outcome = target.call()
    assert outcome.exit_code == 1
    assert "\x1b" not in outcome.stderr
    assert outcome.stderr.splitlines()[-1].startswith("ERROR: ")


def test_status_is_for_monitoring(target: Any, sales_entry: SalesEntry) -> None:
    assert target.call("status").exit_code == 1  # there is no ledger

    target.post_here([sales_entry(1)])
    good = target.call("status", "--json")
    assert good.exit_code == 0, good.stdout
    found = {one["check"]: one for one in map(json.loads, good.stdout.splitlines())}
    assert found["run: sales_entries"]["level"] == "ok"
    assert found["login"]["value"] > 25
    assert found["calls"]["value"] > 0

    target.post_here([sales_entry(2, lines=[])])
    parked = target.call("status")
    assert parked.exit_code == 1
    assert "documents list --state parked" in parked.stdout

    engine = sa.create_engine(target.config["ledger_url"])
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE ledger_runs SET started_at = '2026-01-01 00:00:00'"))
    engine.dispose()
    late = target.call("status", "--max-age-hours", "36")
    assert late.exit_code == 2
    assert "last good run 2026-01-01" in late.stdout


@pytest.mark.parametrize("flips", [1, 3, 30])
def test_a_damaged_ledger_ends_in_a_line_that_says_what_to_do(
    target: Any, sales_entry: SalesEntry, flips: int, tmp_path: Path
) -> None:
    target.post_here([sales_entry(n) for n in range(1, 6)])
    path = Path(target.config["ledger_url"].removeprefix("sqlite:///"))
    good = path.read_bytes()
    written = [at for at, byte in enumerate(good) if byte and at > 4096]
    chance = random.Random(flips)  # noqa: S311  # not for secrets
    told = 0
    for _ in range(12):
        damaged = bytearray(good)
        for _ in range(flips):
            damaged[chance.choice(written)] = chance.choice(b"\x00\x80\xffa-9")
        for beside in tmp_path.glob("target/ledger.db-*"):
            beside.unlink()
        path.write_bytes(damaged)
        for command in (["documents", "list"], ["audit", "verify"], ["status"], []):
            arguments = ["--config", str(target.config_file)]
            with contextlib.chdir(target.folder):
                (target.folder / "input").write_text("")
                given = [] if command else ["--input", str(target.folder / "input")]
                result = CliRunner().invoke(cli, [*arguments, *given, *command])
            assert result.exception is None or isinstance(result.exception, SystemExit)
            told += any(one in result.stderr for one in (DAMAGED[:40], "cannot be used"))
    assert told or flips == 1


class TransactionPooler:
    """Shares server connections between clients, as PgBouncer does with pool_mode=transaction."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[socket.socket] = []
        self._opened: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for one in self._opened:
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._opened.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            self._opened.append(server)
            while True:  # encryption is refused, then comes the real start
                start = _exactly(client, 4)
                start += _exactly(client, struct.unpack("!I", start)[0] - 4)
                if struct.unpack("!I", start[4:8])[0] >> 16 == 3:
                    break
                client.sendall(b"N")
            server.sendall(start)
            held: socket.socket | None = server
            while True:
                if held is not None and self._answered(held, client):
                    self._free.append(held)
                    held = None
                data = client.recv(65536)
                if not data or data[:1] == b"X":
                    return
                held = held or self._free.pop()
                held.sendall(data)

    @staticmethod
    def _answered(server: socket.socket, client: socket.socket) -> bool:
        """Pass answers on; True: no transaction is open any more."""
        while True:
            if not select.select([server, client], [], [], 30)[0]:
                raise EOFError
            if select.select([client], [], [], 0)[0] and not select.select([server], [], [], 0)[0]:
                return False  # the client has not said all of it
            head = _exactly(server, 5)
            body = _exactly(server, struct.unpack("!I", head[1:])[0] - 4)
            client.sendall(head + body)
            if head[:1] == b"Z":
                return body == b"I"


def _exactly(one: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (more := one.recv(size - len(data))):
            raise EOFError
        data += more
    return data


@pytest.fixture
def pooled(postgres_ledger: str) -> Iterator[str]:
    """The ledger's database behind a pooler."""
    Ledger.open(postgres_ledger, 1).close()
    url = make_url(postgres_ledger)
    pooler = TransactionPooler(f"{url.query['host']}/.s.PGSQL.{url.port or 5432}")
    yield url.set(host="127.0.0.1", port=pooler.port, query={}).render_as_string(
        hide_password=False
    )
    pooler.close()


def test_a_pooler_in_which_locks_have_no_owner_is_refused(
    pooled: str, postgres_ledger: str
) -> None:
    behind = sa.create_engine(make_url(pooled).set(drivername="postgresql+psycopg"))
    try:
        with behind.connect() as first, behind.connect() as second:  # both are let in
            assert first.scalar(sa.text("SELECT 1")) == second.scalar(sa.text("SELECT 1"))
        with pytest.raises(ConfigError, match="behind a pooler"):
            Run(behind)
    finally:
        behind.dispose()
    ledger = Ledger.open(postgres_ledger, 1)
    Run(ledger.engine).finish()
    ledger.close()

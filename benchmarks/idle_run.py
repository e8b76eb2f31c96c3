"""What does a run cost in which nothing is new, also while documents wait for people?

Books the recorded shop through the three installed plugins, then runs them again with the STATE
they wrote: calls to the shop and to Exact, and processor time of each plugin. Then ten documents
are parked because all lack one account, and a day passes on a virtual clock with a run each hour;
then ten more, that lack an account, a VAT code or a cost center.

    uv run benchmarks/idle_run.py [--hours 24] [--json]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import time_machine
from singer_sdk.plugin_base import _ConfigInput

from commerce_sandbox.testing import SandboxHandle, select_streams
from connector_credentials import generate_key
from target_exact_online.target import TargetExactOnline

if TYPE_CHECKING:
    from collections.abc import Sequence

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[1]
STREAMS = ("invoices", "credit_memos")
PARKED = 10
HOUR = 3600
_SCHEMA = {"type": "object", "properties": {"document_key": {"type": "string"}}}
LOGIN = "/api/oauth2/"
# What parked documents lack: each kind is looked for on its own, with growing pauses.
ONE = ({"gl_account": "8oo0"},)
THREE = (*ONE, {"vat_code": "XX"}, {"cost_center": "NONE"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ["CONNECTOR_KEY"] = generate_key()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sandbox = SandboxHandle(folder / "sandbox", "recorded")
        try:
            found = measure(sandbox, folder, options.hours)
        finally:
            sandbox.stop()
    for key, value in found.items():
        print(f"{key:30}{value}")
    if options.json:
        print(json.dumps(found))


def measure(sandbox: SandboxHandle, folder: Path, hours: int) -> dict[str, Any]:
    """Run, run again, and let a day pass."""
    sandbox.set("exact.minute_limit", None)
    run = Run(sandbox, folder)
    run.once(None)
    state = run.last_state
    sandbox.clear_requests()
    cpu = run.once(state)
    calls, requests = data_calls(sandbox), len(sandbox.requests(system="adobe"))
    if not requests or run.records:
        sys.exit(f"the second run is no idle one: {requests} requests, {run.records} records")
    found: dict[str, Any] = {
        "exact_calls": calls,
        "shop_requests": requests,
        "cpu_s": {name: round(seconds, 2) for name, seconds in cpu.items()},
        "cpu_s_of_all": round(sum(cpu.values()), 2),
    }
    found["hours"] = hours
    for name, faults in (("", ONE), ("_three_lacks", THREE)):
        found[f"parked{name}"] = run.park(faults)
        sandbox.clear_requests()
        run.hourly(hours)
        found[f"exact_calls_per_day_parked{name}"] = round(data_calls(sandbox) * 24 / hours)
    return found


def data_calls(sandbox: SandboxHandle) -> int:
    """Count the calls to Exact that its limits count: not those for tokens."""
    calls = sandbox.requests(system="exact")
    return sum(not call["path"].startswith(LOGIN) for call in calls)


class Run:
    """The three plugins in one folder, with one ledger."""

    def __init__(self, sandbox: SandboxHandle, folder: Path) -> None:
        """Prepare; nothing runs yet."""
        self.sandbox, self.folder = sandbox, folder
        self.last_state: Any = None
        self.records = 0
        self._configs = {
            "tap-adobe-commerce": sandbox.adobe_config(),
            "mapper-gl-rules": {"rules_file": str(ROOT / "examples" / "rules.yml")},
            "target-exact-online": sandbox.exact_config()
            | {"ledger_url": f"sqlite:///{folder}/ledger.db", "create_accounts": True}
            | {"credentials": f"file:{folder}/credentials"},
        }
        subprocess.run(
            [BIN / "connector-credentials", "--store", f"file:{folder}/credentials", "init"],
            check=True,
            capture_output=True,
        )
        for program, config in self._configs.items():
            (folder / f"{program}.json").write_text(json.dumps(config))
        discovered = self._call("tap-adobe-commerce", b"", "--discover")
        (folder / "catalog.json").write_text(
            json.dumps(select_streams(discovered.decode(), *STREAMS))
        )

    def once(self, state: Any) -> dict[str, float]:
        """Run the pipe and return the processor time of each plugin."""
        catalog = ["--catalog", str(self.folder / "catalog.json")]
        if state is not None:
            (self.folder / "state.json").write_text(json.dumps(state))
            catalog += ["--state", str(self.folder / "state.json")]
        given, cpu = b"", {}
        for program in self._configs:
            before = _children()
            given = self._call(program, given, *(catalog if program.startswith("tap") else ()))
            cpu[program] = _children() - before
            if program.startswith("tap"):
                self.records = given.count(b'"type":"RECORD"') + given.count(b'"type": "RECORD"')
        self.last_state = json.loads(given.splitlines()[-1])
        return cpu

    def park(self, faults: Sequence[dict[str, str]]) -> int:
        """Post documents that lack something in Exact, and return how many are parked in all."""
        records = [_document(number, faults) for number in _numbers(len(faults))]
        self._post(records)
        listed = self._call("target-exact-online", b"", "documents", "list", "--json")
        rows = [json.loads(line) for line in listed.splitlines()]
        mine = [row for row in rows if row["document_key"].startswith("idle:")]
        if {row["state"] for row in mine} != {"parked"}:
            sys.exit(f"not all are parked: {mine}")
        return len(mine)

    def hourly(self, hours: int) -> None:
        """Run with nothing new once an hour, on a clock that this process and the shop share."""
        with time_machine.travel(datetime.now(UTC), tick=True) as clock:
            for _ in range(hours):
                clock.shift(HOUR)
                self.sandbox.advance(HOUR)
                self._post([])

    def _post(self, records: list[dict[str, Any]]) -> None:
        schema = {"type": "SCHEMA", "stream": "sales_entries", "schema": _SCHEMA}
        lines = [schema | {"key_properties": []}]
        lines += [
            {"type": "RECORD", "stream": "sales_entries", "record": record} for record in records
        ]
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        config = _ConfigInput(self._configs["target-exact-online"])
        try:
            TargetExactOnline.invoke(config=config, file_input=io.StringIO(text))
        except SystemExit as ended:
            if ended.code not in {0, 3}:
                raise

    def _call(self, program: str, given: bytes, *arguments: str) -> bytes:
        command = [str(BIN / program), "--config", str(self.folder / f"{program}.json")]
        done = subprocess.run(
            [*command, *arguments], input=given, capture_output=True, cwd=self.folder, check=False
        )
        if done.returncode not in {0, 3}:
            sys.exit(f"{program} ended with {done.returncode}:\n{done.stderr.decode()[-2000:]}")
        return done.stdout


def _document(number: int, faults: Sequence[dict[str, str]]) -> dict[str, Any]:
    line = {"gl_account": "8000", "amount": 100.0, "vat_code": "21", "vat_amount": 21.0}
    return {
        "document_key": f"idle:nl:invoice:{number:09}",
        "kind": "invoice",
        "journal": "70",
        "entry_date": "2026-02-10",
        "your_ref": f"P{number:08}",
        "description": f"Parked {number}",
        "currency": "EUR",
        "debtor": {"code": "10"},
        "lines": [line | faults[number % len(faults)] | {"rule": "benchmark"}],
        "totals": {"amount": 121.0, "vat_amount": 21.0, "net_amount": 100.0},
        "rules_version": "1",
        "source": {"instance": "idle", "increment_id": f"{number:09}"},
    }


def _numbers(kind: int) -> range:
    return range(kind * PARKED, (kind + 1) * PARKED)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()

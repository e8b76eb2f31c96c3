"""What does the tap ask of the shop, and does it ask for anything twice?

Runs the tap over a generated shop: each stream alone, all three in one run, and again when nothing
has happened since. Counted at the shop: calls, and bytes of the answers. Every order, invoice and
credit memo that the shop holds must have come out; `missed` counts those that did not.

    uv run benchmarks/shop_load.py --json
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from commerce_sandbox.testing import SandboxHandle, select_streams

TAP = Path(sys.executable).with_name("tap-adobe-commerce")
TABLES = {"orders": "order", "invoices": "invoice", "credit_memos": "creditmemo"}
JOB = ("invoices", "credit_memos")  # what the hourly job reads


class Key(msgspec.Struct):
    """What is counted of a record."""

    entity_id: int


class Message(msgspec.Struct):
    """The part of a Singer message that counts here."""

    type: str
    stream: str = ""
    record: Key | None = None
    value: dict[str, Any] | None = None


class Run(msgspec.Struct):
    """What came of one run."""

    keys: dict[str, list[int]]
    state: dict[str, Any]
    requests: list[dict[str, Any]]
    received: int

    @property
    def calls(self) -> int:
        """How many calls the shop answered."""
        return len(self.requests)


class Taps:
    """Runs of the tap over one sandbox."""

    def __init__(self, sandbox: SandboxHandle, folder: Path) -> None:
        """Prepare its settings."""
        self._sandbox = sandbox
        self._folder = folder
        self._found = subprocess.run([TAP, "--discover"], capture_output=True, check=True).stdout
        self._decode = msgspec.json.Decoder(Message).decode

    def run(self, *streams: str, state: dict[str, Any] | None = None) -> Run:
        """Read some streams, from a STATE on."""
        command: list[str | Path] = [TAP]
        inputs = {
            "config": self._sandbox.adobe_config(),
            "catalog": select_streams(self._found, *streams),
            "state": state or {},
        }
        for name, content in inputs.items():
            path = self._folder / f"{name}.json"
            path.write_text(json.dumps(content))
            command += [f"--{name}", path]
        self._sandbox.clear_requests()
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            sys.exit(done.stderr.decode()[-2000:])
        keys: dict[str, list[int]] = {name: [] for name in streams}
        for line in done.stdout.splitlines():
            message = self._decode(line)
            if message.record is not None:
                keys[message.stream].append(message.record.entity_id)
            elif message.value is not None:
                state = message.value
        sizes = re.findall(rb'"http_request_count".*?"bytes":(\d+)', done.stderr)
        requests = self._sandbox.requests(system="adobe")
        return Run(keys, state or {}, requests, sum(map(int, sizes)))


def fetched_twice(run: Run) -> int:
    """Orders that were asked for by number though the run had them already."""
    asked: Counter[int] = Counter(run.keys.get("orders", []))
    for request in run.requests:
        if request["path"].endswith("/orders"):
            query = unquote(request["query"])
            listed = re.search(r"\[value\]=([\d,]+)&[^&]*\[condition_type\]=in(&|$)", query)
            asked.update(int(key) for key in listed[1].split(",")) if listed else None
    return sum(times - 1 for times in asked.values())


def measure(orders: int) -> dict[str, Any]:
    """Figures of one shop."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sandbox = SandboxHandle(folder / "sandbox", f"generated:{orders}")
        try:
            taps = Taps(sandbox, folder)
            alone = {stream: taps.run(stream) for stream in TABLES}
            together = taps.run(*TABLES)
            job = taps.run(*JOB)
            idle = taps.run(*TABLES, state=together.state)
            idle_job = taps.run(*JOB, state=job.state)
            missed = _missed(sandbox, together) + sum(
                _missed(sandbox, alone[stream], stream) for stream in TABLES
            )
        finally:
            sandbox.stop()
    result: dict[str, Any] = {"orders": orders}
    for stream, run in alone.items():
        count = len(run.keys[stream])
        result[f"requests_per_1000_{stream}"] = round(1000 * run.calls / count, 1)
        result[f"bytes_per_1000_{stream}"] = round(1000 * run.received / count)
    result["requests_all_three_per_1000_orders"] = round(1000 * together.calls / orders, 1)
    result["bytes_all_three_per_1000_orders"] = round(1000 * together.received / orders)
    result["orders_fetched_twice"] = fetched_twice(together) + fetched_twice(job)
    result["idle_shop_requests"] = max(idle.calls, idle_job.calls)
    result["emitted_by_an_idle_run"] = sum(map(len, idle.keys.values()))
    result["missed"] = missed
    return result


def _missed(sandbox: SandboxHandle, run: Run, *streams: str) -> int:
    missed = 0
    for stream in streams or TABLES:
        rows = sandbox.database.connection().execute(
            f"SELECT entity_id FROM adobe_{TABLES[stream]}"  # noqa: S608  # own names
        )
        missed += len({key for (key,) in rows} - set(run.keys[stream]))
    return missed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--orders", type=int, default=4000)
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    options = parser.parse_args()
    figures = measure(options.orders)
    for name, value in figures.items():
        print(f"{name:>36}  {value}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()

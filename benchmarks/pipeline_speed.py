"""How fast do invoices travel from the shop into Exact Online, and in how much memory?

A generated shop and an Exact company in the sandbox, their call limits lifted: first the whole
chain, tap | mapper | target, then each process alone on the same data, next to an empty plugin of
the stock Singer SDK that does nothing with what it reads. The sandbox runs on the same machine and
takes its share of it. Figures include the start of the processes.

    uv run benchmarks/pipeline_speed.py --json

Figures: `posted_per_s` (sales entries through the whole chain), `peak_mb` (the largest of the
three processes), `ratio_to_stock` (whole chain to a stock target that posts nothing), and for each
process alone its rate, memory and processor time per document (`cpu_ms`, which a busy machine
spoils least), beside the stock plugin of its kind.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from commerce_sandbox.testing import SandboxHandle, select_streams

BIN = Path(sys.executable).parent
RULES = Path(__file__).resolve().parents[1] / "examples" / "rules.yml"
STOCK_MAPPER = """
import singer_sdk.singerlib as singer
from singer_sdk.mapper_base import InlineMapper
class Stock(InlineMapper):
    name = "stock"
    config_jsonschema = {"type": "object", "properties": {}}
    def map_schema_message(self, message):
        yield singer.SchemaMessage.from_dict(message)
    def map_record_message(self, message):
        yield singer.RecordMessage.from_dict(message)
    def map_state_message(self, message):
        yield singer.StateMessage.from_dict(message)
    def map_activate_version_message(self, message):
        return ()
Stock.cli()
"""
STOCK_TARGET = """
from singer_sdk import Target
from singer_sdk.sinks import RecordSink
class Nothing(RecordSink):
    def process_record(self, record, context):
        pass
class Stock(Target):
    name = "stock"
    config_jsonschema = {"type": "object", "properties": {}}
    default_sink_class = Nothing
Stock.cli()
"""


@dataclass(frozen=True)
class Measured:
    """What one process, or the whole chain, took; memory of the largest, processor time of all."""

    seconds: float
    peak_mb: float
    cpu_seconds: float


class Bench:
    """One sandbox with one generated shop, and configurations for the three plugins."""

    def __init__(self, folder: Path, orders: int) -> None:
        """Start the sandbox and write the configurations."""
        self.folder = folder
        self.sandbox = SandboxHandle(folder / "sandbox", f"generated:{orders}")
        for name in ("minute_limit", "day_limit", "error_limit"):
            self.sandbox.set(f"exact.{name}", None)
        self.write("tap.json", self.sandbox.adobe_config())
        self.write("mapper.json", {"rules_file": str(RULES)})
        (folder / "stock_mapper.py").write_text(STOCK_MAPPER)
        (folder / "stock_target.py").write_text(STOCK_TARGET)
        found = subprocess.run(
            [BIN / "tap-adobe-commerce", "--config", folder / "tap.json", "--discover"],
            capture_output=True,
            check=True,
        )
        self.write("catalog.json", select_streams(found.stdout, "invoices"))

    def write(self, name: str, content: Any) -> None:
        """Write a JSON file."""
        (self.folder / name).write_text(json.dumps(content))

    def commands(self, ledger: str) -> dict[str, list[str | Path]]:
        """Return the three commands, the target with a ledger and a login of its own."""
        settings = {
            "ledger_url": f"sqlite:///{self.folder}/{ledger}.db",
            "report_file": f"{self.folder}/{ledger}.report",
            "create_accounts": True,
            "fail_on": "never",
        }
        self.write(f"{ledger}.json", self.sandbox.exact_config() | settings)
        return {
            "tap": [
                BIN / "tap-adobe-commerce",
                *("--config", self.folder / "tap.json"),
                *("--catalog", self.folder / "catalog.json"),
            ],
            "mapper": [BIN / "mapper-gl-rules", "--config", self.folder / "mapper.json"],
            "target": [BIN / "target-exact-online", "--config", self.folder / f"{ledger}.json"],
        }

    def chain(self, commands: list[list[str | Path]]) -> Measured:
        """Run commands as a pipe and measure the whole."""
        began = time.monotonic()
        running: list[subprocess.Popen[bytes]] = []
        source: IO[bytes] | int | None = subprocess.DEVNULL
        for number, command in enumerate(commands):
            last = number == len(commands) - 1
            process = self.start(command, source, subprocess.DEVNULL if last else subprocess.PIPE)
            if running and running[-1].stdout:
                running[-1].stdout.close()
            running.append(process)
            source = process.stdout
        used = [self.wait(process) for process in running]
        peak = max(peak for peak, _ in used)
        return Measured(time.monotonic() - began, peak, sum(cpu for _, cpu in used))

    def alone(self, command: list[str | Path], given: str | None, kept: str | None) -> Measured:
        """Run one command from a file to a file."""
        began = time.monotonic()
        with (
            (self.folder / given if given else Path(os.devnull)).open("rb") as source,
            (self.folder / kept if kept else Path(os.devnull)).open("wb") as sink,
        ):
            peak, cpu = self.wait(self.start(command, source, sink))
        return Measured(time.monotonic() - began, peak, cpu)

    def start(
        self, command: list[str | Path], source: IO[bytes] | int | None, sink: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        """Start a process; what it logs is kept for a failure."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdin=source, stdout=sink, stderr=log, cwd=self.folder)

    def wait(self, process: subprocess.Popen[bytes]) -> tuple[float, float]:
        """Wait for a process and return its peak memory in MB and its processor seconds."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit((self.folder / "log").read_text()[-2_000:])
        return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def measure(folder: Path, orders: int) -> dict[str, float]:
    """Run everything and return the figures."""
    bench = Bench(folder, orders)
    try:
        whole = bench.chain(list(bench.commands("whole").values()))
        report = json.loads((folder / "whole.report").read_text())
        posted = sum(part["documents"] for part in report["posted"])
        figures: dict[str, float] = {
            "posted": posted,
            "parked": len(report["parked"]),
            "posted_per_s": round(posted / whole.seconds),
            "peak_mb": round(whole.peak_mb),
            "cpu_ms": round(1_000 * whole.cpu_seconds / posted, 2),
        }
        commands = bench.commands("alone")
        tap = bench.alone(commands["tap"], None, "tapped")
        mapper = bench.alone(commands["mapper"], "tapped", "mapped")
        stock_mapper = bench.alone([sys.executable, folder / "stock_mapper.py"], "tapped", None)
        stock_target = bench.alone([sys.executable, folder / "stock_target.py"], "mapped", None)
    finally:
        bench.sandbox.stop()
    (folder / "other").mkdir()
    other = Bench(folder / "other", 1)  # an Exact company without these documents
    try:
        (folder / "mapped").rename(other.folder / "mapped")
        target = other.alone(other.commands("alone")["target"], "mapped", None)
    finally:
        other.sandbox.stop()
    records = posted + figures["parked"]
    figures["ratio_to_stock"] = round(figures["posted_per_s"] / (records / stock_target.seconds), 2)
    for name, own, stock in (
        ("tap", tap, None),
        ("mapper", mapper, stock_mapper),
        ("target", target, stock_target),
    ):
        figures[f"{name}_per_s"] = round(records / own.seconds)
        figures[f"{name}_mb"] = round(own.peak_mb)
        figures[f"{name}_cpu_ms"] = round(1_000 * own.cpu_seconds / records, 2)
        if stock is not None:
            figures[f"stock_{name}_per_s"] = round(records / stock.seconds)
            figures[f"stock_{name}_mb"] = round(stock.peak_mb)
            figures[f"stock_{name}_cpu_ms"] = round(1_000 * stock.cpu_seconds / records, 2)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.orders)
    for name, value in figures.items():
        print(f"{name:>22}  {value}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""How fast does the mapper book invoices, and in how much memory?

Feeds recorded-shape invoices (whole order inside, about 14 KB a line) through the installed
command, next to a stock Singer SDK mapper that only passes records on. Each process is run on
its own, on one core; the figures include reading, decoding, booking, encoding and writing.

    uv run benchmarks/mapper_speed.py [--invoices 20000] [--days 0] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "mappers" / "gl-rules" / "tests" / "data" / "recorded"
COMMAND = Path(sys.executable).with_name("mapper-gl-rules")
STOCK = """
import singer_sdk.singerlib as singer
from singer_sdk.mapper_base import InlineMapper
class Stock(InlineMapper):
    name = "stock"
    config_jsonschema = {"type": "object", "properties": {}}
    def map_schema_message(self, message_dict):
        yield singer.SchemaMessage.from_dict(message_dict)
    def map_record_message(self, message_dict):
        yield singer.RecordMessage.from_dict(message_dict)
    def map_state_message(self, message_dict):
        yield singer.StateMessage.from_dict(message_dict)
    def map_activate_version_message(self, message_dict):
        return ()
Stock.cli()
"""


def templates() -> list[tuple[str, str]]:
    """The recorded invoices as Singer lines, cut around number and date."""
    orders = {one["entity_id"]: one for one in json.loads((RECORDED / "orders.json").read_text())}
    stores = {1: "nl", 2: "de", 3: "be", 4: "intl", 5: "b2b_nl", 6: "uk"}
    cut = []
    for invoice in json.loads((RECORDED / "invoices.json").read_text()):
        store = invoice["store_id"]
        record = {
            **invoice,
            "increment_id": "@NUMBER@",
            "created_at": "@DAY@T12:00:00Z",
            "order": orders[invoice["order_id"]],
            "source": {
                "instance": "shop",
                "host": "shop.example.com",
                "store_code": stores[store],
                "website_code": {5: "b2b", 6: "uk"}.get(store, "base"),
                "timezone": "Europe/Amsterdam",
            },
        }
        line = json.dumps({"type": "RECORD", "stream": "invoices", "record": record})
        before, rest = line.split("@NUMBER@")
        if before.find("@DAY@") >= 0:
            head, tail = before.split("@DAY@")
            cut.append((head, tail, rest, True))
        else:
            middle, tail = rest.split("@DAY@")
            cut.append((before, middle, tail, False))
    return cut


def write_input(file: Path, invoices: int, days: int) -> int:
    """Write the input, spread over days of 2026; gives its size in bytes."""
    cut = templates()
    with file.open("w") as out:
        for number in range(invoices):
            first, second, third, day_first = cut[number % len(cut)]
            ordinal = number * days // invoices if days else number % 28
            day = time.strftime("%Y-%m-%d", time.gmtime(1767225600 + 86400 * ordinal))
            name = f"{number:09}"
            out.write(f"{first}{day if day_first else name}{second}")
            out.write(f"{name if day_first else day}{third}\n")
        out.write('{"type": "STATE", "value": {"bookmarks": {"invoices": {}}}}\n')
    return file.stat().st_size


def run(command: list[str], file: Path, output: Path) -> tuple[float, float]:
    """Run a mapper on one core; gives seconds of wall time and peak memory in MB."""
    with file.open() as stdin, output.open("w") as stdout:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}),  # noqa: PLW1509  # this parent has no threads
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    if status:
        sys.exit(f"{command[0]} failed")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=0, help="daily summaries over so many days")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        file = work / "input.jsonl"
        size = write_input(file, options.invoices, options.days)
        rules = (ROOT / "examples" / "rules.yml").read_text()
        config = {"rules_file": str(work / "rules.yml")}
        if options.days:
            config["days_file"] = str(work / "days.db")
            clearing = "\n  - {name: all, when: {line: document}, book: {clearing_gl: '1240'}}"
            rules = rules.replace("  journal:", "  mode: daily_journal\n  journal:", 1)
            rules = rules.replace("\nrules:", f"\nrules:{clearing}", 1)
        (work / "rules.yml").write_text(rules)
        (work / "config.json").write_text(json.dumps(config))
        (work / "stock.py").write_text(STOCK)
        ours = [str(COMMAND), "--config", str(work / "config.json")]
        seconds, memory = run(ours, file, work / "ours.jsonl")
        stock = [sys.executable, str(work / "stock.py")]
        stock_seconds, stock_memory = run(stock, file, work / "stock.jsonl")
        with (work / "ours.jsonl").open() as lines:
            streams = [json.loads(line).get("stream") for line in lines]
    figures = {
        "invoices": options.invoices,
        "bytes_per_record": size // options.invoices,
        "invoices_per_s": round(options.invoices / seconds),
        "peak_mb": round(memory, 1),
        "stock_invoices_per_s": round(options.invoices / stock_seconds),
        "stock_peak_mb": round(stock_memory, 1),
        "ratio_to_stock": round(stock_seconds / seconds, 2),
        "sales_entries": streams.count("sales_entries"),
        "journal_entries": streams.count("general_journal_entries"),
        "refused": streams.count("refused_documents"),
    }
    for name, value in figures.items():
        print(f"{name:22}{value:>12}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""How fast does the mapper book invoices, and in how much memory?

Feeds recorded-shape invoices (whole order inside, about 14 KB a line) through the installed
command, next to a stock Singer SDK mapper that only passes records on. Each process is run on
its own, on one core; the figures include reading, decoding, booking, encoding and writing.

    uv run benchmarks/mapper_speed.py [--invoices 20000] [--days 0] [--no-stock] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "mappers" / "gl-rules" / "tests" / "data" / "recorded"
FIRST_DAY = 1767225600  # 2026-01-01
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


def templates() -> list[tuple[str, str, str, bool]]:
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


def write_input(out: TextIO, invoices: int, days: int) -> None:
    """Write the input, spread over days of 2026."""
    cut = templates()
    for number in range(invoices):
        first, second, third, day_first = cut[number % len(cut)]
        ordinal = number * days // invoices if days else number % 28
        day = time.strftime("%Y-%m-%d", time.gmtime(FIRST_DAY + 86400 * ordinal))
        name = f"{number:09}"
        out.write(f"{first}{day if day_first else name}{second}")
        out.write(f"{name if day_first else day}{third}\n")
    out.write('{"type": "STATE", "value": {"bookmarks": {"invoices": {}}}}\n')


def run(
    command: list[str], options: argparse.Namespace, output: Path
) -> tuple[float, float, float]:
    """Run a mapper on one core, fed by a pipe; gives seconds of wall and CPU time and peak MB."""
    write = [sys.executable, __file__, "--write", str(options.invoices), str(options.days)]
    feeder = subprocess.Popen(write, stdout=subprocess.PIPE)
    core = {max(os.sched_getaffinity(0))}
    with output.open("w") as stdout:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=feeder.stdout, stdout=stdout, stderr=subprocess.DEVNULL
        )
        os.sched_setaffinity(process.pid, core)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    feeder.wait()
    if status:
        sys.exit(f"{command[0]} failed")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def configure(work: Path, days: int) -> Path:
    """Write rules and configuration; gives the configuration's path."""
    rules = (ROOT / "examples" / "rules.yml").read_text()
    config = {"rules_file": str(work / "rules.yml")}
    if days:
        clearing = "\n  - {name: all, when: {line: document}, book: {clearing_gl: '1240'}}"
        rules = rules.replace("  journal:", "  mode: daily_journal\n  journal:", 1)
        rules = rules.replace("\nrules:", f"\nrules:{clearing}", 1)
    (work / "rules.yml").write_text(rules)
    (work / "config.json").write_text(json.dumps(config))
    return work / "config.json"


def count(output: Path) -> Counter[str]:
    """Count the records by stream."""
    found: Counter[str] = Counter()
    with output.open() as lines:
        for line in lines:
            message = json.loads(line)
            if message["type"] == "RECORD":
                found[message["stream"]] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=0, help="daily summaries over so many days")
    parser.add_argument("--no-stock", action="store_true", help="leave the comparison out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_input(sys.stdout, *options.write)
        return
    figures: dict[str, float] = {"invoices": options.invoices}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        config = configure(work, options.days)
        ours = [str(COMMAND), "--config", str(config)]
        seconds, cpu, memory = run(ours, options, work / "ours.jsonl")
        found = count(work / "ours.jsonl")
        figures |= {
            "invoices_per_s": round(options.invoices / seconds),
            "invoices_per_cpu_s": round(options.invoices / cpu),
            "peak_mb": round(memory, 1),
        }
        if not options.no_stock:
            (work / "stock.py").write_text(STOCK)
            stock = [sys.executable, str(work / "stock.py")]
            stock_seconds, stock_cpu, stock_memory = run(stock, options, work / "stock.jsonl")
            figures |= {
                "stock_invoices_per_s": round(options.invoices / stock_seconds),
                "stock_invoices_per_cpu_s": round(options.invoices / stock_cpu),
                "stock_peak_mb": round(stock_memory, 1),
                "ratio_to_stock": round(stock_seconds / seconds, 2),
            }
    figures |= {
        "sales_entries": found["sales_entries"],
        "summary_documents": found["summary_documents"],
        "refused": found["refused_documents"],
    }
    for name, value in figures.items():
        print(f"{name:22}{value:>12}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()

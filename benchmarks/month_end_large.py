"""How long does the report of a large month take, and how much memory?

A few hundred documents are really posted and mirrored. Their rows in the ledger and in the mirror,
and their messages of the shop, are then copied under other numbers, until the month is large. One
process compares it without a call, and writes page, spreadsheet and JSON.

    uv run benchmarks/month_end_large.py [--documents 100000] [--folder DIR] [--json]

Figures: `report_seconds` and `report_peak_mb` of that process, `html_mb`, `xlsx_mb`, and what it
says: `findings`, `unexplained`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import month_end_offline
import sqlalchemy as sa
from month_end_books import IN_MEMORY, Bench, messages, record, watched
from month_end_offline import AFTER

from commerce_sandbox.testing import SandboxHandle
from target_exact_online.ledger.store import Ledger
from target_exact_online.ledger.tables import documents, postings
from target_exact_online.month_end.tables import exact_lines

POSTED = 250
_RENAMED = ("document_key", "your_ref", "order_number", "sent", "reference", "payment_reference")
_GUIDS = ("exact_id", "entry_id", "id")
_NUMBERS = ("exact_number", "entry_number")


def copied(row: dict[str, Any], copy: int) -> dict[str, Any]:
    """Return a row of the ledger or of the mirror under the numbers of a copy."""
    new = dict(row)
    for name in _RENAMED:
        if new.get(name):
            new[name] = new[name].replace("00000", f"{copy:05}", 1 if name != "sent" else -1)
    for name in _GUIDS:
        if new.get(name):
            new[name] = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{copy}/{new[name].lower()}"))
    for name in _NUMBERS:
        if new.get(name):
            new[name] = f"{copy}{new[name]}"
    return new


def enlarge(ledger: Ledger, copies: int) -> None:
    """Copy the rows of the ledger and of the mirror."""
    for table in (documents, postings, exact_lines):
        with ledger.engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
        for copy in range(1, copies):
            with ledger.engine.begin() as connection:
                connection.execute(table.insert(), [copied(row, copy) for row in rows])


def run(count: int, folder: Path) -> dict[str, Any]:
    """Make a large month, and measure its report."""
    sandbox = SandboxHandle(folder / "sandbox", "empty")
    sandbox.set_clock(AFTER)
    bench, rng = Bench(folder, sandbox), random.Random(5)  # noqa: S311  # a simulation
    try:
        days = [date(2026, 10, 1 + number % 31) for number in range(POSTED)]
        made = [("sales_entries", record(n, day, rng)) for n, day in enumerate(days, 1)]
        bench.post(made)
        bench.compare("2026-10")  # the mirror is filled
    finally:
        sandbox.stop()
    copies = count // POSTED
    ledger = Ledger.open(bench.config["ledger_url"])
    enlarge(ledger, copies)
    ledger.close()
    base = messages(made)
    with (folder / "shop").open("w") as file:
        file.write(base)
        records = [line for line in base.splitlines() if '"RECORD"' in line]
        for copy in range(1, copies):
            for line in records:
                file.write(line.replace("00000", f"{copy:05}") + "\n")
    return {"documents": copies * POSTED} | _measured(folder)


def _measured(folder: Path) -> dict[str, Any]:
    seconds, peak = watched([sys.executable, month_end_offline.__file__, str(folder)])
    told = json.loads((folder / "told").read_text())
    sizes = {f"{name}_mb": (folder / name).stat().st_size / 1e6 for name in ("html", "xlsx")}
    return {
        "report_seconds": round(seconds, 1),
        "report_peak_mb": round(peak),
        **{name: round(size, 1) for name, size in sizes.items()},
        **told,
    }


def main() -> int:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, default=IN_MEMORY if IN_MEMORY.is_dir() else None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="month-end-", dir=options.folder) as folder:
        figures = run(options.documents, Path(folder))
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:24} {value}")
    return int(bool(figures["findings"] or figures["unexplained"] != "0.00"))


if __name__ == "__main__":
    sys.exit(main())

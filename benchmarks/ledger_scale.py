"""What does a ledger of a million documents cost, compared with an empty one?

Makes a ledger of posted documents of two years (single entries, documents of daily summaries with
their entries, orders, some that changed after posting), whose chain verifies, and measures on it:

- `run_overhead_cpu_s`: processor time of a run that gets nothing, minus that on an empty ledger
- `verify_mb`: peak memory of `audit verify`; `verify_s`: how long it takes
- `list_ms`: `documents list` of one month, query and rendering
- `show_ms`: `documents show` of one document
- `anonymise_mb`: peak memory of `anonymise` for the oldest 20,000 documents (or all, if fewer)

Bars: `run_overhead_cpu_s` 0.5, `verify_mb` 100, `list_ms` 300.

    uv run benchmarks/ledger_scale.py [--documents 1000000] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click.testing
import psutil

from commerce_sandbox.testing import SandboxHandle
from target_exact_online.cli import cli
from target_exact_online.ledger import chain, payload
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.postings import postings_of
from target_exact_online.ledger.rows import SUMMARY_STREAM, Document, describe, summary_of
from target_exact_online.ledger.store import Ledger
from target_exact_online.ledger.tables import documents, postings

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = Path(sys.executable).with_name("target-exact-online")
DIVISION = 123456
FIRST_DAY = date(2024, 1, 1)
DAYS = 720
MONTH = "2024-12"
DOCUMENTS = 1_000_000
PAGE = 5_000
OLDEST = 20_000
RUNS = 3
_EMPTY: dict[str, Any] = dict.fromkeys(column.name for column in documents.c)


def make_ledger(url: str, number: int) -> None:
    """Make a ledger of so many posted documents."""
    ledger = Ledger.open(url, DIVISION)
    try:
        made = _documents(number)
        while page := list(itertools.islice(made, PAGE)):
            _write(ledger, page)
    finally:
        ledger.close()


def key_of(place: int) -> str:
    """Return the key of a document."""
    return f"shop:default:{_kind(place)}:{place:09}"


def _kind(place: int) -> str:
    """Return what a document is: 2 in 5 belong to a day's entry, 1 in 10 is an order."""
    return {0: "order", 1: "credit_memo"}.get(place % 10, "invoice")


def _stream(place: int) -> str:
    return {"order": "sales_orders"}.get(
        _kind(place),
        SUMMARY_STREAM if place % 10 > 5 else "sales_entries",  # noqa: PLR2004
    )


def _documents(number: int) -> Iterator[Document]:
    for place in range(number):
        day = FIRST_DAY + timedelta(days=place * DAYS // number)
        yield Document.of(_stream(place), _record(place, day.isoformat()), DIVISION)


def _record(place: int, day: str) -> dict[str, Any]:
    stream, kind = _stream(place), _kind(place)
    net = Decimal(place % 90_000 + 100) / 100 * (-1 if kind == "credit_memo" else 1)
    vat = (net * Decimal("0.21")).quantize(Decimal("0.01"))
    reference = f"{place:09}"
    line: dict[str, Any] = {
        "gl_account": "8000",
        "amount": net,
        "vat_code": "21",
        "vat_amount": vat,
    }
    line |= {"cost_center": "WEB", "description": "Tent", "rule": "default", "supply": "domestic"}
    record = {
        "document_key": key_of(place),
        "your_ref": reference,
        "description": f"Order {reference}",
        "currency": "EUR",
        "kind": kind,
        "journal": "70",
        "order_date" if kind == "order" else "entry_date": day,
        "debtor": {
            "match": {"email": f"customer{place % 50_000}@example.com"},
            "create": {"name": f"Customer {place % 50_000}", "country": "NL", "city": "Utrecht"},
        },
        "lines": [line],
        "totals": {"amount": net + vat, "vat_amount": vat, "net_amount": net},
        "rules_version": "1",
        "source": {
            "instance": "shop",
            "kind": kind,
            "increment_id": reference,
            "order_increment_id": reference,
            "store_code": "default",
            "entity_id": place,
            "created_at": f"{day}T10:00:00Z",
        },
    }
    if stream == SUMMARY_STREAM:
        record["summary"] = {
            "instance": "shop", "store": "default", "day": day, "time_zone": "Europe/Amsterdam",
            "closes_at": f"{day}T23:00:00Z", "journal": "90", "method": "",
        }  # fmt: skip
    return record


def _write(ledger: Ledger, page: list[Document]) -> None:
    """Write documents with their events and postings as the ledger itself would, many at once."""
    rows, lines, happened = [], [], []
    with ledger.engine.begin() as connection:
        seq, _ = chain.lock_head(connection)
        for document in page:
            row = _row(ledger, document)
            booked = postings_of(document, (int(row["entry_date"][:4]), 1), row["entry_date"])
            row["postings_hash"] = chain.postings_hash(ledger.keys, booked) if booked else None
            lines += booked
            for kind in ("held", "sending", "posted"):
                seq += 1
                told: dict[str, Any] = {"run": "r" * 32, "state": kind, "stream": document.stream}
                told |= {"division": DIVISION, "payload_hash": document.payload_hash}
                happened.append(Event(kind, document.document_key, told))
            row["last_seq"] = seq
            # Events in between carry no fingerprint here: only the last one is compared.
            told["facts"] = chain.facts_of(ledger.keys, row)
            rows.append(row)
        connection.execute(documents.insert(), rows)
        connection.execute(postings.insert(), lines)
        chain.append(connection, ledger.keys, happened)


def _row(ledger: Ledger, document: Document) -> dict[str, Any]:
    place = int(document.record["your_ref"])
    told = describe(document)
    at = datetime.fromisoformat(f"{told['entry_date']}T10:00:00+00:00")
    at += timedelta(milliseconds=place % 1_000)
    own = {
        "document_key": document.document_key,
        "payload": ledger.keys.encrypt(payload.encode(document.record)),
        "state": "posted",
        "may_be_in_exact": False,
        "by_person": False,
        "attempts": 1,
        "exact_id": str(UUID(int=place)),
        "exact_number": str(70_000_000 + place),
        "period_year": int(told["entry_date"][:4]),
        "period_no": int(told["entry_date"][5:7]),
        "sent_at": at,
        "answered_at": at,
        "created_at": at,
        "updated_at": at,
        "sent": json.dumps({"reference": told["your_ref"], "journal": "70"}),
    }
    if document.stream == SUMMARY_STREAM:
        day = told["entry_date"]
        own |= {"sent": None, "answered_at": None, "exact_id": None}
        own |= {"summary_key": f"shop:default:day:{day}-EUR"}
    if place % 100 == 5:  # noqa: PLR2004  # one in a hundred changed after it was posted
        newer = payload.encode(document.record | {"your_ref": "changed"})
        own |= {"newer_payload": ledger.keys.encrypt(newer), "newer_stream": document.stream}
        own |= {"newer_hash": "0" * 64}
    return _EMPTY | told | summary_of(document) | own


# Measuring


def run_cpu_seconds(config: Path) -> float:
    """Return the processor time of a run that gets nothing, the least of a few."""
    found = []
    for _ in range(RUNS):
        before = os.times()
        done = subprocess.run(
            [TARGET, "--config", config],
            input="",
            capture_output=True,
            text=True,
            check=False,
            cwd=config.parent,
        )
        after = os.times()
        if done.returncode:
            sys.exit(f"The run failed:\n{done.stderr[-2_000:]}")
        found.append(
            after.children_user + after.children_system
            - before.children_user - before.children_system
        )  # fmt: skip
    return min(found)


def command_peak_mb(config: Path, *arguments: str) -> tuple[float, float]:
    """Return the peak memory of a command (MB) and how long it took (s)."""
    began = time.monotonic()
    with subprocess.Popen(
        [TARGET, "--config", config, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=config.parent,
    ) as process:
        # Not the usage that the system reports at its end: that begins with this process's own.
        watched, peak = psutil.Process(process.pid), 0
        while process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                peak = max(peak, watched.memory_info().rss)
            time.sleep(0.02)
        said = process.stderr.read() if process.stderr else b""
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{said.decode()[-2_000:]}")
    return peak / 2**20, time.monotonic() - began


def command_ms(config: Path, *arguments: str) -> float:
    """Return how long a command takes in this process (ms), the middle of a few."""
    found = []
    for _ in range(5):
        runner = click.testing.CliRunner()
        began = time.perf_counter()
        result = runner.invoke(cli, ["--config", str(config), *arguments])
        found.append(1_000 * (time.perf_counter() - began))
        if result.exit_code:
            sys.exit(f"{' '.join(arguments)} failed:\n{result.output[-2_000:]}")
    return statistics.median(found)


def measure(folder: Path, number: int) -> dict[str, float]:
    """Make both ledgers and measure."""
    sandbox = SandboxHandle(folder / "sandbox", "empty")
    try:
        settings = sandbox.exact_config()
        configs = {}
        for name in ("empty", "full"):
            configs[name] = folder / f"{name}.json"
            url = f"sqlite:///{folder}/{name}.db"
            configs[name].write_text(json.dumps(settings | {"ledger_url": url}))
        began = time.monotonic()
        if not (folder / "full.db").exists():
            make_ledger(f"sqlite:///{folder}/full.db", number)
        made = time.monotonic() - began
        size = (folder / "full.db").stat().st_size
        run_cpu_seconds(configs["empty"])  # the first run makes the ledger and logs in
        over = run_cpu_seconds(configs["full"]) - run_cpu_seconds(configs["empty"])
        full = configs["full"]
        key = key_of(number // 2)
        verify_mb, verify_s = command_peak_mb(full, "audit", "verify")
        figures = {
            "documents": number,
            "made_s": made,
            "ledger_mb": size / 2**20,
            "run_overhead_cpu_s": max(over, 0.0),
            "verify_mb": verify_mb,
            "verify_s": verify_s,
            "list_ms": command_ms(full, "documents", "list", "--month", MONTH),
            "list_division_ms": command_ms(
                full, "documents", "list", "--month", MONTH, "--division", str(DIVISION)
            ),
            "list_state_ms": command_ms(
                full, "documents", "list", "--month", MONTH, "--state", "parked"
            ),
            "list_changed_ms": command_ms(full, "documents", "list", "--changed"),
            "list_order_ms": command_ms(full, "documents", "list", "--order", f"{number // 2:09}"),
            "show_ms": command_ms(full, "documents", "show", key),
        }
        figures["anonymise_mb"], figures["anonymise_s"] = command_peak_mb(
            full, "anonymise", "--older-than-days", str(_age(number))
        )
        return {name: round(value, 3) for name, value in figures.items()}
    finally:
        sandbox.stop()


def _age(number: int) -> int:
    """Return the days beyond which the oldest documents are."""
    day = FIRST_DAY + timedelta(days=min(OLDEST, number) * DAYS // number)
    return (datetime.now(UTC).date() - day).days


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--folder", type=Path, help="where the ledger is kept and used again")
    parser.add_argument("--json", action="store_true", help="only the figures, as one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:
        folder = options.folder or Path(own)
        folder.mkdir(exist_ok=True)
        figures = measure(folder, options.documents)
    if not options.json:
        for name, value in figures.items():
            print(f"{name:<20}{value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""Does the tap of Exact read everything once, in few calls, while others write and it is killed?

A company with many transaction lines is read by the real program, which is killed in the middle
several times, beside a thread that changes, adds and deletes lines. Then a few lines are read by a
tap that somebody else has published (see `independent_clients.py`) and by ours.

    uv run benchmarks/exact_reader.py [--rows 1000000] [--kills 3] [--no-beside] [--json]

`calls_per_1000_rows` (bar 1.02) is of one undisturbed run over `rows`. `missing` (bar 0) are lines
that Exact has and the copy has not, or in another version, after kills and writes. `repeated` are
rows that came twice in the same version, `repeated_pages` how many pages a kill cost (bar 1).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import psutil
from independent_clients import MILD, PACKAGES, Witness, install

from commerce_sandbox.exact import store
from commerce_sandbox.exact.credentials import DIVISION, guid
from commerce_sandbox.testing import SandboxHandle, select_streams
from connector_credentials import generate_key, open_store

TAP = Path(sys.executable).with_name("tap-exact-online")
STORED = "financialtransaction/TransactionLines"
PAGE = 1_000
_LINES = "TransactionLines"
CHUNK = 20_000
FIELDS = (
    "EntryID", "EntryNumber", "JournalCode", "LineNumber", "Type", "Status", "Date",
    "FinancialYear", "FinancialPeriod", "GLAccountCode", "AmountDC", "AmountFC", "Currency",
    "ExchangeRate", "VATCode", "CostCenter", "YourRef", "Description", "Modified",
    "_sdc_deleted_at",
)  # fmt: skip


def line(number: int, chance: random.Random) -> dict[str, Any]:
    """Make a line of the books."""
    amount = chance.randrange(1, 10**7) / 100
    return {
        "ID": f"{number:08x}-0000-4000-a000-{number:012x}",
        "EntryID": f"{number // 3:08x}-0000-4000-b000-{number // 3:012x}",
        "EntryNumber": 26_700_000 + number // 3,
        "JournalCode": "70",
        "LineNumber": number % 3,
        "Type": 20,
        "Status": 20,
        "Date": "2026-11-02T00:00:00",
        "FinancialYear": 2026,
        "FinancialPeriod": 11,
        "GLAccount": guid(DIVISION, "financial/GLAccounts", "8000"),
        "AmountDC": amount,
        "AmountFC": amount,
        "Currency": "EUR",
        "ExchangeRate": 0.8765432,
        "YourRef": f"{number:09}",
        "Description": "Tea",
    }


def book(sandbox: SandboxHandle, count: int) -> None:
    """Fill the books."""
    chance = random.Random(15)  # noqa: S311  # repeatable
    for start in range(0, count, CHUNK):
        rows = [line(number, chance) for number in range(start, min(start + CHUNK, count))]
        with sandbox.database.transaction() as connection:
            store.insert(connection, STORED, DIVISION, rows, sandbox.now().isoformat()[:19])


@dataclass
class Writers:
    """People and programs that write while the tap reads."""

    sandbox: SandboxHandle
    rows: int
    made: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to write."""
        self._thread = threading.Thread(target=self._write)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop writing."""
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _write(self) -> None:
        chance = random.Random(16)  # noqa: S311  # repeatable
        while not self._ended.wait(0.05):
            at = self.sandbox.now().isoformat()[:19]
            with self.sandbox.database.transaction() as connection:
                for _ in range(5):
                    key = line(chance.randrange(self.rows), chance)["ID"]
                    row = store.get(connection, STORED, DIVISION, key)
                    if row is not None:
                        row["AmountDC"] = chance.randrange(1, 10**7) / 100
                        store.update(connection, STORED, row, at)
                self.made += 1
                fresh = line(self.rows + self.made, chance)
                store.insert(connection, STORED, DIVISION, [fresh], at)
                gone = line(chance.randrange(self.rows), chance)["ID"]
                if store.get(connection, STORED, DIVISION, gone) is not None:
                    by = {"DeletedBy": gone, "DeletedDate": at}
                    store.delete(connection, STORED, DIVISION, [gone], by)


@dataclass
class Copy:
    """What a target that merges by key has, and what came how often."""

    versions: dict[str, int] = field(default_factory=dict)
    sent: Counter[tuple[str, int]] = field(default_factory=Counter)
    counts: bool = True
    state: dict[str, Any] = field(default_factory=dict)
    rows: int = 0
    digits: Decimal = Decimal(0)

    def take(self, text: bytes) -> None:
        """Take one line of the tap's output."""
        message = json.loads(text, parse_float=Decimal)
        if message["type"] == "STATE":
            self.state = message["value"]
        if message["type"] != "RECORD":
            return
        record = message["record"]
        self.rows += 1
        if self.counts:
            self.sent[record["ID"], record["Timestamp"]] += 1
        if record.get("_sdc_deleted_at"):
            self.versions.pop(record["ID"], None)
            return
        self.versions[record["ID"]] = record["Timestamp"]
        self.digits += record["AmountDC"]


class Reader:
    """Runs the real program against one sandbox."""

    def __init__(self, sandbox: SandboxHandle, folder: Path) -> None:
        """Make a login in a store, and a catalog of the lines."""
        self.sandbox, self.folder = sandbox, folder
        for name in ("minute_limit", "day_limit", "error_limit"):
            sandbox.set(f"exact.{name}", None)
        os.environ["CONNECTOR_KEY"] = generate_key()
        config = sandbox.exact_config()
        division = config.pop("division")
        logins = open_store(str(folder / "store"), create=True)
        logins.put("exact-online", config)
        self.config = {
            "credentials": logins.label,
            "division": division,
            "limits_url": f"sqlite:///{folder}/limits.db",
            "max_calls_per_minute": 10**9,
        }
        found = subprocess.run([TAP, "--discover"], capture_output=True, check=True).stdout
        self.catalog = select_streams(found, "transaction_lines")
        (stream,) = [one for one in self.catalog["streams"] if one["stream"] == "transaction_lines"]
        for part in stream["metadata"]:
            if part["breadcrumb"]:
                part["metadata"]["selected"] = part["breadcrumb"][-1] in FIELDS
        self.peak = 0

    def run(self, copy: Copy, kill_after: int | None = None) -> int:
        """Read on from the copy's STATE, perhaps until killed; returns how it ended."""
        paths = {}
        for name, value in (("config", self.config), ("catalog", self.catalog),
                            ("state", copy.state)):  # fmt: skip
            paths[name] = self.folder / f"{name}.json"
            paths[name].write_text(json.dumps(value), encoding="utf-8")
        command = [TAP, *(word for name in paths for word in (f"--{name}", paths[name]))]
        with (
            (self.folder / "log").open("ab") as log,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process,
        ):
            assert process.stdout is not None  # noqa: S101  # it was asked for
            watched = psutil.Process(process.pid)
            for number, text in enumerate(process.stdout, 1):
                if number == kill_after:
                    process.kill()
                if text.endswith(b"\n"):
                    copy.take(text)
                if not number % PAGE and process.poll() is None:
                    self.peak = max(self.peak, watched.memory_info().rss)
        return process.returncode

    def calls(self) -> int:
        """Calls for data so far."""
        return len(self.sandbox.requests(system="exact", path="/api/v1/*"))


def there(sandbox: SandboxHandle) -> dict[str, int]:
    """What Exact has: versions by key."""
    table = store.TABLES[STORED].name
    found = sandbox.database.connection().execute(
        f"SELECT id, version FROM {table} WHERE division = ?",  # noqa: S608  # our own name
        (DIVISION,),
    )
    return {row[0]: row[1] for row in found}


def undisturbed(reader: Reader) -> dict[str, Any]:
    """Read everything once, and once more when nothing has changed."""
    copy = Copy(counts=False)
    began, calls = time.monotonic(), reader.calls()
    code = reader.run(copy)
    took, calls = time.monotonic() - began, reader.calls() - calls
    rows, before = copy.rows, reader.calls()
    code = code or reader.run(copy)
    return {
        "rows": rows,
        "calls": calls,
        "calls_per_1000_rows": round(calls / rows * 1_000, 4),
        "calls_when_equal": reader.calls() - before,
        "rows_per_s": round(rows / took),
        "seconds": round(took, 1),
        "failed": code,
        "missing_undisturbed": len(there(reader.sandbox).items() - copy.versions.items()),
    }


def disturbed(reader: Reader, rows: int, kills: int) -> dict[str, Any]:
    """Read while others write, and be killed in between; then read what changed last."""
    copy = Copy()
    chance = random.Random(17)  # noqa: S311  # repeatable
    killed = 0
    with Writers(reader.sandbox, rows) as writers:
        for _ in range(kills):
            killed += reader.run(copy, chance.randrange(1, max(rows // kills, 2))) != 0
        code = reader.run(copy)
    code = code or reader.run(copy)
    repeated = sum(times - 1 for times in copy.sent.values())
    has = there(reader.sandbox)
    return {
        "written_meanwhile": writers.made * 7,
        "kills": killed,
        "missing": len(has.items() - copy.versions.items()),
        "too_many": len(copy.versions.keys() - has.keys()),
        "repeated": repeated,
        "repeated_pages": round(repeated / PAGE / max(killed, 1), 2),
        "failed_disturbed": code,
    }


class Heard(Witness):
    """A client of others, and the amounts of the lines that it wrote."""

    def __init__(self, sandbox: SandboxHandle, folder: Path) -> None:
        """Log in."""
        super().__init__(sandbox, folder)
        self.amounts: list[Decimal] = []

    def _run(self, *command: object, **environment: str) -> str:
        output = super()._run(*command, **environment)
        for text in output.splitlines():
            if text.startswith("{") and '"RECORD"' in text:
                message = json.loads(text, parse_float=Decimal)
                for name, value in message["record"].items():
                    if name.replace("_", "").casefold() == "amountdc" and value is not None:
                        self.amounts.append(Decimal(str(value)))
        return output


def beside(folder: Path, rows: int, package: str) -> dict[str, Any]:
    """Let somebody else's tap read the same lines; ours reads them, too."""
    sandbox = SandboxHandle(folder / "beside", "empty")
    try:
        book(sandbox, rows)
        for setting, value in MILD.items():
            sandbox.set(setting, value)
        reader = Reader(sandbox, folder)
        reader.catalog = select_streams(json.dumps(reader.catalog), "transaction_lines")
        exact = sum((Decimal(str(row["AmountDC"])) for row in sandbox.exact(STORED)), Decimal(0))
        ours = Copy()
        sandbox.clear_requests()
        reader.run(ours)
        figures: dict[str, Any] = {
            "ours": {
                "rows": ours.rows,
                "calls": reader.calls(),
                "digits_kept": ours.digits == exact,
            }
        }
        programs, why = install(package)
        if programs is None:
            return figures | {package: {"not_installed": why}}
        witness = Heard(sandbox, folder)
        witness.told(package, programs)
        calls = [one for one in sandbox.requests(system="exact") if _LINES in one["path"]]
        figures[package] = {
            "version": PACKAGES[package],
            "rows": len(witness.amounts),
            "calls": len(calls),
            "refused": sum(one["status"] != 200 for one in calls),  # noqa: PLR2004
            "digits_kept": bool(witness.amounts) and sum(witness.amounts) == exact,
            "ended_with": dict(witness.said),
        }
        return figures
    finally:
        sandbox.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--disturbed-rows", type=int, default=100_000)
    parser.add_argument("--beside", choices=PACKAGES, default="tap-exact")
    parser.add_argument("--no-beside", action="store_true")
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="exact-reader-") as name:
        for part, rows in (("undisturbed", options.rows),
                           ("disturbed", options.disturbed_rows)):  # fmt: skip
            folder = Path(name) / part
            folder.mkdir()
            sandbox = SandboxHandle(folder / "sandbox", "empty")
            try:
                book(sandbox, rows)
                reader = Reader(sandbox, folder)
                if part == "undisturbed":
                    figures |= undisturbed(reader)
                else:
                    figures |= {"disturbed_rows": rows} | disturbed(reader, rows, options.kills)
                figures["peak_mb"] = max(
                    figures.get("peak_mb", 0), round(reader.peak / 1024 / 1024, 1)
                )
            finally:
                sandbox.stop()
        if not options.no_beside:
            folder = Path(name) / "others"
            folder.mkdir()
            figures["beside"] = beside(folder, 3_000, options.beside)
    print(json.dumps(figures) if options.json else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()

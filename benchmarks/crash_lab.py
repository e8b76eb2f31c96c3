"""Kill the target again and again, at every boundary of a call, and count what Exact ended up with.

    uv run benchmarks/crash_lab.py --kills 300 --json [--postgresql]

The lab plays the whole pipeline: it feeds records from the last STATE on, as a tap would, keeps
the STATE that the target wrote, and kills it with SIGKILL: at random moments, and at moments that
a fault of the sandbox marks (the request has arrived; it is stored and the answer is on its way;
the answer is lost). Some processes are left to live with their fault. Every kind of fault happens
on every route that is written or asked: documents of five streams in two companies, of two store
views that count alike, debtors with a contact and an address, items, and the copies attached to
entries. Between the runs the shop changes documents, people close periods and block master data in
Exact and open them again, and ledger and bookmarks are restored from an older backup.

Figures: `kills`, `documents`, `lost` (things that Exact does not have in the end), `doubled`
(things that it has more than once), `boundaries` (of those in `boundaries_known`, how many kinds
of call and fault were hit), `restored` (how often a backup was), `chain_whole` (1 when the audit
trail verifies).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import crash_lab_documents as documents
import crash_lab_ledgers as ledgers
import sqlalchemy as sa

from commerce_sandbox import faults
from commerce_sandbox.testing import SandboxHandle
from exact_online.limits import call_windows, endpoint_errors
from target_exact_online.copies.rows import attachments
from target_exact_online.ledger import tables
from target_exact_online.ledger.database import LEDGER

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

TARGET = Path(sys.executable).with_name("target-exact-online")
LATE_SECONDS = 1.0
SETTLE_SECONDS = 2  # later than any call takes effect
PARAMETERS: dict[str, dict[str, Any]] = {
    "latency": {"seconds": 0.4},
    "slow": {"bytes_per_second": 4_000},
    "late_commit": {"seconds": LATE_SECONDS},
}
WRITTEN = (
    documents.ENTRIES,
    documents.ORDERS,
    documents.INVOICES,
    documents.PRINTED,
    documents.JOURNALS,
    documents.ACCOUNTS,
    documents.CONTACTS,
    documents.ADDRESSES,
    documents.ITEMS,
    documents.COPIES,
    documents.FILES,
)
ASKED = (*(route for route in WRITTEN if route != documents.PRINTED), documents.BOOKED, "sync/*")
#: What the server puts in the place of what was sent, in silence, where it does so.
CHANGED: dict[str, tuple[str, Any]] = {
    documents.ENTRIES: ("YourRef", "ANOTHER"),
    documents.ORDERS: ("OrderDate", "2026-02-11T00:00:00"),
    documents.INVOICES: ("PaymentCondition", "14"),
    documents.JOURNALS: ("JournalCode", "91"),
    documents.ACCOUNTS: ("Phone", "0"),
    documents.CONTACTS: ("Phone", "0"),
    documents.ADDRESSES: ("City", "Elsewhere"),
    documents.ITEMS: ("Description", "Another"),
    documents.COPIES: ("Subject", "Another"),
}


def _happens(method: str, route: str, kind: str) -> bool:
    """Tell whether a kind of fault means something there."""
    if kind == "unprinted":
        return (method, route) == ("POST", documents.PRINTED)
    if kind == "changed_field":
        return method == "POST" and route in CHANGED
    return kind != "late_commit" or method == "POST"


#: Every boundary: method, route, kind of fault.
BOUNDARIES = tuple(
    (method, route, kind)
    for method, routes in (("POST", WRITTEN), ("GET", ASKED))
    for route in routes
    for kind in faults.KINDS
    if _happens(method, route, kind)
)
#: What people close and block in Exact for a while, in either company.
CLOSED: tuple[tuple[str, str], ...] = (
    ("period", "70"),
    ("period", "90"),
    ("account", "10"),
    ("gl-account", "8000"),
    ("gl-account", "1240"),
    ("vat-code", "21"),
)
_FEBRUARY = (2026, 2)


# A run is a process of its own, born with the modules read: else it would mostly be reading them.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["__main__", "target_exact_online.cli"])


def _run_target(folder: Path) -> None:
    """Be the installed target, in a new process with files for output and log."""
    os.chdir(folder)
    for number, name, mode in ((1, "states.jsonl", os.O_TRUNC), (2, "target.log", os.O_APPEND)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | mode, 0o600), number)
    sys.argv = ["target-exact-online", "--config", "config.json", "--input", "input.jsonl"]
    importlib.import_module("target_exact_online.cli").main()


@dataclass
class Backup:
    """A ledger as it was, with the bookmark of that moment."""

    where: str
    state: int


@dataclass
class Lab:
    """One sandbox, one ledger, and a tap that remembers the last STATE."""

    folder: Path
    seed: int
    ledger_url: str | None = None
    kills: int = 0
    fed: int = 0
    state: int = 0
    restored: int = 0
    boundaries: Counter[str] = field(default_factory=Counter)
    changes: list[tuple[int, int]] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)
    closed: set[tuple[int, str, str]] = field(default_factory=set)
    accepted: set[tuple[int, str, str]] = field(default_factory=set)
    backup: Backup | None = None

    def __post_init__(self) -> None:
        """Start the sandbox, without limits: waiting is not what is tested here."""
        self.random = random.Random(self.seed)  # noqa: S311  # chooses where to kill
        self.sandbox = SandboxHandle(self.folder / "sandbox")
        for name in ("minute_limit", "day_limit", "error_limit"):
            self.sandbox.set(f"exact.{name}", None)
        self.sandbox.set("exact.index_lag_seconds", 0.5)
        self.ledger_url = self.ledger_url or f"sqlite:///{self.folder}/ledger.db"
        self.config = self.folder / "config.json"
        self.report = self.folder / "report.json"
        settings = self.sandbox.exact_config() | {
            "ledger_url": self.ledger_url,
            "report_file": str(self.report),
            "create_accounts": True,
            "create_items": True,
            "attach_documents": True,
            "settle_after_seconds": SETTLE_SECONDS,
            "index_lag_seconds": 1,
            "max_wait_seconds": 5,
            "max_attempts": 1_000,
        }
        self.config.write_text(json.dumps(settings))

    def round(self, boundary: tuple[str, str, str] | None, new: int) -> None:
        """Feed what STATE does not cover and some new records, and kill the process."""
        self._live(new)
        self.sandbox.clear_faults()
        if boundary is not None:
            method, route, kind = boundary
            nth = 1 if method == "GET" else self.random.choice((1, 1, 2))
            given = dict(PARAMETERS.get(kind, {}))
            if kind == "changed_field":
                given["field"], given["value"] = CHANGED[route]
            if method == "GET" and route in WRITTEN:  # asked when an answer was lost
                self.sandbox.fault(f"*/{route}", "drop_after", method="POST")
            self.sandbox.fault(f"*/{route}", kind, method=method, nth=nth, **given)
        self._pass_a_day()
        process = self._start()
        fired = self._wait_for_fault(process) if boundary else False
        if boundary is None:
            time.sleep(self.random.uniform(0.3, 2.5))
        else:
            time.sleep(self.random.choice((0.0, 0.0, 0.02, 0.1, 0.5)))
        if process.is_alive() and (not fired or self.random.random() < 0.85):  # noqa: PLR2004
            process.kill()
            self.kills += 1
        if fired and boundary is not None:
            self.boundaries[" ".join(boundary)] += 1
        self._end(process)

    def finish(self) -> None:
        """Let everything that is left be posted."""
        self.sandbox.clear_faults()
        for closed in sorted(self.closed):
            self._open(*closed)
        for _ in range(24):
            self._pass_a_day()
            self._command("documents", "retry-all")
            process = self._start()
            self._end(process)
            report = json.loads(self.report.read_text())
            lacking = [one for one in report["warnings"] if "still lacks" in one["reason"]]
            waiting = report["held"] or report["attachments"]["waiting"] or lacking
            parked = report["parked"] or report["failed"] or report["still_parked"]
            if not (waiting or parked) and self.state == len(self.changes):
                return
            self._correct(report["parked"])
            time.sleep(2.5)  # what may be in Exact is asked for after a while
        msg = f"the pipeline does not end: {json.dumps(report)[:4_000]}"
        raise RuntimeError(msg)

    def figures(self) -> dict[str, int]:
        """Compare what was fed with what the sandbox has."""
        wanted, found = documents.wanted(self.fed), documents.found(self.sandbox)
        for what, things in (("lost", wanted - found), ("doubled", found - wanted)):
            for thing in sorted(things.elements()):
                print(f"{what}: {thing}", file=sys.stderr)
        verified = self._command("audit", "verify")
        return {
            "kills": self.kills,
            "documents": self.fed,
            "lost": (wanted - found).total(),
            "doubled": (found - wanted).total(),
            "boundaries": len(self.boundaries),
            "boundaries_known": len(BOUNDARIES),
            "restored": self.restored,
            "chain_whole": int(verified.returncode == 0),
        }

    def close(self) -> None:
        """Stop the sandbox."""
        self.sandbox.stop()

    # What happens between two runs

    def _live(self, new: int) -> None:
        """Let the shop, the people in Exact and the operator of this machine do something."""
        for _ in range(new):
            self.fed += 1
            self._change(self.fed)
        for _ in range(self.random.choice((0, 1, 2))):
            self._change(self.random.randint(max(self.fed - 40, 1), self.fed))
        chance = self.random.random()
        if self.closed and chance < 0.4:  # noqa: PLR2004
            self._open(*self.random.choice(sorted(self.closed)))
        elif len(self.closed) < 2 and chance < 0.6:  # noqa: PLR2004
            self._close(self.random.choice(documents.DIVISIONS), *self.random.choice(CLOSED))
        chance = self.random.random()
        if self.backup is None:
            if chance < 0.25:  # noqa: PLR2004
                self._back_up()
        elif chance < 0.25:  # noqa: PLR2004
            self._restore(self.backup)

    def _change(self, number: int) -> None:
        self.versions[number] += 1
        self.changes.append((number, self.versions[number]))

    def _close(self, division: int, what: str, code: str) -> None:
        bookkeeper = self.sandbox.bookkeeper(division=division)
        if what == "period":
            bookkeeper.close_period(*_FEBRUARY, code)
        else:
            bookkeeper.block(what, code)
        self.closed.add((division, what, code))

    def _open(self, division: int, what: str, code: str) -> None:
        bookkeeper = self.sandbox.bookkeeper(division=division)
        if what == "period":
            bookkeeper.open_period(*_FEBRUARY, code)
        else:
            bookkeeper.unblock(what, code)
        self.closed.remove((division, what, code))

    def _back_up(self) -> None:
        self.backup = Backup(ledgers.back_up(str(self.ledger_url), self.folder), self.state)

    def _restore(self, backup: Backup) -> None:
        """Put ledger and bookmark back; what was posted since is in Exact all the same."""
        ledgers.restore(str(self.ledger_url), backup.where)
        self.state, self.backup = backup.state, None
        self.restored += 1
        # A restore takes longer than a call: what comes after it nobody could ask for.
        time.sleep(SETTLE_SECONDS)

    def _correct(self, parked: list[dict[str, Any]]) -> None:
        """Do in Exact what the reasons of parked documents ask a person for.

        All that a reason names is deleted, except what the ledger has of another document by now;
        what cannot be deleted stands for the document, once.
        """
        held = self._held()
        for one in parked:
            told = re.search(r"Exact has ([\w, -]+) with the reference", one["reason"])
            if told is None:
                continue
            where, stream, _ = held[one["document_key"]]
            others = {name for *kind, name in held.values() if kind == [where, stream]}
            named = [(where, stream, name) for name in told[1].split(", ") if name not in others]
            stay = [name for name in named if not documents.delete(self.sandbox, *name)]
            if free := [name for name in stay if name not in self.accepted]:
                self.accepted.add(free[0])
                reason = "Exact's version is the right one"
                self._command("documents", "skip", one["document_key"], "--reason", reason)

    def _held(self) -> dict[str, tuple[Any, ...]]:
        """Return company, stream and number in Exact of all documents of the ledger, by key."""
        engine = LEDGER.open(str(self.ledger_url))
        column = tables.documents.c
        query = sa.select(
            column.document_key, column.division, column.stream, column.exact_number
        ).where(column.stream != documents.DAYS)
        with engine.connect() as connection:
            found = {
                key: (where, stream, number)
                for key, where, stream, number in connection.execute(query)
            }
        engine.dispose()
        return found

    # The process

    def _start(self) -> ForkServerProcess:
        given = self.folder / "input.jsonl"
        lines: list[dict[str, Any]] = [
            {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}}
            for stream in documents.STREAMS
        ]
        for place in range(self.state, len(self.changes)):
            number, version = self.changes[place]
            stream, record = documents.stream(number), documents.record(number, version)
            lines.append({"type": "RECORD", "stream": stream, "record": record})
            lines.append({"type": "STATE", "value": {"place": place + 1}})
        given.write_text("".join(json.dumps(line) + "\n" for line in lines))
        # The STATE of the run before is none of this one, which may be killed before it begins.
        (self.folder / "states.jsonl").write_text("")
        process = _PROCESSES.Process(target=_run_target, args=(self.folder,))
        process.start()
        return process

    def _end(self, process: ForkServerProcess) -> None:
        process.join(120)
        if process.is_alive():
            msg = "the target does not end"
            raise RuntimeError(msg)
        for line in (self.folder / "states.jsonl").read_text().splitlines():
            if line.endswith("}"):  # a STATE that was cut off is no STATE
                self.state = json.loads(line)["place"]

    def _wait_for_fault(self, process: ForkServerProcess) -> bool:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.is_alive():
            if self.sandbox.faults()[-1].fired:
                return True
            time.sleep(0.01)
        return self.sandbox.faults()[-1].fired > 0

    def _pass_a_day(self) -> None:
        """Let a day pass between two runs: limits are fresh, and what waits is due."""
        now = datetime.now(UTC)
        engine = LEDGER.open(str(self.ledger_url))
        with engine.begin() as connection:
            connection.execute(sa.delete(endpoint_errors))
            connection.execute(sa.delete(call_windows))
            for table in (tables.documents, attachments):
                waits = table.c.next_retry_at.is_not(None)
                connection.execute(sa.update(table).where(waits).values(next_retry_at=now))
        engine.dispose()

    def _command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TARGET, "--config", self.config, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )


def run(kills: int, seed: int, folder: Path, ledger_url: str | None = None) -> dict[str, int]:
    """Run the lab until so many processes were killed, and return its figures."""
    lab = Lab(folder, seed, ledger_url)
    try:
        turns = itertools.cycle(lab.random.sample(BOUNDARIES, len(BOUNDARIES)))
        while lab.kills < kills:
            # Every boundary in turn, and a random moment after each third one.
            lab.round(next(turns), new=lab.random.randint(6, 9))
            if lab.random.random() < 0.33:  # noqa: PLR2004
                lab.round(None, new=lab.random.randint(6, 9))
        lab.finish()
        return lab.figures()
    finally:
        lab.close()


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgresql", action="store_true", help="keep the ledger on a server")
    parser.add_argument("--keep", type=Path, help="a folder for what is to be looked at afterwards")
    parser.add_argument("--json", action="store_true", help="Only the figures, as one JSON object.")
    options = parser.parse_args()
    with contextlib.ExitStack() as cleanup:
        folder = options.keep or Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        url = cleanup.enter_context(ledgers.server()) if options.postgresql else None
        figures = run(options.kills, options.seed, folder, url)
    if not options.json:
        for name, value in figures.items():
            print(f"{name:<20}{value}")
    print(json.dumps(figures))
    sys.exit(bool(figures["lost"] or figures["doubled"] or not figures["chain_whole"]))


if __name__ == "__main__":
    main()

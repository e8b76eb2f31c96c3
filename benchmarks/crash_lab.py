"""Kill the target again and again, at every boundary of a call, and count what Exact ended up with.

    uv run benchmarks/crash_lab.py --kills 300 --json

The lab plays the whole pipeline: it feeds records from the last STATE on, as a tap would, keeps
the STATE that the target wrote, and kills it with SIGKILL: at random moments, and at moments that
a fault of the sandbox marks (the request has arrived; it is stored and the answer is on its way;
the answer is lost). Some processes are left to live with their fault. Every kind of fault happens
on every route that is written or asked: documents of four streams, debtors with a contact and an
address, items, and the copies attached to entries.

Figures: `kills`, `documents`, `lost` (things that Exact does not have in the end), `doubled`
(things that it has more than once), `boundaries` (of those in `boundaries_known`, how many kinds
of call and fault were hit), `chain_whole` (1 when the audit trail verifies).
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import crash_lab_documents as documents
import sqlalchemy as sa

from commerce_sandbox import faults
from commerce_sandbox.testing import SandboxHandle
from exact_online.limits import call_windows, endpoint_errors
from target_exact_online.copies.rows import attachments
from target_exact_online.ledger import tables
from target_exact_online.ledger.database import open_engine

TARGET = Path(sys.executable).with_name("target-exact-online")
PARAMETERS: dict[str, dict[str, Any]] = {
    "latency": {"seconds": 0.4},
    "slow": {"bytes_per_second": 4_000},
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
#: Kinds that want every answer proven ours, and an unknown outcome to stay unknown: not tried yet.
UNPROVEN = faults.OF_EXACT | {"late_commit"}
#: Every boundary: method, route, kind of fault.
BOUNDARIES = tuple(
    (method, route, kind)
    for method, routes in (("POST", WRITTEN), ("GET", ASKED))
    for route in routes
    for kind in faults.KINDS
    if kind not in UNPROVEN
)


@dataclass
class Lab:
    """One sandbox, one ledger, and a tap that remembers the last STATE."""

    folder: Path
    seed: int
    ledger_url: str | None = None
    kills: int = 0
    fed: int = 0
    state: int = 0
    boundaries: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Start the sandbox, without limits: waiting is not what is tested here."""
        self.random = random.Random(self.seed)  # noqa: S311  # chooses where to kill
        self.sandbox = SandboxHandle(self.folder / "sandbox")
        for name in ("minute_limit", "day_limit", "error_limit"):
            self.sandbox.set(f"exact.{name}", None)
        self.ledger_url = self.ledger_url or f"sqlite:///{self.folder}/ledger.db"
        self.config = self.folder / "config.json"
        self.report = self.folder / "report.json"
        settings = self.sandbox.exact_config() | {
            "ledger_url": self.ledger_url,
            "report_file": str(self.report),
            "create_accounts": True,
            "create_items": True,
            "attach_documents": True,
            "settle_after_seconds": 1,
            "index_lag_seconds": 1,
            "max_wait_seconds": 5,
            "max_attempts": 1_000,
        }
        self.config.write_text(json.dumps(settings))

    def round(self, boundary: tuple[str, str, str] | None, new: int) -> None:
        """Feed what STATE does not cover and some new records, and kill the process."""
        self.fed += new
        self.sandbox.clear_faults()
        if boundary is not None:
            method, route, kind = boundary
            nth = 1 if method == "GET" else self.random.choice((1, 1, 2))
            given = PARAMETERS.get(kind, {})
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
        if process.poll() is None and (not fired or self.random.random() < 0.85):  # noqa: PLR2004
            process.kill()
            self.kills += 1
        if fired and boundary is not None:
            self.boundaries[" ".join(boundary)] += 1
        self._end(process)

    def finish(self) -> None:
        """Let everything that is left be posted."""
        self.sandbox.clear_faults()
        for _ in range(5):
            self._pass_a_day()
            self._command("documents", "retry-all")
            process = self._start()
            self._end(process)
            report = json.loads(self.report.read_text())
            lacking = [one for one in report["warnings"] if "still lacks" in one["reason"]]
            waiting = report["held"] or report["attachments"]["waiting"] or lacking
            if process.returncode == 0 and not waiting and self.state == self.fed:
                return
            time.sleep(2.5)  # what may be in Exact is asked for after a while
        msg = f"the pipeline does not end: {json.dumps(report)[:2_000]}"
        raise RuntimeError(msg)

    def figures(self) -> dict[str, int]:
        """Compare what was fed with what the sandbox has."""
        wanted, found = documents.wanted(self.fed), documents.found(self.sandbox)
        for thing in sorted(((wanted - found) + (found - wanted)).elements()):
            print(f"lost or doubled: {thing}", file=sys.stderr)
        verified = self._command("audit", "verify")
        return {
            "kills": self.kills,
            "documents": self.fed,
            "lost": (wanted - found).total(),
            "doubled": (found - wanted).total(),
            "boundaries": len(self.boundaries),
            "boundaries_known": len(BOUNDARIES),
            "chain_whole": int(verified.returncode == 0),
        }

    def close(self) -> None:
        """Stop the sandbox."""
        self.sandbox.stop()

    def _start(self) -> subprocess.Popen[str]:
        given = self.folder / "input.jsonl"
        lines: list[dict[str, Any]] = [
            {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}}
            for stream in documents.STREAMS
        ]
        for number in range(self.state + 1, self.fed + 1):
            stream, record = documents.stream(number), documents.record(number)
            lines.append({"type": "RECORD", "stream": stream, "record": record})
            lines.append({"type": "STATE", "value": {"number": number}})
        given.write_text("".join(json.dumps(line) + "\n" for line in lines))
        with given.open() as messages, (self.folder / "target.log").open("a") as log:
            return subprocess.Popen(
                [TARGET, "--config", self.config],
                stdin=messages,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.folder,
            )

    def _end(self, process: subprocess.Popen[str]) -> None:
        stdout, _ = process.communicate(timeout=120)
        for line in stdout.splitlines():
            if line.endswith("}"):  # a STATE that was cut off is no STATE
                self.state = json.loads(line)["number"]

    def _wait_for_fault(self, process: subprocess.Popen[str]) -> bool:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            if self.sandbox.faults()[-1].fired:
                return True
            time.sleep(0.005)
        return self.sandbox.faults()[-1].fired > 0

    def _pass_a_day(self) -> None:
        """Let a day pass between two runs: limits are fresh, and what waits is due."""
        now = datetime.now(UTC)
        engine = open_engine(str(self.ledger_url))
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
    parser.add_argument("--json", action="store_true", help="Only the figures, as one JSON object.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(options.kills, options.seed, Path(folder))
    if not options.json:
        for name, value in figures.items():
            print(f"{name:<20}{value}")
    print(json.dumps(figures))
    sys.exit(bool(figures["lost"] or figures["doubled"] or not figures["chain_whole"]))


if __name__ == "__main__":
    main()

"""Kill the target again and again, at every boundary of a call, and count what Exact ended up with.

    uv run benchmarks/crash_lab.py --kills 300 --json

The lab plays the whole pipeline: it feeds records from the last STATE on, as a tap would, keeps
the STATE that the target wrote, and kills it with SIGKILL: at random moments, and at moments that
a fault of the sandbox marks (the request has arrived; it is stored and the answer is on its way;
the answer is lost). Some processes are left to live with their fault.

Figures: `kills`, `documents`, `lost` (never posted), `doubled` (posted more than once),
`accounts_doubled` (debtors created more than once), `boundaries` (kinds of call and fault that were
hit), `chain_whole` (1 when the audit trail verifies).
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
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from commerce_sandbox.testing import SandboxHandle

TARGET = Path(sys.executable).with_name("target-exact-online")
ENTRIES, ACCOUNTS = "*/salesentry/SalesEntries", "*/crm/Accounts"
SLOW = {"bytes_per_second": 4_000}
WAIT = {"seconds": 0.4}

# (method, route, kind, parameters): every boundary of every route that posting uses.
BOUNDARIES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("POST", ENTRIES, "latency", WAIT),
    ("POST", ENTRIES, "slow", SLOW),
    ("POST", ENTRIES, "error_before", {}),
    ("POST", ENTRIES, "error_after", {}),
    ("POST", ENTRIES, "drop_before", {}),
    ("POST", ENTRIES, "drop_after", {}),
    ("POST", ENTRIES, "truncate", {}),
    ("POST", ENTRIES, "unavailable", {}),
    ("POST", ENTRIES, "too_many_requests", {}),
    ("POST", ACCOUNTS, "latency", WAIT),
    ("POST", ACCOUNTS, "slow", SLOW),
    ("POST", ACCOUNTS, "error_after", {}),
    ("POST", ACCOUNTS, "drop_after", {}),
    ("POST", ACCOUNTS, "truncate", {}),
    ("POST", ACCOUNTS, "unavailable", {}),
    ("GET", ENTRIES, "latency", WAIT),
    ("GET", ENTRIES, "drop_before", {}),
    ("GET", ENTRIES, "truncate", {}),
    ("GET", ENTRIES, "unavailable", {}),
    ("GET", ACCOUNTS, "drop_after", {}),
    ("GET", "*/sync/*", "truncate", {}),
    ("GET", "*/sync/*", "unavailable", {}),
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
        self.before = len(self.sandbox.exact("salesentry/SalesEntries"))
        settings = self.sandbox.exact_config() | {
            "ledger_url": self.ledger_url,
            "report_file": str(self.report),
            "create_accounts": True,
            "settle_after_seconds": 1,
            "max_attempts": 1_000,
        }
        self.config.write_text(json.dumps(settings))

    def round(self, boundary: tuple[str, str, str, dict[str, Any]] | None, new: int) -> None:
        """Feed what STATE does not cover and some new records, and kill the process."""
        self.fed += new
        self.sandbox.clear_faults()
        if boundary is not None:
            method, route, kind, parameters = boundary
            nth = self.random.randint(1, 3)
            self.sandbox.fault(route, kind, method=method, nth=nth, **parameters)
        self._forgive_errors()
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
            self.boundaries[" ".join(boundary[:3])] += 1
        self._end(process)

    def finish(self) -> None:
        """Let everything that is left be posted."""
        self.sandbox.clear_faults()
        for _ in range(5):
            self._forgive_errors()
            self._command("documents", "retry-all")
            process = self._start()
            self._end(process)
            report = json.loads(self.report.read_text())
            if process.returncode == 0 and not report["held"] and self.state == self.fed:
                return
        msg = f"the pipeline does not end: {report}"
        raise RuntimeError(msg)

    def figures(self) -> dict[str, int]:
        """Compare what was fed with what the sandbox has."""
        entries = Counter(
            (row["YourRef"], row["AmountDC"] < 0)
            for row in self.sandbox.exact("salesentry/SalesEntries")
            if str(row.get("YourRef", "")).startswith("LAB")
        )
        wanted = {(f"LAB{n:06}", n % 5 == 0) for n in range(1, self.fed + 1)}
        accounts = Counter(str(row.get("Email")) for row in self.sandbox.exact("crm/Accounts"))
        verified = self._command("audit", "verify")
        return {
            "kills": self.kills,
            "documents": self.fed,
            "lost": len(wanted - entries.keys()),
            "doubled": sum(count - 1 for count in entries.values()),
            "foreign": len(entries.keys() - wanted),
            "accounts_doubled": sum(
                count - 1 for email, count in accounts.items() if email.startswith("lab")
            ),
            "boundaries": len(self.boundaries),
            "chain_whole": int(verified.returncode == 0),
        }

    def close(self) -> None:
        """Stop the sandbox."""
        self.sandbox.stop()

    def _start(self) -> subprocess.Popen[str]:
        given = self.folder / "input.jsonl"
        lines = [{"type": "SCHEMA", "stream": "sales_entries", "schema": {"properties": {}}}]
        for number in range(self.state + 1, self.fed + 1):
            lines.append({"type": "RECORD", "stream": "sales_entries", "record": record(number)})
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
            if any(fault.fired for fault in self.sandbox.faults()):
                return True
            time.sleep(0.005)
        return any(fault.fired for fault in self.sandbox.faults())

    def _forgive_errors(self) -> None:
        """An hour passes between two runs, or the target would rightly leave Exact alone."""
        engine = sa.create_engine(
            str(self.ledger_url).replace("postgresql:", "postgresql+psycopg:")
        )
        if sa.inspect(engine).has_table("endpoint_errors"):
            with engine.begin() as connection:
                connection.execute(sa.text("DELETE FROM endpoint_errors"))
        engine.dispose()

    def _command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TARGET, "--config", self.config, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )


def record(number: int) -> dict[str, Any]:
    """An invoice, or every fifth time a credit memo; every fourth has a new debtor of its own."""
    kind, sign = ("credit_memo", -1) if number % 5 == 0 else ("invoice", 1)
    reference = f"LAB{number:06}"
    email = f"lab{number // 4}@example.com"
    debtor = {"match": {"email": email}, "create": {"name": email, "country": "NL"}}
    net, vat = sign * number, round(sign * number * 0.21, 2)
    return {
        "document_key": f"lab:{kind}:{reference}",
        "your_ref": reference,
        "kind": kind,
        "journal": "70",
        "entry_date": "2026-02-10",
        "payment_condition": "30",
        "currency": "EUR",
        "debtor": debtor if number % 4 == 0 else {"code": "10"},
        "lines": [{"gl_account": "8000", "amount": net, "vat_code": "21", "vat_amount": vat}],
        "totals": {"amount": round(net + vat, 2), "vat_amount": vat, "net_amount": net},
        "source": {"kind": kind, "order_increment_id": reference, "increment_id": reference},
    }


def run(kills: int, seed: int, folder: Path, ledger_url: str | None = None) -> dict[str, int]:
    """Run the lab until so many processes were killed, and return its figures."""
    lab = Lab(folder, seed, ledger_url)
    try:
        turns = itertools.count()
        while lab.kills < kills:
            # Every boundary in turn, and a random moment after each second one.
            boundary = BOUNDARIES[next(turns) % len(BOUNDARIES)]
            lab.round(boundary, new=lab.random.randint(2, 8))
            if lab.random.random() < 0.33:  # noqa: PLR2004
                lab.round(None, new=lab.random.randint(2, 8))
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

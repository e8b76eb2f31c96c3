"""The quarter that a month's end is measured on: its documents, and the folder it is kept in."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from click.testing import CliRunner
from month_end_offline import AFTER, LAST_DAY

from commerce_sandbox.testing import SandboxHandle
from target_exact_online.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of its own is made in it
CENT = Decimal("0.01")
SCHEMA = {"type": "object", "properties": {"document_key": {"type": "string"}}}
# What the lines of a document are: account, VAT code, percentage, cost center, supply, country.
KINDS: tuple[tuple[str, str, int, str, str, str], ...] = (
    ("8000", "21", 21, "WEB", "domestic", "NL"),
    ("8010", "9", 9, "WEB", "domestic", "NL"),
    ("8040", "D19", 19, "DE", "oss", "DE"),
    ("8060", "B21", 21, "BE", "oss", "BE"),
    ("8020", "7", 0, "B2B", "intra_eu_goods", "DE"),
    ("8050", "G20", 20, "UK", "export", "GB"),
)
FAULTS = ("drop_after", "error_after", "error_before", "too_many_requests", "unavailable")


def watched(command: list[str], folder: Path | None = None) -> tuple[float, float]:
    """Run a process in a folder; return its seconds, and the most memory it had in MB."""
    began, peak = time.monotonic(), 0
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        seen = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                peak = max(peak, seen.memory_info().rss)
            time.sleep(0.02)
    return time.monotonic() - began, peak / 1024 / 1024


def cents(value: Decimal) -> float:
    """Return an amount as JSON has it."""
    return float(value.quantize(CENT))


def record(number: int, day: date, rng: random.Random) -> dict[str, Any]:
    """Make an invoice, or one credit memo in ten, of up to three lines."""
    is_memo = number % 10 == 9  # noqa: PLR2004  # one in ten
    kind, sign = ("credit_memo", -1) if is_memo else ("invoice", 1)
    account, code, percentage, center, supply, country = KINDS[number % len(KINDS)]
    lines: list[dict[str, Any]] = []
    net_sum = vat_sum = Decimal(0)
    for _ in range(rng.randint(1, 3)):
        net = sign * Decimal(rng.randint(100, 30_000)) / 100
        vat = (net * percentage / 100).quantize(CENT)
        net_sum, vat_sum = net_sum + net, vat_sum + vat
        lines.append(
            {
                "gl_account": account,
                "amount": cents(net),
                "vat_code": code,
                "vat_amount": cents(vat),
                "vat_percentage": percentage,
                "cost_center": center,
                "description": "Tent",
                "rule": "default",
                "supply": supply,
                "country": country,
                "nature": "goods",
                "dispatch_country": "NL",
            }
        )
    if number % 25 == 0 and net_sum > 1:  # paid in part with a gift card
        lines.append({"gl_account": "1700", "amount": -1.0, "rule": "gift card"})
        net_sum -= 1
    reference = f"{number:09}"
    is_business = supply == "intra_eu_goods"
    made: dict[str, Any] = {
        "document_key": f"shop:nl:{kind}:{reference}",
        "your_ref": reference,
        "description": f"Order {reference}",
        "kind": kind,
        "journal": "70",
        "entry_date": day.isoformat(),
        "currency": "EUR",
        "payment_reference": f"O{reference}",
        "debtor": (
            {"match": {"vat_number": "DE136695976"}, "code": "20001"}
            if is_business
            else {"code": "10"}
        ),
        "lines": lines,
        "totals": {
            "amount": cents(net_sum + vat_sum),
            "vat_amount": cents(vat_sum),
            "net_amount": cents(net_sum),
        },
        "rules_version": "v1",
        "source": {
            "instance": "shop",
            "kind": kind,
            "entity_id": number,
            "increment_id": reference,
            "order_increment_id": f"O{reference}",
            "store_code": "nl",
            "timezone": "Europe/Amsterdam",
            "created_at": f"{day.isoformat()}T12:00:00Z",
        },
    }
    if country == "GB":
        made |= {"currency": "GBP", "exchange_rate": 1.1537}
    return made


def payment(of: dict[str, Any], day: date) -> dict[str, Any]:
    """Make the entry of a document's money."""
    amount = of["totals"]["amount"]
    key = of["document_key"].replace(":invoice:", ":payment:")
    return {
        "document_key": key,
        "your_ref": of["your_ref"],
        "description": f"Payment {of['your_ref']}",
        "journal": "90",
        "entry_date": day.isoformat(),
        "currency": of["currency"],
        "pays": of["document_key"],
        "includes": [],
        "lines": [
            {"gl_account": "1240", "amount": amount, "rule": "ideal"},
            {
                "gl_account": "1300",
                "amount": -amount,
                "account": {"code": "10"},
                "rule": "ideal",
            },
        ],
        "totals": {"amount": amount, "vat_amount": 0, "net_amount": 0},
        "rules_version": "v1",
        "source": of["source"] | {"kind": "payment"},
    }


def messages(records: list[tuple[str, dict[str, Any]]]) -> str:
    """Write documents as Singer messages."""
    streams = sorted({"sales_entries", *(stream for stream, _ in records)})
    lines = [
        json.dumps({"type": "SCHEMA", "stream": one, "schema": SCHEMA, "key_properties": []})
        for one in streams
    ]
    lines += [
        json.dumps({"type": "RECORD", "stream": stream, "record": one}) for stream, one in records
    ]
    return "\n".join(lines) + "\n"


@dataclass
class Bench:
    """A company, a shop, and what was compared."""

    folder: Path
    sandbox: SandboxHandle
    shop: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Write the settings."""
        self.sandbox.set("exact.minute_limit", None)
        self.config = self.sandbox.exact_config() | {
            "ledger_url": f"sqlite:///{self.folder}/ledger.db",
            "settle_after_seconds": 1,
            "index_lag_seconds": 1,
            "max_wait_seconds": 5,
        }
        (self.folder / "config.json").write_text(json.dumps(self.config))

    @contextlib.contextmanager
    def copied(self, folder: Path) -> Iterator[Bench]:
        """Lend a copy of company, ledger and shop; this one's sandbox must have stopped.

        Args:
            folder: Where the copy lies as long as it is lent.
        """
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("found.*", "ready"))
        sandbox = SandboxHandle(folder / "sandbox")
        try:
            yield Bench(folder, sandbox, dict(self.shop))
        finally:
            sandbox.stop()
            shutil.rmtree(folder)

    def call(self, *arguments: str) -> tuple[int, str]:
        """Run a command in this process."""
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            with contextlib.chdir(self.folder):
                done = CliRunner().invoke(cli, ["--config", "config.json", *arguments])
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output + done.stderr

    def post(self, records: list[tuple[str, dict[str, Any]]]) -> None:
        """Let the target post documents; the shop has them from now on."""
        (self.folder / "input").write_text(messages(records))
        code, said = self.call("--input", "input")
        if code not in (0, 3):
            raise SystemExit(said)
        self.shop |= {one["document_key"]: (stream, one) for stream, one in records}

    def compare(self, month: str, *more: str) -> dict[str, Any]:
        """Compare a month with the shop as it is now."""
        (self.folder / "shop").write_text(messages(list(self.shop.values())))
        found = self.folder / "found.json"
        found.unlink(missing_ok=True)
        code, said = self.call(
            *("reconcile", "--month", month, "--shop", "shop", "--source", "mirror"),
            *("--with-names", "--json", str(found), *more),
        )
        if not found.exists() or code == 1:
            raise SystemExit(said)
        read: dict[str, Any] = json.loads(found.read_text())
        return read


def fill(bench: Bench, documents: int, days: int) -> None:
    """Post a quarter, two runs a day, with faults; documents of the first day come by late."""
    rng = random.Random(7)  # noqa: S311  # a simulation
    per_run = max(documents // (days * 2), 1)
    number = 0
    for place in range(days * 2):
        day = LAST_DAY - timedelta(days=days - 1 - place // 2)
        hour = 2 if place % 2 == 0 else 14
        moment = datetime(day.year, day.month, day.day, hour, 15, tzinfo=UTC)
        bench.sandbox.set_clock(moment)
        records: list[tuple[str, dict[str, Any]]] = []
        for _ in range(per_run):
            number += 1
            one = record(number, day, rng)
            records.append(("sales_entries", one))
            if number % 20 == 0 and one["kind"] == "invoice" and one["currency"] == "EUR":
                records.append(("general_journal_entries", payment(one, day)))
        if place % 9 == 4:  # noqa: PLR2004  # every ninth run
            kind = FAULTS[place % len(FAULTS)]
            bench.sandbox.fault("*/salesentry/SalesEntries", kind, method="POST", nth=2)
        bench.post(records)
        bench.sandbox.clear_faults()
    bench.sandbox.set_clock(AFTER)
    for _ in range(3):  # what a fault left open
        time.sleep(2.5)
        bench.post([])

"""Does a month's end find what people did to the books, and nothing else?

A quarter of a shop is posted by the real target, two runs a day, with faults, and with tokens that
run out between the runs by the sandbox's clock. An untouched quarter must agree to the cent in few
calls. Then ten things happen, one after the other, that an accountant must be told of; after each
of them the months are compared again. At last lines of the mirror are changed at random.

    uv run benchmarks/month_end.py [--documents 30000] [--days 90] [--mutations 1000]
                                   [--large 100000] [--folder DIR] [--json]

A document is two writes that must reach the disk, where they wait for those of others: the folder
lies in memory where there is such a place. How fast it posts is not measured here.

Figures: `planted_found` (of 10, each with exactly its classes), `false_findings` (anything else),
`remainder` (cents that no class explains), `calls_when_equal` (of the dearest month),
`calls_per_1000_lines` (calls beyond 20, by lines read), `unclassified` (bridges with a remainder,
or changed entries without a finding, after the random changes), `seconds` and `peak_mb` of one
comparison with its reports; `minutes` and `cpu_minutes` of all of it; and those of
`month_end_large.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import sqlalchemy as sa
from click.testing import CliRunner
from month_end_offline import AFTER, LAST_DAY, offline

from commerce_sandbox.testing import SandboxHandle
from target_exact_online.cli import cli
from target_exact_online.ledger.store import Ledger
from target_exact_online.month_end.tables import exact_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


IN_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of its own is made in it
TARGET = Path(sys.executable).with_name("target-exact-online")
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
    known: Counter[tuple[str, str]] = field(default_factory=Counter)

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


def months(days: int) -> list[str]:
    """Return the months of the quarter, and the one after it."""
    first = LAST_DAY - timedelta(days=days - 1)
    found = sorted({(first + timedelta(days=n)).isoformat()[:7] for n in range(days)})
    return [*found, "2026-11"]


@dataclass(frozen=True)
class Plant:
    """Something that happened, and what must be told of it.

    Attributes:
        name: What happened.
        expected: Classes by month; a month that is not named shows nothing new.
        shown: Month, number of a control statement, and text that one of its rows must hold.
    """

    name: str
    expected: dict[str, list[str]] = field(default_factory=dict)
    shown: tuple[tuple[str, int, str], ...] = ()


def plants(bench: Bench) -> Iterator[Plant]:
    """Do the ten things one after the other; yield what each must show."""
    bea = bench.sandbox.bookkeeper("Bea")
    october = [
        one
        for stream, one in bench.shop.values()
        if stream == "sales_entries"
        and one["entry_date"][:7] == "2026-10"
        and one["kind"] == "invoice"
        and one["lines"][0]["vat_code"] == "21"
        and len(one["lines"]) > 1
    ]
    last = next(one["your_ref"] for one in october if one["entry_date"] == LAST_DAY.isoformat())
    free = iter(one["your_ref"] for one in october if one["your_ref"] != last)

    bea.delete(next(free))
    yield Plant("1 deleted", {"2026-10": ["E1"]})
    bea.type_entry(like=next(free))
    yield Plant("2 typed again", {"2026-10": ["E7"]})
    bea.edit(next(free), {1: {"gl_account": "8070"}})
    yield Plant("3 GL account", {"2026-10": ["E3"]})
    bea.file_return("vat", 2026, 10)
    bench.sandbox.advance(3600)
    bea.edit(next(free), {1: {"vat_code": "9"}})
    yield Plant("4 VAT code after filing", {"2026-10": ["E4", "B3"]})
    bea.edit(next(free), {1: {"cost_center": "STORE"}})
    yield Plant("5 cost center", {"2026-10": ["E3"]})
    bea.edit(last, date="2026-11-01")
    yield Plant("6 moved", {"2026-10": ["E5", "B3"], "2026-11": ["E5"]})
    for account, amount in (("8000", -500), ("1700", 30)):
        lines = [
            {"gl_account": account, "amount": amount},
            {"gl_account": "1990", "amount": -amount},
        ]
        bea.type_entry(lines, date="2026-10-15")
    yield Plant("7 manual journals", {"2026-10": ["X3", "X3"]}, (("2026-10", 4, "-30.00"),))
    yield _plant_in_shop(bench, next(free))
    yield _plant_late_money(bench)
    yield _plant_at_the_edge(bench)


def _plant_in_shop(bench: Bench, reference: str) -> Plant:
    """Change an invoice and import a credit memo; no change time moves."""
    key = f"shop:nl:invoice:{reference}"
    stream, one = bench.shop[key]
    line = one["lines"][0]
    more = cents(Decimal(str(line["amount"])) + 10)
    vat = cents(Decimal(str(line["vat_amount"])) + Decimal("2.10"))
    totals = one["totals"]
    bench.shop[key] = (
        stream,
        one
        | {
            "lines": [line | {"amount": more, "vat_amount": vat}, *one["lines"][1:]],
            "totals": {
                "amount": cents(Decimal(str(totals["amount"])) + Decimal("12.10")),
                "vat_amount": cents(Decimal(str(totals["vat_amount"])) + Decimal("2.10")),
                "net_amount": cents(Decimal(str(totals["net_amount"])) + 10),
            },
        },
    )
    memo = record(900_000_009, date(2026, 10, 20), random.Random(1))  # noqa: S311
    bench.shop[memo["document_key"]] = "sales_entries", memo
    return Plant("8 shop without updated_at", {"2026-10": ["S4", "S1"]})


def _plant_late_money(bench: Bench) -> Plant:
    """Capture the money of an October invoice in November."""
    paid = {one["pays"] for _, one in bench.shop.values() if "pays" in one}
    of = next(
        one
        for key, (_, one) in reversed(bench.shop.items())
        if one.get("kind") == "invoice"
        and one["currency"] == "EUR"
        and one["entry_date"][:7] == "2026-10"
        and key not in paid
    )
    bench.post([("general_journal_entries", payment(of, date(2026, 11, 1)))])
    shown = (("2026-10", 5, of["document_key"]), ("2026-10", 7, "in transit"))
    return Plant("9 late capture", {}, shown)


def _plant_at_the_edge(bench: Bench) -> Plant:
    """Take back an OSS sale of the quarter before; invoice a minute before midnight in UTC."""
    sold = next(
        one
        for _, one in bench.shop.values()
        if one["kind" if "kind" in one else "journal"] == "invoice"
        and one["lines"][0].get("supply") == "oss"
        and one["entry_date"] < "2026-10"
    )
    memo = record(900_000_019, date(2026, 11, 2), random.Random(3))  # noqa: S311
    memo["source"]["order_increment_id"] = sold["source"]["order_increment_id"]
    line = memo["lines"][0] | {
        name: sold["lines"][0][name]
        for name in ("gl_account", "vat_code", "vat_percentage", "supply", "country")
    }
    net = Decimal(str(line["amount"]))
    vat = (net * line["vat_percentage"] / 100).quantize(CENT)
    memo["lines"] = [line | {"vat_amount": cents(vat)}]
    memo["totals"] = {
        "amount": cents(net + vat),
        "vat_amount": cents(vat),
        "net_amount": cents(net),
    }
    memo = {name: one for name, one in memo.items() if name != "exchange_rate"}
    memo |= {"currency": "EUR", "debtor": {"code": "10"}}
    late = record(900_000_030, date(2026, 11, 1), random.Random(4))  # noqa: S311
    late["source"]["created_at"] = "2026-10-31T23:30:00Z"
    bench.post([("sales_entries", memo), ("sales_entries", late)])
    return Plant(
        "10 quarter before, and local time",
        {},
        (
            ("2026-11", 2, "correction of 2026-Q3"),
            ("2026-10", 7, "2026-10-31 23:30 in UTC"),
        ),
    )


def told(result: dict[str, Any], month: str) -> Counter[tuple[str, str, str]]:
    """Return what a comparison tells: class, and document or entry, by month."""
    return Counter(
        (month, one["code"], one["document_key"] or one["entry"])
        for one in result["findings"]
        if one["severity"] != "info"
    )


def shows(results: dict[str, dict[str, Any]], wanted: tuple[str, int, str]) -> bool:
    """Tell whether a row of a control statement holds a text."""
    month, number, text = wanted
    (statement,) = [one for one in results[month]["statements"] if one["number"] == number]
    return any(text in str(cell) for row in statement["rows"] for cell in row)


def mutate(bench: Bench, count: int) -> int:
    """Change lines of the mirror at random and compare without a call; return what is unclear."""
    rng = random.Random(11)  # noqa: S311  # a simulation
    ledger = Ledger.open(bench.config["ledger_url"])
    here = (exact_lines.c.period_year == 2026) & (exact_lines.c.period_no == 10)  # noqa: PLR2004
    rest = here & exact_lines.c.deleted_at.is_(None) & (exact_lines.c.journal == "70")
    own = exact_lines.c.line_no.between(1, 9998)
    with ledger.engine.begin() as connection:
        rows = connection.execute(sa.select(exact_lines).where(rest, own)).all()
        chosen = rng.sample(rows, min(count, len(rows)))
        for row in chosen:
            change: dict[str, Any] = {
                "gl_account": {"gl_account": rng.choice(["8070", "8110", "8999"])},
                "cost_center": {"cost_center": "INTL"},
                "vat_code": {"vat_code": "9" if row.vat_code != "9" else "21"},
                "amount": {
                    "amount": row.amount + Decimal(rng.randint(1, 999)) / 100,
                    "amount_dc": row.amount_dc + Decimal(rng.randint(1, 999)) / 100,
                },
                "vat_amount": {"vat_amount": (row.vat_amount or 0) + CENT},
                "gone": {"deleted_at": AFTER},
            }[rng.choice(["gl_account", "cost_center", "vat_code", "amount", "vat_amount", "gone"])]
            connection.execute(
                exact_lines.update().where(exact_lines.c.id == row.id).values(change)
            )
    result = offline(ledger)
    ledger.close()
    touched = {row.entry_id for row in chosen}
    named = {one.entry_id for one in result.findings}
    unexplained = sum(bool(one.unexplained) for one in result.bridges)
    return unexplained + len(touched - named)


def measure(bench: Bench) -> tuple[float, float]:
    """Return seconds and memory of one comparison, in a process of its own."""
    found = bench.folder / "found.json"
    command = [str(TARGET), "--config", "config.json", "reconcile", "--month", "2026-10"]
    command += ["--shop", "shop", "--source", "mirror", "--json", str(found)]
    command += ["--html", "found.html", "--xlsx", "found.xlsx"]
    began, peak = time.monotonic(), 0
    with subprocess.Popen(command, cwd=bench.folder, stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                peak = max(peak, watched.memory_info().rss)
            time.sleep(0.02)
    return time.monotonic() - began, peak / 1024 / 1024


def run(documents: int, days: int, mutations: int, folder: Path) -> dict[str, Any]:
    """Run all of it and return the figures."""
    sandbox = SandboxHandle(folder / "sandbox", "empty")
    first = LAST_DAY - timedelta(days=days)
    sandbox.set_clock(datetime(first.year, first.month, first.day, tzinfo=UTC))
    bench = Bench(folder, sandbox)
    try:
        fill(bench, documents, days)
        compared = months(days)
        results = {month: bench.compare(month) for month in compared}  # the mirror is filled
        results = {month: bench.compare(month) for month in compared}
        figures: dict[str, Any] = {"documents": len(bench.shop)}
        before: Counter[tuple[str, str, str]] = Counter()
        for month, result in results.items():
            before += told(result, month)
        figures["calls_when_equal"] = max(one["calls"]["total"] for one in results.values())
        false = sum(before.values())
        remainder = sum(Decimal(one["unexplained"]) for one in results.values())
        seconds, peak = measure(bench)
        found, wrong, most = 0, [], Decimal(0)
        for plant in plants(bench):
            after: Counter[tuple[str, str, str]] = Counter()
            for month in compared[-2:]:
                results[month] = bench.compare(month)
                remainder += Decimal(results[month]["unexplained"])
                calls = results[month]["calls"]
                over = max(calls["total"] - 20, 0)
                most = max(most, Decimal(over * 1000) / max(calls["rows"], 1))
            for month, result in results.items():
                after += told(result, month)
            new = sorted((month, code) for month, code, _ in (after - before).elements())
            expected = sorted(
                (month, code) for month, codes in plant.expected.items() for code in codes
            )
            good = new == expected and not before - after
            good = good and all(shows(results, one) for one in plant.shown)
            found += good
            if not good:
                wrong.append(f"{plant.name}: {new}, expected {expected}")
                false += sum((Counter(new) - Counter(expected)).values())
            before = after
        figures |= {
            "planted_found": found,
            "false_findings": false,
            "remainder": f"{remainder:.2f}",
            "calls_per_1000_lines": float(round(most, 2)),
            "unclassified": mutate(bench, mutations),
            "seconds": round(seconds, 1),
            "peak_mb": round(peak),
            "wrong": wrong,
        }
        return figures
    finally:
        sandbox.stop()


def main() -> int:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=30_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--mutations", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=100_000, help="0: leave the large month out")
    parser.add_argument("--folder", type=Path, default=IN_MEMORY if IN_MEMORY.is_dir() else None)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="month-end-", dir=options.folder) as folder:
        figures = run(options.documents, options.days, options.mutations, Path(folder))
    figures["minutes"] = round((time.monotonic() - began) / 60, 1)
    figures["cpu_minutes"] = round(time.process_time() / 60, 1)
    if options.large:
        command = [sys.executable, str(Path(__file__).with_name("month_end_large.py")), "--json"]
        command += ["--documents", str(options.large)]
        command += ["--folder", str(options.folder)] if options.folder else []
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        figures |= {"large": json.loads(done.stdout)}
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:24} {value}")
    bad = figures["planted_found"] != 10 or figures["false_findings"]  # noqa: PLR2004
    return int(bool(bad or Decimal(figures["remainder"]) or figures["unclassified"]))


if __name__ == "__main__":
    sys.exit(main())

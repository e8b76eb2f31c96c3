"""Does a month's end find what people did to the books, and nothing else?

A quarter of a shop is posted by the real target, two runs a day, with faults, and with tokens that
run out between the runs by the sandbox's clock. An untouched quarter must agree to the cent in few
calls. Then ten things happen that an accountant must be told of: each alone in a copy of that
quarter, and all one after the other in another; after each of them the months are compared again.
At last lines of the mirror are changed at random.

    uv run benchmarks/month_end.py [--documents 30000] [--days 90] [--mutations 1000]
                                   [--large 100000] [--folder DIR] [--json]

A document is two writes that must reach the disk, where they wait for those of others: the folder
lies in memory where there is such a place. How fast it posts is not measured here.

Figures: `planted_found` (of 10 one after the other, each with exactly its classes),
`planted_alone_found` (of 10, each alone in a copy), `false_findings` (anything else), `remainder`
(cents that no class explains), `calls_when_equal` (of the dearest month), `calls_per_1000_lines`
(calls beyond 20, by lines read), `unclassified` (bridges with a remainder, or changed entries
without a finding, after the random changes), `seconds` and `peak_mb` of one comparison with its
reports; `minutes` and `cpu_minutes` of all of it; and those of `month_end_large.py`.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from month_end_books import CENT, IN_MEMORY, Bench, fill, watched
from month_end_offline import AFTER, LAST_DAY, offline
from month_end_plants import PLANTS, Scene

from commerce_sandbox.testing import SandboxHandle
from target_exact_online.ledger.store import Ledger
from target_exact_online.month_end.tables import exact_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from month_end_plants import Plant

TARGET = Path(sys.executable).with_name("target-exact-online")


def months(days: int) -> list[str]:
    """Return the months of the quarter, and the one after it."""
    first = LAST_DAY - timedelta(days=days - 1)
    found = sorted({(first + timedelta(days=n)).isoformat()[:7] for n in range(days)})
    return [*found, "2026-11"]


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
    return watched(command, bench.folder)


@dataclass
class Compared:
    """What was told of the months, and how right it was.

    Attributes:
        results: The last comparison of each month.
        false: Findings that nothing planted explains.
        remainder: Cents that no class explains, of all comparisons.
        most: Calls beyond 20 for 1,000 lines, of the dearest comparison.
        wrong: What was told otherwise than expected, in words.
    """

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    false: int = 0
    remainder: Decimal = Decimal(0)
    most: Decimal = Decimal(0)
    wrong: list[str] = field(default_factory=list)

    def again(self, bench: Bench, which: list[str]) -> None:
        """Compare months again."""
        for month in which:
            result = self.results[month] = bench.compare(month)
            self.remainder += Decimal(result["unexplained"])
            over = max(result["calls"]["total"] - 20, 0)
            self.most = max(self.most, Decimal(over * 1000) / max(result["calls"]["rows"], 1))

    def told(self) -> Counter[tuple[str, str, str]]:
        """Return what the comparisons tell: month, class, and document or entry."""
        return Counter(
            (month, one["code"], one["document_key"] or one["entry"])
            for month, result in self.results.items()
            for one in result["findings"]
            if one["severity"] != "info"
        )

    def shows(self, month: str, number: int, text: str) -> bool:
        """Whether a row of a control statement holds a text."""
        (found,) = [one for one in self.results[month]["statements"] if one["number"] == number]
        return any(text in str(cell) for row in found["rows"] for cell in row)

    def planted(self, scene: Scene, plant: Callable[[Scene], Plant]) -> bool:
        """Do one thing, and return whether just that is told of it."""
        before, done = self.told(), plant(scene)
        self.again(scene.bench, list(self.results)[-2:])
        after = self.told()
        new = Counter((month, code) for month, code, _ in (after - before).elements())
        expected = Counter((month, code) for month, all_ in done.expected.items() for code in all_)
        self.false += sum((new - expected).values())
        good = new == expected and not before - after and all(starmap(self.shows, done.shown))
        if not good:
            self.wrong.append(f"{done.name}: {dict(new)}, expected {dict(expected)}")
        return good


def run(documents: int, days: int, mutations: int, folder: Path) -> dict[str, Any]:
    """Run all of it and return the figures."""
    sandbox = SandboxHandle(folder / "quarter" / "sandbox", "empty")
    first = LAST_DAY - timedelta(days=days)
    sandbox.set_clock(datetime(first.year, first.month, first.day, tzinfo=UTC))
    bench = Bench(folder / "quarter", sandbox)
    try:
        fill(bench, documents, days)
        compared = Compared()
        for month in months(days):
            bench.compare(month)  # the mirror is filled
        compared.again(bench, months(days))
        compared.false = compared.told().total()
        figures: dict[str, Any] = {
            "documents": len(bench.shop),
            "calls_when_equal": max(one["calls"]["total"] for one in compared.results.values()),
        }
        seconds, peak = measure(bench)
    finally:
        sandbox.stop()
    untouched = dict(compared.results)
    alone = 0
    for plant in PLANTS:
        with bench.copied(folder / "alone") as copy:
            compared.results = dict(untouched)
            alone += compared.planted(Scene(copy), plant)
    compared.results = dict(untouched)
    with bench.copied(folder / "together") as copy:
        scene = Scene(copy)
        together = sum(compared.planted(scene, plant) for plant in PLANTS)
        unclassified = mutate(copy, mutations)
    return figures | {
        "planted_found": together,
        "planted_alone_found": alone,
        "false_findings": compared.false,
        "remainder": f"{compared.remainder:.2f}",
        "calls_per_1000_lines": float(round(compared.most, 2)),
        "unclassified": unclassified,
        "seconds": round(seconds, 1),
        "peak_mb": round(peak),
        "wrong": compared.wrong,
    }


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
    bad = figures["wrong"] or figures["false_findings"]
    return int(bool(bad or Decimal(figures["remainder"]) or figures["unclassified"]))


if __name__ == "__main__":
    sys.exit(main())

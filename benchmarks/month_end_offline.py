"""Compare a month that lies in a folder, and write its reports: the process that is measured.

Nothing is imported here but what the command itself needs.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from target_exact_online.ledger.store import Ledger
from target_exact_online.month_end.books import Reader, owned
from target_exact_online.month_end.evidence import Evidence
from target_exact_online.month_end.lines import ExactLines
from target_exact_online.month_end.reconcile import Comparison, Wish
from target_exact_online.month_end.reports import Files
from target_exact_online.month_end.scopes import Books, Rates
from target_exact_online.month_end.sides import Chart, Month

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_exact_online.month_end.model import Result

LAST_DAY = date(2026, 10, 31)
AFTER = datetime(2026, 11, 4, 9, tzinfo=UTC)
DIVISION = 3000001


def offline(ledger: Ledger, shop: Iterable[str | bytes] | None = None) -> Result:
    """Compare October with the mirror as it lies there, without a call."""
    month = Month(DIVISION, 2026, 10, date(2026, 10, 1), LAST_DAY, "EUR")
    chart = Chart(
        receivables=frozenset({"1300"}),
        profit_and_loss=frozenset({"8000", "8010", "8020", "8040", "8050", "8060", "8070"}),
        journal_types={"70": 20, "90": 90},
    )
    mirror = ExactLines(ledger.engine, DIVISION, chart, moving=True)
    chart.vat_accounts.update(mirror.vat_accounts())
    evidence = Evidence("mirror", month, "", chart, ledger.engine, kind="mirror", lines=mirror)
    books = Books("EUR", chart, owned(ledger, month, chart))
    rates = Rates("EUR")
    reader = Reader(ledger, month, books, rates)
    wish = Wish("lines", shop, None, with_names=False, now=AFTER)
    return Comparison(ledger, evidence, wish, reader, books, rates).run()


def main(folder: Path) -> None:
    """Compare and write; tell what was found, and the seconds of CPU."""
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.db")
    with (folder / "shop").open("rb") as file:
        result = offline(ledger, file)
    Files(folder / "json", folder / "html", folder / "xlsx").write(result)
    ledger.close()
    cpu = time.process_time()
    told = {"findings": len(result.findings), "unexplained": str(result.unexplained)}
    (folder / "told").write_text(json.dumps(told | {"report_cpu_seconds": round(cpu, 1)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

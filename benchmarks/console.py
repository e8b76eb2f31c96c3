"""How fast are the pages of the desk in a browser, on a large ledger, and by how many queries?

Makes a ledger of posted documents of two years (see `ledger_scale`), with 2,000 parked ones of 40
causes among them, three years of nightly runs and a compared month, serves the console on it and
asks for every page over HTTP as a browser does, searches that find nothing included.

- `slowest_page_ms`: of each page the middle of a few answers; of these the slowest
- `most_queries`: the most SQL statements that one answer took
- `pages`: both figures per page

Bars: `slowest_page_ms` 200, `most_queries` 5.

    uv run benchmarks/console.py [--documents 100000] [--json]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import ledger_scale
import sqlalchemy as sa
from cryptography.fernet import Fernet

from target_exact_online.console.app import application
from target_exact_online.console.desk import Desk, Options
from target_exact_online.console.guard import Session
from target_exact_online.console.rules import RulesDesk
from target_exact_online.console.serving import listening, server_of
from target_exact_online.ledger.rows import Document
from target_exact_online.ledger.runs import Run
from target_exact_online.ledger.store import Ledger
from target_exact_online.ledger.tables import documents, runs
from target_exact_online.month_end import sign_off
from target_exact_online.month_end.books import fingerprint
from target_exact_online.month_end.lines import store
from target_exact_online.month_end.model import Bridge, BridgeRow, Finding, Result, Statement
from target_exact_online.month_end.model import columns as columns_of
from target_exact_online.month_end.sides import Month
from target_exact_online.posting.events import Refused
from target_exact_online.settings import with_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator

DIVISION = ledger_scale.DIVISION
RULES = Path(__file__).resolve().parents[1] / "examples" / "rules.yml"
PARKED, CAUSES, NIGHTS, FINDINGS, REPEAT = 2_000, 40, 1_095, 400, 7
NOT_COUNTED = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")


def make(url: str, number: int) -> None:
    """Make the ledger."""
    ledger_scale.make_ledger(url, number - PARKED)
    ledger = Ledger.open(url, DIVISION)
    with closing(ledger):
        _park(ledger, number)
        _end_runs(ledger)
        _compare(ledger)


def _park(ledger: Ledger, number: int) -> None:
    run, now = Run(ledger.engine), datetime.now(UTC)
    places = range(number - PARKED, number)
    given = [Document.of("sales_entries", _record(place), DIVISION) for place in places]
    ledger.arrive(run, given)
    for cause in range(CAUSES):
        keys = [one.document_key for one in given[cause::CAUSES]]
        ledger.move_all(run, keys, Refused(f"Cost center 'C{cause}' does not exist (line 1).", now))
    run.finish()


def _record(place: int) -> dict[str, Any]:
    made = ledger_scale._record(place, "2025-12-20")  # noqa: SLF001  # its documents are ours
    return made | {"kind": "invoice"}


def _end_runs(ledger: Ledger) -> None:
    first = datetime.now(UTC) - timedelta(days=NIGHTS)
    nights = [
        {
            "run_id": f"{night:032}",
            "host": "here",
            "started_at": first + timedelta(days=night),
            "finished_at": first + timedelta(days=night, minutes=9),
            "outcome": "ok",
            "streams": '["sales_entries"]',
            "calls_left": 4_000,
        }
        for night in range(NIGHTS)
    ]
    with ledger.engine.begin() as connection:
        connection.execute(runs.insert(), nights)


def _compare(ledger: Ledger) -> None:
    """Keep a comparison of a month with findings, and Exact's lines of an entry."""
    line = {"entry_id": _exact_id(ledger), "journal": "70", "line_no": 1, "gl_account": "8000"}
    line |= {"id": "line", "amount": Decimal(-1), "amount_dc": Decimal(-1), "timestamp": 1}
    with ledger.engine.begin() as connection:
        store(connection, DIVISION, [line])
    month = Month(DIVISION, 2024, 12, date(2024, 12, 1), date(2024, 12, 31), "EUR")
    finding = Finding(
        code="E1", severity="error", title="Deleted in Exact", cause="The entry was deleted.",
        amount=Decimal(-121), currency="EUR", document_key=ledger_scale.key_of(7),
    )  # fmt: skip
    rows = (
        BridgeRow(kind="shop", label="Shop", amount=Decimal(242), documents=2),
        BridgeRow(kind="ledger", label="Ledger", amount=Decimal(242), documents=2),
        BridgeRow(kind="exact", label="Exact", amount=Decimal(121)),
    )
    zero = Decimal("0.00")
    bridge = Bridge(
        scope="total", title="Sales", currency="EUR", rows=rows, unexplained=zero, source="mirror"
    )
    vat = columns_of("Code", "Currency", "VAT shop:money", "VAT ledger:money", "VAT Exact:money")
    statements = [
        Statement(number=number, name="S", title="Statement", columns=vat)
        for number in range(1, 11)
    ]
    result = Result(
        division=DIVISION, company="", year=2024, period=12, first=month.first, last=month.last,
        currency="EUR", made_at=datetime.now(UTC), source="mirror", depth="lines",
        findings=(finding,) * FINDINGS, bridges=(bridge,) * 50, statements=tuple(statements),
        ledger_state=fingerprint(ledger, month),
    )  # fmt: skip
    sign_off.keep(ledger, result)
    sign_off.sign(ledger, month, "Seen.")
    sign_off.keep(ledger, replace(result, made_at=datetime.now(UTC)))


def _exact_id(ledger: Ledger) -> str:
    with ledger.engine.connect() as connection:
        key = ledger_scale.key_of(5)
        found = sa.select(documents.c.exact_id).where(documents.c.document_key == key)
        return str(connection.scalar(found))


def paths(number: int) -> dict[str, str]:
    """Return what is asked for, by name."""
    middle = number // 2
    return {
        "today": "/",
        "documents": "/documents",
        "documents by number": f"/documents?number={middle:09}",
        "documents by number of Exact": f"/documents?number={70_000_000 + middle}",
        "documents by a number that is none": "/documents?number=none",
        "documents by amount": "/documents?amount=121,00",
        "documents by an amount that is none": "/documents?amount=0,01",
        "documents parked": "/documents?state=parked",
        "documents of a state without any": "/documents?state=failed",
        "documents of a month": "/documents?month=2024-12&division=123456",
        "documents of a month, parked": "/documents?month=2024-12&state=parked",
        "documents of a store": "/documents?store=default",
        "documents of a store without any": "/documents?store=none",
        "documents of a division without any": "/documents?division=1",
        "documents by reason": "/documents?error=C7",
        "documents by a reason that is none": "/documents?error=none",
        "documents changed": "/documents?changed=1",
        "document": f"/document?key={quote(ledger_scale.key_of(5))}",
        "document parked": f"/document?key={quote(ledger_scale.key_of(number - 1))}",
        "waiting": "/waiting",
        "rules": "/rules",
        "months": "/months",
        "month": f"/month?division={DIVISION}&year=2024&period=12",
        "audit": "/audit",
    }


@contextmanager
def serving(ledger: Ledger) -> Iterator[Desk]:
    """Serve the console until the end of the block."""
    with listening(0) as listener:
        session = Session(listener.getsockname()[1])
        options = Options(allow_actions=True, rules_file=RULES)
        desk = Desk(ledger, with_defaults({}), options, session, RulesDesk(RULES, None))
        server = server_of(application(desk))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield desk
        finally:
            server.should_exit = True
            thread.join()


def measure(ledger: Ledger, number: int) -> dict[str, Any]:
    """Ask for every page, and return the figures."""
    queries: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(NOT_COUNTED):
            queries.append(statement)

    sa.event.listen(ledger.engine, "before_cursor_execute", note)
    pages: dict[str, dict[str, float]] = {}
    with serving(ledger) as desk:
        cookie = _ask(desk, f"/?token={desk.session.token}")[1]
        for name, path in paths(number).items():
            took = []
            for _ in range(REPEAT):
                queries.clear()
                took.append(_ask(desk, path, cookie)[0])
            pages[name] = {"ms": round(statistics.median(took), 1), "queries": len(queries)}
    return {
        "documents": number,
        "slowest_page_ms": max(one["ms"] for one in pages.values()),
        "most_queries": max(one["queries"] for one in pages.values()),
        "pages": pages,
    }


def _ask(desk: Desk, path: str, cookie: str = "") -> tuple[float, str]:
    """Return how long an answer took (ms), and the cookie that it set."""
    with closing(http.client.HTTPConnection("127.0.0.1", desk.session.port)) as connection:
        began = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": cookie, "Accept-Language": "nl"})
        answer = connection.getresponse()
        answer.read()
        took = 1_000 * (time.perf_counter() - began)
        if answer.status not in (200, 303):
            sys.exit(f"{path} was answered with {answer.status}")
        return took, str(answer.headers["Set-Cookie"]).partition(";")[0]


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where the ledger is kept and used again")
    parser.add_argument("--json", action="store_true", help="only the figures, as one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:
        folder = options.folder or Path(own)
        folder.mkdir(exist_ok=True)
        key, file = folder / "key", folder / "console.db"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text(Fernet.generate_key().decode())
        os.environ["CONNECTOR_KEY"] = key.read_text()
        if not file.exists():
            make(f"sqlite:///{file}", options.documents)
        ledger = Ledger.open(f"sqlite:///{file}", DIVISION)
        with closing(ledger):
            figures = measure(ledger, options.documents)
    if not options.json:
        for name, one in figures["pages"].items():
            print(f"{name:<40}{one['ms']:>8} ms {one['queries']:>3} queries")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""The main job against the embedded sandbox: what ``./demo`` runs.

Starts the sandbox with the recorded shop, runs both Meltano jobs for real, watches the documents
arrive, and compares the busiest month as an accountant does at its end: shop, ledger and Exact
Online side by side. Run again, it keeps everything and posts nothing twice.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import filelock
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from commerce_sandbox.testing import SandboxHandle
from connector_credentials import generate_key, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SALES_ENTRIES = "salesentry/SalesEntries"
SALES_ORDERS = "salesorder/SalesOrders"
LEDGER_LINES = "financialtransaction/TransactionLines"
# A negotiated limit, so that the demo is not spent waiting for whole minutes (a new app has 60).
CALLS_PER_MINUTE = 1_000
CENT = Decimal("0.01")
REPORTS = ("html", "xlsx", "json")
ADOBE_CREDENTIAL = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
EXACT_CREDENTIAL = ("client_id", "client_secret", "refresh_token")

Totals = dict[str, Decimal]


@dataclass(frozen=True)
class Job:
    """One Meltano job.

    Attributes:
        name: Its name in ``meltano.yml``.
        resource: The Exact resource it fills.
        documents: How many documents the shop has for it.
    """

    name: str
    resource: str
    documents: int


def main() -> int:
    """Run the demo and return the exit code: 0 when the books equal the shop."""
    parser = argparse.ArgumentParser(prog="./demo", description="Run the main job on the sandbox.")
    parser.add_argument("--json", metavar="FILE", help="also write the summary as JSON")
    parser.add_argument("--fresh", action="store_true", help="forget earlier runs first")
    parser.add_argument(
        "--dir", metavar="DIR", type=Path, default=ROOT / ".demo", help="where it keeps its files"
    )
    parser.add_argument(
        "--console", action="store_true", help="then open the desk in a browser, until Ctrl-C"
    )
    options = parser.parse_args()
    home: Path = options.dir.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if options.fresh and home.exists():
        with alone_in(home):
            shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone_in(home), running_sandbox(home) as sandbox:
        environment = prepare(sandbox, home)
        shop = {kind: shop_documents(sandbox, kind) for kind in ("order", "invoice", "creditmemo")}
        jobs = (
            Job("invoices-to-exact", SALES_ENTRIES, len(shop["invoice"]) + len(shop["creditmemo"])),
            Job("orders-to-exact", SALES_ORDERS, len(shop["order"])),
        )
        started = time.monotonic()
        reports = {job.name: run(job, environment, sandbox, home) for job in jobs}
        seconds = time.monotonic() - started
        summary = summarise(sandbox, shop, reports, not_posted(environment), seconds)
        summary["month"] = close_month(busiest_month(sandbox), environment, home)
        if options.json:
            Path(options.json).write_text(json.dumps(summary, indent=2, default=str) + "\n")
        show(summary, home)
        if options.console:
            with console(environment, home) as desk, contextlib.suppress(KeyboardInterrupt):
                desk.wait()
    return 0 if summary["balanced"] else 1


@contextmanager
def alone_in(home: Path) -> Iterator[None]:
    """Let no second demo into this folder: both would take the other's files for their own."""
    lock = filelock.FileLock(home / ".lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except filelock.Timeout:
        sys.exit(f"Another ./demo is running in {home}. Wait for it, or give --dir another folder.")


@contextmanager
def running_sandbox(home: Path) -> Iterator[SandboxHandle]:
    """Start the sandbox on a free port and end it in any case."""
    sandbox = SandboxHandle(home / "sandbox")
    try:
        sandbox.set("exact.minute_limit", CALLS_PER_MINUTE)
        yield sandbox
    finally:
        sandbox.stop()


def prepare(sandbox: SandboxHandle, home: Path) -> dict[str, str]:
    """Store both credentials encrypted, as ``connector-credentials set`` and ``authorize`` do.

    Returns:
        The environment for ``meltano``: addresses and file names, and the key; no other secret.
    """
    key_file = home / "connector.key"
    fresh = not key_file.exists()
    if fresh:
        key_file.touch(mode=0o600)
        key_file.write_text(generate_key())
    credentials = f"file:{home / 'credentials'}"
    key = key_file.read_text()
    store = open_store(credentials, key, create=fresh)
    if fresh:
        adobe, exact = sandbox.adobe_config(), sandbox.exact_config()
        store.put("adobe-commerce", {name: adobe[name] for name in ADOBE_CREDENTIAL})
        store.put("exact-online", {name: exact[name] for name in EXACT_CREDENTIAL})
        (home / "division").write_text(str(exact["division"]))
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "MELTANO_PROJECT_ROOT": str(ROOT),
        "MELTANO_ENVIRONMENT": "sandbox",
        "MELTANO_DATABASE_URI": f"sqlite:///{home / 'meltano.db'}",
        # Catalogs of runs are kept here: another demo's would be read.
        "MELTANO_SYS_DIR_ROOT": str(home / ".meltano"),
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "ADOBE_BASE_URL": sandbox.url,
        "ADOBE_INSTANCE": "demo",
        "EXACT_BASE_URL": sandbox.url,
        "EXACT_DIVISION": (home / "division").read_text(),
        "CREDENTIALS_URL": credentials,
        "CONNECTOR_KEY": key,
        "LEDGER_URL": f"sqlite:///{home / 'ledger.db'}",
        "RULES_FILE": str(ROOT / "examples" / "rules.yml"),
    }


def shop_documents(sandbox: SandboxHandle, kind: str) -> list[dict[str, Any]]:
    """Return the shop's own documents, amounts as Decimal."""
    rows = sandbox.database.connection().execute(f"SELECT body FROM adobe_{kind}")  # noqa: S608 -- our names
    return [json.loads(row["body"], parse_float=Decimal) for row in rows]


def run(
    job: Job, environment: dict[str, str], sandbox: SandboxHandle, home: Path
) -> dict[str, Any]:
    """Run a Meltano job, show its progress, and return the target's run report.

    Raises:
        SystemExit: Meltano failed before the target could report; its log is shown.
    """
    report_file = home / f"{job.name}.report.json"
    report_file.unlink(missing_ok=True)
    with meltano(job.name, {**environment, "REPORT_FILE": str(report_file)}, home) as process:
        watch(job, process, sandbox)
    report: dict[str, Any] = {}
    if report_file.exists():
        report = json.loads(report_file.read_text(), parse_float=Decimal)
    # Meltano also fails when the target parked something, and its report says so.
    if process.returncode and not report.get("exit_code"):
        fail(job.name, process.returncode, home)
    return report


@contextmanager
def meltano(job: str, environment: dict[str, str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a Meltano job that logs into a file, and end it in any case."""
    command = [str(Path(sys.executable).with_name("meltano")), "run", job]
    with (home / f"{job}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 -- this project's own job
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
            process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def fail(job: str, code: int, home: Path) -> NoReturn:
    """Show the end of a job's log and leave."""
    log_file = home / f"{job}.log"
    print("".join(log_file.read_text().splitlines(keepends=True)[-25:]), file=sys.stderr)
    sys.exit(f"ERROR: meltano run {job} ended with {code}; see {log_file}")


def busiest_month(sandbox: SandboxHandle) -> str:
    """Return the month of most sales entries, as ``2026-02``."""
    booked = Counter(
        f"{entry['ReportingYear']}-{entry['ReportingPeriod']:02}"
        for entry in sandbox.exact(SALES_ENTRIES)
    )
    return max(booked, key=lambda month: (booked[month], month))


def close_month(month: str, environment: dict[str, str], home: Path) -> dict[str, Any]:
    """Compare a month by its Meltano job; return its bridges and where its reports are.

    Args:
        month: The month, as ``2026-02``.
        environment: The environment for ``meltano``.
        home: Where the reports go.
    """
    first = date.fromisoformat(f"{month}-01")
    day, files = timedelta(days=1), {name: home / f"{month}.{name}" for name in REPORTS}
    span = {
        "MONTH": month,
        "MONTH_FROM": f"{first - day}",  # a day more at both ends, for time zones
        "MONTH_UNTIL": f"{(first + 31 * day).replace(day=1) + day}",
        "TARGET_EXACT_ONLINE_MONTH_END_FAIL_ON": "never",  # what differs is shown
    }
    named = {f"REPORT_{name.upper()}": str(path) for name, path in files.items()}
    with meltano("reconcile-month", {**environment, **span, **named}, home) as process:
        pass
    if process.returncode:
        fail("reconcile-month", process.returncode, home)
    found = json.loads(files["json"].read_text())
    return {
        "month": month,
        "outcome": found["outcome"],
        "unexplained": found["unexplained"],
        "calls": found["calls"]["total"],
        "bridges": [one for one in found["bridges"] if one["scope"] == "total"],
        "html": str(files["html"]),
        "xlsx": str(files["xlsx"]),
    }


@contextmanager
def console(
    environment: dict[str, str], home: Path, stdout: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Open the desk in a browser on the demo's ledger; it prints its address, and may decide.

    Args:
        environment: The environment for ``meltano``.
        home: Where the shop's documents go, to try rules with.
        stdout: Where the address goes, if not to the terminal.
    """
    read = home / "shop.singer"
    with read.open("wb") as documents:
        subprocess.run(  # noqa: S603  # this project's own tap
            [Path(sys.executable).with_name("meltano"), "invoke", "tap-invoices"],
            check=True, cwd=ROOT, env=environment, stdout=documents, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    settings = {"LEDGER_URL": environment["LEDGER_URL"], "DIVISION": environment["EXACT_DIVISION"]}
    settings["CREDENTIALS"] = environment["CREDENTIALS_URL"]
    target = {f"TARGET_EXACT_ONLINE_{name}": value for name, value in settings.items()}
    command = [str(Path(sys.executable).with_name("target-exact-online"))]
    command += ["console", "--allow-actions"]
    command += ["--rules", environment["RULES_FILE"], "--documents", str(read)]
    command += ["--read-again", "meltano run invoices-to-exact"]
    with subprocess.Popen(  # noqa: S603  # this project's own program
        command, env=environment | target, stdout=stdout, text=True
    ) as desk:
        try:
            yield desk
        finally:
            desk.terminate()


def watch(job: Job, process: subprocess.Popen[bytes], sandbox: SandboxHandle) -> None:
    """Show how many of the job's documents Exact holds until the job ends."""
    columns = (
        TextColumn("meltano run {task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("in Exact"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(job.name, total=job.documents)
        while True:
            ended = process.poll() is not None
            progress.update(task, completed=len(sandbox.exact(job.resource)))
            if ended:
                return
            time.sleep(0.25)


def not_posted(environment: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Ask the target's ledger which documents are parked or skipped, and why."""
    command = [str(Path(sys.executable).with_name("target-exact-online"))]
    command += ["documents", "list", "--limit", "1000", "--json"]
    found: dict[str, list[dict[str, Any]]] = {"parked": [], "skipped": []}
    for state in found:
        command += ["--state", state]
    done = subprocess.run(  # noqa: S603 -- this project's own command
        command,
        env={**environment, "TARGET_EXACT_ONLINE_LEDGER_URL": environment["LEDGER_URL"]},
        capture_output=True,
        text=True,
        check=True,
    )
    for row in map(json.loads, done.stdout.splitlines()):
        line = {"document_key": row["document_key"], "reason": row["error"]}
        found[row["state"]].append(line)
    return found


def summarise(
    sandbox: SandboxHandle,
    shop: dict[str, list[dict[str, Any]]],
    reports: dict[str, dict[str, Any]],
    left: dict[str, list[dict[str, Any]]],
    seconds: float,
) -> dict[str, Any]:
    """Compare what Exact holds with the shop's own totals.

    Args:
        sandbox: Both systems.
        shop: The shop's documents by kind.
        reports: The target's run reports by job.
        left: The parked and the skipped documents.
        seconds: How long the jobs took.

    Returns:
        The summary that ``--json`` writes; amounts are in each document's own currency.
    """
    entries = sandbox.exact(SALES_ENTRIES)
    orders = sandbox.exact(SALES_ORDERS)
    debtors: Totals = defaultdict(Decimal)
    for line in sandbox.exact(LEDGER_LINES):
        if line["LineNumber"] == 0:
            debtors[line["Currency"].strip()] += Decimal(str(line["AmountFC"])).quantize(CENT)
    posted = [row for report in reports.values() for row in report["posted"]]
    expected = shop_totals(shop, {line["document_key"] for line in left["parked"]})
    references = Counter((entry["YourRef"], entry["Type"]) for entry in entries)
    return {
        "documents": {
            kind: {"in_shop": len(shop[kind]), "amount": as_text(amounts(shop[kind]))}
            for kind in shop
        },
        "posted": {"sales_entries": len(entries), "sales_orders": len(orders)},
        "posted_now": sum(row["documents"] for row in posted),
        **left,
        "booked": booked(entries, sandbox.exact(LEDGER_LINES)),
        "debtor_balance": as_text(debtors),
        "shop_total": as_text(expected),
        "balanced": as_text(debtors) == as_text(expected),
        "twice": sorted(name for (name, _), count in references.items() if count > 1),
        "api_calls": sum(report["calls"] for report in reports.values()),
        "seconds": round(seconds, 1),
    }


def booked(entries: list[dict[str, Any]], lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the invoice of most lines, as Exact's own ledger has it; debit is positive."""
    of = {
        entry["EntryID"]: [line for line in lines if line["EntryID"] == entry["EntryID"]]
        for entry in entries
        if Decimal(str(entry["AmountFC"])) > 0
    }
    entry = max(
        (one for one in entries if one["EntryID"] in of),
        key=lambda one: (len(of[one["EntryID"]]), one["EntryNumber"]),
    )
    rows = sorted(of[entry["EntryID"]], key=lambda line: int(line["LineNumber"]))
    return {
        "invoice": entry["YourRef"],
        "entry": entry["EntryNumber"],
        "journal": entry["Journal"],
        "currency": entry["Currency"].strip(),
        "lines": [
            {
                "gl_account": line["GLAccountCode"],
                "name": line.get("GLAccountDescription"),
                "text": line.get("Description"),
                "cost_center": line.get("CostCenter"),
                "vat_code": line.get("VATCode"),
                "amount": f"{Decimal(str(line['AmountFC'])):.2f}",
            }
            for line in rows
        ],
    }


def amounts(documents: list[dict[str, Any]]) -> Totals:
    """Add up ``grand_total`` per currency."""
    totals: Totals = defaultdict(Decimal)
    for document in documents:
        totals[document["order_currency_code"]] += Decimal(str(document["grand_total"]))
    return totals


def shop_totals(shop: dict[str, list[dict[str, Any]]], without: set[str]) -> Totals:
    """Return invoices minus credit memos per currency, without the parked documents."""
    totals: Totals = defaultdict(Decimal)
    for kind, key_kind, sign in (("invoice", "invoice", 1), ("creditmemo", "credit_memo", -1)):
        for document in shop[kind]:
            end = f":{key_kind}:{document['increment_id']}"
            if not any(key.endswith(end) for key in without):
                amount = Decimal(str(document["grand_total"])).quantize(CENT)
                totals[document["order_currency_code"]] += sign * amount
    return totals


def as_text(totals: Totals) -> dict[str, str]:
    """Write amounts with two decimals, currencies in order."""
    return {currency: f"{totals[currency]:.2f}" for currency in sorted(totals)}


def booked_table(entry: dict[str, Any]) -> Table:
    """Lay out one booked invoice as an accountant reads it."""
    title = f"Invoice {entry['invoice']} in Exact: entry {entry['entry']}, journal"
    table = Table(title=f"{title} {entry['journal']}, {entry['currency']}", title_justify="left")
    for name in ("GL account", "text", "cost center", "VAT"):
        table.add_column(name)
    for name in ("debit", "credit"):
        table.add_column(name, justify="right")
    debit = credit = Decimal(0)
    for line in entry["lines"]:
        amount = Decimal(line["amount"])
        debit += max(amount, Decimal(0))
        credit -= min(amount, Decimal(0))
        table.add_row(
            " ".join(filter(None, (line["gl_account"], line["name"]))),
            line["text"] or "",
            line["cost_center"] or "",
            (line["vat_code"] or "").strip(),
            f"{amount:.2f}" if amount > 0 else "",
            f"{-amount:.2f}" if amount < 0 else "",
        )
    table.add_section()
    table.add_row("", "total", "", "", f"{debit:.2f}", f"{credit:.2f}")
    return table


def bridge_table(bridge: dict[str, Any], month: str) -> Table:
    """Lay out the way from the shop by the ledger to Exact."""
    title = f"{month}: {bridge['title']} ({bridge['currency']})"
    table = Table(title=title, title_justify="left")
    table.add_column("from the shop to Exact")
    for name in ("documents", "amount"):
        table.add_column(name, justify="right")
    for row in bridge["rows"]:
        label = f"  {row['code']} {row['label']}" if row["code"] else row["label"]
        count = "" if row["documents"] is None else str(row["documents"])
        table.add_row(label, count, row["amount"])
    table.add_section()
    table.add_row("left unexplained", "", bridge["unexplained"])
    return table


def show(summary: dict[str, Any], home: Path) -> None:
    """Print the summary for a person."""
    console = Console()
    table = Table(title="Adobe Commerce → Exact Online", title_justify="left")
    table.add_column("documents")
    table.add_column("in the shop", justify="right")
    table.add_column("total", justify="right")
    names = {"order": "orders", "invoice": "invoices", "creditmemo": "credit memos"}
    for kind, row in summary["documents"].items():
        totals = "  ".join(f"{amount} {currency}" for currency, amount in row["amount"].items())
        table.add_row(names[kind], str(row["in_shop"]), totals)
    console.print(table)
    console.print(booked_table(summary["booked"]))
    posted = summary["posted"]
    console.print(
        f"In Exact: {posted['sales_entries']} sales entries and {posted['sales_orders']} sales "
        f"orders; {summary['posted_now']} of them posted by this run, "
        f"{summary['api_calls']} API calls, {summary['seconds']} s."
    )
    for bridge in summary["month"]["bridges"]:
        console.print(bridge_table(bridge, summary["month"]["month"]))
    for currency, expected in summary["shop_total"].items():
        amount = summary["debtor_balance"].get(currency, "0.00")
        verdict = "equals" if amount == expected else "DIFFERS from"
        console.print(
            f"All months: debtor balance {amount} {currency} {verdict} the shop's {expected}."
        )
    for state in ("parked", "skipped"):
        for line in summary[state]:
            console.print(
                f"{state.capitalize()} {line['document_key']}: {line['reason']}", soft_wrap=True
            )
    page = Path(summary["month"]["html"]).as_uri()
    console.print(f"The month as its accountant gets it: {page}", soft_wrap=True)
    console.print(
        f"Look further in {os.path.relpath(home)}: *.log is what Meltano said, *.report.json "
        "what the target did, ledger.db the audit trail.",
        soft_wrap=True,
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted. Run ./demo again: it goes on where it was.")

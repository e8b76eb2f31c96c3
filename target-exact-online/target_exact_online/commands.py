"""The commands with which a person looks at documents and acts on them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from target_exact_online.exceptions import ConfigError
from target_exact_online.ledger import chain, payload
from target_exact_online.ledger.desk import Desk, Search
from target_exact_online.ledger.store import Ledger
from target_exact_online.settings import with_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Row

_STATES = ("received", "sending", "posted", "parked", "failed", "skipped")
_COLUMNS = ("document_key", "order_number", "state", "amount", "currency", "exact_number", "error")
EXIT_BROKEN_TRAIL = 1


def _search_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--error", metavar="TEXT", help="Only those whose reason contains this."),
        click.option("--order", metavar="NUMBER", help="Only those of this order of the shop."),
        click.option("--kind", help="Only this kind, e.g. invoice or credit_memo."),
        click.option("--stream", help="Only this stream, e.g. sales_entries."),
        click.option(
            "--state",
            "states",
            multiple=True,
            type=click.Choice(_STATES),
            help="Only this state; may be repeated.",
        ),
    ):
        command = option(command)
    return command


_dry_run = click.option("--dry-run", is_flag=True, help="Only say which documents.")


@click.group("documents")
def documents() -> None:
    """Look at documents in the ledger, and replay or skip them."""


@documents.command("list")
@_search_options
@click.option("--changed", is_flag=True, help="Only those that changed after they were posted.")
@click.option("--limit", default=100, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_obj
def list_documents(obj: Any, /, *, limit: int, as_json: bool, **search: Any) -> None:
    """List documents, oldest first."""
    rows = Desk(_ledger(obj)).find(_search(search), limit=limit + 1)
    shown = rows[:limit]
    if as_json:
        for row in shown:
            click.echo(msgspec.json.encode(_facts(row)).decode())
    else:
        _print_table(shown)
    if len(rows) > limit:
        click.echo(f"There are more than {limit}; narrow the search or raise --limit.", err=True)


@documents.command("show")
@click.argument("document_key")
@click.pass_obj
def show_document(obj: Any, document_key: str) -> None:
    """Show one document: what came in, what happened, and a later version if there is one."""
    shown = Desk(_ledger(obj)).show(document_key)
    for name, value in _facts(shown.row).items():
        if value is not None:
            click.echo(f"{name + ':':<16}{value}")
    if shown.attachment is not None:
        names = ("state", "exact_document_id", "attempts", "next_retry_at", "error")
        known = (f"{name} {value}" for name in names if (value := getattr(shown.attachment, name)))
        click.echo(f"{'PDF copy:':<16}{', '.join(known)}")
    click.echo("\nHistory (UTC)")
    for at, kind, facts, words in shown.history:
        said = ", ".join(
            f"{name} {value}"
            for name, value in facts.items()
            if value is not None and name not in {"run", "note", "payload_hash", "stream"}
        )
        click.echo(f"  {at}  {kind:<16} {said}" + (f"\n    {words}" if words else ""))
    for title, record in (("Document", shown.record), ("Later version", shown.newer)):
        if record is not None:
            click.echo(f"\n{title}")
            click.echo(msgspec.json.format(payload.encode(record), indent=2).decode())


@documents.command("replay")
@click.argument("document_keys", nargs=-1)
@_search_options
@_dry_run
@click.pass_obj
def replay_documents(
    obj: Any, /, document_keys: tuple[str, ...], *, dry_run: bool, **search: Any
) -> None:
    """Have documents that are parked, failed or skipped posted by the next run."""
    wanted = _search(search, document_keys)
    if wanted == Search():
        msg = "Name documents or narrow the search; retry-all takes everything that waits."
        raise click.UsageError(msg)
    _tell(Desk(_ledger(obj)).replay(wanted, dry_run=dry_run), "posted by the next run", dry_run)


@documents.command("retry-all")
@_search_options
@_dry_run
@click.pass_obj
def retry_all(obj: Any, /, *, dry_run: bool, **search: Any) -> None:
    """Have everything that is parked or failed posted by the next run."""
    search["states"] = search["states"] or ("parked", "failed")
    keys = Desk(_ledger(obj)).replay(_search(search), dry_run=dry_run)
    _tell(keys, "posted by the next run", dry_run)


@documents.command("attach")
@click.argument("document_keys", nargs=-1)
@_search_options
@_dry_run
@click.pass_obj
def attach_documents(
    obj: Any, /, document_keys: tuple[str, ...], *, dry_run: bool, **search: Any
) -> None:
    """Have PDF copies that wait or were given up tried again by the next run."""
    keys = Desk(_ledger(obj)).attach(_search(search, document_keys), dry_run=dry_run)
    _tell(keys, "tried again by the next run", dry_run)


@documents.command("skip")
@click.argument("document_keys", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why, for the audit trail.")
@_dry_run
@click.pass_obj
def skip_documents(obj: Any, document_keys: tuple[str, ...], *, reason: str, dry_run: bool) -> None:
    """Decide that documents are never posted."""
    wanted = Search(keys=document_keys)
    _tell(Desk(_ledger(obj)).skip(wanted, reason, dry_run=dry_run), "skipped", dry_run)


@click.group("audit")
def audit() -> None:
    """Prove that the audit trail is whole."""


@audit.command("verify")
@click.pass_obj
def verify(obj: Any) -> None:
    """Recompute the chain of events, and compare every document with its events."""
    ledger = _ledger(obj)
    found = chain.verify(ledger.engine, ledger.keys)
    for fault in found.faults:
        click.echo(fault)
    if found.faults:
        click.echo(f"ERROR: The audit trail is broken: {len(found.faults)} faults.", err=True)
        sys.exit(EXIT_BROKEN_TRAIL)
    click.echo(f"The audit trail is whole: {found.events} events, the last one {found.head}")


@click.command("anonymise")
@click.option(
    "--older-than-days",
    type=click.IntRange(min=0),
    required=True,
    help="Only documents that were last touched this many days ago.",
)
@_dry_run
@click.pass_obj
def anonymise(obj: Any, /, *, older_than_days: int, dry_run: bool) -> None:
    """Forget names, addresses and contents of finished documents; the audit trail stays whole."""
    before = datetime.now(UTC) - timedelta(days=older_than_days)
    _tell(Desk(_ledger(obj)).anonymise(before, dry_run=dry_run), "anonymised", dry_run)


def _ledger(obj: Any) -> Ledger:
    """Open the ledger that the settings name, until the command ends; never make one."""
    url = with_defaults(obj.config)["ledger_url"]
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).exists():
        msg = (
            f"There is no ledger at {path} (setting ledger_url). Name it by --config FILE or "
            "TARGET_EXACT_ONLINE_LEDGER_URL."
        )
        raise ConfigError(msg)
    ledger = Ledger.open(url)
    click.get_current_context().call_on_close(ledger.close)
    return ledger


def _search(options: dict[str, Any], keys: tuple[str, ...] = ()) -> Search:
    return Search(
        states=tuple(options["states"]),
        stream=options["stream"],
        kind=options["kind"],
        order=options["order"],
        error=options["error"],
        keys=keys,
        changed=options.get("changed", False),
    )


def _facts(row: Row[Any]) -> dict[str, Any]:
    hidden = {"payload", "newer_payload", "payload_hash", "newer_hash", "claimed_by"}
    return {name: value for name, value in row._asdict().items() if name not in hidden}


def _print_table(rows: Sequence[Row[Any]]) -> None:
    # Without a terminal nothing is cut: the output may be searched.
    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name == "amount" else "left")
    for row in rows:
        table.add_row(*(str(value) if (value := getattr(row, name)) else "" for name in _COLUMNS))
    console.print(table)


def _tell(keys: Sequence[str], what: str, dry_run: bool) -> None:  # noqa: FBT001  # a flag of the command
    for key in keys:
        click.echo(key)
    would = "would be" if dry_run else "will be" if what.endswith("run") else "are"
    click.echo(f"{len(keys)} documents {would} {what}", err=True)

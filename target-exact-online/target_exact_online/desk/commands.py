"""The commands with which a person looks at documents and acts on them."""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector_credentials import clean
from exact_online.errors import ConfigError
from target_exact_online.copies.rows import COPY_COLUMNS
from target_exact_online.desk import documents as desk
from target_exact_online.desk.documents import Search
from target_exact_online.ledger import chain, payload
from target_exact_online.ledger.store import Ledger
from target_exact_online.settings import with_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Row

_STATES = ("held", "sending", "posted", "parked", "failed", "skipped")
_COLUMNS = ("document_key", "order_number", "state", "amount", "currency", "exact_number", "error")
_HIDDEN = frozenset(
    {"payload", "newer_payload", "payload_hash", "newer_hash", "newer_stream", "claimed_by", "sent"}
    | {"postings_hash", "last_seq", "summary_group", *COPY_COLUMNS}
)
_NOT_TOLD = frozenset({"run", "note", "facts", "payload_hash", "stream", "division"})
_NOTHING = Decimal("0.00")  # added to an amount it shows the cents
EXIT_BROKEN_TRAIL = 1


class Amount(click.ParamType[Decimal]):
    """An amount of money, exact."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it as Decimal."""
        try:
            return desk.amount_of(str(value))
        except ConfigError as error:
            self.fail(str(error), param, ctx)


def _search_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--division", type=int, help="Only those of this Exact company."),
        click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Booked on or before."),
        click.option(
            "--from", "since", type=click.DateTime(["%Y-%m-%d"]), help="Booked on or after."
        ),
        click.option("--month", metavar="YYYY-MM", help="Only those booked in this month."),
        click.option("--error", metavar="TEXT", help="Only those whose reason contains this."),
        click.option("--order", metavar="NUMBER", help="Only those of this order of the shop."),
        click.option(
            "--number", metavar="NUMBER", help="Only with this number: order, document or Exact's."
        ),
        click.option("--amount", type=Amount(), help="Only of this amount with VAT, or minus it."),
        click.option("--store", metavar="CODE", help="Only those of this store view."),
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
@click.option("--different", is_flag=True, help="Only those that Exact has in another way today.")
@click.option("--limit", type=int, help="How many at most; 100, with --json all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_obj
def list_documents(obj: Any, /, *, limit: int | None, as_json: bool, **search: Any) -> None:
    """List documents, oldest first."""
    if limit is None and not as_json:
        limit = 100
    more = None if limit is None else limit + 1
    rows = desk.find(open_ledger(obj), _search(search), limit=more)
    shown = itertools.islice(rows, limit)
    if as_json:
        for row in shown:
            click.echo(msgspec.json.encode(_facts(row)).decode())
    else:
        _print_table(shown)
    if next(rows, None) is not None:
        click.echo(f"There are more than {limit}; narrow the search or raise --limit.", err=True)


@documents.command("show")
@click.argument("document_key")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all of it.")
@click.pass_obj
def show_document(obj: Any, /, *, document_key: str, as_json: bool) -> None:
    """Show one document: how it is booked, what came in, and what happened."""
    shown = desk.show(open_ledger(obj), document_key)
    if as_json:
        click.echo(_as_json(shown).decode())
        return
    for name, value in _facts(shown.row).items():
        if value is not None:
            click.echo(f"{name + ':':<18}{clean(value)}")
    if shown.copy is not None:
        names = ("state", "exact_document_id", "attempts", "next_retry_at", "error")
        known = (f"{name} {clean(value)}" for name in names if (value := getattr(shown.copy, name)))
        click.echo(f"{'PDF copy:':<18}{', '.join(known)}")
    if shown.postings:
        click.echo(f"\nBooked, in {shown.row.currency}")
        _print_postings(shown.postings, shown.account_names)
    click.echo("\nHistory (UTC)")
    for at, kind, facts, words in shown.history:
        said = ", ".join(
            f"{name} {clean(value)}"
            for name, value in facts.items()
            if value is not None and name not in _NOT_TOLD
        )
        click.echo(f"  {at}  {kind:<16} {said}" + (f"\n    {clean(words)}" if words else ""))
    for title, record in (("Document", shown.record), ("Later version", shown.newer)):
        if record is not None:
            click.echo(f"\n{title}")
            text = msgspec.json.format(payload.encode(record), indent=2).decode()
            click.echo("\n".join(clean(line) for line in text.splitlines()))


@documents.command("replay")
@click.argument("document_keys", nargs=-1)
@_search_options
@click.option("--again", is_flag=True, help="Also posted ones: sent only if Exact lost them.")
@_dry_run
@click.pass_obj
def replay_documents(
    obj: Any, /, document_keys: tuple[str, ...], *, again: bool, dry_run: bool, **search: Any
) -> None:
    """Have documents that are parked, failed or skipped posted by the next run."""
    wanted = _search(search, document_keys)
    if wanted == Search():
        msg = "Name documents or narrow the search; retry-all takes everything that waits."
        raise click.UsageError(msg)
    keys = desk.replay(open_ledger(obj), wanted, again=again, dry_run=dry_run)
    _tell(keys, "posted by the next run", dry_run)


@documents.command("retry-all")
@_search_options
@_dry_run
@click.pass_obj
def retry_all(obj: Any, /, *, dry_run: bool, **search: Any) -> None:
    """Have everything that is parked or failed posted by the next run."""
    search["states"] = search["states"] or ("parked", "failed")
    keys = desk.replay(open_ledger(obj), _search(search), dry_run=dry_run)
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
    keys = desk.attach(open_ledger(obj), _search(search, document_keys), dry_run=dry_run)
    _tell(keys, "tried again by the next run", dry_run)


@documents.command("skip")
@click.argument("document_keys", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why, for the audit trail.")
@_dry_run
@click.pass_obj
def skip_documents(obj: Any, document_keys: tuple[str, ...], *, reason: str, dry_run: bool) -> None:
    """Decide that documents are never posted."""
    wanted = Search(keys=document_keys)
    _tell(desk.skip(open_ledger(obj), wanted, reason, dry_run=dry_run), "skipped", dry_run)


@click.group("audit")
def audit() -> None:
    """Prove that the audit trail is whole."""


@audit.command("verify")
@click.option("--head", metavar="HASH", help="A last hash of an earlier report: still there?")
@click.option("--since", metavar="HASH", help="Only the events behind the one with this hash.")
@click.pass_obj
def verify(obj: Any, /, *, head: str | None, since: str | None) -> None:
    """Recompute the chain of events, and compare every document with its events."""
    ledger = open_ledger(obj)
    found = chain.verify(ledger.engine, ledger.keys, head=head, since=since)
    for fault in found.faults:
        click.echo(clean(fault))
    if found.faults:
        click.echo(f"ERROR: The audit trail is broken: {len(found.faults)} faults.", err=True)
        sys.exit(EXIT_BROKEN_TRAIL)
    click.echo(f"The audit trail is whole: {found.events} events, the last one {found.head}")


@click.command("anonymise")
@click.option(
    "--older-than-days",
    type=click.IntRange(min=0),
    required=True,
    help="Only what was finished this many days ago; with --parked also what came that long ago.",
)
@click.option("--parked", is_flag=True, help="Also those that still wait for a person.")
@_dry_run
@click.pass_obj
def anonymise(obj: Any, /, *, older_than_days: int, parked: bool, dry_run: bool) -> None:
    """Forget names, addresses and contents of finished documents; the audit trail stays whole."""
    before = datetime.now(UTC) - timedelta(days=older_than_days)
    ledger = open_ledger(obj)
    _tell(desk.anonymise(ledger, before, parked_too=parked, dry_run=dry_run), "anonymised", dry_run)
    if parked and (kept := desk.kept_for_exact(ledger, before)):
        click.echo(
            f"{len(kept)} of that age are kept, because Exact may have them and is still to be "
            f"asked: {clean(', '.join(kept))}. Decide them first (documents replay, documents "
            "skip).",
            err=True,
        )


def open_ledger(obj: Any) -> Ledger:
    """Open the ledger that the settings name, until the command ends; never make one."""
    config = with_defaults(obj.config)
    url = config["ledger_url"]
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).exists():
        msg = (
            f"There is no ledger at {path} (setting ledger_url). Name it by --config FILE or "
            "TARGET_EXACT_ONLINE_LEDGER_URL."
        )
        raise ConfigError(msg)
    division = config.get("division")
    ledger = Ledger.open(url, None if division is None else int(division))
    click.get_current_context().call_on_close(ledger.close)
    return ledger


def _search(options: dict[str, Any], keys: tuple[str, ...] = ()) -> Search:
    try:
        first, last = desk.days_of(options.pop("month"))
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--month") from error
    since, until = options.pop("since"), options.pop("until")
    return Search(
        keys=keys,
        since=since.date().isoformat() if since else first,
        until=until.date().isoformat() if until else last,
        **options,
    )


def _facts(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name not in _HIDDEN}


def _as_json(shown: desk.Shown) -> bytes:
    history = [
        {"at": at, "event": kind, "facts": facts, "note": words}
        for at, kind, facts, words in shown.history
    ]
    everything = _facts(shown.row) | {
        "postings": [one._asdict() for one in shown.postings],
        "history": history,
        "document": shown.record,
        "later_version": shown.newer,
    }
    return msgspec.json.Encoder(decimal_format="number").encode(everything)


def _console() -> Console:
    # Without a terminal nothing is cut: the output may be searched.
    return Console(width=None if sys.stdout.isatty() else 10_000, highlight=False, markup=False)


def _print_table(rows: Iterable[Row[Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name == "amount" else "left")
    for row in rows:
        values = [getattr(row, name) for name in _COLUMNS]
        values[-1] = values[-1] or row.in_exact
        table.add_row(*(Text(clean(value)) if value else "" for value in values))
    _console().print(table)


def _print_postings(rows: Sequence[Row[Any]], names: Mapping[str, str]) -> None:
    """Print what is booked as a bookkeeper reads it, without the columns that are empty."""
    titles = (
        *("GL account", "name", "what", "cost center", "cost unit", "VAT code"),
        *("debit", "credit", "rule"),
    )
    cells: list[tuple[Any, ...]] = [
        (
            row.gl_account,
            names.get(row.gl_account) if row.gl_account else "(booked by Exact)",
            row.role,
            row.cost_center,
            row.cost_unit,
            row.vat_code,
            max(row.amount, _NOTHING) + _NOTHING,
            max(-row.amount, _NOTHING) + _NOTHING,
            row.rule,
        )
        for row in rows
    ]
    sums = (sum((one[side] for one in cells), _NOTHING) for side in (6, 7))
    cells.append(("total", *[None] * 5, *sums, None))
    table = Table(box=box.SIMPLE, show_edge=False)
    used = [place for place, column in enumerate(zip(*cells, strict=True)) if any(column)]
    for place in used:
        right = titles[place] in {"debit", "credit"}
        table.add_column(titles[place], justify="right" if right else "left")
    for line in cells:
        table.add_row(*(Text(clean(line[one]) if line[one] else "") for one in used))
    _console().print(table)


def _tell(keys: Iterable[str], what: str, dry_run: bool) -> None:  # noqa: FBT001  # a flag of the command
    count = 0
    for key in keys:
        click.echo(clean(key))
        count += 1
    would = "would be" if dry_run else "will be" if what.endswith("run") else "are"
    click.echo(f"{count} documents {would} {what}", err=True)

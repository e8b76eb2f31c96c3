"""`mapper-gl-rules rules ...`: look after the rules and see what they do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.exceptions import ConfigError, InputError
from mapper_gl_rules.money import show
from mapper_gl_rules.rules.loading import load_rules, parse_rules, read_rules
from mapper_gl_rules.source import Order
from mapper_gl_rules.tools.analysis import coverage, simulate
from mapper_gl_rules.tools.compare import compare
from mapper_gl_rules.tools.documents import Kind, read_input, shop_documents
from mapper_gl_rules.tools.explaining import explain
from mapper_gl_rules.tools.lint import lint
from mapper_gl_rules.tools.master_data import load_master_data
from mapper_gl_rules.tools.spreadsheet import from_csv, from_xlsx, to_csv, to_xlsx
from mapper_gl_rules.tools.starter import starter_rules
from mapper_gl_rules.tools.store import RulesStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mapper_gl_rules.rules.model import Rules
    from mapper_gl_rules.source import Document

__all__ = ["rules"]

_FINDINGS = 2  # exit code of lint with errors
_PATH = click.Path(path_type=Path)


def _store(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--store",
        envvar="RULES_STORE",
        help="Credential store with the versions (also RULES_STORE).",
    )(command)


def _rules_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--rules", "file", type=_PATH, help="Rules file (YAML).")(command)


def _input(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--input",
        "documents",
        type=_PATH,
        required=True,
        help="Documents: what the tap writes, or Adobe's REST answers; - reads standard input.",
    )(command)


_since = click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First entry date, such as 2026-01-31.",
)


@click.group()
def rules() -> None:
    """Look after the rules and see what they do."""


@rules.command("import")
@_store
@click.argument("file", type=_PATH)
@click.option("--note", default="", help="Why this version is made.")
@click.option("--create", is_flag=True, help="Make the store if there is none.")
def import_(store: str | None, file: Path, note: str, create: bool) -> None:  # noqa: FBT001  # click passes it
    """Store FILE (.yml, .xlsx or .csv) as a new version; it holds from the next run."""
    versions = _open(store, create=create)
    text = _as_yaml(file, versions)
    parse_rules(text, origin=str(file))
    version = versions.add(text, note or f"imported from {file.name}")
    click.echo(f"version {version.number}, {version.rules} rules")


@rules.command()
@_store
@_rules_option
@click.argument("output", type=_PATH)
@click.option("--version", "number", type=int, help="Default: the newest.")
def export(store: str | None, file: Path | None, output: Path, number: int | None) -> None:
    """Write a version, or a rules file, to OUTPUT (.yml, .xlsx or .csv)."""
    text = read_rules(file) if file else _open(store).text(number)[1]
    match output.suffix:
        case ".xlsx":
            output.write_bytes(to_xlsx(text))
        case ".csv":
            output.write_text(to_csv(text), encoding="utf-8-sig")  # Excel needs the mark
        case _:
            output.write_text(text, encoding="utf-8")
    click.echo(f"written to {output}")


@rules.command()
@_store
def history(store: str | None) -> None:
    """List the versions."""
    for version in _open(store).history():
        click.echo(
            f"{version.number:>5}  {version.made_at}  {version.made_by}  "
            f"{version.rules} rules  {version.note}",
        )


@rules.command()
@_store
@click.argument("old")
@click.argument("new", required=False)
def diff(store: str | None, old: str, new: str | None) -> None:
    """Say what differs between two versions or files; NEW is the newest version by default."""
    before, after = (_version_or_file(store, one) for one in (old, new))
    changes = compare(before, after)
    for change in changes:
        click.echo(change)
    if not changes:
        click.echo("no difference")


@rules.command()
@_store
@click.argument("number", type=int)
@click.option("--note", default="", help="Why.")
def rollback(store: str | None, number: int, note: str) -> None:
    """Make version NUMBER the newest again, as a further version."""
    version = _open(store).roll_back(number, note)
    click.echo(f"version {version.number} is version {number} again")


@rules.command("lint")
@_store
@_rules_option
@click.option("--master", help="Exact's master data: JSON file, or the target's ledger_url.")
@click.pass_context
def lint_(ctx: click.Context, store: str | None, file: Path | None, master: str | None) -> None:
    """Check rules: unreachable, overlapping, missing default, wrong codes and rates.

    Exit code 2 when there are errors.
    """
    known = load_master_data(master) if master else None
    findings = lint(_load(store, file), known)
    for finding in findings:
        where = f"line {finding.line}" if finding.line else "file"
        click.echo(f"{finding.level}: {where}: {finding.kind}: {finding.text}")
    errors = sum(finding.level == "error" for finding in findings)
    click.echo(f"{errors} errors, {len(findings) - errors} warnings")
    if errors:
        ctx.exit(_FINDINGS)


@rules.command("explain")
@_store
@_rules_option
@_input
@click.option("--order", "number", required=True, help="Number of an order, invoice or memo.")
def explain_(store: str | None, file: Path | None, documents: Path, number: str) -> None:
    """Say for every line of an order's documents which rule books it and why."""
    booker = Booker(_load(store, file))
    found = False
    for kind, document in _documents(documents, booker.rules):
        order = document if isinstance(document, Order) else document.order
        if number in {document.increment_id, order.increment_id if order else None}:
            found = True
            for line in explain(booker, kind, document):
                click.echo(line)
    if not found:
        raise InputError(
            what=f"there is no order {number} among the documents",
            where=str(documents),
            what_to_do="Check the number, or extract its period with the tap.",
        )


@rules.command("coverage")
@_store
@_rules_option
@_input
@_since
@click.option("--days", type=int, help="Instead of --since: the last so many days.")
def coverage_(
    store: str | None,
    file: Path | None,
    documents: Path,
    since: datetime | None,
    days: int | None,
) -> None:
    """List which sold SKUs, rates and countries fall to a default rule or to nothing."""
    first = since.date() if since else None
    if days is not None:
        first = datetime.now(UTC).date() - timedelta(days=days)
    loaded = _load(store, file)
    gaps, seen = coverage(_documents(documents, loaded), loaded, first)
    for gap in gaps:
        rate = "-" if gap.rate is None else f"{gap.rate.normalize():f} %"
        amounts = ", ".join(f"{show(net)} {currency}" for currency, net in gap.net.items())
        click.echo(
            f"{gap.rule or 'NO RULE'}: {gap.kind} {gap.sku}, {rate}, {gap.country or '-'}: "
            f"{gap.lines} lines, {amounts}",
        )
    nothing = sum(gap.lines for gap in gaps if gap.rule is None)
    default = sum(gap.lines for gap in gaps) - nothing
    click.echo(f"{seen} lines: {nothing} without a rule, {default} by a default")


@rules.command("simulate")
@_store
@click.option("--rules", "file", type=_PATH, required=True, help="The new rules.")
@click.option("--current", type=_PATH, help="The present rules; default: the store's newest.")
@_input
@_since
def simulate_(
    store: str | None,
    file: Path,
    current: Path | None,
    documents: Path,
    since: datetime | None,
) -> None:
    """Say what new rules would book differently, in money per GL account and VAT code."""
    first: date | None = since.date() if since else None
    old, new = _load(store, current), load_rules(file)
    result = simulate(_documents(documents, old), old, new, first)
    for title, table in (("GL", result.accounts), ("VAT code", result.vat)):
        for (name, currency), (before, after) in table.items():
            click.echo(
                f"{title} {name}: {show(before)} -> {show(after)} {currency} "
                f"({'+' if after > before else ''}{show(after - before)})",
            )
    for key, reason in result.refused.items():
        click.echo(f"refused by the new rules: {key}: {reason}")
    for key in result.accepted:
        click.echo(f"no longer refused: {key}")
    click.echo(f"{len(result.documents)} documents would be booked differently")


@rules.command()
@click.option("--master", required=True, help="Exact's master data: JSON or ledger_url.")
@click.option(
    "--tax-rates", type=_PATH, required=True, help="Adobe's answer of taxRates/search (JSON)."
)
@click.option("--home-country", default="NL", show_default=True)
@click.option("--debtor", default="customer", show_default=True, help="Account code or customer.")
@click.option("--time-zone", default="Europe/Amsterdam", show_default=True)
@click.option("--currency", default="EUR", show_default=True)
@click.argument("output", type=_PATH)
def init(
    master: str,
    tax_rates: Path,
    home_country: str,
    debtor: str,
    time_zone: str,
    currency: str,
    output: Path,
) -> None:
    """Write first rules to OUTPUT, from Exact's chart of accounts and the shop's tax rates."""
    if output.exists():
        raise ConfigError(
            what="there is a file already",
            where=str(output),
            what_to_do="Name another file, or move it away.",
        )
    try:
        rates = msgspec.json.decode(read_input(tax_rates))
        items = rates["items"] if isinstance(rates, dict) else rates
        pairs = [{"tax_country_id": one["tax_country_id"], "rate": one["rate"]} for one in items]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise InputError(
            what="these are no tax rates",
            where=str(tax_rates),
            what_to_do="Give Adobe's answer to GET taxRates/search.",
        ) from error
    text = starter_rules(
        load_master_data(master),
        pairs,
        home_country=home_country,
        debtor=debtor,
        time_zone=time_zone,
        currency=currency,
    )
    made = parse_rules(text, origin=str(output))
    output.write_text(text, encoding="utf-8")
    click.echo(f"{len(made.rules)} rules written to {output}")


def _documents(file: Path, rules: Rules) -> Iterator[tuple[Kind, Document | Order]]:
    return shop_documents(file, base=rules.settings.amounts == "base")


def _open(store: str | None, *, create: bool = False) -> RulesStore:
    if not store:
        raise ConfigError(
            what="no store is named",
            where="option --store",
            what_to_do="Name the credential store, or set RULES_STORE.",
        )
    return RulesStore(store, create=create)


def _load(store: str | None, file: Path | None) -> Rules:
    return load_rules(file) if file is not None else _open(store).rules()


def _version_or_file(store: str | None, name: str | None) -> Rules:
    if name is None or name.isdecimal():
        return _open(store).rules(int(name) if name else None)
    return load_rules(Path(name))


def _as_yaml(file: Path, versions: RulesStore) -> str:
    """Read a YAML file or a spreadsheet; a CSV takes settings from the newest version."""
    match file.suffix:
        case ".xlsx":
            return from_xlsx(read_input(file))
        case ".csv":
            table = read_input(file).decode("utf-8-sig")
            return from_csv(table, versions.text()[1])
        case _:
            return read_rules(file)

"""`mapper-gl-rules rules ...`: look after the rules and see what they do."""

from __future__ import annotations

import sys
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
from mapper_gl_rules.tools.book import book_documents
from mapper_gl_rules.tools.chart import Choices, time_zone_of
from mapper_gl_rules.tools.compare import compare
from mapper_gl_rules.tools.coverage import Coverage, coverage
from mapper_gl_rules.tools.documents import read_input, read_tax_rates, shop_documents
from mapper_gl_rules.tools.explain import explain, texts
from mapper_gl_rules.tools.lint import lint
from mapper_gl_rules.tools.master_data import division_of, load_master_data
from mapper_gl_rules.tools.show import print_entry, say
from mapper_gl_rules.tools.simulate import simulate
from mapper_gl_rules.tools.spreadsheet import from_csv, from_xlsx, to_csv, to_xlsx
from mapper_gl_rules.tools.starter import starter_rules
from mapper_gl_rules.tools.store import RulesStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mapper_gl_rules.rules.facts import DocumentKind
    from mapper_gl_rules.rules.model import Rules
    from mapper_gl_rules.source import Document

__all__ = ["book", "rules"]

_FINDINGS = 2  # exit code of lint with errors, and of coverage with refused documents
_SHOWN = 3  # documents that are named for a reason
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


def _names(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--division", type=int, help="Whose names, of several divisions.")(
        command
    )
    return click.option(
        "--master", help="Exact's master data, for names: JSON file, or the target's ledger_url."
    )(command)


_as_json = click.option("--json", "as_json", is_flag=True, help="For machines.")


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
    say(f"version {version.number}, {version.rules} rules")


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
    say(f"written to {output}")


@rules.command()
@_store
def history(store: str | None) -> None:
    """List the versions."""
    for version in _open(store).history():
        say(
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
        say(change)
    if not changes:
        say("no difference")


@rules.command()
@_store
@click.argument("number", type=int)
@click.option("--note", default="", help="Why.")
def rollback(store: str | None, number: int, note: str) -> None:
    """Make version NUMBER the newest again, as a further version."""
    version = _open(store).roll_back(number, note)
    say(f"version {version.number} is version {number} again")


@rules.command("lint")
@_store
@_rules_option
@click.option("--master", help="Exact's master data: JSON file, or the target's ledger_url.")
@click.option("--division", type=int, help="The target's own, where the master data has several.")
@click.pass_context
def lint_(
    ctx: click.Context,
    store: str | None,
    file: Path | None,
    master: str | None,
    division: int | None,
) -> None:
    """Check rules: unreachable, overlapping, missing default, wrong codes and rates.

    Exit code 2 when there are errors.
    """
    known = load_master_data(master) if master else None
    findings = lint(_load(store, file), known, division)
    for finding in findings:
        where = f"line {finding.line}" if finding.line else "file"
        say(f"{finding.level}: {where}: {finding.kind}: {finding.text}")
    errors = sum(finding.level == "error" for finding in findings)
    say(f"{errors} errors, {len(findings) - errors} warnings")
    if errors:
        ctx.exit(_FINDINGS)


@rules.command("explain")
@_store
@_rules_option
@_input
@_names
@_as_json
@click.option("--order", "number", required=True, help="Number of an order, invoice or memo.")
def explain_(
    store: str | None,
    file: Path | None,
    documents: Path,
    master: str | None,
    division: int | None,
    as_json: bool,  # noqa: FBT001  # click passes it
    number: str,
) -> None:
    """Say for every line of an order's documents which rule books it and why."""
    booker = Booker(_load(store, file))
    names = division_of(load_master_data(master), division) if master else None
    found = []
    for kind, document in _documents(documents, booker.rules):
        order = document if isinstance(document, Order) else document.order
        if number in {document.increment_id, order.increment_id if order else None}:
            found.append(explain(booker, kind, document))
    if not found:
        raise InputError(
            what=f"there is no order {number} among the documents",
            where=str(documents),
            what_to_do="Check the number, or extract its period with the tap.",
        )
    if as_json:
        _print_json(found)
        return
    for one in found:
        for line in texts(one):
            say(line)
        for entry in one.entries:
            print_entry(entry, names)


@click.command()
@_rules_option
@_store
@_input
@_names
@click.option("--json/--table", "as_json", default=None, help="Default: a table on a terminal.")
def book(
    file: Path | None,
    store: str | None,
    documents: Path,
    master: str | None,
    division: int | None,
    as_json: bool | None,  # noqa: FBT001  # click passes it
) -> None:
    """Book documents of the shop and print the balanced entries.

    The input is {"order" or "orders", "invoices", "creditmemos"} as Adobe's REST API answers them,
    or what the tap writes. The entries have the debtor and VAT lines that Exact will make.
    """
    loaded = _load(store, file)
    names = division_of(load_master_data(master), division) if master else None
    report = book_documents(_documents(documents, loaded), loaded)
    if as_json or (as_json is None and not sys.stdout.isatty()):
        _print_json(report)
        return
    for entry in report["documents"]:
        print_entry(entry, names)
    for state in ("refused", "skipped"):
        for one in report[state]:
            reason = f"{one['reason']} ({one['where']}). {one['what_to_do']}"
            say(f"{state}: {one['kind'].replace('_', ' ')} {one['ref']}: {reason}")
    count = " and ".join(f"{len(report[state])} {state}" for state in ("refused", "skipped"))
    say(f"{len(report['documents'])} entries, {count}, rules {report['rules_version']}")


@rules.command("coverage")
@_store
@_rules_option
@_input
@_since
@_as_json
@click.option("--days", type=int, help="Instead of --since: the last so many days.")
@click.pass_context
def coverage_(
    ctx: click.Context,
    store: str | None,
    file: Path | None,
    documents: Path,
    since: datetime | None,
    as_json: bool,  # noqa: FBT001  # click passes it
    days: int | None,
) -> None:
    """Count what becomes of documents, and list what a default rule takes or nothing.

    Booked, refused and skipped together are all documents. Exit code 2 when one is refused.
    """
    first = since.date() if since else None
    if days is not None:
        first = datetime.now(UTC).date() - timedelta(days=days)
    loaded = _load(store, file)
    found = coverage(_documents(documents, loaded), loaded, first)
    if as_json:
        _print_json(found)
    else:
        _print_coverage(found)
    if found.refused:
        ctx.exit(_FINDINGS)


def _print_coverage(found: Coverage) -> None:
    for gap in found.gaps:
        rate = "-" if gap.rate is None else f"{gap.rate.normalize():f} %"
        amounts = ", ".join(f"{show(net)} {currency}" for currency, net in gap.net.items())
        say(
            f"{gap.rule or 'NO RULE'}: {gap.kind} {gap.sku}, {rate}, {gap.country or '-'}: "
            f"{gap.lines} lines, {amounts}",
        )
    nothing = sum(gap.lines for gap in found.gaps if gap.rule is None)
    default = sum(gap.lines for gap in found.gaps) - nothing
    say(f"{found.lines} lines: {nothing} without a rule, {default} by a default")
    totals = []
    for state, reasons in (("refused", found.refused), ("skipped", found.skipped)):
        for reason, some in sorted(reasons.items(), key=lambda one: -len(one[1])):
            more = f" and {len(some) - _SHOWN} more" if len(some) > _SHOWN else ""
            say(f"{state}, {len(some)}: {reason}: {', '.join(some[:_SHOWN])}{more}")
        totals.append(f"{sum(map(len, reasons.values()))} {state}")
    say(f"{found.documents} documents: {found.booked} booked, {', '.join(totals)}")
    if found.unwanted:
        say(f"{found.unwanted} orders are not counted: these rules book nothing for orders")


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
    """Say what new rules would book differently, in money per account, VAT code, cost center."""
    first: date | None = since.date() if since else None
    old, new = _load(store, current), load_rules(file)
    result = simulate(_documents(documents, old), old, new, first)
    for (title, name, currency), (before, after) in result.amounts.items():
        say(
            f"{title} {name}: {show(before)} -> {show(after)} {currency} "
            f"({'+' if after > before else ''}{show(after - before)})",
        )
    for key, reason in result.refused.items():
        say(f"refused by the new rules: {key}: {reason}")
    for key in result.accepted:
        say(f"no longer refused: {key}")
    say(f"{len(result.documents)} documents would be booked differently")


@rules.command()
@click.option("--master", required=True, help="Exact's master data: JSON or ledger_url.")
@click.option("--division", type=int, help="Division, where the master data has several.")
@click.option(
    "--tax-rates", type=_PATH, required=True, help="Adobe's answer of taxRates/search (JSON)."
)
@click.option(
    "--debtor", help="Relation of Exact that consumers are booked on; customer: one of each."
)
@click.option(
    "--cost-center",
    "centers",
    multiple=True,
    metavar="[WEBSITE=]CODE",
    help="Cost center of everything, or of a website of the shop; may be repeated.",
)
@click.option("--voucher", "vouchers", multiple=True, help="SKU of a gift voucher that is sold.")
@click.option(
    "--input", "documents", type=_PATH, help="Documents, as the tap writes them: name the websites."
)
@click.option("--home-country", help="Default: the division's.")
@click.option("--currency", help="Default: the division's.")
@click.option("--time-zone", help="Default: the country's, if it has one only.")
@click.argument("output", type=_PATH)
def init(  # noqa: PLR0913, PLR0917  # one argument per option
    master: str,
    division: int | None,
    tax_rates: Path,
    debtor: str | None,
    centers: tuple[str, ...],
    vouchers: tuple[str, ...],
    documents: Path | None,
    home_country: str | None,
    currency: str | None,
    time_zone: str | None,
    output: Path,
) -> None:
    """Write first rules to OUTPUT, from Exact's chart of accounts and the shop's tax rates.

    Read them with the accountant: what was not found is listed, and refused by the rules.
    """
    if output.exists():
        raise ConfigError(
            what="there is a file already",
            where=str(output),
            what_to_do="Name another file, or move it away.",
        )
    data = division_of(load_master_data(master), division)
    found = data.division
    home = home_country or ((found and found.country) or "").strip()
    pairs = [one.rpartition("=") for one in centers]
    choices = Choices(
        home_country=_known(home, "--home-country", "the home country"),
        currency=_known(
            currency or ((found and found.currency) or "").strip(), "--currency", "the currency"
        ),
        time_zone=_known(time_zone or time_zone_of(home), "--time-zone", "the time zone"),
        debtor=debtor,
        cost_center=next((code for website, _, code in pairs if not website), None),
        cost_centers={website: code for website, _, code in pairs if website},
        websites=frozenset(_websites(documents)) if documents else frozenset(),
        vouchers=vouchers,
    )
    text, notes = starter_rules(data, read_tax_rates(tax_rates), choices)
    made = parse_rules(text, origin=str(output))
    output.write_text(text, encoding="utf-8")
    for note in notes:
        say(f"not found: {note}")
    say(f"{len(made.rules)} rules written to {output}")


def _known(value: str | None, option: str, what: str) -> str:
    if not value:
        raise ConfigError(
            what=f"{what} cannot be told from the master data",
            where=f"option {option}",
            what_to_do="Give the option.",
        )
    return value


def _websites(file: Path) -> Iterator[str]:
    for _, document in shop_documents(file):
        if document.source is not None and document.source.website_code:
            yield document.source.website_code


def _print_json(found: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1))


def _documents(file: Path, rules: Rules) -> Iterator[tuple[DocumentKind, Document | Order]]:
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

"""`mapper-gl-rules rules ...`: look after the rules and see what they do."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.exceptions import ConfigError, InputError
from mapper_gl_rules.money import show
from mapper_gl_rules.rules.loading import load_rules, parse_rules
from mapper_gl_rules.source import Order
from mapper_gl_rules.tools.book import book_documents
from mapper_gl_rules.tools.chart import Choices, time_zone_of
from mapper_gl_rules.tools.coverage import Coverage, coverage
from mapper_gl_rules.tools.documents import read_tax_rates, shop_documents
from mapper_gl_rules.tools.explain import explain, texts
from mapper_gl_rules.tools.lint import lint
from mapper_gl_rules.tools.master_data import division_of, load_master_data
from mapper_gl_rules.tools.options import (
    PATH,
    as_json_option,
    input_option,
    load,
    master_options,
    print_json,
    rules_option,
    since_option,
    store_option,
)
from mapper_gl_rules.tools.show import print_entry, say
from mapper_gl_rules.tools.simulate import simulate
from mapper_gl_rules.tools.starter import starter_rules
from mapper_gl_rules.tools.versions import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mapper_gl_rules.rules.facts import DocumentKind
    from mapper_gl_rules.rules.model import Rules
    from mapper_gl_rules.source import Document

__all__ = ["book", "rules"]

_FINDINGS = 2  # exit code of lint with errors, and of coverage with refused documents
_SHOWN = 3  # documents that are named for a reason


@click.group()
def rules() -> None:
    """Look after the rules and see what they do."""


for _command in COMMANDS:
    rules.add_command(_command)


@rules.command("lint")
@store_option
@rules_option
@master_options
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
    findings = lint(load(store, file), known, division)
    for finding in findings:
        where = f"line {finding.line}" if finding.line else "file"
        say(f"{finding.level}: {where}: {finding.kind}: {finding.text}")
    errors = sum(finding.level == "error" for finding in findings)
    say(f"{errors} errors, {len(findings) - errors} warnings")
    if errors:
        ctx.exit(_FINDINGS)


@rules.command("explain")
@store_option
@rules_option
@input_option
@master_options
@as_json_option
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
    booker = Booker(load(store, file))
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
        print_json(found)
        return
    for one in found:
        for line in texts(one):
            say(line)
        for entry in one.entries:
            print_entry(entry, names)


@click.command()
@rules_option
@store_option
@input_option
@master_options
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
    loaded = load(store, file)
    names = division_of(load_master_data(master), division) if master else None
    report = book_documents(_documents(documents, loaded), loaded)
    if as_json or (as_json is None and not sys.stdout.isatty()):
        print_json(report)
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
@store_option
@rules_option
@input_option
@since_option
@as_json_option
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
    loaded = load(store, file)
    found = coverage(_documents(documents, loaded), loaded, first)
    if as_json:
        print_json(found)
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
@store_option
@click.option("--rules", "file", type=PATH, required=True, help="The new rules.")
@click.option("--current", type=PATH, help="The present rules; default: the store's newest.")
@input_option
@since_option
def simulate_(
    store: str | None,
    file: Path,
    current: Path | None,
    documents: Path,
    since: datetime | None,
) -> None:
    """Say what new rules would book differently, in money per account, VAT code, cost center."""
    first: date | None = since.date() if since else None
    old, new = load(store, current), load_rules(file)
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
@master_options
@click.option(
    "--tax-rates", type=PATH, required=True, help="Adobe's answer of taxRates/search (JSON)."
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
    "--input", "documents", type=PATH, help="Documents, as the tap writes them: name the websites."
)
@click.option("--home-country", help="Default: the division's.")
@click.option("--currency", help="Default: the division's.")
@click.option("--time-zone", help="Default: the country's, if it has one only.")
@click.argument("output", type=PATH)
def init(  # noqa: PLR0913, PLR0917  # one argument per option
    master: str | None,
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
    data = division_of(load_master_data(_known(master, "--master", "what may be named")), division)
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


def _documents(file: Path, rules: Rules) -> Iterator[tuple[DocumentKind, Document | Order]]:
    return shop_documents(file, base=rules.settings.amounts == "base")

"""The commands with which an accountant closes a month."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from connector_credentials import clean
from exact_online.client import division_of
from exact_online.errors import ConfigError
from target_exact_online.desk.commands import open_ledger
from target_exact_online.month_end import proposals, sign_off, text
from target_exact_online.month_end.kept import open_month
from target_exact_online.month_end.reports import Files
from target_exact_online.month_end.run import (
    DEPTHS,
    SOURCES,
    Order,
    changed_months,
    compare,
    mirror_of,
    month_of,
    today,
)
from target_exact_online.run import post_held
from target_exact_online.settings import with_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.model import Result
    from target_exact_online.month_end.sides import Month

EXIT_DIFFERENCES, EXIT_NOT_DONE = 3, 1


class _Reconcile(click.Group):
    """A group whose option ``--source xaf`` names its file, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take ``--source xaf FILE`` apart."""
        for place, word in enumerate(args[:-1]):
            follows = args[place + 2] if len(args) > place + 2 else "-"  # its value
            if word == "--source" and args[place + 1] == "xaf" and not follows.startswith("-"):
                args[place + 2 : place + 2] = ["--audit-file"]
                break
        return super().parse_args(ctx, args)


@click.group("reconcile", cls=_Reconcile, invoke_without_command=True)
@click.option("--month", metavar="YYYY-MM", help="The month; also this or last.")
@click.option("--division", type=int, help="Another Exact company than the setting's.")
@click.option("--shop", metavar="FILE", help="The shop's side as Singer messages; - is stdin.")
@click.option("--source", type=click.Choice(SOURCES), default="api", show_default=True)
@click.option(
    "--audit-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The audit file of the source xaf.",
)
@click.option("--depth", type=click.Choice(DEPTHS), default="lines", show_default=True)
@click.option("--html", "html_file", metavar="FILE", help="Write a page, for screen and paper.")
@click.option("--xlsx", "xlsx_file", metavar="FILE", help="Write a spreadsheet.")
@click.option("--json", "json_file", metavar="FILE", help="Write everything, for programs.")
@click.option("--with-names", is_flag=True, help="Name the people who changed something.")
@click.option("--rounding-account", "rounding", multiple=True, metavar="CODE")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "never"]),
    default="warning",
    show_default=True,
    help="From which difference on the exit code is 3.",
)
@click.option(
    "--changed-months",
    is_flag=True,
    help="Also compare again each earlier month that has changed since it was compared.",
)
@click.pass_context
def reconcile(ctx: click.Context, /, **options: Any) -> None:
    """Compare a month: shop, ledger and Exact, every cent explained."""
    if ctx.invoked_subcommand is not None:
        return
    if not options["month"]:
        msg = "Name the month: --month 2026-10."
        raise click.UsageError(msg)
    files = Files.of(options)
    ledger = open_ledger(ctx.obj)
    result = _compare(ctx.obj, options)
    sign_off.keep(ledger, result)
    show(result, files)
    codes = {exit_code(result, options["fail_on"])}
    for day in changed_months(ledger, result) if options["changed_months"] else ():
        click.echo()
        again = options | {"month": f"{day:%Y-%m}", "shop": None}
        earlier = _compare(ctx.obj, again)
        sign_off.keep(ledger, earlier)
        show(earlier, Files())
        codes.add(exit_code(earlier, options["fail_on"]))
    sys.exit(EXIT_NOT_DONE if EXIT_NOT_DONE in codes else max(codes))


def show(result: Result, files: Files, *, err: bool = False) -> None:
    """Print a result, and write its files.

    Args:
        result: The result.
        files: Where to.
        err: Print to standard error: standard output belongs to Singer.
    """
    for line in text.lines_of(result):
        click.echo(line, err=err)
    files.write(result)


_month = click.option("--month", metavar="YYYY-MM", required=True, help="The month.")
_division = click.option("--division", type=int, help="Another company than the setting's.")


@reconcile.command("sign")
@_month
@_division
@click.option("--note", required=True, help="Your words, for the audit trail.")
@click.pass_obj
def sign(obj: Any, /, *, month: str, division: int | None, note: str) -> None:
    """Sign the newest comparison of a month off; a changed document makes it stale."""
    ledger = open_ledger(obj)
    signed = sign_off.sign(ledger, _known(obj, ledger, month, division), note).sign_off
    if signed is not None:
        click.echo(f"Signed by {clean(signed.signed_by)}, event {signed.chain_hash}")


@reconcile.command("status")
@_month
@_division
@click.pass_obj
def status(obj: Any, /, *, month: str, division: int | None) -> None:
    """Say whether a month is signed off, and whether that still holds; makes no call."""
    ledger = open_ledger(obj)
    known = _known(obj, ledger, month, division)
    found = sign_off.standing(ledger, known, exact_state=mirror_of(ledger, known))
    if found is None:
        click.echo(f"{month} is not signed off.")
    else:
        when = f"{found.signed_at:%Y-%m-%d %H:%M} UTC"
        click.echo(clean(f"{month} is {found.status}: {found.signed_by}, {when}: {found.note}"))
    if found is None or found.status == "stale":
        sys.exit(EXIT_DIFFERENCES)


@reconcile.command("history")
@_month
@_division
@click.option("--json", "as_json", is_flag=True, help="The newest comparison, as JSON.")
@click.pass_obj
def history(obj: Any, /, *, month: str, division: int | None, as_json: bool) -> None:
    """List the comparisons of a month, newest first."""
    ledger = open_ledger(obj)
    known = _known(obj, ledger, month, division)
    found = sign_off.history(ledger, known.division, known.year, known.period)
    if as_json:
        click.echo(msgspec.json.encode(sign_off.content(ledger, found[0])).decode())
        return
    for one in found:
        signed = one.sign_off
        words = f", {signed.status} by {signed.signed_by}: {signed.note}" if signed else ""
        click.echo(clean(f"{one.made_at:%Y-%m-%d %H:%M} UTC  {one.outcome}{words}"))


@reconcile.command("approve")
@click.argument("proposal")
@_month
@_division
@click.pass_obj
def approve(obj: Any, /, *, proposal: str, month: str, division: int | None) -> None:
    """Approve an entry that the last comparison of a month proposes; it is sent, and reversed."""
    ledger = open_ledger(obj)
    known = _known(obj, ledger, month, division)
    kept = open_month(ledger, known.division, known.year, known.period)
    keys = proposals.approve(ledger, known, kept.result.proposals, proposal)
    click.echo(clean(f"Approved: {proposal}"))
    try:
        post_held(with_defaults(obj.config) | {"division": known.division})
    finally:  # what is not posted now is posted by the next run
        states = proposals.states(ledger, keys)
        for key, state, told in states:
            click.echo(clean(f"{key}: {state} {told}"))
    if any(state != "posted" for _, state, _ in states):
        sys.exit(EXIT_DIFFERENCES)


def _known(obj: Any, ledger: Ledger, text_: str, division: int | None) -> Month:
    """Return a month that was compared before: its periods are known without a call."""
    company = division or division_of(with_defaults(obj.config))
    day = month_of(text_, today())
    found = sign_off.month_of(ledger, company, day)
    if found is None:
        msg = f"{text_} was never compared. Run `reconcile --month {text_}` first."
        raise ConfigError(msg)
    return found


def _compare(obj: Any, options: dict[str, Any]) -> Result:
    config = with_defaults(obj.config)
    ledger = open_ledger(obj)
    division = options["division"] or division_of(config)
    with _messages(options["shop"]) as messages:
        order = Order(
            month=month_of(options["month"], today()),
            division=division,
            source=options["source"],
            audit_file=options["audit_file"],
            depth=options["depth"],
            messages=messages,
            with_names=options["with_names"],
            rounding_accounts=frozenset(options["rounding"]),
        )
        return compare(config | {"division": division}, ledger, order)


@contextlib.contextmanager
def _messages(name: str | None) -> Iterator[Any]:
    if name is None:
        yield None
    elif name == "-":
        yield sys.stdin.buffer
    else:
        with Path(name).open("rb") as file:
            yield file


def exit_code(result: Result, fail_on: str) -> int:
    """Return 0 when all agrees, 3 when something differs, 1 when it was not compared.

    Args:
        result: The result.
        fail_on: ``error``, ``warning`` or ``never``.
    """
    if result.outcome == "incomplete":
        return EXIT_NOT_DONE
    severities = {one.severity for one in result.findings}
    counted = {"error": {"error"}, "warning": {"error", "warning"}, "never": set()}[fail_on]
    differs = bool(severities & counted) or (fail_on != "never" and bool(result.unexplained))
    return EXIT_DIFFERENCES if differs else 0

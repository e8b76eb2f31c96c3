"""``commerce-sandbox exact``: what people do in Exact, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commerce_sandbox.data_dir import opened
from commerce_sandbox.exact.booking import PROCESSED
from commerce_sandbox.exact.bookkeeper import BLOCKABLE, Bookkeeper
from commerce_sandbox.exact.closing import FREQUENCIES, KINDS
from commerce_sandbox.exact.credentials import DIVISION

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = ("date", "debtor", "reference", "journal", "currency", "description")
_LINE = ("gl-account", "vat-code", "cost-center", "cost-unit")


@click.group("exact")
def group() -> None:
    """Do what people do in Exact on screen."""


def _command(
    name: str, *options: Callable[..., Any], text: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator: a command of a bookkeeper, with the options that all have."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        def run(data_dir: Path, division: int, person: str, **rest: Any) -> None:
            function(Bookkeeper(opened(data_dir), person, division), **rest)

        run.__doc__ = function.__doc__
        for option in reversed((*options, *_EVERYWHERE)):
            run = option(run)
        group.command(name, help=text)(run)
        return function

    return decorate


_EVERYWHERE = (
    click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        required=True,
        help="Folder of the sandbox's database.",
    ),
    click.option("--division", default=DIVISION, show_default=True),
    click.option("--as", "person", default="Bookkeeping", show_default=True, help="Who does it."),
)
_PERIOD = (
    click.option("--year", type=int, required=True),
    click.option("--period", type=int, required=True),
    click.option("--journal", help="Only this journal."),
)
_ENTRY = click.argument("entry")


def _parse_period(_: click.Context, __: click.Parameter, value: str | None) -> Any:
    if value is None:
        return None
    year, _dash, period = value.partition("-")
    if not (year.isdecimal() and period.isdecimal()):
        message = "is written YEAR-PERIOD, such as 2026-11"
        raise click.BadParameter(message)
    return int(year), int(period)


_FIELDS = (
    *(click.option(f"--{name}") for name in _HEADER),
    click.option("--period", callback=_parse_period, help="YEAR-PERIOD."),
)


@_command("close-period", *_PERIOD)
def _close_period(bookkeeper: Bookkeeper, **what: Any) -> None:
    """Close a period."""
    bookkeeper.close_period(**what)


@_command("open-period", *_PERIOD)
def _open_period(bookkeeper: Bookkeeper, **what: Any) -> None:
    """Open a period again."""
    bookkeeper.open_period(**what)


@_command(
    "edit",
    _ENTRY,
    *_FIELDS,
    click.option("--line", type=int, help="Line that the following options change."),
    *(click.option(f"--{name}") for name in _LINE),
    click.option("--amount", type=float),
    click.option("--vat-amount", type=float),
)
def _edit(bookkeeper: Bookkeeper, entry: str, line: int | None, **fields: Any) -> None:
    """Change the entry with this key, number or reference."""
    given = {name: value for name, value in fields.items() if value is not None}
    of_line = {name.replace("-", "_") for name in _LINE} | {"amount", "vat_amount"}
    if line is not None:
        of_line |= {"description"}
    changed = {name: given.pop(name) for name in of_line & given.keys()}
    if changed and line is None:
        message = f"--{min(changed).replace('_', '-')} needs --line"
        raise click.UsageError(message)
    bookkeeper.edit(entry, {} if line is None else {line: changed}, **given)


@_command("delete", _ENTRY)
def _delete(bookkeeper: Bookkeeper, entry: str) -> None:
    """Delete the entry with this key, number or reference."""
    bookkeeper.delete(entry)


def _parse_lines(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> Any:
    names = ("gl_account", "amount", "vat_code", "cost_center")
    lines = []
    for value in values:
        parts = value.split(":")
        line: dict[str, Any] = dict(zip(names, parts, strict=False))
        try:
            line["amount"] = float(line["amount"])
        except (KeyError, ValueError):
            message = f"{value!r} is not GL:AMOUNT[:VAT[:COSTCENTER]]"
            raise click.BadParameter(message) from None
        lines.append({name: part for name, part in line.items() if part != ""})
    return lines


@_command(
    "type-entry",
    click.option("--type", "entry_type", type=int, help="Of a journal entry; default: 90."),
    click.option("--like", help="Key, number or reference of an entry to type once more."),
    *_FIELDS,
    click.option(
        "--line",
        "lines",
        multiple=True,
        callback=_parse_lines,
        metavar="GL:AMOUNT[:VAT[:COSTCENTER]]",
        help="Debit positive in a general journal.",
    ),
)
def _type_entry(bookkeeper: Bookkeeper, lines: list[dict[str, Any]], **fields: Any) -> None:
    """Type an entry by hand and print its key."""
    given = {name: value for name, value in fields.items() if value is not None}
    click.echo(bookkeeper.type_entry(lines, **given))


@_command(
    "file-return",
    click.argument("kind", type=click.Choice(sorted(KINDS))),
    click.option("--year", type=int, required=True),
    click.option("--period", type=int, required=True, help="Month; with Q the quarter."),
    click.option("--frequency", type=click.Choice(list(FREQUENCIES)), default="M"),
    click.option("--status", type=int, default=PROCESSED, show_default=True),
    click.option("--book", is_flag=True, help="Also empty the VAT accounts (Type 50)."),
)
def _file_return(bookkeeper: Bookkeeper, **what: Any) -> None:
    """File a VAT return (vat) or an EC sales list (ec) and print its key."""
    click.echo(bookkeeper.file_return(**what))


@_command("close-year", click.option("--year", type=int, required=True))
def _close_year(bookkeeper: Bookkeeper, year: int) -> None:
    """Make the entries of a year's end and the next opening balance."""
    bookkeeper.close_year(year)


@_command(
    "export-xaf",
    click.argument("path", type=click.Path(dir_okay=False, path_type=Path)),
    click.option("--year", type=int, required=True),
    click.option("--first", type=int, default=1, show_default=True, help="First period."),
    click.option("--last", type=int, default=12, show_default=True, help="Last period."),
)
def _export_xaf(bookkeeper: Bookkeeper, path: Path, **scope: Any) -> None:
    """Export an audit file (XAF 3.2)."""
    bookkeeper.export_xaf(path, **scope)


def _add_blocking(verb: str, kind: str) -> None:
    what = kind.replace("-", " ")
    text = {"block": f"Block the {what} CODE.", "unblock": f"Let the {what} CODE be used again."}

    @_command(f"{verb}-{kind}", click.argument("code"), text=text[verb])
    def _run(bookkeeper: Bookkeeper, code: str) -> None:
        getattr(bookkeeper, verb)(kind, code)


for _kind in BLOCKABLE:
    _add_blocking("block", _kind)
    _add_blocking("unblock", _kind)

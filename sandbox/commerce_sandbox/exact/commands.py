"""``commerce-sandbox exact``: what people do in Exact, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commerce_sandbox import shop
from commerce_sandbox.exact.bookkeeper import BLOCKABLE, Bookkeeper
from commerce_sandbox.exact.credentials import DIVISION

if TYPE_CHECKING:
    from collections.abc import Callable


@click.group("exact")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the sandbox's database.",
)
@click.option("--division", default=DIVISION, show_default=True)
@click.option("--as", "name", default="Bookkeeping", show_default=True, help="Who does it.")
@click.pass_context
def group(ctx: click.Context, data_dir: Path, division: int, name: str) -> None:
    """Do what people do in Exact on screen."""
    ctx.obj = Bookkeeper(shop.open_context(data_dir), name, division)


def _period(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--year", type=int, required=True),
        click.option("--period", type=int, required=True),
        click.option("--journal", help="Only this journal."),
    ):
        function = option(function)
    return function


@group.command()
@_period
@click.pass_obj
def close_period(bookkeeper: Bookkeeper, /, **what: Any) -> None:
    """Close a period."""
    bookkeeper.close_period(**what)


@group.command()
@_period
@click.pass_obj
def open_period(bookkeeper: Bookkeeper, /, **what: Any) -> None:
    """Open a period again."""
    bookkeeper.open_period(**what)


def _blocking(verb: str, kind: str) -> click.Command:
    @click.argument("code")
    @click.pass_obj
    def run(bookkeeper: Bookkeeper, code: str) -> None:
        getattr(bookkeeper, verb)(kind, code)

    what = kind.replace("-", " ")
    text = {"block": f"Block the {what} CODE.", "unblock": f"Let the {what} CODE be used again."}
    return click.command(f"{verb}-{kind}", help=text[verb])(run)


for _verb in ("block", "unblock"):
    for _kind in BLOCKABLE:
        group.add_command(_blocking(_verb, _kind))

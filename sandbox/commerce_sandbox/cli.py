"""The command line: ``commerce-sandbox serve`` and its friends."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from dataclasses import asdict
from datetime import datetime
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from commerce_sandbox import faults, settings, shop
from commerce_sandbox.adobe.credentials import tap_config
from commerce_sandbox.data.commands import group as shop_group
from commerce_sandbox.data.writer import ShopWriter
from commerce_sandbox.data_dir import DATA_DIR, opened
from commerce_sandbox.exact.commands import group as exact
from commerce_sandbox.exact.config import target_config
from commerce_sandbox.exceptions import SandboxError
from commerce_sandbox.signals.commands import group as signal_group

if TYPE_CHECKING:
    from pathlib import Path

_SHOP = click.option(
    "--shop",
    "name",
    help=f"{shop.DESCRIPTION}. Default: what is there already, or the recorded shop.",
)


class _Group(click.Group):
    """Ends with one line instead of a traceback when the user made a mistake."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SandboxError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group)
def main() -> None:
    """Adobe Commerce and Exact Online on loopback, for development and tests."""


main.add_command(exact)
main.add_command(shop_group)
main.add_command(signal_group)


@main.command()
@DATA_DIR
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", default=0, show_default=True, help="Port; 0 takes any free one.")
@_SHOP
@click.option("--ready-file", help="Write the base URL here once the server answers.")
def serve(data_dir: Path, host: str, port: int, name: str | None, ready_file: str | None) -> None:
    """Serve both systems until SIGTERM or Ctrl-C."""
    from commerce_sandbox import server  # noqa: PLC0415 -- other commands start faster without

    listener = server.bind(host, port)
    url = server.base_url(listener)
    context = opened(data_dir)
    shop.seed(context, name)

    def ready() -> None:
        if ready_file:
            server.write_ready_file(ready_file, url)
        click.echo(f"Sandbox ready at {url} (control: {url}/_sandbox/health)")

    server.serve(context, listener, ready)


@main.command()
@DATA_DIR
@_SHOP
def seed(data_dir: Path, name: str | None) -> None:
    """Fill a new sandbox without serving it."""
    shop.seed(opened(data_dir), name)


@main.command()
@DATA_DIR
@click.option("--orders", type=click.IntRange(0), required=True, help="How many orders.")
@click.option("--seed", default=0, show_default=True, help="Same seed, same shop.")
@click.option("--alike", is_flag=True, help="All store views number their documents alike.")
@click.option("--kinds", help="Unusual orders, such as 'everything' or 'territory=0.2'.")
def generate(data_dir: Path, orders: int, seed: int, kinds: str | None, *, alike: bool) -> None:
    """Fill a new sandbox with a generated shop, straight into its store."""
    context = opened(data_dir)
    chosen = ",".join(filter(None, (kinds, "alike" if alike else None)))
    with click.progressbar(length=orders, label="Orders", file=sys.stderr) as bar:
        described = f"generated:{orders}:{seed}" + (f":{chosen}" if chosen else "")
        shop.seed(context, described, bar.update)


@main.command()
@DATA_DIR
@click.option("--seed", default=0, show_default=True, help="Same seed, same kinds of changes.")
@click.option("--rate", default=5.0, show_default=True, help="Changes per second.")
@click.option("--duration", type=float, help="Seconds; without it until SIGTERM or Ctrl-C.")
@click.option("--late", default=3.0, show_default=True, help="Longest delay of a commit, seconds.")
def write(data_dir: Path, seed: int, rate: float, duration: float | None, late: float) -> None:
    """Keep changing the shop; print every committed change as a line of JSON."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    context = opened(data_dir)
    writer = ShopWriter(context.database, context.clock, seed, late_seconds=late)
    ends = time.monotonic() + (math.inf if duration is None else duration)
    printed = 0
    while not stop.is_set() and time.monotonic() < ends:
        writer.step()
        printed = _print_changes(writer, printed)
        stop.wait(1 / rate)
    writer.settle()
    _print_changes(writer, printed)


def _print_changes(writer: ShopWriter, printed: int) -> int:
    for change in writer.committed[printed:]:
        click.echo(change.summary())
    return len(writer.committed)


@main.command()
@DATA_DIR
@click.option("--url", required=True, help="Its address, as `serve` says it.")
@click.option(
    "--of",
    type=click.Choice(["both", "tap", "target"]),
    default="both",
    show_default=True,
    help="Whose settings; of one alone they are a file for its option --config.",
)
def config(data_dir: Path, url: str, of: str) -> None:
    """Print addresses and credentials for the tap and for the target, as JSON.

    A login of the target is made anew: an earlier refresh token does not hold any more.
    """
    context = opened(data_dir)
    made: dict[str, Any] = {}
    if of != "target":
        made["tap"] = tap_config(url)
    if of != "tap":
        made["target"] = target_config(context, url)
    click.echo(json.dumps(made if of == "both" else made[of], indent=2))


@main.command()
@DATA_DIR
@click.option("--advance", type=float, help="Move the clock by so many seconds.")
@click.option("--set", "moment", help="Let it be this moment (ISO 8601 with offset).")
def clock(data_dir: Path, advance: float | None, moment: str | None) -> None:
    """Show the sandbox's time, or change it."""
    context = opened(data_dir)
    if moment is not None:
        context.clock.set(datetime.fromisoformat(moment))
    if advance is not None:
        context.clock.advance(advance)
    click.echo(context.clock.now().isoformat())


@main.command("settings")
@DATA_DIR
@click.argument("assignments", nargs=-1, metavar="[NAME=JSON]...")
def change_settings(data_dir: Path, assignments: tuple[str, ...]) -> None:
    """Show all settings, or change some."""
    database = opened(data_dir).database
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        settings.change(database, name, _json_or_text(value))
    click.echo(json.dumps(settings.everything(database), indent=2))


@main.command("faults")
@DATA_DIR
@click.option("--route", help="Pattern of the path to fail, such as '/api/*/SalesEntries'.")
@click.option("--kind", type=click.Choice(list(faults.KINDS)), default="error_before")
@click.option("--method", help="Only this HTTP method.")
@click.option("--nth", default=1, show_default=True, help="First matching call that fails.")
@click.option("--times", default=1, show_default=True, help="How many fail; 0: for ever.")
@click.option("--param", "params", multiple=True, metavar="NAME=JSON", help="Of the kind.")
@click.option("--clear", is_flag=True, help="Remove all faults first.")
def plan_faults(
    data_dir: Path,
    route: str | None,
    kind: str,
    method: str | None,
    nth: int,
    times: int,
    params: tuple[str, ...],
    *,
    clear: bool,
) -> None:
    """Show the planned faults, plan one, or clear them."""
    database = opened(data_dir).database
    if clear:
        faults.clear(database)
    if route is not None:
        pairs = (param.partition("=") for param in params)
        values = {name: _json_or_text(value) for name, _, value in pairs}
        faults.add(database, faults.Fault(route, kind, method, nth, times, values))
    for fault in faults.planned(database):
        click.echo(json.dumps(asdict(fault)))


@main.command()
@DATA_DIR
@click.option("--system", type=click.Choice(["adobe", "exact"]))
@click.option("--method")
@click.option("--path", help="Pattern with shell wildcards.")
@click.option("--status", type=int)
@click.option("--since", type=float, help="Unix seconds of the sandbox's clock.")
def requests(data_dir: Path, **filters: Any) -> None:
    """Print the request log as JSON lines."""
    for entry in opened(data_dir).requests.find(**filters):
        click.echo(json.dumps(entry))


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value

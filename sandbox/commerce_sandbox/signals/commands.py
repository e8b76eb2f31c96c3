"""``commerce-sandbox signals``: send signed, forged and repeated signals to a receiver."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from random import Random
from typing import TYPE_CHECKING

import click

from commerce_sandbox import signals
from commerce_sandbox.data import backstage
from commerce_sandbox.data.writer import ShopWriter
from commerce_sandbox.data_dir import DATA_DIR, opened
from commerce_sandbox.exact.credentials import DIVISION

if TYPE_CHECKING:
    from pathlib import Path

    from commerce_sandbox.signals import Signal, Signer

_TO = click.option("--to", "url", required=True, help="The receiver: http:// on loopback.")
_SCHEMES = click.Choice(["webhook", "event", "exact"])


@click.group("signals")
def group() -> None:
    """Send webhooks and events to a receiver on loopback."""


@group.command("key")
@DATA_DIR
@click.argument("name", type=click.Choice(["webhook", "event-1", "event-2"]))
@click.option("--rotate", is_flag=True, help="Make a new one first; the old one is void at once.")
def key(data_dir: Path, name: str, *, rotate: bool) -> None:
    """Print a public key, for the receiver's settings."""
    database = opened(data_dir).database
    signer = signals.Signer.of(database)
    if rotate:
        signer = signer.rotate(database, name)
    click.echo(signer.public_key(name), nl=False)


@group.command("challenge")
@_TO
def challenge(url: str) -> None:
    """Ask the receiver for its challenge, as I/O Events does when it is registered."""
    if not signals.Sender(url).challenge():
        message = "the receiver did not give the challenge back"
        raise click.ClickException(message)


@group.command("send")
@DATA_DIR
@_TO
@click.argument("kind")
@click.argument("key")
@click.option("--scheme", type=_SCHEMES, default="webhook", show_default=True)
@click.option("--algorithm", type=click.Choice(["rsa", "hmac"]), default="rsa", show_default=True)
@click.option("--signed", type=click.Choice(["base64", "raw"]), default="base64", show_default=True)
@click.option("--forge", type=click.Choice(list(signals.FORGERIES)), help="A receiver refuses it.")
@click.option("--copies", default=1, show_default=True, help="How often the same signal comes.")
@click.option("--pad", default=0, help="Blank bytes after a webhook's JSON: an oversized body.")
@click.option("--slow", type=float, help="Bytes per second.")
def send(  # noqa: PLR0913 -- one option each
    data_dir: Path,
    url: str,
    kind: str,
    key: str,
    *,
    scheme: str,
    algorithm: str,
    signed: str,
    forge: str | None,
    copies: int,
    pad: int,
    slow: float | None,
) -> None:
    """Tell of one record: `invoice 12`, or `SalesEntries GUID` with the scheme exact.

    Prints one line of JSON for each delivery.
    """
    sender = signals.Sender(url)
    database = opened(data_dir).database
    if scheme != "exact":
        found = backstage.find(database, kind, int(key) if key.isdigit() else 0)
        value = {name: found[name] for name in signals.SHOWN if name in found}

    def make(signer: Signer) -> Signal:
        if scheme == "exact":
            return signer.exact(DIVISION, kind, key)
        if scheme == "event":
            name = "observer.sales_order" + ("" if kind == "order" else f"_{kind}")
            return signer.event(f"{name}_save_commit_after", value)
        return signer.webhook({kind: value}, algorithm=algorithm, signed=signed, pad=pad)

    signer = signals.Signer.of(database)
    signal = signals.forged(forge, signer, make) if forge else make(signer)
    for _ in range(copies):
        click.echo(json.dumps(asdict(sender.send(signal, bytes_per_second=slow))))


@group.command("follow")
@DATA_DIR
@_TO
@click.option("--seed", default=0, show_default=True, help="Same seed, same changes.")
@click.option("--changes", default=100, show_default=True, help="How many changes.")
@click.option("--rate", default=5.0, show_default=True, help="Changes per second.")
@click.option("--duplicates", default=0.0, help="Share of the signals that come twice.")
@click.option("--rolled-back", default=0.0, help="Share of the late changes that are taken back.")
@click.option("--shuffle", is_flag=True, help="The order of a change's signals is lost.")
def follow(
    data_dir: Path,
    url: str,
    seed: int,
    changes: int,
    rate: float,
    duplicates: float,
    rolled_back: float,
    *,
    shuffle: bool,
) -> None:
    """Keep changing the shop and tell a receiver of it, before and after each commit."""
    sender = signals.Sender(url)
    context = opened(data_dir)
    rng = Random(seed)  # noqa: S311 -- reproducible data, no secrets
    writer = ShopWriter(context.database, context.clock, seed)
    signer = signals.Signer.of(context.database)
    source = signals.ShopSignals(writer, signer, rng, rolled_back=rolled_back)
    for number in range(changes + 1):
        told = source.step() if number < changes else source.settle()
        for delivery in signals.deliver(
            sender, told, rng=rng, duplicates=duplicates, shuffle=shuffle
        ):
            click.echo(json.dumps(asdict(delivery)))
        time.sleep(1 / rate)

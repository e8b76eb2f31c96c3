"""``commerce-sandbox shop``: what happens to the shop behind its own back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from commerce_sandbox.data import backstage
from commerce_sandbox.data_dir import DATA_DIR, opened

if TYPE_CHECKING:
    from pathlib import Path

_KIND = click.argument("kind")
_ID = click.argument("entity_id", type=int)


@click.group("shop")
def group() -> None:
    """Change the shop's records as imports and scripts do: no change time moves."""


@group.command("change")
@DATA_DIR
@_KIND
@_ID
@click.argument("assignments", nargs=-1, required=True, metavar="NAME=JSON...")
def change(data_dir: Path, kind: str, entity_id: int, assignments: tuple[str, ...]) -> None:
    """Change members of a document, such as `invoice 12 grand_total=10.5`; null takes one away."""
    pairs = (assignment.partition("=") for assignment in assignments)
    changes = {name: _json_or_text(value) for name, _, value in pairs}
    database = opened(data_dir).database
    click.echo(json.dumps(backstage.change(database, kind, entity_id, changes)))


@group.command("remove")
@DATA_DIR
@_KIND
@_ID
def remove(data_dir: Path, kind: str, entity_id: int) -> None:
    """Take a document away without a trace."""
    backstage.remove(opened(data_dir).database, kind, entity_id)


@group.command("import-credit-memo")
@DATA_DIR
@click.argument("order_id", type=int)
@click.option("--at", required=True, help="Its created_at and updated_at, UTC.")
def import_credit_memo(data_dir: Path, order_id: int, at: str) -> None:
    """Refund an order with a memo that carries an old time; prints the memo."""
    database = opened(data_dir).database
    click.echo(json.dumps(backstage.import_credit_memo(database, order_id, at)))


@group.command("capture")
@DATA_DIR
@click.argument("invoice_id", type=int)
@click.option("--at", required=True, help="When the money moves, UTC.")
def capture(data_dir: Path, invoice_id: int, at: str) -> None:
    """Collect the money of an invoice at a moment of its own; prints the transaction."""
    database = opened(data_dir).database
    click.echo(json.dumps(backstage.capture(database, invoice_id, at)))


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value

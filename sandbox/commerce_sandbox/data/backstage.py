"""What happens to a shop behind its own back: imports, scripts and repairs on its database.

Nothing here moves an ``updated_at`` unless it is told to; no reader by change time can see it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from commerce_sandbox.adobe.store import TABLES, delete, insert_many
from commerce_sandbox.data import credit_memos, pieces
from commerce_sandbox.data.generator import NUMBERS, dumps
from commerce_sandbox.data.orders import read_order, show_order
from commerce_sandbox.data.writer import running_numbers
from commerce_sandbox.exceptions import NoSuchRecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.database import Database

Document = dict[str, Any]

_SALES = ("order", "invoice", "creditmemo", "shipment", "transaction")


def find(database: Database, kind: str, entity_id: int) -> Document:
    """Return a stored document.

    Raises:
        NoSuchRecordError: There is no such kind, or no such document.
    """
    row = None
    if kind in _SALES:
        row = (
            database.connection()
            .execute(
                f"SELECT body FROM {TABLES[kind].name} WHERE entity_id = ?",  # noqa: S608 -- own names
                (entity_id,),
            )
            .fetchone()
        )
    if row is None:
        raise NoSuchRecordError(kind, entity_id, _SALES)
    document: Document = json.loads(row["body"])
    return document


def change(database: Database, kind: str, entity_id: int, changes: Mapping[str, Any]) -> Document:
    """Change members of a document; everything else stays, ``updated_at`` too.

    Args:
        database: The sandbox's database.
        kind: ``order``, ``invoice``, ``creditmemo``, ``shipment`` or ``transaction``.
        entity_id: Which one.
        changes: New values; None takes a member away.

    Raises:
        NoSuchRecordError: There is no such document.
    """
    document = {**find(database, kind, entity_id), **changes}
    document = {name: value for name, value in document.items() if changes.get(name, 0) is not None}
    insert_many(database, kind, [dumps(document)])
    return document


def remove(database: Database, kind: str, entity_id: int) -> None:
    """Take a document away without a trace.

    Raises:
        NoSuchRecordError: There is no such document.
    """
    find(database, kind, entity_id)
    delete(database, kind, entity_id)


def import_credit_memo(database: Database, order_id: int, at: str) -> Document:
    """Refund an order with all that can still be given back, as an import does.

    The memo carries the time it had elsewhere; the order's amounts change, its times do not.

    Args:
        database: The sandbox's database.
        order_id: ``entity_id`` of an invoiced order.
        at: ``created_at`` and ``updated_at`` of the memo, UTC, such as ``2026-01-31 10:00:00``.

    Raises:
        NoSuchRecordError: There is no such order, or nothing of it can be refunded.
    """
    order = read_order(find(database, "order", order_id))
    quantities = pieces.to_refund(order)
    if not quantities:
        wanted = "refundable order"
        raise NoSuchRecordError(wanted, order_id)
    numbers = running_numbers(database)
    before = order.fields["updated_at"]
    memo = credit_memos.refund(order, credit_memos.Refund(quantities, shipping=1.0), numbers, at)
    order.fields["updated_at"] = before
    noted = {name: value for name, value in asdict(numbers).items() if name != "alike"}
    with database.transaction():
        insert_many(database, "creditmemo", [dumps(memo)])
        insert_many(database, "order", [dumps(show_order(order))])
        database.set_setting(NUMBERS, noted)
    return memo

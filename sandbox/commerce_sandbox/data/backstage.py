"""What happens to a shop behind its own back: imports, scripts and repairs on its database.

Nothing here moves an ``updated_at`` unless it is told to; no reader by change time can see it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from commerce_sandbox.adobe.store import TABLES, delete, insert_many
from commerce_sandbox.data import credit_memos, online_payments, pieces
from commerce_sandbox.data.generator import NUMBERS, dumps
from commerce_sandbox.data.orders import read_order, show_order
from commerce_sandbox.data.writer import running_numbers
from commerce_sandbox.exceptions import NoSuchRecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.data.numbers import Numbers
    from commerce_sandbox.database import Database

Document = dict[str, Any]

_PAID = 2  # state of an invoice
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
    with database.transaction():
        insert_many(database, "creditmemo", [dumps(memo)])
        insert_many(database, "order", [dumps(show_order(order))])
        _note(database, numbers)
    return memo


def capture(database: Database, invoice_id: int, at: str) -> Document:
    """Let an invoice's money move at a moment of its own; return the capture.

    An invoice that counts as paid already only gets its transactions: the gateway was later than
    the shop believed. The change times move, as they do in the shop.

    Args:
        database: The sandbox's database.
        invoice_id: ``entity_id`` of the invoice.
        at: When, UTC, such as ``2026-11-01 08:00:00``.

    Raises:
        NoSuchRecordError: There is no such invoice.
    """
    invoice = find(database, "invoice", invoice_id)
    order = read_order(find(database, "order", invoice["order_id"]))
    paid = invoice["state"] == _PAID
    totals = [dict(amounts) for amounts in order.money]
    numbers = running_numbers(database)
    held = online_payments.authorise(order, numbers, order.fields["created_at"])
    made = online_payments.capture(order, invoice, held, numbers, at)
    if paid:
        for amounts, before in zip(order.money, totals, strict=True):
            amounts.update(before)
    with database.transaction():
        insert_many(database, "transaction", [dumps(held), dumps(made)])
        insert_many(database, "invoice", [dumps(invoice)])
        insert_many(database, "order", [dumps(show_order(order))])
        _note(database, numbers)
    return made


def _note(database: Database, numbers: Numbers) -> None:
    noted = {"ids": numbers.ids, "increments": numbers.increments}
    database.set_setting(NUMBERS, noted)

"""Payments through a gateway: authorised with the order, captured later, refunded online."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.data.arithmetic import units

if TYPE_CHECKING:
    from commerce_sandbox.data.numbers import Numbers
    from commerce_sandbox.data.orders import Order

Document = dict[str, Any]

METHODS = ("adyen_cc", "braintree", "mollie_methods_creditcard")


def authorise(order: Order, numbers: Numbers, at: str) -> Document:
    """Reserve an order's total; return the transaction."""
    for family in order.currencies:
        amounts = order.money[family]
        amounts["amount_authorized"] = amounts["grand_total"]
    return _transaction(order, "authorization", None, numbers, at)


def capture(
    order: Order, invoice: Document, parent: Document, numbers: Numbers, at: str
) -> Document:
    """Collect an open invoice's total, which makes it paid; return the transaction.

    Args:
        order: Changed in place.
        invoice: As shown; changed in place.
        parent: The authorisation; changed in place.
        numbers: The shop's running numbers.
        at: When the money moved, UTC.
    """
    transaction = _transaction(order, "capture", parent, numbers, at)
    invoice.update(state=2, updated_at=at, transaction_id=transaction["txn_id"])
    for family in order.currencies:
        totals = order.money[family]
        paid = units(invoice["base_grand_total" if family else "grand_total"])
        totals["total_paid"] = totals.get("total_paid", 0) + paid
        totals["total_due"] = max(totals["grand_total"] - totals["total_paid"], 0)
    order.fields["updated_at"] = at
    return transaction


def refund(order: Order, memo: Document, parent: Document, numbers: Numbers, at: str) -> Document:
    """Give a credit memo's total back through the gateway; return the transaction."""
    transaction = _transaction(order, "refund", parent, numbers, at)
    memo["transaction_id"] = transaction["txn_id"]
    return transaction


def _transaction(
    order: Order, kind: str, parent: Document | None, numbers: Numbers, at: str
) -> Document:
    number = numbers.next("transaction")
    order_id = order.fields["entity_id"]
    name = f"PSP{order_id:09d}" if parent is None else f"PSP{order_id:09d}-{kind}-{number}"
    transaction: Document = {
        "transaction_id": number,
        "order_id": order_id,
        "payment_id": order.payment["entity_id"],
        "txn_id": name,
        "txn_type": kind,
        "is_closed": int(kind != "authorization"),
        "additional_information": [],
        "created_at": at,
        "child_transactions": [],
    }
    order.payment["last_trans_id"] = name
    if parent is not None:
        transaction["parent_id"] = parent["transaction_id"]
        transaction["parent_txn_id"] = parent["txn_id"]
        parent["child_transactions"].append(transaction)
        parent["is_closed"] = 1
    else:
        order.payment["cc_trans_id"] = name
    return transaction

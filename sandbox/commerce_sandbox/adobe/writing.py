"""Writes: the shop's refusals. Nothing is ever written; a tap has no business here.

A write that the real shop would carry out is refused with the text it uses when saving fails.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.adobe.errors import ShopError, missing, wrong_type
from commerce_sandbox.adobe.reading import single

if TYPE_CHECKING:
    from commerce_sandbox.adobe.call import Call

_CLOSED_STATES = ("complete", "closed", "canceled", "holded", "payment_review")
_SYMBOLS = {"EUR": "\u20ac", "GBP": "\u00a3", "USD": "$"}


def _order(call: Call) -> dict[str, Any]:
    order: dict[str, Any] = orjson.loads(single("order")(call))
    return order


def create(call: Call) -> bytes:
    """Refuse a new order: without ``entity`` as incomplete, otherwise as not saved."""
    field = "entity"
    if field not in call.json():
        raise missing(field)
    raise ShopError(400, "Could not save order")


def invoice(call: Call) -> bytes:
    """Refuse an invoice, with the shop's reasons when nothing is left to invoice."""
    call.json()
    order = _order(call)
    reasons = []
    lines = order.get("items", [])
    if all(line["qty_ordered"] <= line.get("qty_invoiced", 0) for line in lines):
        reasons.append("The invoice can't be created without products. Add products and try again.")
    if order["state"] in _CLOSED_STATES:
        reasons.append(
            f"An invoice cannot be created when an order has a status of {order['status']}"
        )
    if reasons:
        raise ShopError(400, "\n".join(["Invoice Document Validation Error(s):", *reasons]))
    raise ShopError(400, "Could not save an invoice, see error log for details")


def refund(call: Call) -> bytes:
    """Refuse a credit memo, with the shop's reasons when more is asked than can be given back."""
    arguments = call.json().get("arguments") or {}
    if not isinstance(arguments, dict):
        raise wrong_type(arguments, "object", "arguments")
    asked = arguments.get("shipping_amount") or 0
    if isinstance(asked, bool) or not isinstance(asked, int | float):
        raise wrong_type(asked, "float", "shipping_amount")
    order = _order(call)
    paid = Decimal(str(order.get("total_paid", 0)))
    refunded = Decimal(str(order.get("total_refunded", 0)))
    if paid <= refunded:
        raise ShopError(
            400,
            "Creditmemo Document Validation Error(s):\nThe most money available to refund is 0.",
        )
    allowed = Decimal(str(order.get("shipping_invoiced", 0))) - Decimal(
        str(order.get("shipping_refunded", 0))
    )
    if Decimal(str(asked)) > allowed:
        symbol = _SYMBOLS.get(order["order_currency_code"], order["order_currency_code"])
        amount = f"{allowed:.2f}".replace(".", ",")
        raise ShopError(
            400, "Maximum shipping amount allowed to refund is: %1", [f"{symbol}\u00a0{amount}"]
        )
    raise ShopError(400, "Could not save a Creditmemo, see error log for details")


def cancel(call: Call) -> bytes:
    """Answer false for an order that cannot be cancelled; refuse the others."""
    order = _order(call)
    if order["state"] in _CLOSED_STATES:
        return b"false"
    raise ShopError(400, "Could not save order")


def comment(call: Call) -> bytes:
    """Refuse a comment, with the shop's reason when its status is not the order's own."""
    field = "statusHistory"
    history = call.json().get(field)
    if not isinstance(history, dict):
        raise missing(field)
    order = _order(call)
    status = history.get("status")
    if status is not None and status != order["status"]:
        raise ShopError(
            400,
            'Unable to add comment: The status "%1" is not part of the order'
            "\n                 status history.",
            [status],
        )
    raise ShopError(400, "Could not save order")

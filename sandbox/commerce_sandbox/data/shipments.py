"""Shipments: pieces of an order leave the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.data.arithmetic import number
from commerce_sandbox.data.documents import next_increment, shipping_address_id
from commerce_sandbox.data.pieces import is_complete

if TYPE_CHECKING:
    from commerce_sandbox.data.numbers import Numbers
    from commerce_sandbox.data.orders import Order
    from commerce_sandbox.data.pieces import Quantities


def ship(order: Order, quantities: Quantities, numbers: Numbers, at: str) -> dict[str, Any]:
    """Ship pieces of an order; only a shipment that completes it moves the order."""
    lines = [line for line in order.lines if quantities.get(line.fields["item_id"])]
    for line in lines:
        line.quantities["qty_shipped"] += quantities[line.fields["item_id"]]
        line.fields["updated_at"] = at
    if is_complete(order):
        order.fields["state"] = order.fields["status"] = "complete"
        order.fields["updated_at"] = at
    document_id = numbers.next("shipment")
    items = [
        {
            "entity_id": numbers.next("shipment_line"),
            "name": line.fields["name"],
            "parent_id": document_id,
            "price": number(line.money[0]["price"]),
            "product_id": line.fields["product_id"],
            "sku": line.fields["sku"],
            "weight": line.fields["weight"],
            "order_item_id": line.fields["item_id"],
            "qty": number(quantities[line.fields["item_id"]]),
        }
        for line in lines
    ]
    document = {
        "billing_address_id": order.fields["billing_address_id"],
        "created_at": at,
        "customer_id": order.fields.get("customer_id"),
        "entity_id": document_id,
        "increment_id": next_increment(order, "shipment", numbers),
        "order_id": order.fields["entity_id"],
        "packages": [],
        "shipping_address_id": shipping_address_id(order),
        "store_id": order.fields["store_id"],
        "total_qty": number(
            sum(quantities[line.fields["item_id"]] for line in lines if line.parent is None)
        ),
        "updated_at": at,
        "items": items,
        "tracks": [],
        "comments": [],
        "extension_attributes": {"source_code": "default"},
    }
    return {name: value for name, value in document.items() if value is not None}

"""What else happens to an order: cancelling, holding, comments, a new address.

A row's ``updated_at`` moves only when a column of that very row changes, as recorded: a comment or
an address leaves the order's alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commerce_sandbox.data.documents import add_history

if TYPE_CHECKING:
    from commerce_sandbox.data.numbers import Numbers
    from commerce_sandbox.data.orders import Order


def cancel(order: Order, at: str) -> None:
    """Cancel what is not invoiced; an order with an invoice stays in processing."""
    for line in order.lines:
        ordered = line.quantities["qty_ordered"]
        left = ordered - line.quantities["qty_invoiced"]
        if not left:
            continue
        line.quantities["qty_canceled"] = left
        for amounts in line.money[: len(order.currencies)]:
            for name in ("tax", "discount_tax_compensation"):
                whole = amounts.get(f"{name}_amount", 0)
                amounts[f"{name}_canceled"] = round(whole * left / ordered)
        line.fields["updated_at"] = at
    for family in order.currencies:
        totals = order.money[family]
        for name, whole in (
            ("subtotal", totals["subtotal"]),
            ("tax", totals["tax_amount"]),
            ("shipping", totals["shipping_amount"]),
        ):
            totals[f"{name}_canceled"] = whole - totals.get(f"{name}_invoiced", 0)
        totals["discount_canceled"] = abs(totals["discount_amount"]) - abs(
            totals.get("discount_invoiced", 0)
        )
        totals["total_canceled"] = totals["grand_total"] - totals.get("total_paid", 0)
    if "total_invoiced" not in order.money[0]:
        order.fields["state"] = order.fields["status"] = "canceled"
    order.fields["updated_at"] = at


def hold(order: Order, at: str) -> None:
    """Put an order on hold."""
    order.fields["hold_before_state"] = order.fields["state"]
    order.fields["hold_before_status"] = order.fields["status"]
    order.fields["state"] = order.fields["status"] = "holded"
    order.fields["updated_at"] = at


def unhold(order: Order, at: str) -> None:
    """Release an order from hold."""
    order.fields["state"] = order.fields.pop("hold_before_state")
    order.fields["status"] = order.fields.pop("hold_before_status")
    order.fields["updated_at"] = at


def comment(order: Order, text: str, numbers: Numbers, at: str) -> None:
    """Add a comment; the order's ``updated_at`` stays."""
    add_history(order, numbers, "order", text, at)


def move_address(order: Order, street: list[str]) -> None:
    """Change the billing street; the order's ``updated_at`` stays."""
    order.billing_address["street"] = street

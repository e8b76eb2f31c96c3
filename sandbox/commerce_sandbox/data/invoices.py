"""Invoices: pieces of an order become money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.data import fields, fixed_tax, vouchers
from commerce_sandbox.data.arithmetic import FloatCarry, number
from commerce_sandbox.data.documents import (
    own_fields,
    part_of,
    prorate,
    show_lines,
    step_of,
    sum_lines,
)
from commerce_sandbox.data.orders import Amounts, Line, Order, Plan, show
from commerce_sandbox.data.pieces import is_complete, to_invoice

if TYPE_CHECKING:
    from commerce_sandbox.data.documents import Stages
    from commerce_sandbox.data.numbers import Numbers
    from commerce_sandbox.data.pieces import Quantities

_OPEN = 1  # state of an invoice that is not paid
_INVOICE = Plan(fields.INVOICE)
_INVOICE_LINE = Plan(fields.INVOICE_LINE)
_INVOICE_STAGES: Stages = (
    (("row_total", "row_total", "row_invoiced"),),
    (("discount_amount", "discount_amount", "discount_invoiced"),),
    (
        ("tax_amount", "tax_amount", "tax_invoiced"),
        (
            "discount_tax_compensation_amount",
            "discount_tax_compensation_amount",
            "discount_tax_compensation_invoiced",
        ),
    ),
)


def invoice(
    order: Order, quantities: Quantities, numbers: Numbers, at: str, *, captured: bool = True
) -> dict[str, Any]:
    """Invoice and capture pieces of an order.

    Args:
        order: Changed in place.
        quantities: Pieces by ``item_id``, from :func:`to_invoice`.
        numbers: The shop's running numbers.
        at: ``created_at``, UTC.
        captured: Whether the money moves at once; otherwise the invoice stays open.
    """
    lines = [line for line in order.lines if quantities.get(line.fields["item_id"])]
    with_shipping = "shipping_invoiced" not in order.money[0]
    is_last = quantities == to_invoice(order)
    per_family = [
        _invoice_family(
            order, lines, quantities, family, with_shipping=with_shipping, is_last=is_last
        )
        for family in order.currencies
    ]
    headers = [header for header, _ in per_family]
    money = (headers[0], headers[-1])
    for line in lines:
        line.quantities["qty_invoiced"] += quantities[line.fields["item_id"]]
        line.fields["updated_at"] = at
    order.fields["base_total_invoiced_cost"] = 0
    order.fields["state"] = order.fields["status"] = (
        "complete" if is_complete(order) else "processing"
    )
    order.fields["updated_at"] = at
    own = own_fields(order, "invoice", numbers, at)
    own["can_void_flag"] = 0
    if captured:
        for family in order.currencies:
            totals, paid = order.money[family], headers[family]["grand_total"]
            totals["total_paid"] = totals.get("total_paid", 0) + paid
            totals["total_due"] = max(totals["grand_total"] - totals["total_paid"], 0)
    else:
        own["state"] = _OPEN
    own["total_qty"] = number(sum(quantities[line.fields["item_id"]] for line in lines))
    document = show(_INVOICE, own, money)
    document["items"] = show_lines(
        _INVOICE_LINE, lines, quantities, per_family, own["entity_id"], "invoice", numbers
    )
    document["comments"] = []
    return {**document, **vouchers.shown(money)}


def _invoice_family(
    order: Order,
    lines: list[Line],
    quantities: Quantities,
    family: int,
    *,
    with_shipping: bool,
    is_last: bool,
) -> tuple[Amounts, list[Amounts]]:
    """Compute an invoice in one currency and add it to the order's sums."""
    carry = FloatCarry(step_of(order, family))
    totals = order.money[family]
    parts = [part_of(line, quantities, family, "qty_ordered", "qty_invoiced") for line in lines]
    amounts = prorate(parts, _INVOICE_STAGES, carry)
    fixed = fixed_tax.take(order, parts, family, carry, "invoiced")
    fixed_net, fixed_gross = (sum(pair) for pair in zip(*fixed, strict=True)) if fixed else (0, 0)
    header = sum_lines(amounts)
    header["subtotal_incl_tax"] += fixed_gross
    taken = header["discount_amount"]
    shipping = dict.fromkeys(("amount", "tax", "compensation"), 0)
    if with_shipping:
        shipping = {
            "amount": totals["shipping_amount"],
            "tax": totals["shipping_tax_amount"],
            "compensation": totals["shipping_discount_tax_compensation_amount"],
        }
        taken += totals["shipping_discount_amount"]
        header["shipping_amount"] = totals["shipping_amount"]
        header["shipping_incl_tax"] = totals["shipping_incl_tax"]
        header["shipping_tax_amount"] = totals["shipping_tax_amount"]
        header["shipping_discount_tax_compensation_amount"] = shipping["compensation"]
        totals["shipping_invoiced"] = totals["shipping_amount"]
    header["discount_amount"] = -taken
    allowed = totals["tax_amount"] - totals.get("tax_invoiced", 0)
    tax = header["tax_amount"] + shipping["tax"] + fixed_gross - fixed_net
    header["tax_amount"] = allowed if is_last else min(tax, allowed)
    header["grand_total"] = (
        header["subtotal"]
        - taken
        + shipping["amount"]
        + header["tax_amount"]
        + header["discount_tax_compensation_amount"]
        + shipping["compensation"]
        + fixed_net
    )
    vouchers.take(order, family, header, "invoiced")
    for name, source in (
        ("subtotal_invoiced", "subtotal"),
        ("tax_invoiced", "tax_amount"),
        ("discount_invoiced", "discount_amount"),
        ("discount_tax_compensation_invoiced", "discount_tax_compensation_amount"),
        ("total_invoiced", "grand_total"),
    ):
        totals[name] = totals.get(name, 0) + header[source]
    totals.setdefault("shipping_invoiced", 0)
    return header, amounts

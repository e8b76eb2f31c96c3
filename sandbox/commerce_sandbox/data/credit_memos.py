"""Credit memos: pieces, shipping or a free amount of an order go back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commerce_sandbox.data import fields
from commerce_sandbox.data.arithmetic import UNIT, Carry, round_cents
from commerce_sandbox.data.documents import (
    add_history,
    own_fields,
    part_of,
    prorate,
    show_lines,
    sum_lines,
)
from commerce_sandbox.data.orders import Amounts, Line, Order, Plan, show
from commerce_sandbox.data.pieces import to_invoice

if TYPE_CHECKING:
    from commerce_sandbox.data.documents import Stages
    from commerce_sandbox.data.numbers import Numbers
    from commerce_sandbox.data.pieces import Quantities

_CREDIT_MEMO = Plan(fields.CREDIT_MEMO)
_CREDIT_MEMO_LINE = Plan(fields.CREDIT_MEMO_LINE)
_REFUND_STAGES: Stages = (
    (("row_total", "row_invoiced", "amount_refunded"),),
    (("discount_amount", "discount_invoiced", "discount_refunded"),),
    (
        ("tax_amount", "tax_invoiced", "tax_refunded"),
        (
            "discount_tax_compensation_amount",
            "discount_tax_compensation_invoiced",
            "discount_tax_compensation_refunded",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Refund:
    """What a credit memo gives back.

    Attributes:
        quantities: Pieces by ``item_id``; may be empty.
        shipping: Share of the shipping still to refund, 0 to 1.
        adjustment_positive: Extra refund, in ten-thousandths of the order's currency.
        adjustment_negative: Fee kept.
        invoice_id: The invoice it was made from, if it was.
    """

    quantities: Quantities
    shipping: float = 0.0
    adjustment_positive: int = 0
    adjustment_negative: int = 0
    invoice_id: int | None = None


def refund(order: Order, given: Refund, numbers: Numbers, at: str) -> dict[str, Any]:
    """Refund pieces, shipping or a free amount of an order.

    Args:
        order: Changed in place.
        given: What is given back; pieces from :func:`to_refund`.
        numbers: The shop's running numbers.
        at: ``created_at``, UTC.
    """
    quantities = given.quantities
    lines = [line for line in order.lines if quantities.get(line.fields["item_id"])]
    per_family = [_refund_family(order, lines, given, family) for family in order.currencies]
    headers = [header for header, _ in per_family]
    for line in lines:
        line.quantities["qty_refunded"] += quantities[line.fields["item_id"]]
        line.fields["updated_at"] = at
    closed = _is_closed(order)
    if closed:
        order.fields["state"] = order.fields["status"] = "closed"
    order.fields["updated_at"] = at
    own = own_fields(order, "creditmemo", numbers, at)
    own["invoice_id"] = given.invoice_id
    document = show(_CREDIT_MEMO, own, (headers[0], headers[-1]))
    document["items"] = show_lines(
        _CREDIT_MEMO_LINE, lines, quantities, per_family, own["entity_id"], "creditmemo", numbers
    )
    document["comments"] = []
    add_history(order, numbers, "creditmemo", _refunded_text(headers[-1]["grand_total"]), at)
    return document


def _refund_family(
    order: Order, lines: list[Line], given: Refund, family: int
) -> tuple[Amounts, list[Amounts]]:
    """Compute a credit memo in one currency and add it to the order's sums."""
    carry = Carry()
    totals = order.money[family]
    parts = [
        part_of(line, given.quantities, family, "qty_invoiced", "qty_refunded") for line in lines
    ]
    amounts = prorate(parts, _REFUND_STAGES, carry)
    header = sum_lines(amounts)
    _refund_shipping(header, totals, given.shipping)
    rate = order.fields["base_to_order_rate"] if family else 1
    plus = round_cents(given.adjustment_positive / rate)
    minus = round_cents(given.adjustment_negative / rate)
    header["adjustment"] = plus - minus
    if plus:
        header["adjustment_positive"] = plus
    if minus:
        header["adjustment_negative"] = minus
    header["discount_amount"] = -header["discount_amount"]
    header["grand_total"] = (
        header["subtotal"]
        + header["discount_amount"]
        + header["shipping_amount"]
        + header["tax_amount"]
        + header["discount_tax_compensation_amount"]
        + header["adjustment"]
    )
    for name, amount in (
        ("adjustment_positive", plus),
        ("adjustment_negative", minus),
        ("subtotal_refunded", header["subtotal"]),
        ("discount_refunded", header["discount_amount"]),
        ("tax_refunded", header["tax_amount"]),
        ("discount_tax_compensation_refunded", header["discount_tax_compensation_amount"]),
        ("shipping_refunded", header["shipping_amount"]),
        ("shipping_tax_refunded", header["shipping_tax_amount"]),
        ("total_refunded", header["grand_total"]),
        ("total_offline_refunded", header["grand_total"]),
    ):
        totals[name] = totals.get(name, 0) + amount
    return header, amounts


def _refund_shipping(header: Amounts, totals: Amounts, share: float) -> None:
    """Add a share of the shipping that is left, with its tax, discount and compensation.

    Shipping with a discount is refunded whole or not at all.
    """
    whole = totals["shipping_amount"]
    left = whole - totals.get("shipping_refunded", 0)
    tax = taken = compensation = 0
    amount = round_cents(left * share) if whole and totals.get("shipping_invoiced") else 0
    if totals["shipping_discount_amount"] and amount != whole:
        amount = 0
    if amount and amount == left:
        tax = totals["shipping_tax_amount"] - totals.get("shipping_tax_refunded", 0)
        taken = totals["shipping_discount_amount"]
        # Rounding can leave a cent of compensation without any discount; the rest takes it.
        compensation = totals["shipping_discount_tax_compensation_amount"]
    elif amount:
        tax = round_cents(totals["shipping_tax_amount"] * amount / whole)
    header["shipping_amount"] = amount
    header["shipping_tax_amount"] = tax
    header["shipping_incl_tax"] = amount + tax + compensation
    header["tax_amount"] += tax
    header["discount_amount"] += taken
    header["discount_tax_compensation_amount"] += compensation


def _is_closed(order: Order) -> bool:
    totals = order.money[0]
    given = totals["total_refunded"] + totals["adjustment_negative"]
    given -= totals["adjustment_positive"]
    return not to_invoice(order) and given >= totals["total_paid"]


def _refunded_text(amount: int) -> str:
    return f"We refunded \u20ac\u00a0{amount / UNIT:.2f} offline.".replace(".", ",", 1)

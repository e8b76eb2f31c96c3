"""Credit memos: pieces, shipping or a free amount of an order go back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commerce_sandbox.data import fields, fixed_tax, vouchers
from commerce_sandbox.data.arithmetic import UNIT, FloatCarry, round_cents, units
from commerce_sandbox.data.documents import (
    add_history,
    own_fields,
    part_of,
    prorate,
    show_lines,
    step_of,
    sum_lines,
)
from commerce_sandbox.data.orders import Amounts, Line, Order, Plan, show
from commerce_sandbox.data.pieces import to_invoice, to_refund

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commerce_sandbox.data.documents import Stages
    from commerce_sandbox.data.numbers import Numbers
    from commerce_sandbox.data.pieces import Quantities

_TINY = 1e-7  # a tie that binary floats just missed is still a tie
_SHIPPING_COMPENSATION = (
    "shipping_discount_tax_compensation_amount",
    "base_shipping_discount_tax_compensation_amnt",
)
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
        invoice: The invoice it is made from, as shown, if it is.
        earlier: Credit memos made from that invoice before, as shown.
        is_online: Whether the money goes back through the gateway.
    """

    quantities: Quantities
    shipping: float = 0.0
    adjustment_positive: int = 0
    adjustment_negative: int = 0
    invoice: Mapping[str, Any] | None = None
    earlier: Sequence[Mapping[str, Any]] = ()
    is_online: bool = False


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
    before = {line.fields["item_id"]: line.fields.get("weee_tax_applied", "") for line in lines}
    per_family = [_refund_family(order, lines, given, family) for family in order.currencies]
    headers = [header for header, _ in per_family]
    for line in lines:
        line.quantities["qty_refunded"] += quantities[line.fields["item_id"]]
        line.fields["updated_at"] = at
    fixed_tax.note_refund(order)
    closed = _is_closed(order)
    if closed:
        order.fields["state"] = order.fields["status"] = "closed"
    order.fields["updated_at"] = at
    own = own_fields(order, "creditmemo", numbers, at)
    if given.invoice is not None:
        own["invoice_id"] = given.invoice["entity_id"]
    document = show(_CREDIT_MEMO, own, (headers[0], headers[-1]))
    items = show_lines(
        _CREDIT_MEMO_LINE, lines, quantities, per_family, own["entity_id"], "creditmemo", numbers
    )
    for line, item in zip(lines, items, strict=True):
        if fixed_tax.has_some(line):
            item.update(fixed_tax.memo_line(line, before[item["order_item_id"]], item))
    document["items"] = items
    document["comments"] = []
    text = _refunded_text(headers[-1]["grand_total"], "online" if given.is_online else "offline")
    add_history(order, numbers, "creditmemo", text, at)
    return {**document, **vouchers.shown((headers[0], headers[-1]))}


def _refund_family(
    order: Order, lines: list[Line], given: Refund, family: int
) -> tuple[Amounts, list[Amounts]]:
    """Compute a credit memo in one currency and add it to the order's sums."""
    step = step_of(order, family)
    carry = FloatCarry(step)
    totals = order.money[family]
    parts = [
        part_of(line, given.quantities, family, "qty_invoiced", "qty_refunded") for line in lines
    ]
    amounts = prorate(parts, _REFUND_STAGES, carry)
    header = sum_lines(amounts)
    fixed_net = 0
    for line, own, (net, gross) in zip(
        lines, amounts, fixed_tax.take(order, parts, family, carry, "refunded"), strict=True
    ):
        if net:
            own["weee_tax_applied_amount"] = line.money[family]["weee_tax_applied_amount"]
            own["weee_tax_applied_row_amount"] = net
        fixed_net += net
        header["subtotal_incl_tax"] += gross
        header["tax_amount"] += gross - net
    _refund_shipping(header, order, family, given.shipping)
    _cap(header, order, given, family)
    rate = order.fields["base_to_order_rate"] if family else 1
    plus = round_cents(given.adjustment_positive / rate, step)
    minus = round_cents(given.adjustment_negative / rate, step)
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
        + fixed_net
    )
    vouchers.take(order, family, header, "refunded")
    for name, amount in (
        ("adjustment_positive", plus),
        ("adjustment_negative", minus),
        ("subtotal_refunded", header["subtotal"]),
        ("discount_refunded", header["discount_amount"]),
        ("tax_refunded", header["tax_amount"]),
        ("discount_tax_compensation_refunded", header["discount_tax_compensation_amount"]),
        ("shipping_refunded", header["shipping_amount"]),
        ("shipping_tax_refunded", header["shipping_tax_amount"]),
        (
            "total_online_refunded" if given.is_online else "total_offline_refunded",
            header["grand_total"],
        ),
    ):
        totals[name] = totals.get(name, 0) + amount
    totals["total_refunded"] = round_cents(
        totals.get("total_refunded", 0) + header["grand_total"], step
    )
    return header, amounts


def _refund_shipping(header: Amounts, order: Order, family: int, share: float) -> None:
    """Add a share of the shipping that is left, with its tax, discount and compensation.

    Shipping with a discount is refunded whole or not at all.
    """
    totals, step = order.money[family], step_of(order, family)
    whole = totals["shipping_amount"]
    left = whole - totals.get("shipping_refunded", 0)
    tax = compensation = 0
    amount = round_cents(left * share, step) if whole and totals.get("shipping_invoiced") else 0
    if totals["shipping_discount_amount"] and amount != whole:
        amount = 0
    if amount and amount == left:
        tax = totals["shipping_tax_amount"] - totals.get("shipping_tax_refunded", 0)
        # Rounding can leave a cent of compensation without any discount; the rest takes it.
        compensation = totals["shipping_discount_tax_compensation_amount"]
    elif amount:
        tax = round_cents(totals["shipping_tax_amount"] * amount / whole, step)
    header["shipping_amount"] = amount
    header["shipping_tax_amount"] = tax
    header["shipping_incl_tax"] = amount + tax + compensation
    header["tax_amount"] += tax
    header["discount_amount"] += _shipping_discount(order, family, amount)
    header["discount_tax_compensation_amount"] += compensation


def _shipping_discount(order: Order, family: int, amount: int) -> int:
    """Return the discount on shipping that a credit memo takes back, to four decimals.

    The shop works it out from the shipping in the base currency; where none is refunded it takes
    the shipping's tax with the wrong sign for it. So the memo's discount is too small by
    ``shipping_tax x shipping_discount / shipping_amount``, or even positive.
    """
    totals, base = order.money[family], order.money[-1]
    if not base["shipping_discount_amount"] or not totals["shipping_invoiced"]:
        return 0
    shipping = amount * base["shipping_amount"] / totals["shipping_amount"]
    if not amount:
        shipping = -base["shipping_tax_amount"]
    discount = shipping * base["shipping_discount_amount"] / base["shipping_amount"]
    return _half_up(totals["shipping_amount"] * discount / base["shipping_amount"])


def _half_up(amount: float) -> int:
    return math.floor(abs(amount) + 0.5 + _TINY) * (-1 if amount < 0 else 1)


def _cap(header: Amounts, order: Order, given: Refund, family: int) -> None:
    """Cap the header's tax and compensation at what the invoice, or the order, still allows.

    The lines are left alone, so that they may sum up to some cents more. Whoever refunds the last
    pieces takes all that is allowed.
    """
    prefix = "base_" if family else ""
    totals = order.money[family]
    allowed = {
        "tax_amount": totals["tax_invoiced"] - totals.get("tax_refunded", 0),
        "discount_tax_compensation_amount": totals["discount_tax_compensation_invoiced"]
        + totals["shipping_discount_tax_compensation_amount"]
        - totals.get("discount_tax_compensation_refunded", 0),
    }
    if given.invoice is not None:
        for name in allowed:
            refunded = sum(units(memo[prefix + name]) for memo in given.earlier)
            allowed[name] = units(given.invoice[prefix + name]) - refunded
        allowed["discount_tax_compensation_amount"] += units(
            given.invoice.get(_SHIPPING_COMPENSATION[family], 0)
        )
    shipping_left = totals.get("shipping_invoiced", 0) - totals.get("shipping_refunded", 0)
    is_last = given.quantities == to_refund(order) and header["shipping_amount"] == shipping_left
    for name, most in allowed.items():
        header[name] = most if is_last else min(header[name], most)


def _is_closed(order: Order) -> bool:
    totals = order.money[0]
    given = totals["total_refunded"] + totals["adjustment_negative"]
    given -= totals["adjustment_positive"]
    return not to_invoice(order) and given >= totals["total_paid"]


def _refunded_text(amount: int, way: str) -> str:
    return f"We refunded \u20ac\u00a0{amount / UNIT:.2f} {way}.".replace(".", ",", 1)

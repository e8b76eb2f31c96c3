"""What happens to an order after checkout: invoices, credit memos, shipments, cancelling, holding.

Each function changes the stored order and returns the new document as the API shows it. A row's
``updated_at`` moves only when a column of that very row changes, as recorded: a comment or an
incomplete shipment leaves the order's alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commerce_sandbox.data import fields
from commerce_sandbox.data.arithmetic import UNIT, Carry, number, round_cents
from commerce_sandbox.data.catalog import STORE_VIEWS
from commerce_sandbox.data.orders import Amounts, Line, Order, Plan, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.data.checkout import Numbers

_INVOICE = Plan(fields.INVOICE)
_INVOICE_LINE = Plan(fields.INVOICE_LINE)
_CREDIT_MEMO = Plan(fields.CREDIT_MEMO)
_CREDIT_MEMO_LINE = Plan(fields.CREDIT_MEMO_LINE)

_STORES = {store.store_id: store for store in STORE_VIEWS}
_COPIED = (
    "base_currency_code",
    "base_to_global_rate",
    "base_to_order_rate",
    "billing_address_id",
    "discount_description",
    "global_currency_code",
    "order_currency_code",
    "store_currency_code",
    "store_id",
    "store_to_base_rate",
    "store_to_order_rate",
)
_NO_LINE = {
    "row_total": 0,
    "row_total_incl_tax": 0,
    "discount_amount": 0,
    "tax_amount": 0,
    "discount_tax_compensation_amount": 0,
}

# What a document takes from a line: name in the document, what there was, what was taken before.
# Lines are gone through once per stage, and one carry rounds them all, as in the shop.
_Take = tuple[str, str, str]
_INVOICE_STAGES: tuple[tuple[_Take, ...], ...] = (
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
_REFUND_STAGES: tuple[tuple[_Take, ...], ...] = (
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

Quantities = dict[int, int]  # ten-thousandths by item_id


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


def to_invoice(order: Order) -> Quantities:
    """Return the pieces not invoiced or cancelled yet."""
    return _left(order, "qty_ordered", "qty_invoiced", "qty_canceled")


def to_refund(order: Order) -> Quantities:
    """Return the pieces invoiced and not refunded yet."""
    return _left(order, "qty_invoiced", "qty_refunded")


def to_ship(order: Order) -> Quantities:
    """Return the pieces not shipped, refunded or cancelled yet."""
    left = _left(order, "qty_ordered", "qty_shipped", "qty_refunded", "qty_canceled")
    return {
        line.fields["item_id"]: left[line.fields["item_id"]]
        for line in order.lines
        if not line.fields["is_virtual"] and line.fields["item_id"] in left
    }


def with_children(order: Order, quantities: Mapping[int, int]) -> Quantities:
    """Add the children of chosen parents, in proportion to the parent's pieces."""
    chosen = dict(quantities)
    for line in order.lines:
        parent = line.parent
        if parent is not None and parent.fields["item_id"] in chosen:
            pieces = line.quantities["qty_ordered"] // parent.quantities["qty_ordered"]
            chosen[line.fields["item_id"]] = chosen[parent.fields["item_id"]] * pieces
    return chosen


def invoice(order: Order, quantities: Quantities, numbers: Numbers, at: str) -> dict[str, Any]:
    """Invoice and capture pieces of an order.

    Args:
        order: Changed in place.
        quantities: Pieces by ``item_id``, from :func:`to_invoice`.
        numbers: The shop's running numbers.
        at: ``created_at``, UTC.
    """
    lines = [line for line in order.lines if quantities.get(line.fields["item_id"])]
    with_shipping = "shipping_invoiced" not in order.money[0]
    per_family = [
        _invoice_family(order, lines, quantities, family, with_shipping=with_shipping)
        for family in order.currencies
    ]
    headers = [header for header, _ in per_family]
    money = (headers[0], headers[-1])
    for line in lines:
        line.quantities["qty_invoiced"] += quantities[line.fields["item_id"]]
        line.fields["updated_at"] = at
    order.fields["base_total_invoiced_cost"] = 0
    _proceed(order, at)
    document_id = numbers.next("invoice")
    own = {
        **{name: order.fields.get(name) for name in _COPIED},
        "can_void_flag": 0,
        "created_at": at,
        "entity_id": document_id,
        "increment_id": numbers.increment_id("invoice", _STORES[order.fields["store_id"]]),
        "order_id": order.fields["entity_id"],
        "shipping_address_id": _shipping_address_id(order),
        "state": 2,
        "total_qty": number(sum(quantities[line.fields["item_id"]] for line in lines)),
        "updated_at": at,
    }
    document = show(_INVOICE, own, money)
    document["items"] = _document_lines(
        _INVOICE_LINE, lines, quantities, per_family, document_id, "invoice", numbers
    )
    document["comments"] = []
    return document


def _invoice_family(
    order: Order, lines: list[Line], quantities: Quantities, family: int, *, with_shipping: bool
) -> tuple[Amounts, list[Amounts]]:
    """Compute an invoice in one currency and add it to the order's sums."""
    carry = Carry()
    totals = order.money[family]
    parts = [_part(line, quantities, family, "qty_ordered", "qty_invoiced") for line in lines]
    amounts = _prorate(parts, _INVOICE_STAGES, carry)
    header = _sum(amounts)
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
    header["tax_amount"] += shipping["tax"]
    header["grand_total"] = (
        header["subtotal"]
        - taken
        + shipping["amount"]
        + header["tax_amount"]
        + header["discount_tax_compensation_amount"]
        + shipping["compensation"]
    )
    for name, source in (
        ("subtotal_invoiced", "subtotal"),
        ("tax_invoiced", "tax_amount"),
        ("discount_invoiced", "discount_amount"),
        ("discount_tax_compensation_invoiced", "discount_tax_compensation_amount"),
        ("total_invoiced", "grand_total"),
        ("total_paid", "grand_total"),
    ):
        totals[name] = totals.get(name, 0) + header[source]
    totals.setdefault("shipping_invoiced", 0)
    totals["total_due"] = max(totals["grand_total"] - totals["total_paid"], 0)
    return header, amounts


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
    document_id = numbers.next("creditmemo")
    own = {
        **{name: order.fields.get(name) for name in _COPIED},
        "created_at": at,
        "entity_id": document_id,
        "increment_id": numbers.increment_id("creditmemo", _STORES[order.fields["store_id"]]),
        "invoice_id": given.invoice_id,
        "order_id": order.fields["entity_id"],
        "shipping_address_id": _shipping_address_id(order),
        "state": 2,
        "updated_at": at,
    }
    document = show(_CREDIT_MEMO, own, (headers[0], headers[-1]))
    document["items"] = _document_lines(
        _CREDIT_MEMO_LINE, lines, quantities, per_family, document_id, "creditmemo", numbers
    )
    document["comments"] = []
    _add_history(order, numbers, "creditmemo", _refunded_text(headers[-1]["grand_total"]), at)
    return document


def _refund_family(
    order: Order, lines: list[Line], given: Refund, family: int
) -> tuple[Amounts, list[Amounts]]:
    """Compute a credit memo in one currency and add it to the order's sums."""
    carry = Carry()
    totals = order.money[family]
    parts = [
        _part(line, given.quantities, family, "qty_invoiced", "qty_refunded") for line in lines
    ]
    amounts = _prorate(parts, _REFUND_STAGES, carry)
    header = _sum(amounts)
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
    elif amount:
        tax = round_cents(totals["shipping_tax_amount"] * amount / whole)
    if amount and totals["shipping_discount_amount"]:
        taken = totals["shipping_discount_amount"]
        compensation = totals["shipping_discount_tax_compensation_amount"]
    header["shipping_amount"] = amount
    header["shipping_tax_amount"] = tax
    header["shipping_incl_tax"] = amount + tax + compensation
    header["tax_amount"] += tax
    header["discount_amount"] += taken
    header["discount_tax_compensation_amount"] += compensation


def ship(order: Order, quantities: Quantities, numbers: Numbers, at: str) -> dict[str, Any]:
    """Ship pieces of an order; only a shipment that completes it moves the order."""
    lines = [line for line in order.lines if quantities.get(line.fields["item_id"])]
    for line in lines:
        line.quantities["qty_shipped"] += quantities[line.fields["item_id"]]
        line.fields["updated_at"] = at
    if _is_complete(order):
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
        "increment_id": numbers.increment_id("shipment", _STORES[order.fields["store_id"]]),
        "order_id": order.fields["entity_id"],
        "packages": [],
        "shipping_address_id": _shipping_address_id(order),
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
    _add_history(order, numbers, "order", text, at)


def move_address(order: Order, street: list[str]) -> None:
    """Change the billing street; the order's ``updated_at`` stays."""
    order.billing_address["street"] = street


@dataclass(frozen=True, slots=True)
class _Part:
    """The pieces of one line that a document takes, and how many there were to take."""

    line: Line
    amounts: Amounts
    qty: int
    available: int

    @property
    def is_last(self) -> bool:
        return self.qty == self.available


def _part(line: Line, quantities: Quantities, family: int, whole: str, done: str) -> _Part:
    held = line.quantities
    available = held[whole] - held[done]
    return _Part(line, line.money[family], quantities[line.fields["item_id"]], available)


def _prorate(
    parts: list[_Part], stages: tuple[tuple[_Take, ...], ...], carry: Carry
) -> list[Amounts]:
    """Take each line's share of its amounts; whoever takes the last pieces takes what is left."""
    taken: list[Amounts] = [dict(_NO_LINE) if part.line.carries_money else {} for part in parts]
    for stage in stages:
        for part, amounts in zip(parts, taken, strict=True):
            for name, whole, done in stage:
                held = part.amounts
                if part.line.carries_money:
                    left = held.get(whole, 0) - held.get(done, 0)
                    if not part.is_last:
                        negative = name == "discount_amount"
                        left = carry.round(left / part.available * part.qty, negative=negative)
                    amounts[name] = left
                    held[done] = held.get(done, 0) + left
                else:
                    held.setdefault(done, 0)
    for part, amounts in zip(parts, taken, strict=True):
        if part.line.carries_money:
            ordered = part.line.quantities["qty_ordered"]
            gross = part.amounts["row_total_incl_tax"]
            amounts["row_total_incl_tax"] = round_cents(gross / ordered * part.qty)
    return taken


def _sum(lines: list[Amounts]) -> Amounts:
    sums = dict(_NO_LINE)
    for line in lines:
        for name, amount in line.items():
            sums[name] += amount
    sums["subtotal"] = sums.pop("row_total")
    sums["subtotal_incl_tax"] = sums.pop("row_total_incl_tax")
    return sums


def _document_lines(
    plan: Plan,
    lines: list[Line],
    quantities: Quantities,
    per_family: list[tuple[Amounts, list[Amounts]]],
    document_id: int,
    kind: str,
    numbers: Numbers,
) -> list[dict[str, Any]]:
    items = []
    for index, line in enumerate(lines):
        money = []
        for family, (_, amounts) in enumerate(per_family):
            held = line.money[family]
            own = {"price": held["price"], **amounts[index]}
            if not own.get("discount_amount"):
                own.pop("discount_amount", None)
            if "price_incl_tax" in held:
                own["price_incl_tax"] = held["price_incl_tax"]
                for name in ("applied_amount", "applied_row_amount", "disposition"):
                    own[f"weee_tax_{name}"] = 0
                own["weee_tax_row_disposition"] = 0
            money.append(own)
        item_id = line.fields["item_id"]
        fields_ = {
            "entity_id": numbers.next(f"{kind}_line"),
            "name": line.fields["name"],
            "order_item_id": item_id,
            "parent_id": document_id,
            "product_id": line.fields["product_id"],
            "sku": line.fields["sku"],
            "weee_tax_applied": line.fields.get("weee_tax_applied"),
        }
        shown = show(plan, fields_, (money[0], money[-1]), {"qty": quantities[item_id]})
        if kind == "creditmemo":
            shown = {"base_cost": None, **shown}
        items.append(shown)
    return items


def _left(order: Order, whole: str, *done: str) -> Quantities:
    left = {}
    for line in order.lines:
        held = line.quantities
        qty = held[whole] - sum(held[name] for name in done)
        if qty > 0:
            left[line.fields["item_id"]] = qty
    return left


def _proceed(order: Order, at: str) -> None:
    order.fields["state"] = order.fields["status"] = (
        "complete" if _is_complete(order) else "processing"
    )
    order.fields["updated_at"] = at


def _is_complete(order: Order) -> bool:
    return not to_invoice(order) and not to_ship(order)


def _is_closed(order: Order) -> bool:
    totals = order.money[0]
    given = totals["total_refunded"] + totals["adjustment_negative"]
    given -= totals["adjustment_positive"]
    return not to_invoice(order) and given >= totals["total_paid"]


def _shipping_address_id(order: Order) -> int | None:
    address = order.shipping.get("address")
    return address["entity_id"] if address else None


def _refunded_text(amount: int) -> str:
    return f"We refunded \u20ac\u00a0{amount / UNIT:.2f} offline.".replace(".", ",", 1)


def _add_history(order: Order, numbers: Numbers, kind: str, text: str, at: str) -> None:
    order.histories.append(
        {
            "comment": text,
            "created_at": at,
            "entity_id": numbers.next("history"),
            "entity_name": kind,
            "is_customer_notified": 0,
            "is_visible_on_front": 0,
            "parent_id": order.fields["entity_id"],
            "status": order.fields["status"],
        }
    )

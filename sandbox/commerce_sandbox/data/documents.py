"""What invoices and credit memos have in common: shares of lines, sums, and the shown lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commerce_sandbox.data import fixed_tax
from commerce_sandbox.data.arithmetic import UNIT, FloatCarry, round_cents
from commerce_sandbox.data.catalog import STORE_VIEWS, WEAK
from commerce_sandbox.data.orders import Amounts, Line, Order, Plan, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commerce_sandbox.data.numbers import Numbers
    from commerce_sandbox.data.pieces import Quantities

# What a document takes from a line: name in the document, what there was, what was taken before.
# Lines are gone through once per stage, and one carry rounds them all, as in the shop.
Take = tuple[str, str, str]
Stages = tuple[tuple[Take, ...], ...]

_STORES = {store.store_id: store for store in (*STORE_VIEWS, *WEAK)}
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


@dataclass(frozen=True, slots=True)
class Part:
    """The pieces of one line that a document takes, and how many there were to take."""

    line: Line
    amounts: Amounts
    qty: int
    available: int

    @property
    def is_last(self) -> bool:
        """Whether nothing of the line is left after it."""
        return self.qty == self.available


def step_of(order: Order, family: int) -> int:
    """Return the smallest unit of one of an order's currencies, in ten-thousandths."""
    return _STORES[order.fields["store_id"]].step(
        1 if family else order.fields["base_to_order_rate"]
    )


def part_of(line: Line, quantities: Quantities, family: int, whole: str, done: str) -> Part:
    """Return the part of a line that a document takes.

    Args:
        line: The line.
        quantities: Pieces by ``item_id``.
        family: Index of the currency.
        whole: Name of the quantity there was.
        done: Name of the quantity taken before.
    """
    held = line.quantities
    available = held[whole] - held[done]
    return Part(line, line.money[family], quantities[line.fields["item_id"]], available)


def prorate(parts: Sequence[Part], stages: Stages, carry: FloatCarry) -> list[Amounts]:
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
                        each = left / UNIT / (part.available / UNIT)
                        left = carry.round(each * (part.qty / UNIT), negative=negative)
                    amounts[name] = left
                    held[done] = held.get(done, 0) + left
                else:
                    held.setdefault(done, 0)
    for part, amounts in zip(parts, taken, strict=True):
        if part.line.carries_money:
            ordered = part.line.quantities["qty_ordered"]
            gross = part.amounts["row_total_incl_tax"]
            amounts["row_total_incl_tax"] = round_cents(gross / ordered * part.qty, carry.step)
    return taken


def sum_lines(lines: Sequence[Amounts]) -> Amounts:
    """Return the header's sums of a document's lines."""
    sums = dict(_NO_LINE)
    for line in lines:
        for name, amount in line.items():
            sums[name] += amount
    sums["subtotal"] = sums.pop("row_total")
    sums["subtotal_incl_tax"] = sums.pop("row_total_incl_tax")
    return sums


def own_fields(order: Order, kind: str, numbers: Numbers, at: str) -> dict[str, Any]:
    """Return what is not an amount in the header of a new document of an order.

    Args:
        order: Whose document it is.
        kind: ``invoice`` or ``creditmemo``.
        numbers: The shop's running numbers.
        at: ``created_at``, UTC.
    """
    return {
        **{name: order.fields.get(name) for name in _COPIED},
        "created_at": at,
        "entity_id": numbers.next(kind),
        "increment_id": next_increment(order, kind, numbers),
        "order_id": order.fields["entity_id"],
        "shipping_address_id": shipping_address_id(order),
        "state": 2,
        "updated_at": at,
    }


def next_increment(order: Order, kind: str, numbers: Numbers) -> str:
    """Return the next number of a kind of document in the order's store view."""
    return numbers.increment_id(kind, _STORES[order.fields["store_id"]])


def shipping_address_id(order: Order) -> int | None:
    """Return the number of the shipping address; a virtual order has none."""
    address = order.shipping.get("address")
    return address["entity_id"] if address else None


def show_lines(
    plan: Plan,
    lines: list[Line],
    quantities: Quantities,
    per_family: list[tuple[Amounts, list[Amounts]]],
    document_id: int,
    kind: str,
    numbers: Numbers,
) -> list[dict[str, Any]]:
    """Write the lines of a document.

    Args:
        plan: Keys of a line.
        lines: The order's lines in it.
        quantities: Pieces by ``item_id``.
        per_family: For each currency the header's and the lines' amounts.
        document_id: ``entity_id`` of the document.
        kind: ``invoice`` or ``creditmemo``.
        numbers: The shop's running numbers.
    """
    items = []
    for index, line in enumerate(lines):
        money = []
        for family, (_, amounts) in enumerate(per_family):
            held = line.money[family]
            own = {"price": held["price"]}
            if "price_incl_tax" in held:
                own["price_incl_tax"] = held["price_incl_tax"]
                own.update(fixed_tax.line_money(None))
            own.update(amounts[index])
            if not own.get("discount_amount"):
                own.pop("discount_amount", None)
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


def add_history(order: Order, numbers: Numbers, kind: str, text: str, at: str) -> None:
    """Write an entry into the order's history."""
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

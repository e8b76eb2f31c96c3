"""Gift cards, store credit and reward points: they lower the total of an order and its documents.

The shop keeps them in extension attributes. Reward points stand on the order only; how much of
them is used can be told from the totals alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.data.arithmetic import number, round_cents
from commerce_sandbox.data.checkout import set_method

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.data.orders import Amounts, Order

GIFT_CARDS, STORE_CREDIT, REWARD = "gift_cards", "customer_balance", "reward_currency"
_MEANS = (GIFT_CARDS, STORE_CREDIT, REWARD)
_ON_DOCUMENTS = (GIFT_CARDS, STORE_CREDIT)
_PREFIXES = ("", "base_")
_POINTS = 10_000 // 100  # one point is worth a cent


def pay(order: Order, wanted: Mapping[str, int]) -> None:
    """Pay a new order with them, as far as its total goes.

    Args:
        order: Changed in place.
        wanted: Amount in the base currency by means.
    """
    rate = order.fields["base_to_order_rate"]
    for name in _MEANS:
        asked = wanted.get(name, 0)
        for family in order.currencies:
            amounts = order.money[family]
            amount = asked if family or rate == 1 else round_cents(asked * rate)
            amount = min(amount, amounts["grand_total"])
            if amount:
                amounts[f"{name}_amount"] = amount
                amounts["grand_total"] -= amount
                amounts["total_due"] -= amount
        for prefix, amounts in zip(_PREFIXES, order.money, strict=True):
            if f"{name}_amount" in amounts:
                order.extension[f"{prefix}{name}_amount"] = number(amounts[f"{name}_amount"])
    if GIFT_CARDS in wanted:
        order.extension["gift_cards"] = [
            {
                "id": order.fields["entity_id"],
                "code": f"CARD{order.fields['entity_id']:08d}",
                "amount": order.extension["gift_cards_amount"],
                "base_amount": order.extension["base_gift_cards_amount"],
            }
        ]
    if f"{REWARD}_amount" in order.money[-1]:
        points = order.money[-1][f"{REWARD}_amount"] // _POINTS
        order.extension["reward_points_balance"] = points
    set_method(order, order.payment["method"])


def used(order: Order) -> bool:
    """Tell whether an order was paid with any of them."""
    return any(f"{name}_amount" in order.extension for name in _MEANS)


def take(order: Order, family: int, header: Amounts, done: str) -> None:
    """Lower the total of a document by what is left of them, and note it on the order.

    Args:
        order: Whose document it is.
        family: Index of the currency.
        header: The document's amounts, its total among them.
        done: ``invoiced`` or ``refunded``.
    """
    totals = order.money[family]
    whole = "amount" if done == "invoiced" else "invoiced"
    for name in _MEANS:
        left = totals.get(f"{name}_{whole}", 0) - totals.get(f"{name}_{done}", 0)
        amount = min(left, max(header["grand_total"], 0))
        if amount:
            header["grand_total"] -= amount
            header[f"{name}_amount"] = amount
            totals[f"{name}_{done}"] = totals.get(f"{name}_{done}", 0) + amount
    for prefix, amounts in zip(_PREFIXES, order.money, strict=True):
        for name in _ON_DOCUMENTS:
            if f"{name}_{done}" in amounts:
                order.extension[f"{prefix}{name}_{done}"] = number(amounts[f"{name}_{done}"])


def shown(headers: tuple[Amounts, Amounts]) -> dict[str, Any]:
    """Return the extension attributes of an invoice or credit memo, if it has any."""
    found = {
        f"{prefix}{name}_amount": number(header[f"{name}_amount"])
        for prefix, header in zip(_PREFIXES, headers, strict=True)
        for name in _ON_DOCUMENTS
        if f"{name}_amount" in header
    }
    return {"extension_attributes": found} if found else {}


def refund_to_store_credit(order: Order, memo: Mapping[str, Any]) -> None:
    """Give a credit memo's total to the customer as store credit; only the order shows it."""
    for prefix in _PREFIXES:
        name = f"{prefix}customer_balance_total_refunded"
        total = order.extension.get(name, 0) + memo[f"{prefix}grand_total"]
        order.extension[name] = round(total, 4)

"""An order as the shop keeps it, and as it shows it.

Stored amounts differ from shown ones in one place: the API replaces a line's ``row_total`` and
``row_total_incl_tax`` by values after discount. Everything here works on stored amounts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from commerce_sandbox.data import fields
from commerce_sandbox.data.arithmetic import UNIT, number, round_cents, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Amounts = dict[str, int]

_FIELD, _ORDER_CURRENCY, _BASE_CURRENCY, _QUANTITY = range(4)
_ABBREVIATED = {
    "base_shipping_discount_tax_compensation_amnt": "shipping_discount_tax_compensation_amount",
    "base_weee_tax_applied_row_amnt": "weee_tax_applied_row_amount",
}
_NO_AMOUNTS = {
    "base_cost",
    "base_currency_code",
    "base_to_global_rate",
    "base_to_order_rate",
    "base_total_invoiced_cost",
}
_ONLY_IN_ORDER_CURRENCY = {"tax_canceled", "discount_tax_compensation_canceled"}


class Plan:
    """Where the value of each key of a document comes from.

    Attributes:
        steps: For each key its source and the name it has there.
        base_keys: For each amount its key in the base currency.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        """Tell amounts from the rest by the keys they have in the base currency."""
        self.keys = tuple(keys)
        self.base_keys = {
            _ABBREVIATED.get(key, key.removeprefix("base_")): key
            for key in self.keys
            if key.startswith("base_") and key not in _NO_AMOUNTS
        }
        names = {key: name for name, key in self.base_keys.items()}
        self.steps = tuple((key, self._source(key), names.get(key, key)) for key in self.keys)

    def _source(self, key: str) -> int:
        if key in self.base_keys.values():
            return _BASE_CURRENCY
        if key in self.base_keys or key in _ONLY_IN_ORDER_CURRENCY:
            return _ORDER_CURRENCY
        return _QUANTITY if key.startswith("qty") else _FIELD


_ORDER = Plan(fields.ORDER)
_LINE = Plan(fields.ORDER_LINE)
_PAYMENT = Plan(fields.PAYMENT)


@dataclass(slots=True)
class Line:
    """One line of an order.

    Attributes:
        fields: What is neither amount nor quantity, by its name in the document.
        money: Stored amounts in the order's currency and in the base currency (the same
            object when there is one currency).
        quantities: ``qty_*``, in ten-thousandths.
        taxes: ``itemized_taxes`` of the line.
        parent: The line of the configurable or bundle it belongs to.
        carries_money: Whether it takes part in the order's sums (bundle parents with dynamic
            prices and the children of the others do not).
    """

    fields: dict[str, Any]
    money: tuple[Amounts, Amounts]
    quantities: dict[str, int]
    taxes: list[dict[str, Any]]
    parent: Line | None
    carries_money: bool


@dataclass(slots=True)
class Order:
    """An order with its lines.

    Attributes:
        fields: What is not an amount, by its name in the document.
        money: Stored amounts in the order's currency and in the base currency.
        lines: Its lines, parents before children.
        billing_address: As shown.
        shipping: ``address`` and ``method`` of the delivery; empty for a virtual order.
        payment: What is not an amount.
        histories: ``status_histories``.
        extension: Extension attributes without ``shipping_assignments``.
    """

    fields: dict[str, Any]
    money: tuple[Amounts, Amounts]
    lines: list[Line]
    billing_address: dict[str, Any]
    shipping: dict[str, Any]
    payment: dict[str, Any]
    histories: list[dict[str, Any]] = field(default_factory=list)
    extension: dict[str, Any] = field(default_factory=dict)

    @property
    def currencies(self) -> range:
        """Return the indexes of the families of amounts that differ from each other."""
        return range(1 if self.money[0] is self.money[1] else 2)


def show(
    plan: Plan,
    values: Mapping[str, Any],
    money: tuple[Mapping[str, int], Mapping[str, int]],
    quantities: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Write a document's own level; what is absent is left out, as the shop does."""
    found = {**values, **_numbers(money[0])}
    base = found if money[0] is money[1] else _numbers(money[1])
    for name, key in plan.base_keys.items():
        if name in money[1]:
            found[key] = base[name]
    if quantities:
        found.update(_numbers(quantities))
    return {key: value for key in plan.keys if (value := found.get(key)) is not None}


def _numbers(amounts: Mapping[str, int]) -> dict[str, int | float]:
    """Return amounts as JSON shows them (inlined: a big shop has hundreds of millions)."""
    return {
        name: amount / UNIT if amount % UNIT else amount // UNIT for name, amount in amounts.items()
    }


def show_order(order: Order) -> dict[str, Any]:
    """Return an order as the API shows it."""
    shown = show(_ORDER, order.fields, order.money)
    items = _show_lines(order.lines)
    shipping: dict[str, Any] = dict(order.shipping)
    shipping["total"] = {
        key: value
        for key, value in shown.items()
        if key.startswith(("shipping_", "base_shipping_")) and key != "shipping_description"
    }
    shown["items"] = items
    shown["billing_address"] = order.billing_address
    shown["payment"] = _show_payment(order)
    shown["status_histories"] = order.histories
    shown["extension_attributes"] = {
        "shipping_assignments": [{"shipping": shipping, "items": items}],
        **order.extension,
    }
    return shown


def _refunded(order: Order) -> tuple[int | None, int | None]:
    """Return what the payment gave back: to four decimals, and in the base currency to cents."""
    own, base = order.money
    if "total_refunded" not in own:
        return None, None
    exact = own.get("total_offline_refunded", 0) + own.get("total_online_refunded", 0)
    return exact, base["total_refunded"]


def _show_payment(order: Order) -> dict[str, Any]:
    money = []
    for amounts, refunded in zip(order.money, _refunded(order), strict=True):
        mine = {
            "amount_authorized": amounts.get("amount_authorized"),
            "amount_ordered": round_cents(amounts["grand_total"]),
            "amount_paid": amounts.get("total_paid"),
            "amount_refunded": refunded,
            "shipping_amount": amounts["shipping_amount"],
            "shipping_captured": amounts.get("shipping_invoiced"),
            "shipping_refunded": amounts.get("shipping_refunded"),
        }
        money.append({name: value for name, value in mine.items() if value is not None})
    shown = show(_PAYMENT, order.payment, (money[0], money[1]))
    return {"account_status": None, **shown, "cc_last4": None}


def _show_lines(lines: Iterable[Line]) -> list[dict[str, Any]]:
    items = []
    shown_by_id: dict[int, dict[str, Any]] = {}
    for line in lines:
        shown = show(_LINE, line.fields, line.money, line.quantities)
        for prefix, amounts in zip(("", "base_"), line.money, strict=True):
            taken = amounts["discount_amount"]
            row = amounts["row_total"]
            after = row - taken + amounts["tax_amount"]
            after += amounts.get("discount_tax_compensation_amount", 0)
            # In the base currency the shop adds the fixed product tax of one piece only.
            after += amounts.get(f"weee_tax_applied_{'' if prefix else 'row_'}amount", 0)
            shown[f"{prefix}row_total"] = number(max(row - taken, 0))
            shown[f"{prefix}row_total_incl_tax"] = number(max(after, 0))
        if "price_incl_tax" not in line.money[0]:
            shown.pop("base_original_price", None)
        if line.parent is not None:
            shown["parent_item"] = shown_by_id[id(line.parent)]
        shown["extension_attributes"] = {"itemized_taxes": line.taxes}
        shown_by_id[id(line)] = shown
        items.append(shown)
    return items


def read_order(document: Mapping[str, Any]) -> Order:
    """Return the stored order behind a shown one.

    The undiscounted ``row_total`` is recovered from the line's price where the shown value was
    clamped at 0.
    """
    assignment = document["extension_attributes"]["shipping_assignments"][0]["shipping"]
    one_currency = document["base_to_order_rate"] == 1
    own, money, _ = _read(_ORDER, document, one_currency=one_currency)
    payment, paid, _ = _read(_PAYMENT, document["payment"], one_currency=one_currency)
    for amounts, of_payment in zip(money, paid, strict=True):
        if "amount_authorized" in of_payment:
            amounts["amount_authorized"] = of_payment["amount_authorized"]
    extension = dict(document["extension_attributes"])
    del extension["shipping_assignments"]
    return Order(
        fields=own,
        money=money,
        lines=_read_lines(document["items"], one_currency=one_currency),
        billing_address=document["billing_address"],
        shipping={key: value for key, value in assignment.items() if key != "total"},
        payment={key: value for key, value in payment.items() if value is not None},
        histories=list(document["status_histories"]),
        extension=extension,
    )


def _read(
    plan: Plan, document: Mapping[str, Any], *, one_currency: bool
) -> tuple[dict[str, Any], tuple[Amounts, Amounts], dict[str, int]]:
    own: dict[str, Any] = {}
    money: tuple[Amounts, Amounts] = ({}, {})
    quantities: dict[str, int] = {}
    for key, source, name in plan.steps:
        if key not in document:
            continue
        if source == _FIELD:
            own[name] = document[key]
        elif source == _QUANTITY:
            quantities[name] = units(document[key])
        else:
            money[source - 1][name] = units(document[key])
    if one_currency:
        money = (money[0], money[0])
    return own, money, quantities


def _read_lines(items: Iterable[Mapping[str, Any]], *, one_currency: bool) -> list[Line]:
    lines: dict[int, Line] = {}
    for item in items:
        own, money, quantities = _read(_LINE, item, one_currency=one_currency)
        for amounts in money[: 1 if one_currency else 2]:
            qty = quantities["qty_ordered"]
            taken = amounts["discount_amount"]
            clamped = taken and not amounts["row_total"]
            amounts["row_total"] += taken
            if clamped:
                amounts["row_total"] = amounts["price"] * qty // UNIT
            fixed = amounts.get("weee_tax_applied_row_amount", 0)
            if "price_incl_tax" in amounts and (taken or fixed):
                amounts["row_total_incl_tax"] = amounts["price_incl_tax"] * qty // UNIT
        parent = lines.get(own.get("parent_item_id", 0))
        carries_money = "discount_tax_compensation_amount" in money[0]
        taxes = item["extension_attributes"]["itemized_taxes"]
        line = Line(own, money, quantities, taxes, parent, carries_money)
        lines[own["item_id"]] = line
    return list(lines.values())

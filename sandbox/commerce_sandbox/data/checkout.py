"""From a cart to an order, with the same sums as the recorded shop's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.data.arithmetic import (
    Row,
    number,
)
from commerce_sandbox.data.order_lines import lines_of, price, specs_of
from commerce_sandbox.data.order_taxes import add_taxes
from commerce_sandbox.data.orders import Amounts, Line, Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commerce_sandbox.data.carts import Cart
    from commerce_sandbox.data.catalog import (
        StoreView,
    )
    from commerce_sandbox.data.numbers import Numbers

_PAYMENT_TITLES = {
    "adyen_cc": "Cards",
    "banktransfer": "Bankoverschrijving",
    "braintree": "Credit Card",
    "cashondelivery": "Cash On Delivery",
    "checkmo": "Check / Money order",
    "mollie_methods_creditcard": "Creditcard",
    "free": "No Payment Information Required",
    "purchaseorder": "Purchase Order",
}
_SUMS = ("row_total", "row_total_incl_tax", "discount_amount", "discount_tax_compensation_amount")


def place(cart: Cart, numbers: Numbers, at: str, edited: Order | None = None) -> Order:
    """Return the order that a cart becomes: new, nothing invoiced.

    Args:
        cart: What is ordered.
        numbers: The shop's running numbers.
        at: ``created_at``, UTC.
        edited: The cancelled order that it takes the place of.
    """
    store = cart.store
    specs = specs_of(cart)
    is_virtual = all(product.is_virtual for product, _ in cart.items)
    shipping = [price(cart, specs, 1, is_virtual=is_virtual)]
    if store.rate != 1:
        shipping.insert(0, price(cart, specs, store.rate, is_virtual=is_virtual))
    order_id = numbers.next("order")
    lines = lines_of(cart, specs, order_id, numbers, at)
    fixed = {
        line.fields["item_id"]: spec.fixed
        for line, spec in zip(lines, specs, strict=True)
        if spec.fixed
    }
    headers = [
        _header(lines, row, [rows[family] for rows in fixed.values()], family)
        for family, row in enumerate(shipping)
    ]
    order = Order(
        fields={
            **_fields(cart, order_id, at, is_virtual=is_virtual),
            **_number(store, numbers, edited),
        },
        money=(headers[0], headers[-1]),
        lines=lines,
        billing_address={},
        shipping={},
        payment={},
    )
    _add_addresses(order, cart, numbers, is_virtual=is_virtual)
    _add_totals(order, cart)
    add_taxes(order, shipping, fixed, numbers)
    return order


def _header(lines: Sequence[Line], shipping: Row, fixed: Sequence[Row], family: int) -> Amounts:
    sums = dict.fromkeys(("tax_amount", *_SUMS), 0)
    for line in lines:
        if line.carries_money:
            amounts = line.money[family]
            for name in sums:
                sums[name] += amounts[name]
    tax = sums["tax_amount"] + shipping.tax_amount + sum(row.tax_amount for row in fixed)
    gross = sum(row.row_total_incl_tax for row in fixed)
    taken = sums["discount_amount"] + shipping.discount_amount
    compensation = sums["discount_tax_compensation_amount"]
    total = (
        sums["row_total"]
        - taken
        + shipping.row_total
        + tax
        + compensation
        + shipping.discount_tax_compensation_amount
        + sum(row.row_total for row in fixed)
    )
    return {
        "discount_amount": -taken,
        "discount_tax_compensation_amount": compensation,
        "grand_total": total,
        "shipping_amount": shipping.row_total,
        "shipping_discount_amount": shipping.discount_amount,
        "shipping_discount_tax_compensation_amount": shipping.discount_tax_compensation_amount,
        "shipping_incl_tax": shipping.row_total_incl_tax,
        "shipping_tax_amount": shipping.tax_amount,
        "subtotal": sums["row_total"],
        "subtotal_incl_tax": sums["row_total_incl_tax"] + gross,
        "tax_amount": tax,
        "total_due": total,
    }


def _number(store: StoreView, numbers: Numbers, edited: Order | None) -> dict[str, Any]:
    """Return the order's number; an edited order's has a suffix and names the one before."""
    if edited is None:
        return {"increment_id": numbers.increment_id("order", store)}
    before = edited.fields
    count = before.get("edit_increment", 0) + 1
    original = before.get("original_increment_id", before["increment_id"])
    return {
        "increment_id": f"{original}-{count}",
        "edit_increment": count,
        "original_increment_id": original,
        "relation_parent_id": str(before["entity_id"]),
        "relation_parent_real_id": before["increment_id"],
    }


def _fields(cart: Cart, order_id: int, at: str, *, is_virtual: bool) -> dict[str, Any]:
    store, coupon = cart.store, cart.coupon
    return {
        **cart.buyer.fields,
        "applied_rule_ids": str(coupon.rule_id) if coupon else None,
        "base_currency_code": store.base_currency,
        "base_to_global_rate": store.global_rate,
        "base_to_order_rate": store.rate,
        "coupon_code": coupon.code if coupon else None,
        "created_at": at,
        "customer_note_notify": 1,
        "discount_description": coupon.label if coupon else None,
        "email_sent": 1,
        "entity_id": order_id,
        "global_currency_code": "EUR",
        "is_virtual": int(is_virtual),
        "order_currency_code": store.currency,
        "protect_code": f"{order_id * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}",
        "quote_id": order_id,
        "remote_ip": "127.0.0.1",
        "shipping_description": None if is_virtual else "PostNL - Standaard",
        "state": "new",
        "status": "pending",
        "store_currency_code": store.base_currency,
        "store_id": store.store_id,
        "store_name": store.name,
        "store_to_base_rate": 0,
        "store_to_order_rate": 0,
        "total_item_count": len(cart.items),
        "total_qty_ordered": number(sum(qty for _, qty in cart.items)),
        "updated_at": at,
    }


def _add_addresses(order: Order, cart: Cart, numbers: Numbers, *, is_virtual: bool) -> None:
    common = {**cart.buyer.address, "parent_id": order.fields["entity_id"]}
    if not is_virtual:
        address = {**common, "address_type": "shipping", "entity_id": numbers.next("address")}
        address["country_id"] = cart.buyer.shipping_country or address["country_id"]
        order.shipping = {"address": _sorted(address), "method": "flatrate_flatrate"}
    billing = {**common, "address_type": "billing", "entity_id": numbers.next("address")}
    order.fields["billing_address_id"] = billing["entity_id"]
    order.billing_address = _sorted(billing)


def _sorted(address: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(address.items()))


def _add_totals(order: Order, cart: Cart) -> None:
    weight = sum(line.fields["row_weight"] for line in order.lines)
    order.fields["weight"] = int(weight) if weight == int(weight) else weight
    set_method(order, cart.method, cart.purchase_order)


def set_method(order: Order, method: str, purchase_order: str | None = None) -> None:
    """Write how an order is paid; one without a total is free."""
    if not order.money[0]["grand_total"]:
        method = "free"
    title = _PAYMENT_TITLES[method]
    order_id = order.fields["entity_id"]
    order.payment = {
        "additional_information": [title],
        "entity_id": order_id,
        "method": method,
        "parent_id": order_id,
        "po_number": purchase_order if method == "purchaseorder" else None,
    }
    info = [{"key": "method_title", "value": title}]
    if method in ("banktransfer", "cashondelivery"):
        order.payment["additional_information"].append(None)
        info.append({"key": "instructions", "value": "null"})
    order.extension["payment_additional_info"] = info

"""From a cart to an order, with the same sums as the recorded shop's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from commerce_sandbox.data import fixed_tax
from commerce_sandbox.data.arithmetic import (
    UNIT,
    Coupon,
    Row,
    Taxes,
    discount,
    number,
    round_cents,
    shipping_discount,
)
from commerce_sandbox.data.catalog import (
    ORIGIN,
    REVERSE_CHARGE_GROUP,
    SHIPPING_PRICE,
    STANDARD,
    Product,
    StoreView,
    rate,
)
from commerce_sandbox.data.order_taxes import add_taxes
from commerce_sandbox.data.orders import Amounts, Line, Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commerce_sandbox.data.numbers import Numbers

_WEIGHT = 0.5
_PAYMENT_TITLES = {
    "banktransfer": "Bankoverschrijving",
    "cashondelivery": "Cash On Delivery",
    "checkmo": "Check / Money order",
    "free": "No Payment Information Required",
    "purchaseorder": "Purchase Order",
}
_SUMS = ("row_total", "row_total_incl_tax", "discount_amount", "discount_tax_compensation_amount")


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who orders.

    Attributes:
        fields: ``customer_*`` of the order.
        address: Fields of the address, without its numbers.
        shipping_country: Where the goods go (decides the tax), if not the address's country.
    """

    fields: dict[str, Any]
    address: dict[str, Any]
    shipping_country: str | None = None


@dataclass(frozen=True, slots=True)
class Cart:
    """What is ordered, by whom and where."""

    store: StoreView
    items: tuple[tuple[Product, int], ...]
    buyer: Buyer
    coupon: Coupon | None = None
    method: str = "checkmo"
    purchase_order: str | None = None


@dataclass(slots=True)
class _Spec:
    """A line to be: its product, pieces, and the rows of money in each currency."""

    product: Product
    qty: int
    parent: int | None
    role: str  # money, empty or sum
    rows: list[Row] = field(default_factory=list)
    fixed: list[Row] = field(default_factory=list)  # its fixed product tax


def place(cart: Cart, numbers: Numbers, at: str) -> Order:
    """Return the order that a cart becomes: new, nothing invoiced.

    Args:
        cart: What is ordered.
        numbers: The shop's running numbers.
        at: ``created_at``, UTC.
    """
    store = cart.store
    specs = _specs(cart)
    is_virtual = all(product.is_virtual for product, _ in cart.items)
    shipping = [_price(cart, specs, 1, is_virtual=is_virtual)]
    if store.rate != 1:
        shipping.insert(0, _price(cart, specs, store.rate, is_virtual=is_virtual))
    order_id = numbers.next("order")
    lines = _lines(cart, specs, order_id, numbers, at)
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
        fields=_fields(cart, order_id, numbers, at, is_virtual=is_virtual),
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


def _specs(cart: Cart) -> list[_Spec]:
    specs: list[_Spec] = []
    for product, qty in cart.items:
        parent = len(specs)
        dynamic = product.has_dynamic_price
        specs.append(_Spec(product, qty, None, "sum" if dynamic else "money"))
        for part, pieces in product.parts:
            role = "money" if dynamic else "empty"
            specs.append(_Spec(part, qty * pieces, parent, role))
    return specs


def _price(cart: Cart, specs: Sequence[_Spec], conversion: float, *, is_virtual: bool) -> Row:
    """Add a row in one currency to every line with money; return shipping's row.

    The base currency comes first.
    """
    store = cart.store
    taxes = Taxes(store.algorithm, store.prices_include_tax)
    country = cart.buyer.shipping_country or cart.buyer.address["country_id"]
    if cart.buyer.fields.get("customer_group_id") == REVERSE_CHARGE_GROUP:
        country = ""
    rows = []
    for spec in specs:
        if spec.role == "money":
            kind = spec.product.tax_class
            row = Row(
                spec.product.price * conversion, spec.qty, rate(country, kind), rate(ORIGIN, kind)
            )
            spec.rows.insert(0, row)
            rows.append(row)
    price = 0 if is_virtual else SHIPPING_PRICE
    shipping = Row(price * conversion, UNIT, rate(country, STANDARD), rate(ORIGIN, STANDARD))
    for row in (*rows, shipping):
        taxes.show_price(row)
    if cart.coupon is not None:
        base = [spec.rows[-1].discount_amount for spec in specs if spec.rows]
        discount(rows, cart.coupon, conversion, base)
        shipping.discount_amount = shipping_discount(shipping.price_incl_tax, cart.coupon)
    for spec in specs:
        if spec.role == "money":
            taxes.apply(spec.rows[0])
            each = (spec.product.fixed_tax or {}).get(country, 0)
            if each:  # taxed like the goods, in their turn, but never discounted
                fixed = replace(spec.rows[0], unit_price=each * conversion, discount_amount=0)
                taxes.apply(fixed)
                spec.fixed.insert(0, fixed)
    taxes.apply(shipping)
    return shipping


def _line_money(row: Row, fixed: Row | None, original_price: int) -> Amounts:
    return {
        "amount_refunded": 0,
        "discount_amount": row.discount_amount,
        "discount_invoiced": 0,
        "discount_tax_compensation_amount": row.discount_tax_compensation_amount,
        "original_price": original_price,
        "price": row.price,
        "price_incl_tax": row.price_incl_tax,
        "row_invoiced": 0,
        "row_total": row.row_total,
        "row_total_incl_tax": row.row_total_incl_tax,
        "tax_amount": row.tax_amount,
        "tax_invoiced": 0,
        **fixed_tax.line_money(fixed),
    }


def _empty_money() -> Amounts:
    return {
        "amount_refunded": 0,
        "discount_amount": 0,
        "discount_invoiced": 0,
        "original_price": 0,
        "price": 0,
        "row_invoiced": 0,
        "row_total": 0,
        "row_total_incl_tax": 0,
        "tax_amount": 0,
        "tax_invoiced": 0,
    }


def _sum_money(children: Sequence[tuple[Amounts, int]], qty: int) -> Amounts:
    """Return the amounts of a dynamic bundle: sums of its children, whose money it repeats."""
    money = {**_empty_money(), **fixed_tax.line_money(None), "price_incl_tax": 0}
    for child, pieces in children:
        for name in ("original_price", "price"):
            money[name] += child[name] * pieces
        for name in ("row_total", "row_total_incl_tax", "tax_amount"):
            money[name] += child[name]
    money["price_incl_tax"] = round_cents(money["row_total_incl_tax"] * UNIT / qty)
    return money


def _lines(
    cart: Cart, specs: Sequence[_Spec], order_id: int, numbers: Numbers, at: str
) -> list[Line]:
    families = 1 if cart.store.rate == 1 else 2
    lines: list[Line] = []
    for spec in specs:
        money: list[Amounts] = []
        for family in range(families):
            conversion = cart.store.rate if families > 1 and not family else 1
            if spec.role == "money":
                original = round(spec.product.price * conversion)
                fixed = spec.fixed[family] if spec.fixed else None
                money.append(_line_money(spec.rows[family], fixed, original))
            else:
                money.append(_empty_money())
        parent = None if spec.parent is None else lines[spec.parent]
        lines.append(_line(cart, spec, order_id, numbers, at, parent, (money[0], money[-1])))
    for index, spec in enumerate(specs):
        if spec.role == "sum":
            _fill_sum(lines, specs, index, families)
    return lines


def _fill_sum(lines: Sequence[Line], specs: Sequence[_Spec], index: int, families: int) -> None:
    parent = lines[index]
    pieces = [pieces for _, pieces in specs[index].product.parts]
    children = [line for line in lines if line.parent is parent]
    for family in range(families):
        amounts = [line.money[family] for line in children]
        sums = _sum_money(list(zip(amounts, pieces, strict=True)), specs[index].qty)
        parent.money[family].update(sums)


def _line(
    cart: Cart,
    spec: _Spec,
    order_id: int,
    numbers: Numbers,
    at: str,
    parent: Line | None,
    money: tuple[Amounts, Amounts],
) -> Line:
    product = spec.product
    line_id = numbers.next("line")
    percent = cart.coupon.amount if cart.coupon and cart.coupon.action == "by_percent" else 0
    weight = None if product.is_virtual else _WEIGHT
    shipped = weight if parent is None and weight else 0
    own: dict[str, Any] = {
        "applied_rule_ids": str(cart.coupon.rule_id) if cart.coupon and parent is None else None,
        "created_at": at,
        "discount_percent": percent if spec.role == "money" else 0,
        "free_shipping": 0,
        "is_qty_decimal": int(product.fractions),
        "is_virtual": int(product.is_virtual),
        "item_id": line_id,
        "name": product.name,
        "no_discount": 0,
        "order_id": order_id,
        "parent_item_id": parent.fields["item_id"] if parent else None,
        "product_id": product.product_id,
        "product_type": product.kind,
        "quote_item_id": line_id,
        "row_weight": number(round(shipped * spec.qty)),
        "sku": product.sku,
        "store_id": cart.store.store_id,
        "updated_at": at,
        "weight": weight,
        "product_option": product.option,
    }
    if spec.role != "sum":
        own["tax_percent"] = spec.rows[0].rate if spec.rows else 0
    if spec.role != "empty":
        own["weee_tax_applied"] = fixed_tax.applied(spec.fixed)
    quantities = {
        "qty_canceled": 0,
        "qty_invoiced": 0,
        "qty_ordered": spec.qty,
        "qty_refunded": 0,
        "qty_shipped": 0,
    }
    return Line(own, money, quantities, [], parent, spec.role == "money")


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


def _fields(
    cart: Cart, order_id: int, numbers: Numbers, at: str, *, is_virtual: bool
) -> dict[str, Any]:
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
        "increment_id": numbers.increment_id("order", store),
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
    method = cart.method if order.money[0]["grand_total"] else "free"
    title = _PAYMENT_TITLES[method]
    order_id = order.fields["entity_id"]
    order.payment = {
        "additional_information": [title],
        "entity_id": order_id,
        "method": method,
        "parent_id": order_id,
        "po_number": cart.purchase_order if method == "purchaseorder" else None,
    }
    info = [{"key": "method_title", "value": title}]
    if method in ("banktransfer", "cashondelivery"):
        order.payment["additional_information"].append(None)
        info.append({"key": "instructions", "value": "null"})
    order.extension["payment_additional_info"] = info

"""The lines of a new order: prices, discounts and taxes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from commerce_sandbox.data import fixed_tax
from commerce_sandbox.data.arithmetic import (
    UNIT,
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
    rate,
)
from commerce_sandbox.data.orders import Amounts, Line
from commerce_sandbox.data.shared_shipping import share_shipping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commerce_sandbox.data.carts import Cart
    from commerce_sandbox.data.numbers import Numbers

_WEIGHT = 0.5


@dataclass(slots=True)
class LineSpec:
    """A line to be: its product, pieces, and the rows of money in each currency."""

    product: Product
    qty: int
    parent: int | None
    role: str  # money, empty or sum
    rows: list[Row] = field(default_factory=list)
    fixed: list[Row] = field(default_factory=list)  # its fixed product tax


def specs_of(cart: Cart) -> list[LineSpec]:
    """Return the lines that a cart becomes, still without money."""
    specs: list[LineSpec] = []
    for product, qty in cart.items:
        parent = len(specs)
        dynamic = product.has_dynamic_price
        specs.append(LineSpec(product, qty, None, "sum" if dynamic else "money"))
        for part, pieces in product.parts:
            role = "money" if dynamic else "empty"
            specs.append(LineSpec(part, qty * pieces, parent, role))
    return specs


def price(cart: Cart, specs: Sequence[LineSpec], conversion: float, *, is_virtual: bool) -> Row:
    """Add a row in one currency to every line with money; return shipping's row.

    The base currency comes first.
    """
    store = cart.store
    step = store.step(conversion)
    taxes = Taxes(store.algorithm, store.prices_include_tax, step)
    country = cart.buyer.shipping_country or cart.buyer.address["country_id"]
    if cart.buyer.is_untaxed or cart.buyer.fields.get("customer_group_id") == REVERSE_CHARGE_GROUP:
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
        discount(rows, cart.coupon, conversion, base, step)
        shipping.discount_amount = shipping_discount(shipping.price_incl_tax, cart.coupon, step)
    for spec in specs:
        if spec.role == "money":
            taxes.apply(spec.rows[0])
            each = (spec.product.fixed_tax or {}).get(country, 0)
            if each:  # taxed like the goods, in their turn, but never discounted
                fixed = replace(spec.rows[0], unit_price=each * conversion, discount_amount=0)
                taxes.apply(fixed)
                spec.fixed.insert(0, fixed)
    taxes.apply(shipping)
    if cart.shares_shipping:
        share_shipping(shipping, rows, store, step)
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


def lines_of(
    cart: Cart, specs: Sequence[LineSpec], order_id: int, numbers: Numbers, at: str
) -> list[Line]:
    """Return the order's lines; every line with money has its rows."""
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


def _fill_sum(lines: Sequence[Line], specs: Sequence[LineSpec], index: int, families: int) -> None:
    parent = lines[index]
    pieces = [pieces for _, pieces in specs[index].product.parts]
    children = [line for line in lines if line.parent is parent]
    for family in range(families):
        amounts = [line.money[family] for line in children]
        sums = _sum_money(list(zip(amounts, pieces, strict=True)), specs[index].qty)
        parent.money[family].update(sums)


def _line(
    cart: Cart,
    spec: LineSpec,
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

"""Unusual orders, one function per kind: from the cart to the last document.

Everything here happens in real shops and seldom: what a shop does every day is in ``generator``.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from commerce_sandbox.data import (
    catalog,
    chance,
    changes,
    credit_memos,
    invoices,
    online_payments,
    pieces,
    vouchers,
)
from commerce_sandbox.data.arithmetic import CENT, UNIT
from commerce_sandbox.data.buyers import company, guest
from commerce_sandbox.data.carts import Buyer, Cart
from commerce_sandbox.data.checkout import place
from commerce_sandbox.data.orders import show_order
from commerce_sandbox.data.territories import TERRITORIES, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from random import Random

    from commerce_sandbox.data.credit_memos import Refund
    from commerce_sandbox.data.numbers import Numbers
    from commerce_sandbox.data.orders import Order

Document = dict[str, Any]

_HOMES = {
    catalog.NL: Place("NL", "1011AA", "Amsterdam"),
    catalog.BE: Place("BE", "9000", "Gent"),
    catalog.DE: Place("DE", "10115", "Berlin"),
    catalog.INTL: Place("NL", "3011AA", "Rotterdam"),
    catalog.UK: Place("GB", "LS1 1AA", "Leeds"),
}
_CANCELED = 3  # state of a credit memo
_GOODS = {product.sku: product for product in catalog.SHELF}
_OWN_SHIPPING = tuple(coupon for coupon in catalog.COUPONS if not coupon.on_shipping)
_SHIPPING_TOO = next(coupon for coupon in catalog.COUPONS if coupon.code == "SHIP25")


@dataclass(slots=True)
class Sale:
    """An order and the documents made from it.

    Attributes:
        order: As the shop keeps it.
        documents: What else is shown, as ``(kind, document)``: invoices, credit memos,
            shipments, transactions, and the order that this one took the place of.
    """

    order: Order
    documents: list[tuple[str, Document]] = field(default_factory=list)

    def add(self, kind: str, document: Document) -> Document:
        """Keep a document and return it."""
        self.documents.append((kind, document))
        return document


class Workshop:
    """Where one unusual order is made.

    Attributes:
        rng: Chance.
        numbers: The shop's running numbers.
        times: Later and later moments after the order was placed.
    """

    def __init__(self, rng: Random, numbers: Numbers, placed: datetime) -> None:
        """Begin at the moment an order is placed."""
        self.rng = rng
        self.numbers = numbers
        self.times: Iterator[str] = chance.later(rng, placed)
        self._placed = chance.timestamp(placed)

    def cart(self, *stores: catalog.StoreView, lines: int = 2) -> Cart:
        """Return a consumer's cart of plain goods, several pieces each, in one of some stores."""
        store = self.rng.choice(stores or tuple(_HOMES))
        goods = ("TEA-POT", "MUG-PENNY", "LAMP-DESK", "BOOK-NL", "TEA-BAGS")
        chosen = self.rng.sample(goods, lines)
        items = tuple((_GOODS[sku], self.rng.randint(2, 7) * UNIT) for sku in chosen)
        method = self.rng.choice(chance.METHODS)
        return Cart(store, items, guest(self.rng, _HOMES[store]), method=method)

    def order(self, cart: Cart) -> Sale:
        """Place an order."""
        return Sale(place(cart, self.numbers, self._placed))

    def invoice(self, sale: Sale, quantities: pieces.Quantities | None = None) -> Document:
        """Invoice some pieces, or all that are left."""
        order = sale.order
        chosen = pieces.to_invoice(order) if quantities is None else quantities
        made = invoices.invoice(order, chosen, self.numbers, next(self.times))
        return sale.add("invoice", made)

    def invoice_in_parts(self, sale: Sale) -> list[Document]:
        """Invoice some pieces, and then the rest."""
        made = [self.invoice(sale, chance.part(self.rng, sale.order))]
        if pieces.to_invoice(sale.order):
            made.append(self.invoice(sale))
        return made

    def refund(self, sale: Sale, given: Refund) -> Document:
        """Make a credit memo."""
        made = credit_memos.refund(sale.order, given, self.numbers, next(self.times))
        return sale.add("creditmemo", made)

    def some_back(self, order: Order) -> pieces.Quantities:
        """Return some of the pieces that can be given back."""
        return chance.some(self.rng, order, pieces.to_refund(order))


def _fixed_product_tax(shop: Workshop) -> Sale:
    """Several pieces with a fixed product tax, invoiced in parts, some given back."""
    cart = shop.cart(catalog.NL, catalog.BE, catalog.INTL, lines=shop.rng.randint(1, 2))
    toasters = (catalog.TOASTER, shop.rng.randint(2, 7) * UNIT)
    coupon = shop.rng.choice((None, *_OWN_SHIPPING))
    if coupon is not None and coupon.amount == 100:  # noqa: PLR2004 -- percent
        coupon = None
    sale = shop.order(replace(cart, items=(*cart.items, toasters), coupon=coupon))
    if shop.rng.random() < 0.5:  # noqa: PLR2004 -- a coin
        shop.invoice(sale)
    else:
        shop.invoice_in_parts(sale)
    if shop.rng.random() < 0.5:  # noqa: PLR2004 -- a coin
        shop.refund(sale, credit_memos.Refund(shop.some_back(sale.order)))
    return sale


def _refund_by_invoice(shop: Workshop) -> Sale:
    """Two invoices, each refunded by itself: header and lines may differ by some cents."""
    cart = shop.cart(lines=3)
    ten = next(coupon for coupon in catalog.COUPONS if coupon.code == "TEN")
    sale = shop.order(replace(cart, coupon=shop.rng.choice((None, ten))))
    made = shop.invoice_in_parts(sale)
    for invoice in reversed(made):
        most = {item["order_item_id"]: item["qty"] * UNIT for item in invoice["items"]}
        back = {key: shop.rng.randint(1, qty // UNIT) * UNIT for key, qty in most.items()}
        shipping = 1.0 if back == most and "shipping_amount" in invoice else 0.0
        memo = shop.refund(sale, credit_memos.Refund(back, shipping, invoice=invoice))
        left = {key: qty - back[key] for key, qty in most.items() if qty > back[key]}
        if left and shop.rng.random() < 0.5:  # noqa: PLR2004 -- a coin
            shop.refund(sale, credit_memos.Refund(left, invoice=invoice, earlier=(memo,)))
    return sale


def _refund_of_discounted_shipping(shop: Workshop) -> Sale:
    """Shipping was discounted and stays with the shop: the memo's discount is too small."""
    sale = shop.order(replace(shop.cart(), coupon=_SHIPPING_TOO))
    shop.invoice(sale)
    given = credit_memos.Refund(shop.some_back(sale.order))
    if given.quantities == pieces.to_refund(sale.order):  # it would get more than it paid
        given = replace(given, quantities=dict([next(iter(given.quantities.items()))]))
    shop.refund(sale, given)
    return sale


def _refund_to_store_credit(shop: Workshop) -> Sale:
    """The money goes back as store credit; of two memos often one only, which nobody notes."""
    sale = shop.order(shop.cart())
    shop.invoice(sale)
    for _ in range(shop.rng.randint(1, 2)):
        back = shop.some_back(sale.order)
        if back:
            memo = shop.refund(sale, credit_memos.Refund(back))
            if len(sale.documents) == 2 or shop.rng.random() < 0.5:  # noqa: PLR2004 -- the first; a coin
                vouchers.refund_to_store_credit(sale.order, memo)
    return sale


def _computed_percentage(shop: Workshop) -> Sale:
    """Imported from a marketplace: percentages computed from rounded amounts, no breakdown."""
    cart = shop.cart(catalog.NL, catalog.BE, catalog.DE)
    sale = shop.order(replace(cart, items=tuple((item, UNIT) for item, _ in cart.items)))
    order = sale.order
    for line in order.lines:
        amounts = line.money[0]
        net = amounts["row_total"] - amounts["discount_amount"]
        net += amounts["discount_tax_compensation_amount"]
        line.fields["tax_percent"] = round(amounts["tax_amount"] / net * 100, 4)
        line.taxes = []
    for name in ("applied_taxes", "item_applied_taxes", "taxes", "additional_itemized_taxes"):
        order.extension[name] = []
    order.fields["ext_order_id"] = f"MKT-{order.fields['entity_id']:08d}"
    shop.invoice(sale)
    return sale


def _territory(shop: Workshop) -> Sale:
    """To a place whose country code does not tell the VAT: a consumer or a business."""
    where = shop.rng.choice(TERRITORIES)
    consumer = not where.in_eu and shop.rng.random() < 0.5  # noqa: PLR2004 -- a coin
    buyer: Buyer = (guest if consumer else company)(shop.rng, where)
    store = catalog.NL if consumer else catalog.B2B
    cart = shop.cart(catalog.NL)
    sale = shop.order(replace(cart, store=store, buyer=replace(buyer, is_untaxed=True)))
    shop.invoice(sale)
    return sale


def _late_capture(shop: Workshop) -> Sale:
    """Authorised with the order, captured after the invoice, sometimes never; refunded online."""
    method = shop.rng.choice(online_payments.METHODS)
    sale = shop.order(replace(shop.cart(), method=method))
    order, numbers = sale.order, shop.numbers
    held = online_payments.authorise(order, numbers, order.fields["created_at"])
    sale.add("transaction", held)
    made = invoices.invoice(
        order, pieces.to_invoice(order), numbers, next(shop.times), captured=False
    )
    sale.add("invoice", made)
    if shop.rng.random() < 0.1:  # noqa: PLR2004 -- the customer's bank said no
        return sale
    paid = online_payments.capture(order, made, held, numbers, next(shop.times))
    sale.add("transaction", paid)
    if shop.rng.random() < 0.3:  # noqa: PLR2004 -- some send goods back
        given = credit_memos.Refund(shop.some_back(order), invoice=made, is_online=True)
        memo = shop.refund(sale, given)
        sale.add(
            "transaction", online_payments.refund(order, memo, paid, numbers, memo["created_at"])
        )
    return sale


def _weak_currency(shop: Workshop) -> Sale:
    """A currency with many units to the euro, or with none or three decimals."""
    store = shop.rng.choice(catalog.WEAK)
    at_home = Place(
        *shop.rng.choice((("NL", "1011AA", "Amsterdam"), ("CH", "8001", "Z\u00fcrich")))
    )
    cart = replace(shop.cart(catalog.NL), store=store, buyer=guest(shop.rng, at_home))
    sale = shop.order(cart)
    shop.invoice_in_parts(sale)
    if shop.rng.random() < 0.5:  # noqa: PLR2004 -- a coin
        shop.refund(sale, credit_memos.Refund(shop.some_back(sale.order)))
    return sale


def _mixed_shipping_tax(shop: Workshop) -> Sale:
    """Shipping taxed at the rates of the goods, in proportion."""
    cart = shop.cart(catalog.NL, catalog.BE, catalog.DE)
    items = (
        (_GOODS["TEA-POT"], shop.rng.randint(1, 5)),
        (_GOODS["BOOK-NL"], shop.rng.randint(1, 5)),
    )
    sale = shop.order(
        replace(cart, items=tuple((item, qty * UNIT) for item, qty in items), shares_shipping=True)
    )
    shop.invoice(sale)
    if shop.rng.random() < 0.3:  # noqa: PLR2004 -- some send everything back
        shop.refund(sale, credit_memos.Refund(pieces.to_refund(sale.order), shipping=1.0))
    return sale


def _fee_above_refund(shop: Workshop) -> Sale:
    """One cheap piece comes back, and the fee kept is more than it was worth."""
    cart = shop.cart(catalog.NL)
    pens = (_GOODS["PEN-019"], 3 * UNIT)
    sale = shop.order(replace(cart, items=(*cart.items, pens)))
    shop.invoice(sale)
    pen = sale.order.lines[-1].fields["item_id"]
    fee = CENT * shop.rng.randint(50, 500)
    shop.refund(sale, credit_memos.Refund({pen: UNIT}, adjustment_negative=fee))
    return sale


def _paid_with_credit(shop: Workshop) -> Sale:
    """Gift cards, store credit or reward points pay a part, or all of it."""
    sale = shop.order(shop.cart())
    means = (vouchers.GIFT_CARDS, vouchers.STORE_CREDIT, vouchers.REWARD)
    chosen = shop.rng.sample(means, shop.rng.randint(1, 3))
    vouchers.pay(sale.order, {name: CENT * shop.rng.randint(100, 9_000) for name in chosen})
    shop.invoice_in_parts(sale)
    if shop.rng.random() < 0.3:  # noqa: PLR2004 -- some send goods back
        shop.refund(sale, credit_memos.Refund(shop.some_back(sale.order)))
    return sale


def _edited_order(shop: Workshop) -> Sale:
    """Edited by an employee: cancelled, and placed again with a suffix to its number."""
    cart = shop.cart()
    first = shop.order(cart).order
    at = next(shop.times)
    changes.cancel(first, at)
    again = Cart(cart.store, cart.items[1:], cart.buyer, method=cart.method)
    order = place(again, shop.numbers, at, edited=first)
    sale = Sale(order, [("order", show_order(first))])
    shop.invoice(sale)
    return sale


def _cancelled_memo(shop: Workshop) -> Sale:
    """A credit memo that was cancelled: the order knows nothing of it."""
    sale = shop.order(shop.cart())
    shop.invoice(sale)
    untouched = copy.deepcopy(sale.order)
    memo = shop.refund(sale, credit_memos.Refund(shop.some_back(sale.order)))
    memo["state"] = _CANCELED
    memo["updated_at"] = next(shop.times)
    sale.order = untouched
    return sale


MAKERS: dict[str, Callable[[Workshop], Sale]] = {
    "cancelled_memo": _cancelled_memo,
    "computed_percentage": _computed_percentage,
    "edited_order": _edited_order,
    "fee_above_refund": _fee_above_refund,
    "fixed_product_tax": _fixed_product_tax,
    "late_capture": _late_capture,
    "mixed_shipping_tax": _mixed_shipping_tax,
    "paid_with_credit": _paid_with_credit,
    "refund_by_invoice": _refund_by_invoice,
    "refund_of_discounted_shipping": _refund_of_discounted_shipping,
    "refund_to_store_credit": _refund_to_store_credit,
    "territory": _territory,
    "weak_currency": _weak_currency,
}

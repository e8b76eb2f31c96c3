"""The generator's arithmetic makes the recorded documents again, from cart to credit memo."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commerce_sandbox.data import catalog, credit_memos, invoices, pieces, recorded
from commerce_sandbox.data.arithmetic import UNIT, units
from commerce_sandbox.data.carts import Buyer, Cart
from commerce_sandbox.data.checkout import place
from commerce_sandbox.data.numbers import Numbers
from commerce_sandbox.data.orders import Order, show_order

Document = dict[str, Any]


def records(kind: str) -> dict[int, Document]:
    rows = [json.loads(line) for line in recorded.lines(kind)]
    return {row["entity_id"]: row for row in rows}


def more(name: str) -> dict[int, Document]:
    """Whole orders of the same shop that were recorded later: fixed product tax with several
    pieces, and refunds without shipping of orders whose shipping was discounted.
    """
    text = (MORE / f"{name}.json").read_text(encoding="utf-8")
    return {row["entity_id"]: row for row in json.loads(text)["items"]}


MORE = Path(__file__).parent / "recordings" / "more-documents"
ORDERS = records("order") | more("orders")
INVOICES = records("invoice") | more("invoices")
MEMOS = records("creditmemo") | more("creditmemos")
PRODUCTS = {
    (product.sku, product.kind): product
    for sold in (*catalog.SHELF, catalog.TOASTER)
    for product in (sold, *(part for part, _ in sold.parts))
}
SPOON = replace(PRODUCTS["MUG-PENNY", "simple"], product_id=19, sku="ENGRAVED-SPOON", name="Lepel")

# What differs in the recorded shop for reasons that are not arithmetic: numbers given by other
# documents, what the case was made with, texts.
NOT_COMPARED = {
    *("additional_itemized_taxes", "base_total_offline_refunded", "comment", "comments"),
    *("customer_note_notify", "email_sent", "extension_attributes", "increment_id"),
    *("item_applied_taxes", "name", "original_price", "base_original_price", "parent_item"),
    *(
        "product_option",
        "protect_code",
        "remote_ip",
        "row_weight",
        "status_histories",
        "total_item_count",
    ),
    *("total_offline_refunded", "tracks", "weight"),
}
# Order 11: a coupon for free shipping, which the generator does not give.
# Order 25: in the base currency the recorded discount is a cent less than 10 % of 0.95 rounds to.
OTHER_ARITHMETIC = {11, 25}
TESTED = sorted(set(ORDERS) - OTHER_ARITHMETIC)


def compared(document: Document, lines: dict[int, int]) -> Document:
    """Drop what is not compared; name lines by their place in the order."""
    result: Document = {}
    for name, value in document.items():
        if name in NOT_COMPARED or (name.endswith("_id") and name != "order_item_id"):
            continue
        if name == "order_item_id":
            result[name] = lines[value]
        elif name == "weee_tax_applied":
            result[name] = [fixed_tax(entry) for entry in json.loads(value)]
        elif name == "items":
            result[name] = [compared(item, lines) for item in value]
        elif isinstance(value, dict):
            result[name] = compared(value, lines)
        else:
            result[name] = value
    return result


def fixed_tax(entry: Document) -> Document:
    """Drop what was invoiced of the tax on it: the shop mixes the currencies up there."""
    return {
        name: value for name, value in entry.items() if not name.endswith("tax_amount_invoiced")
    }


def product_of(item: Document) -> catalog.Product:
    if item["sku"].startswith("ENGRAVED-SPOON"):  # an option on top of the price
        return replace(SPOON, sku=item["sku"], price=units(item["base_price_incl_tax"]))
    return PRODUCTS[item["sku"], item["product_type"]]


def cart_of(document: Document) -> Cart:
    store = next(s for s in catalog.STORE_VIEWS if s.store_id == document["store_id"])
    items = tuple(
        (product_of(item), units(item["qty_ordered"]))
        for item in document["items"]
        if "parent_item_id" not in item
    )
    fields = {name: value for name, value in document.items() if name.startswith("customer_")}
    address = dict(document["billing_address"])
    for name in ("address_type", "entity_id", "parent_id"):
        address.pop(name)
    shipping = document["extension_attributes"]["shipping_assignments"][0]["shipping"]
    country = shipping.get("address", address)["country_id"]
    code = document.get("coupon_code")
    coupon = next((coupon for coupon in catalog.COUPONS if coupon.code == code), None)
    payment = document["payment"]
    buyer = Buyer(fields, address, country)
    return Cart(store, items, buyer, coupon, payment["method"], payment.get("po_number"))


def lines_of(document: Document) -> dict[int, int]:
    return {item["item_id"]: index for index, item in enumerate(document["items"])}


def events(order_id: int) -> list[tuple[str, int, Document]]:
    made = [(row["created_at"], 0, row) for row in INVOICES.values() if row["order_id"] == order_id]
    made += [(row["created_at"], 1, row) for row in MEMOS.values() if row["order_id"] == order_id]
    return sorted(made, key=lambda event: event[:2])


def refund_of(order: Order, memo: Document, quantities: pieces.Quantities) -> credit_memos.Refund:
    totals = order.money[0]
    left = totals["shipping_amount"] - totals.get("shipping_refunded", 0)
    return credit_memos.Refund(
        quantities,
        shipping=memo["shipping_amount"] * UNIT / left if left else 0,
        adjustment_positive=units(memo.get("adjustment_positive", 0)),
        adjustment_negative=units(memo.get("adjustment_negative", 0)),
    )


@pytest.mark.parametrize("order_id", TESTED)
def test_order(order_id: int) -> None:
    document = ORDERS[order_id]
    numbers = Numbers()
    order = place(cart_of(document), numbers, document["created_at"])
    ids = [line.fields["item_id"] for line in order.lines]
    mine, theirs = {item: index for index, item in enumerate(ids)}, lines_of(document)
    for at, is_memo, recorded_document in events(order_id):
        quantities = {
            ids[theirs[item["order_item_id"]]]: units(item["qty"])
            for item in recorded_document["items"]
        }
        if is_memo:
            given = refund_of(order, recorded_document, quantities)
            made = credit_memos.refund(order, given, numbers, at)
        else:
            made = invoices.invoice(order, quantities, numbers, at)
        assert compared(made, mine) == compared(recorded_document, theirs)
    shown = compared(show_order(order), mine)
    expected = compared(document, theirs)
    for name, value in shown.items():
        if name not in {"items", "payment", "state", "status", "updated_at"}:
            assert value == expected[name], name
    for item, recorded_item in zip(shown["items"], expected["items"], strict=True):
        for name, value in item.items():
            if name not in {"qty_canceled", "qty_shipped", "updated_at"}:
                assert value == recorded_item[name], name


def test_every_recorded_invoice_and_credit_memo_but_one_is_made_again() -> None:
    made = [event for order_id in TESTED for event in events(order_id)]
    assert len(made) == len(INVOICES) + len(MEMOS) - 1


def test_a_memo_by_invoice_whose_header_is_less_than_its_lines() -> None:
    """Recorded elsewhere: the second of two invoices allows 4.84, the memo's lines come to 4.88."""
    text = (MORE / "header-tax-differs.json").read_text(encoding="utf-8")
    recorded_memo = json.loads(text)["credit_memo"]
    article = catalog.Product(23, "P12", "Artikel 12", 161_200, tax_class=catalog.REDUCED)
    bought = (article, PRODUCTS["MUG-PENNY", "simple"], PRODUCTS["TEA-POT", "simple"])
    pieces_bought = (3 * UNIT, 4 * UNIT, 4 * UNIT)
    ten = next(coupon for coupon in catalog.COUPONS if coupon.code == "TEN")
    buyer = Buyer({}, {"country_id": "GB"})
    cart = Cart(catalog.UK, tuple(zip(bought, pieces_bought, strict=True)), buyer, ten)
    numbers = Numbers()
    order = place(cart, numbers, "2026-11-26 14:02:18")
    _, mug, pot = (line.fields["item_id"] for line in order.lines)
    invoices.invoice(order, {mug: 2 * UNIT, pot: 2 * UNIT}, numbers, "2026-11-26 14:02:20")
    goodwill = credit_memos.Refund({}, adjustment_positive=15_000)
    credit_memos.refund(order, goodwill, numbers, "2026-11-26 14:02:25")
    rest = pieces.to_invoice(order)
    second = invoices.invoice(order, rest, numbers, "2026-11-26 14:02:28")
    given = credit_memos.Refund(rest, invoice=second)
    memo = credit_memos.refund(order, given, numbers, "2026-11-26 14:02:33")
    assert memo["tax_amount"] == 4.84
    assert sum(item["tax_amount"] for item in memo["items"]) == pytest.approx(4.88)
    texts = {"created_at", "updated_at", "discount_description", "comments", "name"}
    for name, value in memo.items():
        if name not in texts and not name.endswith("_id") and name != "items":
            assert value == recorded_memo[name], name
    for item, recorded_item in zip(memo["items"], recorded_memo["items"], strict=True):
        for name, value in item.items():
            if name not in texts and not name.endswith("_id"):
                assert value == recorded_item.get(name, 0), name

"""A generated shop adds up like the recorded one, to the last digit."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_sandbox import shop
from commerce_sandbox.data import chance, credit_memos, generator, invoices, pieces, recorded
from commerce_sandbox.data.arithmetic import UNIT
from commerce_sandbox.data.buyers import Buyers
from commerce_sandbox.data.checkout import place
from commerce_sandbox.data.kinds import Kinds
from commerce_sandbox.data.numbers import Numbers
from commerce_sandbox.data.orders import read_order, show_order
from commerce_sandbox.data.vat_numbers import vat_number_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from commerce_sandbox.data.orders import Order

Document = dict[str, Any]
MONEY = ("subtotal", "discount_amount", "shipping_amount", "tax_amount")
COMPENSATIONS = ("discount_tax_compensation_amount", "shipping_discount_tax_compensation_amount")
BASE_NAMES = {COMPENSATIONS[1]: "shipping_discount_tax_compensation_amnt"}


def exact(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def recorded_documents(kind: str) -> list[Document]:
    return [exact(line) for line in recorded.lines(kind)]


def difference(document: Mapping[str, Any], prefix: str = "") -> Decimal:
    """grand_total minus the parts that give it (the identity of the recorded shop)."""
    names = [*MONEY, *COMPENSATIONS, "adjustment"]
    parts: Decimal | int = sum(
        Decimal(document.get(prefix + BASE_NAMES.get(n, n) if prefix else n, 0)) for n in names
    )
    weee = "base_weee_tax_applied_row_amnt" if prefix else "weee_tax_applied_row_amount"
    parts += sum(Decimal(item.get(weee, 0)) for item in document["items"])
    return Decimal(document[prefix + "grand_total"]) - parts


def check_document(document: Mapping[str, Any]) -> None:
    for prefix in ("", "base_"):
        assert difference(document, prefix) == 0, (document["increment_id"], prefix)
        for name in ("subtotal", "subtotal_incl_tax"):
            line_name = name.replace("subtotal", "row_total")
            lines = sum(Decimal(item.get(prefix + line_name, 0)) for item in document["items"])
            assert Decimal(document[prefix + name]) == lines


def check_order(order: Mapping[str, Any]) -> None:
    for prefix in ("", "base_"):
        assert difference(order, prefix) == 0, (order["increment_id"], prefix)
    for item in order["items"]:
        for prefix in ("", "base_"):
            assert item[prefix + "row_total"] >= 0
            assert item[prefix + "tax_amount"] >= 0
            assert item[prefix + "discount_amount"] >= 0
            assert item.get(prefix + "discount_tax_compensation_amount", 0) >= 0
        assert item["qty_refunded"] <= item["qty_invoiced"] <= item["qty_ordered"]
        assert item["qty_invoiced"] + item["qty_canceled"] <= item["qty_ordered"]
    money_lines = [item for item in order["items"] if "discount_tax_compensation_amount" in item]
    taxes = sum(Decimal(item["tax_amount"]) for item in money_lines)
    assert Decimal(order["tax_amount"]) == taxes + Decimal(order["shipping_tax_amount"])
    applied = sum(Decimal(tax["amount"]) for tax in order["extension_attributes"]["applied_taxes"])
    assert applied == order["tax_amount"]


def check_life(order: Mapping[str, Any], documents: list[tuple[str, Document]]) -> None:
    """Invoices never take more than the order; refunds never give back more than was paid."""
    invoices = [document for kind, document in documents if kind == "invoice"]
    memos = [document for kind, document in documents if kind == "creditmemo"]
    invoiced = sum(Decimal(invoice["grand_total"]) for invoice in invoices)
    assert invoiced == Decimal(order.get("total_paid", 0))
    refunded = sum(Decimal(memo["grand_total"]) for memo in memos)
    # Where a refund leaves a discount on shipping behind, totals have parts of a cent.
    assert refunded == Decimal(order.get("total_offline_refunded", 0))
    assert round(refunded, 2) - Decimal(order.get("total_refunded", 0)) <= Decimal("0.01")
    assert refunded <= invoiced
    if all(item["qty_invoiced"] == item["qty_ordered"] for item in order["items"]):
        assert invoiced == order["grand_total"]
        for name in (*MONEY, "discount_tax_compensation_amount"):
            assert sum(Decimal(invoice.get(name, 0)) for invoice in invoices) == order[name]
    shipping = [invoice for invoice in invoices if "shipping_amount" in invoice]
    assert len(shipping) == min(len(invoices), 1)
    assert order["updated_at"] >= order["created_at"]


def generated(seed: int, count: int) -> Iterator[tuple[Order, list[tuple[str, Document]]]]:
    rng = Random(seed)  # noqa: S311 -- reproducible data
    buyers = Buyers(rng, count)
    for sale in generator.sales(rng, buyers, Numbers(), count, Kinds()):
        yield sale.order, sale.documents


def shown(document: Document) -> Document:
    result: Document = exact(generator.dumps(document))
    return result


@pytest.mark.parametrize("kind", ["order", "creditmemo", "invoice"])
def test_the_recorded_documents_satisfy_the_identity(kind: str) -> None:
    off = {
        document["entity_id"]: difference(document)
        for document in recorded_documents(kind)
        if difference(document)
    }
    # The fixed product tax stands in the total of its invoice only.
    assert off == ({32: 2} if kind == "invoice" else {})


def test_three_thousand_generated_orders_add_up() -> None:
    kinds: set[str] = set()
    stores: set[int] = set()
    for order, documents in generated(seed=7, count=3000):
        document = shown(show_order(order))
        check_order(document)
        made = [(kind, shown(made)) for kind, made in documents]
        for kind, each in made:
            if kind != "shipment":
                check_document(each)
        check_life(document, made)
        kinds.update(kind for kind, _ in made)
        kinds.update(item["product_type"] for item in document["items"])
        kinds.add(document["state"])
        kinds.add("guest" if document["customer_is_guest"] else "customer")
        stores.add(document["store_id"])
    assert stores == {1, 2, 3, 4, 5, 6}
    assert kinds >= {"invoice", "creditmemo", "shipment", "bundle", "configurable", "virtual"}
    assert kinds >= {"new", "processing", "complete", "closed", "canceled", "holded"}
    assert kinds >= {"guest", "customer", "downloadable", "simple"}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), picks=st.lists(st.integers(0, 2**16), min_size=1, max_size=8))
def test_any_way_of_splitting_invoices_and_refunds_adds_up(seed: int, picks: list[int]) -> None:
    rng = Random(seed)  # noqa: S311 -- reproducible data
    numbers = Numbers()
    cart = chance.draw_cart(rng, Buyers(rng, 100))
    order = place(cart, numbers, "2026-01-01 00:00:00")
    documents: list[tuple[str, Document]] = []
    for pick in picks:
        draw = Random(pick)  # noqa: S311 -- reproducible data
        if pieces.to_invoice(order):
            quantities = chance.part(draw, order)
            made = invoices.invoice(order, quantities, numbers, "2026-01-02 00:00:00")
            documents.append(("invoice", shown(made)))
        given_back = chance.draw_refund(draw, order)
        if given_back is not None:
            made = credit_memos.refund(order, given_back, numbers, "2026-01-03 00:00:00")
            documents.append(("creditmemo", shown(made)))
    for _, document in documents:
        check_document(document)
    document = shown(show_order(order))
    check_order(document)
    check_life(document, documents)


def test_the_same_seed_makes_the_same_shop() -> None:
    def shop_of(seed: int) -> list[str]:
        return [generator.dumps(show_order(order)) for order, _ in generated(seed, 50)]

    assert shop_of(3) == shop_of(3)
    assert shop_of(3) != shop_of(4)


def test_a_generated_shop_is_in_the_store(tmp_path: Path) -> None:
    context = shop.open_context(tmp_path)
    shop.seed(context, "generated:250:5")
    connection = context.database.connection()
    rows = connection.execute("SELECT body FROM adobe_order ORDER BY entity_id").fetchall()
    orders = [exact(row["body"]) for row in rows]
    assert [order["entity_id"] for order in orders] == list(range(1, 251))
    created = [order["created_at"] for order in orders]
    assert created == sorted(created)
    total = Decimal(0)
    for row in connection.execute("SELECT body FROM adobe_invoice"):
        invoice = exact(row["body"])
        check_document(invoice)
        total += Decimal(invoice["grand_total"])
    assert total == sum(Decimal(order.get("total_paid", 0)) for order in orders)
    customers = {
        row["entity_id"] for row in connection.execute("SELECT entity_id FROM adobe_customer")
    }
    assert {order["customer_id"] for order in orders if "customer_id" in order} <= customers
    context.database.close()


def test_generated_text_is_written_as_the_shop_writes_it() -> None:
    text = generator.dumps({"name": "Zo\u00eb \u2014 a/b \u201cq\u201d", "line": "x\ny", "n": 5})
    assert text == '{"name":"Zo\\u00eb \\u2014 a\\/b \\u201cq\\u201d","line":"x\\ny","n":5}'
    assert json.loads(text)["name"] == "Zo\u00eb \u2014 a/b \u201cq\u201d"


@pytest.mark.parametrize("number", [1, 99, 123456, 999999])
def test_vat_numbers_have_right_check_digits(number: int) -> None:
    dutch = vat_number_of("NL", number)
    digits = "".join(str(int(char, 36)) for char in dutch)
    assert int(digits) % 97 == 1
    belgian = vat_number_of("BE", number)[2:]
    assert 97 - int(belgian[:8]) % 97 == int(belgian[8:])
    assert len(vat_number_of("DE", number)) == len("DE136695976")


def test_the_german_check_digit_is_the_published_one() -> None:
    assert vat_number_of("DE", 3669597).startswith("DE13669597")
    assert vat_number_of("DE", 3669597) == "DE136695976"


def test_reading_a_shown_order_and_showing_it_again_changes_nothing() -> None:
    for line in recorded.lines("order"):
        document = json.loads(line)
        assert show_order(read_order(document)) == document


def test_units_are_ten_thousandths() -> None:
    assert UNIT == 10_000

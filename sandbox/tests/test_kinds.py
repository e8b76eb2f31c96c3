"""Unusual orders of a generated shop: what is said of each kind holds, and every sum adds up."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from stdnum.eu import vat

from commerce_sandbox import shop
from commerce_sandbox.data import generator
from commerce_sandbox.data.kinds import parse
from commerce_sandbox.data.numbers import Numbers
from commerce_sandbox.data.orders import read_order, show_order
from commerce_sandbox.data.unusual import MAKERS, Workshop
from commerce_sandbox.exceptions import ShopError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Document = dict[str, Any]
COUNT = 120
CENT = Decimal("0.01")
PARTS = (
    *("subtotal", "discount_amount", "shipping_amount", "tax_amount"),
    *("discount_tax_compensation_amount", "shipping_discount_tax_compensation_amount"),
    "adjustment",
)
BASE = {PARTS[5]: "shipping_discount_tax_compensation_amnt"}
CREDITS = ("gift_cards_amount", "customer_balance_amount", "reward_currency_amount")


class Made:
    """One order with its documents, as a client reads them."""

    def __init__(self, order: Document, documents: list[tuple[str, Document]]) -> None:
        self.order = order
        self.invoices = [made for kind, made in documents if kind == "invoice"]
        self.memos = [made for kind, made in documents if kind == "creditmemo"]
        self.transactions = [made for kind, made in documents if kind == "transaction"]
        self.others = [made for kind, made in documents if kind == "order"]


@cache
def made(kind: str) -> list[Made]:
    rng, numbers = Random(kind), Numbers()  # noqa: S311 -- reproducible data
    start = datetime(2026, 3, 1, tzinfo=UTC)
    found = []
    for index in range(COUNT):
        sale = MAKERS[kind](Workshop(rng, numbers, start + timedelta(hours=index)))
        shown = [(name, read(document)) for name, document in sale.documents]
        found.append(Made(read(show_order(sale.order)), shown))
    return found


def read(document: Document) -> Document:
    """Read a document as a client does, from the text that the shop sends."""
    result: Document = json.loads(generator.dumps(document), parse_float=Decimal, parse_int=Decimal)
    return result


def fixed_tax(document: Mapping[str, Any], order: Mapping[str, Any], prefix: str) -> Decimal:
    """Fixed product tax of a document's lines without its tax, from the order's JSON."""
    total = Decimal(0)
    lines = {line["item_id"]: line for line in order["items"]}
    for item in document["items"]:
        line = lines[item.get("item_id", item.get("order_item_id"))]
        for entry in json.loads(line.get("weee_tax_applied", "[]"), parse_float=Decimal):
            qty = item.get("qty", item.get("qty_ordered"))
            total += entry[f"{prefix}row_amount"] * qty / line["qty_ordered"]
    return total


def unexplained(document: Mapping[str, Any], order: Mapping[str, Any], prefix: str) -> Decimal:
    """What is left of a total after all its parts."""
    extension = document.get("extension_attributes", {})
    left: Decimal = document[f"{prefix}grand_total"] - fixed_tax(document, order, prefix)
    for name in PARTS:
        left -= document.get(prefix + (BASE.get(name, name) if prefix else name), 0)
    return left + sum(extension.get(prefix + name, 0) for name in CREDITS)


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "paid_with_credit"])
def test_every_document_is_the_sum_of_its_parts(kind: str) -> None:
    for each in made(kind):
        for document in (each.order, *each.invoices, *each.memos):
            for prefix in ("", "base_"):
                rest = unexplained(document, each.order, prefix)
                pieces = sum(1 for line in each.order["items"] if "TOASTER" in line["sku"])
                assert abs(rest) <= pieces * CENT, (kind, document["increment_id"], prefix)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_invoices_are_the_order_and_no_more_comes_back_than_was_paid(kind: str) -> None:
    for each in made(kind):
        for prefix in ("", "base_"):
            name = f"{prefix}grand_total"
            assert sum(invoice[name] for invoice in each.invoices) == each.order[name]
            for amount in ("tax_amount", "subtotal", "discount_amount"):
                whole = each.order[prefix + amount]
                assert sum(invoice[prefix + amount] for invoice in each.invoices) == whole
            back = sum(memo[name] for memo in each.memos)
            assert back <= each.order[name]


@pytest.mark.parametrize("kind", MAKERS)
def test_the_tax_breakdown_is_the_order_s_tax(kind: str) -> None:
    for each in made(kind):
        extension = each.order["extension_attributes"]
        by_rate = sum(tax["amount"] for tax in extension["applied_taxes"])
        by_item = sum(
            tax["amount"]
            for item in extension["item_applied_taxes"]
            for tax in item["applied_taxes"]
        )
        expected = 0 if kind == "computed_percentage" else each.order["tax_amount"]
        assert by_rate == by_item == expected


def test_fixed_product_tax_is_not_the_piece_s_times_the_pieces() -> None:
    uneven = split = back = 0
    for each in made("fixed_product_tax"):
        line = next(line for line in each.order["items"] if line["sku"] == "TOASTER-FPT")
        (entry,) = json.loads(line["weee_tax_applied"], parse_float=Decimal)
        row = line["weee_tax_applied_row_amount"]
        assert row == entry["row_amount"]
        assert row > 0
        uneven += row != line["weee_tax_applied_amount"] * line["qty_ordered"]
        assert abs(row / line["qty_ordered"] - line["weee_tax_applied_amount"]) < CENT
        split += len(each.invoices) > 1
        for memo in each.memos:
            for item in memo["items"]:
                if item["sku"] == "TOASTER-FPT":
                    back += item["qty"] < line["qty_ordered"]
                    (told,) = json.loads(item["weee_tax_applied"], parse_float=Decimal)
                    assert told["row_amount"] == item["weee_tax_applied_row_amount"]
                    base = line["base_weee_tax_applied_row_amnt"]
                    assert item["base_weee_tax_applied_row_amnt"] == base
                    share = row * item["qty"] / line["qty_ordered"]
                    assert abs(item["weee_tax_applied_row_amount"] - share) <= CENT
        assert all(
            "weee_tax_applied" not in item for made in each.invoices for item in made["items"]
        )
    assert min(uneven, split, back) > 5


def test_a_memo_by_invoice_names_it_and_is_capped_by_what_it_allows() -> None:
    differ = 0
    for each in made("refund_by_invoice"):
        invoices = {invoice["entity_id"]: invoice for invoice in each.invoices}
        taxes: Counter[int] = Counter()
        for memo in each.memos:
            invoice = invoices[memo["invoice_id"]]
            taxes[memo["invoice_id"]] += memo["tax_amount"]
            assert taxes[memo["invoice_id"]] <= invoice["tax_amount"]
            lines = sum(item.get("tax_amount", 0) for item in memo["items"])
            gap = memo["tax_amount"] - lines - memo["shipping_tax_amount"]
            assert abs(gap) <= CENT * len(memo["items"])
            differ += gap != 0
            bought = {item["order_item_id"]: item["qty"] for item in invoice["items"]}
            assert all(item["qty"] <= bought[item["order_item_id"]] for item in memo["items"])
    assert differ > 3


def test_discounted_shipping_that_stays_makes_the_memo_s_discount_too_small() -> None:
    for each in made("refund_of_discounted_shipping"):
        order, (memo,) = each.order, each.memos
        assert memo["shipping_amount"] == 0
        lines = sum(item.get("base_discount_amount", 0) for item in memo["items"])
        gap = order["base_shipping_tax_amount"] * order["base_shipping_discount_amount"]
        gap /= order["base_shipping_amount"]
        assert gap > 0
        assert memo["base_discount_amount"] == round(gap - lines, 4)
        assert order["base_total_refunded"] == round(memo["base_grand_total"], 2)
        assert order["payment"]["amount_refunded"] == memo["grand_total"]


def test_store_credit_stands_on_the_order_only() -> None:
    partly = 0
    for each in made("refund_to_store_credit"):
        given = each.order["extension_attributes"]["customer_balance_total_refunded"]
        amounts = {memo["grand_total"] for memo in each.memos} | {each.order["total_refunded"]}
        assert given in amounts
        partly += given < each.order["total_refunded"]
        assert all("extension_attributes" not in memo for memo in each.memos)
    assert partly > 5


def test_computed_percentages_give_the_tax_but_are_no_legal_ones() -> None:
    odd = 0
    for each in made("computed_percentage"):
        for line in each.order["items"]:
            net = line["row_total_incl_tax"] - line["tax_amount"]
            assert abs(net * line["tax_percent"] / 100 - line["tax_amount"]) < CENT / 2
            odd += line["tax_percent"] % 1 != 0
            assert line["extension_attributes"]["itemized_taxes"] == []
        assert each.order["ext_order_id"]
    assert odd > COUNT


def test_territories_are_untaxed_and_their_businesses_have_valid_numbers() -> None:
    places = set()
    kinds: Counter[str] = Counter()
    for each in made("territory"):
        address = each.order["billing_address"]
        shipping = each.order["extension_attributes"]["shipping_assignments"][0]["shipping"]
        assert shipping["address"]["postcode"] == address["postcode"]
        assert each.order["tax_amount"] == 0
        places.add((address["country_id"], address["postcode"]))
        number = address.get("vat_id")
        kinds["business" if "company" in address else "consumer"] += 1
        assert number == each.order.get("customer_taxvat")
        assert number is None or vat.is_valid(number)
    assert places >= {("FR", "97400"), ("IT", "23041"), ("ES", "35001"), ("FI", "22100")}
    assert min(kinds.values()) > 20


def test_money_moves_after_the_invoice_and_sometimes_never() -> None:
    late = open_ = online = 0
    for each in made("late_capture"):
        (invoice,) = each.invoices
        by_type = {made["txn_type"]: made for made in each.transactions}
        held = by_type["authorization"]
        assert held["created_at"] == each.order["created_at"]
        if invoice["state"] == 1:
            open_ += 1
            assert "total_paid" not in each.order
            assert "capture" not in by_type
            continue
        paid = by_type["capture"]
        assert paid["created_at"] > invoice["created_at"]
        assert invoice["updated_at"] == paid["created_at"]
        assert invoice["transaction_id"] == paid["txn_id"]
        assert paid["parent_id"] == held["transaction_id"]
        assert [child["txn_id"] for child in held["child_transactions"]] == [paid["txn_id"]]
        assert each.order["total_paid"] == invoice["grand_total"]
        late += paid["created_at"][:7] > invoice["created_at"][:7]
        for memo in each.memos:
            online += 1
            assert memo["transaction_id"] == by_type["refund"]["txn_id"]
            assert each.order["total_online_refunded"] == memo["grand_total"]
            assert "total_offline_refunded" not in each.order
        assert each.order["payment"]["last_trans_id"] == each.transactions[-1]["txn_id"]
    assert min(open_, online) > 5


def test_weak_currencies_have_their_own_smallest_units_and_rates_of_many_digits() -> None:
    places = {"JPY": 0, "IDR": 2, "KWD": 3}
    seen: Counter[str] = Counter()
    for each in made("weak_currency"):
        code = each.order["order_currency_code"]
        seen[code] += 1
        unit = Decimal(1).scaleb(-places[code])
        for document in (each.order, *each.invoices, *each.memos):
            assert document["base_to_order_rate"] == each.order["base_to_order_rate"]
            for name in ("grand_total", "tax_amount", "shipping_amount"):
                assert document.get(name, 0) % unit == 0
                assert document.get(f"base_{name}", 0) % CENT == 0
            expected = document["base_grand_total"] * document["base_to_order_rate"]
            assert abs(document["grand_total"] - expected) < 20 * max(
                unit, CENT * document["base_to_order_rate"]
            )
    assert set(seen) == set(places)
    assert any(each.order["grand_total"] % CENT for each in made("weak_currency"))


def test_shipping_is_taxed_at_the_rates_of_the_goods() -> None:
    for each in made("mixed_shipping_tax"):
        taxes = each.order["extension_attributes"]["item_applied_taxes"]
        (shipping,) = [item for item in taxes if item["type"] == "shipping"]
        percents = {tax["percent"] for tax in shipping["applied_taxes"]}
        assert percents == {line["tax_percent"] for line in each.order["items"]}
        net = sum(tax["amount"] * 100 / tax["percent"] for tax in shipping["applied_taxes"])
        assert abs(net - each.order["shipping_amount"]) < CENT * 15  # half a cent of tax at 6 %


def test_a_fee_above_the_refund_makes_a_negative_memo() -> None:
    for each in made("fee_above_refund"):
        (memo,) = each.memos
        assert memo["grand_total"] < 0
        assert memo["adjustment"] == -memo["adjustment_negative"]
        assert each.order["total_refunded"] == memo["grand_total"]


def test_what_was_paid_with_credit_is_taken_once() -> None:
    seen: Counter[str] = Counter()
    for each in made("paid_with_credit"):
        extension = each.order["extension_attributes"]
        whole = each.order["grand_total"] + sum(extension.get(name, 0) for name in CREDITS)
        parts = sum(each.order.get(name, 0) for name in PARTS)
        assert whole == parts
        for name in CREDITS[:2]:
            if name in extension:
                seen[name] += 1
                taken = [
                    made.get("extension_attributes", {}).get(name, 0) for made in each.invoices
                ]
                assert (
                    sum(taken) == extension[name] == extension[name.replace("amount", "invoiced")]
                )
        seen["reward"] += CREDITS[2] in extension
        seen["all"] += each.order["grand_total"] == 0
        assert (each.order["grand_total"] == 0) == (each.order["payment"]["method"] == "free")
    assert min(seen[name] for name in (*CREDITS[:2], "reward", "all")) > 5


def test_an_edited_order_names_the_one_it_took_the_place_of() -> None:
    for each in made("edited_order"):
        (before,) = each.others
        assert before["state"] == "canceled"
        assert each.order["increment_id"] == f"{before['increment_id']}-1"
        assert each.order["original_increment_id"] == before["increment_id"]
        assert each.order["relation_parent_id"] == str(before["entity_id"])
        assert each.order["created_at"] == before["updated_at"]


def test_the_order_knows_nothing_of_a_cancelled_memo() -> None:
    for each in made("cancelled_memo"):
        (memo,) = each.memos
        assert memo["state"] == 3
        assert memo["updated_at"] > memo["created_at"]
        assert memo["grand_total"] > 0
        assert "total_refunded" not in each.order


@pytest.mark.parametrize("kind", sorted(set(MAKERS) - {"paid_with_credit"}))
def test_reading_an_unusual_order_and_showing_it_again_changes_nothing(kind: str) -> None:
    rng = Random(1)  # noqa: S311 -- reproducible data
    sale = MAKERS[kind](Workshop(rng, Numbers(), datetime(2026, 3, 1, tzinfo=UTC)))
    document = json.loads(generator.dumps(show_order(sale.order)))
    assert json.loads(generator.dumps(show_order(read_order(document)))) == document


def test_everything_is_in_one_shop_and_the_same_seed_makes_it_again(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        context = shop.open_context(tmp_path / name)
        shop.seed(context, "generated:400:3:everything")
        connection = context.database.connection()
        texts.append([row["body"] for row in connection.execute("SELECT body FROM adobe_order")])
        context.database.close()
    assert texts[0] == texts[1]
    orders = [read_text(text) for text in texts[0]]
    by_store = {(order["store_id"], order["increment_id"]) for order in orders}
    assert len(by_store) == len(orders)
    assert len({number for _, number in by_store}) < len(orders)  # store views count alike
    context = shop.open_context(tmp_path / "a")
    connection = context.database.connection()
    codes = {row["code"] for row in connection.execute("SELECT code FROM adobe_store_view")}
    assert codes >= {"jpy", "idr", "kwd"}
    captured = connection.execute("SELECT count(*) FROM adobe_transaction").fetchone()[0]
    assert captured > 10
    assert context.database.setting(generator.ALIKE) is True
    context.database.close()


def read_text(text: str) -> Document:
    result: Document = json.loads(text)
    return result


def test_a_kind_alone_leaves_the_usual_orders_usual(tmp_path: Path) -> None:
    context = shop.open_context(tmp_path)
    shop.seed(context, "generated:200:3:late_capture=0.5")
    rows = context.database.connection().execute("SELECT body FROM adobe_order").fetchall()
    online = sum("last_trans_id" in json.loads(row["body"])["payment"] for row in rows)
    assert 70 < online < 130
    context.database.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "no such kind of order: 'nonsense'"),
        ("territory=2", "the share of 'territory' must be a number from 0 to 1"),
        ("territory=x", "must be a number"),
        ("everything=0.2", "more than 1 together"),
    ],
)
def test_kinds_that_make_no_sense_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ShopError, match=reason):
        parse(text)


def test_later_kinds_win() -> None:
    kinds = parse("everything,territory=0,alike=0")
    assert kinds.shares["territory"] == 0
    assert kinds.shares["late_capture"] == 0.04
    assert not kinds.alike

"""What the month-end is told of orders: pieces, payments, what is due. From the recorded shop."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import pytest

from mapper_gl_rules.booking import Booker, OrderFacts
from mapper_gl_rules.contract import SCHEMAS
from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.loading import parse_rules
from mapper_gl_rules.source.decoding import Decoder
from mapper_gl_rules.source.messages import encode_any

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = Path(__file__).parents[3] / "examples" / "rules.yml"
RECORDED = Path(__file__).parent / "data" / "recorded"
STORES = {1: "nl", 2: "de", 3: "be", 4: "intl", 5: "b2b_nl", 6: "uk"}
DEFERRED = '  deferred: {not_shipped: "1800", not_invoiced: "1990", paid: "1810"}\n'
TEXT = RULES.read_text()
WITH = TEXT.replace("  discounts: net ", f"{DEFERRED}  discounts: net ")


def facts_by(text: str) -> OrderFacts:
    return OrderFacts(Booker(parse_rules(text, origin="rules.yml")))


def recorded(name: str) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(
        (RECORDED / f"{name}.json").read_text(), parse_float=Decimal
    )
    return read


def as_record(document: dict[str, Any]) -> dict[str, Any]:
    source = {"instance": "demo", "store_code": STORES[document["store_id"]]}
    source["timezone"] = "Europe/Amsterdam"
    return document | {"source": source}


def raw(record: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(encode_any(record))


@pytest.fixture(scope="module")
def facts() -> OrderFacts:
    return facts_by(WITH)


def one(booked: list[Any]) -> dict[str, Any]:
    (found,) = booked
    assert found.stream == "order_facts"
    return dict(found.record)


def test_an_invoice_tells_its_amounts_by_order_line(
    facts: OrderFacts, recorded_orders: dict[int, dict[str, Any]]
) -> None:
    booker, decoder = Booker(parse_rules(WITH, origin="x")), Decoder(base=False)
    seen = 0
    for number, document in enumerate(recorded("invoices")):
        record = as_record(document)
        record["order"] = as_record(recorded_orders[document["order_id"]])
        told = one(facts.document("invoice", decoder.document(raw(record))))
        assert told["due"] == Decimal(str(record["order"]["total_due"])), number
        booked = booker.document("invoice", decoder.document(raw(record)))[0]
        if booked.stream == "refused_documents":
            assert not told.get("lines")
            assert booked.record["skip"] or told["reason"] == booked.record["reason"]
            continue
        seen += 1
        sums: dict[str, Decimal] = {}
        for line in told["lines"]:
            sums[line["gl_account"]] = sums.get(line["gl_account"], Decimal(0)) + line["amount"]
        posted: dict[str, Decimal] = {}
        for line in booked.record["lines"]:
            if line["rule"].startswith("rounding"):
                continue
            account = line["gl_account"]
            posted[account] = posted.get(account, Decimal(0)) + line["amount"]
        assert sum(sums.values()) == sum(posted.values()), told["document_key"]
        of_order = {item["item_id"] for item in record["order"]["items"]}
        assert {line["item"] for line in told["lines"]} <= of_order | {None}
    assert seen > 30


def test_an_order_tells_its_lines_and_when_it_was_paid(
    facts: OrderFacts, recorded_orders: dict[int, dict[str, Any]]
) -> None:
    decoder = Decoder(base=False)
    shipped = one(facts.order(decoder.order(raw(as_record(recorded_orders[44])))))
    assert (
        shipped["lines"][0] | {"item": 78, "quantity": 1, "amount": Decimal("10.70")}
        == (shipped["lines"][0])
    )
    assert (shipped["due"], shipped["day"], "paid" in shipped) == (
        Decimal("17.9"),
        "2026-04-07",
        False,
    )
    paid = as_record(recorded_orders[2]) | {
        "transactions": [
            {"txn_type": "capture", "created_at": "2026-01-07T22:30:00Z", "txn_id": "a"},
            {"txn_type": "capture", "created_at": "2026-01-31T23:30:00Z", "txn_id": "b"},
        ]
    }
    told = one(facts.order(decoder.order(raw(paid))))
    names = ("paid", "paid_from", "paid_on", "paid_seen_by", "clearing_gl")
    assert [told[name] for name in names] == [
        Decimal("55.8"),
        "2026-01-07",
        "2026-02-01",  # in the company's time
        "capture",
        None,
    ]
    gone = as_record(recorded_orders[2]) | {"state": "canceled"}
    assert "lines" not in one(facts.order(decoder.order(raw(gone))))


def test_virtual_pieces_are_not_shipped(
    facts: OrderFacts, recorded_orders: dict[int, dict[str, Any]]
) -> None:
    for order in recorded_orders.values():
        told = one(facts.order(Decoder(base=False).order(raw(as_record(order)))))
        ships = {item["item_id"]: not item.get("is_virtual") for item in order["items"]}
        assert {item["item"]: item["ships"] for item in told.get("items", [])} in ({}, ships)


def test_a_shipment_tells_its_pieces_on_the_day_of_the_company(facts: OrderFacts) -> None:
    shipments = recorded("shipments")
    told = [one(facts.shipment(Decoder(base=False).shipment(raw(as_record(s))))) for s in shipments]
    by_key = {record["document_key"]: record for record in told}
    assert by_key["demo:nl:shipment:000000006"]["lines"] == [{"item": 78, "quantity": 1}]
    late = as_record(shipments[0]) | {"created_at": "2026-10-31T23:30:00Z"}
    assert one(facts.shipment(Decoder(base=False).shipment(raw(late))))["day"] == "2026-11-01"


def test_the_rules_tell_boxes_and_accounts_and_what_was_read() -> None:
    text = WITH.replace('"21": {rate: 21,', '"21": {rate: 21, box: 1a,')
    told = one(facts_by(text).rules({"shipments", "orders"}))
    assert told["vat_boxes"] == {"21": "1a"}
    assert told["streams"] == ["orders", "shipments"]
    assert told["deferred"] == {
        "journal": "90",
        "not_shipped": "1800",
        "not_invoiced": "1990",
        "paid": "1810",
    }
    plain = facts_by(TEXT)
    assert "deferred" not in one(plain.rules([]))
    shipment = Decoder(base=False).shipment(raw(as_record(recorded("shipments")[0])))
    assert plain.shipment(shipment) == []


def test_deferrals_need_a_journal_and_all_accounts() -> None:
    with pytest.raises(RulesError, match="general journal"):
        facts_by(WITH.replace("  general_journal:", "  # general_journal:"))
    with pytest.raises(RulesError, match="paid is missing"):
        facts_by(WITH.replace(', paid: "1810"', ""))


def test_only_the_month_end_is_told(run_mapper: Callable[..., Any], tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(WITH)
    record = json.dumps(as_record(recorded("shipments")[0]), default=float)
    text = '{"type":"SCHEMA","stream":"shipments","schema":{},"key_properties":[]}\n'
    text += f'{{"type":"RECORD","stream":"shipments","record":{record}}}\n'
    assert run_mapper(text, rules_file=str(rules)) == []
    told = run_mapper(text, rules_file=str(rules), month_end=True)
    assert [one["type"] for one in told] == ["SCHEMA", "RECORD", "RECORD"]
    jsonschema.validate(told[1]["record"], SCHEMAS["order_facts"])
    assert [one["record"]["kind"] for one in told[1:]] == ["shipment", "rules"]
    assert told[2]["record"]["streams"] == ["shipments"]

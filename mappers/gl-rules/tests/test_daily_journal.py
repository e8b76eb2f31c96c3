"""A document of a daily summary travels alone: balanced, with the day it belongs to."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.rules.loading import parse_rules
from mapper_gl_rules.source import Document

GOLDEN = Path(__file__).parent / "data" / "golden"


def rules_of(case: str, *changes: tuple[str, str]) -> Any:
    text = (GOLDEN / f"{case}.rules.yml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_rules(text, origin=case)


def records(case: str) -> list[tuple[str, dict[str, Any]]]:
    source = json.loads((GOLDEN / f"{case}.json").read_text(), parse_float=Decimal)["source"]
    orders = {order["entity_id"]: order for order in source["orders"]}
    origin = {"instance": "demo", "store_code": "nl"}
    return [
        (stream, {**one, "order": orders[one["order_id"]], "source": origin})
        for stream, name in (("invoices", "invoices"), ("credit_memos", "creditmemos"))
        for one in source[name]
    ]


@pytest.fixture
def documents() -> list[tuple[Any, Document]]:
    return [
        (
            "invoice" if stream == "invoices" else "credit_memo",
            msgspec.convert(record, Document, strict=False),
        )
        for stream, record in records("P12")
    ]


def book(rules: Any, kind: Any, document: Document) -> Any:
    (booked,) = Booker(rules).document(kind, document)
    return booked


def test_every_document_travels_with_its_day_and_the_state_stays_where_it_was(
    run_mapper: Any,
) -> None:
    lines = []
    for number, (stream, record) in enumerate(records("P12")):
        message = {"type": "RECORD", "stream": stream, "record": record}
        lines += [
            json.dumps(message, default=float),
            json.dumps({"type": "STATE", "value": number}),
        ]
    messages = run_mapper("\n".join(lines) + "\n", rules_file=str(GOLDEN / "P12.rules.yml"))
    assert [one["type"] for one in messages] == ["SCHEMA", *["RECORD", "STATE"] * 6]
    found = [one["record"] for one in messages if one["type"] == "RECORD"]
    assert {one["document_key"] for one in found} >= {
        "demo:nl:invoice:000000221",
        "demo:nl:credit_memo:000000323",
    }
    assert {one["summary"]["day"] for one in found} == {"2026-04-07", "2026-04-08"}
    for one in found:
        assert sum(line["amount"] + line.get("vat_amount", 0) for line in one["lines"]) == 0


def test_a_sale_and_a_refund_have_opposite_signs(documents: Any) -> None:
    rules = rules_of("P12")
    sale = book(rules, *documents[0])
    kind, memo = documents[-1]
    refund = book(rules, kind, memo)
    assert sale.record["totals"]["amount"] == documents[0][1].grand_total
    assert refund.record["totals"] == {
        "amount": Decimal("-121.00"),
        "vat_amount": Decimal("-21.00"),
        "net_amount": Decimal("-100.00"),
    }
    assert [line["side"] for line in refund.record["lines"]] == ["refund"] * 2
    assert [(one["gl_account"], one["amount"], one["role"]) for one in refund.record["lines"]] == [
        ("8000", Decimal("100.00"), "revenue"),
        ("1242", Decimal("-121.00"), "clearing"),
    ]
    revenue = refund.record["lines"][0]
    assert (revenue["vat_code"], revenue["vat_amount"]) == ("21", Decimal("21.00"))
    assert (revenue["supply"], revenue["country"]) == ("domestic", "NL")


@pytest.mark.parametrize(
    ("zone", "day", "closes_at"),
    [
        ("Europe/Amsterdam", "2026-04-07", "2026-04-07T22:00:00Z"),
        ("America/New_York", "2026-04-07", "2026-04-08T04:00:00Z"),
        ("Pacific/Auckland", "2026-04-08", "2026-04-08T12:00:00Z"),
    ],
)
def test_a_day_closes_at_its_local_midnight(
    documents: Any, zone: str, day: str, closes_at: str
) -> None:
    kind, invoice = documents[0]
    invoice.created_at = "2026-04-07 13:00:00"
    summary = book(rules_of("P12", ("Europe/Amsterdam", zone)), kind, invoice).record["summary"]
    assert summary == {
        "instance": "demo",
        "store": "nl",
        "day": day,
        "time_zone": zone,
        "closes_at": closes_at,
        "journal": "90",
        "method": "",
    }


def test_the_day_the_clock_changes_has_25_hours(documents: Any) -> None:
    kind, invoice = documents[0]
    invoice.created_at = "2026-10-25 00:30:00"
    summary = book(rules_of("P12"), kind, invoice).record["summary"]
    assert (summary["day"], summary["closes_at"]) == ("2026-10-25", "2026-10-25T23:00:00Z")


def test_a_summary_per_payment_method_names_it(documents: Any) -> None:
    rules = rules_of("P12", ("settings:", "settings:\n  daily_per: payment_method"))
    assert book(rules, *documents[0]).record["summary"]["method"] == "mollie_methods_ideal"


def test_the_rate_of_a_foreign_document_goes_along(documents: Any) -> None:
    kind, invoice = documents[0]
    invoice.order_currency_code, invoice.base_to_order_rate = "GBP", Decimal("0.8")
    invoice.base_grand_total = invoice.grand_total / Decimal("0.8")
    record = book(rules_of("P12"), kind, invoice).record
    assert (record["currency"], record["exchange_rate"]) == ("GBP", Decimal("1.25"))


def test_days_of_two_rates_are_two_entries(tmp_path: Path, run_command: Any) -> None:
    source = json.loads((GOLDEN / "P12.json").read_text())["source"]
    for invoice in source["invoices"]:
        invoice["order_currency_code"] = "GBP"
    for invoice, rate in zip(source["invoices"], (0.8, 0.5), strict=False):
        invoice["base_to_order_rate"] = rate
        invoice["base_grand_total"] = round(invoice["grand_total"] / rate, 2)
    source |= {"invoices": source["invoices"][:2], "creditmemos": []}
    (tmp_path / "documents.json").write_text(json.dumps(source))
    rules, given = GOLDEN / "P12.rules.yml", tmp_path / "documents.json"
    report = json.loads(run_command("book", "--rules", rules, "--input", given).stdout)
    assert sorted(float(one["rate"]) for one in report["documents"]) == [1.25, 2.0]


def test_lines_of_a_summary_have_their_codes(documents: Any) -> None:
    change = ('gl: "8000", cost_center: WEB', 'gl: "8000", cost_center: WEB, cost_unit: SHOP')
    record = book(rules_of("P12", change), *documents[0]).record
    found = {
        (one["gl_account"], one.get("cost_center"), one.get("cost_unit")) for one in record["lines"]
    }
    assert ("8000", "WEB", "SHOP") in found
    assert ("1240", None, None) in found
    (line,) = (one for one in record["lines"] if one["gl_account"] == "8000")
    assert (line["vat_percentage"], line["rule"]) == (21, "item, tax 21 %")


def test_a_method_without_clearing_account_is_refused(documents: Any) -> None:
    kind, invoice = documents[0]
    invoice.order.payment.method = "klarna"
    refused = book(rules_of("P12"), kind, invoice)
    assert refused.record["reason"] == "payment method klarna has no clearing account"


def test_reverse_charge_is_never_summed_up() -> None:
    source = json.loads((GOLDEN / "P08.json").read_text())["source"]
    rules = rules_of("P08", ("settings:", "settings:\n  mode: daily_journal"))
    invoice = msgspec.convert({**source["invoices"][0], "order": source["order"]}, Document)
    assert book(rules, "invoice", invoice).stream == "sales_entries"


def test_deferred_revenue_is_never_summed_up(documents: Any) -> None:
    change = ('gl: "8000", cost_center', 'gl: "8000", deferral_months: 12, cost_center')
    booked = book_first(rules_of("P12", change), *documents[0])
    assert booked.stream == "sales_entries"
    assert booked.record["lines"][0]["to"] == "2027-04-06"


def book_first(rules: Any, kind: Any, document: Document) -> Any:
    return Booker(rules).document(kind, document)[0]

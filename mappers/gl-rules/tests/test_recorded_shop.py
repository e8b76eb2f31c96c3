"""All 159 documents of a real shop: booked to the cent, or refused with a true reason."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

CENT = Decimal("0.01")
# A Belgian business with a valid VAT number that paid Belgian VAT.
CHARGED = ("demo:be:order:3000000002", "demo:be:invoice:3000000002")
KINDS = {"orders": "order", "invoices": "invoice", "credit_memos": "credit_memo"}


@pytest.fixture(scope="module")
def emitted(singer_input: Any, run_command: Any, example_rules: Any, tmp_path_factory: Any) -> Any:
    import json  # noqa: PLC0415

    config = tmp_path_factory.mktemp("recorded") / "config.json"
    config.write_text(json.dumps({"rules_file": str(example_rules)}))
    done = run_command("--config", config, input=singer_input)
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]
    return [(one["stream"], one["record"]) for one in messages if one["type"] == "RECORD"]


def key_of(stream: str, document: Any) -> str:
    store = document["source"]["store_code"]
    return f"demo:{store}:{KINDS[stream]}:{document['increment_id']}"


def by_key(emitted: Any) -> Any:
    return {record["document_key"]: (stream, record) for stream, record in emitted}


def test_every_document_travels_on_exactly_once(emitted: Any, recorded_records: Any) -> None:
    keys = [record["document_key"] for _, record in emitted]
    wanted = {key_of(stream, one) for stream, one in recorded_records}
    assert len(keys) == len(set(keys)) == 159
    assert set(keys) == wanted


def test_only_documents_without_money_or_delivery_are_refused(emitted: Any) -> None:
    refused = {
        record["document_key"]: record
        for stream, record in emitted
        if stream == "refused_documents"
    }
    assert {key: record["reason"].split(":")[0] for key, record in refused.items()} == {
        "demo:nl:order:000000010": "the order has no amount above 0.00",
        "demo:nl:order:000000011": "the order has no amount above 0.00",
        "demo:nl:order:000000012": "the order was cancelled",
        "demo:nl:order:000000013": "the order is on hold",
        "demo:nl:order:000000050": "the order was cancelled",
        "demo:nl:order:000000059": "the order is under payment review",
        "demo:nl:order:000000060": "the order waits for its payment",
        "demo:nl:order:000000061": "the order has no amount above 0.00",
        "demo:nl:invoice:000000049": "nothing to book, every amount is 0.00",
        **dict.fromkeys(
            CHARGED,
            "rule 'VAT of another country charged to a business' refuses "
            "product LAMP-DESK of 148.74 with VAT 31.24 at 21 %",
        ),
    }
    assert {key for key, record in refused.items() if not record["skip"]} == set(CHARGED)


def test_debtor_is_the_grand_total(emitted: Any, recorded_records: Any) -> None:
    found = by_key(emitted)
    for stream, document in recorded_records:
        if stream == "orders":
            continue
        kind, record = found[key_of(stream, document)]
        if kind == "refused_documents":
            continue
        sign = -1 if stream == "credit_memos" else 1
        total = sign * Decimal(document["grand_total"]).quantize(CENT, ROUND_HALF_UP)
        assert record["totals"]["amount"] == total
        lines = sum(line["amount"] + line.get("vat_amount", 0) for line in record["lines"])
        assert lines == total
        assert record["totals"]["net_amount"] + record["totals"]["vat_amount"] == total


def test_sum_per_currency_is_the_shops(emitted: Any, recorded_records: Any) -> None:
    shop: dict[str, Decimal] = defaultdict(Decimal)
    booked: dict[str, Decimal] = defaultdict(Decimal)
    for stream, document in recorded_records:
        if stream != "orders":
            sign = -1 if stream == "credit_memos" else 1
            total = Decimal(document["grand_total"]).quantize(CENT, ROUND_HALF_UP)
            shop[document["order_currency_code"]] += sign * total
    for stream, record in emitted:
        if stream == "sales_entries":
            booked[record["currency"]] += record["totals"]["amount"]
        elif record["document_key"] == CHARGED[1]:
            shop[record["currency"]] -= record["amount"]
    assert booked == shop


def test_vat_is_what_the_shop_charged(emitted: Any, recorded_records: Any) -> None:
    found = by_key(emitted)
    for stream, document in recorded_records:
        kind, record = found[key_of(stream, document)]
        if kind != "sales_entries" or document.get("adjustment_positive"):
            continue  # goodwill: the rules take VAT out of it, the shop states none
        sign = -1 if stream == "credit_memos" else 1
        assert record["totals"]["vat_amount"] == sign * Decimal(document["tax_amount"])


def test_vat_per_rate_is_what_the_shop_charged(emitted: Any, recorded_records: Any) -> None:
    """An order that is invoiced at once has the shop's own VAT per rate beside it."""
    found = by_key(emitted)
    checked = 0
    for stream, document in recorded_records:
        if stream != "invoices" or document["grand_total"] != document["order"]["grand_total"]:
            continue
        kind, record = found[key_of(stream, document)]
        if kind != "sales_entries":
            continue
        shop: dict[Decimal, Decimal] = defaultdict(Decimal)
        for tax in document["order"]["extension_attributes"].get("applied_taxes", []):
            shop[Decimal(tax["percent"])] += Decimal(tax["amount"])
        booked: dict[Decimal, Decimal] = defaultdict(Decimal)
        for line in record["lines"]:
            if line.get("vat_amount"):
                booked[Decimal(line["vat_percentage"])] += line["vat_amount"]
        assert booked == {rate: amount for rate, amount in shop.items() if amount}
        checked += 1
    assert checked > 40


@pytest.mark.parametrize(
    ("key", "gl", "vat_code", "amount"),
    [
        ("demo:b2b_nl:invoice:5000000002", "8020", "7", "114.65"),  # Belgium, VAT number, 0 %
        ("demo:de:invoice:2000000001", "8040", "D19", None),  # Germany, consumer
        ("demo:be:invoice:3000000001", "8040", "B6", None),  # Belgium, books
        ("demo:intl:invoice:4000000003", "8030", "6", "62.70"),  # United States
        ("demo:intl:invoice:4000000001", "8050", "G20", None),  # United Kingdom in GBP
        ("demo:nl:invoice:000000034", "8040", "D19", None),  # billed NL, shipped DE
        ("demo:nl:invoice:000000023", "1700", "0", "50.00"),  # gift voucher sold
        ("demo:nl:invoice:000000024", "8130", "21", "2.00"),  # fixed product tax
        ("demo:nl:credit_memo:000000008", "8100", "21", "-2.00"),  # part of the shipping
        ("demo:nl:credit_memo:000000010", "8310", "0", "2.50"),  # fee kept back
    ],
)
def test_lines_go_where_the_rules_say(
    emitted: Any, key: Any, gl: Any, vat_code: Any, amount: Any
) -> None:
    _, record = by_key(emitted)[key]
    line = next(
        one for one in record["lines"] if (one["gl_account"], one.get("vat_code")) == (gl, vat_code)
    )
    if amount is not None:
        assert line["amount"] == Decimal(amount)


def test_dynamic_bundle_is_booked_by_its_children(emitted: Any) -> None:
    _, record = by_key(emitted)["demo:nl:invoice:000000030"]
    assert {line["vat_code"] for line in record["lines"]} == {"21", "9"}
    assert record["totals"]["amount"] == Decimal("43.33")


def test_date_is_the_local_day_of_the_company(emitted: Any) -> None:
    found = by_key(emitted)
    assert (
        found["demo:nl:order:000000058"][1]["order_date"] == "2026-11-21"
    )  # 23:30 UTC the day before
    assert found["demo:nl:invoice:000000028"][1]["entry_date"] == "2026-03-29"


def test_foreign_currency_has_the_ledgers_rate(emitted: Any) -> None:
    found = by_key(emitted)
    entry = found["demo:intl:invoice:4000000001"][1]
    assert entry["currency"] == "GBP"
    assert entry["exchange_rate"] == Decimal("1.18609892065")  # 1 / 0.8431
    assert "exchange_rate" not in found["demo:uk:invoice:6000000001"][1]  # base currency is GBP


def test_businesses_owe_themselves_and_consumers_together(emitted: Any) -> None:
    found = by_key(emitted)
    assert found["demo:nl:invoice:000000001"][1]["debtor"] == {"code": "10"}
    debtor = found["demo:b2b_nl:invoice:5000000001"][1]["debtor"]
    assert debtor["match"]["vat_number"] == "NL000099998B57"
    assert debtor["create"]["country"] == "NL"


def test_four_decimals_become_cents_with_the_arithmetic_kept(emitted: Any) -> None:
    _, record = by_key(emitted)["demo:nl:invoice:000000025"]
    assert record["totals"]["amount"] == Decimal("18.06")
    assert all(line["amount"].as_tuple().exponent >= -2 for line in record["lines"])

"""Other kinds of documents: daily summaries, printed invoices, foreign currencies, payments."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox.exact import store
from commerce_sandbox.exact.credentials import DIVISION

from .conftest import invoice

if TYPE_CHECKING:
    from .conftest import Company

SOURCES = ("api", "mirror")
GONE_AT = "2026-11-04T09:00:00"
GONE = {"DeletedBy": "c52daeee-1f47-5725-ab4c-bad8419a25dc", "DeletedDate": GONE_AT}


def of_day(number: int, *, currency: str = "EUR", net: float = 100.0, **changes: Any) -> Any:
    """A document of a daily summary: revenue, VAT and the clearing account."""
    record = invoice(number, net=str(net))
    vat = record["totals"]["vat_amount"]
    line = record["lines"][0] | {
        "amount": -net,
        "vat_amount": -vat,
        "side": "sale",
        "role": "revenue",
    }
    clearing = {
        "gl_account": "1240",
        "amount": record["totals"]["amount"],
        "side": "sale",
        "role": "clearing",
        "rule": "ideal",
    }
    record |= {
        "currency": currency,
        "lines": [line, clearing],
        "summary": {
            "instance": "shop",
            "store": "nl",
            "day": "2026-10-10",
            "time_zone": "Europe/Amsterdam",
            "closes_at": "2026-10-10T22:00:00Z",
            "journal": "90",
            "method": "",
        },
    }
    for name in ("journal", "entry_date", "debtor", "payment_reference"):
        del record[name]
    return record | changes


@pytest.mark.parametrize("source", SOURCES)
def test_daily_summaries_agree_document_by_document(company: Company, source: str) -> None:
    company.post(of_day(1), of_day(2, net=50.0), stream="summary_documents")
    company.post(invoice(3))
    found = company.compare("--source", source)
    assert (found.codes, found.exit_code) == ([], 0)
    rows = [(row["kind"], row["amount"], row["documents"]) for row in found.bridge()["rows"]]
    assert [row[:2] for row in rows] == [
        ("shop", "302.50"),
        ("ledger", "302.50"),
        ("exact", "302.50"),
    ]
    assert (rows[0][2], rows[1][2]) == (3, 3)
    documents = {one["document_key"]: one for one in found.result["documents"]}
    assert documents["shop:nl:invoice:000000001"]["shop"] == "121.00"


def test_a_document_behind_a_days_entry_that_the_shop_changed(company: Company) -> None:
    company.post(of_day(1), of_day(2, net=50.0), stream="summary_documents")
    company.records[1] = ("summary_documents", of_day(2, net=40.0))
    found = company.compare()
    assert (found.codes, found.finding("S4")["amount"]) == (["S4"], "12.10")
    assert found.result["unexplained"] == "0.00"


def test_an_entry_of_a_day_that_people_changed(company: Company) -> None:
    company.post(of_day(1), of_day(2, net=50.0), stream="summary_documents")
    (entry,) = company.sandbox.exact("generaljournalentry/GeneralJournalEntries")
    lines = company.sandbox.exact("generaljournalentry/GeneralJournalEntryLines")
    number = next(line["LineNumber"] for line in lines if line["GLAccountCode"] == "8000")
    company.sandbox.bookkeeper("Bea").edit(entry["EntryID"], {number: {"gl_account": "8070"}})
    found = company.compare("--source", "mirror")
    assert found.codes == ["E3"]
    assert found.finding("E3")["document_key"].startswith("shop:nl:day:2026-10-10")


@pytest.mark.parametrize("source", SOURCES)
def test_a_printed_invoice_is_found_by_its_number(company: Company, source: str) -> None:
    record = invoice(1)
    del record["entry_date"], record["payment_reference"]
    record["lines"][0] |= {"item": "TEA-POT", "quantity": 1, "unit_price": 100.0}
    record |= {"invoice_date": "2026-10-10"}
    company.post(record, stream="sales_invoices")
    company.target.post_here([])
    found = company.compare("--source", source)
    assert (found.codes, found.exit_code) == ([], 0)
    assert {row["amount"] for row in found.bridge()["rows"]} == {"121.00"}
    (one,) = found.result["documents"]
    assert (one["shop"], one["ledger"]) == ("121.00", "121.00")
    assert one["exact"] == ("121.00" if found.result["depth"] == "lines" else None)


def test_an_invoice_that_is_not_printed_is_not_deleted(company: Company) -> None:
    record = invoice(1)
    del record["entry_date"], record["payment_reference"]
    record["lines"][0] |= {"item": "TEA-POT", "quantity": 1, "unit_price": 100.0}
    company.post(record | {"invoice_date": "2026-10-10"}, stream="sales_invoices")
    (entry,) = company.sandbox.exact("salesentry/SalesEntries")
    (printed,) = company.sandbox.exact("salesinvoice/SalesInvoices")
    with company.sandbox.database.transaction() as connection:
        store.delete(connection, "salesentry/SalesEntries", DIVISION, [entry["EntryID"]], GONE)
        lines = company.sandbox.exact("financialtransaction/TransactionLines")
        keys = [line["ID"] for line in lines]
        store.delete(connection, "financialtransaction/TransactionLines", DIVISION, keys, GONE)
        store.update(connection, "salesinvoice/SalesInvoices", printed | {"Status": 20}, GONE_AT)
    company.sandbox.database.forget()
    found = company.compare("--source", "mirror")
    assert "E8" in found.codes
    assert "E1" not in found.codes
    assert found.finding("E8")["amount"] == "-121.00"


@pytest.mark.parametrize("source", SOURCES)
def test_a_foreign_currency_agrees_in_both(company: Company, source: str) -> None:
    for number, net in ((1, "33.33"), (2, "10.05"), (3, "0.99")):
        company.post(invoice(number, net=net, currency="GBP", exchange_rate=1.1537))
    company.post(invoice(4))
    found = company.compare("--source", source)
    assert {one["code"] for one in found.result["findings"]} <= {"S8"}
    assert found.exit_code == 0
    assert found.result["unexplained"] == "0.00"
    if found.result["depth"] != "sums":
        amounts = [row["amount"] for row in found.bridge("total", "GBP")["rows"]]
        assert set(amounts) == {"53.69"}


def test_another_rate_in_exact_is_a_difference_in_the_companys_currency_only(
    company: Company,
) -> None:
    company.post(invoice(1, currency="GBP", exchange_rate=1.1537))
    company.sandbox.bookkeeper("Bea").edit("000000001", rate=1.25)
    found = company.compare("--source", "mirror")
    one = found.finding("S8")
    assert (found.codes, one["severity"], one["amount"]) == (["S8"], "warning", "11.65")
    assert [row["amount"] for row in found.bridge("total", "GBP")["rows"]] == ["121.00"] * 3


def test_an_unsettled_document_that_exact_has(company: Company) -> None:
    company.post(invoice(1))
    company.sandbox.fault("*/salesentry/SalesEntries", "drop_after", method="POST")
    company.target.write(settle_after_seconds=3600)
    company.sandbox.clear_requests()
    with company.target.start() as process:
        assert process.stdin is not None
        process.stdin.write(company.messages("sales_entries", [invoice(2)]))
        process.stdin.close()
        while not company.sandbox.requests(path="*/salesentry/SalesEntries", method="POST"):
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
    found = company.compare("--shop", company.shop(invoice(2)))
    assert found.codes == ["S9", "S9"]
    assert {one["amount"] for one in found.result["findings"]} == {"121.00", "-121.00"}
    assert found.result["unexplained"] == "0.00"


def test_a_document_booked_in_the_next_period_is_listed_and_no_difference(
    company: Company,
) -> None:
    bea = company.sandbox.bookkeeper("Bea")
    bea.close_period(2026, 10)
    company.target.write(closed_period="next_open_day")
    company.post(invoice(2))
    october, november = company.compare(), company.compare(month="2026-11")
    assert (october.codes, november.codes) == (["S6"], ["S6"])
    assert (october.finding("S6")["amount"], november.finding("S6")["amount"]) == (
        "-121.00",
        "121.00",
    )
    assert (october.exit_code, november.exit_code) == (0, 0)


def test_two_versions_of_the_rules_are_told_apart_from_a_change_in_the_shop(
    company: Company,
) -> None:
    company.post(invoice(1))
    again = invoice(1, rules_version="v2")
    again["lines"][0]["gl_account"] = "8070"
    company.records[0] = ("sales_entries", again)
    found = company.compare()
    assert found.codes == []
    assert "They were booked by other rules" in found.stdout
    company.records.append(("sales_entries", invoice(1)))
    both = company.compare()
    assert (both.codes, "They were booked by other rules" in both.stdout) == ([], False)
    changed = invoice(1)
    changed["lines"][0]["gl_account"] = "8070"
    company.records[:] = [("sales_entries", changed)]
    assert company.compare().codes == ["S4"]

"""What the real server does in silence, late or for another reason than one expects."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION, guid
from commerce_sandbox.exact.labels import LABELS, LANGUAGES, VERBS
from commerce_sandbox.exceptions import UnknownFaultError, WrongSettingError

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRIES = "salesentry/SalesEntries"
INVOICES = "salesinvoice/SalesInvoices"
ORDERS = "salesorder/SalesOrders"
PRINT = "salesinvoice/PrintedSalesInvoices"
JOURNAL_ENTRIES = "generaljournalentry/GeneralJournalEntries"
LONG = "ABCDEFGHIJ-1234567890-0123456789"  # 32 characters


def gl_id(code: str) -> str:
    return guid(DIVISION, "financial/GLAccounts", code)


def entry(reference: str = "000000201", **more: Any) -> dict[str, Any]:
    return {
        "Journal": "70",
        "Customer": guid(DIVISION, "crm/Accounts", "10"),
        "EntryDate": "2026-03-02",
        "YourRef": reference,
        "SalesEntryLines": [{"GLAccount": gl_id("8000"), "AmountFC": 100, "VATCode": "21"}],
    } | more


def invoice(reference: str = "100000201", **more: Any) -> dict[str, Any]:
    line = {"Item": guid(DIVISION, "logistics/Items", "TEA-POT"), "Quantity": 2, "UnitPrice": 10.25}
    return {
        "Journal": "70",
        "OrderedBy": guid(DIVISION, "crm/Accounts", "10"),
        "YourRef": reference,
        "SalesInvoiceLines": [line],
    } | more


def order(**line: Any) -> dict[str, Any]:
    item = guid(DIVISION, "logistics/Items", "TEA-POT")
    return {
        "OrderedBy": guid(DIVISION, "crm/Accounts", "10"),
        "YourRef": "300000201",
        "SalesOrderLines": [{"Item": item, "Quantity": 2, **line}],
    }


def by_reference(exact: Any, reference: str, path: str = ENTRIES) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = exact.rows(
        path, select="YourRef,AmountFC", filter=f"YourRef eq '{reference}'"
    )
    return rows


@pytest.mark.parametrize(
    ("path", "body"), [(ENTRIES, entry()), (INVOICES, invoice()), (ORDERS, order(NetPrice=1))]
)
def test_a_reference_is_cut_at_30_characters(exact: Any, path: str, body: dict[str, Any]) -> None:
    assert exact.create(path, body | {"YourRef": LONG})["YourRef"] == LONG[:30]
    assert by_reference(exact, LONG, path) == []
    assert len(by_reference(exact, LONG[:30], path)) == 1
    assert exact.create(path, body | {"YourRef": "x" * 30})["YourRef"] == "x" * 30


def test_a_changed_reference_is_cut_too(exact: Any) -> None:
    key = exact.create(ENTRIES, entry("short"))["EntryID"]
    assert exact.put(ENTRIES, key, {"YourRef": LONG}).status_code == 204
    assert exact.get(f"{ENTRIES}(guid'{key}')").json()["d"]["YourRef"] == LONG[:30]


def test_an_index_that_lags_does_not_find_what_is_new(fresh: Any) -> None:
    fresh.handle.set("exact.index_lag_seconds", 30)
    key = fresh.create(ENTRIES, entry("lag"))["EntryID"]
    assert by_reference(fresh, "lag") == []
    by_key = f"EntryID eq guid'{key}'"
    assert fresh.rows(ENTRIES, select="EntryID", filter=by_key) == []  # a filter all the same
    count = {"Accept": "text/plain"}
    counted = fresh.http.get(
        fresh.url(f"{ENTRIES}/$count"), params={"$filter": by_key}, headers=count, timeout=30
    )
    assert counted.text == "0"
    assert fresh.get(f"{ENTRIES}(guid'{key}')").json()["d"]["YourRef"] == "lag"
    assert len(fresh.rows(ENTRIES, select="EntryID")) == 1
    assert len(fresh.handle.exact(ENTRIES, filter="YourRef eq 'lag'")) == 1
    fresh.handle.advance(31)
    assert len(by_reference(fresh, "lag")) == 1
    assert fresh.put(ENTRIES, key, {"YourRef": "other"}).status_code == 204
    assert by_reference(fresh, "other") == by_reference(fresh, "lag") == []
    fresh.handle.advance(31)
    assert len(by_reference(fresh, "other")) == 1


@pytest.mark.parametrize("status", [None, 504])
def test_a_call_takes_effect_after_its_client_has_gone(fresh: Any, status: int | None) -> None:
    more = {} if status is None else {"status": status}
    fresh.handle.fault(f"*/{ENTRIES}", "late_commit", method="POST", seconds=60, **more)
    if status is None:
        with pytest.raises(requests.ConnectionError):
            fresh.post(ENTRIES, entry("late"))
    else:
        assert fresh.post(ENTRIES, entry("late")).status_code == status
    assert by_reference(fresh, "late") == fresh.handle.exact(ENTRIES) == []
    sent = fresh.handle.now()
    fresh.handle.advance(59)
    assert fresh.handle.exact(ENTRIES) == []
    fresh.handle.advance(2)
    assert len(by_reference(fresh, "late")) == 1
    created = fresh.handle.exact(ENTRIES)[0]["Created"]
    assert 59 <= (_moment(created) - sent.timestamp()) <= 61
    fresh.handle.advance(600)
    assert len(fresh.handle.exact(ENTRIES)) == 1  # once


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_late_call_needs_no_further_call(fresh: Any) -> None:
    fresh.handle.fault(f"*/{ENTRIES}", "late_commit", seconds=0.2)
    with pytest.raises(requests.ConnectionError):
        fresh.post(ENTRIES, entry("late"))
    count = "SELECT count(*) FROM exact_sales_entries"
    connection = fresh.handle.database.connection()
    assert connection.execute(count).fetchone()[0] == 0
    deadline = time.monotonic() + 5
    while not connection.execute(count).fetchone()[0]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_late_call_survives_the_server(fresh: Any) -> None:
    fresh.handle.fault(f"*/{ENTRIES}", "late_commit", seconds=60)
    with pytest.raises(requests.ConnectionError):
        fresh.post(ENTRIES, entry("late"))
    fresh.handle.kill()
    fresh.handle.advance(61)
    fresh.handle.start()
    assert len(by_reference(fresh, "late")) == 1


def test_a_late_call_meets_the_books_as_they_are_then(fresh: Any) -> None:
    fresh.handle.fault(f"*/{ENTRIES}", "late_commit", seconds=60)
    with pytest.raises(requests.ConnectionError):
        fresh.post(ENTRIES, entry("late"))
    fresh.handle.bookkeeper().close_period(2026, 3)
    fresh.handle.advance(700)  # its token has expired since; it was good when the call came
    assert fresh.handle.exact(ENTRIES) == []


def test_the_answer_shows_another_document(fresh: Any) -> None:
    first = fresh.create(ENTRIES, entry("first"))
    fresh.handle.fault(f"*/{ENTRIES}*", "swapped_answer", times=3)
    second = fresh.create(ENTRIES, entry("second"))
    assert (second["EntryID"], second["YourRef"]) == (first["EntryID"], "first")
    assert [row["YourRef"] for row in by_reference(fresh, "second")] == ["first"]
    shown = fresh.get(f"{ENTRIES}(guid'{first['EntryID']}')").json()["d"]
    assert shown["YourRef"] == "second"
    stored = {row["YourRef"] for row in fresh.handle.exact(ENTRIES)}
    assert stored == {"first", "second"}
    assert len(by_reference(fresh, "second")) == 1


def test_the_answer_is_a_strangers_when_there_is_no_other_document(fresh: Any) -> None:
    fresh.handle.fault(f"*/{ENTRIES}", "swapped_answer", times=2)
    answer = fresh.create(ENTRIES, entry("mine"))
    stored = fresh.handle.exact(ENTRIES)[0]
    for name in ("EntryID", "Customer", "EntryNumber", "YourRef", "AmountFC"):
        assert answer[name] != stored[name]
    assert fresh.get(f"{ENTRIES}(guid'{answer['EntryID']}')").status_code == 404
    fresh.handle.fault(f"*/{ENTRIES}", "swapped_answer")
    assert [row["YourRef"] for row in by_reference(fresh, "nothing")] == ["mine"]


def test_a_swapped_answer_without_representation_has_only_a_key(fresh: Any) -> None:
    first = fresh.create(ENTRIES, entry("first"))
    fresh.handle.fault(f"*/{ENTRIES}", "swapped_answer")
    answer = fresh.post(ENTRIES, entry("second"), whole=False).json()["d"]
    assert (answer["EntryID"], answer["YourRef"]) == (first["EntryID"], None)


def test_the_answer_is_another_divisions(fresh: Any) -> None:
    fresh.handle.fault(f"*/{ENTRIES}", "other_division", times=2)
    answer = fresh.create(ENTRIES, entry("mine"))
    stored = fresh.handle.exact(ENTRIES)[0]
    assert (answer["Division"], stored["Division"]) == (SECOND_DIVISION, DIVISION)
    assert (answer["YourRef"], answer["AmountFC"]) == ("mine", 121)
    assert answer["EntryID"] != stored["EntryID"]
    assert f"/{SECOND_DIVISION}/" in answer["__metadata"]["uri"]
    assert fresh.handle.exact(ENTRIES, division=SECOND_DIVISION) == []
    options = {"select": "Division,YourRef", "filter": "YourRef eq 'mine'"}
    assert [row["Division"] for row in fresh.rows(ENTRIES, **options)] == [SECOND_DIVISION]
    assert [row["Division"] for row in fresh.rows(ENTRIES, **options)] == [DIVISION]


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("PaymentCondition", "30", "30"),
        ("EntryDate", "2026-04-02", "/Date(1775088000000)/"),
        ("Currency", "GBP", "GBP"),
    ],
)
def test_a_header_field_is_changed_in_silence(
    fresh: Any, field: str, value: str, shown: str
) -> None:
    fresh.handle.set("exact.variable_rate", "optional")
    fresh.handle.fault(f"*/{ENTRIES}", "changed_field", field=field, value=value)
    assert fresh.create(ENTRIES, entry(PaymentCondition="14"))[field] == shown
    assert fresh.create(ENTRIES, entry(PaymentCondition="14"))[field] != shown
    fresh.handle.set("exact.changed_fields", {ENTRIES: {field: value}})
    assert fresh.create(ENTRIES, entry(PaymentCondition="14"))[field] == shown
    assert fresh.create(INVOICES, invoice(PaymentCondition="14"))["PaymentCondition"] == "14"


def test_a_changed_field_has_a_name_and_a_value(fresh: Any) -> None:
    with pytest.raises(UnknownFaultError, match="changed_field needs field and value"):
        fresh.handle.fault("*", "changed_field", field="EntryDate")


@pytest.mark.parametrize("name", ["DocumentCreationError", "PeppolCreationError"])
def test_printing_is_answered_with_201_and_prints_nothing(fresh: Any, name: str) -> None:
    key = fresh.create(INVOICES, invoice())["InvoiceID"]
    fresh.handle.fault(f"*/{PRINT}", "unprinted", property=name, text="No layout")
    for _ in range(2):
        answer = fresh.create(PRINT, {"InvoiceID": key, "InvoiceDate": "2026-03-05"})
        assert (answer[name], answer["DocumentCreationSuccess"]) == ("No layout", None)
        shown = fresh.get(f"{INVOICES}(guid'{key}')").json()["d"]
        assert (shown["Status"], shown["InvoiceNumber"]) == (20, None)
        assert fresh.handle.exact(ENTRIES) == []
        fresh.handle.set("exact.unprinted", {str(DIVISION): {name: "No layout"}})
    fresh.handle.set("exact.unprinted", {str(SECOND_DIVISION): {name: "No layout"}})
    assert fresh.create(PRINT, {"InvoiceID": key})["DocumentCreationSuccess"]


def test_an_unprinted_invoice_can_still_be_deleted(fresh: Any) -> None:
    key = fresh.create(INVOICES, invoice())["InvoiceID"]
    fresh.handle.fault(f"*/{PRINT}", "unprinted")
    assert fresh.create(PRINT, {"InvoiceID": key})["DocumentCreationError"]
    assert fresh.delete(INVOICES, key).status_code == 204


def test_a_printed_invoice_in_another_currency_takes_the_rate_of_the_day(exact: Any) -> None:
    key = exact.create(INVOICES, invoice("pounds", Currency="GBP"))["InvoiceID"]
    exact.create(PRINT, {"InvoiceID": key, "InvoiceDate": "2026-03-05"})
    rows = exact.rows(ENTRIES, select="Rate", filter="YourRef eq 'pounds'")
    assert [row["Rate"] for row in rows] == [1.1861]


def test_a_variable_rate_journal_wants_a_rate_of_journal_entries_too(exact: Any) -> None:
    lines = [
        {"GLAccount": gl_id("1240"), "AmountFC": 1, "Date": "2026-03-10"},
        {"GLAccount": gl_id("8000"), "AmountFC": -1, "Date": "2026-03-10"},
    ]
    body = {"JournalCode": "90", "Currency": "GBP", "GeneralJournalEntryLines": lines}
    assert exact.refused(JOURNAL_ENTRIES, body) == "Wisselkoers - Moet groter zijn dan: 0"
    exact.handle.set("exact.variable_rate", "optional")
    created = exact.create(JOURNAL_ENTRIES, body)
    exact.handle.set("exact.variable_rate", "mandatory")
    assert created["ExchangeRate"] == 1.1861


def test_an_order_line_without_a_price_takes_the_items(exact: Any) -> None:
    created = exact.create(ORDERS, order(AmountFC=20.5))
    assert created["AmountFCExclVat"] == 25  # 12.50 each; the amount sent is nowhere
    assert exact.create(ORDERS, order(AmountFC=20.5, NetPrice=10.25))["AmountFCExclVat"] == 20.5
    exact.handle.set("exact.order_amount_without_price", "counts")
    counted = exact.create(ORDERS, order(AmountFC=20.5))
    exact.handle.set("exact.order_amount_without_price", "ignored")
    assert counted["AmountFCExclVat"] == 20.5


def test_a_body_over_ten_megabytes_is_refused(exact: Any) -> None:
    assert exact.post(ENTRIES, entry(Description="x" * 10_000_000)).status_code == 413
    assert exact.post(ENTRIES, entry(Description="x" * 9_000_000)).status_code == 500


@pytest.mark.parametrize(
    ("number", "country", "good"),
    [
        ("NL000099998B57", "NL", True),
        ("NL000099998B58", "NL", False),
        ("DE123456788", "DE", True),
        ("DE123456789", "DE", False),
        ("GB980780684", "GB", True),
        ("GB980780685", "GB", False),
        ("CH123", "CH", True),  # outside the EU only the form counts
    ],
)
def test_check_digits_of_vat_numbers(exact: Any, number: str, country: str, good: bool) -> None:  # noqa: FBT001
    body = {"Name": number, "Status": "C", "VATNumber": number, "Country": country}
    answer = exact.post("crm/Accounts", body)
    assert answer.status_code == (201 if good else 500)
    if not good:
        assert answer.json()["error"]["message"]["value"] == "Ongeldig: Btw-nummer"


@pytest.mark.parametrize(
    ("path", "odata", "setting", "value", "before", "after"),
    [
        ("/financial/Journals", {"select": "Code"}, "double_slashes", "merged", 404, 200),
        ("financial/Journals", {}, "select_needed", "bulk", 400, 200),
        ("bulk/Financial/GLAccounts", {}, "select_needed", "bulk", 400, 400),
        ("crm/Accounts", {"select": "ID"}, "filter_needed", False, 400, 200),
        ("sync/CRM/Accounts", {"select": "ID"}, "filter_needed", False, 400, 400),
    ],
)
def test_how_strict_the_server_is_can_be_set(
    fresh: Any, path: str, odata: Any, setting: str, value: Any, before: int, after: int
) -> None:
    assert fresh.get(path, **odata).status_code == before
    fresh.handle.set(f"exact.{setting}", value)
    assert fresh.get(path, **odata).status_code == after


def test_expired_tokens_count_as_errors(fresh: Any) -> None:
    fresh.handle.set("exact.error_limit", 3)
    fresh.handle.advance(601)
    for _ in range(3):
        assert fresh.get("hrm/Costcenters", select="Code").status_code == 401
    fresh.login()
    assert fresh.get("hrm/Costcenters", select="Code").status_code == 429
    assert fresh.get("hrm/Costunits", select="Code").status_code == 200
    fresh.http.headers["Authorization"] = "Bearer nobody's"
    for _ in range(4):
        assert fresh.get("hrm/Costunits", select="Code").status_code == 401
    fresh.login()
    assert fresh.get("hrm/Costunits", select="Code").status_code == 200


def test_a_company_can_refuse_to_change_entries(fresh: Any) -> None:
    key = fresh.create(ENTRIES, entry())["EntryID"]
    fresh.handle.set("exact.refused_methods", {ENTRIES: ["PUT"]})
    assert fresh.put(ENTRIES, key, {"YourRef": "x"}).status_code == 403
    assert fresh.delete(ENTRIES, key).status_code == 204


def test_lines_within_a_changed_header_are_refused(exact: Any) -> None:
    key = exact.create(ENTRIES, entry())["EntryID"]
    lines = entry()["SalesEntryLines"]
    assert exact.put(ENTRIES, key, {"YourRef": "x", "SalesEntryLines": lines}).status_code == 400
    shown = exact.get(f"{ENTRIES}(guid'{key}')").json()["d"]
    assert (shown["YourRef"], shown["AmountFC"]) == ("000000201", 121)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nl", "Verplicht: Dagboek"),
        ("en", "Mandatory: Journal"),
        ("fr", "Obligatoire: Journal"),
        ("de", "Erforderlich: Journal"),
        ("es", "Obligatorio: Diario"),
    ],
)
def test_messages_follow_the_language_of_the_user(exact: Any, language: str, text: str) -> None:
    body = entry()
    del body["Journal"]
    exact.handle.set("exact.language", language)
    refused = exact.refused(ENTRIES, body)
    me = exact.http.get(f"{exact.handle.url}/api/v1/current/Me?$select=LanguageCode", timeout=30)
    exact.handle.set("exact.language", "nl")
    assert refused == text
    assert me.json()["d"]["results"][0]["LanguageCode"].lower().startswith(language)


def test_every_word_is_there_in_every_language() -> None:
    for words in (*VERBS.values(), *LABELS.values()):
        assert len(words) == len(LANGUAGES)
        assert all(words)


def test_a_value_without_meaning_is_refused(fresh: Any) -> None:
    with pytest.raises(WrongSettingError, match=r"exact.language is one of: nl, en, fr, de, es"):
        fresh.handle.set("exact.language", "it")


@pytest.mark.parametrize(
    ("language", "start"),
    [("nl", "Deze boeking"), ("en", "This entry is not balanced on: 2021 / 12 (Type: Other)")],
)
def test_an_imbalance_as_rest_tells_it(exact: Any, language: str, start: str) -> None:
    lines = [{"GLAccount": gl_id("1240"), "AmountFC": 1000, "Date": "2026-03-10"}]
    body = {"JournalCode": "90", "GeneralJournalEntryLines": lines}
    exact.handle.set("exact.language", language)
    text = exact.refused(JOURNAL_ENTRIES, body)
    exact.handle.set("exact.language", "nl")
    assert text.startswith(start.replace("2021 / 12", "2026 / 3"))
    assert text.endswith(": EUR 1.000,00")


def test_master_data_closes_and_blocks_while_one_works(
    fresh: Any, error_text: Callable[[requests.Response], str]
) -> None:
    keeper = fresh.handle.bookkeeper()
    keeper.close_period(2026, 3, journal="70")
    assert fresh.refused(ENTRIES, entry()) == "Periode is afgesloten: 2026-03"
    assert fresh.create(ENTRIES, entry(Journal="72"))["Journal"] == "72"
    keeper.open_period(2026, 3)
    for kind, code, text in (
        ("account", "10", "Geblokkeerd: Klant"),
        ("gl-account", "8000", "Geblokkeerd: Grootboekrekening - 8000"),
        ("vat-code", "21", "Geblokkeerd: Btw-code"),
        ("journal", "70", "Geblokkeerd: Dagboek"),
        ("cost-center", "WEB", "Ongeldig: Kostenplaats"),
        ("cost-unit", "OFFICE", "Ongeldig: Kostendrager"),
    ):
        now = f"{fresh.handle.now():%Y-%m-%d}"
        body = entry(EntryDate=now)
        body["SalesEntryLines"][0] |= {"CostCenter": "WEB", "CostUnit": "OFFICE"}
        keeper.block(kind, code)
        assert error_text(fresh.post(ENTRIES, body)) == text
        keeper.unblock(kind, code)
        assert fresh.create(ENTRIES, body)["Journal"] == "70"
    keeper.block("item", "TEA-POT")
    assert error_text(fresh.post(ORDERS, order(NetPrice=1))) == "Artikel: Non actief"


def test_the_second_division_has_its_own_periods(fresh: Any) -> None:
    fresh.handle.bookkeeper(division=SECOND_DIVISION).close_period(2026, 3)
    assert fresh.create(ENTRIES, entry())["ReportingPeriod"] == 3

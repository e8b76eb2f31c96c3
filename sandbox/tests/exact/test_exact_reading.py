"""Lists, filters, pages, expanded lines and both formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
import requests

from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRIES = "salesentry/SalesEntries"
ATOM = {"a": "http://www.w3.org/2005/Atom"}
DATA = "{http://schemas.microsoft.com/ado/2007/08/dataservices}"


@pytest.fixture(scope="module", autouse=True)
def entries(exact: Any) -> list[dict[str, Any]]:
    customer = exact.rows("crm/Accounts", select="ID", filter="SearchCode eq 'webshop'")[0]["ID"]
    revenue = exact.rows("financial/GLAccounts", select="ID", filter="Code eq '8000'")[0]["ID"]
    return [
        exact.create(
            ENTRIES,
            {
                "Journal": "70",
                "Customer": customer,
                "EntryDate": f"2026-03-{number % 28 + 1:02}",
                "YourRef": f"R{number:03}",
                "Description": "it's 5% off" if number == 7 else f"Order {number}",
                "SalesEntryLines": [
                    {"GLAccount": revenue, "AmountFC": number + 0.5, "VATCode": "21"},
                    {"GLAccount": revenue, "AmountFC": 1, "VATCode": "0"},
                ],
            },
        )
        for number in range(70)
    ]


def pages(exact: Any, path: str, **options: Any) -> list[list[dict[str, Any]]]:
    """Follow ``__next`` to the end."""
    found = []
    body = exact.get(path, **options).json()["d"]
    while True:
        found.append(body["results"])
        if "__next" not in body:
            return found
        assert body["__next"].startswith(exact.handle.url)
        body = exact.http.get(body["__next"], timeout=30).json()["d"]


def test_me_is_a_list_of_one(exact: Any) -> None:
    url = f"{exact.handle.url}/api/v1/current/Me"
    answer = exact.http.get(url, params={"$select": "CurrentDivision"}, timeout=30)
    row = answer.json()["d"]["results"][0]
    assert row["CurrentDivision"] == DIVISION
    assert set(row) == {"__metadata", "CurrentDivision"}


def test_pages_of_60_with_an_opaque_token(exact: Any) -> None:
    found = pages(exact, ENTRIES, select="EntryID,YourRef")
    assert [len(page) for page in found] == [60, 10]
    assert {row["YourRef"] for page in found for row in page} == {f"R{n:03}" for n in range(70)}
    body = exact.get(ENTRIES, select="EntryID").json()["d"]
    query = parse_qs(urlsplit(body["__next"]).query)
    assert query["$select"] == ["EntryID"]
    bad = exact.http.get(exact.url(ENTRIES) + "?$select=EntryID&$skiptoken=!", timeout=30)
    assert bad.status_code == 400


def test_orderby_pages_and_skip(exact: Any) -> None:
    found = pages(exact, ENTRIES, select="AmountFC", orderby="AmountFC desc")
    amounts = [row["AmountFC"] for page in found for row in page]
    assert amounts == sorted(amounts, reverse=True)
    assert len(amounts) == 70
    two = exact.rows(ENTRIES, select="AmountFC", orderby="AmountFC desc", skip="2", top="3")
    assert [row["AmountFC"] for row in two] == amounts[2:5]
    limited = exact.get(ENTRIES, select="EntryID", top="2").json()["d"]
    assert len(limited["results"]) == 2
    assert "__next" in limited  # $top limits the first answer only


def test_sync_pages_of_1000_by_timestamp(exact: Any) -> None:
    path = "sync/Financial/TransactionLines"
    found = pages(exact, path, select="Timestamp,ID,EntryID", filter="Timestamp gt 1")
    stamps = [int(row["Timestamp"]) for page in found for row in page]
    assert len(stamps) == 70 * 4  # receivable, two lines, VAT
    assert stamps == sorted(set(stamps))
    later = exact.rows(path, select="Timestamp", filter=f"Timestamp gt {stamps[-3]}L")
    assert [int(row["Timestamp"]) for row in later] == stamps[-2:]
    for options in ({"filter": "Timestamp gt 1"}, {"select": "*", "filter": "Timestamp gt 1"},
                    {"select": "ID"}, {"select": "ID", "filter": "EntryNumber eq 1"}):  # fmt: skip
        assert exact.get(path, **options).status_code == 400


def test_a_changed_row_gets_a_new_timestamp_and_a_deleted_one_is_listed(exact: Any) -> None:
    created = exact.create("crm/Accounts", {"Name": "Sync me", "Status": "C"})
    path, key = "sync/CRM/Accounts", created["ID"]
    rows = exact.rows(path, select="Timestamp,ID,Name", filter="Timestamp gt 1")
    before = int(next(row["Timestamp"] for row in rows if row["ID"] == key))
    assert exact.put("crm/Accounts", key, {"Name": "Synced"}).status_code == 204
    rows = exact.rows(path, select="Timestamp,ID,Name", filter=f"Timestamp gt {before}")
    assert [(row["ID"], row["Name"]) for row in rows] == [(key, "Synced")]
    assert exact.delete("crm/Accounts", key).status_code == 204
    deleted = exact.rows(
        "sync/Deleted", select="EntityKey,EntityType", filter="Timestamp gt 1 and EntityType eq 2"
    )
    assert [(row["EntityKey"], row["EntityType"]) for row in deleted] == [(key, 2)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("YourRef eq 'R007'", 1),
        ("Description eq 'it''s 5% off'", 1),
        ("substringof('5% off',Description)", 1),
        ("startswith(YourRef,'R00')", 10),
        ("endswith(YourRef,'9') eq true", None),
        ("endswith(YourRef,'9')", 7),
        ("trim(YourRef) eq 'R001' or YourRef eq 'R002'", 2),
        ("not startswith(YourRef,'R0')", 0),
        ("EntryDate ge datetime'2026-03-28'", 2),
        ("EntryDate lt datetime'2026-03-02T00:00:00' and AmountFC gt 10", 2),
        ("AmountFC gt 10.5 and (Status eq 20 or Status eq 50)", None),
        ("Modified ge datetime'2020-01-01T00:00:00'", 70),
        ("Document eq null", 70),
        ("Document ne null", 0),
        ("Reversal eq true", 0),
        ("EntryNumber eq 26700003", 1),
        ("month(EntryDate) eq 3", 70),
        ("length(YourRef) eq 4 and tolower(YourRef) eq 'r001'", 1),
    ],
)
def test_filters(exact: Any, text: str, count: int | None) -> None:
    rows = [row for page in pages(exact, ENTRIES, select="EntryID", filter=text) for row in page]
    if count is not None:
        assert len(rows) == count
    assert rows or count == 0


def test_filter_by_guid(exact: Any, entries: list[dict[str, Any]]) -> None:
    key = entries[3]["EntryID"]
    rows = exact.rows(ENTRIES, select="YourRef", filter=f"EntryID eq guid'{key.upper()}'")
    assert [row["YourRef"] for row in rows] == ["R003"]
    lines = exact.rows(
        "financialtransaction/TransactionLines",
        select="LineNumber,AmountFC",
        filter=f"EntryID eq guid'{key}'",
    )
    assert sorted(row["LineNumber"] for row in lines) == [0, 1, 2, 9999]


@pytest.mark.parametrize(
    "text",
    [
        "YourRef = 'R007'",
        "Nonsense eq 1",
        "EntryID eq '39279b9d-a252-4f0a-a5d5-f7d3f673c4df'",  # a GUID needs its prefix
        "EntryID eq 39279b9d-a252-4f0a-a5d5-f7d3f673c4df",  # that is version 4
        "EntryDate eq '2026-03-01'",
        "EntryDate ge 2026-03-01",  # so is that
        "contains(YourRef,'R')",
        "YourRef in ('R001','R002')",
        "YourRef eq R007",
        "YourRef eq 'R007' and",
        "YourRef",
        "startswith(EntryNumber,'2')",
        "EntryDate ge datetime'2026-13-01'",
        "EntryID eq guid'123'",
        "SalesEntryLines/any(l: l/AmountFC gt 1)",
    ],
)
def test_filters_that_the_server_cannot_read(exact: Any, text: str) -> None:
    assert exact.get(ENTRIES, select="EntryID", filter=text).status_code == 400


def test_lists_that_need_a_select_or_a_filter(
    exact: Any, error_text: Callable[[requests.Response], str]
) -> None:
    missing = "Please add a $select or a $top=1 statement to the query string."
    assert error_text(exact.get(ENTRIES)) == missing
    assert exact.get(ENTRIES, top="1").status_code == 200
    assert error_text(exact.get("bulk/CRM/Accounts", filter="Code eq '1'")) == missing
    for path in ("crm/Accounts", "logistics/Items", "bulk/CRM/Accounts", "salesorder/SalesOrders"):
        text = error_text(exact.get(path, select=("OrderID" if "Orders" in path else "ID")))
        assert text.startswith("This endpoint has mandatory filtering applied. A GET request")
    text = error_text(exact.get("crm/Accounts", select="ID", filter="Remarks eq 'x'"))
    assert text == "Filtering on these fields is not supported: Remarks"
    assert exact.get(ENTRIES, select="Nonsense").status_code == 400
    assert exact.get(ENTRIES, select="EntryID", orderby="Nonsense").status_code == 400
    assert exact.get(ENTRIES, select="EntryID", search="x").status_code == 400
    assert exact.get(ENTRIES, select="EntryID", top="-1").status_code == 400
    assert exact.get(ENTRIES, select="EntryID", expand="Customer").status_code == 400
    twice = exact.http.get(exact.url(ENTRIES) + "?$top=1&$top=1", timeout=30)
    assert twice.status_code == 400


def test_codes_are_padded(exact: Any) -> None:
    assert exact.rows("crm/Accounts", select="Code", filter="Code eq '20001'") == []
    padded = "20001".rjust(18)
    row = exact.rows("crm/Accounts", select="Code,Country,Language", filter=f"Code eq '{padded}'")
    assert (row[0]["Code"], row[0]["Country"], row[0]["Language"]) == (padded, "NL ", "NL        ")
    assert exact.rows("vat/VATCodes", select="Code", filter="Code eq '9'") == []
    found = exact.rows("vat/VATCodes", select="Code,Percentage", filter="trim(Code) eq '9'")
    assert [(row["Code"], row["Percentage"]) for row in found] == [("9  ", 0.09)]
    gl = exact.rows("financial/GLAccounts", select="Code", filter="Code eq '8000'")
    assert [row["Code"] for row in gl] == ["8000"]  # not padded


def test_values_of_an_entity(exact: Any, entries: list[dict[str, Any]]) -> None:
    key = entries[0]["EntryID"]
    answer = exact.get(f"{ENTRIES}(guid'{key}')")
    entity = answer.json()["d"]
    assert entity["__metadata"]["uri"] == exact.url(f"{ENTRIES}(guid'{key}')")
    assert entity["EntryDate"] == "/Date(1772323200000)/"
    assert entity["SalesEntryLines"] == {
        "__deferred": {"uri": exact.url(f"{ENTRIES}(guid'{key}')/SalesEntryLines")}
    }
    assert entity["AmountFC"] == 1.61  # 0.50 + 21 % = 0.61 (0.105 rounds up), and 1.00
    assert entity["Document"] is None
    lines = exact.rows(
        f"{ENTRIES}(guid'{key}')/SalesEntryLines", select="AmountFC,VATCode,VATPercentage"
    )
    assert [(line["AmountFC"], line["VATCode"]) for line in lines] == [(0.5, "21 "), (1, "0  ")]
    assert lines[0]["VATPercentage"] == 0.21
    gone = exact.get(f"{ENTRIES}(guid'00000000-0000-0000-0000-000000000000')")
    assert gone.status_code == 404
    assert exact.get(f"{ENTRIES}(guid'{key}')", SECOND_DIVISION).status_code == 404


def test_expanded_lines(exact: Any) -> None:
    row = exact.rows(
        ENTRIES,
        select="EntryID,SalesEntryLines/AmountFC,SalesEntryLines/GLAccountCode",
        expand="SalesEntryLines",
        filter="YourRef eq 'R005'",
    )[0]
    lines = row["SalesEntryLines"]["results"]
    assert [line["AmountFC"] for line in lines] == [5.5, 1]
    assert set(lines[0]) == {"__metadata", "AmountFC", "GLAccountCode"}
    assert lines[0]["GLAccountCode"] == "8000"
    unselected = exact.rows(ENTRIES, select="EntryID", expand="SalesEntryLines", top="1")[0]
    assert "SalesEntryLines" not in unselected


def test_counts(exact: Any) -> None:
    url = exact.url(f"{ENTRIES}/$count")
    headers = {"Authorization": exact.http.headers["Authorization"], "Accept": "text/plain"}
    query = {"$filter": "startswith(YourRef,'R00')"}
    answer = requests.get(url, params=query, headers=headers, timeout=30)
    assert (answer.status_code, answer.text) == (200, "10")
    assert answer.headers["Content-Type"].startswith("text/plain")
    headers["Accept"] = "application/json"
    assert requests.get(url, params=query, headers=headers, timeout=30).status_code == 415
    body = exact.get(ENTRIES, select="EntryID", inlinecount="allpages", top="1").json()["d"]
    assert body["__count"] == "70"


def test_without_accept_json_the_answer_is_atom(exact: Any) -> None:
    headers = {"Authorization": exact.http.headers["Authorization"]}
    url = exact.url(ENTRIES)
    query = {"$select": "YourRef,AmountFC,EntryDate,Document", "$filter": "YourRef eq 'R001'"}
    answer = requests.get(url, params=query, headers=headers, timeout=30)
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    feed = ET.fromstring(answer.content)  # noqa: S314 -- our own sandbox's
    properties = feed.find("a:entry/a:content", ATOM)[0]  # type: ignore[index]
    values = {node.tag.removeprefix(DATA): node.text for node in properties}
    assert values == {
        "YourRef": "R001", "AmountFC": "2.82", "EntryDate": "2026-03-02T00:00:00", "Document": None,
    }  # fmt: skip
    refused = requests.get(url, headers=headers, timeout=30)
    assert refused.status_code == 400
    assert "<" in refused.text


def test_bare_lists_on_request(exact: Any) -> None:
    exact.handle.set("exact.bare_lists", value=True)
    body = exact.get(ENTRIES, select="YourRef", filter="YourRef eq 'R001'").json()
    exact.handle.set("exact.bare_lists", value=False)
    assert [row["YourRef"] for row in body["d"]] == ["R001"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("salesentry/Nonsense", 404),
        ("webhooks/WebhookTopics", 404),
        ("SalesEntries", 404),
        ("salesentry/salesentries", 404),
        ("current/Me", 404),
        (f"{ENTRIES}(guid'39279b9d-a252-4f0a-a5d5-f7d3f673c4df')/Nonsense", 404),
    ],
)
def test_unknown_paths(exact: Any, path: str, status: int) -> None:
    assert exact.get(path, select="ID").status_code == status


def test_methods_that_a_resource_lacks_are_forbidden(exact: Any) -> None:
    assert exact.post("logistics/ItemGroups", {"Code": "X"}).status_code == 403
    assert exact.post("sync/CRM/Accounts", {}).status_code == 403
    put = exact.http.put(exact.url("logistics/Units"), json={}, timeout=30)
    assert put.status_code == 403


def test_urls_have_an_end(exact: Any, entries: list[dict[str, Any]]) -> None:
    def fetch(count: int) -> requests.Response:
        text = " or ".join(f"EntryID eq guid'{entry['EntryID']}'" for entry in entries[:count])
        response: requests.Response = exact.get(ENTRIES, select="EntryID,AmountFC", filter=text)
        return response

    forty = fetch(40)
    assert len(forty.json()["d"]["results"]) == 40
    assert fetch(70).status_code == 414


def test_the_store_can_be_read_directly(exact: Any) -> None:
    rows = exact.handle.exact(ENTRIES, filter="YourRef eq 'R004'")
    assert [row["AmountFC"] for row in rows] == [6.45]
    assert [line["AmountFC"] for line in rows[0]["SalesEntryLines"]] == [4.5, 1]
    assert len(exact.handle.exact("crm/Accounts")) > 40


def test_receivables_have_opposite_signs(exact: Any, entries: list[dict[str, Any]]) -> None:
    entry = entries[9]
    text = f"EntryNumber eq {entry['EntryNumber']}"
    listed = exact.rows(
        "read/financial/ReceivablesList", select="HID,Amount,AccountCode,YourRef", filter=text
    )
    assert [row["Amount"] for row in listed] == [entry["AmountFC"]]
    stored = exact.rows(
        "cashflow/Receivables", select="AmountFC,TransactionAmountFC,IsFullyPaid", filter=text
    )
    assert [row["AmountFC"] for row in stored] == [-entry["AmountFC"]]
    assert stored[0]["TransactionAmountFC"] == entry["AmountFC"]


def test_a_receivable_takes_another_payment_reference(
    exact: Any, entries: list[dict[str, Any]]
) -> None:
    text = f"EntryNumber eq {entries[11]['EntryNumber']}"
    path = "cashflow/Receivables"
    key = exact.rows(path, select="ID", filter=text)[0]["ID"]
    assert exact.put(path, key, {"PaymentReference": "RF18"}).status_code == 204
    assert exact.put(path, key, {"AmountFC": 0}).status_code == 400
    after = exact.rows(path, select="PaymentReference,AmountFC", filter=text)[0]
    assert after["PaymentReference"] == "RF18"
    assert after["AmountFC"] == -entries[11]["AmountFC"]


def test_company_master_data(exact: Any) -> None:
    journals = exact.rows("financial/Journals", select="Code,Type,AllowVAT,AllowVariableCurrency")
    by_code = {row["Code"]: row for row in journals}
    assert by_code["70"]["AllowVariableCurrency"] is True
    assert by_code["71"]["AllowVariableCurrency"] is False
    assert by_code["91"]["AllowVAT"] is False
    statuses = exact.rows(
        "read/financial/JournalStatusList",
        select="Journal,Year,Period,Status",
        filter="Journal eq '70' and Year le 2026",
    )
    assert {row["Status"] for row in statuses if row["Year"] == 2025} == {1}
    assert {row["Status"] for row in statuses if row["Year"] == 2026} == {0}
    rates = exact.rows("financial/ExchangeRates", select="Rate,StartDate",
                       filter="SourceCurrency eq 'GBP'", orderby="StartDate")  # fmt: skip
    assert rates[-1]["Rate"] == 1.1642
    euro = exact.get("general/Currencies('EUR')").json()["d"]
    assert euro["AmountPrecision"] == 0.01
    oss = exact.rows("vat/VATCodes", select="Code,Type,OssCountry", filter="OssCountry ne null")
    assert {"D19", "D7 ", "B21"} <= {row["Code"] for row in oss}

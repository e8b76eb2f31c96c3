"""What an accountant reads at the month's end: sums, returns, open items, and the audit file."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import pyxaf

from commerce_sandbox.exact.closing import YEAR_END
from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION, guid
from commerce_sandbox.exceptions import BookkeeperError

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = "salesentry/SalesEntries"
LINES = "financialtransaction/TransactionLines"
BALANCE = "financial/ReportingBalance"
RETURNS = "read/financial/Returns"
AGING = "read/financial/AgingReceivablesList"
AGES = "read/financial/AgingOverview"
OVERVIEW = "read/financial/OutstandingInvoicesOverview"
TIMESTAMP = "read/sync/Sync/SyncTimestamp"


def gl_id(code: str) -> str:
    return guid(DIVISION, "financial/GLAccounts", code)


def book(exact: Any, on: str, *lines: tuple[str, float, str], **more: Any) -> dict[str, Any]:
    body = {
        "Journal": "70",
        "Customer": guid(DIVISION, "crm/Accounts", more.pop("debtor", "10")),
        "EntryDate": on,
        "YourRef": f"R-{on}",
        "SalesEntryLines": [
            {"GLAccount": gl_id(code), "AmountFC": amount, "VATCode": vat, "CostCenter": "WEB"}
            for code, amount, vat in lines or (("8000", 100, "21"),)
        ],
    }
    created: dict[str, Any] = exact.create(ENTRIES, body | more)
    return created


def balance(exact: Any, text: str, **options: Any) -> list[dict[str, Any]]:
    fields = ("GLAccount,GLAccountCode,CostCenterCode,CostUnitCode,Type,Status,Count,Amount,"
              "AmountDebit,AmountCredit,ReportingYear,ReportingPeriod,BalanceType,ID")  # fmt: skip
    rows: list[dict[str, Any]] = exact.rows(BALANCE, select=fields, filter=text, **options)
    return rows


def by_code(rows: list[dict[str, Any]]) -> dict[str, tuple[float, int]]:
    return {row["GLAccountCode"]: (row["Amount"], row["Count"]) for row in rows}


def test_balances_are_the_sums_of_the_lines(fresh: Any) -> None:
    book(fresh, "2026-10-05", ("8000", 100, "21"), ("8010", 50, "9"))
    book(fresh, "2026-10-06", ("8000", 10, "21"))
    book(fresh, "2026-11-05")
    october = "ReportingYear eq 2026 and ReportingPeriod eq 10"
    assert by_code(balance(fresh, october)) == {
        "1300": (187.6, 2), "1500": (-23.1, 2), "1501": (-4.5, 1), "8000": (-110, 2),
        "8010": (-50, 1),
    }  # fmt: skip
    revenue = next(row for row in balance(fresh, october) if row["GLAccountCode"] == "8000")
    assert (revenue["AmountDebit"], revenue["AmountCredit"]) == (0, 110)
    assert (revenue["CostCenterCode"], revenue["BalanceType"]) == ("WEB", "W")
    assert (revenue["Type"], revenue["Status"]) == (20, 20)
    whole_year = balance(fresh, "ReportingYear eq 2026")
    assert round(sum(row["Amount"] for row in whole_year), 2) == 0
    assert balance(fresh, "ReportingYear eq 2027") == []


def test_balances_follow_what_people_do(fresh: Any) -> None:
    keeper = fresh.handle.bookkeeper()
    october = "ReportingYear eq 2026 and ReportingPeriod eq 10"
    book(fresh, "2026-10-05", YourRef="one")
    memo = book(fresh, "2026-10-06", ("8000", -20, "21"), YourRef="two")
    assert memo["Type"] == 21
    rows = [row for row in balance(fresh, october) if row["GLAccountCode"] == "8000"]
    assert sorted((row["Type"], row["Amount"]) for row in rows) == [(20, -100), (21, 20)]
    keeper.edit("one", {1: {"gl_account": "8070"}})
    assert "8070" in by_code(balance(fresh, october))
    keeper.edit("one", {1: {"cost_center": "B2B"}})
    centers = {row["CostCenterCode"] for row in balance(fresh, october)}
    assert centers == {"B2B", "WEB", None}
    keeper.delete("one")
    keeper.edit("two", date="2026-11-01")
    assert balance(fresh, october) == []
    assert by_code(balance(fresh, "ReportingYear eq 2026"))["8000"] == (20, 1)


def test_balances_want_a_year_and_come_in_pages_of_60(fresh: Any) -> None:
    for text in ("", "ReportingPeriod eq 10"):
        options = {"filter": text} if text else {}
        refused = fresh.get(BALANCE, select="ID", **options)
        assert refused.status_code == 400
        assert "mandatory filtering" in refused.text
        assert "ReportingYear" in refused.text
    lines = [{"gl_account": code, "amount": -1.0, "cost_center": center}
             for code in ("8000", "8010", "8015", "8020", "8030", "8040", "8050", "8060")
             for center in ("WEB", "B2B", "UK", "BE", "DE", "INTL", "STORE", None)]  # fmt: skip
    total: dict[str, Any] = {"gl_account": "1990", "amount": float(len(lines))}
    fresh.handle.bookkeeper().type_entry([*lines, total], date="2026-10-05")
    answer = fresh.get(BALANCE, select="ID,Count", filter="ReportingYear eq 2026").json()["d"]
    assert len(answer["results"]) == 60
    rest = fresh.http.get(answer["__next"], timeout=30).json()["d"]
    assert len(rest["results"]) == 5
    keys = {row["ID"] for row in answer["results"] + rest["results"]}
    assert len(keys) == 65


def test_balances_are_in_the_currency_of_the_division(fresh: Any) -> None:
    book(fresh, "2026-10-05", Currency="GBP", Rate=1.5)
    assert by_code(balance(fresh, "ReportingYear eq 2026"))["8000"] == (-150, 1)


def test_each_division_has_its_own_balances(fresh: Any) -> None:
    book(fresh, "2026-10-05")
    other = fresh.get(BALANCE, SECOND_DIVISION, select="ID", filter="ReportingYear eq 2026")
    assert other.json()["d"]["results"] == []
    assert len(balance(fresh, "ReportingYear eq 2026")) == 3


def test_a_return_is_filed_over_what_is_booked(fresh: Any) -> None:
    keeper = fresh.handle.bookkeeper("Bea")
    book(fresh, "2026-10-05", ("8000", 100, "21"), ("8020", 70, "7"))
    book(fresh, "2026-11-05")
    keeper.file_return("vat", 2026, 10)
    keeper.file_return("vat", 2026, 4, frequency="Q", status=10)
    keeper.file_return("ec", 2026, 10)
    fields = "Type,Year,Period,Frequency,Status,Amount,Currency,Created"
    rows = fresh.rows(RETURNS, select=fields, filter="Year eq 2026")
    found = sorted((r["Type"], r["Frequency"], r["Period"], r["Status"], r["Amount"]) for r in rows)
    assert found == [(31, "M", 10, 50, 21), (31, "Q", 4, 10, 42), (32, "M", 10, 50, 70)]
    assert fresh.rows(RETURNS, select="Type", filter="Type eq 32 and Status eq 50")
    with pytest.raises(BookkeeperError, match="has no period 2026-5 \\(Q\\)"):
        keeper.file_return("vat", 2026, 5, frequency="Q")


def test_a_return_may_be_booked(fresh: Any) -> None:
    book(fresh, "2026-10-05")
    fresh.handle.bookkeeper("Bea").file_return("vat", 2026, 10, book=True)
    lines = fresh.rows(
        LINES, select="GLAccountCode,AmountDC,Type,Date,CreatorFullName", filter="Type eq 50"
    )
    assert {(row["GLAccountCode"], row["AmountDC"]) for row in lines} == {
        ("1500", 21), ("1590", -21),
    }  # fmt: skip
    assert {row["CreatorFullName"] for row in lines} == {"Bea"}
    fresh.handle.bookkeeper().file_return("vat", 2026, 10)
    filed = fresh.rows(RETURNS, select="Amount", filter="Type eq 31")
    assert [row["Amount"] for row in filed] == [21, 21]


def test_a_change_after_filing_is_later_than_the_return(fresh: Any) -> None:
    book(fresh, "2026-10-05", YourRef="one")
    fresh.handle.bookkeeper().file_return("vat", 2026, 10)
    fresh.handle.advance(60)
    fresh.handle.bookkeeper("Bea").edit("one", {1: {"vat_code": "9"}})
    filed = fresh.handle.exact(RETURNS)[0]["Created"]
    changed = {row["LineNumber"] for row in fresh.handle.exact(LINES) if row["Modified"] > filed}
    assert changed == {0, 1, 9999}


def test_open_items_age(fresh: Any) -> None:
    today = fresh.handle.now().date()
    for days, amount in ((0, 100), (31, 200), (61, 300), (91, 400)):
        on = (today - timedelta(days=days)).isoformat()
        book(fresh, on, ("8000", amount, "0"))
    book(fresh, today.isoformat(), ("8000", 5, "0"), debtor="20001")
    fields = "AccountCode,TotalAmount,CurrencyCode," + ",".join(
        f"AgeGroup{number}Amount" for number in range(1, 5)
    )
    rows = {row["AccountCode"].strip(): row for row in fresh.rows(AGING, select=fields)}
    collective = rows["10"]
    assert [collective[f"AgeGroup{number}Amount"] for number in range(1, 5)] == [100, 200, 300, 400]
    assert (collective["TotalAmount"], collective["CurrencyCode"]) == (1000, "EUR")
    assert rows["20001"]["TotalAmount"] == 5
    together = fresh.rows(AGES, select="AgeGroup,AmountReceivable,AmountPayable")
    assert [row["AmountReceivable"] for row in together] == [105, 200, 300, 400]
    assert {row["AmountPayable"] for row in together} == {0}
    fresh.handle.advance(31 * 86400)
    fresh.login()
    later = {row["AccountCode"].strip(): row for row in fresh.rows(AGING, select=fields)}
    assert [later["10"][f"AgeGroup{n}Amount"] for n in range(1, 5)] == [0, 100, 200, 700]


def test_what_is_outstanding_and_what_overdue(fresh: Any) -> None:
    today = fresh.handle.now().date()
    book(fresh, (today - timedelta(days=60)).isoformat(), ("8000", 100, "0"), PaymentCondition="30")
    book(fresh, today.isoformat(), ("8000", 40, "0"), PaymentCondition="30")
    row = fresh.rows(OVERVIEW, select="*")[0]
    shown = {name: row[name] for name in row if name != "__metadata"}
    assert shown == {
        "CurrencyCode": "EUR",
        "OutstandingReceivableInvoiceAmount": 140, "OutstandingReceivableInvoiceCount": 2,
        "OverdueReceivableInvoiceAmount": 100, "OverdueReceivableInvoiceCount": 1,
        "OutstandingPayableInvoiceAmount": 0, "OutstandingPayableInvoiceCount": 0,
        "OverduePayableInvoiceAmount": 0, "OverduePayableInvoiceCount": 0,
    }  # fmt: skip


def test_a_balance_of_zero_may_have_open_pairs(fresh: Any) -> None:
    book(fresh, "2026-10-05", ("8000", 100, "0"))
    fresh.handle.bookkeeper().type_entry(
        [{"gl_account": "1300", "amount": -100}, {"gl_account": "1240", "amount": 100}],
        date="2026-10-06", debtor="10",
    )  # fmt: skip
    items = fresh.rows("read/financial/ReceivablesList", select="Amount,HID")
    assert sorted(row["Amount"] for row in items) == [-100, 100]
    assert fresh.rows(AGING, select="TotalAmount")[0]["TotalAmount"] == 0


def stamp(exact: Any, modified: str, api: str = "TransactionLines") -> Any:
    query = {"modified": f"datetime'{modified}'", "endPoint": f"'{api}'",
             "$select": "API,TimeStampAsBigInt"}  # fmt: skip
    return exact.http.get(exact.url(TIMESTAMP), params=query, timeout=30)


def test_a_moment_becomes_a_row_version(fresh: Any) -> None:
    fresh.handle.set("exact.local_time", value=False)
    first = stamp(fresh, "2026-01-01T00:00:00").json()["d"]["results"][0]
    assert (first["API"], first["TimeStampAsBigInt"]) == ("TransactionLines", "1")
    book(fresh, "2026-10-05")
    fresh.handle.advance(60)
    between = fresh.handle.now().replace(tzinfo=None)
    fresh.handle.advance(60)
    book(fresh, "2026-10-06")
    version = stamp(fresh, between.isoformat()[:19]).json()["d"]["results"][0]["TimeStampAsBigInt"]
    rows = fresh.rows(
        "sync/Financial/TransactionLines", select="YourRef", filter=f"Timestamp gt {version}L"
    )
    assert {row["YourRef"] for row in rows} == {"R-2026-10-06"}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"endPoint": "'TransactionLines'"}, "'modified' is missing"),
        ({"modified": "datetime'2026-01-01'"}, "'endPoint' is missing"),
        ({"modified": "2026-01-01", "endPoint": "'TransactionLines'"}, "not a valid Edm.DateTime"),
        ({"modified": "datetime'2026-01-01'", "endPoint": "'Lines'"}, "'Lines' has no Sync API"),
    ],
)
def test_a_row_version_needs_both(fresh: Any, query: dict[str, str], text: str) -> None:
    answer = fresh.http.get(fresh.url(TIMESTAMP), params=query, timeout=30)
    assert answer.status_code == 400
    assert text in answer.json()["error"]["message"]["value"]


@pytest.mark.parametrize(
    ("now", "hours"), [("2026-07-01T10:00:00+00:00", 2), ("2026-12-01T10:00:00+00:00", 1)]
)
def test_moments_are_dutch_local_time(fresh: Any, now: str, hours: int) -> None:
    moment = datetime.fromisoformat(now)
    fresh.handle.set_clock(moment)
    fresh.login()
    created = book(fresh, f"{moment:%Y-%m-%d}")
    key, local = created["EntryID"], moment + timedelta(hours=hours)

    def shown(text: str) -> datetime:
        return datetime.fromtimestamp(int(text[6:-2]) / 1000, UTC)

    assert local <= shown(created["Created"]) < local + timedelta(seconds=5)
    assert shown(created["EntryDate"]) == moment.replace(hour=0)  # a day is a day
    again = fresh.get(f"{ENTRIES}(guid'{key}')").json()["d"]
    assert again["Created"] == created["Created"]
    for field in ("Created", "Modified"):
        for offset, found in ((-1, 1), (5, 0)):
            at = (local + timedelta(seconds=offset)).replace(tzinfo=None).isoformat()
            text = f"{field} ge datetime'{at}' and EntryID eq guid'{key}'"
            assert len(fresh.rows(ENTRIES, select="EntryID", filter=text)) == found
    before = stamp(fresh, (local - timedelta(seconds=1)).replace(tzinfo=None).isoformat())
    after = stamp(fresh, (local + timedelta(seconds=60)).replace(tzinfo=None).isoformat())
    versions = [
        int(answer.json()["d"]["results"][0]["TimeStampAsBigInt"]) for answer in (before, after)
    ]
    assert versions[0] == 1 < versions[1]
    stored = fresh.handle.exact(ENTRIES, filter=f"EntryID eq guid'{key}'")[0]
    assert stored["Created"].startswith(f"{moment:%Y-%m-%dT%H:%M}")  # the store itself has UTC
    fresh.handle.set("exact.local_time", value=False)
    utc = fresh.get(f"{ENTRIES}(guid'{key}')").json()["d"]["Created"]
    assert shown(created["Created"]) - shown(utc) == timedelta(hours=hours)


def test_a_bulk_endpoint_may_refuse_filters(fresh: Any) -> None:
    bulk = "bulk/Financial/TransactionLines"
    book(fresh, "2026-10-05")
    text = "FinancialYear eq 2026 and FinancialPeriod eq 10"
    rows = fresh.rows(bulk, select="ID,CreatorFullName,Modified", filter=text)
    assert len(rows) == 3
    fresh.handle.set("exact.refused_filters", {bulk: ["FinancialPeriod"]})
    refused = fresh.get(bulk, select="ID", filter=text)
    assert refused.status_code == 400
    assert "not supported: FinancialPeriod" in refused.text
    assert len(fresh.rows(bulk, select="ID", filter="FinancialYear eq 2026")) == 3
    assert len(fresh.rows(LINES, select="ID", filter=text)) == 3


def closed_year(fresh: Any) -> None:
    book(fresh, "2026-10-05", ("8000", 100, "21"), ("8200", -10, "21"))
    keeper = fresh.handle.bookkeeper()
    keeper.type_entry(
        [{"gl_account": "4700", "amount": 7}, {"gl_account": "1240", "amount": -7}],
        date="2026-12-30",
    )
    keeper.close_year(2026)


def test_a_years_end_has_types_of_its_own(fresh: Any) -> None:
    closed_year(fresh)
    rows = fresh.rows(LINES, select="Type,AmountDC,GLAccountCode,FinancialYear,FinancialPeriod,"
                      "EntryID,Status", filter="Type ge 310")  # fmt: skip
    assert {row["Type"] for row in rows} == {322, 323, 325, 326, 327, 328} < YEAR_END
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["EntryID"]] += round(row["AmountDC"] * 100)
    assert set(sums.values()) == {0}
    assert {row["FinancialYear"] for row in rows if row["Type"] == 328} == {2027}
    year: Counter[str] = Counter()
    for row in balance(fresh, "ReportingYear eq 2026"):
        year[row["GLAccountCode"]] += round(row["Amount"] * 100)
    assert set(year.values()) == {0}  # all is closed
    own = [row for row in balance(fresh, "ReportingYear eq 2026") if row["Type"] not in YEAR_END]
    result = {row["GLAccountCode"]: row["Amount"] for row in own if row["BalanceType"] == "W"}
    assert result == {"8000": -100, "8200": 10, "4700": 7}
    opening = {
        row["GLAccountCode"]: row["Amount"] for row in balance(fresh, "ReportingYear eq 2027")
    }
    assert opening == {"0500": -83, "1240": -7, "1300": 108.9, "1500": -18.9}


def test_entries_of_exacts_own_types(fresh: Any) -> None:
    keeper = fresh.handle.bookkeeper()
    lines = [{"gl_account": "4995", "amount": 1}, {"gl_account": "1990", "amount": -1}]
    key = keeper.type_entry(lines, date="2026-10-05", entry_type=82)
    keeper.edit(key, date="2026-10-06")
    assert {row["Type"] for row in fresh.handle.exact(LINES)} == {82}


def exported(fresh: Any, path: Path, **scope: Any) -> Any:
    fresh.handle.bookkeeper().export_xaf(path, 2026, **scope)
    report = pyxaf.validate(str(path))
    assert report.ok, str(report)
    return pyxaf.open(str(path))


def test_the_audit_file_holds_every_line(fresh: Any, tmp_path: Path) -> None:
    book(fresh, "2026-09-05", ("8000", 100, "21"))
    sale = book(fresh, "2026-10-05", ("8000", 100, "21"), ("8010", 50, "9"), YourRef="R & D <1>")
    pounds = book(fresh, "2026-10-06", Currency="GBP", Rate=1.5)
    fresh.handle.bookkeeper("Bea").type_entry(
        [{"gl_account": "8000", "amount": -5}, {"gl_account": "1700", "amount": 5}],
        date="2026-10-07", description="by\x01hand",
    )  # fmt: skip
    with exported(fresh, tmp_path / "october.xaf", first=10, last=10) as audit:
        assert audit.version == "3.2"
        assert audit.header.start_date == date(2026, 10, 1)
        assert audit.header.end_date == date(2026, 10, 31)
        entries = {entry.number: entry for entry in audit.transactions()}
        opening = dict(audit.opening_balance().by_account())
    assert opening == {"0500": Decimal(-100), "1300": Decimal(121), "1500": Decimal(-21)}
    assert len(entries) == 3
    assert all(entry.balanced for entry in entries.values())
    lines = entries[str(sale["EntryNumber"])].lines
    signed = sorted(
        (line.account_id, line.amount if line.side == "D" else -line.amount) for line in lines
    )
    assert signed == [
        ("1300", Decimal("175.50")), ("1500", Decimal(-21)), ("1501", Decimal("-4.50")),
        ("8000", Decimal(-100)), ("8010", Decimal(-50)),
    ]  # fmt: skip
    text = (tmp_path / "october.xaf").read_text(encoding="utf-8")
    assert "<invRef>R &amp; D &lt;1&gt;</invRef>" in text
    assert "<userID>Bea</userID>" in text
    assert "by?hand" in text
    assert "<costID>WEB</costID>" in text
    in_pounds = entries[str(pounds["EntryNumber"])].lines
    assert {line.amount for line in in_pounds} == {
        Decimal("181.50"), Decimal(150), Decimal("31.50")
    }  # fmt: skip
    assert "<curCode>GBP</curCode><curAmnt>121.00</curAmnt>" in text
    vat = "<vatID>9</vatID><vatPerc>9.00</vatPerc><vatAmnt>4.50</vatAmnt><vatAmntTp>C</vatAmntTp>"
    assert vat in text


def test_the_audit_file_of_a_closed_year_has_no_closing_entries(fresh: Any, tmp_path: Path) -> None:
    closed_year(fresh)
    with exported(fresh, tmp_path / "2026.xaf") as audit:
        assert len(list(audit.transactions())) == 2
        assert dict(audit.opening_balance().by_account()) == {}


def test_an_empty_audit_file(fresh: Any, tmp_path: Path) -> None:
    with exported(fresh, tmp_path / "none.xaf") as audit:
        assert list(audit.transactions()) == []

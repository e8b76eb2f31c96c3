"""What comes out: values to the digit, days and moments, what changed, what was deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from commerce_sandbox.exact import moving, store
from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION
from commerce_sandbox.testing import select_streams
from exact_online import changes, local_time
from tap_exact_online.tap import TapExactOnline

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Desk, Run

    from commerce_sandbox.testing import SandboxHandle

TEN_MINUTES = 600
LINES = "sync/Financial/TransactionLines"
DAY = 86_400


def asked(sandbox: SandboxHandle, resource: str) -> list[dict[str, str]]:
    """The query options of the calls to a list."""
    calls = sandbox.requests(system="exact", method="GET")
    return [
        {name: values[0] for name, values in parse_qs(urlsplit(call["path"]).query).items()}
        if "?" in call["path"]
        else {name: values[0] for name, values in parse_qs(call.get("query") or "").items()}
        for call in calls
        if urlsplit(call["path"]).path.endswith(resource)
    ]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def entry_of(run: Run, stream: str, division: int = DIVISION) -> dict[str, Any]:
    """A stream's entry in STATE."""
    parts = run.state["bookmarks"][stream]["partitions"]
    (found,) = [one for one in parts if one["context"] == {"Division": division}]
    result: dict[str, Any] = found
    return result


def test_amounts_and_rates_keep_their_digits(
    shared: SandboxHandle, read: Callable[..., Run]
) -> None:
    run = read(shared.exact_config(), "sales_entries", "transaction_lines")
    by_reference = {one["YourRef"]: one for one in run.records("sales_entries")}
    assert by_reference["000000201"]["AmountFC"] == Decimal("121.12")
    assert by_reference["000000203"]["Rate"] == Decimal("0.8765432")
    assert any('"Rate":0.8765432,' in line for line in run.lines)
    assert sum(one["AmountDC"] for one in run.rows("transaction_lines")) == 0


def test_days_stay_days_and_moments_become_utc(
    shared: SandboxHandle, read: Callable[..., Run]
) -> None:
    run = read(shared.exact_config(), "transaction_lines", "deleted")
    stored = {row["ID"]: row for row in shared.exact(LINES, filter="Timestamp gt 1L")}
    for record in run.rows("transaction_lines"):
        assert record["Date"] == stored[record["ID"]]["Date"][:10]
        assert moment(record["Modified"]) == moment(f"{stored[record['ID']]['Modified']}Z")
    gone = shared.exact(changes.DELETED, filter="Timestamp gt 1L")
    assert {one["EntityKey"]: moment(one["DeletedDate"]) for one in run.records("deleted")} == {
        row["EntityKey"]: moment(f"{row['DeletedDate']}Z") for row in gone
    }


def test_only_what_the_catalog_selects_is_asked_for(
    shared: SandboxHandle, read: Callable[..., Run]
) -> None:
    catalog = select_streams(
        TapExactOnline(config={"division": 1}).catalog_json_text, "transaction_lines"
    )
    (stream,) = [one for one in catalog["streams"] if one["stream"] == "transaction_lines"]
    for part in stream["metadata"]:
        if part["breadcrumb"]:
            part["metadata"]["selected"] = part["breadcrumb"][-1] in {"AmountDC", "Date"}
    run = read(shared.exact_config(), select=catalog)
    assert {frozenset(one) for one in run.records("transaction_lines")} == {
        frozenset({"Division", "ID", "Timestamp", "AmountDC", "Date"})
    }
    (query,) = asked(shared, LINES)
    assert set(query["$select"].split(",")) == {"ID", "Timestamp", "AmountDC", "Date"}
    assert asked(shared, changes.DELETED) == []  # nobody wants deletions in it


def test_the_next_run_reads_what_changed_and_what_was_deleted(
    company: SandboxHandle,
    read: Callable[..., Run],
    fill_books: Callable[[SandboxHandle], Desk],
) -> None:
    desk = fill_books(company)
    first = read(company.exact_config(), "transaction_lines", "gl_accounts", "payment_terms")
    stays, goes = desk.entry(YourRef="new"), first.rows("transaction_lines")[0]
    desk.delete("salesentry/SalesEntries", goes["EntryID"])
    company.bookkeeper().block("gl-account", "8010")
    company.clear_requests()
    company.advance(TEN_MINUTES)
    second = read(
        company.exact_config(), "transaction_lines", "gl_accounts", "payment_terms",
        state=first.state,
    )  # fmt: skip

    assert {one["EntryID"] for one in second.rows("transaction_lines")} == {stays["EntryID"]}
    assert [one["Code"] for one in second.rows("gl_accounts")] == ["8010"]
    deleted = [one for one in second.records("transaction_lines") if one.get("_sdc_deleted_at")]
    assert {one["ID"] for one in deleted} == {
        one["ID"] for one in first.rows("transaction_lines") if one["EntryID"] == goes["EntryID"]
    }
    stored = company.exact(changes.DELETED, filter="Timestamp gt 1L")
    moments = {moment(f"{one['DeletedDate']}Z") for one in stored}  # Exact drops last zeros
    assert {moment(one["_sdc_deleted_at"]) for one in deleted} <= moments
    assert len(asked(company, changes.DELETED)) == 1  # of three streams

    company.advance(TEN_MINUTES)
    third = read(
        company.exact_config(), "transaction_lines", "gl_accounts", "payment_terms",
        state=second.state,
    )  # fmt: skip
    names = ("transaction_lines", "gl_accounts", "payment_terms")
    assert [third.records(name) for name in names] == [[], [], []]


def test_a_first_run_tells_only_deletions_of_rows_that_it_may_have_read(
    company: SandboxHandle, read: Callable[..., Run], desk_of: type[Desk]
) -> None:
    desk = desk_of(company)
    old, new = desk.entry(YourRef="old"), desk.entry(YourRef="new")
    desk.delete("salesentry/SalesEntries", old["EntryID"])
    company.advance(3 * DAY)
    desk.delete("salesentry/SalesEntries", new["EntryID"])
    company.advance(TEN_MINUTES)
    run = read(company.exact_config(), "transaction_lines", "deleted")
    of_lines = [one for one in run.records("deleted") if one["EntityType"] == 1]
    assert len(of_lines) == 2 * len(run.records("transaction_lines"))
    newest = {one["EntityKey"] for one in of_lines[len(of_lines) // 2 :]}
    assert {one["ID"] for one in run.records("transaction_lines")} == newest


def test_deletions_of_more_than_a_page_are_asked_for_by_each_stream(
    company: SandboxHandle, read: Callable[..., Run]
) -> None:
    first = read(company.exact_config(), "gl_accounts", "items")
    keys = [f"00000000-0000-0000-0000-{number:012}" for number in range(1_500)]
    at = company.now().isoformat()[:19]
    by = {"DeletedBy": keys[0], "DeletedDate": at}
    with company.database.transaction() as connection:
        store.note_deleted(connection, "financial/GLAccounts", DIVISION, keys, by)
        store.note_deleted(connection, "logistics/Items", DIVISION, keys[:3], by)
    company.advance(TEN_MINUTES)
    second = read(company.exact_config(), "gl_accounts", "items", state=first.state)
    assert [one["ID"] for one in second.records("gl_accounts")] == keys
    assert [one["ID"] for one in second.records("items")] == keys[:3]
    third = read(company.exact_config(), "gl_accounts", "items", state=second.state)
    assert third.records("gl_accounts") == third.records("items") == []


@pytest.mark.parametrize(
    ("idle_days", "is_moved", "why"),
    [(57, False, None), (63, False, "63 days ago"), (1, True, "was moved")],
)
def test_everything_is_read_again_when_changes_cannot_be_trusted(
    company: SandboxHandle,
    read: Callable[..., Run],
    caplog: pytest.LogCaptureFixture,
    idle_days: int,
    is_moved: bool,  # noqa: FBT001  # a case
    why: str | None,
) -> None:
    company.advance(-idle_days * DAY)
    first = read(company.exact_config(), "gl_accounts")
    company.advance(idle_days * DAY)
    if is_moved:
        moving.move(company.context)
    company.bookkeeper().block("gl-account", "8010")
    second = read(company.exact_config(), "gl_accounts", state=first.state)
    third = read(company.exact_config(), "gl_accounts", state=second.state)

    assert second.error is third.error is None
    codes = {one["Code"] for one in second.rows("gl_accounts")}
    if why is None:
        assert codes == {"8010"}
    else:
        assert codes == {one["Code"] for one in first.rows("gl_accounts")}
        assert why in caplog.text
    assert third.rows("gl_accounts") == []


def test_each_company_has_rows_and_bookmarks_of_its_own(
    shared: SandboxHandle, read: Callable[..., Run]
) -> None:
    config = shared.exact_config() | {"divisions": [SECOND_DIVISION, DIVISION]}
    first = read(config, "gl_accounts", "journals", "divisions")
    for stream, count in (("gl_accounts", 60), ("journals", 9)):
        found = [one["Division"] for one in first.rows(stream)]
        assert found.count(DIVISION) == found.count(SECOND_DIVISION) == count
    assert len(first.records("divisions")) == 3
    assert entry_of(first, "gl_accounts") != entry_of(first, "gl_accounts", SECOND_DIVISION)
    shared.advance(TEN_MINUTES)
    second = read(
        shared.exact_config() | {"division": SECOND_DIVISION}, "gl_accounts", state=first.state
    )
    assert second.records("gl_accounts") == []
    assert entry_of(second, "gl_accounts") == entry_of(first, "gl_accounts")


@pytest.mark.parametrize(
    "now", ["2026-10-25T00:30", "2026-10-25T01:30", "2026-03-29T01:30", "2026-07-01T22:30"]
)
def test_entries_are_read_by_change_time_over_an_overlap(
    company: SandboxHandle, read: Callable[..., Run], desk_of: type[Desk], now: str
) -> None:
    company.set_clock(moment(now).replace(tzinfo=UTC))
    desk = desk_of(company)
    old = desk.entry(YourRef="old", EntryDate="2026-03-02")
    company.advance(3 * DAY)
    first = read(company.exact_config(), "sales_entries")
    assert [one["EntryID"] for one in first.records("sales_entries")] == [old["EntryID"]]
    company.advance(-25 * 3_600)  # committed late, or by a server whose clock is behind
    late = desk.entry(YourRef="late", EntryDate="2026-03-02")
    company.advance(25 * 3_600 + TEN_MINUTES)
    second = read(company.exact_config(), "sales_entries", state=first.state)
    assert [one["EntryID"] for one in second.records("sales_entries")] == [late["EntryID"]]
    (modified,) = [one["Modified"] for one in second.records("sales_entries")]
    assert abs(datetime.fromisoformat(modified) - company.now()).total_seconds() < 26 * 3_600 + 900


def test_a_long_history_of_entries_is_read_in_spans_and_each_entry_once(
    company: SandboxHandle, read: Callable[..., Run]
) -> None:
    rows: list[dict[str, Any]] = []
    days = [number * 37 % 900 for number in range(700)]
    with company.database.transaction() as connection:
        for number, day in enumerate(sorted(days)):
            at = datetime.fromtimestamp(company.now().timestamp() - (900 - day) * DAY, UTC)
            row = {"EntryID": f"00000000-0000-0000-0000-{number:012}", "Journal": "70"}
            text = at.replace(tzinfo=None).isoformat(timespec="seconds")
            store.insert(connection, "salesentry/SalesEntries", DIVISION, [row], text)
            rows.append(row)
    company.clear_requests()
    run = read(company.exact_config(), "sales_entries")
    found = [one["EntryID"] for one in run.records("sales_entries")]
    assert sorted(found) == [row["EntryID"] for row in rows]
    assert len(asked(company, "salesentry/SalesEntries")) <= 24  # 12 full pages
    values = [state["bookmarks"]["sales_entries"]["partitions"][0]["replication_key_value"]
              for state in run.states]  # fmt: skip
    assert values == sorted(values)
    assert len(values) >= 4


def test_a_snapshot_says_when_it_was_taken(shared: SandboxHandle, read: Callable[..., Run]) -> None:
    first = read(shared.exact_config(), "receivables_list", "aging_receivables", "returns")
    shared.advance(TEN_MINUTES)
    second = read(shared.exact_config(), "receivables_list", state=first.state)
    moments = {one["as_of"] for one in first.messages_of("receivables_list", "returns")}
    assert len(moments) == 1
    assert entry_of(first, "receivables_list")["as_of"] in moments
    again = {one["as_of"] for one in second.records("receivables_list")}
    assert again.isdisjoint(moments)
    assert sum(one["Amount"] for one in first.records("receivables_list")) == Decimal("109.26")


def test_balances_are_of_the_years_that_are_asked_for(
    shared: SandboxHandle, read: Callable[..., Run]
) -> None:
    run = read(shared.exact_config(), "reporting_balance")
    assert {one["ReportingYear"] for one in run.records("reporting_balance")} == {2026}
    years = [query["$filter"] for query in asked(shared, "financial/ReportingBalance")]
    assert years == ["ReportingYear eq 2025", "ReportingYear eq 2026"]
    shared.advance(TEN_MINUTES)
    none = read(shared.exact_config() | {"years": [2024]}, "reporting_balance")
    assert none.records("reporting_balance") == []


def test_a_whole_reading_that_the_catalog_wants_leaves_the_bookmark_alone(
    shared: SandboxHandle, read: Callable[..., Run], catalog: Callable[..., dict[str, Any]]
) -> None:
    first = read(shared.exact_config(), "gl_accounts")
    select = catalog("gl_accounts")
    (stream,) = [one for one in select["streams"] if one["stream"] == "gl_accounts"]
    stream["replication_method"] = "FULL_TABLE"
    shared.advance(TEN_MINUTES)
    second = read(shared.exact_config(), select=select, state=first.state)
    assert len(second.rows("gl_accounts")) == 60
    assert entry_of(second, "gl_accounts") == entry_of(first, "gl_accounts")


def test_the_filter_of_change_times_is_dutch_local_time(
    shared: SandboxHandle, read: Callable[..., Run]
) -> None:
    first = read(shared.exact_config(), "exchange_rates")
    at = datetime.fromisoformat(entry_of(first, "exchange_rates")["replication_key_value"])
    shared.advance(TEN_MINUTES)
    shared.clear_requests()
    read(shared.exact_config(), "exchange_rates", state=first.state)
    (query,) = asked(shared, "financial/ExchangeRates")
    back = datetime.fromtimestamp(at.timestamp() - 26 * 3_600, UTC)
    assert query["$filter"] == f"Modified ge {local_time.literal(back)}"

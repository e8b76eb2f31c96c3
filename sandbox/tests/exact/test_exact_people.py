"""People who work in Exact: what they edit, delete and type, and what the books say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox.exact.credentials import DIVISION, SECOND_USER, USER, guid
from commerce_sandbox.exceptions import BookkeeperError

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRIES = "salesentry/SalesEntries"
LINES = "financialtransaction/TransactionLines"
JOURNAL_ENTRIES = "generaljournalentry/GeneralJournalEntries"
BOOKKEEPER = "Bea Boekhouder"


def gl_id(code: str) -> str:
    return guid(DIVISION, "financial/GLAccounts", code)


def book(exact: Any, reference: str, **more: Any) -> str:
    """Book an invoice of two lines over the API and return its key."""
    lines = [
        {"GLAccount": gl_id("8000"), "AmountFC": 100, "VATCode": "21", "CostCenter": "WEB"},
        {"GLAccount": gl_id("8010"), "AmountFC": 50, "VATCode": "9"},
    ]
    body = {
        "Journal": "70",
        "Customer": guid(DIVISION, "crm/Accounts", "10"),
        "EntryDate": "2026-10-31",
        "YourRef": reference,
        "SalesEntryLines": lines,
    }
    key: str = exact.create(ENTRIES, body | more)["EntryID"]
    return key


def booked(exact: Any, key: str) -> dict[tuple[int, str | None], dict[str, Any]]:
    """Return the transaction lines of an entry by line number and VAT code."""
    rows = exact.handle.exact(LINES, filter=f"EntryID eq guid'{key}'")
    return {(row["LineNumber"], row.get("VATCode")): row for row in rows}


def deleted(exact: Any, since: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = exact.rows(
        "sync/Deleted",
        select="EntityKey,EntityType,DeletedBy,DeletedDate",
        filter=f"Timestamp gt {since}L and EntityType eq 1",
    )
    return rows


def newest(exact: Any) -> int:
    connection = exact.handle.database.connection()
    value: int = connection.execute(
        "SELECT value FROM exact_counters WHERE name = 'version'"
    ).fetchone()[0]
    return value


def test_lines_name_who_made_and_changed_them(fresh: Any) -> None:
    key = book(fresh, "one")
    fresh.handle.advance(60)
    fresh.handle.bookkeeper(BOOKKEEPER).edit("one", {1: {"gl_account": "8070"}})
    fields = "LineNumber,GLAccountCode,CreatorFullName,ModifierFullName,Creator,Created,Modified"
    rows = fresh.rows(LINES, select=fields, filter=f"EntryID eq guid'{key}'", orderby="LineNumber")
    makers = [(row["CreatorFullName"], row["ModifierFullName"]) for row in rows]
    api = (USER.name, USER.name)
    assert makers == [api, (USER.name, BOOKKEEPER), api, api, api]
    assert {row["Creator"] for row in rows} == {USER.user_id}
    assert [row["Created"] == row["Modified"] for row in rows] == [True, False, True, True, True]
    assert len({row["Created"] for row in rows}) == 1
    mine = fresh.rows(LINES, select="LineNumber", filter=f"EntryID eq guid'{key}'", top="1")
    assert len(mine) == 1


def test_a_person_may_be_a_known_user(fresh: Any) -> None:
    key = fresh.handle.bookkeeper(SECOND_USER.name).type_entry(like=book(fresh, "one"))
    row = fresh.rows(ENTRIES, select="Creator,Modifier", filter=f"EntryID eq guid'{key}'")[0]
    assert row["Creator"] == row["Modifier"] == SECOND_USER.user_id
    assert fresh.put(ENTRIES, key, {"YourRef": "changed"}).status_code == 204
    row = fresh.rows(ENTRIES, select="Creator,Modifier", filter=f"EntryID eq guid'{key}'")[0]
    assert (row["Creator"], row["Modifier"]) == (SECOND_USER.user_id, USER.user_id)


@pytest.mark.parametrize(
    ("lines", "header", "expected"),
    [
        ({1: {"gl_account": "8070"}}, {}, {(1, "21 "): ("GLAccountCode", "8070")}),
        ({1: {"cost_center": "B2B"}}, {}, {(1, "21 "): ("CostCenter", "B2B")}),
        ({1: {"cost_center": None}}, {}, {(1, "21 "): ("CostCenter", None)}),
        ({2: {"cost_unit": "OFFICE"}}, {}, {(2, "9  "): ("CostUnit", "OFFICE")}),
        ({1: {"description": "x"}}, {}, {(1, "21 "): ("Description", "x")}),
    ],
)
def test_what_changes_on_one_line_changes_that_line_only(
    fresh: Any, lines: Any, header: Any, expected: Any
) -> None:
    key = book(fresh, "one")
    before, version = booked(fresh, key), newest(fresh)
    fresh.handle.bookkeeper(BOOKKEEPER).edit("one", lines, **header)
    after = booked(fresh, key)
    assert {label: row["ID"] for label, row in after.items()} == {
        label: row["ID"] for label, row in before.items()
    }
    changed = {label for label, row in after.items() if row != before[label]}
    assert changed == set(expected)
    for label, (name, value) in expected.items():
        assert after[label].get(name) == value
        assert after[label]["AmountFC"] == before[label]["AmountFC"]
    text = f"Timestamp gt {version}L"
    synced = fresh.rows("sync/Financial/TransactionLines", select="ID", filter=text)
    assert {row["ID"] for row in synced} == {after[label]["ID"] for label in expected}
    assert deleted(fresh, version) == []


def test_another_amount_changes_vat_and_debtor(fresh: Any) -> None:
    key = book(fresh, "one")
    fresh.handle.bookkeeper(BOOKKEEPER).edit("one", {1: {"amount": 110}})
    amounts = {label: row["AmountFC"] for label, row in booked(fresh, key).items()}
    assert amounts == {
        (0, None): 187.6, (1, "21 "): -110, (2, "9  "): -50, (9999, "21 "): -23.1,
        (9999, "9  "): -4.5,
    }  # fmt: skip
    open_items = fresh.rows("read/financial/ReceivablesList", select="Amount,HID")
    assert [row["Amount"] for row in open_items] == [187.6]
    entry = fresh.get(f"{ENTRIES}(guid'{key}')").json()["d"]
    assert (entry["AmountFC"], entry["ModifierFullName"]) == (187.6, BOOKKEEPER)


def test_another_vat_code_moves_the_vat(fresh: Any) -> None:
    key = book(fresh, "one")
    version = newest(fresh)
    gone = booked(fresh, key)[9999, "9  "]["ID"]
    fresh.handle.bookkeeper(BOOKKEEPER).edit("one", {2: {"vat_code": "21", "vat_amount": 4.5}})
    amounts = {label: row["AmountFC"] for label, row in booked(fresh, key).items()}
    assert amounts == {
        (0, None): 175.5, (1, "21 "): -100, (2, "21 "): -50, (9999, "21 "): -25.5,
    }  # fmt: skip
    notes = deleted(fresh, version)
    assert {note["EntityKey"] for note in notes} == {gone}  # line 2 is the line it was
    assert booked(fresh, key)[2, "21 "]["ModifierFullName"] == BOOKKEEPER
    assert booked(fresh, key)[2, "21 "]["CreatorFullName"] == USER.name
    user = fresh.handle.bookkeeper(BOOKKEEPER).user.user_id
    assert {note["DeletedBy"] for note in notes} == {user}


def test_an_entry_moves_to_another_date_and_period(fresh: Any) -> None:
    key = book(fresh, "one")
    keeper = fresh.handle.bookkeeper(BOOKKEEPER)
    keeper.edit("one", date="2026-11-01")
    rows = booked(fresh, key).values()
    assert {(row["Date"], row["FinancialPeriod"]) for row in rows} == {("2026-11-01T00:00:00", 11)}
    assert {row["ModifierFullName"] for row in rows} == {BOOKKEEPER}
    keeper.edit("one", period=(2026, 9))
    rows = booked(fresh, key).values()
    assert {(row["Date"], row["FinancialPeriod"]) for row in rows} == {("2026-11-01T00:00:00", 9)}


def test_another_debtor_gets_the_open_item(fresh: Any) -> None:
    key = book(fresh, "one")
    fresh.handle.bookkeeper(BOOKKEEPER).edit("one", debtor="20001")
    debtor = guid(DIVISION, "crm/Accounts", "20001")
    assert booked(fresh, key)[0, None]["Account"] == debtor
    open_items = fresh.rows("read/financial/ReceivablesList", select="AccountId,HID")
    assert [row["AccountId"] for row in open_items] == [debtor]


def test_a_deleted_entry_says_by_whom_and_when(fresh: Any) -> None:
    key = book(fresh, "one")
    version, lines = newest(fresh), booked(fresh, key)
    keeper = fresh.handle.bookkeeper(BOOKKEEPER)
    keeper.delete("one")
    assert booked(fresh, key) == {}
    notes = deleted(fresh, version)
    assert {note["EntityKey"] for note in notes} == {row["ID"] for row in lines.values()}
    assert {note["DeletedBy"] for note in notes} == {keeper.user.user_id}
    assert fresh.get(f"{ENTRIES}(guid'{key}')").status_code == 404
    assert fresh.delete(ENTRIES, book(fresh, "two")).status_code == 204
    assert {note["DeletedBy"] for note in deleted(fresh, version)} == {
        keeper.user.user_id, USER.user_id,
    }  # fmt: skip


def test_deletions_are_kept_for_two_months(fresh: Any) -> None:
    fresh.handle.bookkeeper().delete(book(fresh, "one"))
    fresh.handle.advance(58 * 86400)
    fresh.login()
    assert deleted(fresh, 1)
    fresh.handle.advance(5 * 86400)
    fresh.login()
    assert deleted(fresh, 1) == []


def test_an_entry_is_typed_once_more(fresh: Any) -> None:
    key = book(fresh, "one")
    again = fresh.handle.bookkeeper(BOOKKEEPER).type_entry(like="one")
    first, second = (fresh.get(f"{ENTRIES}(guid'{name}')").json()["d"] for name in (key, again))
    for name in ("YourRef", "Journal", "AmountFC", "EntryDate", "Customer"):
        assert first[name] == second[name]
    assert first["EntryNumber"] != second["EntryNumber"]
    assert (first["CreatorFullName"], second["CreatorFullName"]) == (USER.name, BOOKKEEPER)
    with pytest.raises(BookkeeperError, match="2 entries with key, number or reference 'one'"):
        fresh.handle.bookkeeper().delete("one")
    fresh.handle.bookkeeper().delete(str(second["EntryNumber"]))
    assert len(fresh.rows(ENTRIES, select="EntryID", filter="YourRef eq 'one'")) == 1


def test_a_manual_journal(fresh: Any) -> None:
    keeper = fresh.handle.bookkeeper(BOOKKEEPER)
    key = keeper.type_entry(
        [
            {"gl_account": "8000", "amount": -500, "vat_code": "21"},
            {"gl_account": "1300", "amount": 605},
        ],
        date="2026-10-15",
        debtor="20001",
        description="Correction",
    )
    rows = booked(fresh, key)
    assert {label: row["AmountFC"] for label, row in rows.items()} == {
        (1, "21 "): -500, (2, None): 605, (9999, "21 "): -105,
    }  # fmt: skip
    assert {row["CreatorFullName"] for row in rows.values()} == {BOOKKEEPER}
    assert rows[2, None]["Account"] == guid(DIVISION, "crm/Accounts", "20001")
    keeper.edit(key, {1: {"gl_account": "8010"}, 2: {"debtor": "20002"}}, date="2026-11-15")
    rows = booked(fresh, key)
    assert rows[1, "21 "]["GLAccountCode"] == "8010"
    assert {row["FinancialPeriod"] for row in rows.values()} == {11}
    entry = fresh.get(f"{JOURNAL_ENTRIES}(guid'{key}')").json()["d"]
    assert entry["FinancialPeriod"] == 11
    keeper.edit(key, {1: {"amount": -600}, 2: {"amount": 726}})
    assert booked(fresh, key)[9999, "21 "]["AmountFC"] == -126
    with pytest.raises(BookkeeperError, match="niet in evenwicht"):
        keeper.edit(key, {1: {"amount": -1}})
    assert booked(fresh, key)[9999, "21 "]["AmountFC"] == -126
    keeper.delete(key)
    assert booked(fresh, key) == {}


def test_a_sales_entry_typed_by_hand(fresh: Any) -> None:
    key = fresh.handle.bookkeeper(BOOKKEEPER).type_entry(
        [{"gl_account": "8000", "amount": 100, "vat_code": "21"}],
        journal="70", debtor="10", date="2026-10-15", reference="hand",
    )  # fmt: skip
    entry = fresh.get(f"{ENTRIES}(guid'{key}')").json()["d"]
    assert (entry["AmountFC"], entry["YourRef"]) == (121, "hand")


def test_what_the_books_refuse_is_told(fresh: Any) -> None:
    keeper = fresh.handle.bookkeeper()
    key = book(fresh, "one")
    refusals: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: keeper.edit("two"), "no entry with key, number or reference 'two'"),
        (lambda: keeper.edit("one", {3: {"amount": 1}}), "entry one has no line 3, but 1, 2"),
        (lambda: keeper.edit("one", {1: {"colour": 1}}), "no such field here: colour"),
        (lambda: keeper.edit("one", colour=1), "no such field here: colour"),
        (lambda: keeper.edit("one", {1: {"gl_account": "x"}}), "has no gl_account 'x'"),
        (lambda: keeper.edit("one", debtor="x"), "has no debtor 'x'"),
        (lambda: keeper.edit("one", date="tomorrow"), "property EntryDate to type DateTime"),
        (lambda: keeper.edit("one", {1: {"gl_account": "1300"}}), "Ongeldig: Grootboekrekening"),
        (lambda: keeper.type_entry(journal="60"), "no sales or general journal 60"),
        (keeper.type_entry, "Verplicht: GeneralJournalEntryLines"),
    )
    for action, text in refusals:
        with pytest.raises(BookkeeperError, match=text):
            action()
    keeper.close_period(2026, 10)
    later: tuple[Callable[[], object], ...] = (
        lambda: keeper.edit("one", date="2026-11-01"),
        lambda: keeper.delete("one"),
        lambda: keeper.type_entry(like="one"),
    )
    for action in later:
        with pytest.raises(BookkeeperError, match="Periode is afgesloten: 2026-10"):
            action()
    assert len(booked(fresh, key)) == 5


def test_a_change_over_the_api_keeps_the_rows_too(fresh: Any) -> None:
    key = book(fresh, "one")
    before = booked(fresh, key)
    item = fresh.rows("read/financial/ReceivablesList", select="HID")[0]["HID"]
    fresh.handle.advance(60)
    assert fresh.put(ENTRIES, key, {"Description": "changed"}).status_code == 204
    after = booked(fresh, key)
    assert {row["ID"] for row in after.values()} == {row["ID"] for row in before.values()}
    assert {row["Created"] for row in after.values()} == {
        row["Created"] for row in before.values()
    }  # fmt: skip
    assert after[0, None]["Description"] == "changed"
    assert fresh.rows("read/financial/ReceivablesList", select="HID")[0]["HID"] == item
    assert fresh.get(f"{ENTRIES}(guid'{key}')").json()["d"]["Description"] == "changed"
    line = fresh.rows(f"{ENTRIES}(guid'{key}')/SalesEntryLines", select="ID,LineNumber")[0]["ID"]
    version = newest(fresh)
    assert fresh.delete("salesentry/SalesEntryLines", line).status_code == 204
    left = {row["ID"] for row in booked(fresh, key).values()}
    assert len(left) == 3
    gone = {note["EntityKey"] for note in deleted(fresh, version)}
    assert gone == {row["ID"] for row in after.values()} - left

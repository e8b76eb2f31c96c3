"""What may be in Exact is recorded, never inferred: the cases in which inferring booked wrongly."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from commerce_sandbox.exact.credentials import SECOND_DIVISION
from target_exact_online.ledger.database import LEDGER
from target_exact_online.ledger.tables import documents
from target_exact_online.posting import take_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

    SalesEntry = Callable[..., dict[str, Any]]

SALES = "salesentry/SalesEntries"
ENTRIES = f"*/{SALES}"
FIRST, LAST = "shop:invoice:000000001", "000009999"


def references(sandbox: SandboxHandle, **odata: Any) -> Counter[str]:
    """How often each of our references is among the sales entries."""
    rows = sandbox.exact("salesentry/SalesEntries", **odata)
    return Counter(str(row["YourRef"]) for row in rows if str(row["YourRef"]) < LAST)


def once(*numbers: int) -> Counter[str]:
    return Counter(f"{number:09}" for number in numbers)


def shown(target: Any, key: str = FIRST) -> str:
    told: str = target.call("documents", "show", key).stdout
    return told


def test_a_period_that_closes_after_a_lost_answer_doubles_nothing(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.post_here([sales_entry(2)])  # so that periods were read, and seen open
    sandbox.fault(ENTRIES, "drop_after", method="POST")
    sandbox.fault(ENTRIES, "unavailable", method="GET", nth=2, times=0)
    target.write(max_wait_seconds=0)
    target.post_here([sales_entry(1)])
    assert "may_be_in_exact:  True" in shown(target)
    sandbox.clear_faults()
    sandbox.bookkeeper().close_period(2026, 2)

    target.post_here([sales_entry(1, rules_version="2", due_date="2026-03-10")])

    assert references(sandbox) == once(1, 2)
    assert "state:            posted" in shown(target)


@pytest.mark.parametrize("lost", ["late_commit", "drop_after"])
def test_a_call_that_is_carried_out_late_is_waited_for(
    lost: str, target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """Asked before the call can have ended, or before Exact's lists show it, it looks absent."""
    target.write(settle_after_seconds=2, index_lag_seconds=2)
    sandbox.set("exact.index_lag_seconds", 1)
    late = {"seconds": 1.5} if lost == "late_commit" else {}
    sandbox.fault(ENTRIES, lost, method="POST", **late)
    outcome = target.post_here([sales_entry(1)])
    assert outcome.exit_code == 0, outcome.stderr
    time.sleep(2)
    assert references(sandbox) == once(1)
    posts = [one for one in sandbox.requests(method="POST") if "SalesEntries" in one["path"]]
    assert len(posts) == 1, "what Exact may have is not sent again"


@pytest.mark.parametrize("hours", [-1, 1])
def test_no_clock_makes_a_call_look_older_than_it_is(
    hours: int,
    target: Any,
    sandbox: SandboxHandle,
    sales_entry: SalesEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The machine's clock is wrong in one run: Exact's own, or the time that passed, tells."""
    target.write(settle_after_seconds=3, index_lag_seconds=3)
    sandbox.set("exact.index_lag_seconds", 3)
    sandbox.fault(ENTRIES, "drop_after", method="POST")
    wrong, right = timedelta(hours=hours), timedelta(0)
    with monkeypatch.context() as first:
        first.setattr(take_over, "datetime", clock_ahead(min(wrong, right)))
        first.setattr(take_over.Settling, "settle", lambda *_, **__: None)  # it ends before
        target.post_here([sales_entry(1)])
    monkeypatch.setattr(take_over, "datetime", clock_ahead(max(wrong, right)))
    target.post_here([])
    assert references(sandbox) == once(1)


def clock_ahead(by: timedelta) -> type[datetime]:
    """Return a clock that is not right."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + by

    return Clock


def test_exact_is_not_asked_before_the_call_can_have_ended(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.post_here([sales_entry(2)])
    target.write(settle_after_seconds=3)
    sandbox.fault(ENTRIES, "drop_after", method="POST")
    sandbox.clear_requests()
    target.post_here([sales_entry(1)])
    calls = [one for one in sandbox.requests() if one["path"].endswith("SalesEntries")]
    sent = next(one["at"] for one in calls if one["method"] == "POST")
    asked = [one["at"] for one in calls if one["method"] == "GET" and one["at"] > sent]
    assert asked
    assert min(asked) - sent >= 2.9


def test_two_store_views_that_count_alike_are_both_booked_also_after_a_lost_answer(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """The entry with the same reference, amount and journal belongs to the other store view."""
    target.post_here([sales_entry(1, document_key="shop:nl:invoice:000000001")])
    sandbox.fault(ENTRIES, "drop_before", method="POST")
    target.post_here([sales_entry(1, document_key="shop:be:invoice:000000001")])
    target.call()
    assert references(sandbox) == Counter({"000000001": 2})


def test_the_answer_of_another_document_is_not_believed_and_nothing_is_deleted(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.post_here([sales_entry(1)])
    for kind in ("swapped_answer", "other_division"):
        sandbox.fault(ENTRIES, kind, method="POST")
        other = sales_entry(2 if kind == "swapped_answer" else 3)
        other["lines"][0] |= {"amount": 50.00, "vat_amount": 10.50}
        other["totals"] = {"amount": 60.50, "vat_amount": 10.50, "net_amount": 50.00}
        outcome = target.post_here([other])
        assert outcome.exit_code == 0, outcome.stderr
    assert references(sandbox) == once(1, 2, 3)
    assert not sandbox.requests(method="DELETE")
    assert "unanswered" in shown(target, "shop:invoice:000000002")
    assert target.call("audit", "verify").exit_code == 0


@pytest.mark.parametrize("twin", ["answered", "lost"])
def test_the_answer_of_a_twin_is_not_believed_and_the_twin_is_not_deleted(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry, twin: str
) -> None:
    """Reference, division and debtor are ours in it: only the ledger knows whose entry it is."""
    nl, be = (sales_entry(1, document_key=f"shop:{view}:invoice:000000001") for view in "nb")
    be["lines"][0] |= {"amount": 50.00, "vat_amount": 10.50}
    be["totals"] = {"amount": 60.50, "vat_amount": 10.50, "net_amount": 50.00}
    if twin == "lost":
        sandbox.fault(ENTRIES, "drop_after", method="POST")
    sandbox.fault(ENTRIES, "swapped_answer", method="POST", nth=2)
    target.post_here([nl, be])
    target.call()
    assert not sandbox.requests(method="DELETE")
    assert references(sandbox) == Counter({"000000001": 2})
    amounts = {str(row["EntryID"]): row["AmountFC"] for row in sandbox.exact(SALES)}
    held = {key[5]: amounts[exact_id] for key, exact_id in entries_of(target).items()}
    assert held == {"n": 121.00, "b": 60.50}


@pytest.mark.parametrize("kind", ["swapped_answer", "other_division"])
def test_the_answer_to_another_question_proves_nothing(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry, kind: str
) -> None:
    target.post_here([sales_entry(1)])
    sandbox.fault(ENTRIES, "drop_after", method="POST")
    sandbox.fault(ENTRIES, kind, method="GET", nth=2, times=3)
    target.post_here([sales_entry(2)])
    assert target.call().exit_code == 0
    assert references(sandbox) == once(1, 2)
    (entry,) = sandbox.exact("salesentry/SalesEntries", filter="YourRef eq '000000002'")
    assert entry["EntryID"] in shown(target, "shop:invoice:000000002")


def test_a_restored_ledger_is_made_good_also_when_the_first_run_does_not_end(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """One new document later, the ledger's last answer is newer than all that it does not know."""
    target.post_here([sales_entry(1)])
    backup = target.back_up()
    target.post_here([sales_entry(n) for n in range(2, 6)])
    target.restore(backup)
    sandbox.advance(6 * 3600)
    target.post_here([sales_entry(9)])  # a run that got no further than this one
    sandbox.advance(6 * 3600)
    target.post_here([sales_entry(n) for n in range(1, 6)])
    assert references(sandbox) == once(1, 2, 3, 4, 5, 9)


def test_a_link_tells_twins_apart_also_in_a_restored_ledger(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """Two store views' entries that are alike but for the link to their order."""
    target.write(order_link="https://shop.example/order/{order_increment_id}")
    first, second = (
        sales_entry(1, document_key=f"shop:{store}:invoice:000000001") for store in ("nl", "be")
    )
    target.post_here([first])
    (target.folder / "ledger.db").rename(target.folder / "lost.db")
    for path in target.folder.glob("ledger.db-*"):
        path.unlink()
    target.post_here([second])
    outcome = target.post_here([first])
    assert outcome.report["already_there"] == {"sales_entries": 1}
    assert references(sandbox) == Counter({"000000001": 2})


def test_a_link_tells_whose_an_entry_is_whatever_people_made_of_it(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """A credit that is a debit by now would be another document's, but for its link."""
    target.write(order_link="https://shop.example/order/{order_increment_id}")
    credit = sales_entry(1, kind="credit_memo")
    target.post_here([credit])
    (entry,) = (row for row in sandbox.exact(SALES) if row["YourRef"] == "000000001")
    sandbox.bookkeeper().edit(str(entry["EntryID"]), {1: {"amount": 1, "vat_amount": 0}})
    forget(target)
    (parked,) = target.post_here([credit]).report["parked"]
    assert "the amount is 1 instead of -121" in parked["reason"]
    assert references(sandbox) == once(1)


def test_a_link_is_ours_whichever_company_has_the_plain_name(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """Of two documents with one name, the ledger tells the second by its company."""
    target.write(order_link="https://shop.example/order/{order_increment_id}")
    key = "shop:nl:invoice:000000001"
    target.post_here([sales_entry(1, document_key=key)])
    target.write(division=SECOND_DIVISION)
    target.post_here([sales_entry(1, document_key=key)])
    (target.folder / "ledger.db").rename(target.folder / "lost.db")
    for path in target.folder.glob("ledger.db-*"):
        path.unlink()
    outcome = target.post_here([sales_entry(1, document_key=key)])
    assert outcome.report["already_there"] == {"sales_entries": 1}
    assert references(sandbox, division=SECOND_DIVISION) == once(1)


JOURNALS = "generaljournalentry/GeneralJournalEntries"


def payment(number: int, amount: float, **lines: float) -> dict[str, Any]:
    """Money received of the debtor, or booked on GL accounts that are named as `gl_8000`."""
    others = [
        {"gl_account": name.removeprefix("gl_"), "amount": part, "cost_center": "WEB"}
        for name, part in lines.items()
    ]
    rest = -amount - sum(lines.values())
    return {
        "document_key": f"shop:nl:payment:{number:09}",
        "your_ref": f"payment {number:09}",
        "currency": "EUR",
        "journal": "90",
        "entry_date": "2026-02-10",
        "source": {"kind": "payment", "increment_id": f"{number:09}"},
        "lines": [
            {"gl_account": "1240", "amount": amount},
            *others,
            {"gl_account": "1300", "amount": rest, "account": "10"},
        ],
        "totals": {"amount": amount, "vat_amount": 0, "net_amount": 0},
    }


def entries_of(target: Any) -> dict[str, str]:
    """What the ledger says that Exact has, by document."""
    engine = LEDGER.open(target.config["ledger_url"])
    with engine.connect() as connection:
        rows = connection.execute(sa.select(documents.c.document_key, documents.c.exact_id))
        found = {row.document_key: row.exact_id for row in rows}
    engine.dispose()
    return found


@pytest.mark.parametrize("first", ["answered", "lost"])
def test_an_answer_that_may_be_of_another_document_is_not_believed(
    first: str, target: Any, sandbox: SandboxHandle
) -> None:
    """A journal entry's answer has no reference: it may be that of the one before."""
    lost = first == "lost"
    if lost:
        sandbox.fault(f"*/{JOURNALS}", "drop_after", method="POST")
    sandbox.fault(f"*/{JOURNALS}", "swapped_answer", method="POST", nth=2)
    target.post_here([payment(1, 10.0), payment(2, 20.0)], "general_journal_entries")
    target.post_here([], "general_journal_entries")
    texts = {
        str(line["EntryID"]): str(line["Description"])
        for line in sandbox.exact("generaljournalentry/GeneralJournalEntryLines")
        if line.get("Description")
    }
    first_lines = {entry: text[-1] for entry, text in texts.items()}
    said = {exact_id: key[-1] for key, exact_id in entries_of(target).items()}
    assert said == first_lines


def test_answers_that_are_not_believed_are_no_outage(target: Any, sandbox: SandboxHandle) -> None:
    target.write(max_wait_seconds=3)
    sandbox.fault(f"*/{JOURNALS}", "drop_after", method="POST")
    payments = [payment(number, 10.0 * number) for number in range(1, 9)]
    outcome = target.post_here(payments, "general_journal_entries")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.report["retry_at"] is None
    assert len(sandbox.exact(JOURNALS)) == 8


def test_a_journal_entry_is_the_same_only_in_all_of_its_lines(
    target: Any, sandbox: SandboxHandle
) -> None:
    """What a lost ledger had booked as one entry is another one by now, but for its first line."""
    target.post_here([payment(1, 10.0)], "general_journal_entries")
    forget(target)
    outcome = target.post_here([payment(1, 10.0, gl_8000=-4.0)], "general_journal_entries")
    (parked,) = outcome.report["parked"]
    assert "a GL account has -10" in parked["reason"]
    assert len(sandbox.exact(JOURNALS)) == 1


def forget(target: Any) -> None:
    """Lose the ledger."""
    for path in target.folder.glob("ledger.db*"):
        if path.suffix != ".key":
            path.unlink()


def test_what_was_settled_first_does_not_hide_what_a_restored_ledger_lacks(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """The answer that a run gets about an older document is newer than all that is missing."""
    sandbox.fault(ENTRIES, "drop_after", method="POST")
    sandbox.fault(ENTRIES, "unavailable", method="GET", nth=2, times=0)
    target.write(max_wait_seconds=0)
    target.post_here([sales_entry(1)])
    sandbox.clear_faults()
    backup = target.back_up()
    target.post_here([sales_entry(2), sales_entry(3)])
    target.restore(backup)
    for _ in range(2):
        sandbox.advance(4 * 3600)
        target.post_here([])
    target.post_here([sales_entry(2), sales_entry(3)])
    assert references(sandbox) == once(1, 2, 3)


def test_a_ledger_that_had_posted_nothing_yet_is_restored(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """It had asked what Exact has, and that was nothing."""
    body = '{"error":{"code":"","message":{"lang":"","value":"Ongeldig: Bedrag"}}}'
    sandbox.fault(ENTRIES, "error_before", method="POST", body=body)
    target.post_here([sales_entry(9)])
    backup = target.back_up()
    target.post_here([sales_entry(1), sales_entry(2)])
    target.restore(backup)
    sandbox.advance(6 * 3600)
    target.post_here([sales_entry(1), sales_entry(2)])
    assert references(sandbox) == once(1, 2, 9)


def alone(sales_entry: SalesEntry, number: int, store: str, **changes: Any) -> dict[str, Any]:
    """An invoice of 121.00 of a store view."""
    record = sales_entry(number, document_key=f"shop:{store}:invoice:{number:09}", **changes)
    record["source"]["store_code"] = store
    return record


def of_day(number: int, **changes: Any) -> dict[str, Any]:
    """An invoice of 121.00 for the entry of its day."""
    return {
        "document_key": f"shop:nl:invoice:{number:09}",
        "kind": "invoice",
        "your_ref": f"{number:09}",
        "currency": "EUR",
        "source": {
            "instance": "shop", "kind": "invoice", "store_code": "nl",
            "increment_id": f"{number:09}", "created_at": "2026-02-10T10:00:00Z",
        },
        "summary": {
            "instance": "shop", "store": "nl", "day": "2026-02-10", "method": "", "journal": "90",
            "time_zone": "Europe/Amsterdam", "closes_at": "2026-02-10T23:00:00Z",
        },
        "lines": [
            {"gl_account": "8000", "amount": -121, "side": "sale", "role": "revenue", "rule": "a"},
            {"gl_account": "1240", "amount": 121, "side": "sale", "role": "clearing", "rule": "b"},
        ],
        "totals": {"amount": 121.00, "vat_amount": 0, "net_amount": 121.00},
    } | changes  # fmt: skip


@pytest.mark.parametrize("most", [600, 1])
def test_a_document_may_be_in_a_days_entry_that_a_lost_ledger_does_not_know(
    target: Any,
    sandbox: SandboxHandle,
    sales_entry: SalesEntry,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    """Exact does not tell which documents are in it: nothing of its day is booked alone."""
    monkeypatch.setattr("target_exact_online.documents.finding.MOST_ROWS", most)
    target.post_here([payment(1, 10.0), payment(2, 20.0)], "general_journal_entries")
    target.post_here([of_day(1), of_day(2)], "summary_documents")
    forget(target)

    other_day = alone(sales_entry, 4, "nl", entry_date="2026-02-11")
    outcome = target.post_here(
        [alone(sales_entry, 1, "nl"), alone(sales_entry, 3, "be"), other_day]
    )
    (parked,) = outcome.report["parked"]
    assert "2026-02-10 nl EUR" in parked["reason"]
    assert references(sandbox) == once(3, 4)
    # The advice: another reference in Exact.
    (first,) = (
        line for line in sandbox.exact(f"{JOURNALS[:-7]}EntryLines")
        if str(line.get("Description")).startswith("2026-02-10")
    )  # fmt: skip
    sandbox.bookkeeper().edit(str(first["EntryID"]), {1: {"description": "Another"}})
    target.call("documents", "replay", "--parked")
    target.post_here([])
    assert references(sandbox) == once(1, 3, 4)
    # Once the ledger knows the entry it knows what is in it.
    target.post_here([of_day(1), of_day(2)], "summary_documents")
    target.post_here([alone(sales_entry, 7, "nl")])
    assert references(sandbox) == once(1, 3, 4, 7)


def test_a_twins_entry_is_not_taken_for_a_document_that_may_be_in_its_day(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """Else the twin, whose entry is taken then, is booked once more."""
    target.post_here([alone(sales_entry, 1, "be")])
    target.post_here([of_day(1)], "summary_documents")
    forget(target)
    (parked,) = target.post_here([alone(sales_entry, 1, "nl")]).report["parked"]
    assert "2026-02-10 nl EUR" in parked["reason"]
    target.post_here([alone(sales_entry, 1, "be", rules_version="2")])
    assert references(sandbox) == once(1)
    assert len(entries_of(target)) == 2


@pytest.mark.parametrize("most", [600, 0])
def test_a_document_of_a_day_may_be_booked_alone_by_a_ledger_that_is_lost(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry, monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:  # fmt: skip
    """What Exact has of it alone, with another amount by now, would be booked twice."""
    monkeypatch.setattr("target_exact_online.documents.finding.MOST_ROWS", most)
    alone = sales_entry(1, document_key="shop:nl:invoice:000000001", rules_version="0")
    alone["lines"][0] |= {"amount": 50.00, "vat_amount": 10.50}
    alone["totals"] = {"amount": 60.50, "vat_amount": 10.50, "net_amount": 50.00}
    target.post_here([alone, sales_entry(9, kind="credit_memo")])
    forget(target)
    members = [of_day(1), of_day(2), of_day(9)]
    (parked,) = target.post_here(members, "summary_documents").report["parked"]
    assert "000000001 as 2670" in parked["reason"]
    assert "000000009" not in parked["reason"]
    assert not sandbox.exact(JOURNALS)
    # Once the ledger knows that it is another document's the day is booked.
    other = alone | {"document_key": "shop:be:invoice:000000001"}
    target.post_here([other])
    target.post_here([], "summary_documents")
    assert len(sandbox.exact(JOURNALS)) == 1


def test_what_exacts_lists_do_not_show_yet_is_waited_for_when_a_ledger_was_restored(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """What was stored, or changed by people, a moment before the run is in no list."""
    target.write(index_lag_seconds=4)
    target.post_here([sales_entry(1), sales_entry(2)])
    forget(target)
    (entry,) = (row for row in sandbox.exact(SALES) if row["YourRef"] == "000000001")
    time.sleep(4)
    sandbox.set("exact.index_lag_seconds", 3)
    sandbox.bookkeeper().edit(str(entry["EntryID"]), {1: {"amount": 1, "vat_amount": 0}})
    target.post_here([sales_entry(1)])
    sandbox.set("exact.index_lag_seconds", 0)
    assert references(sandbox) == once(1, 2)


@pytest.mark.parametrize("ledger", ["restored", "lost"])
def test_what_a_ledger_lacks_is_not_told_by_the_answer_to_another_question(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry, ledger: str
) -> None:
    """Any entries may answer what is new: the ledger's own last one is among the right ones."""
    target.post_here([sales_entry(1)])
    sandbox.advance(6 * 3600)
    target.post_here([sales_entry(2)])
    backup = target.back_up()
    target.post_here([sales_entry(3)])
    if ledger == "lost":
        forget(target)
    else:
        target.restore(backup)
    target.post_here([], "accounts")  # reads the master data
    sandbox.fault(ENTRIES, "swapped_answer", method="GET")
    target.post_here([sales_entry(3)])
    assert references(sandbox) == once(1, 2, 3)


def test_of_twins_only_one_is_new_to_a_restored_ledger(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """Rows read since a moment do not show older ones with the same reference."""
    nl, be = (sales_entry(1, document_key=f"shop:{view}:invoice:000000001") for view in "nb")
    be["lines"][0] |= {"amount": 50.00, "vat_amount": 10.50}
    be["totals"] = {"amount": 60.50, "vat_amount": 10.50, "net_amount": 50.00}
    target.post_here([nl])
    forget(target)
    sandbox.advance(6 * 3600)
    target.post_here([sales_entry(2)])
    backup = target.back_up()
    target.post_here([nl, be])
    target.restore(backup)
    outcome = target.post_here([nl, be])
    assert outcome.report["already_there"] == {"sales_entries": 2}
    assert references(sandbox) == Counter({"000000001": 2, "000000002": 1})


def test_a_ledger_restored_from_a_backup_is_noticed_and_made_good(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.post_here([sales_entry(1)])
    backup = target.back_up()
    target.post_here([sales_entry(n) for n in range(2, 12)])
    target.restore(backup)

    outcome = target.post([sales_entry(n) for n in range(1, 14)])

    assert outcome.exit_code == 0, outcome.stderr
    assert references(sandbox) == once(*range(1, 14))
    assert outcome.report["already_there"] == {"sales_entries": 11}
    assert "restored from a backup" in outcome.stderr
    assert "sales_entries since" in outcome.stderr
    assert target.call("audit", "verify").exit_code == 0


def test_a_lost_ledger_and_a_clock_that_is_a_day_behind_double_nothing(
    target: Any, make_target: Callable[..., Any], sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """The documents look younger than the ledger: an empty one asks by reference, not by date."""
    later = (datetime.now(UTC) + timedelta(hours=20)).isoformat()
    source = {"instance": "shop", "kind": "invoice", "created_at": later}
    records = [sales_entry(n, source=source) for n in range(1, 16)]
    target.post_here(records)
    fresh = make_target("new", refresh_token=sandbox.exact_config()["refresh_token"])
    assert fresh.post_here(records).report["already_there"] == {"sales_entries": 15}
    assert references(sandbox) == once(*range(1, 16))


def test_a_held_document_goes_to_the_company_it_came_in_for(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    other = SECOND_DIVISION
    target.post_here([sales_entry(9)])
    target.write(base_url="http://127.0.0.1:1", max_wait_seconds=0)
    target.post_here([sales_entry(1)])
    target.write(base_url=sandbox.url, division=other)
    target.call()
    assert references(sandbox) == once(1, 9)
    assert references(sandbox, division=other) == Counter()
    target.post_here([sales_entry(1)])
    assert references(sandbox, division=other) == once(1), "another company, another document"


def test_what_somebody_deleted_comes_back_by_replay_again_and_only_then(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.post_here([sales_entry(1), sales_entry(2)])
    (gone,) = sandbox.exact("salesentry/SalesEntries", filter="YourRef eq '000000001'")
    sandbox.bookkeeper().delete(gone["EntryID"])
    plain = target.call("documents", "replay", FIRST)
    assert plain.exit_code == 1
    assert f"documents replay --again {FIRST}" in plain.stderr
    both = target.call("documents", "replay", "--again", FIRST, "shop:invoice:000000002")
    assert both.exit_code == 0, both.stderr
    outcome = target.call()
    assert outcome.exit_code == 0, outcome.stderr
    assert references(sandbox) == once(1, 2)
    assert outcome.report["already_there"] == {"sales_entries": 1}


def test_a_reference_is_cut_by_exact_and_found_again_all_the_same(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    alike = "WEB-2026-AMSTERDAM-CENTRAAL-0000000"
    sandbox.fault(ENTRIES, "drop_after", method="POST", nth=2)
    records = [
        sales_entry(n, document_key=f"shop:nl:invoice:{n}", your_ref=f"{alike}{n}")
        for n in (1, 2, 3)
    ]
    outcome = target.post_here(records)
    assert outcome.exit_code == 0, outcome.stderr
    stored = [row["YourRef"] for row in sandbox.exact("salesentry/SalesEntries")]
    ours = [one for one in stored if one.startswith("WEB-2026")]
    assert len(set(ours)) == len(ours) == 3
    assert max(map(len, ours)) == 30


def test_a_version_that_comes_while_nothing_is_known_is_told_once_it_is(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.post_here([sales_entry(9)])
    sandbox.fault(ENTRIES, "drop_after", method="POST")
    target.write(max_wait_seconds=0)
    sandbox.fault(ENTRIES, "unavailable", method="GET", nth=2, times=0)
    target.post_here([sales_entry(1)])
    sandbox.clear_faults()
    outcome = target.post_here([sales_entry(1, entry_date="2026-02-11")])
    assert references(sandbox) == once(1, 9)
    assert outcome.exit_code == 3
    assert [line["document_key"] for line in outcome.report["changed"]] == [FIRST]


def test_an_entry_that_exact_put_into_another_journal_is_found_and_not_sent_again(
    target: Any, sandbox: SandboxHandle
) -> None:
    resource = "generaljournalentry/GeneralJournalEntries"
    record = {
        "document_key": "shop:nl:payment:000000001",
        "your_ref": "payment 000000001",
        "currency": "EUR",
        "journal": "90",
        "entry_date": "2026-02-10",
        "lines": [
            {"gl_account": "1240", "amount": 121.00},
            {"gl_account": "1300", "amount": -121.00, "account": "10"},
        ],
        "totals": {"amount": 121.00, "vat_amount": 0, "net_amount": 0},
        "source": {"kind": "payment"},
    }
    twin = record | {"document_key": "shop:be:payment:000000001"}
    target.post_here([twin], "general_journal_entries")
    sandbox.set("exact.changed_fields", {resource: {"JournalCode": "91"}})
    sandbox.fault(f"*/{resource}", "drop_after", method="POST")
    target.post_here([record], "general_journal_entries")
    sandbox.set("exact.changed_fields", {})
    (parked,) = target.call().report["parked"]
    assert "the journal is 91 instead of 90" in parked["reason"]
    assert len(sandbox.exact(resource)) == 2

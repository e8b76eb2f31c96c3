"""Daily summaries: built, closed and corrected in the ledger, whoever brings the documents."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION
from target_exact_online.documents import finding, journal_entry
from target_exact_online.ledger.rows import Document, summary_of
from target_exact_online.posting.days import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

PAST = "2026-02-10T23:00:00Z"
STREAM = "summary_documents"
JOURNALS = "generaljournalentry/GeneralJournalEntries"
LINES = "generaljournalentry/GeneralJournalEntryLines"


def sale(number: int, net: str = "100.00", vat: str = "21.00", **changes: Any) -> dict[str, Any]:
    """An invoice, or a credit memo when its amounts are negative."""
    amount, tax = Decimal(net), Decimal(vat)
    kind = "invoice" if amount > 0 else "credit_memo"
    side = "sale" if amount > 0 else "refund"
    record: dict[str, Any] = {
        "document_key": f"shop:nl:{kind}:{number:09}",
        "kind": kind,
        "your_ref": f"{number:09}",
        "description": f"{kind} {number}",
        "currency": "EUR",
        "rules_version": "1",
        "source": {
            "instance": "shop",
            "kind": kind,
            "store_code": "nl",
            "increment_id": f"{number:09}",
            "order_increment_id": f"{number:09}",
        },
        "document_date": "2026-02-10",
        "tax_point": "2026-02-10",
        "summary": {
            "instance": "shop",
            "store": "nl",
            "day": "2026-02-10",
            "time_zone": "Europe/Amsterdam",
            "closes_at": PAST,
            "journal": "90",
            "method": "",
        },
        "lines": [
            {
                "gl_account": "8000",
                "amount": -amount,
                "vat_code": "21",
                "vat_amount": -tax,
                "vat_percentage": 21,
                "side": side,
                "role": "revenue",
                "rule": "goods",
                "supply": "domestic",
                "country": "NL",
            },
            {
                "gl_account": "1240",
                "amount": amount + tax,
                "side": side,
                "role": "clearing",
                "rule": "ideal",
            },
        ],
        "totals": {"amount": amount + tax, "vat_amount": tax, "net_amount": amount},
    }
    return record | changes


def other_summary(**changes: Any) -> dict[str, Any]:
    return {"summary": sale(1)["summary"] | changes}


def without_vat(number: int, **changes: Any) -> dict[str, Any]:
    """An invoice in the journal that allows no VAT."""
    record = sale(number, "50.00", "0.00", **other_summary(journal="91"), **changes)
    for line in record["lines"]:
        for name in ("vat_code", "vat_amount", "vat_percentage"):
            line.pop(name, None)
    return record


def entries(sandbox: SandboxHandle) -> list[tuple[str, list[tuple[str, Decimal]]]]:
    """Each entry's first description and its lines by GL account, debit positive."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in sandbox.exact(LINES, orderby="LineNumber"):
        found.setdefault(line["EntryID"], []).append(line)
    return sorted(
        (
            str(lines[0]["Description"]),
            sorted((str(one["GLAccountCode"]), _cents(one["AmountFC"])) for one in lines),
        )
        for lines in found.values()
    )


def _cents(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01"))


def state(target: Any, key: str) -> dict[str, str]:
    told = target.call("documents", "show", key).stdout
    pairs = (row.partition(":") for row in told.splitlines()[:40] if ":" in row)
    return {name: value.strip() for name, _, value in pairs}


ENTRY = "shop:nl:day:2026-02-10-EUR"


def test_companies_and_journals_of_one_store_view_have_entries_of_their_own(
    target: Any, sandbox: SandboxHandle
) -> None:
    records = [
        sale(1),
        sale(2, division=SECOND_DIVISION),
        without_vat(3),
        without_vat(4, division=SECOND_DIVISION),
    ]
    outcome = target.post_here(records, STREAM)
    assert outcome.exit_code == 0, outcome.stderr
    assert (outcome.report["held"], outcome.report["parked"]) == (0, [])
    for division in (DIVISION, SECOND_DIVISION):
        booked = {
            (entry["JournalCode"].strip(), entry["EntryID"])
            for entry in sandbox.exact(JOURNALS, division=division)
        }
        assert sorted(journal for journal, _ in booked) == ["90", "91"]
    later = [without_vat(5, division=SECOND_DIVISION)]
    assert target.post_here(later, STREAM).report["held"] == 0
    assert len(sandbox.exact(JOURNALS, division=SECOND_DIVISION)) == 3


def test_a_document_without_a_rules_version_ends_no_day(
    target: Any, sandbox: SandboxHandle
) -> None:
    silent = sale(1)
    del silent["rules_version"]
    assert target.post_here([silent, sale(2)], STREAM).exit_code == 0
    assert len(entries(sandbox)) == 1


def test_a_day_becomes_one_entry_with_sales_and_refunds_apart(
    target: Any, sandbox: SandboxHandle
) -> None:
    records = [sale(1), sale(2, "50.00", "10.50"), sale(1, "-20.00", "-4.20")]
    outcome = target.post_here(records, STREAM)
    assert outcome.exit_code == 0, outcome.stderr
    ((text, lines),) = entries(sandbox)
    assert text.startswith("2026-02-10 nl EUR")
    assert lines == [
        ("1240", Decimal("-24.20")),
        ("1240", Decimal("181.50")),
        ("8000", Decimal("-150.00")),
        ("8000", Decimal("20.00")),
    ]
    for record in records:
        told = state(target, record["document_key"])
        assert (told["state"], told["summary_key"]) == ("posted", ENTRY)
    posted = {(one["kind"], one["documents"], one["amount"]) for one in outcome.report["posted"]}
    assert {("invoice", 2, "181.50"), ("credit_memo", 1, "-24.20")} <= posted
    again = target.post_here(records, STREAM)
    assert again.report["already_there"] == {STREAM: 3}
    assert len(entries(sandbox)) == 1
    assert target.call("audit", "verify").exit_code == 0


def test_a_day_that_is_not_over_waits_and_state_goes_on(
    target: Any, sandbox: SandboxHandle
) -> None:
    tomorrow = f"{datetime.now(UTC) + timedelta(hours=20):%Y-%m-%dT%H:%M:%SZ}"
    outcome = target.post_here([sale(1, **other_summary(closes_at=tomorrow))], STREAM)
    assert (outcome.exit_code, outcome.state) == (0, {"records": 1})
    assert entries(sandbox) == []
    assert state(target, sale(1)["document_key"])["state"] == "held"


def test_what_comes_after_a_day_was_booked_goes_into_a_further_entry(
    target: Any, sandbox: SandboxHandle
) -> None:
    target.post_here([sale(1)], STREAM)
    outcome = target.post_here([sale(1), sale(2)], STREAM)
    assert outcome.exit_code == 0, outcome.stderr
    first, second = entries(sandbox)
    assert (first[1], second[1]) == (first[1], first[1])
    assert state(target, sale(2)["document_key"])["summary_key"] == f"{ENTRY}-2"


def test_a_parked_day_is_built_again_when_one_of_its_documents_is_corrected(
    target: Any, sandbox: SandboxHandle
) -> None:
    wrong = sale(2)
    wrong["lines"][0]["gl_account"] = "8oo0"
    outcome = target.post_here([sale(1), wrong], STREAM)
    assert [line["document_key"] for line in outcome.report["parked"]] == [ENTRY]
    assert entries(sandbox) == []

    outcome = target.post_here([sale(2)], STREAM)

    assert outcome.exit_code == 0, outcome.stderr
    ((_, lines),) = entries(sandbox)
    assert lines == [("1240", Decimal("242.00")), ("8000", Decimal("-200.00"))]
    assert target.call("audit", "verify").exit_code == 0


def test_a_document_that_left_its_day_is_not_booked_with_it(
    target: Any, sandbox: SandboxHandle
) -> None:
    wrong = sale(2)
    wrong["lines"][0]["gl_account"] = "8oo0"
    target.post_here([sale(1), wrong], STREAM)
    refused = {
        "document_key": wrong["document_key"],
        "reason": "the shop has cancelled it",
        "what_to_do": "Nothing.",
        "skip": True,
        "source": wrong["source"],
    }
    outcome = target.post_here([refused], "refused_documents")
    assert outcome.exit_code == 0, outcome.stderr
    ((_, lines),) = entries(sandbox)
    assert lines == [("1240", Decimal("121.00")), ("8000", Decimal("-100.00"))]


def test_a_changed_document_of_a_booked_day_is_told_and_books_nothing(
    target: Any, sandbox: SandboxHandle
) -> None:
    target.post_here([sale(1)], STREAM)
    outcome = target.post_here([sale(1, "90.00", "18.90")], STREAM)
    assert outcome.exit_code == 3
    assert [one["document_key"] for one in outcome.report["changed"]] == [sale(1)["document_key"]]
    assert len(entries(sandbox)) == 1


def test_a_document_is_booked_in_one_way_only(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    alone = sales_entry(1, document_key=sale(1)["document_key"])
    target.post_here([sale(1)], STREAM)
    assert target.post_here([alone]).exit_code == 3
    assert not sandbox.exact("salesentry/SalesEntries", filter="YourRef eq '000000001'")
    other = sales_entry(2, document_key=sale(2)["document_key"])
    target.post_here([other])
    assert target.post_here([sale(2)], STREAM).exit_code == 3
    assert len(entries(sandbox)) == 1


def test_a_document_whose_day_is_not_over_may_still_be_booked_alone(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    tomorrow = f"{datetime.now(UTC) + timedelta(hours=20):%Y-%m-%dT%H:%M:%SZ}"
    target.post_here([sale(1, **other_summary(closes_at=tomorrow))], STREAM)
    target.post_here([sales_entry(1, document_key=sale(1)["document_key"])])
    target.call()
    assert len(sandbox.exact("salesentry/SalesEntries", filter="YourRef eq '000000001'")) == 1
    assert entries(sandbox) == []


def test_the_money_of_a_day_is_not_booked_a_second_time(target: Any) -> None:
    target.post_here([sale(1)], STREAM)
    payment = {
        "document_key": "shop:nl:payment:000000001",
        "your_ref": "payment 000000001",
        "currency": "EUR",
        "journal": "90",
        "entry_date": "2026-02-10",
        "pays": sale(1)["document_key"],
        "lines": [
            {"gl_account": "1240", "amount": 121.00},
            {"gl_account": "1241", "amount": -121.00},
        ],
        "totals": {"amount": 121.00, "vat_amount": 0, "net_amount": 0},
        "source": {"instance": "shop", "kind": "payment"},
    }
    (parked,) = target.post_here([payment], "general_journal_entries").report["parked"]
    assert f"money is in {ENTRY} already" in parked["reason"]


def test_two_machines_close_the_same_days_once(
    make_target: Callable[..., Any],
    postgres_ledger: str,
    sandbox: SandboxHandle,
    messages: Callable[..., str],
) -> None:
    sandbox.set("exact.minute_limit", None)
    target = make_target(ledger_url=postgres_ledger, report_file=None)
    target.run()
    first = messages(STREAM, [sale(n, **other_summary(day=f"2026-02-{n:02}")) for n in range(1, 9)])
    second = messages(
        STREAM, [sale(n, **other_summary(day=f"2026-02-{n:02}")) for n in range(5, 13)]
    )
    processes = [target.start(), target.start()]
    for process, given_ in zip(processes, (first, second), strict=True):
        process.stdin.write(given_)
        process.stdin.close()
        process.stdin = None
    ends = [process.communicate(timeout=90) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert [len(lines) for _, lines in entries(sandbox)] == [2] * 12
    assert target.call("audit", "verify").exit_code == 0


def test_a_run_that_dies_between_the_days_loses_none(
    target: Any, sandbox: SandboxHandle, messages: Callable[..., str]
) -> None:
    sandbox.fault(f"*/{JOURNALS}", "latency", method="POST", nth=1, seconds=30)
    given_ = messages(STREAM, [sale(n, **other_summary(day=f"2026-02-{n:02}")) for n in (1, 2, 3)])
    with target.start() as process:
        process.stdin.write(given_)
        process.stdin.close()
        while not any(fault.fired for fault in sandbox.faults()):
            pass
        process.kill()
        process.stdin = None
    sandbox.clear_faults()
    target.write(settle_after_seconds=31, index_lag_seconds=0)
    for _ in range(2):
        outcome = target.run()
    assert outcome.exit_code == 0, outcome.stderr
    assert len(entries(sandbox)) == 3


def test_a_replay_of_a_documents_day_names_its_entry(target: Any) -> None:
    target.post_here([sale(1)], STREAM)
    told = target.call("documents", "replay", "--again", sale(1)["document_key"])
    assert told.exit_code == 1
    assert ENTRY in told.stderr


def test_the_same_day_of_another_company_or_journal_is_another_entry(target: Any) -> None:
    records = [
        sale(1),
        sale(2, division=SECOND_DIVISION),
        sale(3, **other_summary(journal="95")),
        sale(4, division=SECOND_DIVISION, **other_summary(journal="95")),
    ]
    for record in records:
        target.post_here([record], STREAM)
    keys = [state(target, record["document_key"])["summary_key"] for record in records]
    other = f"{ENTRY}@{SECOND_DIVISION}"
    assert keys == [ENTRY, other, f"{ENTRY}@{target.config['division']}", f"{other}-95"]
    assert target.call("audit", "verify").exit_code == 0


def by_ideal(number: int) -> dict[str, Any]:
    """An invoice whose money has a line behind that of the others."""
    record = sale(number)
    record["lines"][1] |= {"gl_account": "1241", "rule": "other"}
    return record


def numbers(sandbox: SandboxHandle) -> list[str]:
    return sorted(str(entry["EntryNumber"]) for entry in sandbox.exact(JOURNALS))


def test_an_entry_is_the_days_only_if_all_of_its_lines_are(
    target: Any, sandbox: SandboxHandle
) -> None:
    """In a restored ledger a day has other documents than the entry in Exact."""
    target.call()
    backup = target.back_up()
    target.post_here([sale(1)], STREAM)
    target.restore(backup)
    (parked,) = target.post_here([sale(1), by_ideal(2)], STREAM).report["parked"]
    assert "a GL account has" in parked["reason"]
    assert numbers(sandbox) == numbers(sandbox)[:1]
    assert state(target, by_ideal(2)["document_key"])["state"] == "sending"


def test_a_day_that_differs_names_all_of_its_entries_and_is_right_once_they_are_gone(
    target: Any, sandbox: SandboxHandle
) -> None:
    target.post_here([sale(1)], STREAM)
    backup = target.back_up()
    target.post_here([sale(2)], STREAM)
    target.post_here([sale(3)], STREAM)
    target.restore(backup)

    (parked,) = target.post_here([sale(2), sale(3)], STREAM).report["parked"]

    _, *others = numbers(sandbox)
    assert f"Exact has {', '.join(others)} with the reference" in parked["reason"]
    # What comes meanwhile is not booked beside them, and a change waits for the answer.
    later = target.post_here([sale(3, "90.00", "18.90"), sale(4, "10.00", "2.10")], STREAM).report[
        "parked"
    ]
    assert [one["document_key"] for one in later] == [f"{ENTRY}-2", f"{ENTRY}-3"]
    fourth = target.post_here([sale(5, "5.00", "1.05")], STREAM).report["parked"]
    assert f"{ENTRY}-4" in {one["document_key"] for one in fourth}
    assert len(numbers(sandbox)) == 3
    for number in others:
        sandbox.bookkeeper().delete(number)
    for _ in range(2):
        outcome = target.call()
    assert outcome.exit_code == 0, outcome.stderr
    assert sum(dict(lines)["8000"] for _, lines in entries(sandbox)) == Decimal("-305.00")
    assert target.call("audit", "verify").exit_code == 0


@pytest.mark.parametrize("store", ["nl", "a_store_view_with_a_long_name"])
def test_all_entries_of_a_day_are_asked_for_by_what_exact_keeps(store: str) -> None:
    of_day = [document(sale(1, **other_summary(store=store)))]
    entries_ = [build(of_day, "group", number).record for number in (1, 2, 3)]
    names = [finding.reference_of(entry) for entry in entries_]
    for entry, name in zip(entries_, names, strict=True):
        asked = journal_entry.references(name, entry["reference_of_day"])
        assert asked[0] == name
        assert set(names) <= set(asked)
        assert len(set(asked)) == len(asked)
    assert journal_entry.references("payment 2", "") == ["payment 2"]


def test_an_entry_that_exact_does_not_have_is_built_again_when_its_documents_changed(
    target: Any, sandbox: SandboxHandle
) -> None:
    sandbox.fault(f"*/{JOURNALS}", "drop_before", method="POST")
    sandbox.fault("*/TransactionLines", "unavailable", method="GET", times=0)
    target.write(max_wait_seconds=0)
    target.post_here([sale(1), sale(2)], STREAM)
    target.post_here([sale(2, "90.00", "18.90")], STREAM)
    sandbox.clear_faults()
    for _ in range(2):
        outcome = target.call()
    assert outcome.exit_code == 0, outcome.stderr
    ((_, lines),) = entries(sandbox)
    assert dict(lines)["8000"] == Decimal("-190.00")
    assert target.call("audit", "verify").exit_code == 0


def document(record: dict[str, Any]) -> Document:
    return Document.of(STREAM, record, 1)


def test_company_store_day_currency_rate_and_method_make_one_entry() -> None:
    variants = [
        sale(1),
        sale(1, currency="GBP"),
        sale(1, exchange_rate=Decimal("1.1500")),
        sale(1, exchange_rate=Decimal("1.16")),
        sale(1, **other_summary(store="be")),
        sale(1, **other_summary(day="2026-02-11")),
        sale(1, **other_summary(method="ideal")),
        sale(1, **other_summary(instance="other")),
        sale(1, division=7),
    ]
    groups = [summary_of(document(one))["summary_group"] for one in variants]
    assert len(set(groups)) == len(variants)
    same = summary_of(document(sale(2, exchange_rate=Decimal("1.15"))))["summary_group"]
    assert same == groups[2]


def supplied(number: int, **facts: Any) -> Document:
    record = sale(number)
    record["lines"][0] |= facts
    return document(record)


def test_lines_that_differ_only_in_what_is_supplied_are_lines_of_their_own() -> None:
    goods: dict[str, Any] = {"nature": "goods", "dispatch_country": "NL"}
    services = {"nature": "services", "dispatch_country": None}
    members = [
        supplied(1, **goods),
        supplied(2, **services),
        supplied(3, **goods | {"dispatch_country": "PL"}),
        supplied(4, **goods),
        supplied(5),  # of an older version of the mapper
    ]
    lines = [one for one in build(members, "group", 1).record["lines"] if one["role"] == "revenue"]
    told = [(one.get("nature"), one.get("dispatch_country"), -one["amount"]) for one in lines]
    assert told == [
        (None, None, 100),
        ("goods", "NL", 200),
        ("goods", "PL", 100),
        ("services", None, 100),
    ]


amounts = st.decimals("-999", "999", places=2).filter(bool)


@given(st.lists(st.tuples(amounts, st.decimals("-99", "99", places=2)), min_size=1, max_size=8))
def test_an_entry_is_the_sum_of_its_documents(parts: list[tuple[Decimal, Decimal]]) -> None:
    members = [
        document(sale(number, str(net), str(vat))) for number, (net, vat) in enumerate(parts, 1)
    ]
    for order in itertools.islice(itertools.permutations(members), 2):
        entry = build(order, "group", 1).record
        lines = entry["lines"]
        sums = [line["amount"] + line.get("vat_amount", 0) for line in lines]
        assert sum(sums) == 0
        assert entry["totals"]["amount"] == sum((one for one in sums if one > 0), Decimal(0))
        vat = sum((line.get("vat_amount", Decimal(0)) for line in lines), Decimal(0))
        assert vat == -sum((one for _, one in parts), Decimal(0))
        clearing = sum((one["amount"] for one in lines if one["gl_account"] == "1240"), Decimal(0))
        assert clearing == sum((net + vat for net, vat in parts), Decimal(0))
        assert sorted(entry["includes"]) == sorted(one.number for one in members)

"""From a signal to what people see: an entry that somebody changed in Exact is found at once."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox.exact import webhook_subscriptions
from commerce_sandbox.exact.credentials import DIVISION
from target_exact_online.ledger import chain
from target_exact_online.ledger.store import Ledger
from target_exact_online.master_data.cache import Cache
from target_exact_online.settings import with_defaults
from target_exact_online.webhooks import comparing, consuming, queue
from target_exact_online.webhooks.signals import Signal

from .conftest import schemes_of, start, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commerce_sandbox.testing import SandboxHandle

ENTRIES, LINES = "salesentry/SalesEntries", "financialtransaction/TransactionLines"
KEY = "shop:invoice:00000000{}"


@pytest.fixture
def ledger(target: Any, sales_entry: Callable[..., dict[str, Any]]) -> Iterator[Ledger]:
    """The ledger of a target that has posted three invoices."""
    outcome = target.post_here([sales_entry(number) for number in (1, 2, 3)])
    assert outcome.exit_code == 0, outcome.stderr
    with contextlib.closing(Ledger.open(target.config["ledger_url"])) as opened:
        yield opened


def entry_ids(sandbox: SandboxHandle) -> dict[str, str]:
    return {row["YourRef"]: row["EntryID"] for row in sandbox.exact(ENTRIES)}


def told(
    sandbox: SandboxHandle, number: int, action: str = "update", topic: str = "SalesEntries"
) -> Signal:
    return Signal("exact", DIVISION, topic, entry_ids(sandbox)[f"{number:09}"].lower(), action)


def test_an_edit_is_found_at_once_and_seen_everywhere(
    target: Any, sandbox: SandboxHandle, ledger: Ledger
) -> None:
    edited = told(sandbox, 1)
    sandbox.bookkeeper("Bea").edit("000000001", {1: {"gl_account": "8070"}})
    queue.put(ledger.engine, [edited, edited, told(sandbox, 2, "create")])
    sandbox.clear_requests()
    checked = target.call("webhooks", "check")
    assert checked.exit_code == 3, checked.stderr
    said = "E3 GL account, cost center or cost unit edited in Exact (gl_account: 8000 became 8070)"
    assert checked.stdout.startswith(f"{KEY.format(1)}: {said}")
    assert "1 agree, 1 differ" in checked.stderr
    asked = [one["path"] for one in sandbox.requests() if LINES in one["path"]]
    assert len(asked) == 1  # both entries by one call

    listed = target.call("documents", "list", "--different").stdout
    assert KEY.format(1) in listed
    assert said in listed
    assert KEY.format(2) not in listed
    (row,) = map(
        json.loads, target.call("documents", "list", "--different", "--json").stdout.splitlines()
    )
    assert row["in_exact"].startswith(said)
    shown = target.call("documents", "show", KEY.format(1)).stdout
    assert "differs_in_exact" in shown
    assert "Bea" not in shown
    status = target.call("status")
    assert status.exit_code == 1
    assert "changed in Exact" in status.stdout
    assert "1 posted documents" in status.stdout
    report = target.post_here([]).report
    assert [one["document_key"] for one in report["different"]] == [KEY.format(1)]
    assert target.call("audit", "verify").exit_code == 0


def test_what_was_put_right_is_not_told_any_more(
    target: Any, sandbox: SandboxHandle, ledger: Ledger
) -> None:
    bea = sandbox.bookkeeper("Bea")
    bea.edit("000000001", {1: {"gl_account": "8070"}})
    queue.put(ledger.engine, [told(sandbox, 1)], datetime.now(UTC) - timedelta(minutes=1))
    assert target.call("webhooks", "check").exit_code == 3
    assert queue.waiting(ledger.engine) == []  # from now on it is looked at without a signal
    events = [one["event"] for one in json.loads(
        target.call("documents", "show", KEY.format(1), "--json").stdout)["history"]]  # fmt: skip
    assert target.call("webhooks", "check").exit_code == 3  # looked at again, told once
    bea.edit("000000001", {1: {"gl_account": "8000"}})
    assert target.call("webhooks", "check").exit_code == 0
    after = [one["event"] for one in json.loads(
        target.call("documents", "show", KEY.format(1), "--json").stdout)["history"]]  # fmt: skip
    assert after == [*events, "agrees_again"]
    assert target.call("documents", "list", "--different").stdout.count("shop:") == 0
    assert chain.verify(ledger.engine, ledger.keys).faults == ()


def test_a_deletion_is_told_when_it_is_proven(
    target: Any, sandbox: SandboxHandle, ledger: Ledger
) -> None:
    config = with_defaults(target.config)
    deleted, other = told(sandbox, 1, "delete"), told(sandbox, 2)
    sandbox.bookkeeper("Bea").delete("000000001")
    sandbox.bookkeeper("Bea").delete("000000002")
    now = datetime.now(UTC)
    queue.put(ledger.engine, [deleted, other], now - timedelta(seconds=5))
    with contextlib.chdir(target.folder):
        found = comparing.look(config, ledger)
        assert set(found.differ) == {KEY.format(1)}
        assert found.differ[KEY.format(1)].startswith("E1 Deleted in Exact.")
        assert found.unsure == [KEY.format(2)]  # posted just now: Exact's lists may lag behind
        assert [one.key for one in queue.waiting(ledger.engine)] == [other.key]
        later = comparing.look(config, ledger, now=now + timedelta(minutes=15))
    assert set(later.differ) == {KEY.format(2)}
    assert queue.waiting(ledger.engine) == []


def test_an_entry_whose_header_is_there_is_not_deleted(
    target: Any, sandbox: SandboxHandle, ledger: Ledger
) -> None:
    signalled = told(sandbox, 1, "delete")
    queue.put(ledger.engine, [signalled])
    nothing = {"status": 200, "headers": {"content-type": "application/json"}}
    sandbox.fault(f"*/{LINES}", "status_before", **nothing, body='{"d":{"results":[]}}')
    later = datetime.now(UTC) + timedelta(minutes=15)
    with contextlib.chdir(target.folder):
        found = comparing.look(with_defaults(target.config), ledger, now=later)
        assert (found.differ, found.unsure) == ({}, [KEY.format(1)])
        again = comparing.look(with_defaults(target.config), ledger, now=later, at_once=True)
    assert again.agree == [KEY.format(1)]


def test_what_exact_s_lists_may_not_show_yet_is_looked_at_later(
    target: Any, sandbox: SandboxHandle, ledger: Ledger
) -> None:
    config = with_defaults(target.config) | {"index_lag_seconds": 30}
    queue.put(ledger.engine, [told(sandbox, 1)])
    sandbox.clear_requests()
    with contextlib.chdir(target.folder):
        assert comparing.look(config, ledger) == comparing.Look()
        assert sandbox.requests() == []
        assert comparing.look(config, ledger, at_once=True).agree == [KEY.format(1)]
        (waits,) = queue.waiting(ledger.engine)  # and again, when the lists must show it
        queue.put(ledger.engine, [told(sandbox, 1)])
        soon = datetime.now(UTC) + timedelta(seconds=31)
        assert comparing.look(config, ledger, now=soon).agree == [KEY.format(1)]
    assert waits.key == told(sandbox, 1).key
    assert queue.waiting(ledger.engine) == []


def test_signals_of_others_cost_no_call(
    target: Any, sandbox: SandboxHandle, ledger: Ledger
) -> None:
    stranger = Signal("exact", DIVISION, "SalesEntries", "9c7d2d6e-0000-4000-8000-000000000001")
    elsewhere = told(sandbox, 1)
    elsewhere = Signal("exact", DIVISION + 1, elsewhere.topic, elsewhere.key)
    queue.put(ledger.engine, [stranger, elsewhere], datetime.now(UTC) - timedelta(minutes=1))
    sandbox.clear_requests()
    assert target.call("webhooks", "check").exit_code == 0
    assert sandbox.requests() == []
    assert queue.waiting(ledger.engine) == []


def test_when_exact_is_away_signals_wait(
    target: Any, sandbox: SandboxHandle, ledger: Ledger
) -> None:
    queue.put(ledger.engine, [told(sandbox, 1)], datetime.now(UTC) - timedelta(minutes=1))
    target.write(max_wait_seconds=0)
    sandbox.fault("*", "unavailable", times=0)
    assert target.call("webhooks", "check").exit_code == 1
    assert len(queue.waiting(ledger.engine)) == 1
    sandbox.clear_faults()
    assert target.call("webhooks", "check").exit_code == 0
    assert queue.waiting(ledger.engine) == []


def test_the_next_run_compares_and_reads_signalled_master_data_again(
    target: Any,
    sandbox: SandboxHandle,
    ledger: Ledger,
    sales_entry: Callable[..., dict[str, Any]],
) -> None:
    accounts = Signal("exact", DIVISION, "GLAccounts", "9c7d2d6e-0000-4000-8000-000000000001")
    queue.put(ledger.engine, [accounts], datetime.now(UTC) - timedelta(minutes=1))
    sandbox.clear_requests()
    assert target.post_here([sales_entry(4)]).exit_code == 0
    read = [one["path"].rpartition("/")[2] for one in sandbox.requests() if one["method"] == "GET"]
    assert read.count("GLAccounts") == 1
    assert "Accounts" not in read
    sandbox.bookkeeper("Bea").edit("000000001", {1: {"cost_center": "B2B"}})
    queue.put(ledger.engine, [told(sandbox, 1)], datetime.now(UTC) - timedelta(minutes=1))
    outcome = target.post_here([sales_entry(5)])
    assert (outcome.exit_code, outcome.report["outcome"]) == (0, "ok")
    assert [one["document_key"] for one in outcome.report["different"]] == [KEY.format(1)]
    assert outcome.report["different"][0]["reason"].startswith("E3 ")
    assert queue.waiting(ledger.engine) == []


def test_many_signals_of_master_data_read_only_what_changed(ledger: Ledger) -> None:
    cache = Cache(ledger.engine, DIVISION)
    before = cache.state("accounts")
    assert before.read_at > 0
    for number in range(60):  # without a run between them
        queue.put(ledger.engine, [Signal("exact", DIVISION, "Accounts", str(number))])
        assert consuming.make_stale(ledger.engine) == [(DIVISION, "accounts")]
    after = cache.state("accounts")
    assert before.read_at - after.read_at == pytest.approx(2 * 86_400)
    assert after.timestamp == before.timestamp


def test_signals_that_nobody_looks_at_are_told_to_monitoring(target: Any, ledger: Ledger) -> None:
    stranger = Signal("exact", DIVISION, "SalesEntries", "9c7d2d6e-0000-4000-8000-000000000001")
    queue.put(ledger.engine, [stranger], datetime.now(UTC) - timedelta(minutes=59))
    assert "signals" not in target.call("status").stdout
    other = Signal("exact", DIVISION, "SalesEntries", "9c7d2d6e-0000-4000-8000-000000000002")
    queue.put(ledger.engine, [other], datetime.now(UTC) - timedelta(minutes=61))
    status = target.call("status")
    assert status.exit_code == 1
    assert "nobody has looked at some since" in status.stdout
    assert target.call("webhooks", "check").exit_code == 0
    assert "signals" not in target.call("status").stdout


def test_the_receiver_looks_by_itself(target: Any, sandbox: SandboxHandle, ledger: Ledger) -> None:
    target.write(**schemes_of(sandbox))
    sooner = "from target_exact_online.webhooks import commands as c; c.LOOK_EVERY_SECONDS = 0.2"
    receiver = start(target.folder, target.config, before=sooner)
    try:
        url = receiver.url.replace("http://", "https://") + "/exact"
        done = target.call("webhooks", "subscribe", "--url", url, "--topic", "SalesEntries")
        assert done.exit_code == 0, done.stderr
        sandbox.bookkeeper("Bea").edit("000000001", {1: {"gl_account": "8070"}})
        for number in (1, 2):
            key = entry_ids(sandbox)[f"{number:09}"]
            (answer,) = webhook_subscriptions.tell(sandbox.context, DIVISION, "SalesEntries", key)
            assert answer.status == 200
        ends = time.monotonic() + 60
        while not comparing.differing(ledger) or queue.waiting(ledger.engine):
            assert time.monotonic() < ends, receiver.log.read_text()
            time.sleep(0.2)
        assert [row.codes for row in comparing.differing(ledger)] == ["E3"]
        assert receiver.end() == 0
    finally:
        stop(receiver)
    assert "is in Exact in another way than it was posted: E3" in receiver.log.read_text()


def test_a_signed_month_is_stale_when_an_entry_of_it_was_edited(
    target: Any, sandbox: SandboxHandle, ledger: Ledger
) -> None:
    assert target.call("reconcile", "--month", "2026-02").exit_code in {0, 3}
    assert target.call("reconcile", "sign", "--month", "2026-02", "--note", "ok").exit_code == 0
    assert target.call("reconcile", "status", "--month", "2026-02").exit_code == 0
    sandbox.bookkeeper("Bea").edit("000000001", {1: {"gl_account": "8070"}})
    queue.put(ledger.engine, [told(sandbox, 1)])
    target.call("webhooks", "check")
    assert target.call("reconcile", "status", "--month", "2026-02").exit_code == 3


def test_an_answer_of_another_form_is_no_answer(
    target: Any, sandbox: SandboxHandle, ledger: Ledger
) -> None:
    queue.put(ledger.engine, [told(sandbox, 1)], datetime.now(UTC) - timedelta(minutes=1))
    odd = '{"d":{"results":[{"EntryID":"x","AmountFC":"much"}]}}'
    body = {"status": 200, "headers": {"content-type": "application/json"}, "body": odd}
    sandbox.fault(f"*/{LINES}", "status_before", times=0, **body)
    checked = target.call("webhooks", "check")
    assert checked.exit_code == 1
    assert checked.stderr.count("ERROR: ") == 1
    assert "cannot be used" in checked.stderr
    outcome = target.post_here([])  # a run goes on without it
    assert (outcome.exit_code, outcome.report["different"]) == (0, [])
    sandbox.clear_faults()
    assert target.call("webhooks", "check").exit_code == 0

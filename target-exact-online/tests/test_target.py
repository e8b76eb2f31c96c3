"""The target as a process against the sandbox: what is posted, parked, told and remembered."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle


def posted(sandbox: SandboxHandle) -> list[str]:
    """The references of all sales entries in the sandbox, sorted."""
    return sorted(str(row["YourRef"]) for row in sandbox.exact("salesentry/SalesEntries"))


def test_documents_are_posted_once(
    sandbox: SandboxHandle, target: Any, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    before = posted(sandbox)
    records = [sales_entry(1), sales_entry(2), sales_entry(3, kind="credit_memo")]

    first = target.post(records)
    calls = len(sandbox.requests())
    second = target.post(records)

    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr
    assert first.state == second.state == {"records": 3}
    assert sorted(set(posted(sandbox)) - set(before)) == ["000000001", "000000002", "000000003"]
    assert len(posted(sandbox)) == len(before) + 3
    totals = {(p["kind"], p["currency"]): p["amount"] for p in first.report["posted"]}
    assert totals == {("invoice", "EUR"): "242.00", ("credit_memo", "EUR"): "-121.00"}
    assert second.report["already_there"] == {"sales_entries": 3}
    assert second.report["posted"] == []
    assert len(sandbox.requests()) == calls, "a second run that posts nothing calls nothing"


def test_one_bad_document_stops_nobody(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    unknown = sales_entry(2)
    unknown["lines"][0]["gl_account"] = "8oo0"
    crooked = sales_entry(3)
    crooked["totals"]["amount"] = Decimal("121.01")
    no_lines = sales_entry(4, lines=[])
    nameless = {"your_ref": "x"}

    outcome = target.post([sales_entry(1), unknown, crooked, no_lines, nameless, sales_entry(5)])

    assert outcome.exit_code == 3
    assert outcome.state == {"records": 6}
    assert {"000000001", "000000005"} <= set(posted(sandbox))
    reasons = {line["document_key"]: line["reason"] for line in outcome.report["parked"]}
    assert len(reasons) == 4
    assert "8oo0" in reasons["shop:invoice:000000002"]
    assert "121.01" in reasons["shop:invoice:000000003"]
    assert "lines" in reasons["shop:invoice:000000004"]
    (unnamed,) = (reason for key, reason in reasons.items() if key.startswith("sales_entries:"))
    assert "document_key" in unnamed
    assert "Traceback" not in outcome.stderr
    for key in reasons:
        assert key in outcome.stderr


def test_what_was_parked_is_posted_when_a_bookable_version_comes(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    refused = {
        "document_key": "shop:invoice:000000001",
        "reason": "No rule for sku X",
        "where": "line 1, sku",
        "what_to_do": "Add a rule.",
        "amount": 121.00,
        "source": {"order_increment_id": "000000001"},
    }
    first = target.post_here([refused], "refused_documents")
    assert first.exit_code == 3
    (parked,) = first.report["parked"]
    assert parked["reason"] == "No rule for sku X (line 1, sku). Add a rule."
    assert parked["order_number"] == "000000001"

    second = target.post_here([sales_entry(1)])

    assert second.exit_code == 0
    assert "000000001" in posted(sandbox)
    assert second.report["still_parked"] == 0


def test_what_exact_got_later_lets_a_parked_document_through(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    debtor = {"match": {"email": "new@example.com"}}
    first = sales_entry(1, debtor=debtor, payment_condition="30")
    assert target.post_here([first]).exit_code == 3
    again = target.call()
    assert (again.exit_code, again.report["still_parked"]) == (0, 1)

    target.write(create_accounts=True)
    debtor["create"] = {"name": "New", "email": "new@example.com", "country": "NL"}
    second = sales_entry(2, debtor=debtor, payment_condition="30")
    told = target.post_here([second])
    assert [one["documents"] for one in told.report["posted"]] == [1]
    (parked,) = told.report["parked"]
    assert "create_debtors" in parked["reason"], "what is to do is another thing now"
    third = target.call()

    assert third.exit_code == 0
    assert {"000000001", "000000002"} <= set(posted(sandbox))


def test_what_is_parked_for_long_is_looked_for_seldom_but_at_once_when_a_person_says_so(
    target: Any,
    sandbox: SandboxHandle,
    open_exact: Callable[[SandboxHandle], Any],
    sales_entry: Callable[..., dict[str, Any]],
) -> None:
    plain = {"gl_account": "8000", "amount": 100.0, "vat_code": "21", "vat_amount": 21.0}
    lacks = ({"gl_account": "8oo0"}, {"vat_code": "XX"}, {"cost_center": "LATER"})
    records = [sales_entry(n, lines=[plain | one | {"rule": "r"}]) for n, one in enumerate(lacks)]
    assert len(target.post_here(records).report["parked"]) == 3

    def months_pass() -> None:
        with contextlib.closing(sqlite3.connect(target.folder / "ledger.db")) as ledger, ledger:
            ledger.execute("UPDATE documents SET updated_at = '2026-01-01 00:00:00'")

    months_pass()
    later = {"Code": "LATER", "Description": "Made in Exact"}
    open_exact(sandbox).client.post("hrm/Costcenters", later)
    sandbox.clear_requests()
    assert target.call().report["still_parked"] == 3
    assert [one for one in sandbox.requests(system="exact") if "token" not in one["path"]] == []

    target.call("documents", "replay", records[2]["document_key"])
    months_pass()  # what is held is no parked document, however long it waits
    assert [one["documents"] for one in target.call().report["posted"]] == [1]


def test_a_new_debtor_is_created_once_for_all_its_documents(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.write(create_accounts=True)
    debtor = {
        "match": {"email": "new@example.com"},
        "create": {"name": "New customer", "email": "new@example.com", "country": "NL"},
    }
    records = [sales_entry(n, debtor=debtor, payment_condition="30") for n in range(1, 6)]
    outcome = target.post(records)
    assert outcome.exit_code == 0, outcome.stderr
    created = [a for a in sandbox.exact("crm/Accounts") if a.get("Email") == "new@example.com"]
    assert len(created) == 1
    entries = [e for e in sandbox.exact("salesentry/SalesEntries") if e["YourRef"] <= "000000005"]
    assert {e["Customer"] for e in entries if e["YourRef"] >= "000000001"} == {created[0]["ID"]}


def test_a_changed_document_is_reported_with_both_versions_and_never_overwritten(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([sales_entry(1)])
    before = sandbox.exact("salesentry/SalesEntries")
    changed = sales_entry(1)
    changed["lines"][0] |= {"amount": 200.00, "vat_amount": 42.00}
    changed["totals"] = {"amount": 242.00, "vat_amount": 42.00, "net_amount": 200.00}

    outcome = target.post_here([changed])

    assert outcome.exit_code == 3
    (line,) = outcome.report["changed"]
    assert line["document_key"] == "shop:invoice:000000001"
    assert sandbox.exact("salesentry/SalesEntries") == before
    assert target.post_here([changed]).exit_code == 0, "a change is reported once"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"division": None}, "setting division is missing"),
        ({"division": "x"}, "division"),
        ({"client_secret": None}, "client_secret"),
        ({"base_url": "http://127.0.0.1:1"}, "cannot be reached"),
        ({"base_url": None, "country": "XX"}, "country"),
        ({"ledger_url": "sqlite:////no/such/folder/x.db"}, "unable to open database file"),
        ({"refresh_token": "wrong"}, "authorize"),
        ({"division": 42}, "division"),
        ({"fail_on": "sometimes"}, "sometimes"),
        ({"report_file": "/no/such/folder/report.json"}, "report_file"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(
    target: Any,
    sales_entry: Callable[..., dict[str, Any]],
    messages: Callable[..., str],
    changes: dict[str, Any],
    said: str,
) -> None:
    target.write(**changes)
    outcome = target.call(given=messages("sales_entries", [sales_entry(1)]))
    assert outcome.exit_code == 1
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1, outcome.stderr
    assert said in errors[0]
    assert "Traceback" not in outcome.stderr
    assert target.config.get("client_secret", "sandbox-secret") not in outcome.stderr
    if said == "cannot be reached":
        assert outcome.report["held"] == 1
    elif "report_file" not in changes:
        assert outcome.stdout == "", "no STATE for what was not posted"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json with Jansen in it", "not JSON"),
        ('{"type": "RECORD", "record": {"name": "Jansen"}}', "has no stream"),
        ('{"type": "RECORD", "stream": "x", "record": {"name": "Jansen"}}', "schema"),
        (
            json.dumps({"type": "SCHEMA", "stream": "orders", "schema": {"properties": {}}}),
            "orders",
        ),
        ('"Jansen"', "its type is none"),
        ('{"type": {"Jansen": 1}}', "no Singer message"),
        ('{"type": "BATCH", "stream": "x", "encoding": "Jansen"}', "its type is BATCH"),
        ('{"type": "RECORD", "stream": 5, "record": {"name": "Jansen"}}', "stream of a RECORD"),
        ('{"type": "RECORD", "stream": "x", "record": "Jansen"}', "record of a RECORD"),
        ('{"type": "STATE", "value": "Jansen"}', "value of a STATE"),
        ('{"type": "SCHEMA", "stream": ["Jansen"], "schema": {}}', "stream of a SCHEMA"),
        ("[" * 60_000, "too deep"),
        ('{"type": "STATE", "value": {"Jansen": 1e9999999999999999999}}', "not JSON"),
    ],
)
def test_broken_input_is_one_clear_line_without_personal_data(
    target: Any, line: str, said: str
) -> None:
    outcome = target.call(given=line + "\n")
    assert outcome.exit_code == 1
    (error,) = [text for text in outcome.stderr.splitlines() if text.startswith("ERROR: ")]
    assert said in error
    assert "Jansen" not in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_personal_data_is_in_no_log_and_readable_in_no_file(
    target: Any, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    record = sales_entry(1, description="Jansen, Dorpsstraat 1")
    outcome = target.post([record, {"document_key": "bad", "name": "Jansen"}])
    assert outcome.exit_code == 3
    assert "Jansen" not in outcome.stderr + outcome.stdout
    with contextlib.closing(sqlite3.connect(target.folder / "ledger.db")) as connection:
        assert "Jansen" not in "\n".join(connection.iterdump())


def test_nothing_but_state_on_standard_output(
    target: Any, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    outcome = target.post([sales_entry(n) for n in range(1, 4)])
    assert [list(json.loads(line)) for line in outcome.stdout.splitlines()]
    assert all(list(json.loads(line)) == ["records"] for line in outcome.stdout.splitlines())


def test_an_empty_state_is_not_written(target: Any) -> None:
    outcome = target.call(given='{"type": "STATE", "value": {}}\n')
    assert (outcome.exit_code, outcome.stdout) == (0, "")


@pytest.mark.parametrize(("fail_on", "exit_code"), [("parked", 3), ("failed", 0), ("never", 0)])
def test_the_exit_code_follows_the_policy(
    target: Any,
    sales_entry: Callable[..., dict[str, Any]],
    messages: Callable[..., str],
    fail_on: str,
    exit_code: int,
) -> None:
    given = messages("sales_entries", [sales_entry(1, lines=[])])
    outcome = target.call("--fail-on", fail_on, given=given)
    assert outcome.exit_code == exit_code


def test_a_signal_after_the_last_record_finishes_its_call(
    sandbox: SandboxHandle,
    target: Any,
    sales_entry: Callable[..., dict[str, Any]],
    messages: Callable[..., str],
) -> None:
    sandbox.fault("*/salesentry/SalesEntries", "latency", method="POST", seconds=1)
    with target.start() as process:
        process.stdin.write(messages("sales_entries", [sales_entry(1)]))
        process.stdin.close()
        process.stdin = None
        while not any(fault.fired for fault in sandbox.faults()):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 143, stderr
    assert json.loads(stdout.splitlines()[-1]) == {"records": 1}
    listed = target.call("documents", "list", "--json").stdout
    assert json.loads(listed)["state"] == "posted"

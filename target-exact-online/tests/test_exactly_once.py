"""Each document exactly once: lost answers, kills, lost ledgers, several processes, signals."""

from __future__ import annotations

import importlib.util
import itertools
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

    SalesEntry = Callable[..., dict[str, Any]]

ENTRIES = "*/salesentry/SalesEntries"


def references(sandbox: SandboxHandle) -> Counter[str]:
    """How often each of our references is among the sales entries."""
    rows = sandbox.exact("salesentry/SalesEntries")
    return Counter(str(row["YourRef"]) for row in rows if str(row["YourRef"]) < "000009999")


def once(*numbers: int) -> Counter[str]:
    return Counter(f"{number:09}" for number in numbers)


@pytest.mark.parametrize("kind", ["error_after", "drop_after", "truncate", "drop_before"])
def test_a_lost_answer_is_settled_by_asking(
    kind: str, target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.fault(ENTRIES, kind, method="POST", nth=2)

    outcome = target.post([sales_entry(n) for n in range(1, 5)])

    assert outcome.exit_code == 0, outcome.stderr
    assert references(sandbox) == once(1, 2, 3, 4)
    assert outcome.state == {"records": 4}
    assert outcome.report["failed"] == []
    story = target.call("documents", "show", "shop:invoice:000000002").stdout
    assert "unanswered" in story
    assert ("settled" in story) == (kind != "drop_before")
    assert target.call("audit", "verify").exit_code == 0


@pytest.mark.parametrize("kind", ["error_before", "unavailable"])
def test_what_failed_twice_waits_and_is_tried_again(
    kind: str, target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    body = {"body": "busy"} if kind == "error_before" else {}
    sandbox.fault(ENTRIES, kind, method="POST", times=0, **body)
    first = target.post_here([sales_entry(1)])  # sent, asked for, sent again
    assert first.exit_code == 3
    assert first.state == {"records": 1}
    sandbox.clear_faults()
    time.sleep(1.1)  # settle_after_seconds

    second = target.call()  # asked for: not there, and not for the first time

    (failed,) = second.report["failed"]
    assert failed["next_retry_at"] > second.report["finished_at"]
    assert target.call().report["failed"] == [], "not before its time"
    target.call("documents", "retry-all")
    assert target.call().exit_code == 0
    assert references(sandbox) == once(1)


def test_a_lost_ledger_is_made_good_from_exact(
    target: Any, make_target: Callable[..., Any], sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    records = [sales_entry(n) for n in range(1, 71)]
    sandbox.set("exact.minute_limit", None)
    target.post(records)
    other_total = sales_entry(3)
    other_total["lines"][0] |= {"amount": 200.00, "vat_amount": 42.00}
    other_total["totals"] = {"amount": 242.00, "vat_amount": 42.00, "net_amount": 200.00}
    records[2] = other_total
    records.append(sales_entry(71))
    records.append(sales_entry(1, kind="credit_memo"))  # shares its reference with an invoice
    sandbox.clear_requests()

    outcome = make_target("new", refresh_token=sandbox.exact_config()["refresh_token"]).post(
        records
    )

    assert outcome.exit_code == 3
    assert outcome.report["already_there"] == {"sales_entries": 69}
    assert [line["document_key"] for line in outcome.report["parked"]] == ["shop:invoice:000000003"]
    assert "amount is 121 instead of 242.0" in outcome.report["parked"][0]["reason"]
    assert references(sandbox) == once(*range(1, 72)) + once(1)
    asked = [r for r in sandbox.requests() if r["method"] == "GET" and "SalesEntries" in r["path"]]
    assert len(asked) <= 4, "references are read in pages, not one by one"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_processes_at_once_post_each_document_once(
    database: str,
    request: pytest.FixtureRequest,
    make_target: Callable[..., Any],
    sandbox: SandboxHandle,
    sales_entry: SalesEntry,
    messages: Callable[..., str],
) -> None:
    sandbox.set("exact.minute_limit", None)
    config = {}
    if database == "postgresql":
        config["ledger_url"] = request.getfixturevalue("postgres_ledger")
    target = make_target(**config)
    debtor = {"match": {"email": "new@example.com"}, "create": {"name": "New", "country": "NL"}}
    more = {"debtor": debtor, "payment_condition": "30"}
    given = messages(
        "sales_entries", [sales_entry(n, **(more if n % 7 == 0 else {})) for n in range(1, 61)]
    )
    target.write(create_accounts=True, report_file=None)
    target.run()  # creates the ledger and the login

    processes = [target.start() for _ in range(2)]
    for process in processes:
        process.stdin.write(given)
        process.stdin.close()
        process.stdin = None
    ends = [process.communicate(timeout=90) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], ends
    assert references(sandbox) == once(*range(1, 61))
    new = [row for row in sandbox.exact("crm/Accounts") if row.get("Email") == "new@example.com"]
    assert len(new) == 1
    assert target.call("audit", "verify").exit_code == 0


@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_finishes_the_call_in_flight_and_leaves_a_true_state(
    signum: int,
    exit_code: int,
    target: Any,
    sandbox: SandboxHandle,
    sales_entry: SalesEntry,
    messages: Callable[..., str],
) -> None:
    sandbox.set("exact.minute_limit", None)
    sandbox.fault(ENTRIES, "latency", method="POST", nth=2, seconds=1)
    process = target.start()
    process.stdin.write(messages("sales_entries", [sales_entry(n) for n in range(1, 41)]))
    process.stdin.flush()  # and left open, like a tap that is still reading
    while not any(fault.fired for fault in sandbox.faults()):
        time.sleep(0.01)

    process.send_signal(signum)
    process.send_signal(signum)  # an impatient person
    stdout, stderr = process.communicate(timeout=30)

    assert process.returncode == exit_code, stderr
    state = json.loads(stdout.splitlines()[-1])["records"]
    posted = references(sandbox)
    assert set(posted.values()) == {1}
    held = target.call("documents", "list", "--json").stdout
    safe = {json.loads(line)["your_ref"] for line in held.splitlines()}
    assert safe >= {f"{n:09}" for n in range(1, state + 1)}, "STATE never runs ahead"
    assert 2 <= len(posted) < 40
    assert "Traceback" not in stderr

    assert target.post([sales_entry(n) for n in range(state + 1, 41)]).exit_code == 0
    assert references(sandbox) == once(*range(1, 41))


def test_when_the_day_is_spent_documents_wait_and_state_goes_on(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.set("exact.day_limit", 18)
    outcome = target.post_here([sales_entry(n) for n in range(1, 21)])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.state == {"records": 20}
    assert outcome.report["held"] == 20 - len(references(sandbox)) > 0
    assert "Run again after" in outcome.report["held_because"]
    assert outcome.report["resume_at"] is not None
    statuses = Counter(r["status"] for r in sandbox.requests())
    assert statuses[429] == 0


def test_an_unreachable_exact_costs_no_document(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.set("exact.minute_limit", None)
    target.post_here([sales_entry(1)])
    target.write(base_url="http://127.0.0.1:1")
    outcome = target.post_here([sales_entry(n) for n in range(1, 31)])
    assert outcome.exit_code == 1
    assert outcome.state == {"records": 30}
    assert outcome.stderr.count("ERROR: ") == 1
    target.write(base_url=sandbox.url)
    target.call("documents", "retry-all")
    assert target.call().exit_code == 0
    assert references(sandbox) == once(*range(1, 31))


def test_who_fails_too_often_waits_for_a_person(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.fault(ENTRIES, "unavailable", method="POST", times=0)
    target.write(max_attempts=2)
    target.post_here([sales_entry(1)])
    time.sleep(1.1)  # settle_after_seconds
    (parked,) = target.call().report["parked"]
    assert "Given up after 2 attempts" in parked["reason"]
    assert references(sandbox) == Counter()


def test_the_crash_lab_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "crash_lab.py"
    spec = importlib.util.spec_from_file_location("crash_lab", path)
    assert spec is not None
    assert spec.loader is not None
    crash_lab = importlib.util.module_from_spec(spec)
    sys.modules["crash_lab"] = crash_lab
    monkeypatch.syspath_prepend(str(path.parent))
    spec.loader.exec_module(crash_lab)

    figures = crash_lab.run(4, seed=7, folder=tmp_path)

    assert figures["kills"] >= 4
    assert figures["documents"] > 8
    assert (figures["lost"], figures["doubled"]) == (0, 0)
    assert figures["chain_whole"] == 1


@pytest.mark.parametrize(
    ("priority", "order"),
    [
        ("waiting", ["000000001", "000000002", "000000003"]),
        ("credit_memos", ["000000002", "000000001", "000000003"]),
        ("new", ["000000003", "000000001", "000000002"]),
    ],
)
def test_what_goes_first_when_calls_are_scarce(
    priority: str,
    order: list[str],
    target: Any,
    sandbox: SandboxHandle,
    sales_entry: SalesEntry,
    messages: Callable[..., str],
) -> None:
    target.write(base_url="http://127.0.0.1:1", priority=priority)
    waiting = [sales_entry(1), sales_entry(2, kind="credit_memo")]
    assert target.call(given=messages("sales_entries", waiting)).exit_code == 1
    target.write(base_url=sandbox.url)

    assert target.call(given=messages("sales_entries", [sales_entry(3)])).exit_code == 0

    rows = sandbox.exact("salesentry/SalesEntries", orderby="EntryNumber")
    assert [row["YourRef"] for row in rows if row["YourRef"] in order] == order


def test_an_outage_of_writes_is_waited_for_with_growing_pauses(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """Questions are answered meanwhile, so nothing else holds the run."""
    target.write(max_wait_seconds=30)
    sandbox.fault(ENTRIES, "unavailable", method="POST", times=5)
    outcome = target.post_here([sales_entry(n) for n in range(1, 9)])
    assert outcome.exit_code == 0, outcome.stderr
    assert references(sandbox) == once(*range(1, 9))
    posts = [one["at"] for one in sandbox.requests(method="POST") if "SalesEntries" in one["path"]]
    waits = [later - earlier for earlier, later in itertools.pairwise(posts[:6])]
    assert all(wait > 0.2 * 2**number for number, wait in enumerate(waits)), waits


def test_an_outage_of_writes_that_lasts_ends_in_a_time_to_try_again(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(max_wait_seconds=4)
    sandbox.fault(ENTRIES, "unavailable", method="POST", times=0)
    outcome = target.post_here([sales_entry(n) for n in range(1, 30)])
    assert outcome.exit_code == 1
    assert outcome.report["retry_at"]
    posts = [one["at"] for one in sandbox.requests(method="POST") if "SalesEntries" in one["path"]]
    assert 3 < posts[-1] - posts[0] < 6
    assert len(posts) < 8
    sandbox.clear_faults()
    target.call()
    assert references(sandbox) == once(*range(1, 30))

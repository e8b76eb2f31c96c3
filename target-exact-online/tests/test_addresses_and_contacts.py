"""Through the real target: the addresses and contacts of relations, each there once."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from target_exact_online.relations.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

    SalesEntry = Callable[..., dict[str, Any]]

RELATIONS, ADDRESSES, CONTACTS = "crm/Accounts", "crm/Addresses", "crm/Contacts"
ENTRIES = "salesentry/SalesEntries"
WAIT = 2.2  # settle_after_seconds and index_lag_seconds
WAREHOUSE = {
    "type": "delivery",
    "address_line1": "Havenkade 7",
    "postcode": "3011 AA",
    "city": "Rotterdam",
    "country": "NL",
}
ANNA = {"first_name": "Anna", "last_name": "de Vries", "email": "anna@example.com"}
BEN = {"last_name": "Bos", "phone": "+31 10 1234567", "job_title": "Buyer"}


def relation(**changes: Any) -> dict[str, Any]:
    return {
        "document_key": "shop:customer:1",
        "source": {"instance": "shop"},
        "name": "Voorbeeld B.V.",
        "search_code": "SHOP-1",
        "address_line1": "Dorpsstraat 1",
        "city": "Delft",
        "country": "NL",
        "addresses": [WAREHOUSE],
        "contacts": [ANNA, BEN],
    } | changes


def debtor(**changes: Any) -> dict[str, Any]:
    create = relation(**changes)
    del create["document_key"], create["source"], create["search_code"]
    return {
        "debtor": {"match": {"search_code": "SHOP-1"}, "create": create},
        "payment_condition": "30",
    }


def details(sandbox: SandboxHandle) -> tuple[int, Counter[Any], Counter[Any]]:
    """How many relations there are, and what belongs to the one."""
    relations = sandbox.exact(RELATIONS, filter="SearchCode eq 'SHOP-1'")
    keys = {row["ID"] for row in relations}
    addresses = (row for row in sandbox.exact(ADDRESSES) if row["Account"] in keys)
    contacts = (row for row in sandbox.exact(CONTACTS) if row["Account"] in keys)
    return (
        len(relations),
        Counter((row["Type"], row["AddressLine1"]) for row in addresses),
        Counter(row["FullName"] for row in contacts),
    )


ALL = (1, Counter({(4, "Havenkade 7"): 1}), Counter({"Anna de Vries": 1, "Bos": 1}))


def unfinished(target: Any) -> int:
    engine = sa.create_engine(target.config["ledger_url"])
    with engine.connect() as connection:
        open_rows = "SELECT count(*) FROM relations WHERE payload IS NOT NULL"
        count = connection.scalar(sa.text(open_rows))
    engine.dispose()
    return int(count or 0)


def in_ledger(target: Any, statement: str) -> None:
    engine = sa.create_engine(target.config["ledger_url"])
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def calls(sandbox: SandboxHandle, method: str, resource: str) -> int:
    requests = sandbox.requests(system="exact", method=method)
    return sum(request["path"].endswith(resource) for request in requests)


def test_a_relation_comes_with_its_addresses_and_contacts(
    target: Any, sandbox: SandboxHandle
) -> None:
    postal = {"type": "postal", "address_line1": "Postbus 9", "city": "Delft", "country": "NL"}
    record = relation(addresses=[WAREHOUSE, postal, WAREHOUSE], contacts=[ANNA, BEN, ANNA])
    outcome = target.post_here([record], "accounts")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.report["warnings"] == []
    count, addresses, contacts = details(sandbox)
    assert (count, contacts) == (1, ALL[2])
    assert addresses == {(4, "Havenkade 7"): 1, (2, "Postbus 9"): 1}
    (ben,) = (row for row in sandbox.exact(CONTACTS) if row["LastName"] == "Bos")
    assert (ben["Phone"], ben["JobTitleDescription"]) == ("+31 10 1234567", "Buyer")
    assert unfinished(target) == 0
    assert calls(sandbox, "POST", "s") == 5, "one for the relation, one for each detail"


def test_all_that_is_wrong_is_named_at_once_and_nothing_is_called(
    target: Any, sandbox: SandboxHandle
) -> None:
    record = relation(
        country="nl",
        addresses=[
            {"type": "home", "city": "Delft", "country": "Nederland"},
            {"type": "delivery", "state": "California"},
            WAREHOUSE | {"address_line2": "x" * 61, "state": "Zuid-Holland", "phone": "0" * 18},
        ],
        contacts=[{"email": "nonsense"}, {"last_name": "x" * 41}],
    )
    outcome = target.post_here([record], "accounts")
    assert outcome.exit_code == 3
    (parked,) = outcome.report["parked"]
    for where in (
        "debtor, country",
        "debtor, address 1, type",
        "debtor, address 1, country",
        "(debtor, address 2)",
        "(debtor, contact 1)",
    ):
        assert where in parked["reason"]
    for optional in ("state", "phone", "rest of the street", "last_name"):
        assert optional not in parked["reason"]
    assert not [one for one in sandbox.requests(system="exact") if "/crm/" in one["path"]]


def test_a_relation_that_exact_has_is_left_as_it_is(target: Any, sandbox: SandboxHandle) -> None:
    target.post_here([relation(addresses=[], contacts=[])], "accounts")
    later = relation(document_key="shop:customer:2", name="Another name")
    outcome = target.post_here([later], "accounts")
    assert outcome.exit_code == 0
    (warning,) = outcome.report["warnings"]
    assert "had this relation already" in warning["reason"]
    assert details(sandbox) == (1, Counter(), Counter())


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("error_after", RELATIONS),
        ("drop_before", RELATIONS),
        ("drop_after", ADDRESSES),
        ("error_after", CONTACTS),
        ("drop_after", CONTACTS),
        ("drop_before", CONTACTS),
        ("truncate", CONTACTS),
    ],
)
def test_a_lost_answer_ends_with_everything_there_once(
    kind: str, resource: str, target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    sandbox.fault(f"*/{resource}", kind, method="POST")

    outcome = target.post_here([sales_entry(1, **debtor())])

    assert outcome.exit_code == 0
    if resource != RELATIONS:  # the entry matters more than a contact
        assert outcome.report["posted"]
        (warning,) = outcome.report["warnings"]
        assert "still lacks" in warning["reason"]
        assert warning["document_key"] == "shop:invoice:000000001"
        assert unfinished(target) >= 1
    time.sleep(WAIT)
    outcome = target.call()
    assert outcome.exit_code == 0
    assert outcome.report["warnings"] == []
    assert details(sandbox) == ALL
    assert [row["YourRef"] for row in sandbox.exact(ENTRIES)].count("000000001") == 1
    assert unfinished(target) == 0


def test_a_call_that_may_still_be_at_work_is_waited_for(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True, settle_after_seconds=600)
    sandbox.fault(f"*/{CONTACTS}", "drop_before", method="POST")
    target.post_here([sales_entry(1, **debtor())])
    sandbox.clear_requests()
    (warning,) = target.call().report["warnings"]
    assert "does not show yet what an earlier call may have created" in warning["reason"]
    assert calls(sandbox, "POST", CONTACTS) == 1, "the other one, which was never sent"
    in_ledger(target, "UPDATE relations SET sent_at = '2000-01-01 00:00:00'")
    assert target.call().report["warnings"] == []
    assert details(sandbox) == ALL


def test_a_relation_whose_answer_was_lost_is_ours_though_the_cache_has_it(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    sandbox.fault(f"*/{RELATIONS}", "drop_after", method="POST")
    target.post_here([sales_entry(1, **debtor())])
    in_ledger(target, "UPDATE master_state SET read_at = 0")  # an hour passes
    assert target.post_here([sales_entry(2, **debtor())]).exit_code == 0
    assert details(sandbox) == ALL


def test_a_relation_that_somebody_created_meanwhile_is_left_as_it_is(
    target: Any, make_target: Callable[..., Any], sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    target.post_here([sales_entry(1)])  # reads the relations
    login = sandbox.exact_config()["refresh_token"]
    other = make_target("other", refresh_token=login)
    other.post_here([relation(name="Voorbeeld BV", addresses=[], contacts=[])], "accounts")
    outcome = target.post_here([sales_entry(2, **debtor())])
    assert (outcome.exit_code, outcome.report["warnings"]) == (0, [])
    assert details(sandbox) == (1, Counter(), Counter())


def test_while_exact_is_away_every_run_says_what_is_missing(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    sandbox.fault(f"*/{CONTACTS}", "unavailable", times=0)
    for outcome in (target.post_here([sales_entry(1, **debtor())]), target.call()):
        assert outcome.exit_code == 0
        (warning,) = outcome.report["warnings"]
        assert "still lacks 2 contact" in warning["reason"]
        assert warning["order_number"] == "000000001"
    sandbox.clear_faults()
    time.sleep(WAIT)
    # The relation is known by now, and its next document completes nothing of it.
    outcome = target.post_here([sales_entry(2, **debtor(contacts=[]))])
    assert outcome.report["warnings"] == []
    assert details(sandbox) == ALL


def test_an_outage_is_found_out_once_and_named_for_every_relation(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    sandbox.fault(f"*/{CONTACTS}", "unavailable", method="POST", times=0)
    records = [sales_entry(number, **debtor(name=f"Shop {number}")) for number in (1, 2, 3)]
    for number, record in enumerate(records):
        record["debtor"]["match"] = {"search_code": f"SHOP-{number}"}
    assert target.post_here(records).exit_code == 0
    time.sleep(WAIT)
    sandbox.clear_requests()
    outcome = target.call()
    assert len(outcome.report["warnings"]) == 3
    assert calls(sandbox, "POST", CONTACTS) == 1
    sandbox.clear_faults()
    time.sleep(WAIT)
    assert target.call().report["warnings"] == []
    assert len(sandbox.exact(CONTACTS)) == 6


def test_what_exact_refuses_is_reported_and_not_tried_again(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    body = json.dumps({"error": {"code": "", "message": {"value": "Ongeldig: E-mail"}}})
    sandbox.fault(f"*/{CONTACTS}", "error_before", method="POST", body=body)
    outcome = target.post_here([sales_entry(1, **debtor())])
    assert outcome.exit_code == 0
    (warning,) = outcome.report["warnings"]
    assert "created without one contact" in warning["reason"]
    assert "Ongeldig: E-mail" in warning["reason"]
    assert details(sandbox) == (1, ALL[1], Counter({"Bos": 1}))
    assert target.call().report["warnings"] == []


def test_another_persons_contact_does_not_stand_for_ours(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    sandbox.fault(f"*/{CONTACTS}", "drop_after", method="POST")
    namesake = ANNA | {"email": "other@example.com"}
    target.post_here([sales_entry(1, **debtor(contacts=[ANNA, namesake]))])
    time.sleep(WAIT)
    assert target.call().exit_code == 0
    people = sorted(row["Email"] for row in sandbox.exact(CONTACTS))
    assert people == ["anna@example.com", "other@example.com"]


@pytest.mark.parametrize(("resource", "nth"), [(RELATIONS, 1), (ENTRIES, 1), (CONTACTS, 2)])
def test_a_kill_at_any_call_ends_with_everything_there_once(
    resource: str,
    nth: int,
    target: Any,
    sandbox: SandboxHandle,
    sales_entry: SalesEntry,
    messages: Callable[..., str],
) -> None:
    target.write(create_accounts=True)
    given = messages("sales_entries", [sales_entry(1, **debtor())])
    sandbox.fault(f"*/{resource}", "slow", method="POST", nth=nth)  # stored; the answer drips
    process = target.start()
    process.stdin.write(given)
    process.stdin.close()
    while not any(fault.fired for fault in sandbox.faults()):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    sandbox.clear_faults()
    time.sleep(WAIT)

    outcome = target.call(given=given)

    assert outcome.exit_code == 0, outcome.report
    assert details(sandbox) == ALL
    assert [row["YourRef"] for row in sandbox.exact(ENTRIES)].count("000000001") == 1
    assert unfinished(target) == 0
    assert target.call("audit", "verify").exit_code == 0


def test_a_restored_ledger_completes_the_relation_that_it_had_created(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    target.post_here([sales_entry(1)])  # reads the relations
    backup = target.back_up()
    sandbox.fault(f"*/{CONTACTS}", "drop_before", method="POST", nth=2)
    target.post_here([sales_entry(2, **debtor())])
    assert details(sandbox) != ALL
    target.restore(backup)
    outcome = target.post_here([sales_entry(2, **debtor())])
    assert (outcome.exit_code, outcome.report["warnings"]) == (0, [])
    assert details(sandbox) == ALL
    assert unfinished(target) == 0


def test_a_restored_ledger_completes_it_also_when_the_relations_were_read_since(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    target.post_here([sales_entry(1)])
    backup = target.back_up()
    sandbox.fault(f"*/{CONTACTS}", "drop_before", method="POST", nth=2)
    target.post_here([sales_entry(2, **debtor())])
    assert details(sandbox) != ALL
    target.restore(backup)
    target.post_here([sales_entry(3, debtor={"code": "99"})])  # unknown: reads all again
    outcome = target.post_here([sales_entry(2, **debtor()), sales_entry(4, **debtor())])
    assert outcome.report["warnings"] == []
    assert details(sandbox) == ALL
    assert unfinished(target) == 0


def test_a_relation_that_others_made_is_asked_for_once_and_left_alone(
    make_target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    made = relation(name="Somebody", addresses=[], contacts=[])
    make_target("others").post_here([made], "accounts")
    login = sandbox.exact_config()["refresh_token"]
    target = make_target("ours", refresh_token=login, create_accounts=True)
    target.post_here([sales_entry(1)])  # reads the relations
    asked = [calls(sandbox, "GET", RELATIONS)]
    for number in (4, 5):
        outcome = target.post_here([sales_entry(number, **debtor())])
        assert outcome.report["warnings"] == []
        asked.append(calls(sandbox, "GET", RELATIONS))
    assert asked == [asked[0], asked[0] + 1, asked[0] + 1]
    assert details(sandbox) == (1, Counter(), Counter())


def test_a_kill_right_after_what_a_relation_needs_was_noted_creates_each_once(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rows, "there", lambda *_: os._exit(9))
        if os.fork() == 0:
            try:
                target.post_here([sales_entry(1, **debtor())])
            finally:
                os._exit(1)
        os.wait()
    assert unfinished(target) == 4, "the relation, its address and two contacts"
    time.sleep(WAIT)
    outcome = target.call()
    assert (outcome.exit_code, outcome.report["warnings"]) == (0, [])
    assert details(sandbox) == ALL


def test_two_processes_create_each_detail_once(
    make_target: Callable[..., Any],
    postgres_ledger: str,
    sandbox: SandboxHandle,
    sales_entry: SalesEntry,
    messages: Callable[..., str],
) -> None:
    sandbox.set("exact.minute_limit", None)
    target = make_target(ledger_url=postgres_ledger, create_accounts=True, report_file=None)
    target.run()  # creates the ledger and the login
    processes = [target.start() for _ in range(2)]
    for number, process in enumerate(processes):
        records = [sales_entry(2 * n + number, **debtor()) for n in range(1, 9)]
        process.stdin.write(messages("sales_entries", records))
        process.stdin.close()
        process.stdin = None
    ends = [process.communicate(timeout=90) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert details(sandbox) == ALL


def test_a_known_relation_costs_no_further_call(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    target.write(create_accounts=True)
    target.post_here([sales_entry(1, **debtor())])
    sandbox.clear_requests()
    assert target.post_here([sales_entry(2, **debtor())]).exit_code == 0
    assert not [one for one in sandbox.requests(system="exact") if "/crm/" in one["path"]]
    assert details(sandbox) == ALL


def test_a_payment_that_creates_a_relation_brings_its_contact(
    target: Any, sandbox: SandboxHandle
) -> None:
    target.write(create_accounts=True)
    money = {"gl_account": "1245", "amount": 121.00, "description": "Order 1", "rule": "payment"}
    owed = {"gl_account": "1300", "amount": -121.00, "account": debtor()["debtor"]}
    record = {
        "document_key": "shop:payment:000000001",
        "your_ref": "000000001",
        "description": "Payment 000000001",
        "journal": "90",
        "entry_date": "2026-02-10",
        "currency": "EUR",
        "includes": ["shop:invoice:000000001"],
        "lines": [money, money | owed],
        "totals": {"amount": 121.00, "vat_amount": 0, "net_amount": 0},
        "source": {"instance": "shop", "kind": "payment"},
    }
    outcome = target.post_here([record], "general_journal_entries")
    assert outcome.exit_code == 0, outcome.report
    assert details(sandbox) == ALL

"""Through the real target: orders that change, relations and items that have to be made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

ORDERS, LINES = "salesorder/SalesOrders", "salesorder/SalesOrderLines"
ENTRIES, RELATIONS, ITEMS = "salesentry/SalesEntries", "crm/Accounts", "logistics/Items"
READ_ATTEMPTS = 4
PAYMENT_LINES = "generaljournalentry/GeneralJournalEntryLines"


def order(
    sales_entry: Callable[..., dict[str, Any]], number: int, **changes: Any
) -> dict[str, Any]:
    record = sales_entry(number) | {"order_date": "2026-02-10"}
    record["document_key"] = f"shop:order:{number:09}"
    for field in ("kind", "journal", "entry_date"):
        del record[field]
    line = record["lines"][0] | {"item": "TEA-POT", "quantity": 2} | changes
    del line["gl_account"]
    record["lines"] = [line]
    return record


def test_a_changed_order_is_changed_in_exact(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    assert target.post([order(sales_entry, 1)], "sales_orders").exit_code == 0
    changed = order(sales_entry, 1, quantity=5)
    outcome = target.post([changed], "sales_orders")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.report["updated"] == {"sales_orders": 1}
    assert [row["Quantity"] for row in sandbox.exact(LINES, filter="LineNumber gt 0")] == [5]
    posts = len(sandbox.requests(system="exact", method="POST"))
    assert target.post([changed], "sales_orders").exit_code == 0
    assert len(sandbox.requests(system="exact", method="POST")) == posts
    assert target.run("", "audit", "verify").exit_code == 0


def test_an_edited_order_says_in_exact_which_order_it_replaces(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    """Nobody closes the old sales order but a person, who reads it there."""
    said = "Order 000000001-1, replaces 000000001"
    edited = order(sales_entry, 1) | {"description": said, "replaces": "shop:order:000000001"}
    assert target.post_here([edited], "sales_orders").exit_code == 0
    assert [row["Description"] for row in sandbox.exact(ORDERS)] == [said]


def refusal(**changes: Any) -> dict[str, Any]:
    return {
        "document_key": "shop:order:000000001",
        "reason": "the order was cancelled",
        "where": "state",
        "what_to_do": "Nothing: it is sent when the shop processes it.",
        "skip": True,
        "source": {"order_increment_id": "000000001"},
    } | changes


def test_an_order_that_is_cancelled_after_posting_is_reported_once(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([order(sales_entry, 1)], "sales_orders")
    outcome = target.post_here([refusal()], "refused_documents")
    assert outcome.exit_code == 3
    (line,) = outcome.report["changed"]
    assert "was cancelled" in line["reason"]
    assert "documents show shop:order:000000001" in line["reason"]
    again = target.post_here([refusal()], "refused_documents")
    assert (again.exit_code, again.report["changed"]) == (0, [])
    other = target.post_here([refusal(reason="the order was closed")], "refused_documents")
    assert (other.exit_code, len(other.report["changed"])) == (3, 1)
    assert len(sandbox.exact(ORDERS)) == 1


def test_a_cancelled_order_stays_to_be_seen_with_both_versions(
    target: Any, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([order(sales_entry, 1), order(sales_entry, 2)], "sales_orders")
    target.post_here([refusal()], "refused_documents")
    (listed,) = target.call("documents", "list", "--changed", "--json").stdout.splitlines()
    assert json.loads(listed)["document_key"] == "shop:order:000000001"
    assert "was cancelled" in json.loads(listed)["error"]
    shown = target.call("documents", "show", "shop:order:000000001").stdout
    for expected in ("state:            posted", "TEA-POT", "Later version", "was cancelled"):
        assert expected in shown
    assert target.call("audit", "verify").exit_code == 0


def test_an_order_that_comes_back_changed_is_changed_in_exact(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([order(sales_entry, 1)], "sales_orders")
    target.post_here([refusal(reason="the order is on hold")], "refused_documents")
    outcome = target.post_here([order(sales_entry, 1, quantity=5)], "sales_orders")
    assert outcome.report["updated"] == {"sales_orders": 1}
    assert [row["Quantity"] for row in sandbox.exact(LINES, filter="LineNumber gt 0")] == [5]
    assert target.call("documents", "list", "--changed", "--json").stdout == ""


def test_a_cancelled_order_can_be_anonymised(
    target: Any, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([order(sales_entry, 1)], "sales_orders")
    target.post_here([refusal()], "refused_documents")
    assert target.call("anonymise", "--older-than-days", "0").exit_code == 0
    outcome = target.post_here([refusal()], "refused_documents")
    assert (outcome.exit_code, outcome.report["changed"]) == (0, [])
    assert target.call("audit", "verify").exit_code == 0


def test_a_change_that_broke_off_is_made_by_the_next_run(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post([order(sales_entry, 1)], "sales_orders")
    sandbox.fault(f"*/{LINES}", "drop_after", method="POST")
    outcome = target.post([order(sales_entry, 1, quantity=5)], "sales_orders")
    assert outcome.exit_code == 3
    outcome = target.post([], "sales_orders")
    assert outcome.exit_code == 0, outcome.stderr
    assert [row["Quantity"] for row in sandbox.exact(LINES, filter="LineNumber gt 0")] == [5]


def test_a_change_whose_call_is_carried_out_late_is_not_made_twice(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    """The order looks as if nothing had been done, as long as the call is at work."""
    target.write(settle_after_seconds=4, index_lag_seconds=1)
    target.post_here([order(sales_entry, 1)], "sales_orders")
    sandbox.fault(f"*/{LINES}", "late_commit", method="POST", seconds=2)
    target.post_here([order(sales_entry, 1, quantity=5)], "sales_orders")
    outcome = target.post_here([], "sales_orders")
    assert outcome.exit_code == 0, outcome.report["failed"]
    assert [row["Quantity"] for row in sandbox.exact(LINES, filter="LineNumber gt 0")] == [5]


def test_a_change_that_broke_off_and_is_refused_then_is_not_told_as_not_made(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    """Exact has the lines of both versions: that is neither the old order nor the new one."""
    target.post_here([order(sales_entry, 1)], "sales_orders")
    body = '{"error":{"code":"","message":{"lang":"","value":"Geblokkeerd: Besteld door"}}}'
    sandbox.fault(f"*/{LINES}*", "error_before", method="DELETE", body=body, times=0)
    for given in ([order(sales_entry, 1, quantity=5)], []):
        outcome = target.post_here(given, "sales_orders")
        (failed,) = outcome.report["failed"]
        assert "may be changed in part" in failed["reason"]
        assert outcome.report["changed"] == []
        assert len(sandbox.exact(LINES, filter="LineNumber gt 0")) == 2
    sandbox.clear_faults()
    outcome = target.post_here([], "sales_orders")
    assert outcome.report["updated"] == {"sales_orders": 1}, outcome.report["failed"]
    assert [row["Quantity"] for row in sandbox.exact(LINES, filter="LineNumber gt 0")] == [5]


def changed_keys(target: Any) -> list[str]:
    listed = target.call("documents", "list", "--changed", "--json").stdout.splitlines()
    return [json.loads(line)["document_key"] for line in listed]


def test_an_order_that_comes_back_as_it_was_is_changed_no_more(
    target: Any, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([order(sales_entry, 1)], "sales_orders")
    on_hold = refusal(reason="the order is on hold")
    target.post_here([on_hold], "refused_documents")
    assert changed_keys(target) == ["shop:order:000000001"]
    assert target.post_here([order(sales_entry, 1)], "sales_orders").exit_code == 0
    assert changed_keys(target) == []
    again = target.post_here([on_hold], "refused_documents")
    assert (again.exit_code, len(again.report["changed"])) == (3, 1)
    assert target.call("audit", "verify").exit_code == 0


def test_a_change_that_broke_off_and_was_taken_back_is_not_made(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([order(sales_entry, 1)], "sales_orders")
    sandbox.fault(f"*/{LINES}", "drop_after", method="POST")
    changed = order(sales_entry, 1, quantity=5)
    assert target.post_here([changed], "sales_orders").exit_code == 3
    # As often as a question is asked: the left-over change breaks off again before this run's own.
    sandbox.fault(f"*/{ORDERS}*", "error_before", method="GET", times=READ_ATTEMPTS)
    outcome = target.post_here([order(sales_entry, 1)], "sales_orders")
    assert (outcome.exit_code, outcome.report["updated"]) == (3, {"sales_orders": 2})
    assert [row["Quantity"] for row in sandbox.exact(LINES, filter="LineNumber gt 0")] == [2]
    assert changed_keys(target) == []


def test_an_entry_that_comes_back_as_it_was_is_changed_no_more(
    target: Any, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([sales_entry(1)])
    later = sales_entry(1, entry_date="2026-02-11")
    assert target.post_here([later]).exit_code == 3
    assert target.post_here([sales_entry(1)]).exit_code == 0
    assert changed_keys(target) == []
    assert "taken_back" in target.call("documents", "show", "shop:invoice:000000001").stdout
    assert target.post_here([later]).exit_code == 3
    assert target.call("audit", "verify").exit_code == 0


def test_a_changed_entry_is_never_overwritten(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    assert target.post([sales_entry(1)]).exit_code == 0
    outcome = target.post([sales_entry(1, entry_date="2026-02-11")])
    assert outcome.exit_code == 3
    assert "Exact keeps the posted version" in outcome.stderr
    assert [row["EntryDate"][:10] for row in sandbox.exact(ENTRIES)] == ["2026-02-10"]


def test_a_missing_debtor_is_created_once_for_all_its_documents(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    debtor = {
        "match": {"email": "New.Customer@example.com"},
        "create": {"name": "New Customer", "country": "NL", "city": "Utrecht"},
    }
    records = [sales_entry(number, debtor=debtor, payment_condition="14") for number in range(1, 4)]
    assert target.post(records).exit_code == 3  # not without being told to
    target.write(create_accounts=True)
    outcome = target.post(records)
    outcome = target.run("", "documents", "retry-all") if outcome.exit_code else outcome
    assert len(sandbox.exact(ENTRIES)) == 3, outcome.stderr
    (made,) = sandbox.exact(RELATIONS, filter="Email eq 'New.Customer@example.com'")
    assert (made["Name"], made["Status"], made["City"]) == ("New Customer", "C", "Utrecht")
    assert {row["Customer"] for row in sandbox.exact(ENTRIES)} == {made["ID"]}


def payment(number: int, account: Any, **changes: Any) -> dict[str, Any]:
    reference = f"payment {number:09}"
    return {
        "document_key": f"shop:payment:{number:09}",
        "your_ref": reference,
        "currency": "EUR",
        "journal": "90",
        "entry_date": "2026-02-10",
        "includes": [f"shop:invoice:{number:09}"],
        "lines": [
            {"gl_account": "1240", "amount": 121.00},
            {"gl_account": "1300", "amount": -121.00, "account": account},
        ],
        "totals": {"amount": 121.00, "vat_amount": 0, "net_amount": 0},
        "source": {"instance": "shop", "kind": "payment"},
    } | changes


def paid_by(sandbox: SandboxHandle) -> list[str]:
    lines = sandbox.exact(PAYMENT_LINES, filter="GLAccountCode eq '1300'")
    return [line["AccountCode"].strip() for line in lines]


def test_a_payment_finds_its_customer_as_an_invoice_does(
    target: Any, sandbox: SandboxHandle
) -> None:
    accounts = [
        {"match": {"search_code": "PROEFZAAK"}},
        {"match": {"vat_number": "BE0000000097"}},
        {"match": {"email": "aankoop@example.org"}},
        {"code": "10"},
        "10",
    ]
    records = [payment(number, account) for number, account in enumerate(accounts, 1)]
    outcome = target.post_here(records, "general_journal_entries")
    assert outcome.exit_code == 0, outcome.stderr
    assert sorted(paid_by(sandbox)) == ["10", "10", "20002", "20002", "20002"]


def test_a_payment_may_make_its_customer_and_the_invoice_finds_it(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    match = {"email": "New.Customer@example.com"}
    debtor = {"match": match, "create": {"name": "New Customer", "payment_condition": "14"}}
    outcome = target.post_here([payment(1, debtor)], "general_journal_entries")
    assert outcome.exit_code == 3
    assert "No relation in Exact has email" in outcome.report["parked"][0]["reason"]
    target.write(create_accounts=True)
    records = [payment(number, debtor) for number in (1, 2)]
    outcome = target.post_here(records, "general_journal_entries")
    assert outcome.exit_code == 0, outcome.stderr
    outcome = target.post_here([sales_entry(1, debtor=debtor)])
    assert outcome.exit_code == 0, outcome.stderr
    (made,) = sandbox.exact(RELATIONS, filter="Email eq 'New.Customer@example.com'")
    assert paid_by(sandbox) == [made["Code"].strip()] * 2
    assert [row["Customer"] for row in sandbox.exact(ENTRIES)] == [made["ID"]]
    later = debtor | {"create": {"name": "Another name"}}
    again = target.post_here([payment(1, later)], "general_journal_entries")
    assert (again.exit_code, again.report["changed"]) == (0, [])


def test_a_journal_entry_makes_one_customer_at_most(target: Any, sandbox: SandboxHandle) -> None:
    target.write(create_accounts=True)

    def line(amount: float, email: str) -> dict[str, Any]:
        debtor = {"match": {"email": email}, "create": {"name": email}}
        return {"gl_account": "1300", "amount": amount, "account": debtor}

    moved = [line(121.00, "one@example.com"), line(-121.00, "two@example.com")]
    outcome = target.post_here([payment(1, None, lines=moved)], "general_journal_entries")
    assert outcome.exit_code == 3
    assert "two new relations" in outcome.report["parked"][0]["reason"]
    both = [line(121.00, "three@example.com"), line(-121.00, "three@example.com")]
    outcome = target.post_here([payment(2, None, lines=both)], "general_journal_entries")
    assert outcome.exit_code == 0, outcome.stderr
    assert len(set(paid_by(sandbox))) == 1, "the first one still needs two"


def test_a_missing_item_is_created_once(
    make_target: Callable[..., Any],
    sandbox: SandboxHandle,
    sales_entry: Callable[..., dict[str, Any]],
) -> None:
    target = make_target(create_items=True)
    records = [order(sales_entry, number, item="NEW-1") for number in (1, 2)]
    outcome = target.post(records, "sales_orders")
    assert outcome.exit_code == 0, outcome.stderr
    (item,) = sandbox.exact(ITEMS, filter="Code eq 'NEW-1'")
    assert {row["Item"] for row in sandbox.exact(LINES, filter="LineNumber gt 0")} == {item["ID"]}


@pytest.mark.parametrize(
    ("create", "setting", "advice"),
    [
        (True, False, "Set create_accounts of the target, or create the relation in Exact."),
        (False, True, "Set create_debtors in the rules, or create the relation in Exact."),
        (
            False,
            False,
            "Set create_debtors in the rules and create_accounts of the target, or create",
        ),
    ],
)
def test_a_missing_relation_is_parked_with_the_half_that_is_missing(
    target: Any, sales_entry: Callable[..., dict[str, Any]], create: Any, setting: Any, advice: str
) -> None:
    target.write(create_accounts=setting)
    debtor: dict[str, Any] = {"match": {"email": "nobody@new.example"}}
    if create:
        debtor["create"] = {"name": "Nobody", "country": "NL"}
    outcome = target.post_here([sales_entry(1, debtor=debtor)])
    (parked,) = outcome.report["parked"]
    assert "No relation in Exact has email nobody@new.example" in parked["reason"]
    assert advice in parked["reason"]


def test_relations_are_created_and_found_again(target: Any, sandbox: SandboxHandle) -> None:
    def relation(number: int, **fields: Any) -> dict[str, Any]:
        key = {"document_key": f"shop:customer:{number}", "source": {"instance": "shop"}}
        return key | {"name": f"Customer {number}", "search_code": f"SHOP-{number}"} | fields

    records = [relation(1, email="one@example.com", country="NL"), relation(2)]
    outcome = target.post(records, "accounts")
    assert outcome.exit_code == 0, outcome.stderr
    made = sandbox.exact(RELATIONS, filter="startswith(SearchCode,'SHOP-')")
    assert sorted(row["Name"] for row in made) == ["Customer 1", "Customer 2"]
    again = relation(1, name="Somebody else") | {"document_key": "shop:customer:3"}
    assert target.post([again], "accounts").exit_code == 0
    assert len(sandbox.exact(RELATIONS, filter="startswith(SearchCode,'SHOP-')")) == 2
    outcome = target.post([relation(4, email="nonsense")], "accounts")
    assert outcome.exit_code == 3
    assert "is not an e-mail address" in outcome.stderr


def test_a_number_that_this_document_took_is_adopted(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    record = sales_entry(1, entry_number=26700077)
    record["source"]["created_at"] = "2099-01-01T00:00:00Z"  # newer than any ledger
    assert target.post([record]).exit_code == 0
    target.write(ledger_url=f"sqlite:///{target.folder}/another.db")
    outcome = target.post([record])
    assert outcome.exit_code == 0, outcome.stderr
    assert len(sandbox.exact(ENTRIES)) == 1

"""Printed sales invoices through the real target: numbered, compared, and never half done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from target_exact_online.ledger.database import LEDGER
from target_exact_online.ledger.tables import documents

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

INVOICES, ENTRIES = "salesinvoice/SalesInvoices", "salesentry/SalesEntries"
PRINTED = "*/salesinvoice/PrintedSalesInvoices"


def invoice(sales_entry: Callable[..., dict[str, Any]], number: int) -> dict[str, Any]:
    record = sales_entry(number)
    record["invoice_date"] = record.pop("entry_date")
    record["lines"][0] |= {"item": "TEA-POT", "quantity": 2, "unit_price": 50.00}
    return record


def numbers(target: Any) -> list[tuple[str, str | None]]:
    engine = LEDGER.open(target.config["ledger_url"])
    with engine.connect() as connection:
        query = sa.select(documents.c.state, documents.c.exact_number)
        rows = connection.execute(query.order_by(documents.c.document_key)).all()
    engine.dispose()
    return [(row.state, row.exact_number) for row in rows]


def test_invoices_are_printed_numbered_and_compared_with_one_call(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    records = [invoice(sales_entry, number) for number in range(1, 4)]
    outcome = target.post(records, "sales_invoices")
    assert outcome.exit_code == 0, outcome.stderr
    assert {row["Status"] for row in sandbox.exact(INVOICES)} == {50}
    booked = sorted(str(row["EntryNumber"]) for row in sandbox.exact(ENTRIES))
    assert sorted(numbers(target)) == [("posted", number) for number in booked]
    calls = [call["path"] for call in sandbox.requests(system="exact", method="GET")]
    assert sum(path.endswith(ENTRIES) for path in calls) == 1


def test_a_lost_answer_of_the_print_is_settled_without_a_second_invoice(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    for kind in ("drop_before", "drop_after"):
        sandbox.fault(PRINTED, kind, method="POST", nth=1)
        number = 10 + len(sandbox.exact(ENTRIES))
        outcome = target.post([invoice(sales_entry, number)], "sales_invoices")
        assert outcome.exit_code == 0, outcome.stderr
    assert [row["Status"] for row in sandbox.exact(INVOICES)] == [50, 50]
    assert len(sandbox.exact(ENTRIES)) == 2
    assert all(number for _, number in numbers(target))


def test_what_could_not_be_compared_is_compared_by_the_next_run(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.write(max_wait_seconds=1)
    sandbox.fault(f"*/{ENTRIES}", "unavailable", method="GET", times=0)
    outcome = target.post([invoice(sales_entry, 20)], "sales_invoices")
    assert outcome.exit_code == 0, outcome.stderr
    assert numbers(target) == [("posted", None)]
    sandbox.clear_faults()
    outcome = target.post([], "sales_invoices")
    assert outcome.exit_code == 0, outcome.stderr
    assert numbers(target)[0][1] == str(sandbox.exact(ENTRIES)[0]["EntryNumber"])


def test_an_invoice_that_cannot_be_printed_leaves_nothing_behind(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    body = '{"error":{"code":"","message":{"lang":"","value":"Ongeldig: Lay-out"}}}'
    sandbox.fault(PRINTED, "error_before", method="POST", body=body)
    outcome = target.post([invoice(sales_entry, 30)], "sales_invoices")
    assert outcome.exit_code == 3, outcome.stderr
    assert sandbox.exact(INVOICES) == []
    assert "Ongeldig: Lay-out" in outcome.stderr

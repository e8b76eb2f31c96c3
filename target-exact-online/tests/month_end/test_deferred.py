"""What is deferred at the last day, the entries it proposes, and their approval: sent once."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from target_exact_online.ledger.database import LEDGER
from target_exact_online.ledger.tables import documents
from target_exact_online.month_end.deferred import Deferred, deferred
from target_exact_online.month_end.order_facts import OrderFacts
from target_exact_online.month_end.scopes import Rates
from target_exact_online.month_end.sides import Month

from .conftest import invoice

if TYPE_CHECKING:
    from .conftest import Company

OCTOBER = Month(3000001, 2026, 10, date(2026, 10, 1), date(2026, 10, 31), "EUR")
ACCOUNTS = {"journal": "90", "not_shipped": "1800", "not_invoiced": "1990", "paid": "1800"}
NAME = "2026-10-not-shipped"
ENTRIES = "generaljournalentry/GeneralJournalEntries"
Fact = dict[str, Any]


def rules(*streams: str) -> Fact:
    read = streams or ("credit_memos", "invoices", "orders", "shipments")
    more = {"deferred": ACCOUNTS, "vat_boxes": {"21": "1a"}, "streams": list(read)}
    return {"document_key": "rules:v1", "kind": "rules", "rules_version": "v1"} | more


def item(number: int, quantity: float = 2, parent: int | None = None, **changes: Any) -> Fact:
    return {"item": number, "parent": parent, "quantity": quantity, "ships": True} | changes


def line(of: int | None, quantity: float | None, amount: float, **changes: Any) -> Fact:
    kind = "shipping" if of is None else "product"
    account = "8100" if of is None else "8000"
    codes = {"gl_account": account, "cost_center": "WEB", "cost_unit": None}
    return {"item": of, "kind": kind, "quantity": quantity, "amount": amount} | codes | changes


def fact(kind: str, number: int, day: str, *lines: Fact, order: int = 1, **changes: Any) -> Fact:
    reference = f"{number:09}"
    return {
        "document_key": f"shop:nl:{kind}:{reference}",
        "your_ref": reference,
        "kind": kind,
        "order": order,
        "day": day,
        "ordered_on": "2026-10-02",
        "currency": "EUR",
        "amount": changes.pop("gross", 0),
        "items": changes.pop("items", [] if kind == "shipment" else [item(1)]),
        "lines": list(lines),
        "source": {"instance": "shop", "order_increment_id": f"O{order:09}"},
    } | changes


def told(*facts: Fact) -> Deferred:
    known = OrderFacts()
    for one in (rules(), *facts):
        known.take(one)
    return deferred(known, OCTOBER, Rates("EUR"))


def amounts(found: Deferred) -> list[tuple[str, str, Decimal]]:
    return [(one.part, one.account, one.amount) for one in found.rows]


def test_what_is_invoiced_and_shipped_by_the_last_day_only_counts() -> None:
    sold = fact("invoice", 1, "2026-10-30", line(1, 2, 20.01), line(None, None, 5))
    gone = fact("shipment", 1, "2026-10-31", {"item": 1, "quantity": 2})
    assert told(sold, gone).rows == []
    late = gone | {"day": "2026-11-01"}
    waits = [("not-shipped", "8000", Decimal("20.01")), ("not-shipped", "8100", Decimal(5))]
    assert amounts(told(sold, late)) == waits
    assert told(sold | {"day": "2026-11-01"}, late).rows == []
    half = fact("shipment", 1, "2026-10-31", {"item": 1, "quantity": 1})
    # The parcel that left earned the shipping; half of 20.01 is 10.00, by the half-even cent.
    assert amounts(told(sold, half, late | {"document_key": "second"})) == [
        ("not-shipped", "8000", Decimal("10.00"))
    ]


def test_what_nobody_ships_is_earned_at_once() -> None:
    sold = fact("invoice", 1, "2026-10-30", line(1, 2, 20), items=[item(1, ships=False)])
    assert told(sold).rows == []


@pytest.mark.parametrize(
    ("invoiced", "shipped", "refunded", "waiting"),
    [(2, 0, 1, 1), (3, 1, 1, 2), (4, 4, 1, 0), (2, 1, 1, 1), (4, 2, 3, 1)],
)
def test_pieces_taken_back_count_as_the_shop_counts_them(
    invoiced: int, shipped: int, refunded: int, waiting: int
) -> None:
    items = [item(1, 4)]
    sold = fact("invoice", 1, "2026-10-10", line(1, invoiced, invoiced * 10), items=items)
    memo = fact("credit_memo", 1, "2026-10-20", line(1, -refunded, -refunded * 10), items=items)
    gone = fact("shipment", 1, "2026-10-11", {"item": 1, "quantity": shipped})
    found = told(sold, memo, *([gone] if shipped else []))
    assert sum(one.amount for one in found.rows) == waiting * 10
    assert sum(one.pieces for one in found.rows) == waiting


def test_of_several_invoices_the_newest_waits_and_its_discount_with_it() -> None:
    cut = line(1, 2, -3, kind="discount", gl_account="8001")
    first = fact("invoice", 1, "2026-10-10", line(1, 2, 20), items=[item(1, 4)])
    second = fact("invoice", 2, "2026-10-20", line(1, 2, 30), cut, items=[item(1, 4)])
    gone = fact("shipment", 1, "2026-10-21", {"item": 1, "quantity": 3})
    found = told(first, second, gone)
    assert [(one.key[-1], one.account, one.amount) for one in found.rows] == [
        ("2", "8000", Decimal("15.00")),
        ("2", "8001", Decimal("-1.50")),
    ]


def test_a_bundle_leaves_as_a_whole_or_in_parts() -> None:
    together = [item(8, 2, ships=True), item(9, 2, 8), item(10, 6, 8)]
    dynamic = fact("invoice", 1, "2026-10-10", line(9, 2, 20), line(10, 6, 12), items=together)
    whole = fact("shipment", 1, "2026-10-12", {"item": 8, "quantity": 1})
    assert amounts(told(dynamic, whole)) == [
        ("not-shipped", "8000", Decimal("10.00")),
        ("not-shipped", "8000", Decimal("6.00")),
    ]
    parts = [item(11, 1), item(12, 2, 11), item(13, 1, 11)]
    fixed = fact("invoice", 1, "2026-10-10", line(11, 1, 50), items=parts)
    one = fact("shipment", 1, "2026-10-12", {"item": 12, "quantity": 2})
    assert amounts(told(fixed, one)) == [("not-shipped", "8000", Decimal(50))]
    other = fact("shipment", 2, "2026-10-13", {"item": 13, "quantity": 1})
    assert told(fixed, one, other).rows == []


def test_what_is_shipped_and_not_invoiced_has_the_price_of_the_order() -> None:
    placed = fact("order", 1, "2026-10-02", line(1, 3, 10), line(None, None, 4), items=[item(1, 3)])
    gone = fact("shipment", 1, "2026-10-12", {"item": 1, "quantity": 2})
    assert amounts(told(placed, gone)) == [
        ("not-invoiced", "8000", Decimal("6.67")),
        ("not-invoiced", "8100", Decimal(4)),
    ]
    sold = fact("invoice", 1, "2026-10-13", line(1, 1, 3.33), line(None, None, 4), items=[item(1)])
    assert amounts(told(placed, gone, sold)) == [("not-invoiced", "8000", Decimal("3.33"))]
    later = sold | {"day": "2026-11-02"}
    assert len(told(placed, gone, later).rows) == 2


def test_money_before_its_invoice() -> None:
    paid = {"paid": 121, "paid_from": "2026-10-30", "paid_on": "2026-10-30", "gross": 121}
    paid |= {"paid_seen_by": "capture", "clearing_gl": "1240"}
    placed = fact("order", 1, "2026-10-30", line(1, 2, 100), **paid)
    assert amounts(told(placed)) == [("paid", "1240", Decimal("121.00"))]
    sold = fact("invoice", 1, "2026-10-31", line(1, 2, 100), gross=60.5)
    assert ("paid", "1240", Decimal("60.50")) in amounts(told(placed, sold))
    assert amounts(told(placed, sold | {"day": "2026-11-01"})) == [("paid", "1240", Decimal(121))]
    booked = told(fact("order", 1, "2026-10-30", **paid, prepayment_gl="1800"))
    assert [one.booked_on for one in booked.rows] == ["1800"]
    straddles = told(fact("order", 1, "2026-10-30", **(paid | {"paid_on": "2026-11-01"})))
    assert straddles.rows == []
    assert "does not tell how much" in straddles.notes[0]
    assert told(fact("order", 1, "2026-11-01", **(paid | {"paid_on": "2026-11-01"}))).rows == []
    # On the last day itself; a day later the order is none of October's, whenever it was paid.
    last = paid | {"paid_from": "2026-10-31", "paid_on": "2026-10-31"}
    assert len(told(fact("order", 1, "2026-10-31", **last)).rows) == 1
    assert told(fact("order", 1, "2026-11-01", **paid)).rows == []
    part = paid | {"paid": 21}  # a prepayment is booked once all is paid
    (row,) = told(fact("order", 1, "2026-10-30", **part, prepayment_gl="1800")).rows
    assert (row.booked_on, row.amount) == ("", Decimal("21.00"))


def test_an_order_whose_shipments_may_be_older_than_what_was_read_is_named() -> None:
    old = {"ordered_on": "2026-07-01", "items": [item(1, shipped=2)]}
    found = told(fact("invoice", 1, "2026-10-02", line(1, 2, 20), **old))
    assert found.rows == []
    assert found.notes[0] == (
        "1 orders made before 2026-10-02 have shipments that were not read (O000000001): read "
        "further back."
    )
    gone = fact("shipment", 1, "2026-11-02", {"item": 1, "quantity": 2})
    assert len(told(fact("invoice", 1, "2026-10-02", line(1, 2, 20), **old), gone).rows) == 1


def test_an_order_of_the_first_day_read_is_whole_and_one_of_another_company_is_not_ours() -> None:
    sold = fact("invoice", 1, "2026-10-02", line(1, 2, 20), items=[item(1, shipped=2)])
    assert len(told(sold).rows) == 1
    assert told(sold | {"division": 3000002}).rows == []
    assert len(told(sold | {"division": OCTOBER.division}).rows) == 1


def test_shipping_that_was_paid_back_is_not_deferred() -> None:
    sold = fact("invoice", 1, "2026-10-10", line(1, 2, 20), line(None, None, 5))
    memo = fact("credit_memo", 1, "2026-10-11", line(None, None, -5))
    shipping = [one.amount for one in told(sold, memo).rows if one.account == "8100"]
    assert sorted(shipping) == [Decimal(-5), Decimal(5)]


def test_a_foreign_amount_is_deferred_at_its_own_rate() -> None:
    sold = fact("invoice", 1, "2026-10-30", line(1, 2, 20.01), currency="GBP", exchange_rate=1.1537)
    (one,) = told(sold).rows
    assert (one.amount, one.own) == (Decimal("20.01"), Decimal("23.09"))
    refused = told(sold | {"reason": "no rule matches"})
    assert (refused.rows, "no rule matches" in refused.notes[0]) == ([], True)


def compared(company: Company, *more: Fact, month: str = "2026-10") -> Any:
    """Compare with an invoice of 100.00 that was not shipped."""
    company.records += [("order_facts", one) for one in (rules(), *more)]
    return company.compare(month=month)


def approve(company: Company, *more: str) -> Any:
    return company.target.call("reconcile", "approve", NAME, "--month", "2026-10", *more)


def waiting(number: int = 1) -> Fact:
    return fact("invoice", number, "2026-10-10", line(1, 2, 100), order=number)


def entries(company: Company) -> list[tuple[str, Decimal]]:
    """Return period and amount of the lines on 1800 and 8000 that are of journal 90."""
    rows = company.sandbox.exact("financialtransaction/TransactionLines")
    return sorted(
        (f"{row['FinancialPeriod']} {row['GLAccountCode'].strip()}", Decimal(str(row["AmountDC"])))
        for row in rows
        if row["JournalCode"].strip() == "90"
    )


BOTH = [
    ("10 1800", Decimal(-100)),
    ("10 8000", Decimal(100)),
    ("11 1800", Decimal(100)),
    ("11 8000", Decimal(-100)),
]


def test_nothing_is_sent_before_it_is_approved_and_then_once(company: Company) -> None:
    company.post(invoice(1))
    off = company.compare()
    assert "It is off" in off.result["statements"][5]["not_compared"]
    assert off.result["proposals"] == []

    found = compared(company, waiting())
    (proposal,) = found.result["proposals"]
    lines = [(one["gl_account"], one["cost_center"], one["amount"]) for one in proposal["lines"]]
    assert lines == [("8000", "WEB", "100.00"), ("1800", "", "-100.00")]
    days = proposal["entry_date"], proposal["reversal_date"]
    assert (proposal["name"], *days) == (NAME, "2026-10-31", "2026-11-01")
    assert f"reconcile approve {NAME} --month 2026-10" in found.stdout
    rows = found.result["statements"][5]["rows"]
    assert rows[0][0] == "invoiced, not shipped"
    assert rows[0][1:4] == ["shop:nl:invoice:000000001", "O000000001", "8000"]
    assert found.result["statements"][0]["rows"][0][3] == "1a"
    assert company.target.call().exit_code == 0  # a run with nothing new
    assert entries(company) == []

    done = approve(company)
    assert (done.exit_code, done.stdout.count("posted")) == (0, 2), done.stdout + done.stderr
    assert entries(company) == BOTH
    centers = {row["CostCenter"] for row in company.sandbox.exact("generaljournalentry/"
               "GeneralJournalEntryLines") if row["GLAccountCode"].strip() == "8000"}  # fmt: skip
    assert centers == {"WEB"}
    again = approve(company)
    assert (again.exit_code, "approved before" in again.stderr) == (1, True)
    assert entries(company) == BOTH
    assert company.target.call("audit", "verify").exit_code == 0

    after = company.compare()
    assert (after.exit_code, after.result["unexplained"]) == (0, "0.00"), after.stdout
    assert [one["status"] for one in after.result["proposals"]] == ["approved"]
    assert after.bridge()["rows"][-1]["amount"] == "121.00"  # an accrual is no sale
    november = company.compare(month="2026-11")
    assert (november.exit_code, november.codes) == (0, [])

    more = compared(company, waiting(2))
    assert [one["status"] for one in more.result["proposals"]] == ["changed"]
    assert "book the difference by hand" in more.stdout
    assert approve(company).exit_code == 1
    assert entries(company) == BOTH


def test_only_what_was_proposed_of_the_month_as_it_is_can_be_approved(company: Company) -> None:
    company.post(invoice(1))
    compared(company, waiting())
    company.post(invoice(2))
    refused = approve(company)
    assert (refused.exit_code, "Compare again" in refused.stderr) == (1, True)
    company.compare()
    engine = LEDGER.open(company.target.config["ledger_url"])
    with engine.begin() as connection:  # somebody takes the proposal out of the audit trail
        connection.execute(sa.text("UPDATE events SET kind = 'x' WHERE kind = 'proposal_made'"))
    refused = approve(company)
    assert (refused.exit_code, "audit trail" in refused.stderr) == (1, True)
    with engine.connect() as connection:
        keys = connection.scalars(sa.select(documents.c.document_key)).all()
    engine.dispose()
    assert [key for key in keys if key.startswith("month-end")] == []
    assert entries(company) == []
    assert company.target.call("audit", "verify").exit_code == 1


@pytest.mark.parametrize("nth", [1, 2])
def test_a_kill_while_it_is_sent_ends_with_both_entries_once(company: Company, nth: int) -> None:
    company.post(invoice(1))
    compared(company, waiting())
    company.sandbox.fault(f"*/{ENTRIES}", "slow", method="POST", nth=nth)
    process = company.target.start("reconcile", "approve", NAME, "--month", "2026-10")
    until = time.monotonic() + 30
    while not any(fault.fired for fault in company.sandbox.faults()):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    process.communicate()
    company.sandbox.clear_faults()
    time.sleep(1.1)  # Exact is asked after `settle_after_seconds`

    done = approve(company)  # or any run

    assert entries(company) == BOTH, done.stdout + done.stderr
    assert company.target.call("audit", "verify").exit_code == 0
    assert approve(company).exit_code == 1

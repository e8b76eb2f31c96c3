"""The main job end to end: the recorded shop in Exact Online, to the cent, once."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import Pipe

CENT = Decimal("0.01")


def debtor_balance(pipe: Pipe) -> dict[str, Decimal]:
    """What customers owe according to the ledger, per currency."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for line in pipe.sandbox.exact("financialtransaction/TransactionLines"):
        if line["LineNumber"] == 0:
            totals[line["Currency"].strip()] += Decimal(str(line["AmountFC"])).quantize(CENT)
    return dict(totals)


def shop_balance(records: dict[str, list[dict[str, Any]]], without: set[str]) -> dict[str, Decimal]:
    """Invoices minus credit memos according to the shop, per currency."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for stream, kind, sign in (("invoices", "invoice", 1), ("credit_memos", "credit_memo", -1)):
        for record in records[stream]:
            store = record["source"]["store_code"]
            if f"sandbox:{store}:{kind}:{record['increment_id']}" not in without:
                amount = Decimal(record["grand_total"]).quantize(CENT)
                totals[record["order_currency_code"]] += sign * amount
    return dict(totals)


def test_every_recorded_document_is_booked_or_has_a_true_reason(pipe: Pipe) -> None:
    extracted = pipe.extract("orders", "invoices", "credit_memos")
    records = {name: extracted.records(name) for name in ("orders", "invoices", "credit_memos")}
    outcome = pipe.post(pipe.book(extracted.stdout).stdout)
    report = pipe.report
    parked = {line["document_key"] for line in report["parked"]}
    assert outcome.code == (3 if parked else 0), outcome.stderr
    assert all(line["reason"] for line in report["parked"])

    entries = pipe.sandbox.exact("salesentry/SalesEntries")
    orders = pipe.sandbox.exact("salesorder/SalesOrders")
    skipped = report["skipped"]
    assert len(entries) + len(orders) + len(parked) + len(skipped) == 65 + 19 + 75
    assert max(Counter((entry["YourRef"], entry["Type"]) for entry in entries).values()) == 1
    assert debtor_balance(pipe) == shop_balance(records, parked)
    assert set(debtor_balance(pipe)) == {"EUR", "GBP"}


def test_a_second_run_posts_nothing_and_asks_little(pipe: Pipe) -> None:
    first = pipe.run("invoices", "credit_memos")
    posted = len(pipe.sandbox.exact("salesentry/SalesEntries"))
    assert posted > 0
    balance = debtor_balance(pipe)
    pipe.sandbox.clear_requests()

    again = pipe.run("invoices", "credit_memos")  # without STATE: everything comes again
    assert again.code == first.code
    assert len(pipe.sandbox.exact("salesentry/SalesEntries")) == posted
    assert debtor_balance(pipe) == balance
    calls = pipe.sandbox.requests(system="exact", method="POST")
    assert [call for call in calls if "SalesEntries" in call["path"]] == []


def test_state_moves_on_and_a_quiet_shop_gives_nothing(pipe: Pipe) -> None:
    first = pipe.run("invoices")
    state = first.messages_of_target[-1]
    again = pipe.extract("invoices", state=state)
    assert again.code == 0, again.stderr
    assert again.records("invoices") == []
    shop = pipe.extract("invoices").records("invoices")
    assert len(shop) == 65

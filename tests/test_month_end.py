"""A month of the recorded shop, read again by tap and mapper and compared to the cent."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Pipe

_SETTINGS = ("division", "base_url", "client_id", "client_secret", "redirect_uri", "refresh_token")


def months_of(pipe: Pipe) -> list[str]:
    """Return the months in which something was booked, the busiest first."""
    lines = pipe.sandbox.exact("financialtransaction/TransactionLines")
    booked = Counter(f"{line['FinancialYear']}-{line['FinancialPeriod']:02}" for line in lines)
    return [month for month, _ in booked.most_common()]


def compare(pipe: Pipe, month: str) -> tuple[int, dict[str, Any], str]:
    """Read a month again and compare it; bookmarks stay where they are."""
    year, number = map(int, month.split("-"))
    after = f"{year + number // 12}-{number % 12 + 1:02}"
    first = {"created_from": f"{month}-01T00:00:00-14:00"}
    pipe.tap |= first | {"created_until": f"{after}-01T00:00:00-14:00"}
    read = pipe.extract("invoices", "credit_memos")
    assert read.code == 0, read.stderr
    booked = pipe.book(read.stdout)
    assert booked.code == 0, booked.stderr
    found = pipe.folder / "month.json"
    config = {name: pipe.target[name] for name in _SETTINGS if name in pipe.target}
    config |= {name: pipe.target[name] for name in ("credentials", "ledger_url")}
    config |= {"month": month, "json_file": str(found), "fail_on": "error"}
    done = pipe.call(pipe.command("target-exact-online-month-end", config), booked.stdout)
    assert found.exists(), done.stderr
    assert done.stdout == ""
    return done.code, json.loads(found.read_text()), done.stderr


@pytest.mark.timeout(300)
def test_the_recorded_shop_agrees_and_a_change_in_exact_is_found(pipe: Pipe) -> None:
    pipe.run("invoices", "credit_memos")
    waiting = Counter(line["document_key"] for line in pipe.report["parked"])
    month = months_of(pipe)[0]
    code, result, said = compare(pipe, month)
    wrong = [one for one in result["findings"] if one["document_key"] not in waiting]
    assert [(one["code"], one["document_key"], one["cause"]) for one in wrong] == []
    assert Decimal(result["unexplained"]) == 0, said
    rows = {row["kind"]: Decimal(row["amount"]) for row in result["bridges"][0]["rows"]}
    assert rows["ledger"] == rows["exact"] != 0
    assert result["calls"]["total"] <= 15

    entry = next(
        one
        for one in pipe.sandbox.exact("salesentry/SalesEntries")
        if f"{one['ReportingYear']}-{one['ReportingPeriod']:02}" == month
    )
    pipe.sandbox.bookkeeper("Bea").edit(entry["EntryID"], {1: {"gl_account": "8070"}})
    code, result, said = compare(pipe, month)
    assert code == 3, said
    found = [one["code"] for one in result["findings"] if one["document_key"] not in waiting]
    assert found == ["E3"]


def open_pieces(order: dict[str, Any]) -> tuple[Decimal, Decimal]:
    """Return what the shop's own counters say of an order: pieces to ship, and to invoice."""
    waits = lacks = Decimal(0)
    for one in order["items"]:
        if one.get("is_virtual"):
            continue
        names = ("qty_invoiced", "qty_shipped", "qty_refunded")
        invoiced, shipped, refunded = (Decimal(str(one.get(name) or 0)) for name in names)
        waits += max(invoiced - max(shipped, refunded), Decimal(0))
        lacks += max(shipped - invoiced, Decimal(0))
    return waits, lacks


@pytest.mark.timeout(300)
def test_what_the_recorded_shop_defers_is_what_its_own_counters_say(pipe: Pipe) -> None:
    rules, accounts = pipe.folder / "rules.yml", '{not_shipped: "1800", not_invoiced: "1990"'
    told = f'  deferred: {accounts}, paid: "1800"}}\n  discounts: net '
    given = Path(pipe.mapper["rules_file"]).read_text()
    rules.write_text(given.replace("  discounts: net ", told))
    pipe.mapper = {"rules_file": str(rules), "month_end": True}
    pipe.tap |= {"created_from": "2025-01-01T00:00:00Z"}
    read = pipe.extract("orders", "invoices", "credit_memos", "shipments")
    assert read.code == 0, read.stderr
    months = [one["created_at"][:7] for one in read.records() if one.get("grand_total")]
    booked = pipe.book(read.stdout)
    assert booked.code == 0, booked.stderr
    facts = [record for record in booked.records("order_facts") if record["kind"] != "rules"]
    left_out = {record["order"] for record in facts if record.get("reason")}
    found = pipe.folder / "month.json"
    config = {name: pipe.target[name] for name in _SETTINGS if name in pipe.target}
    config |= {name: pipe.target[name] for name in ("credentials", "ledger_url")}
    config |= {"month": max(months), "json_file": str(found), "fail_on": "never"}
    done = pipe.call(pipe.command("target-exact-online-month-end", config), booked.stdout)
    result = json.loads(found.read_text())

    (statement,) = [one for one in result["statements"] if one["number"] == 6]
    pieces: Counter[tuple[str, str]] = Counter()
    for row in statement["rows"]:
        pieces[row[2], row[0]] += Decimal(str(row[6] or 0))
    simple = [
        one
        for one in read.records("orders")
        if one["entity_id"] not in left_out
        and one["grand_total"]  # of what is free nothing is deferred
        and not any(item.get("parent_item_id") for item in one["items"])
    ]
    seen = Counter()
    for order in simple:
        number = order["increment_id"]
        there = [pieces[number, f"{part}"] for part in (_WAITS, _LACKS)]
        assert there == list(open_pieces(order)), number
        seen.update(name for name, count in zip("wl", there, strict=True) if count)
    assert seen["w"] > 3
    assert seen["l"] > 0

    names = [one["name"] for one in result["proposals"]]
    assert len(names) > 1, done.stderr
    for proposal in result["proposals"]:
        lines = [Decimal(line["amount"]) for line in proposal["lines"]]
        assert sum(lines) == 0
        assert Decimal(proposal["amount"]) == sum(amount for amount in lines if amount > 0)
    assert pipe.sandbox.exact("generaljournalentry/GeneralJournalEntries") == []


_WAITS, _LACKS = "invoiced, not shipped", "shipped, not invoiced"

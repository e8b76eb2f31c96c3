"""A month of the recorded shop, read again by tap and mapper and compared to the cent."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
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

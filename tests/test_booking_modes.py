"""Every booking mode through the real target: the books stay equal to the shop, and once only."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Pipe

RULES = Path(__file__).resolve().parents[1] / "examples" / "rules.yml"
CLEARING = "1245"
EXIT_NOT_ALL_POSTED = 3


def use_rules(pipe: Pipe, *changes: tuple[str, str]) -> None:
    """Give the mapper the example rules with these changes."""
    text = RULES.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = pipe.folder / "rules.yml"
    path.write_text(text)
    pipe.mapper |= {"rules_file": str(path), "days_file": str(pipe.folder / "days.db")}


def balances(pipe: Pipe) -> dict[str, Decimal]:
    """Debit minus credit per GL account, in the ledger's currency."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for line in pipe.sandbox.exact("financialtransaction/TransactionLines"):
        totals[line["GLAccountCode"]] += Decimal(str(line["AmountDC"])).quantize(Decimal("0.01"))
    return {code: amount for code, amount in totals.items() if amount}


@pytest.mark.parametrize("mode", ["sales_invoice", "daily_journal"])
def test_a_mode_books_the_recorded_shop_and_again_nothing(pipe: Pipe, mode: str) -> None:
    pipe.target |= {"create_items": True, "create_accounts": True}
    paid = f"- {{name: paid, when: {{line: document}}, book: {{clearing_gl: '{CLEARING}'}}}}"
    extra = [("\nrules:", f"\nrules:\n  {paid}")] if mode == "daily_journal" else []
    use_rules(pipe, ("  journal:", f"  mode: {mode}\n  journal:"), *extra)
    extracted = pipe.extract("invoices", "credit_memos")
    booked = pipe.book(extracted.stdout)
    assert booked.code == 0, booked.stderr
    outcome = pipe.post(booked.stdout)
    assert "Traceback" not in outcome.stderr
    report = pipe.report
    assert report["failed"] == []
    assert outcome.code == (3 if report["parked"] else 0)
    posted = balances(pipe)
    assert sum(posted.values()) == 0

    pipe.sandbox.clear_requests()
    again = pipe.post(pipe.book(extracted.stdout).stdout)
    assert again.code == outcome.code
    assert balances(pipe) == posted


@pytest.mark.parametrize(
    "modes", [("sales_entry", "daily_journal"), ("daily_journal", "sales_entry")]
)
def test_a_changed_mode_books_no_document_a_second_time(pipe: Pipe, modes: tuple[str, str]) -> None:
    pipe.target["create_accounts"] = True
    pipe.tap["end_date"] = "2026-11-01T00:00:00Z"  # a day that is not over waits for its end
    extracted = pipe.extract("invoices").stdout
    paid = f"- {{name: paid, when: {{line: document}}, book: {{clearing_gl: '{CLEARING}'}}}}"
    extra = ("\nrules:", f"\nrules:\n  {paid}")
    for mode in modes:
        use_rules(pipe, ("  journal:", f"  mode: {mode}\n  journal:"), extra)
        outcome = pipe.post(pipe.book(extracted).stdout)
        assert pipe.report["failed"] == []
        if mode == modes[0]:
            booked = balances(pipe)
    assert outcome.code == EXIT_NOT_ALL_POSTED
    assert balances(pipe) == booked
    assert len([line for line in pipe.report["parked"] if "already" in line["reason"]]) > 10


def test_payments_close_the_debtors_of_customers_without_a_code(pipe: Pipe) -> None:
    pipe.target["create_accounts"] = True
    paid = f"- {{name: paid, when: {{line: document}}, book: {{clearing_gl: '{CLEARING}'}}}}"
    use_rules(pipe, ("\nrules:", f"\nrules:\n  {paid}"))
    pipe.run("invoices")
    waiting = [line for line in pipe.report["parked"] if ":payment:" in line["document_key"]]
    assert waiting == []
    lines = pipe.sandbox.exact(
        "financialtransaction/TransactionLines",
        filter="JournalCode eq '90' and GLAccountCode eq '1300'",
    )
    relations = {line["AccountCode"].strip() for line in lines}
    assert {"10", "20001", "20002"} <= relations

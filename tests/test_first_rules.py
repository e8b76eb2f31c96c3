"""First rules, made from Exact's own chart of accounts, book the shop without a further word."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Pipe


def test_first_rules_book_the_recorded_shop(pipe: Pipe) -> None:
    known = pipe.call(pipe.command("target-exact-online", pipe.target, "doctor"))
    assert known.code == 0, known.stdout
    rates = pipe.extract("tax_rates").records("tax_rates")
    (pipe.folder / "tax_rates.json").write_text(json.dumps({"items": rates}, default=float))
    documents = pipe.extract("invoices", "credit_memos")
    (pipe.folder / "documents.jsonl").write_text(documents.stdout)
    rules, master = str(pipe.folder / "first.yml"), pipe.target["ledger_url"]
    made = pipe.call(
        [
            *(*pipe.command("mapper-gl-rules", {})[:1], "rules", "init", rules),
            *("--master", master, "--tax-rates", "tax_rates.json", "--input", "documents.jsonl"),
            *("--debtor", "10", "--voucher", "GIFT-VOUCHER"),
        ]
    )
    assert made.code == 0, made.stderr
    assert "not found" not in made.stdout
    checked = pipe.call(["mapper-gl-rules", "rules", "lint", "--rules", rules, "--master", master])
    assert checked.code == 0, checked.stdout
    pipe.mapper, pipe.target["create_accounts"] = {"rules_file": rules}, True
    booked = pipe.book(documents.stdout)
    assert booked.code == 0, booked.stderr
    outcome = pipe.post(booked.stdout)
    assert outcome.code == 3, outcome.stderr
    parked = [one["reason"] for one in pipe.report["parked"]]
    # A business that was charged VAT of another country is the shop's error, not the rules'.
    assert len(parked) == 1
    assert "a business with a valid VAT number was charged" in parked[0]
    assert sum(one["documents"] for one in pipe.report["posted"]) == 82

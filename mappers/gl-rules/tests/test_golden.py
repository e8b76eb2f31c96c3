"""The worked cases of an accountant, through the command anyone can run."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parent / "data" / "golden"
NAMES = ["P01", "P02", "P03", "P04", "P05", "P06", "P07", "P08", "P09", "P10", "P11", "P12"]


def net(document: dict) -> dict[tuple, Decimal]:
    sums: dict[tuple, Decimal] = defaultdict(Decimal)
    for line in document["lines"]:
        key = (line["gl"], line["cost_center"], line["vat_code"])
        sums[key] += Decimal(line["debit"]) - Decimal(line["credit"])
    return {key: amount for key, amount in sums.items() if amount}


@pytest.mark.parametrize("name", NAMES)
def test_golden_case(name: Any, tmp_path: Any, run_command: Any) -> None:
    case = json.loads((CASES / f"{name}.json").read_text(), parse_float=str)
    source = json.loads((CASES / f"{name}.json").read_text())["source"]
    documents = tmp_path / "documents.json"
    documents.write_text(json.dumps(source))
    rules = CASES / f"{name}.rules.yml"
    done = run_command("book", "--rules", rules, "--input", documents)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["refused"] == []
    found = {(one["ref"], one["kind"]): one for one in report["documents"]}
    for expected in case["expected"]["documents"]:
        entry = found[expected["ref"], expected["kind"]]
        assert net(entry) == net(expected)
        assert entry["entry_date"] == expected["entry_date"]
        assert entry["currency"] == expected["currency"]
        assert entry["total_debit"] == entry["total_credit"]
        if name != "P12":  # the daily summary may add up sides that the case keeps apart
            assert entry["total_debit"] == expected["total_debit"]
        roles = {line["gl"]: line["role"] for line in entry["lines"]}
        for line in expected["lines"]:
            assert roles[line["gl"]] == line["role"]
        wanted = {(v["vat_code"], v["base"], v["vat"]) for v in expected.get("vat_summary", [])}
        assert {(v["vat_code"], v["base"], v["vat"]) for v in entry["vat_summary"]} == wanted


def test_prepayment_and_settlement_leave_nothing_behind(tmp_path: Any, run_command: Any) -> None:
    """P11 with money that came before the invoice: the prepayment account ends at 0."""
    rules = tmp_path / "rules.yml"
    text = (CASES / "P11.rules.yml").read_text()
    rules.write_text(
        text.replace('clearing_gl: "1240"', 'clearing_gl: "1240", prepayment_gl: "1800"')
    )
    documents = tmp_path / "documents.json"
    documents.write_text(json.dumps(json.loads((CASES / "P11.json").read_text())["source"]))
    report = json.loads(run_command("book", "--rules", rules, "--input", documents).stdout)
    assert [(one["ref"], one["kind"]) for one in report["documents"]] == [
        ("000000111", "prepayment"),
        ("000000211", "sales_invoice"),
        ("000000211", "settlement"),
    ]
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for document in report["documents"]:
        assert document["total_debit"] == document["total_credit"]
        for line in document["lines"]:
            sums[line["gl"]] += Decimal(line["debit"]) - Decimal(line["credit"])
    assert sums["1800"] == sums["1300"] == 0
    assert sums["1240"] == Decimal("96.80")


def test_refusals_are_reported_beside_the_entries(tmp_path: Any, run_command: Any) -> None:
    source = json.loads((CASES / "P01.json").read_text())["source"]
    source["invoices"].append({**source["invoices"][0], "increment_id": "9", "grand_total": 150})
    documents = tmp_path / "documents.json"
    documents.write_text(json.dumps(source))
    done = run_command("book", "--rules", CASES / "P01.rules.yml", "--input", documents)
    report = json.loads(done.stdout)
    assert len(report["documents"]) == 1
    (refused,) = report["refused"]
    assert refused["ref"] == "9"
    assert "grand_total is 1.21 more than its parts" in refused["reason"]


def test_a_document_of_zeros_is_skipped(
    tmp_path: Any, run_command: Any, example_rules: Any, recorded_records: Any
) -> None:
    invoice = next(
        one for kind, one in recorded_records if kind == "invoices" and not one["grand_total"]
    )
    documents = tmp_path / "documents.json"
    documents.write_text(json.dumps({"invoices": [invoice]}, default=float))
    report = json.loads(run_command("book", "--rules", example_rules, "--input", documents).stdout)
    assert report["documents"] == report["refused"] == []
    assert [one["ref"] for one in report["skipped"]] == ["000000049"]

"""Bent input of every kind, seeded and short; `benchmarks/fuzz.py` alone runs 100,000."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).resolve().parents[1] / "benchmarks" / "fuzz.py"
INPUTS = {
    "shop_answers": 200, "catalogs": 20, "shop_records": 300, "shop_lines": 200, "rules": 60,
    "csv": 60, "xlsx": 40, "rule_inputs": 100, "documents": 150, "exact_answers": 150,
    "token_answers": 150, "postings": 15, "comparisons": 5, "shop_files": 30, "audit_files": 10,
    "ledgers": 20, "settings": 40, "stores": 100,
}  # fmt: skip


@pytest.mark.parametrize("parser", INPUTS)
def test_whatever_comes_in_ends_in_our_own_words(parser: str) -> None:
    done = subprocess.run(  # a process of its own: its memory is a figure
        [sys.executable, FUZZ, "--json", "--parser", parser, "--inputs", str(INPUTS[parser]),
         "--seed", "7"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["foreign"] == 0, done.stderr
    assert figures["hung"] == 0
    assert figures["peak_mb"] <= 300
    assert figures["read"], "nothing valid is left: this bends too much to prove anything"
    assert figures["refused"] or parser in {"shop_records", "audit_files", "postings"}

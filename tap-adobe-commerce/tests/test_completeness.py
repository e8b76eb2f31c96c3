"""The completeness benchmark, short: a shop that changes while the tap runs, and is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "tap_completeness.py"


def figures(*arguments: str) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, BENCHMARK, "--json", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_nothing_is_missed_while_a_fifth_of_the_shop_changes_and_commits_come_late() -> None:
    found = figures("--orders", "2000", "--seeds", "2")

    assert found["missed"] == 0
    assert found["late"] > 100
    assert found["emitted_by_a_quiet_run"] == 0


def test_without_the_overlap_late_commits_would_be_missed() -> None:
    found = figures("--orders", "2000", "--seeds", "2", "--overlap", "0")

    assert found["missed"] > 0

"""The README's first command: the main job through Meltano, twice."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import filelock
import pytest
import requests

ROOT = Path(__file__).resolve().parents[1]
_SPEC = importlib.util.spec_from_file_location("demo", ROOT / "scripts" / "demo.py")
assert _SPEC is not None
assert _SPEC.loader is not None
program = importlib.util.module_from_spec(_SPEC)
sys.modules["demo"] = program  # its data classes look their module up
_SPEC.loader.exec_module(program)


def demo(folder: Path, summary: Path) -> dict[str, Any]:
    command = [sys.executable, ROOT / "scripts" / "demo.py", "--dir", folder, "--json", summary]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equals the shop's" in done.stdout
    assert "left unexplained" in done.stdout
    assert (folder / "").as_uri() in done.stdout
    result: dict[str, Any] = json.loads(summary.read_text())
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a demo that has run once."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    demo(folder, folder.parent / "first.json")
    return folder


@pytest.mark.timeout(900)
def test_the_demo_books_the_shop_and_again_posts_nothing_twice(folder: Path) -> None:
    first = json.loads((folder.parent / "first.json").read_text())
    assert first["balanced"] is True
    assert first["debtor_balance"] == first["shop_total"]
    assert set(first["shop_total"]) == {"EUR", "GBP"}
    assert first["posted_now"] == sum(first["posted"].values()) > 140
    assert first["twice"] == []

    month = first["month"]
    assert (month["outcome"], month["unexplained"]) == ("agrees", "0.00")
    for bridge in month["bridges"]:
        amounts = [row["amount"] for row in bridge["rows"]]
        assert [row["kind"] for row in bridge["rows"]] == ["shop", "ledger", "exact"]
        assert len(set(amounts)) == 1
        assert Decimal(amounts[0]) > 0
    assert Path(month["html"]).read_text().count("<svg") == 3
    assert Path(month["xlsx"]).stat().st_size > 10_000

    lines = [Decimal(line["amount"]) for line in first["booked"]["lines"]]
    assert len(lines) > 4
    assert sum(lines) == 0

    again = demo(folder, folder.parent / "again.json")
    assert again["posted_now"] == 0
    assert again["posted"] == first["posted"]
    assert again["balanced"] is True
    assert again["api_calls"] <= 2


@pytest.mark.timeout(900)
def test_a_night_finds_what_somebody_deleted_in_an_earlier_month(folder: Path) -> None:
    first = json.loads((folder.parent / "first.json").read_text())
    with program.running_sandbox(folder) as sandbox:
        environment = program.prepare(sandbox, folder)
        assert night(folder, environment) == 0, (folder / "compare-posted.log").read_text()
        entry = next(
            one
            for one in sandbox.exact("salesentry/SalesEntries")
            if f"{one['ReportingYear']}-{one['ReportingPeriod']:02}" == first["month"]["month"]
        )
        sandbox.bookkeeper("Bea").delete(entry["EntryID"])
        assert night(folder, environment) != 0
    log = (folder / "compare-posted.log").read_text()
    assert "E1 Deleted in Exact" in log
    assert entry["YourRef"].strip() in log


def night(folder: Path, environment: dict[str, str]) -> int:
    with program.meltano("compare-posted", environment, folder) as process:
        pass
    return int(process.returncode)


def test_two_demos_in_one_folder_say_so(tmp_path: Path) -> None:
    with filelock.FileLock(tmp_path / ".lock"):
        command = [sys.executable, ROOT / "scripts" / "demo.py", "--fresh", "--dir", tmp_path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Another ./demo is running" in done.stderr
    assert tmp_path.exists()


@pytest.mark.timeout(900)
def test_the_desk_opens_on_the_recorded_shop(folder: Path) -> None:
    with program.running_sandbox(folder) as sandbox, requests.Session() as browser:
        environment = program.prepare(sandbox, folder)
        with program.console(environment, folder, stdout=subprocess.PIPE) as desk:
            address = desk.stdout.readline().strip()
            today = browser.get(address, timeout=60).text
            site = address.partition("/?")[0]
            coverage = browser.get(f"{site}/rules/coverage", timeout=60).text
            waiting = browser.get(f"{site}/waiting", timeout=60).text
        assert desk.wait(20) is not None
    assert "wait for you" in today
    month = json.loads((folder.parent / "first.json").read_text())["month"]["month"]
    assert f">{month}</a>" in today
    assert "What becomes of the shop" in coverage
    assert 'value="read_again"' in waiting

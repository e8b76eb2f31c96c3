"""The month-end at the end of tap and mapper, as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .conftest import invoice

if TYPE_CHECKING:
    import pytest

    from .conftest import Company

PROGRAM = Path(sys.executable).with_name("target-exact-online-month-end")
_OWN = ("division", "base_url", "client_id", "client_secret", "refresh_token", "ledger_url")


def run(company: Company, **changes: Any) -> subprocess.CompletedProcess[str]:
    names = (*_OWN, "redirect_uri", "credentials", "credential")
    config = {key: one for key, one in company.target.config.items() if key in names}
    path = company.folder / "month.json"
    path.write_text(json.dumps(config | {"month": "2026-10"} | changes))
    return subprocess.run(
        [PROGRAM, "--config", path],
        input=Path(company.shop()).read_text(),
        capture_output=True,
        text=True,
        cwd=company.target.folder,
        check=False,
        timeout=60,
    )


def test_it_compares_and_writes_no_state(company: Company) -> None:
    company.post(invoice(1), invoice(2))
    done = run(company, json_file=str(company.folder / "found.json"))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "agree to the cent" in done.stderr
    found = json.loads((company.folder / "found.json").read_text())
    assert [row["kind"] for row in found["bridges"][0]["rows"]] == ["shop", "ledger", "exact"]
    company.sandbox.bookkeeper("Bea").edit("000000001", {1: {"amount": 90}})
    done = run(company)
    assert done.returncode == 3
    assert "E2 Amount edited in Exact" in done.stderr


def test_a_wrong_month_is_said_in_one_line(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.post(invoice(1))
    failures = company.folder / "failures"
    monkeypatch.setenv("CONNECTOR_FAILURES_FILE", str(failures))
    done = run(company, month="October")
    told = json.loads(failures.read_text())
    assert (told["program"], told["outcome"]) == ("target-exact-online-month-end", "stopped")
    assert f"ERROR: {told['error']}" in done.stderr
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("ERROR: 'October' is not a month")
    assert "Traceback" not in done.stderr

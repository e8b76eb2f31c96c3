"""Several real processes, one budget: every call is used, and none too many."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from target_exact_online.company import open_company
from target_exact_online.ledger.store import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from commerce_sandbox.testing import SandboxHandle

JOURNALS = "financial/Journals"

# Calls until the budget says no; prints how many calls were made and which endpoint ended it.
SPEND = """
import sys
from target_exact_online.client import ExactClient
from target_exact_online.exceptions import BudgetExhaustedError, RequestRefusedError
from target_exact_online.ledger.store import Ledger
from target_exact_online.limits import Budget

class Token:
    def access_token(self):
        return sys.argv[3]

engine = Ledger.open(sys.argv[2]).engine
client = ExactClient(sys.argv[1], 3000001, Token(), Budget(engine, "app"))
try:
    while True:
        try:
            list(client.get("financial/Journals", select="Code", filter=sys.argv[4]))
        except RequestRefusedError:
            continue
except BudgetExhaustedError as error:
    print(client.call_count, error.endpoint)
client.close()
"""


def spend(sandbox: SandboxHandle, ledger_url: str, token: str, filter_: str) -> list[list[str]]:
    """Let three processes spend the budget; return what they printed."""
    command = [sys.executable, "-c", SPEND, sandbox.url, ledger_url, token, filter_]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        return [process.communicate(timeout=30)[0].split() for process in processes]
    finally:
        for process in processes:
            process.kill()


@pytest.fixture
def token(
    sandbox: SandboxHandle, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A token that is good for the whole test; the ledger exists afterwards."""
    monkeypatch.chdir(tmp_path)
    ledger = Ledger.open(ledger_url)
    company = open_company(sandbox.exact_config(), ledger.engine)
    token = company.tokens.access_token()
    company.close()
    ledger.engine.dispose()
    return token


def statuses(sandbox: SandboxHandle) -> list[int]:
    calls = sandbox.requests(system="exact", method="GET")
    return [call["status"] for call in calls if call["path"].endswith(JOURNALS)]


def test_three_processes_spend_a_day_and_none_is_refused(
    sandbox: SandboxHandle, ledger_url: str, token: str
) -> None:
    sandbox.set("exact.minute_limit", 100_000)
    sandbox.set("exact.day_limit", 300)
    spent = spend(sandbox, ledger_url, token, "Type eq 20")
    made = statuses(sandbox)
    assert set(made) == {200}
    # One percent is kept for settling; a process may end while another still holds a few calls.
    assert 300 - 3 - 12 <= len(made) == sum(int(count) for count, _ in spent) <= 300 - 3
    assert {endpoint for _, endpoint in spent} == {"None"}


def test_three_processes_stop_before_exact_blocks_an_endpoint(
    sandbox: SandboxHandle, ledger_url: str, token: str
) -> None:
    sandbox.set("exact.minute_limit", 100_000)
    spent = spend(sandbox, ledger_url, token, "Colour eq 1")
    assert {endpoint for _, endpoint in spent} == {JOURNALS}
    made = statuses(sandbox)
    assert set(made) == {400}
    assert 6 <= len(made) < 10

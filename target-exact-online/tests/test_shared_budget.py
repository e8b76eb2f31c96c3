"""Several real processes, one budget: every call is used, and none too many."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from target_exact_online.company import open_company
from target_exact_online.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from commerce_sandbox.testing import SandboxHandle

JOURNALS, ENTRIES = "financial/Journals", "salesentry/SalesEntries"

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


def test_a_signal_does_not_wait_for_the_next_minute(
    target: Any, sandbox: SandboxHandle, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    sandbox.set("exact.minute_limit", 14)
    records = [sales_entry(number) for number in range(1, 30)]
    schema = {"type": "object", "properties": {"document_key": {"type": "string"}}}
    head = {"type": "SCHEMA", "stream": "sales_entries", "schema": schema, "key_properties": []}
    lines = [head] + [
        {"type": "RECORD", "stream": "sales_entries", "record": record} for record in records
    ]
    process = target.start()
    try:
        process.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
        process.stdin.flush()
        while len(sandbox.exact(ENTRIES)) < 2:
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        process.communicate(timeout=30)
        assert time.monotonic() - begun < 15
        assert process.returncode == 143
    finally:
        process.kill()
    assert not [call for call in sandbox.requests(system="exact") if call["status"] == 429]

"""Several real processes, one budget: every call is used, and none too many."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from exact_online.tokens import build_token_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from commerce_sandbox.testing import SandboxHandle

JOURNALS = "financial/Journals"

# Calls until the budget says no; prints how many calls were made and which endpoint ended it.
SPEND = """
import sys
import sqlalchemy as sa
from exact_online.client import ExactClient
from exact_online.errors import NotNowError, RequestRefusedError
from exact_online.limits import Budget

class Token:
    def access_token(self):
        return sys.argv[3]

engine = sa.create_engine(sys.argv[2])
client = ExactClient(sys.argv[1], 3000001, Token(), Budget(engine, "app"))
try:
    while True:
        try:
            list(client.get("financial/Journals", select="Code", filter=sys.argv[4]))
        except RequestRefusedError:
            continue
except NotNowError as error:
    print(client.call_count, error.endpoint)
client.close()
"""


def spend(sandbox: SandboxHandle, limits_url: str, token: str, filter_: str) -> list[list[str]]:
    """Let three processes spend the budget; return what they printed."""
    command = [sys.executable, "-c", SPEND, sandbox.url, limits_url, token, filter_]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        return [process.communicate(timeout=30)[0].split() for process in processes]
    finally:
        for process in processes:
            process.kill()


@pytest.fixture
def token(
    sandbox: SandboxHandle,
    limits_url: str,
    open_limits: Callable[[str], Engine],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """A token that is good for the whole test; the tables exist afterwards."""
    monkeypatch.chdir(tmp_path)
    open_limits(limits_url)
    return build_token_source(sandbox.exact_config()).access_token()


def statuses(sandbox: SandboxHandle) -> list[int]:
    calls = sandbox.requests(system="exact", method="GET")
    return [call["status"] for call in calls if call["path"].endswith(JOURNALS)]


def test_three_processes_spend_a_day_and_none_is_refused(
    sandbox: SandboxHandle, limits_url: str, token: str
) -> None:
    sandbox.set("exact.minute_limit", 100_000)
    sandbox.set("exact.day_limit", 300)
    spent = spend(sandbox, limits_url, token, "Type eq 20")
    made = statuses(sandbox)
    assert set(made) == {200}
    # One percent is kept for settling; a process may end while another still holds a few calls,
    # and an answer that comes late may tell once more of calls that were taken since.
    assert 300 - 3 - 12 <= len(made) == sum(int(count) for count, _ in spent) <= 300
    assert {endpoint for _, endpoint in spent} == {"None"}


def test_three_processes_stop_before_exact_blocks_an_endpoint(
    sandbox: SandboxHandle, limits_url: str, token: str
) -> None:
    sandbox.set("exact.minute_limit", 100_000)
    spent = spend(sandbox, limits_url, token, "Colour eq 1")
    assert {endpoint for _, endpoint in spent} == {JOURNALS}
    made = statuses(sandbox)
    assert set(made) == {400}
    assert 6 <= len(made) < 10

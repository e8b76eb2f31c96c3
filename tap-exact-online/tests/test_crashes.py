"""Killed at any moment, beside people who write: none missing, only the last page again."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact import store
from commerce_sandbox.exact.credentials import DIVISION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

    from commerce_sandbox.testing import SandboxHandle

TEN_MINUTES = 600
SYNC, STORED = "sync/Financial/TransactionLines", "financialtransaction/TransactionLines"
PAGE = 1_000


def book(sandbox: SandboxHandle, count: int) -> None:
    """Put plain lines into the books."""
    at = sandbox.now().isoformat()[:19]
    rows = [
        {"ID": f"00000000-0000-0000-0000-{number:012}", "AmountDC": number / 100,
         "AmountFC": number / 100, "Date": "2026-11-02T00:00:00"}
        for number in range(count)
    ]  # fmt: skip
    with sandbox.database.transaction() as connection:
        store.insert(connection, STORED, DIVISION, rows, at)


def disturb(sandbox: SandboxHandle, chance: random.Random) -> None:
    """Change some lines, add one and delete one, as people do who know nothing of a reader."""
    at = sandbox.now().isoformat()[:19]
    with sandbox.database.transaction() as connection:
        rows = store.find(connection, STORED, DIVISION, Date="2026-11-02T00:00:00")
        for row in chance.sample(rows, 3):
            row["AmountDC"] = chance.randrange(10**6) / 100
            store.update(connection, STORED, row, at)
        fresh = {"ID": f"00000000-0000-0000-0001-{chance.randrange(10**12):012}",
                 "AmountDC": 1, "AmountFC": 1, "Date": "2026-11-03T00:00:00"}  # fmt: skip
        store.insert(connection, STORED, DIVISION, [fresh], at)
        gone = chance.choice(rows)["ID"]
        by = {"DeletedBy": gone, "DeletedDate": at}
        store.delete(connection, STORED, DIVISION, [gone], by)


def copy_of(runs: list[list[dict[str, Any]]]) -> dict[str, int]:
    """What a target has that merges by key, and drops what is deleted: versions by key."""
    copy: dict[str, int] = {}
    for messages in runs:
        for message in messages:
            if message["type"] == "RECORD":
                record = message["record"]
                copy[record["ID"]] = record["Timestamp"]
                if record.get("_sdc_deleted_at"):
                    del copy[record["ID"]]
    return copy


def there(sandbox: SandboxHandle) -> dict[str, int]:
    rows = sandbox.exact(SYNC, filter="Timestamp gt 1L")
    return {row["ID"]: row["Timestamp"] for row in rows}


def test_what_people_write_meanwhile_is_read_in_this_run_or_the_next(
    company: SandboxHandle, read: Callable[..., Run]
) -> None:
    book(company, 4_500)
    chance = random.Random(15)  # noqa: S311  # repeatable

    def told(piece: bytes) -> None:
        if b'"STATE"' in piece and disturbances.total() < 5:
            disturbances["made"] += 1
            disturb(company, chance)

    disturbances: Counter[str] = Counter()
    first = read(company.exact_config(), "transaction_lines", told=told)
    company.advance(TEN_MINUTES)
    second = read(company.exact_config(), "transaction_lines", state=first.state)
    assert disturbances.total() == 5
    assert copy_of([first.messages, second.messages]) == there(company)


def test_killed_anywhere_nothing_is_missing_and_only_the_last_page_comes_again(
    company: SandboxHandle, program: Path, catalog: Callable[..., Any], tmp_path: Path
) -> None:
    book(company, 3_500)
    chance = random.Random(15)  # noqa: S311  # repeatable
    (tmp_path / "catalog.json").write_text(json.dumps(catalog("transaction_lines")))
    (tmp_path / "config.json").write_text(json.dumps(company.exact_config()))
    runs: list[list[dict[str, Any]]] = []
    state: dict[str, Any] = {}
    killed = 0
    for lines in (1, 1_300, 2_200, 700, 10**9):
        (tmp_path / "state.json").write_text(json.dumps(state))
        command = [program, "--config", "config.json", "--catalog", "catalog.json"]
        command += ["--state", "state.json"]
        ended, messages = killed_after(command, lines)
        runs.append(messages)
        states = [one["value"] for one in messages if one["type"] == "STATE"]
        state = states[-1] if states else state
        company.advance(TEN_MINUTES)
        killed += ended == -signal.SIGKILL
        if len(runs) <= 4:
            disturb(company, chance)
    assert killed >= 2  # the others were too quick
    assert ended == 0
    assert copy_of(runs) == there(company)
    sent = Counter(
        (one["record"]["ID"], one["record"]["Timestamp"])
        for messages in runs
        for one in messages
        if one["type"] == "RECORD"
    )
    again = sum(times - 1 for times in sent.values())
    # A page that was out before its STATE, and at each STATE one row: its version may be shared.
    assert again <= (len(runs) - 1) * (PAGE + 1)


def killed_after(command: list[Any], lines: int) -> tuple[int, list[dict[str, Any]]]:
    """Run a program, kill it after so many lines, and return how it ended and what it wrote."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        read: list[bytes] = []
        for line in process.stdout:
            read.append(line)
            if len(read) == lines:
                process.send_signal(signal.SIGKILL)
    whole = [line for line in read if line.endswith(b"\n")]
    return process.returncode, [json.loads(line) for line in whole]


def test_a_signal_ends_it_at_once_with_the_signals_code(
    company: SandboxHandle, program: Path, catalog: Callable[..., Any], tmp_path: Path
) -> None:
    book(company, 2_500)
    (tmp_path / "catalog.json").write_text(json.dumps(catalog("transaction_lines")))
    (tmp_path / "config.json").write_text(json.dumps(company.exact_config()))
    company.fault("*/TransactionLines", "slow", nth=2, times=0, seconds=30)
    command = [program, "--config", "config.json", "--catalog", "catalog.json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while '"STATE"' not in (line := process.stdout.readline()):
            assert line
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors

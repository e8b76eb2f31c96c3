"""A run that waits for calls and is told to end."""

from __future__ import annotations

import ctypes
import json
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

ENTRIES = "salesentry/SalesEntries"


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


@pytest.mark.skipif(sys.platform != "linux", reason="threads are told by Linux")
def test_a_signal_that_another_thread_gets_ends_the_run(
    target: Any,
    sandbox: SandboxHandle,
    sales_entry: Callable[..., dict[str, Any]],
    messages: Callable[..., str],
) -> None:
    """As one does that comes just before the reading thread begins to wait."""
    target.write(settle_after_seconds=3600)
    sandbox.fault(f"*/{ENTRIES}", "drop_after", method="POST")
    process = target.start()
    try:
        process.stdin.write(messages("sales_entries", [sales_entry(1)]))
        process.stdin.close()
        while not sandbox.requests(path=f"*/{ENTRIES}", method="POST"):
            time.sleep(0.05)
        time.sleep(1)
        other = max(int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir())
        assert other != process.pid
        assert ctypes.CDLL(None).tgkill(process.pid, other, signal.SIGTERM) == 0
        process.stdin = None  # it is closed
        process.communicate(timeout=30)
        assert process.returncode == 143
    finally:
        process.kill()

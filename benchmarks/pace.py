"""How near does posting come to Exact's 60 calls a minute, however slowly Exact answers?

Posts sales entries through the installed target into three sandboxes at once, which answer after
0.3, 1 and 2 seconds and allow 60 calls a minute, in real time. Counted are the calls that the
sandboxes answered within whole minutes, after the first ones in which the target gets going.
`calls_per_minute` is the lowest of the three; the bar is 57.

    uv run benchmarks/pace.py [--minutes 2] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import IO

from calls_per_document import TARGET, create_customers, messages

from commerce_sandbox.testing import SandboxHandle

SECONDS = (0.3, 1.0, 2.0)
LIMIT = 60
MINUTE = 60.0
WARM_UP = 1  # whole minutes after the one in which the first document is posted
CUSTOMERS = 20
API = "/api/v1/"


def calls_per_minute(seconds: float, minutes: int, folder: Path) -> float:
    """Return the calls a minute while Exact answers after so many seconds."""
    os.chdir(folder)  # the login is kept there
    sandbox = SandboxHandle(folder / "sandbox", "empty")
    try:
        sandbox.set("exact.minute_limit", None)
        create_customers(sandbox, folder, CUSTOMERS)
        sandbox.set("exact.minute_limit", LIMIT)
        sandbox.clear_requests()
        sandbox.fault("*", "latency", times=0, seconds=seconds)
        config = sandbox.exact_config() | {"ledger_url": f"sqlite:///{folder}/ledger.db"}
        (folder / "config.json").write_text(json.dumps(config))
        given = folder / "input.jsonl"
        more = WARM_UP + minutes + 3  # also what is left of the minute in which it begins
        given.write_text(messages("sales_entries", more * LIMIT, CUSTOMERS))
        with given.open() as lines, (folder / "target.log").open("w") as log:
            return _measured(sandbox, minutes, lines, log, folder)
    finally:
        sandbox.stop()


def _measured(
    sandbox: SandboxHandle, minutes: int, given: IO[str], log: IO[str], folder: Path
) -> float:
    process = subprocess.Popen(
        [TARGET, "--config", folder / "config.json"],
        stdin=given,
        stdout=subprocess.DEVNULL,
        stderr=log,
        cwd=folder,
    )
    try:
        while not sandbox.requests(method="POST", path="*/SalesEntries"):
            if process.poll() is not None:
                sys.exit(f"The target ended:\n{(folder / 'target.log').read_text()[-2_000:]}")
            time.sleep(0.2)
        start = (sandbox.now().timestamp() // MINUTE + 1 + WARM_UP) * MINUTE
        end = start + minutes * MINUTE
        while sandbox.now().timestamp() < end:
            if process.poll() is not None:
                sys.exit(f"The target ended:\n{(folder / 'target.log').read_text()[-2_000:]}")
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
    calls = [
        call
        for call in sandbox.requests(system="exact")
        if API in call["path"] and start <= call["at"] < end
    ]
    if refused := [call for call in calls if call["status"] >= 400]:  # noqa: PLR2004
        sys.exit(f"{len(refused)} calls were refused, such as {refused[0]}")
    return len(calls) / minutes


def main() -> None:
    """Measure the three latencies side by side, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=2, help="how many whole minutes are counted")
    parser.add_argument("--json", action="store_true", help="only the figures, as one JSON object")
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(len(SECONDS), mp_context=spawn) as several,
    ):
        begun = {}
        for seconds in SECONDS:
            folder = Path(name) / str(seconds)
            folder.mkdir()
            begun[seconds] = several.submit(calls_per_minute, seconds, options.minutes, folder)
        figures = {f"after_{seconds:g}_s": one.result() for seconds, one in begun.items()}
    figures = {"calls_per_minute": min(figures.values()), **figures}
    if not options.json:
        for figure, value in figures.items():
            print(f"{figure:<20}{value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

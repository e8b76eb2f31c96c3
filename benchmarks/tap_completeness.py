"""Does the tap miss an order while the shop keeps changing?

Per seed: a shop of N orders, a writer that changes a fifth of them and adds new ones, many of
whose changes become visible only seconds after the time they carry, and the tap run again and
again meanwhile, some of the runs killed with SIGKILL. After the last run everything the shop holds
must have been emitted as it is now: `missed` counts what was not.

Changes that do not move a row's own change time (comments, partial shipments, addresses) are
counted apart as `unmoved`: only a sweep brings those.

    uv run benchmarks/tap_completeness.py --json --seeds 20
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from commerce_sandbox.clock import Clock
from commerce_sandbox.data.writer import ShopWriter
from commerce_sandbox.testing import SandboxHandle, select_streams

TAP = Path(sys.executable).with_name("tap-adobe-commerce")
TABLES = {"orders": "order", "invoices": "invoice", "credit_memos": "creditmemo"}
SHARE_CHANGED = 0.2
LATE_SECONDS = 8.0  # the longest transaction of the writer
SETTINGS = {"lag_seconds": 0, "page_size": 50}
SHARE_KILLED = 0.3


class Key(msgspec.Struct):
    """What tells one version of a record from another."""

    entity_id: int
    updated_at: str


class Message(msgspec.Struct):
    """The part of a Singer message that counts here."""

    type: str
    stream: str = ""
    record: Key | None = None
    value: dict[str, Any] | None = None


class Taps:
    """Runs of the tap over one sandbox, and all they emitted."""

    def __init__(self, sandbox: SandboxHandle, folder: Path, seed: int, overlap: int) -> None:
        """Prepare settings and selection."""
        self._folder = folder
        self._rng = random.Random(seed)  # noqa: S311  # reproducible, no secrets
        self._state = folder / "state.json"
        config = sandbox.adobe_config() | SETTINGS | {"overlap_minutes": overlap}
        self._config = folder / "config.json"
        self._catalog = folder / "catalog.json"
        self._config.write_text(json.dumps(config))
        self._catalog.write_text(json.dumps(_catalog()))
        self._decode = msgspec.json.Decoder(Message).decode
        self.latest: dict[str, dict[int, str]] = {stream: {} for stream in TABLES}
        self.runs = self.killed = self.emitted = 0

    def run(self, *, may_be_killed: bool) -> None:
        """One run; a killed one leaves what it wrote, as a target would have taken it."""
        command: list[str | Path] = [TAP, "--config", self._config, "--catalog", self._catalog]
        if self._state.exists():
            command += ["--state", self._state]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        doomed = may_be_killed and self._rng.random() < SHARE_KILLED
        if doomed:
            threading.Timer(0.8 + 2 * self._rng.random(), process.kill).start()
        errors = threading.Thread(target=process.stderr.read, daemon=True)  # type: ignore[union-attr]
        errors.start()
        for line in process.stdout or ():
            if line.endswith(b"\n"):
                self._take(self._decode(line))
        code = process.wait()
        self.runs += 1
        self.killed += code < 0
        if code > 0 or (code < 0 and not doomed):
            sys.exit(f"the tap ended with {code}")

    def _take(self, message: Message) -> None:
        if message.type == "STATE":
            self._state.write_text(json.dumps(message.value))
        elif message.type == "RECORD" and message.record:
            self.emitted += 1
            self.latest[message.stream][message.record.entity_id] = message.record.updated_at


def _catalog() -> dict[str, Any]:
    found = subprocess.run([TAP, "--discover"], capture_output=True, check=True).stdout
    catalog = select_streams(found, *TABLES)
    for entry in catalog["streams"]:
        # The embedded order would only slow the runs down.
        for part in entry["metadata"]:
            if part["breadcrumb"] == ["properties", "order"]:
                part["metadata"]["selected"] = False
    return catalog


def one_seed(orders: int, seed: int, overlap: int) -> dict[str, int]:
    """Figures of one shop."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sandbox = SandboxHandle(folder / "sandbox", f"generated:{orders}")
        try:
            taps = Taps(sandbox, folder, seed, overlap)
            return _measure(sandbox, taps, int(orders * SHARE_CHANGED), seed)
        finally:
            sandbox.stop()


def _measure(sandbox: SandboxHandle, taps: Taps, steps: int, seed: int) -> dict[str, int]:
    changed: list[Any] = []

    def write() -> None:
        clock = Clock(sandbox.database)
        writer = ShopWriter(sandbox.database, clock, seed, late_seconds=LATE_SECONDS)
        for _ in range(steps):
            writer.step()
            time.sleep(0.001)
        while writer.pending:
            writer.commit(clock.now())
            time.sleep(0.05)
        changed.extend(writer.committed)

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        taps.run(may_be_killed=True)
    sandbox.advance(5)
    taps.run(may_be_killed=False)
    emitted = taps.emitted
    taps.run(may_be_killed=False)
    missed = 0
    for stream, kind in TABLES.items():
        rows = sandbox.database.connection().execute(
            f"SELECT entity_id, updated_at FROM adobe_{kind}"  # noqa: S608  # own names
        )
        for key, at in rows:
            missed += taps.latest[stream].get(key) != f"{at[:10]}T{at[11:]}Z"
    return {
        "missed": missed,
        "changes": len(changed),
        "late": sum(
            change.visible_at.strftime("%Y-%m-%d %H:%M:%S") > change.at for change in changed
        ),
        "unmoved": sum(not change.moves_order for change in changed),
        "runs": taps.runs,
        "killed": taps.killed,
        "emitted": taps.emitted,
        "emitted_by_a_quiet_run": taps.emitted - emitted,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--overlap", type=int, default=1, help="minutes; 0 shows what it is for")
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    options = parser.parse_args()
    total: dict[str, int] = {}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        figures = one_seed(options.orders, seed, options.overlap)
        print(f"seed {seed}: {figures}", flush=True)
        for name, value in figures.items():
            total[name] = total.get(name, 0) + value
    result = {"orders": options.orders, "seeds": options.seeds, **total}
    print(json.dumps(result) if options.json else result)


if __name__ == "__main__":
    main()

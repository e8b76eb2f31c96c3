"""Do many tenants on one database and few workers get what is theirs, and nobody another's?

Twenty companies, each with an Exact of its own that allows 60 calls a minute and 5,000 a day, a
ledger and a credential store in a schema of its own, all on one PostgreSQL. Four workers take their
runs from one queue, as Airflow's do, on a virtual clock. One tenant's login is dead; every fifth
run is killed once in its middle and queued again.

- `doubled`, `lost`: documents that Exact has twice, or not at all (but the dead tenant's)
- `fair_share_pct`: how far the pace of a tenant that was not killed is from the mean, at most
- `dead_login_s`: how long the dead login kept a worker from the others
- `refused`: calls beyond a limit

Bars: 0, 0, 10, 10, 0.

    uv run benchmarks/tenants.py [--tenants 20] [--documents 500] [--workers 4] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import itertools
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import sqlalchemy as sa
from calls_per_document import record
from crash_lab_ledgers import server
from simulator_world import (
    BASE_URL,
    Machine,
    Process,
    VirtualTime,
    World,
    _LaterThread,
    run_target,
)
from sqlalchemy.engine import make_url

from commerce_sandbox import shop
from commerce_sandbox.database import FILE_NAME
from commerce_sandbox.exact.config import target_config
from commerce_sandbox.exact.query import read
from connector_credentials import open_store
from target_exact_online.ledger.database import LEDGER
from target_exact_online.posting import run as posting_run
from target_exact_online.settings import with_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 3, 2, 2, 15, tzinfo=UTC)
DEAD = 3  # the tenant whose login is dead
KILLED = 5  # each so many tenants are killed once
CALL_SECONDS = 0.2
MINUTE = 60.0
REFUSED = 429
ENTRIES = "salesentry/SalesEntries"


class Turns(VirtualTime):
    """One virtual time for several threads: the one that wakes first goes on, all others wait."""

    def __init__(self, start: datetime) -> None:
        """Begin at a moment, without anybody."""
        super().__init__(start)
        self._waiting: list[tuple[float, int, threading.Event]] = []
        self._number = itertools.count()

    def sleep(self, seconds: float) -> None:
        """Let time pass, and others go on meanwhile."""
        mine = self._queue(self.seconds + max(seconds, 0.001))
        self._next()
        mine.wait()

    @contextlib.contextmanager
    def taking_part(self, mine: threading.Event) -> Iterator[None]:
        """Wait for the first turn, and pass it on at the end, whatever happened."""
        mine.wait()
        try:
            yield
        finally:
            self._next()

    def join(self) -> threading.Event:
        """Queue a thread that has not begun; it waits for what is returned."""
        return self._queue(self.seconds)

    def begin(self) -> None:
        """Give the first turn away."""
        self._next()

    def _queue(self, wake_at: float) -> threading.Event:
        mine = threading.Event()
        heapq.heappush(self._waiting, (wake_at, next(self._number), mine))
        return mine

    def _next(self) -> None:
        if self._waiting:
            self.seconds, _, first = heapq.heappop(self._waiting)
            self._machine.move_to(self.own())
            first.set()


@dataclass
class Tenant:
    """One company: its Exact, its schema, its documents.

    Attributes:
        number: Which one.
        folder: Where its Exact is kept.
        url: Its schema.
        documents: How many.
        seconds: Virtual time of its runs.
        killed: It was killed once.
        error: What ended its last run, or None.
        state: How many documents are behind the last STATE that was written.
        config: The target's settings.
        found: What Exact has, by the shop's number.
        refused: Calls beyond a limit.
    """

    number: int
    folder: Path
    url: str
    documents: int
    seconds: float = 0.0
    killed: bool = False
    error: str | None = None
    state: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    found: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    def run(self, turns: Turns) -> bool:
        """Run its target once; False when it was killed.

        Everything is opened in the worker's thread, as a process opens it.
        """
        began = turns.true()
        world = World(self.folder, turns, lambda *_: None, lambda: CALL_SECONDS)
        machine = Machine(self.url)
        dies = self.number % KILLED == 0 and not self.killed
        try:
            ended = run_target(
                world,
                machine,
                self.config or self._consent(world),
                [
                    ("sales_entries", self._document(number), {"read": number + 1})
                    for number in range(self.state, self.documents)
                ],
                self._keep,
                Process(dies_at=self.documents * 3 if dies else None),
            )
            self.killed = self.killed or ended.killed
            self.error = None if ended.error is None else str(ended.error)
        finally:
            self.found = self._entries(world)
            self.refused = len(world.context.requests.find(status=REFUSED))  # of all its runs
            world.close()
            machine.ledger.close()
        self.seconds += turns.true() - began
        return not ended.killed

    def _keep(self, state: dict[str, Any]) -> None:
        self.state = state["read"]

    def _document(self, number: int) -> dict[str, Any]:
        return record("sales_entries", number, 1) | {"debtor": {"code": "10"}}

    def _consent(self, world: World) -> dict[str, Any]:
        """Log in, once: the settings of every run."""
        self.config = with_defaults(target_config(world.context, BASE_URL)) | {
            "ledger_url": self.url,
            "credentials": self.url,
            "max_wait_seconds": 300,
        }
        if self.number == DEAD:
            self.config["refresh_token"] = "dead"  # noqa: S105  # it is none
        return self.config

    @staticmethod
    def _entries(world: World) -> Counter[str]:
        return Counter(str(entry["YourRef"]) for entry in read(world.context, ENTRIES))


def measure(tenants: int, documents: int, workers: int) -> dict[str, Any]:
    """Run everything, and return the figures."""
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="tenants-")))
        url = cleanup.enter_context(server())
        fleet = list(_fleet(folder, url, tenants, documents))
        turns = Turns(START)
        cleanup.callback(turns.stop)
        later = SimpleNamespace(Thread=_LaterThread)
        cleanup.enter_context(mock.patch.object(posting_run, "threading", later))
        queue = deque(fleet)
        failures: list[BaseException] = []
        threads = []
        for _ in range(workers):
            turn = turns.join()
            threads.append(
                threading.Thread(target=_work, args=(turns, turn, queue, failures), daemon=True)
            )
            threads[-1].start()
        turns.begin()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return _figures(fleet, documents, turns)


def _fleet(folder: Path, url: str, tenants: int, documents: int) -> Iterator[Tenant]:
    context = shop.open_context(folder)
    shop.seed(context, "empty")
    context.database.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    context.database.close()
    engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    for number in range(tenants):
        home = folder / str(number)
        home.mkdir()
        shutil.copy(folder / FILE_NAME, home / FILE_NAME)
        schema = f"tenant_{number}"
        with engine.begin() as connection:
            connection.execute(sa.schema.CreateSchema(schema))
        text = LEDGER.in_schema(url, schema)
        open_store(text, os.environ["CONNECTOR_KEY"], create=True)
        yield Tenant(number, home, text, documents)
    engine.dispose()


def _work(
    turns: Turns, turn: threading.Event, queue: deque[Tenant], failures: list[BaseException]
) -> None:
    """Take runs from the queue until it is empty; one that was killed is queued again."""
    with turns.taking_part(turn):
        try:
            while queue:
                tenant = queue.popleft()
                if not tenant.run(turns):
                    queue.append(tenant)
        except BaseException as error:  # noqa: BLE001  # raised in the main thread
            failures.append(error)


def _figures(fleet: list[Tenant], documents: int, turns: Turns) -> dict[str, Any]:
    alive = [one for one in fleet if one.number != DEAD]
    dead = next((one for one in fleet if one.number == DEAD), None)
    if wrong := [one for one in alive if one.error is not None]:
        sys.exit(f"Tenant {wrong[0].number}: {wrong[0].error}")
    if dead is not None and (dead.error is None or dead.found):
        sys.exit("The dead login was not dead.")
    paces = [documents / one.seconds * MINUTE for one in alive if not one.killed]
    mean = sum(paces) / len(paces)
    return {
        "tenants": len(fleet),
        "documents": documents * len(alive),
        "killed": sum(one.killed for one in fleet),
        "doubled": sum(count > 1 for one in alive for count in one.found.values()),
        "lost": sum(documents - len(one.found) for one in alive),
        "fair_share_pct": round(max(abs(pace - mean) for pace in paces) / mean * 100, 1),
        "documents_per_minute": round(mean, 1),
        "dead_login_s": None if dead is None else round(dead.seconds, 1),
        "refused": sum(one.refused for one in fleet),
        "virtual_minutes": round((turns.true() - START.timestamp()) / MINUTE, 1),
    }


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--documents", type=int, default=500, help="of each")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="only the figures, as one JSON object")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began = time.perf_counter()
    figures = measure(options.tenants, options.documents, options.workers)
    figures["seconds"] = round(time.perf_counter() - began, 1)
    if not options.json:
        for name, value in figures.items():
            print(f"{name:<22}{value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""A reader of Exact may count its calls in the ledger's database, and may be there first."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from exact_online.limit_database import open_limits
from exact_online.limits import Budget
from target_exact_online.ledger.store import Ledger

if TYPE_CHECKING:
    from pathlib import Path


def test_a_reader_that_comes_first_does_not_keep_the_ledger_from_being_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/exact-ledger.db"
    engine = open_limits(url)
    reader = Budget(engine, "app")
    reader.acquire("sync/Financial/GLAccounts", division=1)
    reader.release()
    engine.dispose()
    with contextlib.closing(Ledger.open(url, 1)) as ledger:
        assert Budget(ledger.engine, "app").left(division=1).day == (4_999, 5_000)


def test_a_reader_that_comes_later_counts_beside_the_target(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/exact-ledger.db"
    with contextlib.closing(Ledger.open(url, 1)) as ledger:
        target = Budget(ledger.engine, "app")
        target.acquire("salesentry/SalesEntries", division=1)
        target.release()
        engine = open_limits(url)
        assert Budget(engine, "app").left(division=1).day == (4_999, 5_000)
        engine.dispose()

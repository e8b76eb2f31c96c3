"""A large ledger costs what a small one costs: no question of a run reads it from end to end."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from target_exact_online.copies.rows import Rows
from target_exact_online.desk import documents as desk
from target_exact_online.desk.documents import Search
from target_exact_online.ledger import chain, queries
from target_exact_online.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCUMENTS = 20_000
MORE_MB = 12
NOW = datetime(2026, 1, 1, tzinfo=UTC)
# A whole table; the indexes named here hold only the few documents that still wait.
WHOLE = re.compile(
    r"^SCAN (documents|events|postings|attachments)\b(?!.*INDEX ix_documents_(open|unsettled))"
)


@pytest.fixture(scope="module")
def scale() -> Any:
    path = Path(__file__).parents[2] / "benchmarks" / "ledger_scale.py"
    spec = importlib.util.spec_from_file_location("ledger_scale", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ledger_scale"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ledger(scale: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path_factory.mktemp('scale')}/ledger.db"
    scale.make_ledger(url, DOCUMENTS)
    opened = Ledger.open(url)
    yield opened
    opened.close()


def plans(ledger: Ledger, act: Callable[[], object]) -> dict[str, list[str]]:
    """Return how SQLite answers each of the statements of an act."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, given: Any, _x: Any, many: bool) -> None:  # noqa: FBT001
        if not many and statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            asked.append((statement, given))

    sa.event.listen(ledger.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        sa.event.remove(ledger.engine, "before_cursor_execute", note)
    assert asked
    with ledger.engine.connect() as connection:
        return {
            statement: [
                row.detail
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            ]
            for statement, given in asked
        }


RUN: dict[str, Callable[[Ledger], object]] = {
    "due": lambda one: queries.due(one, now=NOW, looked_at=NOW, after=0),
    "due again": lambda one: queries.due(one, now=NOW, looked_at=None, after=0, upto=9),
    "due of a kind": lambda one: queries.due(one, now=NOW, looked_at=NOW, after=0, kind="order"),
    "unsettled": lambda one: queries.unsettled(one, looked_at=NOW),
    "abandoned": lambda one: queries.abandoned(one, "run"),
    "to change": lambda one: queries.to_change(one, "sales_orders"),
    "to compare": lambda one: queries.to_compare(one, "sales_invoices"),
    "owners": lambda one: queries.owners(one, 123456, ["a", "b"]),
    "unanswered": lambda one: queries.unanswered(one, 123456, "sales_entries", "1"),
    "posted days": lambda one: queries.posted_days(one, 123456, "2024-12-01"),
    "last answer": lambda one: queries.last_answer(one, 123456, "sales_entries"),
    "counts": queries.counts,
    "days to close": lambda one: queries.days_to_close(one, NOW),
    "documents of a day": lambda one: queries.documents_of_day(one, "day"),
    "members": lambda one: queries.members(one, "day"),
    "copies begin": lambda one: Rows(one.engine, one.keys).begin(wanted=True),
    "copies remember": lambda one: Rows(one.engine, one.keys).remember(),
    "copies due": lambda one: Rows(one.engine, one.keys).due(9),
    "copies waiting": lambda one: Rows(one.engine, one.keys).waiting(),
}


@pytest.mark.parametrize("name", RUN)
def test_no_question_of_a_run_reads_the_whole_ledger(ledger: Ledger, name: str) -> None:
    for statement, plan in plans(ledger, lambda: RUN[name](ledger)).items():
        assert not [step for step in plan if WHOLE.match(step)], (statement, plan)


LISTS = {
    "month": Search(since="2024-12-01", until="2024-12-31"),
    "month of a company": Search(since="2024-12-01", until="2024-12-31", division=123456),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_month_is_listed_from_an_index_alone(ledger: Ledger, name: str) -> None:
    listed = plans(ledger, lambda: list(desk.find(ledger, LISTS[name], limit=101)))
    for statement, plan in listed.items():
        assert any("COVERING INDEX ix_documents" in step for step in plan), statement
        # Only the rows that are shown are put in order: the index gives the first of the month.
        assert plan.count("USE TEMP B-TREE FOR ORDER BY") == 1, plan
        assert not [step for step in plan if WHOLE.match(step)], (statement, plan)


def test_all_documents_of_a_month_are_listed_in_order(ledger: Ledger, scale: Any) -> None:
    rows = list(desk.find(ledger, LISTS["month"]))
    days = [
        scale.FIRST_DAY.toordinal() + place * scale.DAYS // DOCUMENTS for place in range(DOCUMENTS)
    ]
    first, last = (datetime(2024, 12, day, tzinfo=UTC).toordinal() for day in (1, 31))
    expected = {scale.key_of(n) for n, day in enumerate(days) if first <= day <= last}
    assert {row.document_key for row in rows} == expected
    places = [(row.entry_date, row.created_at, row.document_key) for row in rows]
    assert places == sorted(places)


def test_one_document_and_its_history_are_found_by_key(ledger: Ledger, scale: Any) -> None:
    for plan in plans(ledger, lambda: desk.show(ledger, scale.key_of(7))).values():
        assert not [step for step in plan if step.startswith("SCAN")]


def test_memory_stays_flat(ledger: Ledger, scale: Any, tmp_path: Path) -> None:
    few = tmp_path / "few.db"
    scale.make_ledger(f"sqlite:///{few}", 100)
    configs = []
    for path in (few, ledger.engine.url.database):
        configs.append(tmp_path / f"{Path(str(path)).stem}.json")
        configs[-1].write_text(json.dumps({"ledger_url": f"sqlite:///{path}"}))
    for command in (
        ("audit", "verify"),
        ("documents", "list", "--json"),
        ("anonymise", "--older-than-days", "1"),
    ):
        small, large = (scale.command_peak_mb(config, *command)[0] for config in configs)
        assert large - small < MORE_MB, command
    assert chain.verify(ledger.engine, ledger.keys).faults == ()

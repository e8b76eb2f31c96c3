"""Clocks of web nodes, of the database and of this machine may be wrong: nothing is missed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox.adobe.store import insert_many

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run

    from commerce_sandbox.testing import SandboxHandle

DAY = 24 * 3600
ORDERS = ("orders",)


def change(sandbox: SandboxHandle, key: int, at: datetime) -> None:
    connection = sandbox.database.connection()
    row = connection.execute("SELECT body FROM adobe_order WHERE entity_id = ?", (key,)).fetchone()
    text = at.strftime("%Y-%m-%d %H:%M:%S")
    insert_many(sandbox.database, "order", [json.loads(row[0]) | {"updated_at": text}])


def bookmark(run: Run) -> datetime:
    return datetime.fromisoformat(run.state["bookmarks"]["orders"]["replication_key_value"])


@pytest.mark.parametrize(
    ("setting", "value"),
    [("adobe.clock_skew_seconds", DAY), ("adobe.node_clocks", [0, DAY, -3600])],
)
def test_a_web_node_a_day_ahead_costs_no_document(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], setting: str, value: Any
) -> None:
    sandbox.set(setting, value)
    wrong = run_tap(sandbox.adobe_config(), streams=ORDERS)
    assert bookmark(wrong) <= datetime.now(UTC) + timedelta(minutes=15)
    for key in (3, 4, 5, 6):
        change(sandbox, key, sandbox.now())
    sandbox.set(setting, [] if isinstance(value, list) else 0)
    sandbox.advance(20)

    right = run_tap(sandbox.adobe_config(), streams=ORDERS, state=wrong.state)

    assert sorted(right.keys("orders")) == [3, 4, 5, 6]


def test_a_clock_that_is_out_is_said_once(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    sandbox.set("adobe.clock_skew_seconds", DAY)

    run = run_tap(sandbox.adobe_config(), streams=("orders", "invoices"))

    assert run.errors.count("The shop's clock is 1440 minutes ahead of this machine's") == 1


def test_a_bookmark_in_the_future_is_said_and_everything_is_read(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    state = {"bookmarks": {"orders": {"replication_key_value": tomorrow, "read_until": tomorrow}}}

    run = run_tap(sandbox.adobe_config(), streams=ORDERS, state=state)

    assert sorted(run.keys("orders")) == list(range(1, 76))
    assert sum("lies in the future" in line for line in run.error_lines) == 1
    assert bookmark(run) <= datetime.now(UTC)


def test_a_database_whose_clock_is_hours_behind_loses_no_late_commit(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    behind = sandbox.now() - timedelta(hours=3)
    change(sandbox, 20, behind)
    first = run_tap(sandbox.adobe_config(), streams=ORDERS)
    change(sandbox, 21, behind - timedelta(seconds=90))  # committed only now

    second = run_tap(sandbox.adobe_config(), streams=ORDERS, state=first.state)
    third = run_tap(sandbox.adobe_config(), streams=ORDERS, state=second.state)

    assert second.keys("orders") == [21]
    assert third.keys("orders") == []

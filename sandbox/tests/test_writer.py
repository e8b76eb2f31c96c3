"""The shop that keeps changing: what it does is true, ordered and as recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox import shop
from commerce_sandbox.adobe.testing import Pairs, ShopClient
from commerce_sandbox.data.writer import ShopWriter, running_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.testing import SandboxHandle

START = datetime(2026, 12, 1, tzinfo=UTC)
KINDS = ("order", "invoice", "creditmemo", "shipment")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[SandboxContext]:
    context = shop.open_context(tmp_path)
    shop.seed(context, "recorded")
    yield context
    context.database.close()


def documents(context: SandboxContext, kind: str) -> dict[int, dict[str, Any]]:
    rows = context.database.connection().execute(f"SELECT entity_id, body FROM adobe_{kind}")  # noqa: S608 -- own names
    return {row["entity_id"]: json.loads(row["body"]) for row in rows}


def document(context: SandboxContext, order_id: int) -> dict[str, Any]:
    query = "SELECT body FROM adobe_order WHERE entity_id = ?"
    row = context.database.connection().execute(query, (order_id,)).fetchone()
    return json.loads(row["body"]) if row else {}


def update_times(context: SandboxContext) -> dict[int, str]:
    rows = context.database.connection().execute("SELECT entity_id, updated_at FROM adobe_order")
    return {row["entity_id"]: row["updated_at"] for row in rows}


def run(context: SandboxContext, steps: int, seed: int = 1, late: float = 3.0) -> ShopWriter:
    writer = ShopWriter(context.database, context.clock, seed, late_seconds=late)
    for step in range(steps):
        writer.step(START + timedelta(seconds=step))
    return writer


def test_the_shop_ends_as_the_writer_says(context: SandboxContext) -> None:
    before = {kind: documents(context, kind) for kind in KINDS}
    writer = run(context, 400)
    writer.settle()
    truth: dict[str, dict[int, dict[str, Any]]] = {kind: dict(before[kind]) for kind in KINDS}
    for change in sorted(writer.committed, key=lambda change: change.number):
        for kind, document in change.rows:
            truth[kind][document["entity_id"]] = document
    for kind in KINDS:
        assert documents(context, kind) == truth[kind]
    kinds = Counter(change.kind for change in writer.committed)
    assert set(kinds) == {
        *("new", "invoice", "refund", "ship", "cancel"),
        *("hold", "unhold", "comment", "address"),
    }
    assert len(writer.committed) == 400


def test_updated_at_moves_only_as_recorded(context: SandboxContext) -> None:
    writer = ShopWriter(context.database, context.clock, 2, late_seconds=0)
    seen = Counter[tuple[str, bool]]()
    for step in range(500):
        before = update_times(context)
        change = writer.step(START + timedelta(seconds=step))
        after = change.rows[0][1]
        seen[change.kind, change.moves_order] += 1
        assert (after["updated_at"] == change.at) == change.moves_order
        assert change.moves_order == (after["updated_at"] != before.get(change.order_id))
        if change.kind == "ship":
            assert change.moves_order == (after["state"] == "complete")
    moved = {kind for kind, moves in seen if moves}
    stayed = {kind for kind, moves in seen if not moves}
    assert stayed == {"comment", "address", "ship"}
    assert moved >= {"new", "invoice", "refund", "cancel", "hold", "unhold", "ship"}


def test_late_changes_become_visible_after_the_time_they_carry(context: SandboxContext) -> None:
    writer = ShopWriter(context.database, context.clock, 3, late_seconds=10)
    invisible = []
    for step in range(60):
        now = START + timedelta(seconds=step)
        change = writer.step(now)
        visible = document(context, change.order_id)
        if change in writer.pending:
            assert change.visible_at > now
            assert visible.get("updated_at", "") < change.at
            invisible.append(change)
        else:
            assert visible == change.rows[0][1]
    assert invisible
    writer.commit(START + timedelta(seconds=100))
    assert writer.pending == []
    orders = documents(context, "order")
    assert {change.order_id for change in invisible} <= set(orders)


def test_the_same_seed_and_times_make_the_same_changes(tmp_path: Path) -> None:
    summaries = []
    for name in ("a", "b"):
        context = shop.open_context(tmp_path / name)
        shop.seed(context, "recorded")
        writer = run(context, 100)
        writer.settle()
        summaries.append([change.summary() for change in writer.committed])
        context.database.close()
    assert summaries[0] == summaries[1]


def test_a_second_writer_continues_the_numbers(context: SandboxContext) -> None:
    counted = running_numbers(context.database)
    assert counted.ids["order"] == 75
    assert counted.ids["invoice"] == 65
    assert counted.ids["creditmemo"] == 19
    assert counted.increments["order:1"] == 62
    run(context, 60).settle()
    first = set(documents(context, "order"))
    run(context, 60, seed=9).settle()
    orders = documents(context, "order")
    assert len(orders) > len(first)
    numbers = [order["increment_id"] for order in orders.values()]
    assert len(set(numbers)) == len(numbers)


def test_the_writer_process_changes_the_shop_and_says_what_it_did(tmp_path: Path) -> None:
    context = shop.open_context(tmp_path)
    shop.seed(context, "recorded")
    before = documents(context, "order")
    command = [sys.executable, "-m", "commerce_sandbox", "write", "--data-dir", str(tmp_path)]
    command += ["--seed", "4", "--rate", "100", "--duration", "0.6", "--late", "0.2"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    changes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(changes) > 10
    after = documents(context, "order")
    touched = {change["order_id"] for change in changes}
    assert {key for key in after if after[key] != before.get(key)} == touched
    context.database.close()


def test_the_writer_process_ends_in_order_when_told_to(tmp_path: Path) -> None:
    context = shop.open_context(tmp_path)
    shop.seed(context, "recorded")
    command = [sys.executable, "-m", "commerce_sandbox", "write", "--data-dir", str(tmp_path)]
    command += ["--rate", "200", "--late", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.terminate()
        rest = [json.loads(line) for line in process.stdout]
    assert process.returncode == 0
    numbers = sorted(change["number"] for change in [first, *rest])
    assert numbers == list(range(1, len(numbers) + 1))  # late ones are committed at the end
    assert {change["order_id"] for change in rest} <= set(documents(context, "order"))
    context.database.close()


def test_a_reader_over_http_sees_what_is_committed(sandbox: SandboxHandle) -> None:
    writer = ShopWriter(sandbox.database, sandbox.context.clock, 6)
    client = ShopClient(sandbox.url)
    seen = set()
    for _ in range(40):
        change = writer.step()
        received = client.get(f"/rest/V1/orders/{change.order_id}")
        if change in writer.pending:
            continue
        assert json.loads(received.body) == change.rows[0][1]
        seen.add(change.order_id)
    writer.settle()
    pairs: Pairs = [("searchCriteria[pageSize]", "500")]
    listed = json.loads(client.get("/rest/V1/orders", pairs).body)
    assert listed["total_count"] == len(update_times(sandbox.context))
    assert {order["entity_id"] for order in listed["items"]} >= seen

"""Orders that a webhook told of are read beside the window, and no bookmark moves for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from commerce_sandbox.testing import SandboxHandle

    from .conftest import Run

STREAMS = ("orders", "invoices", "credit_memos")


def bookmarks(run: Run) -> list[str]:
    return [run.state["bookmarks"][stream]["replication_key_value"] for stream in STREAMS]


def test_signalled_orders_come_with_their_documents_beside_what_changed(
    sandbox: SandboxHandle,
    run_program: Callable[..., Run],
    run_tap: Callable[..., Run],
    files: Callable[..., Path],
    catalog: Callable[..., dict[str, object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = sandbox.adobe_config()
    first = run_tap(config, streams=STREAMS)
    invoice = first.records("invoices")[0]
    order = invoice["order_id"]
    quiet = run_tap(config, streams=STREAMS, state=first.state)
    assert [quiet.keys(stream) for stream in STREAMS] == [[], [], []]

    monkeypatch.setenv("TAP_ADOBE_COMMERCE_ORDER_ENTITY_IDS", json.dumps([order, 999_999]))
    told = run_program(
        *("--config", files("config.json", config), "--config", "ENV"),
        *("--catalog", files("catalog.json", catalog(*STREAMS))),
        *("--state", files("state.json", first.state)),
    )

    assert told.code == 0, told.errors  # the unknown order may be one that was rolled back
    assert told.keys("orders") == [order]
    assert invoice["entity_id"] in told.keys("invoices")
    assert {one["order_id"] for one in told.records("invoices")} == {order}
    assert {one["order_id"] for one in told.records("credit_memos")} <= {order}
    assert bookmarks(told) >= bookmarks(quiet)  # not back to the order's own time
    again = run_tap(config, streams=STREAMS, state=told.state)
    assert [again.keys(stream) for stream in STREAMS] == [[], [], []]


@pytest.mark.parametrize("ids", [[0], [-1], [2**63]])
def test_what_is_no_entity_id_is_refused(run_tap: Callable[..., Run], ids: list[int]) -> None:
    config = {"base_url": "http://127.0.0.1:1", "bearer_token": "b" * 32}
    run = run_tap(config | {"order_entity_ids": ids}, streams=("orders",))
    assert run.code == 1
    assert run.error_lines[-1].startswith("ERROR: Setting order_entity_ids holds")

"""A shop that is slow, broken, busy or limited: nothing is missed, nothing is skipped."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run

    from commerce_sandbox.testing import SandboxHandle

ALL_ORDERS = list(range(1, 76))
ORDERS = "/rest/all/V1/orders"


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("error_before", {}),
        ("truncate", {}),
        ("drop_before", {}),
        ("unavailable", {}),
        ("too_many_requests", {"headers": {"Retry-After": "1"}}),
    ],
)
def test_a_passing_fault_costs_nothing_but_time(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], kind: str, params: dict[str, object]
) -> None:
    sandbox.fault(ORDERS, kind, nth=2, times=1, **params)

    run = run_tap(sandbox.adobe_config() | {"page_size": 20}, streams=("orders",))

    assert run.code == 0
    assert sorted(run.keys("orders")) == ALL_ORDERS


def test_a_page_that_is_too_slow_shrinks_and_grows_back(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    sandbox.fault(ORDERS, "latency", nth=2, times=2, seconds=4)
    config = sandbox.adobe_config() | {
        "page_size": 16,
        "request_timeout_seconds": 1.5,
        "parallel": 1,
    }

    run = run_tap(config, streams=("orders",))

    assert run.code == 0
    assert sorted(run.keys("orders")) == ALL_ORDERS
    sizes = page_sizes(sandbox)
    assert sizes[0] == 16
    assert min(sizes) == 8
    assert sizes[-1] == 16


def test_an_answer_that_drips_is_given_up_in_time(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    sandbox.fault(ORDERS, "slow", nth=1, times=2, bytes_per_second=2000)
    config = sandbox.adobe_config() | {"request_timeout_seconds": 1, "parallel": 1}

    run = run_tap(config, streams=("orders",))

    assert run.code == 0
    assert sorted(run.keys("orders")) == ALL_ORDERS
    assert "No complete answer within 1 seconds" in run.errors


def page_sizes(sandbox: SandboxHandle) -> list[int]:
    queries = [
        request["query"]
        for request in sandbox.requests(system="adobe")
        if request["path"].endswith("/V1/orders")
    ]
    return [
        int(query.replace("%5B", "[").replace("%5D", "]").split("[pageSize]=")[1].split("&")[0])
        for query in queries
    ]


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_the_shops_own_page_limit_is_respected(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], limit: int
) -> None:
    sandbox.set("adobe.max_page_size", limit)

    run = run_tap(
        sandbox.adobe_config(), streams=("orders", "credit_memos", "tax_rates", "categories")
    )

    assert run.code == 0
    assert sorted(run.keys("orders")) == ALL_ORDERS
    assert len(run.keys("credit_memos")) == 19
    assert len(run.keys("tax_rates", "id")) == 8
    assert len(run.keys("categories", "id")) == 2


def test_a_release_that_repeats_its_last_page_ends(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    sandbox.set("adobe.repeat_last_page", value=True)

    run = run_tap(
        sandbox.adobe_config() | {"page_size": 4}, streams=("orders", "tax_rates", "tax_rules")
    )

    assert run.code == 0
    assert sorted(run.keys("orders")) == ALL_ORDERS
    assert len(run.keys("tax_rates", "id")) == 8
    assert len(run.keys("tax_rules", "id")) == 2


@pytest.mark.parametrize("skew", [-500, 3600])
def test_a_run_ends_by_the_shops_clock_not_ours(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], skew: int
) -> None:
    sandbox.set("adobe.clock_skew_seconds", skew)

    run = run_tap(sandbox.adobe_config() | {"lag_seconds": 0}, streams=("tax_rates", "shipments"))

    assert run.code == 0
    end = run.state["bookmarks"]["shipments"]["read_until"]
    shop_time = sandbox.now().timestamp() + skew
    assert abs(datetime.fromisoformat(end).timestamp() - shop_time) < 30


def test_answers_travel_compressed(sandbox: SandboxHandle, run_tap: Callable[..., Run]) -> None:
    sandbox.set("adobe.gzip", value=True)

    run = run_tap(sandbox.adobe_config(), streams=("orders",))

    assert run.code == 0
    assert sorted(run.keys("orders")) == ALL_ORDERS


def test_one_order_that_cannot_be_read_is_named_and_ends_the_run(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    sandbox.set("adobe.broken_order_ids", [41])

    run = run_tap(sandbox.adobe_config() | {"page_size": 8}, streams=("orders",))

    assert run.code == 1
    (line,) = run.error_lines
    assert "entity_id 41 cannot be read" in line
    assert "unreadable" in line
    assert 41 not in run.keys("orders")
    # Everything before it is out, and STATE says so: after the repair the rest follows.
    sandbox.set("adobe.broken_order_ids", [])
    rest = run_tap(sandbox.adobe_config() | {"page_size": 8}, streams=("orders",), state=run.state)
    assert sorted(run.keys("orders") + rest.keys("orders")) == ALL_ORDERS


def test_a_parked_order_is_reported_kept_and_tried_again(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    sandbox.set("adobe.broken_order_ids", [41])
    config = sandbox.adobe_config() | {"page_size": 8, "unreadable": "park"}

    run = run_tap(config, streams=("orders", "invoices"))

    assert run.code == 0
    assert sorted(run.keys("orders")) == [key for key in ALL_ORDERS if key != 41]
    assert "entity_id 41 cannot be read" in run.errors
    bookmarks = run.state["bookmarks"]
    assert bookmarks["orders"]["parked"] == [41]
    parked_invoices = bookmarks["invoices"]["parked"]
    assert sorted(run.keys("invoices") + parked_invoices) == list(range(1, 66))

    still = run_tap(config, streams=("orders",), state=run.state)
    assert still.code == 0
    assert still.records("orders") == []
    assert still.state["bookmarks"]["orders"]["parked"] == [41]

    sandbox.set("adobe.broken_order_ids", [])
    healed = run_tap(config, streams=("orders", "invoices"), state=still.state)
    assert healed.keys("orders") == [41]
    assert healed.keys("invoices") == parked_invoices
    assert "parked" not in healed.state["bookmarks"]["orders"]
    assert "parked" not in healed.state["bookmarks"]["invoices"]

"""The shop is asked for little, and for nothing twice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec
import pytest

from commerce_sandbox.adobe.store import insert_many
from tap_adobe_commerce.listing import Row
from tap_adobe_commerce.orders import UNKNOWN, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run

    from commerce_sandbox.testing import SandboxHandle

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "shop_load.py"
JOB = ("invoices", "credit_memos")
ALL = ("orders", *JOB)


def asked(sandbox: SandboxHandle) -> list[str]:
    return [each["path"].rpartition("/V1/")[2] for each in sandbox.requests(system="adobe")]


def orders_by_number(sandbox: SandboxHandle) -> list[int]:
    found: list[int] = []
    for each in sandbox.requests(system="adobe"):
        query = unquote(each["query"])
        if each["path"].endswith("/orders") and (
            listed := re.search(r"\[value\]=([\d,]+)&[^&]*condition_type\]=in(&|$)", query)
        ):
            found += map(int, listed[1].split(","))
    return found


def test_the_benchmark_short() -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARK, "--json", "--orders", "600"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    figures = json.loads(done.stdout.splitlines()[-1])

    assert figures["missed"] == 0
    assert figures["orders_fetched_twice"] == 0
    assert figures["idle_shop_requests"] <= 4
    assert figures["emitted_by_an_idle_run"] == 0
    assert figures["requests_per_1000_orders"] < 25  # what is read once per run weighs in here


def test_an_order_is_fetched_once_in_a_run(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], recorded: Run
) -> None:
    run = run_tap(sandbox.adobe_config() | {"page_size": 10}, streams=ALL)
    assert orders_by_number(sandbox) == []
    sandbox.clear_requests()
    alone = run_tap(sandbox.adobe_config() | {"page_size": 10}, streams=JOB)

    numbers = orders_by_number(sandbox)
    assert len(numbers) == len(set(numbers)) > 0
    for stream in JOB:
        for records in (run.records(stream), alone.records(stream)):
            stamped = [each | {"source": None} for each in recorded.records(stream)]
            assert [each | {"source": None} for each in records] == stamped


def test_an_order_that_was_read_before_its_document_was_made_is_fetched_again(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    """The order seems older than its invoice: it was read in between."""
    connection = sandbox.database.connection()
    (body,) = connection.execute("SELECT body FROM adobe_invoice WHERE entity_id = 7").fetchone()
    invoice = json.loads(body) | {"created_at": "2026-11-20 10:00:00"}
    insert_many(sandbox.database, "invoice", [invoice])

    run_tap(sandbox.adobe_config(), streams=ALL)

    assert orders_by_number(sandbox) == [invoice["order_id"]]


def row(key: int, at: str, **members: Any) -> Row:
    content = json.dumps({"entity_id": key, "updated_at": at} | members)
    return Row(key, "", msgspec.Raw(content.encode()))


def test_the_shelf_gives_only_what_is_young_enough() -> None:
    shelf = Shelf()
    shelf.put([row(1, "2026-05-01 10:00:00", a=1.10)])

    raw = shelf.get(1, "2026-05-01 10:00:00")

    assert raw is not None
    assert b"1.1" in bytes(raw)
    assert shelf.get(1, "2026-05-01 10:00:01") is None
    assert shelf.get(1, UNKNOWN) is None
    assert shelf.get(2, "") is None
    shelf.put([row(1, "2026-05-01 10:00:02")])
    assert shelf.get(1, "2026-05-01 10:00:01") is not None


def test_the_shelf_is_bounded() -> None:
    shelf = Shelf(most_bytes=10_000)
    for key in range(1, 2000):
        shelf.put([row(key, "2026-05-01 10:00:00", text=str(key) * 20)])

    kept = sum(shelf.get(key, "") is not None for key in range(1, 2000))

    assert 50 < kept < 400
    assert shelf.get(1, "") is not None


def test_store_views_are_remembered_in_state_for_a_day(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    config = sandbox.adobe_config()
    first = run_tap(config, "--order=000000001", streams=("orders",))
    assert sum("store/" in route for route in asked(sandbox)) == 3
    sandbox.clear_requests()

    second = run_tap(config, "--order=000000001", streams=("orders",), state=first.state)
    assert not any("store/" in route for route in asked(sandbox))
    assert second.records("orders")[0]["source"]["store_code"] == "nl"
    assert second.records("orders")[0]["source"]["timezone"] == "Europe/Amsterdam"

    old = json.loads(json.dumps(second.state))
    yesterday = datetime.now(UTC) - timedelta(hours=25)
    old["store_views"]["read_at"] = yesterday.strftime("%Y-%m-%dT%H:%M:%SZ")
    run_tap(config, "--order=000000001", streams=("orders",), state=old)
    assert sum("store/" in route for route in asked(sandbox)) == 3


@pytest.mark.parametrize(
    "remembered",
    [
        None, 5, [], {}, {"views": 5}, {"host": "x", "read_at": "x", "views": {}},
        {"host": "other", "read_at": "2999-01-01T00:00:00Z", "views": {"1": ["x", None, None]}},
    ],
)  # fmt: skip
def test_remembered_store_views_of_another_form_or_shop_are_read_again(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], remembered: Any
) -> None:
    run = run_tap(
        sandbox.adobe_config(), "--order=000000001",
        streams=("orders",), state={"bookmarks": {}, "store_views": remembered},
    )  # fmt: skip

    assert run.code == 0
    assert run.records("orders")[0]["source"]["store_code"] == "nl"


def test_a_store_view_that_is_not_remembered_is_looked_up(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    first = run_tap(sandbox.adobe_config(), "--order=000000001", streams=("orders",))
    state = json.loads(json.dumps(first.state))
    del state["store_views"]["views"]["1"]

    run = run_tap(sandbox.adobe_config(), "--order=000000001", streams=("orders",), state=state)

    assert run.records("orders")[0]["source"]["store_code"] == "nl"


def test_what_is_remembered_stays_when_it_may_not_be_read_any_more(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], sales_only: dict[str, str]
) -> None:
    """Or documents would change their keys, and be booked twice."""
    first = run_tap(sandbox.adobe_config(), "--order=000000001", streams=("orders",))
    state = json.loads(json.dumps(first.state))
    state["store_views"]["read_at"] = "2026-01-01T00:00:00Z"

    run = run_tap(
        sandbox.adobe_config() | sales_only, "--order=000000001", streams=("orders",), state=state
    )

    assert run.records("orders")[0]["source"]["store_code"] == "nl"
    assert "Backend::store" in run.errors


def test_every_document_has_a_store_code(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], sales_only: dict[str, str]
) -> None:
    connection = sandbox.database.connection()
    (body,) = connection.execute("SELECT body FROM adobe_order WHERE entity_id = 3").fetchone()
    deleted = {name: part for name, part in json.loads(body).items() if name != "store_id"}
    insert_many(sandbox.database, "order", [deleted])

    for more in ({}, sales_only):
        run = run_tap(sandbox.adobe_config() | more, streams=ALL)
        codes: dict[str, set[Any]] = {}
        for stream in ALL:
            for record in run.records(stream):
                codes.setdefault(record["source"]["store_code"], set()).add(record.get("store_id"))
        assert codes.pop("0") == {None}
        assert None not in codes
        assert all(len(views) == 1 for views in codes.values())
        assert len(codes) > 3


def test_a_month_is_read_by_when_documents_were_created_and_leaves_the_bookmark(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], recorded: Run
) -> None:
    month = {
        "created_from": "2026-04-01T00:00:00+02:00",
        "created_until": "2026-05-01T00:00:00+02:00",
    }
    bookmark = {"replication_key_value": "2026-06-01T00:00:00Z"}
    state = {"bookmarks": {stream: dict(bookmark) for stream in ALL}}

    run = run_tap(
        sandbox.adobe_config() | month | {"page_size": 2, "end_date": "2026-02-01"},
        streams=(*ALL, "tax_rates"), state=state,
    )  # fmt: skip

    assert run.code == 0
    for stream in ALL:
        expected = [
            each["entity_id"]
            for each in recorded.records(stream)
            if "2026-03-31T22:00:00Z" <= each["created_at"] < "2026-04-30T22:00:00Z"
        ]
        assert expected
        assert sorted(run.keys(stream)) == sorted(expected)
        assert run.state["bookmarks"][stream] == bookmark
    assert len(run.keys("tax_rates", "id")) == 8


def test_the_last_second_of_a_month_counts_and_the_first_of_the_next_does_not(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    connection = sandbox.database.connection()
    before, after = "23:59:59", "00:00:00"
    times = [f"2026-09-30 {before}", f"2026-10-01 {after}"]
    times += [f"2026-10-31 {before}", f"2026-11-01 {after}"]
    for key, at in enumerate(times, 1):
        query = "SELECT body FROM adobe_order WHERE entity_id = ?"
        (body,) = connection.execute(query, (key,)).fetchone()
        insert_many(sandbox.database, "order", [json.loads(body) | {"created_at": at}])
    month = {"created_from": "2026-10-01", "created_until": "2026-11-01"}

    found = run_tap(sandbox.adobe_config() | month, streams=("orders",)).keys("orders")

    assert {2, 3} <= set(found)
    assert not {1, 4} & set(found)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"created_from": "2026-02-01", "created_until": "2026-02-01"}, "created_from"),
        ({"created_from": "x"}, "created_from"),
        ({"created_until": "2026-02-01", "order_ids": ["1"]}, "order_ids"),
    ],
)
def test_months_that_cannot_be_are_refused(
    run_tap: Callable[..., Run], settings: dict[str, Any], part: str
) -> None:
    config = {"base_url": "http://127.0.0.1:1", "bearer_token": "b" * 32}

    run = run_tap(config | settings, streams=("orders",))

    assert run.code == 1
    assert part in run.error_lines[-1]
    assert run.error_lines[-1].startswith("ERROR: ")

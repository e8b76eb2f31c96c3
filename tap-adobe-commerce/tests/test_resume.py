"""Runs that are killed, overlap, sweep, replay, and what is selected."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from commerce_sandbox.adobe.store import insert_many

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

    from commerce_sandbox.testing import SandboxHandle

PAGE = 6


def change(sandbox: SandboxHandle, kind: str, key: int, **members: Any) -> None:
    """Change members of a stored record, as the shop's database would."""
    connection = sandbox.database.connection()
    (body,) = connection.execute(
        f"SELECT body FROM adobe_{kind} WHERE entity_id = ?",  # noqa: S608  # own names
        (key,),
    ).fetchone()
    insert_many(sandbox.database, kind, [json.loads(body) | members])


def in_shop_form(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%d %H:%M:%S"))


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_repeats_at_most_one_page(
    sandbox: SandboxHandle,
    run_tap: Callable[..., Run],
    files: Callable[[str, Any], Path],
    catalog: Callable[..., dict[str, Any]],
    program: Path,
    signal_number: int,
) -> None:
    config = sandbox.adobe_config() | {"page_size": PAGE, "parallel": 2}
    sandbox.fault("*/V1/orders", "latency", nth=1, times=0, seconds=0.05)
    command = [program, "--config", files("config.json", config)]
    command += ["--catalog", files("catalog.json", catalog("orders"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if sum(b'"RECORD"' in part[:20] for part in lines) == 40:
                process.send_signal(signal_number)
                break
        rest = process.stdout.read()
    # What was in the pipe had been emitted; a line that was cut off had not.
    lines += [line for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]
    messages = [json.loads(line) for line in lines]
    before = [m["record"]["entity_id"] for m in messages if m["type"] == "RECORD"]
    state = [m["value"] for m in messages if m["type"] == "STATE"][-1]
    assert process.returncode == (
        -signal.SIGKILL if signal_number == signal.SIGKILL else 128 + signal.SIGTERM
    )
    sandbox.clear_faults()

    resumed = run_tap(config, streams=("orders",), state=state)

    count = Counter(before + resumed.keys("orders"))
    assert sorted(count) == list(range(1, 76))
    assert sum(times - 1 for times in count.values()) <= PAGE


def test_a_late_commit_is_met_in_the_overlap_and_nothing_else_again(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    first = run_tap(sandbox.adobe_config(), streams=("orders",))
    now = sandbox.now()
    change(sandbox, "order", 20, updated_at=in_shop_form(now), status="late")
    sandbox.advance(60)
    second = run_tap(sandbox.adobe_config(), streams=("orders",), state=first.state)
    assert second.keys("orders") == [20]

    # Committed only now, with a time before the end of the run above.
    change(sandbox, "order", 21, updated_at=in_shop_form(now), status="later")
    sandbox.advance(10)
    third = run_tap(sandbox.adobe_config(), streams=("orders",), state=second.state)
    assert third.keys("orders") == [21]

    # The change time stays, the content does not: two changes within one second.
    change(sandbox, "order", 20, updated_at=in_shop_form(now), status="again")
    sandbox.advance(10)  # within the second of the last run, there would be nothing to read
    fourth = run_tap(sandbox.adobe_config(), streams=("orders",), state=third.state)
    assert fourth.keys("orders") == [20]

    fifth = run_tap(sandbox.adobe_config(), streams=("orders",), state=fourth.state)
    assert fifth.keys("orders") == []


def test_a_sweep_brings_what_does_not_move_the_change_time(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    config = sandbox.adobe_config() | {"sweep_every_days": 7, "page_size": 30}
    first = run_tap(config, streams=("orders",))
    assert len(first.keys("orders")) == 75
    change(sandbox, "order", 5, customer_note="changed without a trace")

    assert run_tap(config, streams=("orders",), state=first.state).keys("orders") == []
    sandbox.advance(8 * 24 * 3600)
    swept = run_tap(config, streams=("orders",), state=first.state)

    assert swept.keys("orders") == list(range(1, 76))
    assert any(o.get("customer_note") for o in swept.records("orders") if o["entity_id"] == 5)
    assert run_tap(config, streams=("orders",), state=swept.state).keys("orders") == []


def test_transactions_are_read_by_when_they_were_made(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    """The recorded shop has none: they need a payment gateway."""
    captures = [
        {
            "transaction_id": number,
            "order_id": number,
            "payment_id": number,
            "txn_id": f"capture-{number}",
            "parent_txn_id": "",
            "txn_type": "capture",
            "is_closed": 1,
            "created_at": f"2026-05-0{number} 10:00:00",
            "child_transactions": [],
        }
        for number in (1, 2, 3)
    ]
    insert_many(sandbox.database, "transaction", captures)
    config = sandbox.adobe_config()

    run = run_tap(config | {"end_date": "2026-05-02T12:00:00Z"}, streams=("transactions",))
    rest = run_tap(config, streams=("transactions",), state=run.state)

    assert run.keys("transactions", "transaction_id") == [1, 2]
    assert rest.keys("transactions", "transaction_id") == [3]
    validator = jsonschema.Draft7Validator(
        run.schema("transactions"), format_checker=jsonschema.FormatChecker()
    )
    assert list(validator.iter_errors(run.records("transactions")[0])) == []


def test_a_stream_set_to_full_table_is_read_whole(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], catalog: Callable[..., dict[str, Any]]
) -> None:
    select = catalog("credit_memos")
    entry = next(entry for entry in select["streams"] if entry["stream"] == "credit_memos")
    entry["replication_method"] = "FULL_TABLE"
    state = {"bookmarks": {"credit_memos": {"replication_key_value": "2026-11-01T00:00:00Z"}}}

    run = run_tap(sandbox.adobe_config(), select=select, state=state)

    assert sorted(run.keys("credit_memos")) == list(range(1, 20))


def test_start_and_end_date_bound_a_backfill_and_the_next_run_goes_on(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], recorded: Run
) -> None:
    bounds = {"start_date": "2026-02-01", "end_date": "2026-05-31T23:59:59Z"}

    first = run_tap(sandbox.adobe_config() | bounds, streams=("invoices",))
    rest = run_tap(
        sandbox.adobe_config() | {"start_date": bounds["start_date"]},
        streams=("invoices",),
        state=first.state,
    )

    times = {record["entity_id"]: record["updated_at"] for record in recorded.records("invoices")}
    within = {key for key, at in times.items() if "2026-02-01" <= at < "2026-06-01"}
    after = {key for key, at in times.items() if at >= "2026-06-01"}
    assert within
    assert after
    assert sorted(first.keys("invoices")) == sorted(within)
    assert sorted(rest.keys("invoices")) == sorted(after)


def test_a_run_that_ends_before_it_begins_leaves_the_bookmark(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    config = sandbox.adobe_config()
    bookmark = {
        "replication_key_value": "2026-06-01T00:00:00Z",
        "read_until": "2026-06-01T00:00:00Z",
    }
    state = {"bookmarks": {"invoices": bookmark}}

    past = run_tap(config | {"end_date": "2026-02-01"}, streams=("invoices",), state=state)
    future = run_tap(config | {"start_date": "2099-01-01"}, streams=("invoices",))

    assert past.code == future.code == 0
    assert past.records("invoices") == future.records("invoices") == []
    assert past.state["bookmarks"]["invoices"] == bookmark
    assert "replication_key_value" not in future.state["bookmarks"]["invoices"]


def test_a_replay_reads_single_orders_with_their_documents_and_leaves_the_state(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], recorded: Run
) -> None:
    streams = ("orders", "invoices", "credit_memos", "shipments", "customers")
    state = {"bookmarks": {"orders": {"replication_key_value": "2026-11-01T00:00:00Z"}}}

    run = run_tap(
        sandbox.adobe_config(), "--order", "000000001", "--order=4000000001",
        streams=streams, state=state,
    )  # fmt: skip

    wanted = {
        order["entity_id"]
        for order in recorded.records("orders")
        if order["increment_id"] in {"000000001", "4000000001"}
    }
    assert set(run.keys("orders")) == wanted
    for stream in ("invoices", "credit_memos"):
        expected = [r["entity_id"] for r in recorded.records(stream) if r["order_id"] in wanted]
        assert run.keys(stream) == sorted(expected)
    assert run.records("customers") == []
    assert run.state["bookmarks"]["orders"]["replication_key_value"] == "2026-11-01T00:00:00Z"


def test_a_replay_of_an_order_that_does_not_exist_says_so(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    config = sandbox.adobe_config() | {"order_ids": ["000000001", "000099999"]}

    run = run_tap(config, streams=("orders",))

    assert run.code == 1
    assert run.error_lines == [
        "ERROR: The shop has no order 000099999. Check order_ids (or --order)."
    ]


def deselect(catalog: dict[str, Any], stream: str, *keep: tuple[str, ...]) -> dict[str, Any]:
    """Deselect every member of a stream except some and those on the way to them."""
    kept = {part[:length] for part in keep for length in range(1, len(part) + 1)}
    entry = next(entry for entry in catalog["streams"] if entry["stream"] == stream)
    for part in entry["metadata"]:
        path = tuple(part["breadcrumb"][1::2])
        if path and part["metadata"].get("inclusion") != "automatic":
            part["metadata"]["selected"] = path in kept
    return catalog


def test_deselected_members_are_not_even_asked_for(
    sandbox: SandboxHandle,
    run_tap: Callable[..., Run],
    catalog: Callable[..., dict[str, Any]],
) -> None:
    select = deselect(
        catalog("invoices"),
        "invoices",
        ("grand_total",),
        ("order", "increment_id"),
        ("order", "billing_address", "country_id"),
    )

    run = run_tap(sandbox.adobe_config(), select=select)

    assert run.code == 0
    record = next(r for r in run.records("invoices") if r["entity_id"] == 1)
    assert set(record) == {"entity_id", "updated_at", "grand_total", "order"}
    assert set(record["order"]) <= {"entity_id", "updated_at", "increment_id", "billing_address"}
    assert set(record["order"]["billing_address"]) == {"country_id"}
    queries = [request["query"] for request in sandbox.requests(system="adobe")]
    asked = [query for query in queries if "grand_total" in query]
    assert len(asked) == 1
    assert not any("base_grand_total" in query or "products" in query for query in queries)
    assert not any(r["path"].endswith("/products") for r in sandbox.requests(system="adobe"))


def test_invoices_without_their_order_need_no_orders(
    sandbox: SandboxHandle,
    run_tap: Callable[..., Run],
    catalog: Callable[..., dict[str, Any]],
) -> None:
    select = deselect(catalog("invoices"), "invoices", ("grand_total",), ("items",), ("source",))

    run = run_tap(sandbox.adobe_config(), select=select)

    assert len(run.records("invoices")) == 65
    assert not any(r["path"].endswith("/orders") for r in sandbox.requests(system="adobe"))


def test_unknown_members_are_kept(sandbox: SandboxHandle, run_tap: Callable[..., Run]) -> None:
    own = {"loyalty_tier": "gold", "fees": [{"code": "gift", "amount": 1.25}]}
    change(sandbox, "order", 3, extension_attributes=own, own_column=4.5)

    run = run_tap(sandbox.adobe_config(), "--order=000000003", streams=("orders",))

    (record,) = run.records("orders")
    assert record["extension_attributes"]["loyalty_tier"] == "gold"
    assert str(record["extension_attributes"]["fees"][0]["amount"]) == "1.25"
    assert str(record["own_column"]) == "4.5"


def test_product_attributes_can_be_limited(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    config = sandbox.adobe_config() | {"product_attributes": ["supplier_code"]}

    run = run_tap(config, "--order=000000001", streams=("orders",))

    product = run.records("orders")[0]["items"][0]["product"]
    assert product["custom_attributes"].keys() == {"supplier_code", "tax_class_id", "category_ids"}
    assert product["tax_class_id"] == 2


def test_a_target_that_stops_reading_is_named_as_the_cause(
    sandbox: SandboxHandle,
    files: Callable[[str, Any], Path],
    program: Path,
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [program, "--config", files("config.json", sandbox.adobe_config())],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ERROR: The target stopped reading.")
    assert "Traceback" not in done.stderr

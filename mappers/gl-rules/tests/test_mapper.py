"""The Singer side: order of messages, bad records, streams of others, memory."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest
from singer_sdk.plugin_base import _ConfigInput

from connector_credentials import telemetry
from mapper_gl_rules.exceptions import MapperError
from mapper_gl_rules.mapper import MapperGLRules


def record(stream: str, document: dict[str, Any]) -> str:
    return json.dumps({"type": "RECORD", "stream": stream, "record": document}, default=float)


def state(value: int) -> str:
    return json.dumps({"type": "STATE", "value": {"n": value}})


@pytest.fixture
def invoices(recorded_records: Any) -> list[dict[str, Any]]:
    return [document for stream, document in recorded_records if stream == "invoices"]


def kinds(messages: list[dict[str, Any]]) -> list[Any]:
    return [
        one["value"]["n"] if one["type"] == "STATE" else (one["type"], one["stream"])
        for one in messages
    ]


def test_schema_first_and_state_after_its_records(run_mapper: Any, invoices: Any) -> None:
    lines = [
        record("invoices", invoices[0]),
        state(1),
        record("invoices", invoices[1]),
        state(2),
    ]
    assert kinds(run_mapper("\n".join(lines) + "\n")) == [
        ("SCHEMA", "sales_entries"),
        ("RECORD", "sales_entries"),
        1,
        ("RECORD", "sales_entries"),
        2,
    ]


def test_records_fit_the_schema_they_announce(run_mapper: Any, singer_input: str) -> None:
    schemas = {}
    for message in run_mapper(singer_input):
        if message["type"] == "SCHEMA":
            assert message["key_properties"] == ["document_key"]
            schemas[message["stream"]] = jsonschema.Draft202012Validator(message["schema"])
        elif message["type"] == "RECORD":
            schemas[message["stream"]].validate(
                json.loads(json.dumps(message["record"], default=float))
            )
    assert set(schemas) == {"sales_orders", "sales_entries", "refused_documents"}


def test_sales_orders_can_be_switched_off(run_mapper: Any, recorded_records: Any) -> None:
    lines = [record(stream, one) for stream, one in recorded_records if stream == "orders"]
    assert run_mapper("\n".join(lines) + "\n", sales_orders=False) == []


@pytest.mark.parametrize(
    ("change", "reason", "where"),
    [
        ({"grand_total": "much"}, "Invalid decimal", "grand_total"),
        ({"items": None}, "Expected `array`", "items"),
        ({"items": [{"sku": "A"}]}, "missing required field `order_item_id`", "items[0]"),
    ],
)
def test_an_unreadable_record_is_refused_and_the_next_one_booked(
    run_mapper: Any, invoices: Any, change: Any, reason: str, where: str
) -> None:
    lines = [record("invoices", {**invoices[0], **change}), record("invoices", invoices[1])]
    messages = [one for one in run_mapper("\n".join(lines) + "\n") if one["type"] == "RECORD"]
    assert [one["stream"] for one in messages] == ["refused_documents", "sales_entries"]
    refused = messages[0]["record"]
    assert refused["document_key"] == "demo:nl:invoice:000000001"
    assert reason in refused["reason"]
    assert refused["where"] == where


def test_other_streams_are_named_once(run_command: Any, tmp_path: Any, example_rules: Any) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"rules_file": str(example_rules)}))
    lines = [record("customers", {"id": number}) for number in range(3)]
    done = run_command("--config", config, input="\n".join(lines) + "\n")
    assert done.returncode == 0
    assert done.stdout == ""
    assert done.stderr.count("Stream customers is not booked") == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2"),
        ('{"stream": "x"}', "line 2"),
        ('{"type": "BOGUS"}', "messages of type BOGUS"),
        ('{"type": "BATCH", "stream": "x"}', "BATCH"),
    ],
)
def test_wrong_input_ends_with_an_error(
    run_command: Any, tmp_path: Any, example_rules: Any, line: str, message: str
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"rules_file": str(example_rules)}))
    done = run_command("--config", config, input=f"{state(1)}\n{line}\n")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout) == json.loads(state(1))


def test_a_mapper_in_a_program_gives_the_same(invoices: Any, example_rules: Any) -> None:
    mapper = MapperGLRules(config={"rules_file": str(example_rules)})
    (message,) = mapper.map_record_message({"stream": "invoices", "record": invoices[0]})
    assert message.to_dict()["stream"] == "sales_entries"
    assert list(mapper.map_schema_message({"stream": "invoices"})) == []
    assert list(mapper.map_activate_version_message({})) == []


def test_about_lists_the_settings(run_command: Any) -> None:
    done = run_command("--about", "--format", "json")
    about = json.loads(done.stdout)
    assert set(about["settings"]["properties"]) == {
        "rules_file",
        "rules_store",
        "sales_orders",
        "month_end",
    }


def test_memory_stays_flat(tmp_path: Path, invoices: Any, example_rules: Any) -> None:
    """Twenty times the documents, each with SKUs never seen before, in the same memory."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"rules_file": str(example_rules)}))
    command = Path(sys.executable).with_name("mapper-gl-rules")
    text = record("invoices", invoices[0])
    sku = json.dumps(invoices[0]["items"][0]["sku"])
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [str(command), "--config", str(config)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        watched = psutil.Process(process.pid)
        seen = []
        for number in range(4000):
            process.stdin.write(text.replace(sku, f'"SKU-{number}"') + "\n")
            if number in {199, 3999}:
                process.stdin.flush()
                seen.append(watched.memory_info().rss)
        process.stdin.close()
        assert process.wait() == 0
    assert seen[1] - seen[0] < 20_000_000


def test_a_setting_of_an_older_release_is_named_and_harms_nobody(
    run_command: Any, tmp_path: Any, invoices: Any, example_rules: Any
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"rules_file": str(example_rules), "days_file": "days.db"}))
    done = run_command("--config", config, input=record("invoices", invoices[0]) + "\n")
    assert done.returncode == 0
    assert done.stderr.count("setting days_file is not known") == 1
    assert not list(tmp_path.glob("days.db*"))


@pytest.mark.parametrize("outcome", ["ok", "stopped"])
def test_what_a_run_tells_opentelemetry(
    outcome: str, example_rules: Any, singer_input: str, tmp_path: Any, monkeypatch: Any
) -> None:
    ended: list[telemetry.Ended] = []
    monkeypatch.setattr(telemetry, "tell", ended.append)
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out))
    (tmp_path / "input").write_text(singer_input)
    config = {"rules_file": str(example_rules if outcome == "ok" else tmp_path / "none")}
    with contextlib.suppress(MapperError), (tmp_path / "input").open() as file:
        MapperGLRules.invoke(config=_ConfigInput(config), file_input=file)
    (told,) = ended
    written = [json.loads(line) for line in out.getvalue().splitlines()]
    records = Counter(one["stream"] for one in written if one["type"] == "RECORD")
    assert (told.program, told.prefix) == ("mapper-gl-rules", "gl_rules")
    assert (told.outcome, told.counts) == (outcome, records)
    assert bool(records["sales_entries"]) is (outcome == "ok")

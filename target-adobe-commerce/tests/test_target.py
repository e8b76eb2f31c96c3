"""The Singer target: the SDK's suite, refused streams, STATE, signals, and settings told truly."""

from __future__ import annotations

import importlib.resources
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner
from singer_sdk.sinks import RecordSink
from singer_sdk.testing import get_target_test_class

from target_adobe_commerce.cli import cli
from target_adobe_commerce.settings import CONFIG
from target_adobe_commerce.streams import SCHEMAS
from target_adobe_commerce.target import TargetAdobeCommerce
from target_adobe_commerce.work import open_bench

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = Path(sys.executable).with_name("target-adobe-commerce")


class Nothing(RecordSink):
    """The suite's streams are no master data."""

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Take it."""


class SuiteTarget(TargetAdobeCommerce):
    """The target without a shop: the suite proves the wiring of the framework."""

    check_stream = staticmethod(lambda _name: None)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.bench = SimpleNamespace(keeping=SimpleNamespace(flush=lambda: None))  # type: ignore[assignment]

    def get_sink_class(self, stream_name: str) -> type[RecordSink]:
        """Take any stream."""
        del stream_name
        return Nothing


TestSdkSuite = get_target_test_class(SuiteTarget, config={})


def about(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["--about", *arguments])
    assert result.exit_code == 0
    return result.stdout


def test_about_is_honest() -> None:
    said = json.loads(about("--format", "json"))
    assert set(said["capabilities"]) == {"about", "structured-logging"}
    assert set(said["settings"]["properties"]) == set(CONFIG["properties"])
    for name, setting in said["settings"]["properties"].items():
        assert setting["description"], name
    secrets = {name for name, setting in CONFIG["properties"].items() if setting.get("secret")}
    assert secrets >= {"consumer_secret", "access_token_secret", "credentials", "database_url"}


def test_the_readme_shows_the_settings_as_about_prints_them() -> None:
    readme = (importlib.resources.files("target_adobe_commerce") / "../README.md").read_text()
    rows = [line.strip() for line in about("--format=markdown").splitlines() if line[:1] == "|"]
    assert len(rows) == len(CONFIG["properties"]) + 2
    assert [row for row in rows if row not in readme] == []


def test_the_meltano_project_knows_every_setting() -> None:
    project = importlib.resources.files("target_adobe_commerce") / "../../meltano.yml"
    (loader,) = (
        plugin
        for plugin in yaml.safe_load(project.read_text())["plugins"]["loaders"]
        if plugin["name"] == "target-adobe-commerce"
    )
    declared = {setting["name"]: setting for setting in loader["settings"]}
    assert set(CONFIG["properties"]) - set(declared) == set()
    for name, setting in CONFIG["properties"].items():
        assert bool(setting.get("secret")) == bool(declared[name].get("sensitive")), name


def lines(stream: str, *records: dict[str, Any], state: Any = None) -> str:
    """Singer messages of one stream."""
    messages: list[dict[str, Any]] = [
        {
            "type": "SCHEMA",
            "stream": stream,
            "schema": {"type": "object", "properties": {"ID": {"type": "string"}}},
            "key_properties": ["ID"],
        },
        *({"type": "RECORD", "stream": stream, "record": record} for record in records),
    ]
    if state is not None:
        messages.append({"type": "STATE", "value": state})
    return "".join(f"{json.dumps(message)}\n" for message in messages)


def listen(world: Any, text: str, **settings: Any) -> tuple[int, str, str]:
    """The target in this process: exit code, stdout, stderr."""
    path = Path(world.config["plan_file"]).with_name("config.json")
    path.write_text(json.dumps(world.config | settings))
    source = path.with_name("input.jsonl")
    source.write_text(text)
    done = CliRunner().invoke(cli, ["--config", str(path), "--input", str(source)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


REFUSED = (
    *("orders", "invoices", "credit_memos", "shipments", "transactions", "summary_documents"),
    *("sales_entries", "sales_invoices", "sales_orders", "general_journal_entries", "payments"),
    *("transaction_lines", "sales_order_headers", "receivables_list", "Orders", "creditmemos"),
)


@pytest.mark.parametrize("stream", REFUSED)
def test_sales_documents_are_refused_by_type_without_a_call(world: Any, stream: str) -> None:
    world.exact("accounts", world.account(1))
    world.sandbox.clear_requests()
    code, out, err = listen(world, lines(stream, {"ID": "1"}, state={"x": 1}), auto_apply=True)
    assert (code, out) == (1, "")
    assert "holds sales documents" in err
    assert world.sandbox.requests() == []


def test_sales_documents_after_master_data_are_refused_before_anything_is_written(
    world: Any,
) -> None:
    world.customer(1)
    world.sandbox.clear_requests()
    text = lines("accounts", world.account(1), state={"first": 1}) + lines("orders", {"ID": "1"})
    code, out, err = listen(world, text, auto_apply=True)
    assert code == 1
    assert "'orders'" in err
    assert json.loads(out) == {"first": 1}  # what was kept before is kept
    assert world.sandbox.requests() == []


def test_a_stream_that_nobody_knows_is_refused(world: Any) -> None:
    code, _, err = listen(world, lines("weather", {"ID": "1"}))
    assert code == 1
    assert "is not one this target knows" in err


def test_no_other_route_is_ever_written_to(world: Any) -> None:
    with open_bench(world.config) as bench:
        world.sandbox.clear_requests()
        for method, route in (
            ("POST", "orders"),
            ("POST", "order/1/invoice"),
            ("POST", "order/1/refund"),
            ("POST", "order/1/ship"),
            ("PUT", "orders/create"),
            ("DELETE", "customers/1"),
            ("DELETE", "products/attributes/x/options/1"),
            ("POST", "products"),
            ("PUT", "taxClasses/2"),
        ):
            with pytest.raises(Exception, match="never calls"):
                bench.shop.write(method, route, {})
    assert world.sandbox.requests() == []


def test_a_run_writes_its_plan_and_changes_nothing(world: Any) -> None:
    world.customer(1)
    before = world.customers()
    code, out, _ = listen(world, lines("accounts", world.account(1), state={"bookmark": 7}))
    assert (code, json.loads(out)) == (0, {"bookmark": 7})
    assert world.customers() == before
    plan = json.loads(Path(world.config["plan_file"]).read_text())
    assert [one["action"] for one in plan["entries"]] == ["update"]
    assert world.command("apply", world.config["plan_file"]).code == 0
    assert world.customers() != before


def test_a_schedule_plans_and_writes_at_once(world: Any) -> None:
    world.customer(1)
    text = lines("accounts", world.account(1), state={"bookmark": 7})
    code, out, _ = listen(world, text, auto_apply=True)
    assert (code, json.loads(out)) == (0, {"bookmark": 7})
    vat = {one["email"]: one.get("taxvat") for one in world.customers()}
    assert vat["klant1@example.com"] == "NL000000001B01"
    world.sandbox.clear_requests()
    listen(world, lines("accounts", world.account(1)), auto_apply=True)
    methods = {one["method"] for one in world.sandbox.requests()}
    assert methods == {"GET"}


def test_an_older_row_overtakes_no_newer_one_and_a_deletion_keeps_the_content(world: Any) -> None:
    new, old = world.account(1, Timestamp=9), world.account(1, Timestamp=5, VATNumber="OLD")
    gone = {"Division": 999001, "ID": world.guid(2), "Timestamp": 12, "_sdc_deleted_at": "2026"}
    listen(world, lines("accounts", new, world.account(2, Timestamp=11)))
    listen(world, lines("accounts", old, gone, state={"x": 1}))
    with open_bench(world.config) as bench:
        first, second = bench.keeping.records("accounts", 999001)
    assert first.values["VATNumber"] == "NL000000001B01"
    assert (second.values["Code"], second.deleted_at) == ("10002", "2026")


def test_what_is_kept_names_nobody_in_plain(world: Any) -> None:
    listen(world, lines("accounts", world.account(1)))
    path = Path(world.config["database_url"].removeprefix("sqlite:///"))
    assert path.stat().st_mode & 0o077 == 0
    files = [one.read_bytes() for one in path.parent.glob(f"{path.name}*")]
    assert not any(b"klant1" in content or b"NL000000001" in content for content in files)


@pytest.mark.parametrize(
    "record",
    [
        {"ID": "x"},
        {"Division": "1", "ID": "x"},
        {"Division": 1, "ID": 5},
        {"Division": 1, "ID": ""},
    ],
)
def test_a_record_of_another_form_ends_the_run_before_its_state(
    world: Any, record: dict[str, Any]
) -> None:
    code, out, err = listen(world, lines("accounts", record, state={"x": 1}))
    assert (code, out) == (1, "")
    assert "A record of stream accounts is not valid" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{not json\n", "not JSON"),
        ('{"type": 1}\n', "no Singer message"),
        ('{"type": "RECORD", "stream": "accounts", "record": []}\n', "no record"),
        ('{"type": "SCHEMA", "stream": "accounts", "schema": {}}\n', "no properties"),
        ('{"type": "STATE", "value": [1]}\n', "no object"),
    ],
)
def test_input_that_is_none_is_one_line(world: Any, text: str, said: str) -> None:
    code, out, err = listen(world, text)
    assert (code, out) == (1, "")
    assert said in err


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_url": None}, "base_url is missing"),
        ({"create_customers": True, "website_id": None}, "needs website_id"),
        ({"product_attributes": ["color"]}, "'color'"),
        ({"cost_unit_attribute": "exact_gl_account"}, "must differ"),
        ({"database_url": "mysql://x/y"}, "database_url"),
        ({"database_url": "sqlite://"}, "database_url"),
        ({"blocked_mark": "12"}, "blocked_mark"),
        ({"conflicts": "guess"}, "conflicts"),
    ],
)
def test_a_wrong_setting_is_one_line(world: Any, settings: dict[str, Any], said: str) -> None:
    code, _, err = listen(world, "", **settings)
    assert code == 1
    assert err.count("ERROR:") == 1
    assert said in err


def test_records_of_several_companies_need_the_setting(world: Any) -> None:
    other = {**world.account(2), "Division": 5}
    text = lines("accounts", world.account(1), other)
    code, _, err = listen(world, text)
    assert code == 1
    assert "several Exact companies (5, 999001)" in err
    assert listen(world, "", division=999001)[0] == 0


def test_sigterm_while_reading_keeps_what_state_promised(world: Any) -> None:
    path = Path(world.config["plan_file"]).with_name("config.json")
    path.write_text(json.dumps(world.config | {"auto_apply": True}))
    with subprocess.Popen(
        [PROGRAM, "--config", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines("accounts", world.account(1), state={"bookmark": 7}))
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"bookmark": 7}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    with open_bench(world.config) as bench:
        assert len(bench.keeping.records("accounts", 999001)) == 1


def test_killed_anywhere_nothing_is_made_twice(
    world: Any, handle: Any, make_world: Callable[..., Any]
) -> None:
    """Kill -9 after some creations, run again, until all is there: no customer, no option twice."""
    del make_world
    accounts = [world.account(number) for number in range(1, 13)]
    world.exact("accounts", *accounts)
    world.exact("gl_accounts", *(world.gl(8000 + number) for number in range(6)))
    settings = {"auto_apply": True, "create_customers": True, "create_attributes": True}
    path = Path(world.config["plan_file"]).with_name("config.json")
    path.write_text(json.dumps(world.config | settings))
    for writes in (3, 4):
        handle.clear_requests()
        with subprocess.Popen(
            [PROGRAM, "--config", path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            deadline = time.monotonic() + 60
            while len(handle.requests(method="POST")) < writes and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            process.kill()
    _, outcome, _ = world.apply(create_customers=True, create_attributes=True)
    assert outcome.failed == {}
    emails = [one["email"] for one in world.customers() if one["email"].startswith("klant")]
    assert sorted(emails) == sorted(f"klant{number}@example.com" for number in range(1, 13))
    labels = [label for label, _ in world.options().items()]
    assert labels == [f"{one} Revenue {one}" for one in range(8000, 8006)]
    assert world.apply(create_customers=True, create_attributes=True)[2] == 0


@pytest.mark.parametrize("stream", SCHEMAS)
def test_every_schema_is_printed(stream: str) -> None:
    printed = CliRunner().invoke(cli, ["--schema", stream])
    assert json.loads(printed.stdout) == SCHEMAS[stream]

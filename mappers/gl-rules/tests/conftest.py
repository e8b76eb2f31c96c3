"""The recorded shop as Singer records, and the command as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent / "data"
EXAMPLE_RULES = Path(__file__).parents[3] / "examples" / "rules.yml"
STORES = {1: "nl", 2: "de", 3: "be", 4: "intl", 5: "b2b_nl", 6: "uk"}
WEBSITES = {5: "b2b", 6: "uk"}


def recorded(name: str) -> list[dict[str, Any]]:
    text = (DATA / "recorded" / f"{name}.json").read_text()
    return json.loads(text, parse_float=Decimal)


def as_record(document: dict[str, Any]) -> dict[str, Any]:
    """Give a document the shape of contract 1."""
    store = document["store_id"]
    record = dict(document)
    for key in ("created_at", "updated_at"):
        record[key] = document[key].replace(" ", "T") + "Z"
    record["source"] = {
        "instance": "demo",
        "host": "127.0.0.1",
        "store_code": STORES[store],
        "website_code": WEBSITES.get(store, "base"),
        "timezone": "Europe/London" if store == 6 else "Europe/Amsterdam",
        "extracted_at": "2026-11-23T12:00:00Z",
    }
    return record


def dump(value: Any) -> str:
    """Write JSON with Decimal as a number, digit for digit."""
    import simplejson  # noqa: PLC0415  # the SDK's own dependency

    return simplejson.dumps(value, use_decimal=True)


@pytest.fixture(scope="session")
def example_rules() -> Path:
    return EXAMPLE_RULES


@pytest.fixture(scope="session")
def recorded_orders() -> dict[int, dict[str, Any]]:
    return {order["entity_id"]: order for order in recorded("orders")}


@pytest.fixture(scope="session")
def recorded_records(recorded_orders: Any) -> list[tuple[str, dict[str, Any]]]:
    """All recorded documents as (stream, record) of contract 1."""
    records = [("orders", as_record(order)) for order in recorded_orders.values()]
    for stream, name in (("invoices", "invoices"), ("credit_memos", "creditmemos")):
        for document in recorded(name):
            record = as_record(document)
            record["order"] = as_record(recorded_orders[document["order_id"]])
            records.append((stream, record))
    return records


@pytest.fixture(scope="session")
def singer_input(recorded_records: Any) -> str:
    """The recorded shop as a tap writes it."""
    lines = [
        dump({"type": "RECORD", "stream": stream, "record": record})
        for stream, record in recorded_records
    ]
    lines.append(dump({"type": "STATE", "value": {"bookmarks": {"invoices": {"a": 1}}}}))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def run_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `mapper-gl-rules` in a process of its own."""
    command = Path(sys.executable).with_name("mapper-gl-rules")

    def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(command), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    return run


@pytest.fixture
def run_mapper(run_command: Any, tmp_path: Any) -> Callable[..., list[dict[str, Any]]]:
    """Run the Singer mapper over lines and give its messages."""

    def run(text: str, **config: Any) -> list[dict[str, Any]]:
        config_file = tmp_path / "config.json"
        config_file.write_text(json.dumps({"rules_file": str(EXAMPLE_RULES), **config}))
        done = run_command("--config", config_file, input=text)
        assert done.returncode == 0, done.stderr
        return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]

    return run

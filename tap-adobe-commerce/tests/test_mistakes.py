"""A user's mistake ends in one line that says what, where and what to do; nothing secret shows."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.plugin_base import _ConfigInput

from adobe_commerce.errors import AdobeCommerceError
from commerce_sandbox.adobe import credentials
from connector_credentials import telemetry
from tap_adobe_commerce.tap import TapAdobeCommerce

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

    from commerce_sandbox.testing import SandboxHandle

UNREACHABLE = "http://127.0.0.1:1"


def assert_one_line(run: Run, *parts: str) -> None:
    assert run.code == 1
    (line,) = run.error_lines
    assert line.startswith("ERROR: ")
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"base_url": None}, ["base_url is missing"]),
        ({"base_url": "shop.example"}, ["base_url", "https://shop.example"]),
        ({"base_url": "https://shop.example/rest/V1"}, ["Leave out '/rest'"]),
        ({"base_url": "http://shop.example"}, ["Use https"]),
        ({"base_url": "https://me:secret@shop.example"}, ["base_url", "no credentials"]),
        ({"base_url": UNREACHABLE}, ["Cannot reach 127.0.0.1:1", "base_url"]),
        ({"consumer_key": None}, ["consumer_key", "incomplete"]),
        ({"start_date": "yesterday"}, ["start_date", "2026-01-31T00:00:00Z"]),
        ({"start_date": "2026-02-01", "end_date": "2026-01-01"}, ["start_date", "later"]),
        ({"page_size": 0}, ["page_size", "minimum of 1"]),
        ({"order_ids": ["1,2"]}, ["order_ids", "'1,2'"]),
    ],
)
def test_wrong_settings(
    run_tap: Callable[..., Run], settings: dict[str, Any], parts: list[str]
) -> None:
    good = {
        "base_url": UNREACHABLE,
        "consumer_key": "k" * 32,
        "consumer_secret": "s" * 32,
        "access_token": "t" * 32,
        "access_token_secret": "x" * 32,
    }
    config = {name: value for name, value in (good | settings).items() if value is not None}

    assert_one_line(run_tap(config, streams=("orders",)), *parts)


def test_a_secret_of_the_wrong_type_is_not_shown(run_tap: Callable[..., Run]) -> None:
    config = {"base_url": UNREACHABLE, "consumer_secret": 12345678901234567890}

    run = run_tap(config)

    assert_one_line(run, "consumer_secret must be text")
    assert "1234567890" not in run.errors


def test_wrong_secret(sandbox: SandboxHandle, run_tap: Callable[..., Run]) -> None:
    config = sandbox.adobe_config() | {"consumer_secret": "w" * 32}

    run = run_tap(config)

    assert_one_line(run, "consumer_secret")
    assert "w" * 32 not in run.errors


@pytest.mark.parametrize(
    ("settings", "outcome"),
    [
        ({"consumer_secret": "w" * 32}, "stopped"),
        ({"page_size": 0}, "stopped"),
        ({"base_url": UNREACHABLE, "max_wait_seconds": 1}, "retry"),
    ],
)
def test_whether_another_try_can_help_is_written_down(
    sandbox: SandboxHandle,
    run_tap: Callable[..., Run],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    outcome: str,
) -> None:
    monkeypatch.setenv("CONNECTOR_FAILURES_FILE", str(tmp_path / "failures"))

    (said,) = run_tap(sandbox.adobe_config() | settings).error_lines[-1:]

    told = json.loads((tmp_path / "failures").read_text())
    assert told == {
        "program": "tap-adobe-commerce",
        "outcome": outcome,
        "error": said.removeprefix("ERROR: "),
    }


@pytest.mark.parametrize(
    ("settings", "outcome", "counts"),
    [
        ({}, "ok", {"orders": 1}),
        ({"consumer_secret": "w" * 32}, "stopped", {}),
        ({"base_url": UNREACHABLE, "max_wait_seconds": 1}, "retry", {}),
    ],
)
def test_what_a_run_tells_opentelemetry(
    sandbox: SandboxHandle,
    files: Callable[[str, Any], Path],
    catalog: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, Any],
    outcome: str,
    counts: dict[str, int],
) -> None:
    ended: list[telemetry.Ended] = []
    monkeypatch.setattr(telemetry, "tell", ended.append)
    config = sandbox.adobe_config() | {"order_ids": ["000000006"]} | settings
    with (
        contextlib.suppress(AdobeCommerceError),
        files("catalog.json", catalog("orders")).open("rb") as selected,
    ):
        TapAdobeCommerce.invoke(config=_ConfigInput(config), catalog=selected)
    capsys.readouterr()
    (told,) = ended
    assert (told.program, told.prefix) == ("tap-adobe-commerce", "adobe_commerce")
    assert (told.outcome, told.counts) == (outcome, counts)


def test_a_missing_permission_names_the_resource(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    config = sandbox.adobe_config() | {
        part: getattr(credentials.INACTIVE, part)
        for part in ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    }

    assert_one_line(run_tap(config, streams=("invoices",)), "Magento_Sales::sales_invoice")


def test_unknown_store_code(sandbox: SandboxHandle, run_tap: Callable[..., Run]) -> None:
    assert_one_line(run_tap(sandbox.adobe_config() | {"store": "nowhere"}), "setting store")


def test_maintenance_is_waited_for_and_then_reported(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    sandbox.set("adobe.maintenance", value=True)

    run = run_tap(sandbox.adobe_config() | {"max_wait_seconds": 1}, streams=("orders",))

    assert_one_line(run, "maintenance", "503", "Run again")
    assert len(sandbox.requests(system="adobe")) > 1


def test_a_login_page_is_not_taken_for_an_empty_shop(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    sandbox.set("adobe.login_page", value=True)

    run = run_tap(sandbox.adobe_config(), streams=("orders",))

    assert_one_line(run, "text/html", "base_url")
    assert run.records("orders") == []


def test_files_that_are_missing_or_not_json(program: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")

    for path, part in ((tmp_path / "none.json", "none.json"), (broken, "not JSON")):
        done = subprocess.run(
            [program, "--config", path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("ERROR: ")
        assert part in done.stderr
        assert "Traceback" not in done.stderr


def test_a_bookmark_that_cannot_be_read_is_reported(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    state = {"bookmarks": {"orders": {"replication_key_value": "last week"}}}

    assert_one_line(run_tap(sandbox.adobe_config(), streams=("orders",), state=state), "bookmark")

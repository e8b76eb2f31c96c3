"""A user's mistake ends in one line that says what, where and what to do; nothing secret shows."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

GOOD: dict[str, Any] = {
    "division": 3_000_001,
    "base_url": "http://127.0.0.1:1",
    "client_id": "an-id",
    "client_secret": "very-secret",
    "refresh_token": "token-secret",
}
BAD: list[tuple[dict[str, Any], Any, list[str]]] = [
    ({"division": None}, {}, ["division is missing"]),
    ({"division": "x"}, {}, ["division"]),
    ({"divisions": [-3]}, {}, ["divisions"]),
    ({"base_url": None}, {}, ["country"]),
    (
        {"client_secret": None},
        {},
        ["is missing. Set client_id", "refresh_token"],
    ),
    ({"unreadable": "park"}, {}, ["unreadable", "skip"]),
    ({"max_calls": 0}, {}, ["max_calls"]),
    ({"limits_url": "mysql://me:very-secret@host/db"}, {}, ["limits_url"]),
    ({"limits_url": ["very-secret"]}, {}, ["limits_url must be text"]),
    ({"max_wait_seconds": 0}, {}, ["127.0.0.1:1"]),
    ({}, "not json", ["STATE file", "not JSON"]),
    ({}, [1], ["must be an object"]),
    ({}, {"bookmarks": []}, ["STATE.bookmarks"]),
    ({}, {"bookmarks": {"gl_accounts": 3}}, ["STATE.bookmarks.gl_accounts"]),
    ({}, {"bookmarks": {"gl_accounts": {"partitions": 3}}}, ["partitions must be a list"]),
    ({}, {"bookmarks": {"gl_accounts": {"partitions": [{}]}}}, ["partitions[0] has no context"]),
    (
        {},
        {"bookmarks": {"gl_accounts": {"partitions": [{"context": {"Division": 3}}] * 2}}},
        ["partitions[1] is there twice"],
    ),
]


def assert_one_line(run: Run, *parts: str) -> None:
    assert run.code == 1
    lines = [one for one in run.errors.splitlines() if one and "| INFO " not in one]
    lines = [one for one in lines if "| WARNING " not in one]
    assert len(lines) == 1, run.errors
    assert lines[0].startswith("ERROR: ")
    for part in parts:
        assert part in lines[0]
    assert "very-secret" not in run.errors
    assert "token-secret" not in run.errors


@pytest.mark.parametrize(("settings", "state", "parts"), BAD)
def test_a_mistake_is_one_line(
    invoke: Callable[..., Run],
    catalog: Callable[..., dict[str, Any]],
    settings: dict[str, Any],
    state: Any,
    parts: list[str],
) -> None:
    config = {name: one for name, one in (GOOD | settings).items() if one is not None}
    run = invoke(config=config, state=state, catalog=catalog("gl_accounts"))
    assert_one_line(run, *parts)


@pytest.mark.parametrize(
    ("settings", "outcome"),
    [({"client_id": None}, "stopped"), ({"division": "x"}, "stopped"),
     ({"max_wait_seconds": 0}, "retry")],
)  # fmt: skip
def test_whether_another_try_can_help_is_written_down(
    invoke: Callable[..., Run],
    catalog: Callable[..., dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    outcome: str,
) -> None:
    monkeypatch.setenv("CONNECTOR_FAILURES_FILE", str(tmp_path / "failures"))
    config = {name: one for name, one in (GOOD | settings).items() if one is not None}
    run = invoke(config=config, catalog=catalog("gl_accounts"))
    told = json.loads((tmp_path / "failures").read_text())
    assert (told["program"], told["outcome"]) == ("tap-exact-online", outcome)
    assert told["error"] in run.errors


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        ({"replication_key": "Modified", "replication_key_value": 5}, "by Modified, not by"),
        ({"replication_key": "Timestamp", "replication_key_value": -1}, "replication_key_value"),
        ({"replication_key": "Timestamp", "read_at": "2026-11-02T00:00:00"}, "read_at"),
        ({"replication_key": "Timestamp", "moved": 4}, "moved"),
    ],
)
def test_a_bookmark_of_another_form_is_named(
    shared: Any, read: Callable[..., Run], entry: dict[str, Any], part: str
) -> None:
    partition = {"context": {"Division": 3_000_001}} | entry
    state = {"bookmarks": {"gl_accounts": {"partitions": [partition]}}}
    run = read(shared.exact_config(), "gl_accounts", state=state)
    assert "STATE holds a bookmark of gl_accounts" in str(run.error)
    assert part in str(run.error)
    assert run.records("gl_accounts") == []


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"streams": 3}), "\x00"])
def test_a_catalog_of_another_form_is_named(invoke: Callable[..., Run], content: str) -> None:
    assert_one_line(invoke(config=GOOD, catalog=content), "catalog")


def test_a_target_that_stops_reading_is_named(shared: Any, program: Any, tmp_path: Any) -> None:
    (tmp_path / "config.json").write_text(json.dumps(shared.exact_config()))
    command = f"{program} --config config.json | head -c 100 >/dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "The target stopped reading" in done.stderr
    assert "Traceback" not in done.stderr

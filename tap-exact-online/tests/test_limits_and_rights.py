"""What the tap may not read, and how many calls it may make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from exact_online.errors import NotNowError
from exact_online.limit_database import open_limits
from exact_online.limit_tables import add_error
from exact_online.limits import Budget
from tap_exact_online.exceptions import UnreadableStreamsError
from tap_exact_online.site import Site
from tap_exact_online.streams import STREAMS, CostUnitsStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Run

    from commerce_sandbox.testing import SandboxHandle

TEN_MINUTES = 600
DAY = 86_400


@pytest.fixture
def without_scope(shared: SandboxHandle) -> Iterator[SandboxHandle]:
    """A company whose app has lost a scope."""
    shared.set("exact.missing_scopes", ["sales orders", "financial costcenters"])
    yield shared
    shared.set("exact.missing_scopes", [])


def test_a_missing_scope_is_named_and_the_others_are_read(
    without_scope: SandboxHandle, read: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    names = ("sales_order_lines", "cost_units", "gl_accounts")
    run = read(without_scope.exact_config(), *names)
    assert run.error is None
    assert len(run.rows("gl_accounts")) == 60
    assert run.records("sales_order_lines") == run.records("cost_units") == []
    told = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert len(told) == 2
    assert all("is left out" in line and "App Center" in line for line in told)
    assert "cost_units" in told[0]
    assert "'financial costcenters'" in told[0]
    assert "sales_order_lines" in told[1]
    assert "'sales orders'" in told[1]
    bookmarks = run.state["bookmarks"]
    parts = bookmarks.get("sales_order_lines", {}).get("partitions", [])
    assert all("read_at" not in part for part in parts)


def test_it_is_an_error_after_the_others_were_read_when_the_settings_say_so(
    without_scope: SandboxHandle, read: Callable[..., Run]
) -> None:
    config = without_scope.exact_config() | {"unreadable": "fail"}
    run = read(config, "cost_units", "gl_accounts", "sales_order_lines")
    assert isinstance(run.error, UnreadableStreamsError)
    assert "cost_units, sales_order_lines could not be read" in str(run.error)
    assert len(run.rows("gl_accounts")) == 60


def test_nothing_that_could_be_read_is_an_error_in_any_case(
    without_scope: SandboxHandle, read: Callable[..., Run]
) -> None:
    run = read(without_scope.exact_config(), "cost_units", "sales_order_headers")
    assert isinstance(run.error, UnreadableStreamsError)
    assert "Nothing was read" in str(run.error)


def test_a_list_that_is_left_alone_for_its_errors_stops_no_other(
    shared: SandboxHandle,
    read: Callable[..., Run],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    config = shared.exact_config() | {"limits_url": f"sqlite:///{tmp_path}/errors.db"}
    engine = open_limits(config["limits_url"])
    for _ in range(6):
        add_error(engine, config["client_id"], config["division"], "hrm/Costunits",
                  shared.now().timestamp() - 60)  # fmt: skip
    engine.dispose()
    run = read(config, "cost_units", "gl_accounts")
    assert run.error is None
    assert len(run.rows("gl_accounts")) == 60
    assert "cost_units of division 3000001 is left out. hrm/Costunits answered 6 er" in caplog.text


def test_a_field_that_exact_does_not_know_is_an_error_after_the_others_were_read(
    shared: SandboxHandle, read: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CostUnitsStream, "resource", "hrm/Costunit")
    run = read(shared.exact_config(), "cost_units", "gl_accounts")
    assert isinstance(run.error, UnreadableStreamsError)
    assert "cost_units could not be read" in str(run.error)
    assert "deselect" in str(run.error)
    assert len(run.rows("gl_accounts")) == 60


def test_without_the_right_to_see_deletions_changes_are_read_and_it_is_said(
    shared: SandboxHandle, read: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    shared.set("exact.missing_scopes", ["organization administration"])
    try:
        run = read(shared.exact_config(), "gl_accounts", "items", "journals")
    finally:
        shared.set("exact.missing_scopes", [])
    assert run.error is None
    assert len(run.rows("gl_accounts")) == 60
    assert "deletions (_sdc_deleted_at) of division 3000001 is left out" in caplog.text
    (entry,) = run.state["bookmarks"]["gl_accounts"]["partitions"]
    assert entry["replication_key_value"] > 1
    assert "read_at" not in entry  # everything is read again before Exact forgets them
    assert "Whether a company was moved cannot be seen" in caplog.text
    assert caplog.text.count("organization administration") == 2


def test_the_test_tries_each_stream_and_names_what_is_missing(
    without_scope: SandboxHandle, invoke: Callable[..., Run]
) -> None:
    run = invoke("--test", config=without_scope.exact_config())
    assert run.code == 1
    lines = {line.split()[2]: line for line in run.lines}
    assert list(lines) == [stream.name for stream in STREAMS]
    assert lines["gl_accounts"].startswith("ok ")
    assert lines["cost_units"].startswith("error ")
    assert "'financial costcenters'" in lines["cost_units"]
    assert "Jansen" not in "".join(lines.values())


def test_a_company_that_is_not_there_is_named(
    shared: SandboxHandle, read: Callable[..., Run]
) -> None:
    run = read(shared.exact_config() | {"divisions": [3_000_009]}, "gl_accounts")
    assert "no division 3000009" in str(run.error)


def test_six_tenths_of_a_day_are_used_and_the_next_day_goes_on(
    company: SandboxHandle, read: Callable[..., Run], fill_books: Callable[..., Any]
) -> None:
    fill_books(company)
    company.set("exact.day_limit", 20)
    company.clear_requests()
    names = [stream.name for stream in STREAMS]
    first = read(company.exact_config(), *names)
    assert isinstance(first.error, NotNowError)
    assert "60% of the 20 calls" in str(first.error)
    assert len(company.requests(system="exact", path="*/v1/3000001/*")) == 12
    company.advance(DAY)
    company.set("exact.day_limit", None)
    second = read(company.exact_config(), *names, state=first.state)
    assert second.error is None
    keys: set[Any] = set()
    for run in (first, second):
        keys |= {one["ID"] for one in run.records("gl_accounts")}
    assert len(keys) == 60
    assert second.rows("gl_accounts") == []
    assert len(second.rows("transaction_lines")) == 11


def test_a_number_of_calls_can_be_given_instead(
    company: SandboxHandle, read: Callable[..., Run]
) -> None:
    company.set("exact.day_limit", 5_000)
    run = read(company.exact_config() | {"max_calls": 3}, "journals", "vat_codes", "cost_units",
               "cost_centers")  # fmt: skip
    assert "The 3 of the 5000 calls of today" in str(run.error)
    assert len(company.requests(system="exact", path="*/v1/3000001/*")) == 3


@pytest.mark.parametrize(
    ("settings", "part", "a_day", "a_minute"),
    [({}, 0.6, None, 50), ({"max_calls": 9, "max_calls_per_minute": 4}, 0.6, 9, 4)],
)
def test_what_is_left_to_others_is_what_the_settings_say(
    shared: SandboxHandle,
    settings: dict[str, Any],
    part: float,
    a_day: int | None,
    a_minute: int,
) -> None:
    site = Site(shared.exact_config() | settings)
    budget = site.client.budget
    assert (budget._part, budget._a_day, budget._a_minute) == (part, a_day, a_minute)
    site.close()


def test_one_budget_is_shared_with_the_target_through_its_database(
    company: SandboxHandle, read: Callable[..., Run], tmp_path: Path
) -> None:
    company.set("exact.day_limit", 5_000)
    url = f"sqlite:///{tmp_path}/exact-ledger.db"
    engine = open_limits(url)
    config = company.exact_config()
    target = Budget(engine, config["client_id"], clock=lambda: company.now().timestamp())
    for _ in range(7):
        target.acquire("salesentry/SalesEntries", division=config["division"])
    target.release()
    run = read(config | {"limits_url": url, "max_calls": 11}, "journals", "vat_codes",
               "cost_units", "cost_centers", "item_groups")  # fmt: skip
    assert "The 11 of the 5000 calls of today" in str(run.error)
    made = len(company.requests(system="exact", path="*/v1/3000001/*"))
    assert made == 4  # the target's seven are the app's
    engine.dispose()

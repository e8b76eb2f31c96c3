"""Rate windows, the block after errors, and who may call at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commerce_sandbox.exact.credentials import (
    FORBIDDEN_DIVISION,
    NARROW_APP,
    SECOND_APP,
    SECOND_DIVISION,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import requests

ME = "hrm/Costcenters"
MINUTELY = {f"X-RateLimit-Minutely-{name}" for name in ("Limit", "Remaining", "Reset")}
DAILY = {f"X-RateLimit-{name}" for name in ("Limit", "Remaining", "Reset")}


def rate_headers(response: requests.Response) -> set[str]:
    return {name for name in DAILY | MINUTELY if name in response.headers}


def start_of_minute(fresh: Any) -> None:
    fresh.handle.advance(60 - fresh.handle.now().timestamp() % 60)


def test_the_minute_window(fresh: Any) -> None:
    start_of_minute(fresh)
    answers = [fresh.get(ME, select="Code") for _ in range(60)]
    assert {answer.status_code for answer in answers} == {200}
    first, last = answers[0], answers[-1]
    assert rate_headers(first) == DAILY | MINUTELY
    assert first.headers["X-RateLimit-Minutely-Limit"] == "60"
    assert first.headers["X-RateLimit-Minutely-Remaining"] == "59"
    assert last.headers["X-RateLimit-Minutely-Remaining"] == "0"
    assert first.headers["X-RateLimit-Limit"] == "5000"
    assert last.headers["X-RateLimit-Remaining"] == "4940"
    now = fresh.handle.now().timestamp()
    reset = int(first.headers["X-RateLimit-Minutely-Reset"])
    assert reset % 60000 == 0
    assert 0 < reset / 1000 - now <= 60
    day_reset = int(first.headers["X-RateLimit-Reset"])
    assert day_reset % 86400000 == 0

    refused = fresh.get(ME, select="Code")
    assert (refused.status_code, refused.content) == (429, b"")
    assert rate_headers(refused) == MINUTELY
    start_of_minute(fresh)
    again = fresh.get(ME, select="Code")
    assert again.status_code == 200
    assert again.headers["X-RateLimit-Remaining"] == "4939"  # refused calls do not count


def test_the_day_window_ends_at_midnight_utc(fresh: Any) -> None:
    fresh.handle.set("exact.day_limit", 3)
    assert [fresh.get(ME, select="Code").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = fresh.get(ME, select="Code")
    assert (refused.status_code, refused.content) == (429, b"")
    assert rate_headers(refused) == DAILY
    fresh.handle.advance(86400 - fresh.handle.now().timestamp() % 86400)
    fresh.login()
    assert fresh.get(ME, select="Code").status_code == 200


def test_windows_are_per_app_and_company(fresh: Any, client_of: Callable[..., Any]) -> None:
    fresh.handle.set("exact.minute_limit", 1)
    start_of_minute(fresh)
    other = client_of(fresh.handle, SECOND_APP)
    assert fresh.get(ME, select="Code").status_code == 200
    assert fresh.get(ME, select="Code").status_code == 429
    assert fresh.get(ME, SECOND_DIVISION, select="Code").status_code == 200
    assert other.get(ME, select="Code").status_code == 200


def test_headers_can_be_missing(fresh: Any) -> None:
    fresh.handle.set("exact.omit_rate_headers", value=True)
    fresh.handle.set("exact.minute_limit", 1)
    start_of_minute(fresh)
    assert rate_headers(fresh.get(ME, select="Code")) == set()
    refused = fresh.get(ME, select="Code")
    assert refused.status_code == 429
    assert rate_headers(refused) == set()


def test_ten_errors_in_an_hour_block_the_endpoint(fresh: Any) -> None:
    fresh.handle.set("exact.minute_limit", None)
    bad = {"Journal": "70"}
    statuses = [fresh.post("salesentry/SalesEntries", bad).status_code for _ in range(11)]
    assert statuses == [500] * 10 + [429]
    blocked = fresh.get("salesentry/SalesEntries", select="EntryID")
    assert (blocked.status_code, blocked.content) == (429, b"")
    assert rate_headers(blocked) == set()
    assert fresh.get(ME, select="Code").status_code == 200  # other endpoints still work
    fresh.handle.advance(3601)
    fresh.login()
    assert fresh.get("salesentry/SalesEntries", select="EntryID").status_code == 200


def test_a_block_that_is_provoked_again_lasts_longer(fresh: Any) -> None:
    fresh.handle.set("exact.minute_limit", None)
    fresh.handle.set("exact.error_limit", 2)
    for seconds, still_blocked in ((3500, True), (200, False), (3700, True), (3600, False)):
        if seconds in {3500, 3700}:
            for _ in range(2):
                fresh.get("crm/Accounts", select="ID")
        fresh.handle.advance(seconds)
        fresh.login()
        status = fresh.get("crm/Accounts", select="ID", filter="Code eq 'x'").status_code
        assert status == (429 if still_blocked else 200)


def test_errors_far_apart_do_not_block(fresh: Any) -> None:
    fresh.handle.set("exact.error_limit", 2)
    for _ in range(3):
        assert fresh.get("crm/Accounts", select="ID").status_code == 400
        fresh.handle.advance(3601)
        fresh.login()


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic YTpi", "Bearer"])
def test_calls_without_a_good_token(fresh: Any, header: str | None) -> None:
    if header is None:
        del fresh.http.headers["Authorization"]
    else:
        fresh.http.headers["Authorization"] = header
    answer = fresh.get(ME, select="Code")
    assert (answer.status_code, answer.content) == (401, b"")


def test_an_access_token_ends_after_600_seconds(fresh: Any) -> None:
    fresh.handle.advance(598)
    assert fresh.get(ME, select="Code").status_code == 200
    fresh.handle.advance(3)
    assert fresh.get(ME, select="Code").status_code == 401
    fresh.handle.set("exact.html_unauthorized", value=True)
    page = fresh.get(ME, select="Code")
    assert page.status_code == 401
    assert page.headers["Content-Type"].startswith("text/html")
    assert "Object moved" in page.text


def test_a_company_that_is_not_permitted(
    fresh: Any, error_text: Callable[[requests.Response], str]
) -> None:
    for division in (FORBIDDEN_DIVISION, 1):
        answer = fresh.get(ME, division, select="Code")
        assert answer.status_code == 403
        assert answer.headers["Reason"] == "NoDivisionAccess"
    listed = {row["Code"] for row in fresh.rows("system/Divisions", select="Code")}
    assert FORBIDDEN_DIVISION in listed  # the user sees it; the app may not use it
    fresh.handle.set("exact.division_reasons", {str(SECOND_DIVISION): "LicenseExpired"})
    expired = fresh.get(ME, SECOND_DIVISION, select="Code")
    assert expired.headers["Reason"] == "LicenseExpired"
    assert error_text(expired) == "Forbidden - Customer's license expired"


def test_a_missing_scope_is_named(
    fresh: Any, client_of: Callable[..., Any], error_text: Callable[[requests.Response], str]
) -> None:
    narrow = client_of(fresh.handle, NARROW_APP)
    answer = narrow.get("salesorder/SalesOrders", select="OrderID", filter="YourRef eq '1'")
    assert answer.status_code == 403
    expected = "Forbidden - Application Scope Violated. Cannot read 'sales.orders' scope."
    assert error_text(answer) == expected
    assert "manage" in error_text(narrow.post("salesorder/SalesOrders", {}))
    assert narrow.get("sync/Deleted", select="ID", filter="Timestamp gt 1").status_code == 403
    assert narrow.get("salesentry/SalesEntries", select="EntryID").status_code == 200
    fresh.handle.set("exact.missing_scopes", ["financial costcenters"])
    assert fresh.get(ME, select="Code").status_code == 403

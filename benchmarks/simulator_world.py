"""The simulator's world: one virtual time, Exact in this process, and target runs that may die."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import unquote, urlsplit

import requests
import sqlalchemy as sa
import time_machine
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from commerce_sandbox import faults, shop
from commerce_sandbox.app import ABORT, SandboxApp
from commerce_sandbox.clock import Clock
from commerce_sandbox.context import SandboxContext
from exact_online.errors import ExactError
from target_exact_online.company import open_company
from target_exact_online.ledger import queries
from target_exact_online.ledger.rows import Document
from target_exact_online.ledger.runs import Run
from target_exact_online.ledger.store import Ledger
from target_exact_online.posting import run as posting_run
from target_exact_online.posting.gate import Gate
from target_exact_online.run import build_outbox
from target_exact_online.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from commerce_sandbox.database import Database

BASE_URL = "http://localhost"


class KilledError(BaseException):
    """The process was killed: it does nothing any more, whatever its code would do."""


class VirtualTime:
    """One time for all; the target's machine may believe another one.

    Attributes:
        seconds: Since 1970, UTC: what is true, and what Exact says.
        skew: By how much the target's machine is ahead.
    """

    def __init__(self, start: datetime) -> None:
        """Begin at a moment."""
        self.seconds = start.timestamp()
        self.skew = 0.0
        self._travel = time_machine.travel(start, tick=False)
        self._machine = self._travel.start()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += max(seconds, 0.001)
        self._machine.move_to(self.own())

    def set_skew(self, seconds: float) -> None:
        """Let the target's machine believe another time from now on."""
        self.skew = seconds
        self._machine.move_to(self.own())

    def own(self) -> float:
        """What the target's machine believes."""
        return self.seconds + self.skew

    def true(self) -> float:
        """What is true."""
        return self.seconds

    def now(self) -> datetime:
        """What is true, as a moment."""
        return datetime.fromtimestamp(self.seconds, UTC)

    def stop(self) -> None:
        """Give the real time back."""
        self._travel.stop()


class _SandboxClock(Clock):
    def __init__(self, database: Database, time: VirtualTime) -> None:
        super().__init__(database)
        self._time = time

    def now(self) -> datetime:
        return self._time.now()


@dataclass
class Process:
    """One process of the target: it dies, or is asked to end, at one of its boundaries.

    A boundary is a commit of the ledger, a call that is about to leave, and an answer that has
    just come.
    """

    dies_at: int | None = None
    ends_at: int | None = None
    dead: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    _passed: int = 0

    def boundary(self) -> None:
        """Pass a boundary, or die before it."""
        self.breathe()
        self._passed += 1
        if self._passed == self.dies_at:
            self.dead = True
        if self._passed == self.ends_at:
            self.stop.set()
        self.breathe()

    def breathe(self) -> None:
        """Raise when it is dead."""
        if self.dead:
            raise KilledError


class Machine:
    """A machine on which processes of the target run one after the other, with its ledger open.

    Opening it once spares SQLAlchemy's compiling of every statement for every run.
    """

    def __init__(self, ledger_url: str) -> None:
        """Open the ledger."""
        self.ledger = Ledger.open(ledger_url)
        self._process: Process | None = None
        sa.event.listen(self.ledger.engine, "commit", self._commit)
        sa.event.listen(self.ledger.engine, "before_cursor_execute", self._execute)

    @contextmanager
    def running(self, process: Process) -> Iterator[None]:
        """Let every commit be a boundary of a process, and no statement be executed by the dead."""
        self._process = process
        try:
            yield
        finally:
            self._process = None
            self.ledger.close()

    def _commit(self, _: Connection) -> None:
        if self._process is not None:
            self._process.boundary()

    def _execute(self, *_: Any) -> None:
        if self._process is not None:
            self._process.breathe()


class Transport(BaseAdapter):
    """Calls Exact in this process; what goes wrong on the way is drawn by the world."""

    def __init__(self, world: World, process: Process) -> None:
        """Belong to one process of the target."""
        super().__init__()
        self._world, self._process = world, process

    def send(
        self, request: requests.PreparedRequest, *_: object, **__: object
    ) -> requests.Response:
        """Make one call."""
        if "/oauth2/" in str(request.url):  # a login may die with a process: not measured here
            return HTTPAdapter().build_response(request, self._world.call(request))
        self._process.boundary()
        try:
            raw = self._world.call(request)
        finally:
            self._process.boundary()
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Nothing is open."""


class _LaterThread:
    """A worker that works when it is waited for: one thread, and always the same order."""

    def __init__(self, target: Callable[[], None], **_: object) -> None:
        self._target: Callable[[], None] | None = target

    def start(self) -> None:
        pass

    def is_alive(self) -> bool:
        return self._target is not None

    def join(self) -> None:
        target, self._target = self._target, None
        if target is not None:
            target()


@dataclass
class World:
    """Exact, the time, and what happens around a call.

    Attributes:
        folder: Where everything is kept.
        time: The time.
        context: The sandbox.
        draw_fault: Chooses what happens to a call; None: nothing.
        latency: Draws the seconds that a call takes.
        meanwhile: Is called while a call is on its way, with method and path.
        trace: A digest of every call: the same seed, the same digest.
    """

    folder: Path
    time: VirtualTime
    draw_fault: Callable[[str, str], faults.Fault | str | None]
    latency: Callable[[], float]
    meanwhile: Callable[[str, str], None] = lambda _method, _path: None
    trace: Any = field(default_factory=hashlib.sha256)
    calls: int = 0

    def __post_init__(self) -> None:
        """Open the sandbox."""
        opened = shop.open_context(self.folder)
        self.context = SandboxContext(
            opened.database, _SandboxClock(opened.database, self.time), opened.requests
        )
        self._app = SandboxApp(self.context)
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Close the sandbox."""
        self._loop.close()
        self.context.database.close()

    def call(self, request: requests.PreparedRequest) -> urllib3.HTTPResponse:
        """Serve one call, with what goes wrong with it."""
        method, path = str(request.method), unquote(urlsplit(str(request.url)).path)
        fault = self.draw_fault(method, path)
        self.calls += 1
        self.trace.update(f"{self.time.seconds:.3f} {method} {request.url} {fault}\n".encode())
        self.time.sleep(self.latency())
        if isinstance(fault, str):  # it never leaves
            raise requests.ConnectTimeout(request=request)
        if fault is not None:
            faults.add(self.context.database, fault)
        try:
            answer = self._loop.run_until_complete(self._serve(request, method, path))
        finally:
            if fault is not None:
                faults.clear(self.context.database)
        self.meanwhile(method, path)
        self.time.sleep(self.latency())
        return answer

    async def _serve(
        self, request: requests.PreparedRequest, method: str, path: str
    ) -> urllib3.HTTPResponse:
        parts = urlsplit(str(request.url))
        body = request.body or b""
        sent = [{"type": "http.request", "body": body if isinstance(body, bytes) else body.encode(),
                 "more_body": False}]  # fmt: skip
        start: dict[str, Any] = {}
        pieces: list[bytes] = []
        gone = False

        def close() -> None:
            nonlocal gone
            gone = True

        async def receive() -> dict[str, Any]:
            return sent.pop() if sent else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                pieces.append(message.get("body", b""))

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [
                (b"host", parts.netloc.encode()),  # links to next pages are made of it
                *(
                    (name.lower().encode(), value.encode("latin-1"))
                    for name, value in request.headers.items()
                ),
            ],
            "server": ("localhost", 80),
            "client": ("127.0.0.1", 1),
            "scheme": "http",
            "http_version": "1.1",
            "root_path": "",
            "extensions": {ABORT: {"close": close}},
        }
        await self._app(scope, receive, send)
        if not start:
            reason = urllib3.exceptions.ProtocolError("Connection aborted.")
            raise requests.ConnectionError(reason, request=request)
        headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return urllib3.HTTPResponse(
            BytesIO(b"".join(pieces)),
            headers=headers,
            status=start["status"],
            preload_content=False,
            request_method=method,
            enforce_content_length=True,
        )


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        killed: It was killed.
        error: What ended it, or None.
        summary: What it told.
    """

    killed: bool
    error: ExactError | None
    summary: Summary


def run_target(
    world: World,
    machine: Machine,
    config: Mapping[str, Any],
    fed: Iterable[tuple[str, dict[str, Any], dict[str, Any]]],
    write_state: Callable[[dict[str, Any]], None],
    process: Process,
) -> Ended:
    """Run the target's posting once, in this thread.

    Args:
        world: Where it runs.
        machine: On what.
        config: Its settings.
        fed: Stream, record and the STATE behind it.
        write_state: Keeps the STATE that the target wrote.
        process: When it dies.
    """
    time, division = world.time, int(config["division"])
    summary = Summary()
    ledger = machine.ledger
    run = None
    error: ExactError | None = None
    with machine.running(process):
        try:
            gate = Gate(
                summary, process.stop, clock=time.own, monotonic=time.true, sleep=time.sleep
            )
            session = requests.Session()
            session.mount("http://", Transport(world, process))
            company = open_company(
                config,
                ledger.engine,
                lambda key: queries.number_of(ledger, key),
                session=session,
                clock=time.own,
                sleep=time.sleep,
            )
            run = Run(ledger.engine)
            outbox = build_outbox(
                config,
                ledger,
                run,
                company,
                gate,
                summary,
                write_state=write_state,
                on_progress=lambda _: None,
            )
            outbox.intake._queue.maxsize = 0  # noqa: SLF001  # nobody takes in meanwhile
            for stream, record, state in fed:
                outbox.intake.put(Document.of(stream, record, division), lambda: None)
                outbox.intake.put(state, lambda: None)
            outbox.intake.put(None, lambda: None)
            with mock.patch.object(posting_run, "threading", SimpleNamespace(Thread=_LaterThread)):
                outbox._work()  # noqa: SLF001  # in this thread
            company.close()
        except KilledError:
            pass
        except ExactError as ended:
            error = ended
        finally:
            with suppress(KilledError):
                _end(run, process)
    return Ended(process.dead, error, summary)


def _end(run: Run | None, process: Process) -> None:
    if run is None:
        return
    if process.dead:  # system or server let go of its lock; its row stays as it is
        if run._lock is not None:  # noqa: SLF001
            run._lock.release(force=True)  # noqa: SLF001
        if run._session is not None:  # noqa: SLF001
            run._session.invalidate()  # noqa: SLF001
    else:
        run.finish()

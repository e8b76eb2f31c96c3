"""What all pages of one console share: the ledger, what may be done, and what is going on."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shlex
import subprocess
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from exact_online.errors import ConfigError
from target_exact_online.console.texts import Message, language_of, templates
from target_exact_online.ledger import chain
from target_exact_online.ledger.chain import Event, Verification
from target_exact_online.month_end.people import People

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

    from target_exact_online.console.guard import Session
    from target_exact_online.console.rules import RulesDesk
    from target_exact_online.ledger.store import Ledger

EVENT_READ_AGAIN = "read_again"
BUSY = "Other orders are being read. Try again when that has ended."
_MOST_MESSAGES = 20
_MOST_ORDERS = 5_000
_NAMED = 20  # orders that are named while they are read
_READING_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Options:
    """How the console was started."""

    allow_actions: bool = False
    with_names: bool = False
    rules_file: Path | None = None
    documents_file: Path | None = None  # the shop's documents, for coverage, explain and simulate
    read_again: str | None = None  # the command that reads orders of the shop again


@dataclass(slots=True)
class Work:
    """Something that takes longer than a page; one at a time, told when it has ended."""

    started_at: datetime | None = None
    ended_at: datetime | None = None
    about: str = ""
    outcome: Any = None
    error: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self, task: Callable[[], Any], about: str = "") -> bool:
        """Begin in the background; False: it is at work already."""
        with self._lock:
            if self.is_running:
                return False
            self.started_at, self.ended_at = datetime.now(UTC), None
            self.about, self.outcome, self.error = about, None, None
        threading.Thread(target=self._run, args=(task,), daemon=True).start()
        return True

    @property
    def is_running(self) -> bool:
        """Tell whether it is at work."""
        return self.started_at is not None and self.ended_at is None

    def _run(self, task: Callable[[], Any]) -> None:
        try:
            self.outcome = task()
        except Exception as error:  # noqa: BLE001  # a thread's error is told on the page
            self.error = str(error) or type(error).__name__
        finally:
            self.ended_at = datetime.now(UTC)


@dataclass(slots=True)
class Desk:
    """One console."""

    ledger: Ledger
    config: dict[str, Any]  # the target's settings, with defaults
    options: Options
    session: Session
    rules: RulesDesk | None  # None: mapper-gl-rules is not installed
    verification: Work = field(default_factory=Work)
    reading: Work = field(default_factory=Work)
    people: People = field(init=False)
    _messages: deque[Message] = field(default_factory=lambda: deque(maxlen=_MOST_MESSAGES))

    def __post_init__(self) -> None:
        """Give people letters, if they are not named."""
        self.people = People(with_names=self.options.with_names)

    def page(self, request: Request, name: str, status: int = 200, **values: Any) -> Response:
        """Return a page in the reader's language."""
        language = language_of(request.headers.get("accept-language", ""))
        messages = []
        with contextlib.suppress(IndexError):
            while True:
                messages.append(self._messages.popleft())
        text = (
            templates(language)
            .get_template(f"{name}.html.jinja")
            .render(
                desk=self,
                options=self.options,
                csrf=self.session.form_token,
                here=request.url.path,
                messages=messages,
                **values,
            )
        )
        return HTMLResponse(text, status, {"Vary": "Accept-Language", "Content-Language": language})

    def back(self, path: str, text: str, **values: Any) -> Response:
        """Return to a page, and say there what was done."""
        self._messages.append(Message(text, values))
        return RedirectResponse(path, 303)

    def check_actions(self) -> None:
        """Refuse to change anything in a console that was started for reading.

        Raises:
            ConfigError: It was.
        """
        if not self.options.allow_actions:
            msg = "This console only reads. Start it with --allow-actions to decide in it."
            raise ConfigError(msg)

    def verify(self) -> bool:
        """Recompute the audit trail in the background; False: that goes on already."""
        ledger = self.ledger

        def task() -> Verification:
            return chain.verify(ledger.engine, ledger.keys)

        return self.verification.start(task)

    def read_again(self, orders: list[str]) -> bool:
        """Have orders of the shop read again; False: others are being read.

        Raises:
            ConfigError: The console knows no command for it.
        """
        command = self.options.read_again
        if command is None:
            msg = "This console was started without --read-again COMMAND: it cannot read the shop."
            raise ConfigError(msg)
        if not 0 < len(orders) <= _MOST_ORDERS:
            msg = (
                f"{len(orders)} orders cannot be read again at once, {_MOST_ORDERS} can. "
                "Read their period again: see the guide, One document again."
            )
            raise ConfigError(msg)
        numbers = json.dumps(orders)

        def task() -> int:
            return _call(command, numbers)

        if not self.reading.start(task, ", ".join(orders[:_NAMED])):
            return False
        detail = {"orders": orders, "by": getpass.getuser()}
        with self.ledger.engine.begin() as connection:
            event = Event(EVENT_READ_AGAIN, None, detail)
            chain.append(connection, self.ledger.keys, [event])
        return True


def _call(command: str, numbers: str) -> int:
    """Run the command that reads these orders; return its exit code."""
    done = subprocess.run(  # noqa: S603  # whoever starts the console names it
        shlex.split(command),
        env=os.environ | {"TAP_ADOBE_COMMERCE_ORDER_IDS": numbers},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_READING_SECONDS,
        check=False,
    )
    return done.returncode

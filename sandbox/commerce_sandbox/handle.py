"""A running sandbox: its server process, and a door to everything in it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commerce_sandbox import faults, launcher, settings, shop
from commerce_sandbox.adobe.credentials import tap_config
from commerce_sandbox.database import FILE_NAME
from commerce_sandbox.exact.bookkeeper import Bookkeeper
from commerce_sandbox.exact.config import target_config
from commerce_sandbox.exact.credentials import DIVISION
from commerce_sandbox.exact.query import read
from commerce_sandbox.exact.routes import run_late_calls
from commerce_sandbox.exceptions import StartError

if TYPE_CHECKING:
    from datetime import datetime

_START_SECONDS = 30


@cache
def _template(name: str) -> Path:
    """Build a seeded database once per process; tests start from copies of it."""
    folder = Path(tempfile.mkdtemp(prefix="commerce-sandbox-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    context = shop.open_context(folder)
    shop.seed(context, name)
    context.database.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    context.database.close()
    return folder / FILE_NAME


class SandboxHandle:
    """One running sandbox: its server process, and direct access to what it holds.

    Attributes:
        url: Base URL of the server; one port serves both systems.
        data_dir: Folder of its database.
        context: Its database and clock, for what works on both (such as ``ShopWriter``).
        database: The database, opened in this process.
    """

    def __init__(self, data_dir: Path, shop_name: str = shop.RECORDED) -> None:
        """Start a sandbox.

        Args:
            data_dir: A folder; a database that is there already is used as it is.
            shop_name: ``recorded``, ``empty`` or ``generated:N[:SEED[:KINDS]]``.

        Raises:
            StartError: The server did not come up.
        """
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        path = data_dir / FILE_NAME
        if not path.exists():
            shutil.copyfile(_template(shop_name), path)
        self._log = data_dir / "server.log"
        self._ready = data_dir / "ready"
        self._pid: int | None = None
        self.url = ""
        self.start()
        self.context = shop.open_context(data_dir)
        self.database = self.context.database

    def start(self, port: int = 0) -> None:
        """Start the server process and wait until it answers.

        Args:
            port: A fixed port, to restart where a client expects it; 0: any.

        Raises:
            StartError: The server did not come up.
        """
        self._ready.unlink(missing_ok=True)
        arguments = ["serve", "--data-dir", str(self.data_dir)]
        arguments += ["--ready-file", str(self._ready), "--port", str(port)]
        self._pid = launcher.launcher().start(arguments, self._log)
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready.exists():
            if not launcher.is_alive(self._pid) or time.monotonic() > deadline:
                self.kill()
                raise StartError(self._log, self.log()[-2000:])
            time.sleep(0.002)
        self.url = self._ready.read_text(encoding="utf-8")

    def log(self) -> str:
        """Return what the server wrote (its own errors; calls are in :meth:`requests`)."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def adobe_config(self) -> dict[str, Any]:
        """Return settings for the tap: an integration that may read everything."""
        return tap_config(self.url)

    def exact_config(self) -> dict[str, Any]:
        """Return settings for the target, with a fresh refresh token."""
        return target_config(self.context, self.url)

    def advance(self, seconds: float) -> datetime:
        """Move the sandbox's clock and return its new time."""
        return self.context.clock.advance(seconds)

    def set_clock(self, moment: datetime) -> datetime:
        """Let it be this moment in the sandbox (it runs on from there)."""
        return self.context.clock.set(moment)

    def now(self) -> datetime:
        """Return the sandbox's time, UTC."""
        return self.context.clock.now()

    def set(self, name: str, value: Any) -> None:
        """Change a setting, such as ``exact.minute_limit``.

        Raises:
            UnknownSettingError: No part of the sandbox reads this name.
        """
        settings.change(self.database, name, value)

    def fault(
        self,
        route: str,
        kind: str,
        *,
        method: str | None = None,
        nth: int = 1,
        times: int = 1,
        **params: Any,
    ) -> int:
        """Plan a fault and return its number.

        Args:
            route: Pattern of the path, such as ``*/salesentry/SalesEntries``.
            kind: See ``commerce_sandbox.faults.KINDS``.
            method: HTTP method; None for any.
            nth: First matching call that fails.
            times: How many calls fail in a row; 0 means for ever.
            **params: The kind's own parameters, such as ``seconds``.
        """
        return faults.add(self.database, faults.Fault(route, kind, method, nth, times, params))

    def faults(self) -> list[faults.Fault]:
        """Return the planned faults with their counters."""
        return faults.planned(self.database)

    def clear_faults(self) -> None:
        """Remove all faults."""
        faults.clear(self.database)

    def requests(self, **filters: Any) -> list[dict[str, Any]]:
        """Return the calls so far; see ``RequestLog.find`` for the filters."""
        return self.context.requests.find(**filters)

    def clear_requests(self) -> None:
        """Forget the calls so far."""
        self.context.requests.clear()

    def exact(self, resource: str, **odata: Any) -> list[dict[str, Any]]:
        """Read posted entities straight from the store, past limits and tokens.

        Args:
            resource: Such as ``salesentry/SalesEntries``.
            **odata: Options without their ``$``, such as ``filter``.
        """
        run_late_calls(self.context)
        return read(self.context, resource, **odata)

    def bookkeeper(self, name: str = "Bookkeeping", division: int = DIVISION) -> Bookkeeper:
        """Return a person who works in Exact on screen.

        Args:
            name: Who that is.
            division: Whose books.
        """
        return Bookkeeper(self.context, name, division)

    def kill(self) -> None:
        """End the server process at once (as ``kill -9``)."""
        if self._pid is not None:
            launcher.kill(self._pid)
            self._pid = None

    def stop(self) -> None:
        """End the server and close the database; the folder stays.

        The server is killed: every effect of an answered call is committed already.
        """
        self.kill()
        self.database.close()

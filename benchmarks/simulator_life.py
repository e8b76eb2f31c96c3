"""One simulated life: some days of two companies, their people, their accidents."""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import os
import random
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import simulator_shop as shops
from simulator_books import Books, Doings, things
from simulator_world import BASE_URL, Machine, Process, VirtualTime, World, run_target

from commerce_sandbox import shop
from commerce_sandbox.database import FILE_NAME
from commerce_sandbox.exact.bookkeeper import Bookkeeper
from commerce_sandbox.exact.config import target_config
from commerce_sandbox.exact.routes import run_late_calls
from commerce_sandbox.exceptions import BookkeeperError
from commerce_sandbox.faults import Fault
from commerce_sandbox.settings import change
from target_exact_online.desk import documents as desk
from target_exact_online.ledger.store import Ledger
from target_exact_online.settings import with_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator_world import Ended

_LOGGER = logging.getLogger("simulator")
START = datetime(2026, 2, 2, 6, tzinfo=UTC)
_SETTLE_SECONDS, _LAG_SECONDS = 60, 30
_QUIET_DAYS = 4
_LEDGER = "ledger.db"
_AWAY = (408, 500, 502, 503, 504, 520, 522, 524)
_BEFORE = ("not_sent", "drop_before", "error_before", "status_before", "unavailable",
           "too_many_requests")  # fmt: skip
_AFTER = ("drop_after", "error_after", "status_after", "truncate", "late_commit")
_STRANGE = ("swapped_answer", "other_division")
_WITH_CONDITION = ("/SalesEntries", "/SalesOrders", "/SalesInvoices")
_DOCUMENTS = (*_WITH_CONDITION, "/GeneralJournalEntries")
_ALONE = frozenset({shops.ENTRIES, shops.ORDERS, shops.INVOICES, shops.JOURNALS})
_BLOCKABLE = (("account", "10"), ("gl-account", "8000"), ("item", "TEA-POT"))


@dataclass(frozen=True)
class Result:
    """What became of a life.

    Attributes:
        figures: Counted, by name.
        found: One line for each finding.
        trace: A digest of all calls.
    """

    figures: dict[str, int]
    found: list[str]
    trace: str


@dataclass
class _Rates:
    """How likely what is, in this life."""

    fault: float
    kill: float
    other_machine: float
    restore: float
    people: float
    clock: float
    linked: bool

    @classmethod
    def drawn(cls, rng: random.Random) -> _Rates:
        return cls(
            fault=rng.choice((0.0, 0.02, 0.06, 0.15)),
            kill=rng.choice((0.0, 0.2, 0.5)),
            other_machine=rng.choice((0.0, 0.0, 0.1)),
            restore=rng.choice((0.0, 0.0, 0.06, 0.15)),
            people=rng.choice((0.0, 0.2, 0.5)),
            clock=rng.choice((0.0, 0.0, 0.1)),
            linked=rng.random() < 0.5,  # noqa: PLR2004
        )


@dataclass
class _Backup:
    path: Path
    states: dict[int, int]


@dataclass
class Life:
    """One life, drawn from one seed."""

    seed: int
    days: int
    folder: Path
    states: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})

    def __post_init__(self) -> None:
        """Set everything up."""
        self.rng = random.Random(self.seed)  # noqa: S311  # a simulation
        self.rates = _Rates.drawn(self.rng)
        self.time = VirtualTime(START)
        shutil.copy(_template() / FILE_NAME, self.folder / FILE_NAME)
        for path in _template().glob(f"{_LEDGER}*"):
            shutil.copy(path, self.folder / path.name)
        self.world = World(
            self.folder, self.time, self._fault, lambda: self.rng.choice((0.05, 0.2, 1.0)),
            self._meanwhile,
        )  # fmt: skip
        self.shop = shops.Shop(self.rng)
        self.doings = Doings()
        url = f"sqlite:///{self.folder}/{_LEDGER}"
        self.machines = Machine(url), Machine(url)
        self.books = Books(
            self.world.context, self.machines[0].ledger, self.doings, linked=self.rates.linked
        )
        link = {"order_link": "https://shop.example/admin/order/{order_entity_id}"}
        self.config = with_defaults(
            target_config(self.world.context, BASE_URL)
            | {
                "ledger_url": url,
                "settle_after_seconds": _SETTLE_SECONDS,
                "index_lag_seconds": _LAG_SECONDS,
                "create_accounts": True,
                "max_wait_seconds": self.rng.choice((10, 120)),
                "priority": self.rng.choice(("waiting", "credit_memos", "new")),
            }
            | (link if self.rates.linked else {})
        )
        self.quiet = False
        self.nested = False
        self.backups: list[_Backup] = []
        self.blocked: set[tuple[int, str, str]] = set()
        self.closed: set[int] = set()
        self.runs = 0
        self._backup()

    def close(self) -> None:
        """Give everything back."""
        for machine in self.machines:
            machine.ledger.close()
        self.world.close()
        self.time.stop()

    # Days

    def live(self) -> Result:
        """Live through all days."""
        for day in range(self.days):
            self._until(START + timedelta(days=day))
            self._morning()
            for _ in range(self.rng.choice((1, 2, 2, 3))):
                self._trade()
                self._run(self.rng.choice((0, 0, 1)))
                self.time.sleep(self.rng.choice((1, 100, 3_600, 4 * 3_600)))
            self._compare(f"day {day + 1}", last=False)
            self._backup()
        self._quiet_days()
        found = [
            f"seed {self.seed}, {when}: {figure}: {what}"
            for figure, all_of_it in self.books.found.items()
            for what, when in all_of_it.items()
        ]
        figures = {"days": self.days + _QUIET_DAYS, "documents": len(self.shop.fed),
                   "runs": self.runs, "calls": self.world.calls}  # fmt: skip
        return Result(figures | self.books.figures(), found, self.world.trace.hexdigest())

    def _until(self, moment: datetime) -> None:
        self.time.sleep(max(moment.timestamp() - self.time.seconds, 1))

    def _quiet_days(self) -> None:
        """Let everything come to rest: nothing goes wrong any more, and nothing is blocked."""
        self.quiet = True
        self._open_everything()
        database = self.world.context.database
        for name in ("minute_limit", "day_limit", "index_lag_seconds", "omit_rate_headers"):
            change(database, f"exact.{name}", {"index_lag_seconds": 0}.get(name))
        for day in range(_QUIET_DAYS):
            self._until(START + timedelta(days=self.days + day))
            if day == 1:
                self._people_of_the_desk()
            for company in (0, 1):
                self._run(company)
                self.time.sleep(3_600)
        self._compare("the end", last=True)

    def _compare(self, when: str, *, last: bool) -> None:
        self.books.compare(self.shop.fed, self.states, when, last=last)

    # Shops and runs

    def _trade(self) -> None:
        rng, on = self.rng, self.time.now().date()
        for _ in range(rng.randint(1, 4)):
            self.shop.sell(rng.choice((0, 0, 1)), on)
        for one in self.shop.fed:
            chance = rng.random()
            if chance < 0.03:  # noqa: PLR2004
                self.shop.change(one)
            elif chance < 0.05:  # noqa: PLR2004
                self.shop.touch(one)

    def _run(self, company: int) -> Ended:
        rng = self.rng
        process = Process()
        if not self.quiet:
            if rng.random() < self.rates.kill:
                process.dies_at = rng.randint(1, 60)
            elif rng.random() < 0.05:  # noqa: PLR2004
                process.ends_at = rng.randint(1, 60)
            if not self.nested:
                wrong = rng.random() < self.rates.clock
                ahead = rng.choice((-1, 1)) * rng.choice((120, 3_600, 86_400, 400 * 86_400))
                self.time.set_skew(ahead if wrong else 0)
        self.runs += 1
        began = self.time.now()

        def write_state(state: dict[str, Any]) -> None:
            self.states[company] = max(self.states[company], state["changed"])

        config = self.config | {"division": shops.DIVISIONS[company]}
        fed = [
            (*one.versions[-1], {"changed": changed})
            for one, changed in self.shop.changed_since(company, self.states[company])
        ]
        ended = run_target(
            self.world, self.machines[self.nested], config, fed, write_state, process
        )
        if not self.nested:
            self.time.set_skew(0)
        _LOGGER.info("%s %s company %s, %s fed, %s", began, "-- " * self.nested, company, len(fed),
                     ended)  # fmt: skip
        return ended

    def _meanwhile(self, method: str, path: str) -> None:
        """Let another machine do a whole run while a call of this one is on its way."""
        # Not while an order is changed or a relation created: others wait for that.
        alone = path.endswith(_DOCUMENTS) and (
            method == "POST" or (method == "GET" and not path.endswith("/SalesOrders"))
        )
        if self.nested or self.quiet or not alone or self.rng.random() >= self.rates.other_machine:
            return
        if self.rng.random() < 0.5:  # noqa: PLR2004
            self._trade()
        self.nested = True
        try:
            self._run(self.rng.choice((0, 0, 1)))
        finally:
            self.nested = False

    def _fault(self, method: str, path: str) -> Fault | str | None:
        rng = self.rng
        if self.quiet or "/oauth2/" in path or rng.random() >= self.rates.fault:
            return None
        kinds: tuple[str, ...] = _BEFORE
        if method != "GET":
            kinds += _AFTER + _AFTER
        if path.endswith(_DOCUMENTS) and method != "DELETE":
            kinds += _STRANGE
        if path.endswith(_WITH_CONDITION) and method == "POST":
            kinds += ("changed_field",)
        kind = rng.choice(kinds)
        if kind == "not_sent":
            return kind
        params: dict[str, Any] = {}
        if kind in {"status_before", "status_after"}:
            params = {"status": rng.choice(_AWAY)}
        elif kind == "late_commit":
            params = {"seconds": rng.choice((1, 20, _SETTLE_SECONDS - 10))}
        elif kind == "too_many_requests" and rng.random() < 0.5:  # noqa: PLR2004
            params = {"headers": {"Retry-After": str(rng.choice((1, 30, 3_600)))}}
        elif kind == "changed_field":
            params = {"field": "PaymentCondition", "value": "14"}
        return Fault("*", kind, params=params)

    # People, accidents

    def _morning(self) -> None:
        rng, database = self.rng, self.world.context.database
        run_late_calls(self.world.context)
        if rng.random() < self.rates.restore and self.backups:
            self._restore(rng.choice(self.backups))
        if rng.random() < 0.3:  # noqa: PLR2004
            change(database, "exact.minute_limit", rng.choice((60, 60, 10, None)))
            change(database, "exact.day_limit", rng.choice((5_000, 5_000, 60)))
            change(database, "exact.index_lag_seconds", rng.choice((0, 5, _LAG_SECONDS - 5)))
            change(database, "exact.omit_rate_headers", rng.random() < 0.2)  # noqa: PLR2004
        if rng.random() < self.rates.people:
            self._people_of_exact()
        if rng.random() < self.rates.people / 2:
            self._people_of_the_desk()
        if rng.random() < 0.15:  # noqa: PLR2004
            division = rng.choice(shops.DIVISIONS)
            if rng.random() < 0.5:  # noqa: PLR2004
                Bookkeeper(self.world.context, division=division).close_period(2026, 2)
                self.closed.add(division)
            else:
                kind, code = rng.choice(_BLOCKABLE)
                Bookkeeper(self.world.context, division=division).block(kind, code)
                self.blocked.add((division, kind, code))
        elif rng.random() < 0.5:  # noqa: PLR2004
            self._open_everything()

    def _open_everything(self) -> None:
        for division in sorted(self.closed):
            Bookkeeper(self.world.context, division=division).open_period(2026, 2)
        for division, kind, code in sorted(self.blocked):
            Bookkeeper(self.world.context, division=division).unblock(kind, code)
        self.closed.clear()
        self.blocked.clear()

    def _people_of_exact(self) -> None:
        """Edit, delete, or type once more, an entry that is there."""
        mine = [one for one in things(self.world.context)
                if one.stream == shops.ENTRIES and one.marker.startswith("SIM")
                and not one.printed]  # fmt: skip
        if not mine:
            return
        one = self.rng.choice(sorted(mine, key=lambda thing: (thing.marker, thing.key)))
        person = Bookkeeper(self.world.context, division=one.division)
        what = self.rng.choice(("edit", "delete", "type"))
        with contextlib.suppress(BookkeeperError):  # the period is closed
            if what == "edit":
                # Without a link, a credit that is a debit by now is another document's by all that
                # Exact tells: a person who makes it so leaves nothing to be found.
                sign = 1 if one.amount > 0 or self.rates.linked else -1
                person.edit(one.key, {1: {"amount": sign, "vat_amount": 0}})
                self.doings.edited.add(one.key)
            elif what == "delete":
                person.delete(one.key)
                self.doings.deleted.add(one.key)
            else:
                person.type_entry(like=one.key)
            if what != "type":
                self.doings.touched.add(one.marker)

    def _people_of_the_desk(self) -> None:
        """Replay what is parked or failed; sometimes skip one."""
        ledger = self.machines[0].ledger
        parked = desk.Search(states=("parked", "failed"))
        some = [row for row in desk.find(ledger, parked) if row.stream in _ALONE]
        if some and not self.quiet and self.rng.random() < 0.3:  # noqa: PLR2004
            row = self.rng.choice(some)
            desk.skip(ledger, desk.Search(keys=(row.document_key,)), "ours", dry_run=False)
            name = row.document_key.partition("@")[0], row.division
            self.doings.skipped |= {
                one.marker for one in self.shop.fed if (one.key, one.division) == name
            }
        desk.replay(ledger, parked, dry_run=False)

    def _backup(self) -> None:
        path = self.folder / f"backup-{len(self.backups)}.db"
        with (
            contextlib.closing(sqlite3.connect(self.folder / _LEDGER)) as live_one,
            contextlib.closing(sqlite3.connect(path)) as copy,
        ):
            live_one.backup(copy)
        self.backups.append(_Backup(path, dict(self.states)))

    def _restore(self, backup: _Backup) -> None:
        """Put an older ledger in place, and the bookmarks of its time: they belong together."""
        for machine in self.machines:
            machine.ledger.close()
        for path in self.folder.glob(f"{_LEDGER}-*"):
            path.unlink()
        shutil.copy(backup.path, self.folder / _LEDGER)
        self.states |= backup.states
        self.books.restored = True
        self.books.unknowing |= {one.marker for one in things(self.world.context)}


def live(seed: int, days: int, folder: Path) -> Result:
    """Live one life in an empty folder; the same seed gives the same life.

    Args:
        seed: Of all chance.
        days: Of trade; some quiet ones follow.
        folder: Where to keep everything.
    """
    with _chance(seed), contextlib.chdir(folder):
        one = Life(seed, days, folder)
        try:
            return one.live()
        finally:
            one.close()


@contextlib.contextmanager
def _chance(seed: int) -> Iterator[None]:
    """Draw all chance of product and sandbox from the seed."""
    _template()
    state = random.getstate()
    random.seed(seed)
    drawn = random.Random(seed)  # noqa: S311  # a simulation
    with mock.patch.object(os, "urandom", drawn.randbytes):
        yield
    random.setstate(state)


@functools.cache
def _template() -> Path:
    """Build an empty sandbox and an empty ledger once; lives begin with copies."""
    folder = Path(tempfile.mkdtemp(prefix="simulator-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    context = shop.open_context(folder)
    shop.seed(context, "empty")
    context.database.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    context.database.close()
    Ledger.open(f"sqlite:///{folder}/{_LEDGER}").close()
    return folder

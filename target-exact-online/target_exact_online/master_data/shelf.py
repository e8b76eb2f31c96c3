"""When master data is read: the first time, by age, and at once when something is missing.

What changes seldom is trusted for a day. A code that is unknown, or that cannot be used as it is
cached, is read again before anything is refused; so is what Exact refused. For a document that is
parked already that is done in its first hour by every run, then with pauses that grow.
"""

from __future__ import annotations

import logging
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

import msgspec

from exact_online import changes
from exact_online.errors import ConfigError, FatalError
from target_exact_online.master_data import kinds
from target_exact_online.master_data.cache import Cache, DamagedRowError, State
from target_exact_online.master_data.kinds import M

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy.engine import Engine

    from exact_online.changes import Batch
    from exact_online.client import ExactClient
    from exact_online.errors import DocumentRefusedError
    from target_exact_online.master_data.kinds import Kind, Row
    from target_exact_online.master_data.models import Division

FRESH_SECONDS = 86_400.0
"""How long master data is trusted."""
PARKED_AT: ContextVar[float | None] = ContextVar("PARKED_AT", default=None)
"""Since when the document that is prepared is parked (seconds since 1970, UTC); None: it is not."""

_LOGGER = logging.getLogger("target-exact-online")
_FIRST_HOUR, _LONGEST_PAUSE = 3_600.0, 43_200.0
# The field of a problem: what may have changed in Exact.
_BEHIND = {
    "gl_account": ("gl_accounts",),
    "vat_code": ("vat_codes", "vat_percentages", "gl_accounts"),
    "vat_amount": ("vat_codes", "vat_percentages"),
    "vat_percentage": ("vat_codes", "vat_percentages"),
    "cost_center": ("cost_centers", "gl_accounts"),
    "cost_unit": ("cost_units", "gl_accounts"),
    "journal": ("journals",),
    "entry_date": ("journal_status", "periods"),
    "invoice_date": ("journal_status", "periods"),
    "payment_condition": ("payment_conditions", "accounts"),
    "currency": ("currencies", "journals"),
    "exchange_rate": ("exchange_rates", "journals"),
    "debtor": ("accounts",),
    "account": ("accounts", "gl_accounts"),
    "item": ("items",),
    "quantity": ("items",),
}


class NotUsableError(FatalError):
    """A code cannot be used; says what is wrong and what to do."""

    def __init__(self, what: str, what_to_do: str) -> None:
        """Say what is wrong, with the value, and the next step for a person."""
        super().__init__(f"{what}. {what_to_do}")
        self.what = what
        self.what_to_do = what_to_do


@dataclass(frozen=True, slots=True)
class Table(Generic[M]):
    """One small kind in memory: objects by code."""

    by_code: dict[str, M]
    rows: tuple[M, ...]


class Shelf:
    """The master data of one division, as far as it was read; thread safe.

    Attributes:
        division: Whose master data it is.
    """

    def __init__(
        self,
        client: ExactClient,
        engine: Engine,
        division: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing is read yet. The clock gives seconds since 1970, UTC."""
        self.division = division
        self._client = client
        self._cache = Cache(engine, division)
        self._clock = clock
        self._lock = threading.RLock()
        self._tables: dict[str, Table[Any]] = {}
        self._found: dict[tuple[str, str], tuple[Any, ...]] = {}
        self._used: dict[str, tuple[Kind[Any], str | None, float]] = {}
        self._read_again: set[str] = set()

    @property
    def company(self) -> Division:
        """The division itself.

        Raises:
            ConfigError: The division does not exist for this user.
        """
        table = self._table(kinds.DIVISION, where=f"Code eq {self.division}")
        if not table.rows:
            msg = (
                f"Exact shows no division {self.division} to this user (setting division). Check "
                "the number, and that the app is permitted for this company."
            )
            raise ConfigError(msg)
        return table.rows[0]

    def read_again(self, error: DocumentRefusedError) -> bool:
        """Read again, once per run, what a refusal is about; return whether anything was read."""
        return sum(map(self._again, self._behind(error))) > 0

    def distrust(self, error: DocumentRefusedError) -> None:
        """Have read again by whoever needs it next what Exact refused although it looked right."""
        with self._lock:
            for name in self._behind(error):
                self._cache.forget(name)
                if name not in self._read_again:
                    self._read_again.add(name)
                    self._used.pop(name)

    def remember(self, kind: Kind[Any], row: Row) -> None:
        """Keep a row that was just created or found, so that the next document finds it."""
        with self._lock:
            state = self._cache.state(kind.name)
            self._cache.store(kind, kind.name, [row], state, replace=False)
            self._forget_found(kind, row)

    def _behind(self, error: DocumentRefusedError) -> list[str]:
        fields = {one.where.rpartition(", ")[2] for one in error.problems}
        fields |= {one.where.partition(", ")[0] for one in error.problems}
        wanted = {name for field in fields for name in _BEHIND.get(field, ())}
        return [name for name, (kind, *_) in list(self._used.items()) if kind.name in wanted]

    def _table(
        self, kind: Kind[M], *, name: str | None = None, where: str | None = None
    ) -> Table[M]:
        """Return a small kind as a whole."""
        name = name or kind.name
        with self._lock:
            self._ensure(kind, name, where)
            if name not in self._tables:
                rows = self._built(kind, name, where)
                by_code = {one.code: one for one in rows if hasattr(one, "code")}
                self._tables[name] = Table(by_code, rows)
            return self._tables[name]

    def _found_by(self, kind: Kind[M], column: str, value: str) -> tuple[M, ...]:
        """Return the rows of a large kind with a key."""
        with self._lock:
            self._ensure(kind, kind.name, None)
            key = (f"{kind.name}.{column}", value)
            if key not in self._found:
                self._found[key] = self._built(kind, kind.name, None, **{column: value})
            return self._found[key]

    def _built(self, kind: Kind[M], name: str, where: str | None, **keys: str) -> tuple[M, ...]:
        """Return objects of cached rows; damaged ones are read anew, once."""
        try:
            return self._build(kind, name, **keys)
        except DamagedRowError as error:
            _LOGGER.warning("%s It is read anew.", error)
            self._refresh(kind, name, where, complete=True)
        return self._build(kind, name, **keys)

    def _build(self, kind: Kind[M], name: str, **keys: str) -> tuple[M, ...]:
        rows = self._cache.rows(name, **keys)
        try:
            return tuple(kind.build(row) for row in rows if row[kind.key] is not None)
        except (KeyError, msgspec.ValidationError) as error:
            msg = (
                f"A {kind.label} of division {self.division} cannot be understood "
                f"({type(error).__name__})."
            )
            raise DamagedRowError(msg) from error

    def _again(self, name: str) -> bool:
        """Read again, unless this run did, or a parked document asks too soon after the last."""
        with self._lock:
            now, last = self._clock(), f"{name}?"
            pause = min((now - (PARKED_AT.get() or now) - _FIRST_HOUR) / 2, _LONGEST_PAUSE)
            if name in self._read_again or 0 <= now - self._cache.state(last).read_at < pause:
                return False
            self._read_again.add(name)
            kind, where, _ = self._used[name]
            self._refresh(kind, name, where)
            self._cache.store(kind, last, [], State(read_at=now), replace=False)
            return True

    def _ensure(self, kind: Kind[Any], name: str, where: str | None) -> None:
        now = self._clock()
        if name in self._used and self._is_fresh(self._used[name][2], now):
            return
        state = self._cache.state(name)
        self._used[name] = (kind, where, state.read_at)
        if not self._is_fresh(state.read_at, now):
            self._refresh(kind, name, where)

    def _is_fresh(self, read_at: float, now: float) -> bool:
        """Tell whether that is less than a day ago; a moment that has not come is not believed."""
        return now - FRESH_SECONDS < read_at <= now

    def _refresh(
        self, kind: Kind[Any], name: str, where: str | None, *, complete: bool = False
    ) -> None:
        if kind.by_delta:
            read_at = self._refresh_by_delta(kind, name, complete=complete)
        else:
            read_at = self._clock()
            rows = self._read(kind.resource, kind.select, where)
            self._cache.store(kind, name, rows, State(read_at=read_at), replace=True)
        self._used[name] = (kind, where, read_at)
        self._tables.pop(name, None)
        self._found.clear()

    def _refresh_by_delta(self, kind: Kind[Any], name: str, *, complete: bool) -> float:
        """Read what changed since the last time; everything when that cannot be trusted.

        What was deleted is asked for by age only: what is missing was not deleted.
        """
        state = self._cache.state(name)
        marker = self.company.moved
        now = self._clock()
        complete = complete or bool(
            changes.why_anew(
                read_before=state.read_at, now=now, moved_before=state.marker, moved=marker
            )
        )
        by_age = not complete and now - state.read_at > FRESH_SECONDS
        if complete:
            state = State()
        ask = self._client.ask
        rows, timestamp = _all(
            changes.changed(
                ask, kind.resource, kind.select, state.timestamp, division=self.division
            )
        )
        deleted: list[Row] = []
        deleted_timestamp = state.deleted_timestamp
        if by_age:
            deleted, deleted_timestamp = _all(
                changes.deleted(ask, deleted_timestamp, kind.deleted_type, division=self.division)
            )
        self._cache.store(
            kind,
            name,
            rows,
            State(
                read_at=now if complete or by_age else state.read_at,
                timestamp=timestamp,
                deleted_timestamp=deleted_timestamp,
                marker=marker,
            ),
            deleted=[str(row.get("EntityKey")) for row in deleted],
            replace=complete,
        )
        return now

    def _read(self, resource: str, select: str, where: str | None) -> list[Row]:
        return list(self._client.get(resource, division=self.division, select=select, filter=where))

    def _forget_found(self, kind: Kind[Any], row: Row) -> None:
        """Forget what was, or was not, found by the keys that a row has now or had before."""
        keys = {str(row.get(kind.code) or "").strip(), *kind.match_keys(row).values()}
        self._found = {
            (where, value): found
            for (where, value), found in self._found.items()
            if not where.startswith(f"{kind.name}.")
            or (value.strip() not in keys and all(one.id != row[kind.key] for one in found))
        }


def _all(batches: Iterable[Batch]) -> tuple[list[Row], int]:
    """Return the rows of all pages, and the version to go on after next time."""
    read = list(batches)
    return [row for batch in read for row in batch.rows], read[-1].after

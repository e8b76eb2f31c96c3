"""Ask master data by code; an unknown code names the closest ones that exist."""

from __future__ import annotations

import difflib
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from exact_online import odata
from target_exact_online.exceptions import ConfigError, FatalError
from target_exact_online.master_data import reading
from target_exact_online.master_data.cache import Cache, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from decimal import Decimal

    from sqlalchemy.engine import Engine

    from exact_online.client import ExactClient
    from target_exact_online.master_data.models import (
        Account,
        CostCenter,
        Currency,
        Division,
        GLAccount,
        Item,
        Journal,
        PaymentCondition,
        Period,
        VatCode,
    )
    from target_exact_online.master_data.reading import Kind, Row

FRESH_SECONDS = 3_600.0
"""How long master data is trusted; an unknown code has it read again earlier, once per run."""

_DELETED_KEPT_SECONDS = 50 * 86_400.0  # sync/Deleted keeps two months
_MATCH_ORDER = (("search_code", "search_key"), ("vat_number", "vat_key"), ("email", "email_key"))


class NotUsableError(FatalError):
    """A code cannot be used; says what is wrong and what to do."""

    def __init__(self, what: str, what_to_do: str) -> None:
        """Describe the problem.

        Args:
            what: What is wrong, with the value.
            what_to_do: The next step for a person.
        """
        super().__init__(f"{what}. {what_to_do}")
        self.what = what
        self.what_to_do = what_to_do


@dataclass(frozen=True, slots=True)
class _Table:
    """One small kind in memory: objects by code."""

    by_code: dict[str, Any]
    rows: tuple[Any, ...]


class MasterData:
    """The master data of one division.

    Each kind is read when it is needed for the first time, so that a run costs only the calls
    its documents need. Thread safe.

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
        """Prepare; nothing is read yet.

        Args:
            client: Reads what the cache does not have.
            engine: The ledger's engine.
            division: Whose master data it is.
            clock: Seconds since 1970, UTC.
        """
        self.division = division
        self._client = client
        self._cache = Cache(engine, division)
        self._clock = clock
        self._lock = threading.RLock()
        self._tables: dict[str, _Table] = {}
        self._fresh: set[str] = set()
        self._read_again: set[str] = set()
        self._found: dict[tuple[str, str], tuple[Any, ...]] = {}

    @classmethod
    def load(cls, client: ExactClient, engine: Engine, division: int | None = None) -> MasterData:
        """Open the master data of a division and check that the division can be used.

        Args:
            client: Reads what the cache does not have.
            engine: The ledger's engine.
            division: The division, by default the client's.

        Raises:
            ConfigError: The division does not exist for this user, or is not active.
        """
        master = cls(client, engine, division or client.division)
        if not master.company.active:
            msg = (
                f"Division {master.division} ({master.company.name}) is archived, inactive or "
                "blocked (setting division). Choose another one."
            )
            raise ConfigError(msg)
        return master

    @property
    def company(self) -> Division:
        """The division itself.

        Raises:
            ConfigError: The division does not exist for this user.
        """
        table = self._table(reading.DIVISION, filter=f"Code eq {self.division}")
        if not table.rows:
            msg = (
                f"Exact shows no division {self.division} to this user (setting division). Check "
                "the number, and that the app is permitted for this company."
            )
            raise ConfigError(msg)
        company: Division = table.rows[0]
        return company

    def gl_account(self, code: str) -> GLAccount:
        """Return a GL account by code."""
        account: GLAccount = self._by_code(reading.GL_ACCOUNTS, code)
        return account

    def cost_center(self, code: str) -> CostCenter:
        """Return a cost center by code."""
        center: CostCenter = self._by_code(reading.COST_CENTERS, code)
        return center

    def cost_unit(self, code: str) -> CostCenter:
        """Return a cost unit by code."""
        unit: CostCenter = self._by_code(reading.COST_UNITS, code)
        return unit

    def payment_condition(self, code: str) -> PaymentCondition:
        """Return a payment condition by code."""
        condition: PaymentCondition = self._by_code(reading.PAYMENT_CONDITIONS, code)
        return condition

    def currency(self, code: str) -> Currency:
        """Return a currency by its ISO 4217 code."""
        currency: Currency = self._by_code(reading.CURRENCIES, code)
        return currency

    def has_rate(self, currency: str, on: date) -> bool:
        """Tell whether Exact has an exchange rate for a currency on a day."""
        return any(
            rate.currency == currency and (rate.start is None or rate.start <= on)
            for rate in self._table(reading.EXCHANGE_RATES).rows
        )

    def journal(self, code: str) -> Journal:
        """Return a journal by code."""
        journal: Journal = self._by_code(reading.JOURNALS, code)
        return journal

    def journals(self) -> tuple[Journal, ...]:
        """Return all journals."""
        return self._table(reading.JOURNALS).rows

    def counts(self) -> str:
        """Say how much master data there is, for people."""
        kinds = (reading.GL_ACCOUNTS, reading.VAT_CODES, reading.COST_CENTERS)
        small = [f"{len(self._table(kind).rows)} {kind.label}s" for kind in kinds]
        for kind in (reading.ITEMS, reading.ACCOUNTS):
            self._ensure(kind, kind.name, None)
            small.append(f"{len(self._cache.codes(kind.name))} {kind.label}s")
        return ", ".join(small)

    def vat_code(self, code: str, *, on: date) -> VatCode:
        """Return a VAT code with its percentage on a day.

        Args:
            code: The VAT code, without padding.
            on: The document's date.
        """
        vat: VatCode = self._by_code(reading.VAT_CODES, code)
        return replace(vat, percentage=self._vat_percentage(vat, on))

    def item(self, code: str) -> Item:
        """Return an item by code."""
        found = self.known_item(code)
        if found is None:
            raise self._unknown(reading.ITEMS, code)
        return found

    def known_item(self, code: str) -> Item | None:
        """Return an item by code, or None when there is none."""
        found = self._found_by(reading.ITEMS, "code", code)
        if not found and self._again(reading.ITEMS):
            found = self._found_by(reading.ITEMS, "code", code)
        return found[0] if found else None

    def account(self, code: str) -> Account:
        """Return a relation by its number."""
        found = self._found_by(reading.ACCOUNTS, "code", code.strip())
        if not found and self._again(reading.ACCOUNTS):
            found = self._found_by(reading.ACCOUNTS, "code", code.strip())
        if not found:
            raise self._unknown(reading.ACCOUNTS, code)
        account: Account = found[0]
        return account

    def matching_account(self, match: dict[str, str]) -> Account | None:
        """Return the relation that search code, VAT number or e-mail name, in this order.

        Args:
            match: Any of ``search_code``, ``vat_number``, ``email``.

        Returns:
            The one relation, or None when there is none.

        Raises:
            NotUsableError: Several relations match, and none can be preferred.
        """
        vat_key = reading.digest(reading.vat_number(match.get("vat_number") or "")) or ""
        for field, column in _MATCH_ORDER:
            value = match.get(field) or ""
            key = vat_key if field == "vat_number" else reading.digest(value)
            if not key:
                continue
            found = self._found_by(reading.ACCOUNTS, column, key)
            if field == "email":  # another VAT number is another company with the same mailbox
                found = tuple(a for a in found if not (vat_key and a.vat_key not in {"", vat_key}))
            customers = tuple(a for a in found if a.status == "C" and not a.blocked) or found
            if len(customers) > 1:
                codes = ", ".join(sorted(a.code for a in customers)[:5])
                what = f"{len(customers)} relations have this {field.replace('_', ' ')}: {codes}"
                raise NotUsableError(what, "Give one of them a search code of its own in Exact.")
            if customers:
                account: Account = customers[0]
                return account
        return None

    def delivery_address(self, account_id: str, payload: dict[str, Any]) -> str | None:
        """Return the GUID of a relation's delivery address, or None when it is not known.

        Args:
            account_id: The relation's GUID.
            payload: The address as it is sent to Exact.
        """
        name = reading.DELIVERY_ADDRESSES.name
        rows = self._cache.rows(name, id=reading.address_key(account_id, payload))
        return str(rows[0]["ID"]) if rows else None

    def remember_delivery_address(
        self, account_id: str, payload: dict[str, Any], address_id: str
    ) -> None:
        """Keep a delivery address, so that the next order to it costs no call."""
        row = {"Digest": reading.address_key(account_id, payload), "ID": address_id}
        self.remember(reading.DELIVERY_ADDRESSES, row)

    def remember(self, kind: Kind, row: Row) -> None:
        """Keep a row that was just created or found, so that the next document finds it."""
        with self._lock:
            state = self._cache.state(kind.name)
            self._cache.store(kind, kind.name, [row], state, replace=False)
            self._forget_found(kind, row)

    def period(self, on: date) -> Period:
        """Return the financial period of a day."""
        for period in self._periods():
            if period.start <= on <= period.end:
                return period
        what = f"Exact has no financial year for {on.isoformat()}"
        raise NotUsableError(what, "Create it in Exact (Financial, Periods).")

    def is_open(self, journal: str, period: Period) -> bool:
        """Tell whether a journal is open in a period."""
        name = f"{reading.JOURNAL_STATUS.name}:{journal}:{period.year}"
        where = f"Journal eq {odata.text(journal)} and Year eq {period.year}"
        table = self._table(reading.JOURNAL_STATUS, name=name, filter=where)
        return not any(status.closed for status in table.rows if status.period == period.period)

    def period_open(self, journal: str, on: date) -> None:
        """Check that a document may be booked on a day.

        Raises:
            NotUsableError: The period is closed, or there is none.
        """
        period = self.period(on)
        if not self.is_open(journal, period):
            what = (
                f"Period {period.year}-{period.period:02} is closed in journal {journal} "
                f"for {on.isoformat()}"
            )
            raise NotUsableError(what, "Reopen it in Exact, or set closed_period to next_open_day.")

    def next_open_day(self, journal: str, on: date) -> date:
        """Return this day, or the first day of the first open period after it.

        Raises:
            NotUsableError: No later period is open.
        """
        if self.is_open(journal, self.period(on)):
            return on
        for period in self._periods():
            if period.start > on and self.is_open(journal, period):
                return period.start
        what = f"No period after {on.isoformat()} is open in journal {journal}"
        raise NotUsableError(what, "Open a period in Exact.")

    def distrust(self) -> None:
        """Have everything read again by the next run: Exact refused what looked right."""
        kind = reading.DELIVERY_ADDRESSES
        with self._lock:
            self._cache.store(kind, kind.name, (), State(), replace=True)
            for name in tuple(self._fresh):
                self._cache.forget(name, self._clock() - FRESH_SECONDS - 1)

    def _periods(self) -> list[Period]:
        return sorted(self._table(reading.PERIODS).rows, key=lambda period: period.start)

    def _vat_percentage(self, vat: VatCode, on: date) -> Decimal:
        for known in self._table(reading.VAT_PERCENTAGES).rows:
            if (
                known.vat_code_id == vat.id
                and (known.start is None or known.start <= on)
                and (known.end is None or on <= known.end)
            ):
                percentage: Decimal = known.percentage
                return percentage
        return vat.percentage

    def _by_code(self, kind: Kind, code: str) -> Any:
        table = self._table(kind)
        if code not in table.by_code and self._again(kind):
            table = self._table(kind)
        try:
            return table.by_code[code]
        except KeyError:
            raise self._unknown(kind, code) from None

    def _unknown(self, kind: Kind, code: str) -> NotUsableError:
        """Name the closest codes; relations are named by number only, they are people."""
        table = self._tables.get(kind.name)
        names = {one.code: one.name for one in table.rows} if table else {}
        codes = list(names) or self._cache.codes(kind.name)
        alike = difflib.get_close_matches(code, codes, n=20, cutoff=0.5)
        # Numbers are alike in many ways; people mean the one that begins alike.
        close = sorted(alike, key=lambda one: -_same_start(one, code))[:3]
        hint = ", ".join(f"{one} ({names[one]})" if names.get(one) else one for one in close)
        advice = f"The closest are {hint}." if hint else "No code comes close."
        return NotUsableError(
            f"Division {self.division} has no {kind.label} {code!r}",
            f"{advice} Create it in Exact, or correct the rules.",
        )

    def _found_by(self, kind: Kind, column: str, value: str) -> tuple[Any, ...]:
        with self._lock:
            self._ensure(kind, kind.name, None)
            key = (f"{kind.name}.{column}", value)
            if key not in self._found:
                rows = self._cache.rows(kind.name, **{column: value})
                self._found[key] = tuple(kind.build(row) for row in rows)
            return self._found[key]

    def _forget_found(self, kind: Kind, row: Row) -> None:
        """Forget what was, or was not, found by the keys that a row has now or had before."""
        keys = {str(row.get(kind.code) or "").strip(), *kind.match_keys(row).values()}
        self._found = {
            (where, value): found
            for (where, value), found in self._found.items()
            if not where.startswith(f"{kind.name}.")
            or (value.strip() not in keys and all(one.id != row[kind.key] for one in found))
        }

    def _table(
        self,
        kind: Kind,
        *,
        name: str | None = None,
        filter: str | None = None,  # noqa: A002  # OData's own word
    ) -> _Table:
        name = name or kind.name
        with self._lock:
            self._ensure(kind, name, filter)
            if name not in self._tables:
                rows = tuple(kind.build(row) for row in self._cache.rows(name))
                by_code = {one.code: one for one in rows if hasattr(one, "code")}
                self._tables[name] = _Table(by_code, rows)
            return self._tables[name]

    def _again(self, kind: Kind) -> bool:
        """Read a kind again because a code was missing; once per run."""
        with self._lock:
            if kind.name in self._read_again:
                return False
            self._read_again.add(kind.name)
            self._refresh(kind, kind.name, None)
            return True

    def _ensure(self, kind: Kind, name: str, where: str | None) -> None:
        if name in self._fresh:
            return
        if self._clock() - self._cache.state(name).read_at > FRESH_SECONDS:
            self._refresh(kind, name, where)
        self._fresh.add(name)

    def _refresh(self, kind: Kind, name: str, where: str | None) -> None:
        if kind.by_delta:
            self._refresh_by_delta(kind, name)
        else:
            rows = list(
                self._client.get(
                    kind.resource, division=self.division, select=kind.select, filter=where
                )
            )
            self._cache.store(kind, name, rows, State(read_at=self._clock()), replace=True)
        self._tables.pop(name, None)
        self._found.clear()

    def _refresh_by_delta(self, kind: Kind, name: str) -> None:
        """Read what changed since the last time; everything when that cannot be trusted."""
        state = self._cache.state(name)
        marker = self.company.moved
        now = self._clock()
        complete = state.marker != marker or now - state.read_at > _DELETED_KEPT_SECONDS
        if complete:  # the first time, after a move of the division, or after two months
            state = State()
        rows = list(
            self._client.get(
                kind.resource,
                division=self.division,
                select=kind.select,
                filter=f"Timestamp gt {state.timestamp}L",
            )
        )
        deleted: list[Row] = []
        if not complete:
            deleted = list(
                self._client.get(
                    "sync/Deleted",
                    division=self.division,
                    select="Timestamp,EntityKey,EntityType",
                    filter=(
                        f"Timestamp gt {state.deleted_timestamp}L "
                        f"and EntityType eq {kind.deleted_type}"
                    ),
                )
            )
        self._cache.store(
            kind,
            name,
            rows,
            State(
                read_at=now,
                timestamp=_highest(rows, state.timestamp),
                deleted_timestamp=_highest(deleted, state.deleted_timestamp),
                marker=marker,
            ),
            deleted=[str(row["EntityKey"]) for row in deleted],
            replace=complete,
        )


def _highest(rows: list[Row], known: int) -> int:
    return max((int(row["Timestamp"]) for row in rows), default=known)


def _same_start(one: str, other: str) -> int:
    """Return how many characters two codes begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))

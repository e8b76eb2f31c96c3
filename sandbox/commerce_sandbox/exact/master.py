"""Master data of one division in memory: what postings refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact import store

if TYPE_CHECKING:
    import sqlite3

    from commerce_sandbox.database import Database
    from commerce_sandbox.exact.store import Row

BASIS_POINTS = 10000


@dataclass(frozen=True)
class VatPeriod:
    """A percentage of a VAT code and the days on which it counts."""

    start: str
    end: str | None
    basis_points: int


@dataclass(frozen=True)
class Master:
    """The master data of a division, by what requests name it with."""

    currency: str
    gl_accounts: dict[str, Row]
    vat_codes: dict[str, Row]
    vat_periods: dict[str, list[VatPeriod]]
    journals: dict[str, Row]
    cost_centers: dict[str, Row]
    cost_units: dict[str, Row]
    payment_conditions: dict[str, Row]
    currencies: dict[str, Row]
    rates: dict[str, list[tuple[str, float]]]
    periods: list[tuple[str, str, int, int]]
    known_periods: frozenset[tuple[int, int]]
    closed: frozenset[tuple[str, int, int]]
    item_groups: dict[str, Row]
    units: dict[str, Row]

    def period(self, date: str) -> tuple[int, int] | None:
        """Return year and period of a date, or None when no period covers it."""
        day = date[:10]
        for start, end, year, period in self.periods:
            if start <= day <= end:
                return year, period
        return None

    def rate(self, currency: str, date: str) -> float | None:
        """Return division currency for one unit of ``currency`` on a date, if there is one."""
        if currency == self.currency:
            return 1
        found = None
        for start, rate in self.rates.get(currency, ()):
            if start <= date:
                found = rate
        return found

    def basis_points(self, code: Row, date: str) -> int:
        """Return the percentage of a VAT code on a date, in hundredths of a percent."""
        day = date[:10]
        for period in self.vat_periods.get(code["ID"], ()):
            if period.start <= day and (period.end is None or day <= period.end):
                return period.basis_points
        return 0


def of_division(database: Database, division: int) -> Master:
    """Return a division's master data, read again after any change of it."""
    return database.cached(
        f"exact.master.{division}", lambda connection: _load(connection, division)
    )


def forget(database: Database, division: int) -> None:
    """Let the next posting read the master data again."""
    database.forget(f"exact.master.{division}")


def _load(connection: sqlite3.Connection, division: int) -> Master:
    def by(resource: str, *names: str) -> dict[Any, Row]:
        rows = store.find(connection, resource, division)
        return {row[name]: row for row in rows for name in names}

    def by_code(resource: str) -> dict[str, Row]:
        return {row["Code"].strip(): row for row in store.find(connection, resource, division)}

    vat_periods: dict[str, list[VatPeriod]] = {}
    for row in store.find(connection, "vat/VatPercentages", division):
        end = row.get("EndDate")
        vat_periods.setdefault(row["VATCodeID"], []).append(
            VatPeriod(
                row["StartDate"][:10], end and end[:10], round(row["Percentage"] * BASIS_POINTS)
            )
        )
    rates: dict[str, list[tuple[str, float]]] = {}
    for row in store.find(connection, "financial/ExchangeRates", division):
        rates.setdefault(row["SourceCurrency"], []).append((row["StartDate"], row["Rate"]))
    periods = store.find(connection, "financial/FinancialPeriods", division)
    statuses = store.find(connection, "read/financial/JournalStatusList", division)
    return Master(
        currency="EUR",
        gl_accounts=by("financial/GLAccounts", "ID"),
        vat_codes=by_code("vat/VATCodes"),
        vat_periods=vat_periods,
        journals=by_code("financial/Journals"),
        cost_centers=by_code("hrm/Costcenters"),
        cost_units=by_code("hrm/Costunits"),
        payment_conditions=by_code("cashflow/PaymentConditions"),
        currencies=by_code("general/Currencies"),
        rates={currency: sorted(entries) for currency, entries in rates.items()},
        periods=[
            (row["StartDate"][:10], row["EndDate"][:10], row["FinYear"], row["FinPeriod"])
            for row in periods
        ],
        known_periods=frozenset((row["FinYear"], row["FinPeriod"]) for row in periods),
        closed=frozenset(
            (row["Journal"], row["Year"], row["Period"]) for row in statuses if row["Status"]
        ),
        item_groups=by("logistics/ItemGroups", "ID"),
        units=by_code("logistics/Units"),
    )

"""Exact's side of one comparison: over the API, from the mirror, or out of an audit file."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from exact_online.errors import ConfigError
from target_exact_online.master_data import NotUsableError
from target_exact_online.month_end import lines
from target_exact_online.month_end.audit_file import AuditLines, open_audit_file, readable
from target_exact_online.month_end.exact import Reading
from target_exact_online.month_end.lines import ExactLines
from target_exact_online.month_end.model import Calls, Filed
from target_exact_online.month_end.sides import BalanceRow, Chart, Month, OpenItem
from target_exact_online.month_end.tables import exact_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from sqlalchemy.engine import Engine

    from target_exact_online.company import Company
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.sides import Entry

Source = Literal["api", "mirror", "xaf"]
_RECEIVABLES, _FIRST_RESULT = 20, 110
_VAT_RETURN = "VAT return"


@dataclass(slots=True)
class Evidence:
    """Exact's side.

    Attributes:
        source: Where it comes from, for people.
        month: The month, as Exact's periods have it.
        company: The company's name, or an empty string.
        chart: Accounts and journals.
        reading: Makes the calls; None: an audit file.
        lines: The lines, where they are at hand without many calls; else None.
        names: Names of users, by GUID.
        rate: Returns Exact's own rate for a currency on a day (ISO), or None.
        has_number: Tells whether a relation, by its code, has a VAT number; an audit file's do.
    """

    source: str
    month: Month
    company: str
    chart: Chart
    engine: Engine
    reading: Reading | None = None
    kind: Source = "api"
    audit: AuditLines | None = None
    lines: ExactLines | None = None
    names: dict[str, str] = field(default_factory=dict)
    rate: Callable[[str, str], Decimal | None] = lambda _currency, _day: None
    has_number: Callable[[str], bool] = lambda _code: True
    balances: list[BalanceRow] | None = None
    returns: tuple[Filed, ...] = ()
    open_journals: tuple[str, ...] = ()
    open_items: Decimal | None = None
    receivable: Decimal | None = None
    receivable_ids: tuple[str, ...] = ()
    account_ids: dict[str, str] = field(default_factory=dict)
    ageing: list[tuple[str, Decimal]] = field(default_factory=list)
    items: list[OpenItem] | None = None
    histories: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _own: Engine | None = None

    @property
    def by_number(self) -> bool:
        """Whether entries have no GUID."""
        return self.kind == "xaf"

    @property
    def open_pairs(self) -> list[tuple[str, str, int]]:
        """Debtors who owe nothing and have open items: code, currency, how many."""
        sums: dict[tuple[str, str], list[Decimal]] = {}
        for one in self.items or ():
            sums.setdefault((one.account, one.currency), []).append(one.amount)
        return [(*name, len(found)) for name, found in sorted(sums.items()) if not sum(found)]

    @property
    def vat_filed(self) -> Filed | None:
        """The newest VAT return over the month that is out of the house, or None."""
        filed = [one for one in self.returns if one.kind == _VAT_RETURN and one.is_filed]
        return max(filed, key=lambda one: (one.at is not None, one.at), default=None)

    def calls(self) -> Calls:
        """Return the calls that were made."""
        if self.reading is None:
            return Calls()
        made = self.reading.client.calls
        return Calls(
            total=self.reading.client.call_count,
            by_resource=tuple(sorted((resource, n) for (_, resource), n in made.items())),
            rows=self.reading.rows,
        )

    def read_sums(self) -> None:
        """Read what costs few calls at any size."""
        if self.reading is None:
            self.notes.append("An audit file tells no open items, no returns and no debtors' keys.")
            return
        reading = self.reading
        self.balances = reading.balances(self.month)
        self.open_journals, types = reading.open_journals(self.month)
        self.chart.journal_types.update(types)
        self.returns = reading.returns(self.month)
        self.open_items = reading.open_items(self.month.currency)
        self.ageing = reading.ageing()
        if self.open_items is not None and self.receivable_ids:
            self.receivable = reading.receivable(self.month, self.receivable_ids)

    def read_lines(self) -> ExactLines:
        """Return the lines of the month, read in the way of the source.

        Raises:
            NotNowError: Calls are spent.
            ConfigError: The audit file is of something else.
        """
        if self.kind == "mirror":
            if self.reading is not None:
                self.reading.mirror(self.engine)
            self.lines = ExactLines(self.engine, self.month.division, self.chart, moving=True)
            return self.lines
        engine = self._staging()
        found = ExactLines(engine, self.month.division, self.chart, moving=False)

        def keep(rows: list[dict[str, Any]]) -> None:
            with engine.begin() as connection:
                lines.store(connection, self.month.division, rows)

        if self.audit is not None:
            self.audit.keep(self.month.year, keep)
        elif self.reading is not None:
            self.source = f"{self.source}, {self.reading.bulk(self.month, keep)}"
            self.notes += self.reading.notes
        self.lines = found
        return found

    def read_entries(self, ids: Iterable[str], numbers: Iterable[str]) -> list[Entry]:
        """Return single entries as Exact has them now, whatever period they are in.

        Args:
            ids: GUIDs of entries.
            numbers: Numbers of entries of which Exact gave no GUID.
        """
        engine = self._staging()
        found: set[str] = set()

        def keep(rows: list[dict[str, Any]]) -> None:
            found.update(row["entry_id"] for row in rows)
            with engine.begin() as connection:
                lines.store(connection, self.month.division, rows)

        if self.reading is not None:
            self.reading.entries(ids, numbers, keep)
        self.lines = ExactLines(engine, self.month.division, self.chart, moving=False)
        return list(self.lines.elsewhere(found).values())

    def _staging(self) -> Engine:
        """Return a database of this comparison alone."""
        self._folder = tempfile.TemporaryDirectory(prefix="month-end-")
        self._own = sa.create_engine(f"sqlite:///{Path(self._folder.name) / 'lines.db'}")
        exact_lines.metadata.create_all(self._own, tables=[exact_lines])
        return self._own

    def user_names(self) -> dict[str, str]:
        """Return the names of Exact's users, as far as lines tell them."""
        return {} if self.lines is None else self.lines.names()

    def fingerprint(self) -> str:
        """Return what changes when Exact's side of the month does."""
        parts = [
            f"{row.account}/{row.cost_center}/{row.cost_unit}/{row.type}/{row.count}/{row.amount}"
            for row in self.balances or ()
        ]
        parts += [f"{one.kind}/{one.period}/{one.status}" for one in self.returns]
        local = "" if self.lines is None else self.lines.counts(self.month)[1]
        return "\n".join([*sorted(parts), local])

    def mirror_state(self) -> str:
        """Return what changes when a line of the month does in the mirror; empty: there is none."""
        if self.kind != "mirror" or self.lines is None:
            return ""
        return self.lines.counts(self.month)[1]

    def close(self) -> None:
        """Forget what was read for this comparison alone."""
        if self._own is not None:
            self._own.dispose()
        if self._folder is not None:
            self._folder.cleanup()


def of_company(
    company: Company, ledger: Ledger, division: int, day: date, kind: Source
) -> Evidence:
    """Return Exact's side over its API.

    Args:
        company: Makes the calls.
        ledger: Holds the mirror.
        division: The company's number.
        day: A day of the month.
        kind: ``api`` or ``mirror``.

    Raises:
        ConfigError: The division cannot be used.
    """
    master = company.master(division)
    period = master.period(day)
    about = master.company
    accounts = master.gl_accounts()
    chart = Chart(
        receivables=frozenset(one.code for one in accounts if one.type == _RECEIVABLES),
        vat_accounts={one.code: one.to_pay for one in master.vat_codes() if one.to_pay},
        profit_and_loss=frozenset(one.code for one in accounts if one.type >= _FIRST_RESULT),
        journal_types={one.code: one.type for one in master.journals()},
        names={one.code: one.name for one in accounts},
    )
    month = Month(division, period.year, period.period, period.start, period.end, about.currency)
    evidence = Evidence(
        source="Exact Online" if kind == "api" else "Exact Online, mirror",
        month=month,
        company=about.name,
        chart=chart,
        engine=ledger.engine,
        reading=Reading(company.client, division),
        kind=kind,
        account_ids={one.code: one.id for one in accounts},
        receivable_ids=tuple(one.id for one in accounts if one.type == _RECEIVABLES),
    )

    def rate(currency: str, day: str) -> Decimal | None:
        return master.rate(currency, date.fromisoformat(day[:10])) if day else None

    def has_number(code: str) -> bool:
        with contextlib.suppress(NotUsableError):  # it is gone: the entry's debtor tells
            return bool(master.account(code).vat_key)
        return False

    evidence.rate, evidence.has_number = rate, has_number
    return evidence


def of_audit_file(path: Path, ledger: Ledger, division: int, day: date) -> Evidence:
    """Return Exact's side out of an audit file.

    Args:
        path: The file.
        ledger: The audit trail.
        division: The company's number.
        day: A day of the month.

    Raises:
        ConfigError: The file cannot be read, or is of another company or month.
    """
    audit = open_audit_file(path)
    with readable(audit.name):
        if audit.division not in (None, division):
            msg = (
                f"The audit file {path.name} is of company {audit.division}, not of {division}. "
                "Name its division by --division, or export the right one."
            )
            raise ConfigError(msg)
        period = audit.period(day)
        month = Month(
            division, period.year, period.number, period.first, period.last, audit.currency
        )
        return Evidence(
            source=f"audit file {path.name}",
            month=month,
            company=audit.company,
            chart=audit.chart(),
            engine=ledger.engine,
            kind="xaf",
            audit=audit,
        )

"""Exact's side over its API: sums first, then lines, then headers of suspects. Reads only."""

from __future__ import annotations

import itertools
import operator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import changes, odata
from exact_online.errors import (
    AuthorizationRequiredError,
    FatalError,
    NotNowError,
    RequestRefusedError,
)
from target_exact_online.month_end import lines
from target_exact_online.month_end.mirror import (
    as_amount,
    as_day,
    as_text,
    as_whole,
    begun,
    columns,
    finish,
    note_deleted,
    utc,
    write_state,
)
from target_exact_online.month_end.model import Filed
from target_exact_online.month_end.sides import BalanceRow, Header, OpenItem, Stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sqlalchemy.engine import Engine

    from exact_online.client import ExactClient, Page, Question
    from target_exact_online.month_end.sides import Month

BALANCE = "financial/ReportingBalance"
JOURNALS = "read/financial/JournalStatusList"
RETURNS = "read/financial/Returns"
OPEN_ITEMS = "read/financial/OutstandingInvoicesOverview"
AGEING = "read/financial/AgingOverview"
ITEMS = "read/financial/ReceivablesList"
SYNC = "sync/Financial/TransactionLines"
BULK = "bulk/Financial/TransactionLines"
LINES = "financialtransaction/TransactionLines"
INVOICES = "salesinvoice/SalesInvoices"
_PAGE = 1_000
_OPEN, _PROCESSED = 0, 50
_KINDS = {31: "VAT return", 32: "EC sales list"}
_FIELDS = (
    "ID,EntryID,EntryNumber,JournalCode,LineNumber,Type,Status,Date,FinancialYear,FinancialPeriod,"
    "GLAccountCode,AmountFC,AmountDC,Currency,ExchangeRate,VATCode,AmountVATFC,CostCenter,CostUnit,"
    "YourRef,Description,PaymentReference,OrderNumber,InvoiceNumber,Account,Creator,"
    "CreatorFullName,Created,Modifier,ModifierFullName,Modified"
)


class SpentError(NotNowError):
    """The part of the day's calls that a comparison may use is spent."""


@dataclass(slots=True)
class Reading:
    """Questions to one company, counted; at most a fifth of a day's calls.

    Attributes:
        client: Makes the calls.
        division: The company.
        rows: Transaction lines that were read.
        notes: What had to be read in another way, for people.
    """

    client: ExactClient
    division: int
    rows: int = 0
    notes: list[str] = field(default_factory=list)

    def _get(self, resource: str, **options: Any) -> Iterator[dict[str, Any]]:
        self._check()
        for number, row in enumerate(
            self.client.get(resource, division=self.division, **options), 1
        ):
            yield row
            if not number % _PAGE:
                self._check()

    def _ask(self, question: Question, **options: Any) -> Iterator[Page]:
        self._check()
        for page in self.client.ask(question, **options):
            yield page
            self._check()

    def _check(self) -> None:
        left = self.client.budget.left(division=self.division)
        most = left.day[1] // 5
        if self.client.call_count >= most:
            msg = (
                f"A comparison uses at most a fifth of the {left.day[1]} calls of a day, so that "
                f"documents can be posted. Go on after {left.day_ends_at:%Y-%m-%d %H:%M} UTC."
            )
            raise SpentError(msg, retry_at=left.day_ends_at)

    def balances(self, month: Month) -> list[BalanceRow]:
        """Return Exact's own sums of a period, the year's end left out by the caller."""
        rows = self._get(
            BALANCE,
            select="ID,GLAccountCode,BalanceType,CostCenterCode,CostUnitCode,Type,Status,Count,"
            "Amount,ReportingYear,ReportingPeriod",
            filter=f"ReportingYear eq {month.year} and ReportingPeriod eq {month.period}",
        )
        return [
            BalanceRow(
                account=as_text(row["GLAccountCode"]),
                cost_center=as_text(row.get("CostCenterCode")),
                cost_unit=as_text(row.get("CostUnitCode")),
                type=as_whole(row.get("Type") or 0),
                status=as_whole(row.get("Status") or 0),
                count=as_whole(row.get("Count") or 0),
                amount=as_amount(row["Amount"]),
                profit_and_loss=as_text(row.get("BalanceType")) == "W",
            )
            for row in rows
        ]

    def ageing(self) -> list[tuple[str, Decimal]]:
        """Return what customers owe, by age: the group in Exact's words, and its sum."""
        rows = self._get(AGEING, select="AgeGroup,AgeGroupDescription,AmountReceivable")
        try:
            return [
                (as_text(row["AgeGroupDescription"]), as_amount(row["AmountReceivable"]))
                for row in sorted(rows, key=lambda row: as_whole(row["AgeGroup"]))
            ]
        except (AuthorizationRequiredError, RequestRefusedError):
            return []  # it may need a right that nothing else needs

    def items(self) -> list[OpenItem]:
        """Return every open item of a debtor."""
        fields = "HID,AccountCode,Amount,CurrencyCode,JournalCode,EntryNumber,InvoiceNumber"
        return [
            OpenItem(
                as_text(row["AccountCode"]),
                as_text(row["CurrencyCode"]),
                as_amount(row["Amount"]),
                as_text(row.get("JournalCode")),
                as_text(row.get("EntryNumber")),
                as_text(row.get("InvoiceNumber")),
            )
            for row in self._get(ITEMS, select=fields)
        ]

    def histories(self, month: Month, ids: Mapping[str, str]) -> dict[str, tuple[Decimal, Decimal]]:
        """Return opening and closing of balance sheet accounts (debit positive), by code.

        Args:
            month: The month that opens and closes.
            ids: GUIDs of the accounts, by code.
        """
        found = dict.fromkeys(ids, (Decimal("0.00"), Decimal("0.00")))
        if not ids:
            return found
        terms = " or ".join(f"GLAccount eq {odata.guid(one)}" for one in ids.values())
        for row in self._get(
            BALANCE,
            select="ID,GLAccountCode,Amount,ReportingYear,ReportingPeriod",
            filter=f"ReportingYear le {month.year} and ({terms})",
        ):
            code, at = as_text(row["GLAccountCode"]), (row["ReportingYear"], row["ReportingPeriod"])
            opening, closing = found.get(code, (Decimal("0.00"), Decimal("0.00")))
            amount = as_amount(row["Amount"])
            if at < (month.year, month.period):
                opening += amount
            if at <= (month.year, month.period):
                closing += amount
            found[code] = (opening, closing)
        return found

    def receivable(self, month: Month, account_ids: Iterable[str]) -> Decimal:
        """Return the balance of debtors' accounts since the company began."""
        terms = " or ".join(f"GLAccount eq {odata.guid(one)}" for one in account_ids)
        rows = self._get(
            BALANCE,
            select="ID,Amount,ReportingYear",
            filter=f"ReportingYear le {month.last.year + 1} and ({terms})",
        )
        return sum((as_amount(row["Amount"]) for row in rows), Decimal("0.00"))

    def open_journals(self, month: Month) -> tuple[tuple[str, ...], dict[str, int]]:
        """Return the journals in which a period is open, and the type of each journal."""
        found, types = [], {}
        for row in self._get(
            JOURNALS,
            select="Journal,JournalType,Status,Year,Period",
            filter=f"Year eq {month.year} and Period eq {month.period}",
        ):
            journal = as_text(row["Journal"])
            if row.get("JournalType") is not None:
                types[journal] = as_whole(row["JournalType"])
            if row.get("Status") == _OPEN:
                found.append(journal)
        return tuple(sorted(set(found))), types

    def returns(self, month: Month) -> tuple[Filed, ...]:
        """Return the VAT returns and EC sales lists over a month."""
        rows = self._get(
            RETURNS,
            select="DocumentID,Type,Year,Period,Frequency,Status,Amount,Created",
            filter=f"Year eq {month.year}",
        )
        found = [
            Filed(
                kind=_KINDS[row["Type"]],
                year=as_whole(row["Year"]),
                period=as_whole(row["Period"]),
                frequency=as_text(row.get("Frequency")) or "M",
                status=as_whole(row.get("Status") or 0),
                amount=None if row.get("Amount") is None else as_amount(row["Amount"]),
                at=utc(row.get("Created")),
            )
            for row in rows
            if row.get("Type") in _KINDS
        ]
        return tuple(one for one in found if covers(one, month))

    def open_items(self, currency: str) -> Decimal | None:
        """Return what customers owe now, in the company's currency; None: Exact does not say."""
        amounts = [
            as_amount(row.get("OutstandingReceivableInvoiceAmount") or 0)
            for row in self._get(
                OPEN_ITEMS, select="CurrencyCode,OutstandingReceivableInvoiceAmount"
            )
            if as_text(row.get("CurrencyCode")) in ("", currency)
        ]
        return sum(amounts, Decimal("0.00")) if amounts else None

    def headers(self, resource: str, ids: Iterable[str]) -> dict[str, Header]:
        """Return the headers of entries by GUID (lower case), forty a call.

        Args:
            resource: ``salesentry/SalesEntries`` or the general journal's twin.
            ids: Their GUIDs.
        """
        sales = resource.startswith("salesentry")
        names = (
            ("EntryNumber", "Journal", "EntryDate", "ReportingYear", "ReportingPeriod")
            if sales
            else ("EntryNumber", "JournalCode", "", "FinancialYear", "FinancialPeriod")
        )
        people = ("Creator", "CreatorFullName", "Created", "Modifier", "ModifierFullName")
        select = ",".join(("EntryID", "Status", "Modified", *filter(None, names), *people))
        wanted, found = sorted(set(ids)), {}
        for start in range(0, len(wanted), odata.MAX_TERMS):
            some = [odata.guid(one) for one in wanted[start : start + odata.MAX_TERMS]]
            where = odata.any_of("EntryID", some)
            for row in self._get(resource, select=select, filter=where):
                key = as_text(row["EntryID"])
                found[key.lower()] = Header(
                    key,
                    as_text(row.get(names[0])),
                    as_text(row.get(names[1])),
                    as_day(row.get(names[2])) if names[2] else "",
                    as_whole(row.get(names[3]) or 0),
                    as_whole(row.get(names[4]) or 0),
                    as_whole(row.get("Status") or 0),
                    _stamp(row),
                )
        return found

    def open_invoices(self, ids: Iterable[str]) -> list[str]:
        """Return which sales invoices are there, but not printed.

        Args:
            ids: Their GUIDs.
        """
        wanted = {one.lower(): one for one in ids}
        found = []
        for start in range(0, len(wanted), odata.MAX_TERMS):
            some = [odata.guid(one) for one in list(wanted)[start : start + odata.MAX_TERMS]]
            for row in self._get(
                INVOICES, select="InvoiceID,Status", filter=odata.any_of("InvoiceID", some)
            ):
                key = as_text(row["InvoiceID"]).lower()
                if key in wanted and as_whole(row.get("Status") or 0) < _PROCESSED:
                    found.append(wanted[key])
        return found

    def bulk(self, month: Month, keep: Callable[[list[dict[str, Any]]], None]) -> str:
        """Read the lines of a month once; return how it was done, for people.

        Args:
            month: The month.
            keep: Takes columns of `exact_lines`.

        Raises:
            RequestRefusedError: Exact takes none of the filters.
        """
        period = f"FinancialYear eq {month.year} and FinancialPeriod eq {month.period}"
        dates = (
            f"Date ge datetime'{month.first.isoformat()}T00:00:00' and "
            f"Date le datetime'{month.last.isoformat()}T00:00:00'"
        )
        ways = (
            (BULK, period, "bulk lines of the period"),
            (BULK, dates, "bulk lines by date"),
            (LINES, period, "lines of the period, 60 a call"),
        )
        refusal: FatalError | None = None
        for resource, where, how in ways:
            try:
                self._keep(self._get(resource, select=_FIELDS, filter=where), keep)
            except RequestRefusedError as error:
                refusal = error
                self.notes.append(f"Exact does not take the filter for {how}.")
                continue
            return how
        msg = f"{refusal} Export an audit file instead: --source xaf FILE."
        raise RequestRefusedError(msg)

    def entries(
        self,
        ids: Iterable[str],
        numbers: Iterable[str],
        keep: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        """Read the lines of single entries, forty entries a call.

        Args:
            ids: GUIDs of entries.
            numbers: Numbers of entries of which Exact gave no GUID: printed invoices.
            keep: Takes columns of `exact_lines`.
        """
        wanted = [("EntryID", odata.guid(one)) for one in sorted(set(ids))]
        wanted += [("EntryNumber", one) for one in sorted(set(numbers)) if one.isdecimal()]
        for name, some in itertools.groupby(wanted, key=operator.itemgetter(0)):
            literals = [literal for _, literal in some]
            for start in range(0, len(literals), odata.MAX_TERMS):
                where = odata.any_of(name, literals[start : start + odata.MAX_TERMS])
                self._keep(self._get(LINES, select=_FIELDS, filter=where), keep)

    def _keep(
        self,
        rows: Iterator[dict[str, Any]],
        keep: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        page: list[dict[str, Any]] = []
        for row in rows:
            page.append(columns(row))
            if len(page) == _PAGE:
                keep(page)
                self.rows += len(page)
                page = []
        if page:
            keep(page)
            self.rows += len(page)

    def mirror(self, engine: Engine) -> None:
        """Bring the mirror of the lines up to date, page by page: it goes on where it ended.

        Args:
            engine: The ledger's engine.

        Raises:
            NotNowError: Calls are spent; what was read is kept.
        """
        began_at = datetime.now(UTC)
        state = begun(engine, self.division, self._moved(), began_at)
        for batch in changes.changed(
            self._ask, SYNC, _FIELDS, state.timestamp, division=self.division
        ):
            state.timestamp = batch.after
            self.rows += len(batch.rows)
            with engine.begin() as connection:
                if batch.rows:
                    lines.store(connection, self.division, [columns(row) for row in batch.rows])
                write_state(connection, self.division, state)
        kind = changes.ENTITY_TYPES[SYNC]
        for batch in changes.deleted(
            self._ask, state.deleted_timestamp, kind, division=self.division
        ):
            state.deleted_timestamp = batch.after
            note_deleted(engine, self.division, batch.rows, state)
        finish(engine, self.division, state, began_at)

    def _moved(self) -> str:
        """Return what would be another if Exact had moved the company, as it is now."""
        where = f"Code eq {self.division}"
        rows = self._get("system/Divisions", select=",".join(changes.MOVES), filter=where)
        return "".join(map(changes.moved, rows))


def covers(filed: Filed, month: Month) -> bool:
    """Tell whether a return is over a month."""
    months = {"M": 1, "Q": 3, "Y": 12}.get(filed.frequency, 1)
    first = months * (filed.period - 1) + 1
    return filed.year == month.year and first <= month.period < first + months


def _stamp(row: dict[str, Any]) -> Stamp:
    return Stamp(
        as_text(row.get("Creator")),
        as_text(row.get("CreatorFullName")),
        utc(row.get("Created")),
        as_text(row.get("Modifier")),
        as_text(row.get("ModifierFullName")),
        utc(row.get("Modified")),
    )

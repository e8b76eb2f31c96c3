"""Exact's side without its API: an audit file (XAF) that the accountant exported."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online.errors import ConfigError
from target_exact_online.month_end.books import text_hash
from target_exact_online.month_end.sides import Chart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyxaf import AuditFile, Line, Transaction

_JOURNAL_TYPES = {"cash": 10, "bank": 12, "sales": 20, "purchases": 22}
_GENERAL = 90
_SALES_ENTRY = 20
_PROCESSED = 50
_PAGE = 1_000
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Period:
    """A period as an audit file names it."""

    year: int
    number: int
    first: Any
    last: Any


@dataclass(slots=True)
class AuditLines:
    """An opened audit file.

    Attributes:
        file: The file, opened by its library.
        name: Its name, for people.
    """

    file: AuditFile
    name: str

    @property
    def currency(self) -> str:
        """The currency of the company."""
        return self.file.header.currency or ""

    @property
    def company(self) -> str:
        """The company's name."""
        return self.file.company.name or ""

    @property
    def division(self) -> int | None:
        """The number of the company, where the file tells it."""
        number = self.file.company.identifier or ""
        return int(number) if number.isdecimal() else None

    def period(self, first_day: Any) -> Period:
        """Return the period that a day lies in.

        Raises:
            ConfigError: The file does not have it.
        """
        year = self.file.header.fiscal_year
        for one in self.file.periods.values():
            start, end = one.start_date, one.end_date
            if start and end and one.number and start <= first_day <= end:
                return Period(int(year or start.year), one.number, start, end)
        msg = f"The audit file {self.name} has no period of {first_day}. Export that month."
        raise ConfigError(msg)

    def chart(self) -> Chart:
        """Return accounts and journals as the file tells them."""
        kinds = {key: one.account_type.kind.value for key, one in self.file.accounts.items()}
        types = {
            key: _JOURNAL_TYPES.get(one.journal_type.kind.value, _GENERAL)
            for key, one in self.file.journals.items()
        }
        receivables = {
            one.offset_account_id
            for one in self.file.journals.values()
            if one.journal_type.kind.value == "sales" and one.offset_account_id
        }
        return Chart(
            receivables=frozenset(receivables),
            vat_accounts={
                key: one.payable_account_id
                for key, one in self.file.vat_codes.items()
                if one.payable_account_id
            },
            profit_and_loss=frozenset(key for key, kind in kinds.items() if kind == "profit_loss"),
            journal_types=types,
            names={key: one.description or "" for key, one in self.file.accounts.items()},
        )

    def keep(self, year: int, take: Callable[[list[dict[str, Any]]], None]) -> int:
        """Hand over all lines as columns of `exact_lines`; return how many.

        Args:
            year: The financial year of the file.
            take: Takes a thousand rows at a time.
        """
        page: list[dict[str, Any]] = []
        count = 0
        types = self.chart().journal_types
        with readable(self.name):
            for transaction in self.file.transactions():
                for row in _rows(transaction, year, self.currency, types):
                    page.append(row)
                    count += 1
                    if len(page) == _PAGE:
                        take(page)
                        page = []
        if page:
            take(page)
        return count


@contextlib.contextmanager
def readable(name: str) -> Iterator[None]:
    """Tell what is wrong further down in an audit file, which shows only when it is read.

    Args:
        name: The file's.

    Raises:
        ConfigError: It cannot be read.
    """
    from pyxaf import PyxafError  # noqa: PLC0415  # an extra, see below

    try:
        yield
    except PyxafError as error:
        msg = f"The audit file {name} cannot be read: {error} (option --source xaf)."
        raise ConfigError(msg) from error


def open_audit_file(path: Path) -> AuditLines:
    """Open an audit file.

    Args:
        path: The file.

    Raises:
        ConfigError: It cannot be read, or its library is not installed.
    """
    try:
        import pyxaf  # noqa: PLC0415  # an extra
    except ImportError as error:
        msg = (
            "Audit files need the extra month-end: "
            "`pip install 'target-exact-online[month-end]'` (option --source xaf)."
        )
        raise ConfigError(msg) from error
    try:
        return AuditLines(pyxaf.open(str(path)), path.name)
    except (pyxaf.PyxafError, OSError) as error:
        msg = f"The audit file {path} cannot be read: {error} (option --source xaf)."
        raise ConfigError(msg) from error


def _rows(
    transaction: Transaction, year: int, currency: str, types: dict[str, int]
) -> Iterator[dict[str, Any]]:
    journal, number = transaction.journal_id or "", transaction.number or ""
    entry = f"{journal}/{number}"
    is_sales = types.get(journal) == _SALES_ENTRY
    for place, line in enumerate(transaction.lines, 1):
        amount_dc = line.signed_amount if line.signed_amount is not None else Decimal("0.00")
        foreign = line.foreign
        is_foreign = (
            foreign is not None
            and foreign.amount is not None
            and foreign.currency not in (None, currency)
        )
        amount = amount_dc
        if is_foreign and foreign is not None and foreign.amount is not None:
            amount = abs(foreign.amount).copy_sign(amount_dc)
        vat = line.vat[0] if line.vat else None
        yield {
            "id": f"{entry}/{place}",
            "entry_id": entry,
            "entry_number": number or None,
            "journal": journal,
            "line_no": _number(line, place),
            "type": _SALES_ENTRY if is_sales else _GENERAL,
            "status": _PROCESSED,
            "date": transaction.date.isoformat() if transaction.date else None,
            "period_year": year,
            "period_no": transaction.period_number,
            "gl_account": line.account_id or "",
            "amount": amount,
            "amount_dc": amount_dc,
            "currency": (foreign.currency if is_foreign and foreign else None) or currency,
            "rate": None,
            "vat_code": vat.code if vat else None,
            "vat_amount": _vat(vat, amount, amount_dc),
            "cost_center": line.cost_center,
            "cost_unit": line.cost_unit or line.product,
            "reference": (line.invoice_ref or "")[:64] or None,
            "text_hash": text_hash(line.description or "") or None,
            "payment_reference": None,
            "order_number": line.order_ref,
            "invoice_number": line.document_ref,
            "relation": None,  # the file has the number, not the GUID
            "creator": transaction.user,
            "creator_name": transaction.user,
            "created": None,
            "modifier": None,
            "modifier_name": None,
            "modified": None,
            "timestamp": 0,
            "deleted_at": None,
            "deleted_by": None,
        }


def _number(line: Line, place: int) -> int:
    """Return the line's number: the debtor's line of a sales entry is its first one."""
    number = line.number or ""
    return (int(number) if number.isdecimal() else place) - 1


def _vat(vat: Any, amount: Decimal, amount_dc: Decimal) -> Decimal | None:
    """Return the VAT in the document's currency: the file has it in the company's."""
    if vat is None or vat.signed_amount is None:
        return None
    own: Decimal = vat.signed_amount
    if amount == amount_dc or not amount_dc:
        return own
    return (own * amount / amount_dc).quantize(_CENT)

"""The audit file that an accountant exports from Exact: XML Auditfile Financieel 3.2.

Year-end entries are left out, as the file has the opening balance for them.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from commerce_sandbox.exact import ledger, store
from commerce_sandbox.exact.booking import cents, in_division_currency
from commerce_sandbox.exact.closing import RETAINED, YEAR_END
from commerce_sandbox.exact.store import TABLES, field_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row

_NAMESPACE = "http://www.auditfiles.nl/XAF/3.2"
_JOURNAL_TYPES = {10: "C", 12: "B", 20: "S", 22: "P", 90: "M"}
_UNREADABLE = {code: "?" for code in range(32) if chr(code) not in "\t\n\r"}
_ID, _NAME = 35, 50  # lengths of the schema
_BALANCE_SHEET = "B"
_LINES_SQL = f"""
SELECT * FROM {TABLES[ledger.LINES].name}
WHERE division = ? AND {field_sql("FinancialYear")} = ?
  AND {field_sql("FinancialPeriod")} BETWEEN ? AND ?
ORDER BY {field_sql("JournalCode")}, {field_sql("EntryNumber")}, parent,
  {field_sql("LineNumber")}, version
"""  # noqa: S608 -- our own names


@dataclass(frozen=True)
class Scope:
    """What an audit file is about.

    Attributes:
        year: Financial year.
        first: First period.
        last: Last period.
    """

    year: int
    first: int = 1
    last: int = 12


_NONE: AttributesImpl[str] = AttributesImpl({})


class _Writer:
    """Writes elements."""

    def __init__(self, stream: BinaryIO) -> None:
        self._xml = XMLGenerator(stream, "utf-8", short_empty_elements=True)
        self._xml.startDocument()

    @contextmanager
    def element(self, name: str, **attributes: str) -> Iterator[None]:
        """Write an element around what is written inside the block."""
        self._xml.startElement(name, AttributesImpl(attributes))
        yield
        self._xml.endElement(name)

    def texts(self, **values: Any) -> None:
        """Write elements that hold a text; those of None are left out."""
        for name, value in values.items():
            if value is not None:
                self._xml.startElement(name, _NONE)
                self._xml.characters(str(value).translate(_UNREADABLE))
                self._xml.endElement(name)


def write(posting: Posting, scope: Scope, stream: BinaryIO) -> None:
    """Write the audit file of some periods.

    Args:
        posting: Access to the books; nothing is written to them.
        scope: Which periods.
        stream: Where the file goes.
    """
    lines = [
        row
        for row in map(
            store.load,
            posting.connection.execute(
                _LINES_SQL, (posting.division, scope.year, scope.first, scope.last)
            ),
        )
        if row["Type"] not in YEAR_END
    ]
    xml = _Writer(stream)
    company = store.get(posting.connection, "system/Divisions", 0, f"0/{posting.division}") or {}
    periods = [
        period
        for period in posting.data.periods
        if period[2] == scope.year and scope.first <= period[3] <= scope.last
    ]
    with xml.element("auditfile", xmlns=_NAMESPACE):
        with xml.element("header"):
            xml.texts(
                fiscalYear=scope.year,
                startDate=periods[0][0],
                endDate=periods[-1][1],
                curCode=posting.data.currency,
                dateCreated=posting.at[:10],
                softwareDesc="Exact Online",
            )
        with xml.element("company"):
            xml.texts(
                companyIdent=posting.division,
                companyName=company["Description"],
                taxRegistrationCountry=company["Country"].strip(),
                taxRegIdent=company["VATNumber"],
            )
            _customers(posting, xml, lines)
            _master_data(posting, xml, periods)
            _opening_balance(posting, xml, scope, periods[0][0])
            _transactions(posting, xml, lines)


def _customers(posting: Posting, xml: _Writer, lines: list[Row]) -> None:
    used = {row["Account"] for row in lines if row.get("Account")}
    with xml.element("customersSuppliers"):
        for key in sorted(used):
            account = posting.get("crm/Accounts", key)
            if account is None:
                continue
            with xml.element("customerSupplier"):
                xml.texts(
                    custSupID=account["Code"].strip(),
                    custSupName=account["Name"][:_NAME],
                    taxRegIdent=account.get("VATNumber"),
                    custSupTp="C" if account.get("Status") == "C" else "S",
                )


def _master_data(posting: Posting, xml: _Writer, periods: list[tuple[str, str, int, int]]) -> None:
    data = posting.data
    with xml.element("generalLedger"):
        for account in sorted(data.gl_accounts.values(), key=_code):
            kind = "B" if account["BalanceType"] == _BALANCE_SHEET else "P"
            with xml.element("ledgerAccount"):
                xml.texts(accID=account["Code"], accDesc=account["Description"], accTp=kind)
    with xml.element("vatCodes"):
        for code in sorted(data.vat_codes.values(), key=_code):
            with xml.element("vatCode"):
                xml.texts(
                    vatID=code["Code"].strip(),
                    vatDesc=code["Description"],
                    vatToPayAccID=code.get("GLToPayCode"),
                )
    with xml.element("periods"):
        for start, end, _, number in periods:
            with xml.element("period"):
                xml.texts(periodNumber=number, startDatePeriod=start, endDatePeriod=end)


def _code(row: Row) -> str:
    code: str = row["Code"]
    return code


def _opening_balance(posting: Posting, xml: _Writer, scope: Scope, date: str) -> None:
    """Write what the balance sheet held when the first period began, its result included."""
    sums: dict[str, int] = {}
    for row in store.find(posting.connection, ledger.LINES, posting.division):
        before = (row["FinancialYear"], row["FinancialPeriod"]) < (scope.year, scope.first)
        account = posting.data.gl_accounts[row["GLAccount"]]
        if before and row["Type"] not in YEAR_END:
            code = account["Code"] if account["BalanceType"] == _BALANCE_SHEET else RETAINED
            sums[code] = sums.get(code, 0) + cents(row["AmountDC"])
    amounts = {code: amount for code, amount in sorted(sums.items()) if amount}
    with xml.element("openingBalance"):
        xml.texts(opBalDate=date, **_totals(list(amounts.values())))
        for number, (code, amount) in enumerate(amounts.items(), 1):
            with xml.element("obLine"):
                xml.texts(nr=number, accID=code, **_side(amount))


def _totals(amounts: list[int]) -> dict[str, Any]:
    debit = sum(amount for amount in amounts if amount > 0)
    credit = -sum(amount for amount in amounts if amount < 0)
    return {
        "linesCount": len(amounts),
        "totalDebit": _money(debit),
        "totalCredit": _money(credit),
    }


def _side(amount: int, name: str = "amnt") -> dict[str, str]:
    """Return an amount without sign, and its side."""
    return {name: _money(abs(amount)), f"{name}Tp": "C" if amount < 0 else "D"}


def _money(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


def _transactions(posting: Posting, xml: _Writer, lines: list[Row]) -> None:
    with xml.element("transactions"):
        xml.texts(**_totals([cents(row["AmountDC"]) for row in lines]))
        for journal, of_journal in groupby(lines, key=lambda row: row["JournalCode"]):
            book = posting.data.journals[journal]
            with xml.element("journal"):
                xml.texts(
                    jrnID=journal,
                    desc=book["Description"],
                    jrnTp=_JOURNAL_TYPES.get(book["Type"], "Z"),
                    offsetAccID=book.get("GLAccountCode"),
                )
                for _, of_entry in groupby(of_journal, key=lambda row: row["EntryID"]):
                    _transaction(xml, list(of_entry), posting)


def _transaction(xml: _Writer, lines: list[Row], posting: Posting) -> None:
    first = lines[0]
    with xml.element("transaction"):
        xml.texts(
            nr=first["EntryNumber"],
            desc=first.get("Description"),
            periodNumber=first["FinancialPeriod"],
            trDt=first["Date"][:10],
            sourceID=first["EntryNumber"],
            userID=first["CreatorFullName"][:_ID],
        )
        for number, row in enumerate(lines, 1):
            with xml.element("trLine"):
                _line(xml, number, row, posting)


def _line(xml: _Writer, number: int, row: Row, posting: Posting) -> None:
    reference = row.get("YourRef")
    xml.texts(
        nr=number,
        accID=row["GLAccountCode"],
        docRef=row.get("InvoiceNumber") or row["EntryNumber"],
        effDate=row["Date"][:10],
        desc=row.get("Description"),
        **_side(cents(row["AmountDC"])),
        custSupID=(row.get("AccountCode") or "").strip() or None,
        invRef=reference,
        costID=row.get("CostCenter"),
        prodID=row.get("CostUnit"),
    )
    code = posting.data.vat_codes.get((row.get("VATCode") or "").strip())
    if code is not None and row["LineNumber"] != ledger.VAT_LINE:
        vat = in_division_currency(cents(row.get("AmountVATFC") or 0), row["ExchangeRate"])
        points = posting.data.basis_points(code, row["Date"])
        with xml.element("vat"):
            xml.texts(vatID=code["Code"].strip(), vatPerc=_money(points), **_side(vat, "vatAmnt"))
    if row["Currency"] != posting.data.currency:
        with xml.element("currency"):
            xml.texts(curCode=row["Currency"], curAmnt=_money(abs(cents(row["AmountFC"]))))

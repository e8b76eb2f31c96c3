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
_YEAR_END_SQL = ", ".join(map(str, sorted(YEAR_END)))
_FROM = f"""
FROM {TABLES[ledger.LINES].name}
WHERE division = :division AND {field_sql("Type")} NOT IN ({_YEAR_END_SQL})
  AND ({field_sql("FinancialYear")}, {field_sql("FinancialPeriod")})
"""
_WITHIN = _FROM + "BETWEEN (:year, :first) AND (:year, :last)"
_CENTS = f"CAST(round({field_sql('AmountDC')} * 100) AS INTEGER)"
_LINES_SQL = f"""
SELECT * {_WITHIN} ORDER BY {field_sql("JournalCode")}, {field_sql("EntryNumber")}, parent,
  {field_sql("LineNumber")}, version
"""
_TOTALS_SQL = f"SELECT count(*), total(max({_CENTS}, 0)), total(max(-{_CENTS}, 0)) {_WITHIN}"
_ACCOUNTS_SQL = f"SELECT DISTINCT {field_sql('Account')} {_WITHIN}"
_BEFORE_SQL = f"""
SELECT {field_sql("GLAccount")}, total({_CENTS}) {_FROM} < (:year, :first) GROUP BY 1
"""


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
    within = {"division": posting.division, "year": scope.year, "first": scope.first,
              "last": scope.last}  # fmt: skip
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
            _customers(posting, xml, within)
            _master_data(posting, xml, periods)
            _opening_balance(posting, xml, within, periods[0][0])
            _transactions(posting, xml, within)


def _customers(posting: Posting, xml: _Writer, within: dict[str, int]) -> None:
    rows = posting.connection.execute(_ACCOUNTS_SQL, within)
    used = {row[0] for row in rows if row[0] is not None}
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


def _opening_balance(posting: Posting, xml: _Writer, within: dict[str, int], date: str) -> None:
    """Write what the balance sheet held when the first period began, its result included."""
    sums: dict[str, int] = {}
    for key, amount in posting.connection.execute(_BEFORE_SQL, within):
        account = posting.data.gl_accounts[key]
        code = account["Code"] if account["BalanceType"] == _BALANCE_SHEET else RETAINED
        sums[code] = sums.get(code, 0) + round(amount)
    amounts = {code: amount for code, amount in sorted(sums.items()) if amount}
    debit = sum(amount for amount in amounts.values() if amount > 0)
    with xml.element("openingBalance"):
        xml.texts(opBalDate=date, **_totals(len(amounts), debit, debit - sum(amounts.values())))
        for number, (code, amount) in enumerate(amounts.items(), 1):
            with xml.element("obLine"):
                xml.texts(nr=number, accID=code, **_side(amount))


def _totals(count: int, debit: int, credit: int) -> dict[str, Any]:
    return {"linesCount": count, "totalDebit": _money(debit), "totalCredit": _money(credit)}


def _side(amount: int, name: str = "amnt") -> dict[str, str]:
    """Return an amount without sign, and its side."""
    return {name: _money(abs(amount)), f"{name}Tp": "C" if amount < 0 else "D"}


def _money(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


def _transactions(posting: Posting, xml: _Writer, within: dict[str, int]) -> None:
    count, debit, credit = posting.connection.execute(_TOTALS_SQL, within).fetchone()
    lines = map(store.load, posting.connection.execute(_LINES_SQL, within))
    with xml.element("transactions"):
        xml.texts(**_totals(count, round(debit), round(credit)))
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

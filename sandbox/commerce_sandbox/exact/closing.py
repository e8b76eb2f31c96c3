"""What ends a period or a year: filed returns, and the entries that Exact makes itself."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commerce_sandbox.exact import booking, ledger, store
from commerce_sandbox.exact.booking import PROCESSED, cents, money
from commerce_sandbox.exact.numbers import next_entry_number
from commerce_sandbox.exceptions import BookkeeperError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row

RETURNS = "read/financial/Returns"
VAT_RETURN, EC_SALES_LIST = 31, 32
KINDS = {"vat": VAT_RETURN, "ec": EC_SALES_LIST}
#: Periods of a year in one return.
FREQUENCIES = {"M": 1, "Q": 3, "Y": 12}
#: Types of the lines that Exact makes at the end of a period or year.
YEAR_END = frozenset({310, *range(320, 329)})
_VAT_ENTRY = 50
_JOURNAL = "90"
_ENTRIES = "generaljournalentry/GeneralJournalEntries"
RETAINED, _VAT_TO_PAY, _GROSS, _NET = "0500", "1590", "9990", "9995"
_EC_LISTS = frozenset({"L", "S"})

Sums = dict[str, int]


@dataclass(frozen=True)
class Entry:
    """An entry that Exact makes by itself.

    Attributes:
        kind: ``Type`` of its lines.
        date: Its date.
        period: Year and period.
        description: What it is.
        amounts: Cents by code of the GL account, debit positive; they add up to zero.
    """

    kind: int
    date: str
    period: tuple[int, int]
    description: str
    amounts: Sums


def file_return(
    posting: Posting,
    kind: str,
    period: tuple[int, int],
    *,
    frequency: str = "M",
    status: int = PROCESSED,
    book: bool = False,
) -> Row:
    """File a VAT return or an EC sales list over what is booked now.

    Args:
        posting: Access to the books.
        kind: ``vat`` or ``ec``.
        period: Year, and number of the period (of the quarter, with ``Q``).
        frequency: ``M``, ``Q`` or ``Y``.
        status: 10 draft, 20 open, 50 processed.
        book: Also book the entry that empties the VAT accounts.

    Returns:
        The stored return.
    """
    months = FREQUENCIES[frequency]
    year, number = period
    covered = {(year, month) for month in range(months * (number - 1) + 1, months * number + 1)}
    if not covered <= posting.data.known_periods:
        message = f"division {posting.division} has no period {year}-{number} ({frequency})"
        raise BookkeeperError(message)
    lines = [
        row for row in _lines(posting) if _period(row) in covered and row["Type"] != _VAT_ENTRY
    ]
    vat = _sums(posting, lines, lambda row: _is_vat(posting, row))
    listed = [row for row in lines if _is_listed(posting, row)]
    amount = sum(vat.values()) if kind == "vat" else sum(cents(row["AmountDC"]) for row in listed)
    name = "VAT return" if kind == "vat" else "EC sales list"
    row: Row = {
        "DocumentID": store.new_guids(1)[0],
        "Type": KINDS[kind],
        "Year": year,
        "Period": number,
        "Frequency": frequency,
        "Status": status,
        "Amount": money(-amount),
        "Currency": posting.data.currency,
        "Description": f"{name} {year}-{number:02}",
        "Subject": f"{name} {year}-{number:02}",
        "PeriodDescription": f"{year}-{number:02}",
    }
    posting.insert(RETURNS, row)
    if book and kind == "vat":
        last = max(covered)
        emptied = {code: -value for code, value in vat.items()}
        emptied[_VAT_TO_PAY] = sum(vat.values())
        _book(posting, Entry(_VAT_ENTRY, _last_day(posting, last), last, row["Subject"], emptied))
    return row


def close_year(posting: Posting, year: int) -> None:
    """Make the entries of a year's end, and the opening balance of the next year.

    Profit and loss goes through gross profit and net profit to the retained earnings; then the
    balance sheet is closed and opened again.
    """
    last = (year, max(period for of_year, period in posting.data.known_periods if of_year == year))
    end = _last_day(posting, last)
    lines = [row for row in _lines(posting) if row["FinancialYear"] <= year]
    of_year = [row for row in lines if row["FinancialYear"] == year]
    revenue = _sums(posting, of_year, lambda row: _side(posting, row) == ("W", "C"))
    costs = _sums(posting, of_year, lambda row: _side(posting, row) == ("W", "D"))
    balance = _sums(posting, lines, lambda row: _side(posting, row)[0] == "B")
    result = sum(revenue.values()) + sum(costs.values())
    balance[RETAINED] = balance.get(RETAINED, 0) + result
    first = (year + 1, 1)
    opening = {code: amount for code, amount in balance.items() if amount}
    for entry in (
        Entry(322, end, last, "Profits to gross profit", _moved(revenue, _GROSS)),
        Entry(323, end, last, "Costs to gross profit", _moved(costs, _GROSS)),
        Entry(325, end, last, "Gross profit to net p/l", {_GROSS: -result, _NET: result}),
        Entry(326, end, last, "Net p/l to balance sheet", {_NET: -result, RETAINED: result}),
        Entry(327, end, last, "Closing balance", {code: -n for code, n in opening.items()}),
        Entry(328, f"{year + 1}-01-01T00:00:00", first, "Opening balance", opening),
    ):
        _book(posting, entry)


def _moved(sums: Sums, code: str) -> Sums:
    """Return what takes some accounts to zero and has their sum on another."""
    return {name: -amount for name, amount in sums.items()} | {code: sum(sums.values())}


def _lines(posting: Posting) -> Iterator[Row]:
    """Yield the transaction lines but those of a year's end."""
    records = posting.connection.execute(
        f"SELECT * FROM {store.TABLES[ledger.LINES].name} WHERE division = ?",  # noqa: S608 -- our own name
        (posting.division,),
    )
    return (row for row in map(store.load, records) if row["Type"] not in YEAR_END)


def _period(row: Row) -> tuple[int, int]:
    return row["FinancialYear"], row["FinancialPeriod"]


def _sums(posting: Posting, lines: Iterable[Row], wanted: Callable[[Row], bool]) -> Sums:
    sums: defaultdict[str, int] = defaultdict(int)
    for row in lines:
        if wanted(row):
            sums[posting.data.gl_accounts[row["GLAccount"]]["Code"]] += cents(row["AmountDC"])
    return dict(sums)


def _is_vat(posting: Posting, row: Row) -> bool:
    return bool(posting.data.gl_accounts[row["GLAccount"]]["Type"] == booking.VAT_ACCOUNT)


def _is_listed(posting: Posting, row: Row) -> bool:
    code = posting.data.vat_codes.get((row.get("VATCode") or "").strip(), {})
    return code.get("EUSalesListing") in _EC_LISTS


def _side(posting: Posting, row: Row) -> tuple[str, str]:
    account = posting.data.gl_accounts[row["GLAccount"]]
    return account["BalanceType"], account["BalanceSide"]


def _last_day(posting: Posting, period: tuple[int, int]) -> str:
    for _, end, year, number in posting.data.periods:
        if (year, number) == period:
            return f"{end}T00:00:00"
    raise LookupError(period)


def _book(posting: Posting, entry: Entry) -> None:
    """Write the transaction lines of an entry; one without amounts is not made."""
    amounts = {code: amount for code, amount in entry.amounts.items() if amount}
    if not amounts:
        return
    accounts = {row["Code"]: row for row in posting.data.gl_accounts.values()}
    year, period = entry.period
    shared = {
        "EntryID": store.new_guids(1)[0],
        "EntryNumber": next_entry_number(posting, _ENTRIES, ("JournalCode", _JOURNAL), year),
        "JournalCode": _JOURNAL,
        "Type": entry.kind,
        "Status": PROCESSED,
        "Date": entry.date,
        "FinancialYear": year,
        "FinancialPeriod": period,
        "Currency": posting.data.currency,
        "ExchangeRate": booking.FULL_RATE,
        "Description": entry.description,
    }
    rows = [
        shared
        | {
            "ID": identifier,
            "LineNumber": number,
            "GLAccount": accounts[code]["ID"],
            "GLAccountCode": code,
            "AmountFC": money(amount),
            "AmountDC": money(amount),
        }
        for number, ((code, amount), identifier) in enumerate(
            zip(sorted(amounts.items()), store.new_guids(len(amounts)), strict=True), 1
        )
    ]
    posting.insert(ledger.LINES, *rows)

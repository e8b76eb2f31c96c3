"""Lists that Exact adds up from its books when they are asked for: balances, ageing, overviews."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from commerce_sandbox.exact import ledger, master, store
from commerce_sandbox.exact.booking import cents, money
from commerce_sandbox.exact.store import TABLES, field_sql

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from datetime import datetime

    from commerce_sandbox.database import Database
    from commerce_sandbox.exact.master import Master
    from commerce_sandbox.exact.store import Row

BALANCE = "financial/ReportingBalance"
AGING = "read/financial/AgingReceivablesList"
AGES = "read/financial/AgingOverview"
OVERVIEW = "read/financial/OutstandingInvoicesOverview"
#: Last day of an age group, counted from the invoice; the last group has no end.
_AGES = (30, 60, 90)
_BLOCK = 1_000_000  # row numbers of one division

_GROUPS = ("FinancialYear", "FinancialPeriod", "GLAccount", "CostCenter", "CostUnit", "Type",
           "Status")  # fmt: skip
_GROUP_COLUMNS = ", ".join(field_sql(name) for name in _GROUPS)
_BALANCE_SQL = f"""
SELECT {_GROUP_COLUMNS}, count(*), total(max(dc, 0)), total(max(-dc, 0))
FROM (
  SELECT body, CAST(round({field_sql("AmountDC")} * 100) AS INTEGER) AS dc
  FROM {TABLES[ledger.LINES].name} WHERE division = ?
)
GROUP BY {_GROUP_COLUMNS} ORDER BY {_GROUP_COLUMNS}
"""  # noqa: S608 -- our own names


@dataclass(frozen=True)
class _Books:
    """What a list is added up from."""

    connection: sqlite3.Connection
    division: int
    data: Master
    today: date


def refresh(database: Database, path: str, division: int, now: datetime) -> None:
    """Add a list up again if the books or the day have changed since the last time.

    Args:
        database: The sandbox's database.
        path: Any resource; only derived ones are added up.
        division: Whose books.
        now: The sandbox's time.
    """
    build = _BUILD.get(path)
    if build is None:
        return
    state = f"{store.last_version(database.connection())}/{now.date()}"
    name = f"{path}/{division}"
    known = (
        database.connection()
        .execute("SELECT state FROM exact_derived WHERE name = ?", (name,))
        .fetchone()
    )
    if known is not None and known["state"] == state:
        return
    with database.transaction() as connection:
        data = master.of_division(database, division)
        rows = build(_Books(connection, division, data, now.date()))
        connection.execute(
            f"DELETE FROM {TABLES[path].name} WHERE division = ?",  # noqa: S608 -- our own name
            (division,),
        )
        first = division * _BLOCK  # numbers of its own: the books themselves have not changed
        for number, row in enumerate(rows, first + 1):
            row.setdefault("ID", number)
        store.insert(connection, path, division, rows, now.isoformat()[:19], first + 1)
        connection.execute("REPLACE INTO exact_derived VALUES (?, ?)", (name, state))


def _balance(books: _Books) -> list[Row]:
    """Return sums per year, period, GL account, cost center, cost unit, type and status."""
    rows = []
    for entry in books.connection.execute(_BALANCE_SQL, (books.division,)):
        year, period, account, center, unit, kind, status, count, debit, credit = entry
        gl = books.data.gl_accounts[account]
        rows.append(
            {
                "ReportingYear": year,
                "ReportingPeriod": period,
                "GLAccount": account,
                "GLAccountCode": gl["Code"],
                "BalanceType": gl["BalanceType"],
                "CostCenterCode": center,
                "CostCenterDescription": books.data.cost_centers.get(center, {}).get("Description"),
                "CostUnitCode": unit,
                "CostUnitDescription": books.data.cost_units.get(unit, {}).get("Description"),
                "Type": kind,
                "Status": status,
                "Count": count,
                "AmountDebit": money(round(debit)),
                "AmountCredit": money(round(credit)),
                "Amount": money(round(debit - credit)),
            }
        )
    return rows


def _open_items(books: _Books) -> list[Row]:
    items = store.find(books.connection, ledger.RECEIVABLES, books.division)
    return [item for item in items if not item["IsFullyPaid"]]


def _aging(books: _Books) -> list[Row]:
    """Return what each customer owes, by days since the invoice."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(_AGES) + 1))
    accounts: dict[str, Row] = {}
    for item in _open_items(books):
        accounts[item["Account"]] = item
        age = (books.today - date.fromisoformat(item["InvoiceDate"][:10])).days
        group = sum(age > last for last in _AGES)
        sums[item["Account"]][group] -= cents(item["AmountDC"])
    rows = []
    for account, amounts in sorted(sums.items()):
        row: Row = {
            "AccountId": account,
            "AccountCode": accounts[account]["AccountCode"],
            "AccountName": accounts[account]["AccountName"],
            "CurrencyCode": books.data.currency,
            "TotalAmount": money(sum(amounts)),
        }
        starts = (0, *(last + 1 for last in _AGES))
        for number, amount in enumerate(amounts, 1):
            last = f"- {_AGES[number - 1]}" if number <= len(_AGES) else "+"
            row |= {
                f"AgeGroup{number}": number,
                f"AgeGroup{number}Amount": money(amount),
                f"AgeGroup{number}Description": f"{starts[number - 1]} {last}",
            }
        rows.append(row)
    return rows


def _ages(books: _Books) -> list[Row]:
    """Return what all customers together owe, by age."""
    accounts = _aging(books)
    groups = range(1, len(_AGES) + 2)
    return [
        {
            "AgeGroup": number,
            "AgeGroupDescription": accounts[0][f"AgeGroup{number}Description"],
            "AmountPayable": 0,
            "AmountReceivable": money(
                sum(cents(row[f"AgeGroup{number}Amount"]) for row in accounts)
            ),
            "CurrencyCode": books.data.currency,
        }
        for number in groups
        if accounts
    ]


def _overview(books: _Books) -> list[Row]:
    """Return what is outstanding and overdue."""
    row: Row = {"CurrencyCode": books.data.currency}
    today = books.today.isoformat()
    for name, items in (
        ("Outstanding", _open_items(books)),
        ("Overdue", [item for item in _open_items(books) if (item.get("DueDate") or "9") < today]),
    ):
        row |= {
            f"{name}ReceivableInvoiceAmount": money(
                -sum(cents(item["AmountDC"]) for item in items)
            ),
            f"{name}ReceivableInvoiceCount": len(items),
            f"{name}PayableInvoiceAmount": 0,
            f"{name}PayableInvoiceCount": 0,
        }
    return [row]


_BUILD: dict[str, Callable[[_Books], list[Row]]] = {
    BALANCE: _balance,
    AGES: _ages,
    AGING: _aging,
    OVERVIEW: _overview,
}

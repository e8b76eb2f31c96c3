"""A realistic Dutch company in Exact Online: chart of accounts, VAT codes, debtors, periods."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact import chart, credentials, store
from commerce_sandbox.exact.credentials import guid

if TYPE_CHECKING:
    from commerce_sandbox.database import Database
    from commerce_sandbox.exact.store import Row

#: When the company's master data was made (UTC).
SEEDED_AT = "2026-01-01T00:00:00.000"
CURRENCY = "EUR"
ACCOUNT_CODE_WIDTH = 18

#: Status of a journal in a period, read/financial/JournalStatusList.
OPEN, CLOSED = 0, 1


def pad_account_code(code: str) -> str:
    """Return an account code as Exact stores it: right-aligned in 18 characters."""
    return code.rjust(ACCOUNT_CODE_WIDTH)


def seed(database: Database) -> None:
    """Fill the two permitted divisions with the company's master data, once.

    Args:
        database: A database whose tables exist (:func:`.store.create_tables`).
    """
    with database.transaction() as connection:
        if store.get(connection, "system/Divisions", 0, f"0/{credentials.DIVISION}"):
            return
        store.insert(connection, "system/Divisions", 0, _divisions(), SEEDED_AT)
        for division in sorted(credentials.PERMITTED):
            for resource, rows in _master_data(division).items():
                store.insert(connection, resource, division, rows, SEEDED_AT)
    database.forget()


def close_period(
    database: Database, division: int, year: int, period: int, *, journal: str | None = None
) -> None:
    """Close a period, for one journal or for all of them."""
    set_period(database, division, (year, period), CLOSED, journal=journal)


def set_period(
    database: Database,
    division: int,
    period: tuple[int, int],
    status: int,
    *,
    journal: str | None = None,
    at: str = SEEDED_AT,
) -> int:
    """Open or close a period, for one journal or for all of them.

    Args:
        database: The sandbox's database.
        division: Whose books.
        period: Year and period.
        status: :data:`OPEN` or :data:`CLOSED`.
        journal: Only this one.
        at: When, ISO 8601 UTC without a zone.

    Returns:
        How many journals it concerns.
    """
    resource = "read/financial/JournalStatusList"
    year, number = period
    with database.transaction() as connection:
        rows = [
            row
            for row in store.find(connection, resource, division, Year=year, Period=number)
            if journal in {None, row["Journal"]}
        ]
        for row in rows:
            row["Status"] = status
            store.update(connection, resource, row, at)
    database.forget()
    return len(rows)


def _divisions() -> list[Row]:
    names = {
        credentials.DIVISION: "Theehuis Webwinkel B.V.",
        credentials.SECOND_DIVISION: "Theehuis Webwinkel B.V. (test administration)",
        credentials.FORBIDDEN_DIVISION: "Theehuis Holding B.V.",
    }
    return [
        {
            "Code": code,
            "Hid": code - 3000000,
            "Description": names[code],
            "Country": "NL ",
            "Currency": CURRENCY,
            "Legislation": "1",
            "VATNumber": "NL000099998B57",
            "Status": 1,
            "BlockingStatus": 0,
            "IsMainDivision": code == credentials.DIVISION,
            "Current": code == credentials.DIVISION,
            "Customer": guid(0, "customer", "1"),
        }
        for code in credentials.DIVISIONS
    ]


def _master_data(division: int) -> dict[str, list[Row]]:
    return {
        "general/Currencies": [
            {"Code": code, "Description": name, "AmountPrecision": step, "PricePrecision": 0.0001}
            for code, name, step in chart.CURRENCIES
        ],
        "financial/GLAccounts": [_gl_account(division, entry) for entry in chart.GL_ACCOUNTS],
        "financial/GLClassifications": [
            {
                "ID": guid(division, "financial/GLClassifications", code),
                "Code": code,
                "Name": name,
                "Description": name,
                "Balance": side,
                "Abstract": False,
            }
            for code, name, side in chart.GL_CLASSIFICATIONS
        ],
        "vat/VATCodes": [_vat_code(division, entry) for entry in chart.VAT_CODES],
        "vat/VatPercentages": [
            row for entry in chart.VAT_CODES for row in _vat_percentages(division, entry)
        ],
        "financial/Journals": [_journal(division, entry) for entry in chart.JOURNALS],
        "hrm/Costcenters": [
            _cost_entry(division, "hrm/Costcenters", entry) for entry in chart.COST_CENTERS
        ],
        "hrm/Costunits": [
            _cost_entry(division, "hrm/Costunits", entry) for entry in chart.COST_UNITS
        ],
        "cashflow/PaymentConditions": [
            {
                "ID": guid(division, "cashflow/PaymentConditions", code),
                "Code": code,
                "Description": name,
                "PaymentMethod": method,
                "PaymentDays": days,
                "PaymentEndOfMonths": 0,
            }
            for code, name, method, days in chart.PAYMENT_CONDITIONS
        ],
        "financial/ExchangeRates": [
            {
                "ID": guid(division, "financial/ExchangeRates", currency + start),
                "SourceCurrency": currency,
                "TargetCurrency": CURRENCY,
                "Rate": rate,
                "StartDate": f"{start}T00:00:00",
            }
            for currency, start, rate in chart.EXCHANGE_RATES
        ],
        "financial/FinancialPeriods": _periods(division),
        "read/financial/JournalStatusList": _journal_status(division),
        "logistics/ItemGroups": [
            {
                "ID": guid(division, "logistics/ItemGroups", code),
                "Code": code,
                "Description": name,
                "IsDefault": int(code == "GOODS"),
                "GLRevenue": guid(division, "financial/GLAccounts", revenue),
                "GLRevenueCode": revenue,
                "GLCosts": guid(division, "financial/GLAccounts", "7000"),
            }
            for code, name, revenue in chart.ITEM_GROUPS
        ],
        "logistics/Units": [
            {
                "ID": guid(division, "logistics/Units", code),
                "Code": code,
                "Description": name,
                "Active": True,
                "Main": int(code == "pc"),
            }
            for code, name in chart.UNITS
        ],
        "logistics/Items": [_item(division, entry) for entry in chart.ITEMS],
        "crm/Accounts": _accounts(division),
    }


def _gl_account(division: int, entry: tuple[str, str, int, str, str]) -> Row:
    code, description, kind, side, balance = entry
    vat = chart.GL_VAT.get(code)
    return {
        "ID": guid(division, "financial/GLAccounts", code),
        "Code": code,
        "Description": description,
        "Type": kind,
        "BalanceSide": side,
        "BalanceType": balance,
        "IsBlocked": code in chart.BLOCKED_GL,
        "UseCostcenter": chart.USE_COST_CENTER.get(code, 0),
        "UseCostunit": chart.USE_COST_UNIT.get(code, 0),
        "VATCode": None if vat is None else vat.ljust(3),
        "Matching": kind in {20, 22},
        "RevalueCurrency": False,
    }


def _vat_code(
    division: int, entry: tuple[str, str, str, str, float, str | None, str, str | None]
) -> Row:
    code, description, kind, direction, percentage, to_pay, listing, country = entry
    return {
        "ID": guid(division, "vat/VATCodes", code),
        "Code": code.ljust(3),
        "Description": description,
        "Type": kind,
        "VATTransactionType": direction,
        "Percentage": percentage,
        "Charged": False,
        "EUSalesListing": listing,
        "IsBlocked": code in chart.BLOCKED_VAT,
        "GLToPay": to_pay and guid(division, "financial/GLAccounts", to_pay),
        "GLToPayCode": to_pay,
        "GLToClaim": guid(division, "financial/GLAccounts", "1505"),
        "OssCountry": country and country.ljust(3),
        "IntraStat": False,
        "TaxReturnType": 2 if country else 0,
    }


def _vat_percentages(
    division: int, entry: tuple[str, str, str, str, float, str | None, str, str | None]
) -> list[Row]:
    code, percentage = entry[0], entry[4]
    history = chart.VAT_HISTORY.get(code, (("2001-01-01", None, percentage),))
    return [
        {
            "ID": guid(division, "vat/VatPercentages", f"{code}/{start}"),
            "VATCodeID": guid(division, "vat/VATCodes", code),
            "StartDate": f"{start}T00:00:00",
            "EndDate": end and f"{end}T00:00:00",
            "Percentage": rate,
            "Type": 0,
            "LineNumber": number,
        }
        for number, (start, end, rate) in enumerate(history, 1)
    ]


def _journal(division: int, entry: tuple[str, str, int, bool, bool, bool, str | None, bool]) -> Row:
    code, description, kind, currency, rate, vat, account, blocked = entry
    return {
        "ID": guid(division, "financial/Journals", code),
        "Code": code,
        "Description": description,
        "Type": kind,
        "Currency": CURRENCY,
        "AllowVariableCurrency": currency,
        "AllowVariableExchangeRate": rate,
        "AllowVAT": vat,
        "GLAccount": account and guid(division, "financial/GLAccounts", account),
        "GLAccountCode": account,
        "IsBlocked": blocked,
    }


def _cost_entry(division: int, resource: str, entry: tuple[str, str, str | None]) -> Row:
    code, description, end = entry
    return {
        "ID": guid(division, resource, code),
        "Code": code,
        "Description": description,
        "Active": end is None,
        "EndDate": end and f"{end}T00:00:00",
    }


def _periods(division: int) -> list[Row]:
    return [
        {
            "ID": guid(division, "financial/FinancialPeriods", f"{year}/{month}"),
            "FinYear": year,
            "FinPeriod": month,
            "StartDate": f"{year}-{month:02}-01T00:00:00",
            "EndDate": f"{year}-{month:02}-{calendar.monthrange(year, month)[1]}T00:00:00",
        }
        for year in chart.FINANCIAL_YEARS
        for month in range(1, 13)
    ]


def _journal_status(division: int) -> list[Row]:
    return [
        {
            "HID": f"{division}/{code}/{year}/{month}",
            "Journal": code,
            "JournalDescription": description,
            "JournalType": kind,
            "Year": year,
            "Period": month,
            "Status": CLOSED if year in chart.CLOSED_YEARS else OPEN,
        }
        for code, description, kind, *_ in chart.JOURNALS
        for year in chart.FINANCIAL_YEARS
        for month in range(1, 13)
    ]


def _item(division: int, entry: tuple[str, str, str, str, str | None]) -> Row:
    code, description, group, vat, revenue = entry
    start = chart.ITEM_STARTS.get(code, "2020-01-01")
    end = chart.ITEM_ENDS.get(code)
    return {
        "ID": guid(division, "logistics/Items", code),
        "Code": code,
        "Description": description,
        "ItemGroup": guid(division, "logistics/ItemGroups", group),
        "ItemGroupCode": group,
        "Unit": "m" if code == "FABRIC-M" else "pc",
        "SalesVatCode": vat.ljust(3),
        "IsSalesItem": code not in chart.NOT_FOR_SALE,
        "IsPurchaseItem": True,
        "IsStockItem": False,
        "IsFractionAllowedItem": code in chart.FRACTIONAL_ITEMS,
        "StandardSalesPrice": chart.ITEM_PRICES.get(code),
        "GLRevenue": revenue and guid(division, "financial/GLAccounts", revenue),
        "GLRevenueCode": revenue,
        "StartDate": f"{start}T00:00:00",
        "EndDate": end and f"{end}T00:00:00",
    }


def _accounts(division: int) -> list[Row]:
    rows = [_account(division, *entry) for entry in chart.ACCOUNTS]
    for store_number, store_view in enumerate(chart.STORES, 1):
        for method_number, method in enumerate(chart.PAYMENT_METHODS, 1):
            country = {"de": "DE", "be": "BE", "intl": "GB", "uk": "GB"}.get(store_view, "NL")
            code = f"9{store_number:02}{method_number:02}"
            name = f"Webshop {store_view} {method}"
            search = f"{store_view}:{method}"
            rows.append(_account(division, code, name, "C", False, country, None, None, search))  # noqa: FBT003 -- not a supplier
    for row in rows:
        if row["SearchCode"] == "OLDLEDGER":
            row["GLAR"] = guid(division, "financial/GLAccounts", "1310")
    return rows


def _account(
    division: int,
    code: str,
    name: str,
    status: str,
    supplier: bool,  # noqa: FBT001 -- a column of the table above
    country: str,
    *details: Any,
) -> Row:
    vat_number, email, search_code, *blocked = details
    return {
        "ID": guid(division, "crm/Accounts", code),
        "Code": pad_account_code(code),
        "Name": name,
        "Status": status,
        "Type": "A",
        "IsSales": status == "C",
        "IsSupplier": supplier,
        "Country": country.ljust(3),
        "Language": "NL".ljust(10),
        "VATNumber": vat_number,
        "Email": email,
        "SearchCode": search_code,
        "Blocked": bool(blocked and blocked[0]),
        "PaymentConditionSales": "14",
        "SalesCurrency": CURRENCY,
        "StartDate": "2020-01-01T00:00:00",
    }

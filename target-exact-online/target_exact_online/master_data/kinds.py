"""Which resource holds which master data, and how its rows become our objects."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from target_exact_online.master_data.models import (
    Account,
    CostCenter,
    Currency,
    Division,
    ExchangeRate,
    GLAccount,
    Item,
    Journal,
    JournalStatus,
    PaymentCondition,
    Period,
    VatCode,
    VatPercentage,
    day,
    fraction,
    number,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of master data.

    Attributes:
        name: The name it is kept under.
        label: What people call one of them.
        resource: Where it is read.
        select: The properties to read.
        build: Makes our object from a row.
        key: The property that identifies a row.
        code: The property that people call it by.
        deleted_type: ``sync/Deleted.EntityType`` of a resource with a sync twin, else None.
        match_keys: Makes the digests by which a relation is found.
    """

    name: str
    label: str
    resource: str
    select: str
    build: Callable[[Row], Any]
    key: str = "ID"
    code: str = "Code"
    deleted_type: int | None = None
    match_keys: Callable[[Row], dict[str, str | None]] = lambda _: {}

    def kept(self, row: Row) -> set[str]:
        """Return the properties of a row that are kept: those that are read, and no others."""
        named = set(self.select.split(",")) if self.select else set(row)
        return named & row.keys()

    @property
    def by_delta(self) -> bool:
        """Tell whether only changes are read after the first time."""
        return self.deleted_type is not None


def digest(value: str) -> str | None:
    """Return a short one-way key of a personal datum, or None for nothing.

    The cache has to find a relation by e-mail or VAT number, not to know it.
    """
    plain = "".join(value.split()).casefold()
    return hashlib.sha256(plain.encode()).hexdigest()[:40] if plain else None


def account_keys(row: Row) -> dict[str, str | None]:
    """Return the digests by which a relation is found."""
    return {
        "search_key": digest(text(row, "SearchCode")),
        "vat_key": digest(vat_number(text(row, "VATNumber"))),
        "email_key": digest(text(row, "Email")),
    }


def vat_number(value: str) -> str:
    """Return a VAT number without the dots, dashes and spaces people write in it."""
    return "".join(character for character in value if character.isalnum()).upper()


def _division(row: Row) -> Division:
    moved = f"{row.get('DivisionMoveDate') or ''}/{row.get('DivisionHRLinkUnlinkDate') or ''}"
    return Division(
        code=number(row, "Code"),
        name=text(row, "Description"),
        country=text(row, "Country"),
        currency=text(row, "Currency"),
        active=row.get("Status") in (1, None) and not row.get("BlockingStatus"),
        moved=moved,
    )


def _gl_account(row: Row) -> GLAccount:
    return GLAccount(
        id=str(row["ID"]),
        code=text(row, "Code"),
        name=text(row, "Description"),
        type=number(row, "Type"),
        blocked=bool(row.get("IsBlocked")),
        use_cost_center=number(row, "UseCostcenter"),
        use_cost_unit=number(row, "UseCostunit"),
        cost_center=text(row, "Costcenter"),
        cost_unit=text(row, "Costunit"),
        vat_code=text(row, "VATCode"),
    )


def _cost_center(row: Row) -> CostCenter:
    return CostCenter(text(row, "Code"), text(row, "Description"), day(row, "EndDate"))


def _vat_code(row: Row) -> VatCode:
    return VatCode(
        id=str(row["ID"]),
        code=text(row, "Code"),
        name=text(row, "Description"),
        type=text(row, "Type"),
        transaction_type=text(row, "VATTransactionType"),
        percentage=fraction(row, "Percentage"),
        blocked=bool(row.get("IsBlocked")),
        reverse_charge=bool(row.get("Charged")),
        to_pay=text(row, "GLToPayCode"),
        ec_listing=text(row, "EUSalesListing").removeprefix("N"),
        oss_country=text(row, "OssCountry"),
    )


def _vat_percentage(row: Row) -> VatPercentage:
    return VatPercentage(
        text(row, "VATCodeID"),
        day(row, "StartDate"),
        day(row, "EndDate"),
        fraction(row, "Percentage"),
    )


def _journal(row: Row) -> Journal:
    return Journal(
        code=text(row, "Code"),
        name=text(row, "Description"),
        type=number(row, "Type"),
        currency=text(row, "Currency"),
        any_currency=bool(row.get("AllowVariableCurrency")),
        any_rate=bool(row.get("AllowVariableExchangeRate")),
        allows_vat=bool(row.get("AllowVAT")),
        blocked=bool(row.get("IsBlocked")),
        counter_account=text(row, "GLAccount"),
    )


def _item(row: Row) -> Item:
    return Item(
        id=str(row["ID"]),
        code=text(row, "Code"),
        name=text(row, "Description"),
        for_sale=bool(row.get("IsSalesItem")),
        fractions=bool(row.get("IsFractionAllowedItem")),
        start=day(row, "StartDate"),
        end=day(row, "EndDate"),
        vat_code=text(row, "SalesVatCode"),
    )


def _account(row: Row) -> Account:
    return Account(
        id=str(row["ID"]),
        code=text(row, "Code"),
        status=text(row, "Status"),
        blocked=bool(row.get("Blocked")),
        end_date=day(row, "EndDate"),
        vat_key=text(row, "vat_key"),
        payment_condition=text(row, "PaymentConditionSales"),
        vat_code=text(row, "SalesVATCode"),
        receivables=text(row, "GLAR"),
    )


def _period(row: Row) -> Period:
    start, end = day(row, "StartDate"), day(row, "EndDate")
    if start is None or end is None:
        msg = f"Exact's period {row.get('FinYear')}/{row.get('FinPeriod')} has no dates"
        raise ValueError(msg)
    return Period(number(row, "FinYear"), number(row, "FinPeriod"), start, end)


def _journal_status(row: Row) -> JournalStatus:
    return JournalStatus(
        text(row, "Journal"), number(row, "Year"), number(row, "Period"), row.get("Status") == 1
    )


DIVISION = Kind(
    "division",
    "division",
    "system/Divisions",
    "Code,Description,Country,Currency,Status,BlockingStatus,DivisionMoveDate,"
    "DivisionHRLinkUnlinkDate",
    _division,
    key="Code",
)
GL_ACCOUNTS = Kind(
    "gl_accounts",
    "GL account",
    "sync/Financial/GLAccounts",
    "ID,Code,Description,Type,IsBlocked,UseCostcenter,UseCostunit,Costcenter,Costunit,VATCode,"
    "Timestamp",
    _gl_account,
    deleted_type=7,
)
ITEMS = Kind(
    "items",
    "item",
    "sync/Logistics/Items",
    "ID,Code,Description,IsSalesItem,IsFractionAllowedItem,StartDate,EndDate,SalesVatCode,Timestamp",
    _item,
    deleted_type=9,
)
ACCOUNTS = Kind(
    "accounts",
    "relation",
    "sync/CRM/Accounts",
    "ID,Code,Status,Blocked,EndDate,SearchCode,VATNumber,Email,PaymentConditionSales,SalesVATCode,"
    "GLAR,Timestamp",
    _account,
    deleted_type=2,
    match_keys=account_keys,
)
COST_CENTERS = Kind(
    "cost_centers", "cost center", "hrm/Costcenters", "ID,Code,Description,EndDate", _cost_center
)
COST_UNITS = Kind(
    "cost_units", "cost unit", "hrm/Costunits", "ID,Code,Description,EndDate", _cost_center
)
VAT_CODES = Kind(
    "vat_codes",
    "VAT code",
    "vat/VATCodes",
    "ID,Code,Description,Type,VATTransactionType,Percentage,IsBlocked,Charged,GLToPayCode,"
    "EUSalesListing,OssCountry",
    _vat_code,
)
VAT_PERCENTAGES = Kind(
    "vat_percentages",
    "VAT percentage",
    "vat/VatPercentages",
    "ID,VATCodeID,StartDate,EndDate,Percentage,Type",
    _vat_percentage,
    code="VATCodeID",
)
JOURNALS = Kind(
    "journals",
    "journal",
    "financial/Journals",
    "ID,Code,Description,Type,Currency,AllowVariableCurrency,AllowVariableExchangeRate,AllowVAT,"
    "IsBlocked,GLAccount",
    _journal,
)
PAYMENT_CONDITIONS = Kind(
    "payment_conditions",
    "payment condition",
    "cashflow/PaymentConditions",
    "ID,Code,Description",
    lambda row: PaymentCondition(text(row, "Code"), text(row, "Description")),
)
CURRENCIES = Kind(
    "currencies",
    "currency",
    "general/Currencies",
    "Code,Description,AmountPrecision",
    lambda row: Currency(
        text(row, "Code"),
        text(row, "Description"),
        fraction(row, "AmountPrecision") or Decimal("0.01"),
    ),
    key="Code",
)
EXCHANGE_RATES = Kind(
    "exchange_rates",
    "exchange rate",
    "financial/ExchangeRates",
    "ID,SourceCurrency,StartDate,Rate",
    lambda row: ExchangeRate(
        text(row, "SourceCurrency"), day(row, "StartDate"), fraction(row, "Rate")
    ),
    code="SourceCurrency",
)
PERIODS = Kind(
    "periods",
    "period",
    "financial/FinancialPeriods",
    "ID,FinYear,FinPeriod,StartDate,EndDate",
    _period,
    code="FinPeriod",
)
JOURNAL_STATUS = Kind(
    "journal_status",
    "journal status",
    "read/financial/JournalStatusList",
    "Journal,Year,Period,Status",
    _journal_status,
    key="Period",
    code="Journal",
)
# What the company taught us: never read from Exact.
LEARNED = Kind("learned", "habit", "", "", lambda row: row.get("Value"), key="Name", code="Name")

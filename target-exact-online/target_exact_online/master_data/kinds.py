"""Which resource holds which master data, and how its rows become our objects."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from target_exact_online.master_data import models

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]
M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """One kind of master data."""

    name: str  # the name it is kept under
    label: str  # what people call one of them
    resource: str  # where it is read
    model: type[M]  # what a row becomes
    key: str = "ID"  # the property that identifies a row
    code: str = "Code"  # the property that people call it by
    # ``sync/Deleted.EntityType`` of a resource with a sync twin, else None.
    deleted_type: int | None = None
    # Makes the digests by which a relation is found.
    match_keys: Callable[[Row], dict[str, str | None]] = lambda _: {}
    personal: tuple[str, ...] = ()  # properties that are read for `match_keys` only, and not kept

    @property
    def properties(self) -> tuple[str, ...]:
        """Exact's properties that are read."""
        digests = self.match_keys({}).keys()
        own = (one.encode_name for one in msgspec.structs.fields(self.model))
        return (*(name for name in own if name not in digests), *self.personal)

    @property
    def select(self) -> str:
        """The properties to read; row versions exist only where deltas are read."""
        return ",".join((*self.properties, *(["Timestamp"] if self.by_delta else [])))

    @property
    def by_delta(self) -> bool:
        """Tell whether only changes are read after the first time."""
        return self.deleted_type is not None

    def kept(self, row: Row) -> Row:
        """Return what of a row is kept: what is read, without personal data, and its digests."""
        names = set(self.properties) - set(self.personal) or row.keys()
        return {name: row[name] for name in names & row.keys()} | self.match_keys(row)

    def build(self, row: Row) -> M:
        """Return our object of a row.

        Raises:
            msgspec.ValidationError: The row is not what Exact usually answers.
        """
        given = {name: _plain(value) for name, value in row.items() if value is not None}
        return msgspec.convert(given, self.model, strict=False)


def _plain(value: Any) -> Any:
    """Return a value as text where it is a moment; Exact stores dates as midnight."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.strip() if isinstance(value, str) else value


def digest(value: Any) -> str | None:
    """Return a short one-way key of a personal datum, or None for nothing.

    The cache has to find a relation by e-mail or VAT number, not to know it.
    """
    plain = "".join(str(value or "").split()).casefold()
    return hashlib.sha256(plain.encode()).hexdigest()[:40] if plain else None


def account_keys(row: Row) -> dict[str, str | None]:
    """Return the digests by which a relation is found."""
    return {
        "search_key": digest(row.get("SearchCode")),
        "vat_key": digest(vat_number(str(row.get("VATNumber") or ""))),
        "email_key": digest(row.get("Email")),
    }


def vat_number(value: str) -> str:
    """Return a VAT number without the dots, dashes and spaces people write in it."""
    return "".join(character for character in value if character.isalnum()).upper()


DIVISION = Kind("division", "division", "system/Divisions", models.Division, key="Code")
GL_ACCOUNTS = Kind(
    "gl_accounts", "GL account", "sync/Financial/GLAccounts", models.GLAccount, deleted_type=7
)
ITEMS = Kind("items", "item", "sync/Logistics/Items", models.Item, deleted_type=9)
ACCOUNTS = Kind(
    "accounts",
    "relation",
    "sync/CRM/Accounts",
    models.Account,
    deleted_type=2,
    match_keys=account_keys,
    personal=("SearchCode", "VATNumber", "Email"),
)
COST_CENTERS = Kind("cost_centers", "cost center", "hrm/Costcenters", models.CostCenter)
COST_UNITS = Kind("cost_units", "cost unit", "hrm/Costunits", models.CostCenter)
VAT_CODES = Kind("vat_codes", "VAT code", "vat/VATCodes", models.VatCode)
VAT_PERCENTAGES = Kind(
    "vat_percentages",
    "VAT percentage",
    "vat/VatPercentages",
    models.VatPercentage,
    code="VATCodeID",
)
JOURNALS = Kind("journals", "journal", "financial/Journals", models.Journal)
PAYMENT_CONDITIONS = Kind(
    "payment_conditions", "payment condition", "cashflow/PaymentConditions", models.PaymentCondition
)
CURRENCIES = Kind("currencies", "currency", "general/Currencies", models.Currency, key="Code")
EXCHANGE_RATES = Kind(
    "exchange_rates",
    "exchange rate",
    "financial/ExchangeRates",
    models.ExchangeRate,
    code="SourceCurrency",
)
PERIODS = Kind("periods", "period", "financial/FinancialPeriods", models.Period, code="FinPeriod")
JOURNAL_STATUS = Kind(
    "journal_status",
    "journal status",
    "read/financial/JournalStatusList",
    models.JournalStatus,
    key="Period",
    code="Journal",
)
# What the company taught us: never read from Exact.
LEARNED = Kind("learned", "habit", "", models.Model, key="Name", code="Name")

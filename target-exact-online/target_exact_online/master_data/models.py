"""Exact's master data as this target needs it: what is read, and the flags that decide.

Each field names Exact's property; what Exact leaves empty has the default.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003  # msgspec needs it
from decimal import Decimal
from typing import Any, Literal

import msgspec

CreditNoteQuantity = Literal["auto", "positive", "negative"]
"""The sign of quantities on credit notes that Exact issues; ``auto``: what the company wants."""

_CENT = Decimal("0.01")


def _named(name: str, default: Any = msgspec.NODEFAULT) -> Any:
    return msgspec.field(name=name, default=default)


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one row."""


class Division(Model, frozen=True, kw_only=True):
    """An Exact company."""

    code: int = _named("Code")
    name: str = _named("Description", "")
    country: str = _named("Country", "")
    currency: str = _named("Currency", "")
    status: int = _named("Status", 1)
    blocking_status: int = _named("BlockingStatus", 0)
    move_date: str = _named("DivisionMoveDate", "")
    link_date: str = _named("DivisionHRLinkUnlinkDate", "")

    @property
    def active(self) -> bool:
        """False when it is archived, inactive or blocked."""
        return self.status == 1 and not self.blocking_status

    @property
    def moved(self) -> str:
        """What changes when all sync timestamps become invalid."""
        return f"{self.move_date}/{self.link_date}"


class GLAccount(Model, frozen=True, kw_only=True):
    """A general ledger account; codes may have leading zeros."""

    id: str = _named("ID")
    code: str = _named("Code")
    name: str = _named("Description", "")
    type: int = _named("Type", 0)  # 20 receivables, 22 payables, 24 VAT, 110 revenue and so on
    blocked: bool = _named("IsBlocked", default=False)
    use_cost_center: int = _named("UseCostcenter", 0)  # 0 optional, 1 mandatory, 2 not allowed
    use_cost_unit: int = _named("UseCostunit", 0)
    cost_center: str = _named("Costcenter", "")  # default, as the next two
    cost_unit: str = _named("Costunit", "")
    vat_code: str = _named("VATCode", "")


class CostCenter(Model, frozen=True, kw_only=True):
    """A cost center or a cost unit."""

    id: str = _named("ID")
    code: str = _named("Code")
    name: str = _named("Description", "")
    end_date: date | None = _named("EndDate", None)  # from this day on it is inactive


class VatPercentage(Model, frozen=True, kw_only=True):
    """A VAT code's percentage, a fraction, from a first day to a last one."""

    id: str = _named("ID")
    vat_code_id: str = _named("VATCodeID", "")
    start: date | None = _named("StartDate", None)
    end: date | None = _named("EndDate", None)
    percentage: Decimal = _named("Percentage", Decimal(0))


class VatCode(Model, frozen=True, kw_only=True):
    """A VAT code, without padding."""

    id: str = _named("ID")
    code: str = _named("Code")
    name: str = _named("Description", "")
    type: str = _named("Type", "")  # B base only, E excluding, I including, N none
    transaction_type: str = _named("VATTransactionType", "")  # S sales, P purchase, B both
    percentage: Decimal = _named("Percentage", Decimal(0))  # today's, a fraction
    blocked: bool = _named("IsBlocked", default=False)
    reverse_charge: bool = _named("Charged", default=False)  # the customer owes the VAT
    to_pay: str = _named("GLToPayCode", "")  # code of the GL account that its VAT is booked on


class Journal(Model, frozen=True, kw_only=True):
    """A journal."""

    id: str = _named("ID")
    code: str = _named("Code")
    name: str = _named("Description", "")
    type: int = _named("Type", 0)  # 20 sales, 21 return invoice, 90 general and so on
    currency: str = _named("Currency", "")
    any_currency: bool = _named("AllowVariableCurrency", default=False)
    any_rate: bool = _named("AllowVariableExchangeRate", default=False)
    allows_vat: bool = _named("AllowVAT", default=False)
    blocked: bool = _named("IsBlocked", default=False)
    counter_account: str = _named("GLAccount", "")  # GUID of its receivables account


class PaymentCondition(Model, frozen=True, kw_only=True):
    """A payment condition."""

    id: str = _named("ID")
    code: str = _named("Code")
    name: str = _named("Description", "")


class Currency(Model, frozen=True, kw_only=True):
    """A currency of the company (ISO 4217)."""

    code: str = _named("Code")
    name: str = _named("Description", "")
    precision: Decimal = _named("AmountPrecision", _CENT)

    @property
    def smallest(self) -> Decimal:
        """The smallest amount, 0.01 or 1."""
        return self.precision or _CENT


class ExchangeRate(Model, frozen=True, kw_only=True):
    """A rate of the company's own table, valid from a day until a newer one."""

    id: str = _named("ID")
    currency: str = _named("SourceCurrency", "")
    start: date | None = _named("StartDate", None)
    rate: Decimal = _named("Rate", Decimal(0))  # the company's currency for one unit


class Period(Model, frozen=True, kw_only=True):
    """A financial period; both days belong to it."""

    id: str = _named("ID")
    year: int = _named("FinYear")
    period: int = _named("FinPeriod")
    start: date = _named("StartDate")
    end: date = _named("EndDate")


class JournalStatus(Model, frozen=True, kw_only=True):
    """Whether a journal is open in a period."""

    journal: str = _named("Journal")
    year: int = _named("Year")
    period: int = _named("Period")
    status: int = _named("Status", 0)

    @property
    def closed(self) -> bool:
        """Whether nothing may be booked."""
        return self.status == 1


class Item(Model, frozen=True, kw_only=True):
    """An article; its code is the shop's stock keeping unit."""

    id: str = _named("ID")
    code: str = _named("Code")
    name: str = _named("Description", "")
    for_sale: bool = _named("IsSalesItem", default=False)
    fractions: bool = _named("IsFractionAllowedItem", default=False)  # 0.5 pieces
    start: date | None = _named("StartDate", None)
    end: date | None = _named("EndDate", None)
    vat_code: str = _named("SalesVatCode", "")


class Account(Model, frozen=True, kw_only=True):
    """A relation, without personal data beyond its own code."""

    id: str = _named("ID")
    code: str = _named("Code", "")
    status: str = _named("Status", "")  # C customer; anything else cannot be invoiced
    blocked: bool = _named("Blocked", default=False)
    created: date | None = _named("Created", None)  # on which day, in Exact's own time
    end_date: date | None = _named("EndDate", None)  # from this day on it is inactive
    vat_key: str = _named("vat_key", "")  # digest of its VAT number
    payment_condition: str = _named("PaymentConditionSales", "")
    vat_code: str = _named("SalesVATCode", "")
    receivables: str = _named("GLAR", "")  # GUID of its receivables account

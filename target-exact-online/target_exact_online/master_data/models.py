"""Exact's master data as this target needs it: codes, GUIDs, and the flags that decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

CreditNoteQuantity = Literal["auto", "positive", "negative"]
"""The sign of quantities on credit notes that Exact issues; ``auto``: what the company wants."""


@dataclass(frozen=True, slots=True)
class Division:
    """An Exact company.

    Attributes:
        code: The number used in addresses.
        name: Its name.
        country: ISO 3166-1 alpha-2.
        currency: Its own currency (ISO 4217).
        active: False when it is archived, inactive or blocked.
        moved: Changes when all sync timestamps became invalid.
    """

    code: int
    name: str
    country: str
    currency: str
    active: bool
    moved: str


@dataclass(frozen=True, slots=True)
class GLAccount:
    """A general ledger account.

    Attributes:
        id: GUID.
        code: Its code; may have leading zeros.
        name: Its description.
        type: 20 receivables, 22 payables, 24 VAT, 110 revenue and so on.
        blocked: True when nothing may be booked on it.
        use_cost_center: 0 optional, 1 mandatory, 2 not allowed.
        use_cost_unit: The same for cost units.
        cost_center: Default cost center, or an empty string.
        cost_unit: Default cost unit, or an empty string.
        vat_code: Default VAT code, or an empty string.
    """

    id: str
    code: str
    name: str
    type: int
    blocked: bool
    use_cost_center: int
    use_cost_unit: int
    cost_center: str
    cost_unit: str
    vat_code: str


@dataclass(frozen=True, slots=True)
class CostCenter:
    """A cost center or a cost unit.

    Attributes:
        code: Its code.
        name: Its description.
        end_date: From this day on it is inactive; None for ever.
    """

    code: str
    name: str
    end_date: date | None


@dataclass(frozen=True, slots=True)
class VatPercentage:
    """A VAT code's percentage in a time.

    Attributes:
        vat_code_id: GUID of the code.
        start: First day; None from ever.
        end: Last day; None for ever.
        percentage: A fraction, 0.21 is 21 %.
    """

    vat_code_id: str
    start: date | None
    end: date | None
    percentage: Decimal


@dataclass(frozen=True, slots=True)
class VatCode:
    """A VAT code.

    Attributes:
        id: GUID.
        code: Its code, without padding.
        name: Its description.
        type: B base only, E excluding, I including, N none.
        transaction_type: S sales, P purchase, B both.
        percentage: Today's percentage as a fraction.
        blocked: True when it may not be used.
        reverse_charge: True when the customer owes the VAT, so that none is charged.
        to_pay: Code of the GL account that its VAT is booked on, or an empty string.
        ec_listing: How it is listed in the EC sales list: ``L`` goods, ``S`` services, or empty.
        oss_country: The country of consumption of an OSS code, or an empty string.
    """

    id: str
    code: str
    name: str
    type: str
    transaction_type: str
    percentage: Decimal
    blocked: bool
    reverse_charge: bool
    to_pay: str = ""
    ec_listing: str = ""
    oss_country: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal.

    Attributes:
        code: Its code.
        name: Its description.
        type: 20 sales, 21 return invoice, 90 general and so on.
        currency: Its currency, or an empty string.
        any_currency: Documents may have another currency.
        any_rate: Documents may bring their own exchange rate.
        allows_vat: Lines of a general journal may have VAT codes.
        blocked: True when nothing may be booked in it.
        counter_account: GUID of its receivables account, or an empty string.
    """

    code: str
    name: str
    type: int
    currency: str
    any_currency: bool
    any_rate: bool
    allows_vat: bool
    blocked: bool
    counter_account: str


@dataclass(frozen=True, slots=True)
class PaymentCondition:
    """A payment condition."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency of the company.

    Attributes:
        code: ISO 4217.
        name: Its description.
        smallest: The smallest amount, 0.01 or 1.
    """

    code: str
    name: str
    smallest: Decimal


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """A rate of the company's own table, valid from a day until a newer one.

    Attributes:
        currency: The currency it is for (ISO 4217).
        start: First day; None from ever.
        rate: Units of the company's currency for one unit.
    """

    currency: str
    start: date | None
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Period:
    """A financial period; both days belong to it."""

    year: int
    period: int
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """Whether a journal is open in a period."""

    journal: str
    year: int
    period: int
    closed: bool


@dataclass(frozen=True, slots=True)
class Item:
    """An article.

    Attributes:
        id: GUID.
        code: The stock keeping unit.
        name: Its description.
        for_sale: False refuses it on a sales document.
        fractions: True allows 0.5 pieces.
        start: First day it may be used; None from ever.
        end: Last day; None for ever.
        vat_code: Its default VAT code, or an empty string.
    """

    id: str
    code: str
    name: str
    for_sale: bool
    fractions: bool
    start: date | None
    end: date | None
    vat_code: str


@dataclass(frozen=True, slots=True)
class Account:
    """A relation, without personal data beyond its own code.

    Attributes:
        id: GUID.
        code: Its number, without padding.
        status: C customer; anything else cannot be invoiced.
        blocked: True when nothing may be booked on it.
        end_date: From this day on it is inactive; None for ever.
        vat_key: Digest of its VAT number, or an empty string.
        payment_condition: Its payment condition's code, or an empty string.
        vat_code: Its default VAT code, or an empty string.
        receivables: GUID of its receivables account, or an empty string.
    """

    id: str
    code: str
    status: str
    blocked: bool
    end_date: date | None
    vat_key: str
    payment_condition: str
    vat_code: str
    receivables: str


def text(row: dict[str, Any], name: str) -> str:
    """Return a property as text; null is empty."""
    value = row.get(name)
    return "" if value is None else str(value).strip()


def number(row: dict[str, Any], name: str) -> int:
    """Return a property as a whole number; null is 0."""
    return int(row.get(name) or 0)


def fraction(row: dict[str, Any], name: str) -> Decimal:
    """Return a property as an exact fraction; null is 0."""
    value = row.get(name)
    return Decimal(0) if value is None else Decimal(str(value))


def day(row: dict[str, Any], name: str) -> date | None:
    """Return a property as a calendar date; Exact stores dates as midnight UTC."""
    value = row.get(name)
    return value.date() if isinstance(value, datetime) else None

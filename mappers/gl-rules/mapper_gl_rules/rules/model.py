"""What a rules file says, once it has been checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mapper_gl_rules.amounts import Options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from mapper_gl_rules.vat import VatCode

__all__ = ["DOCUMENT_OUTCOMES", "BookingMode", "Outcome", "Rule", "Rules", "Settings"]

BookingMode = Literal["sales_entry", "sales_invoice", "daily_journal"]


class Outcome(msgspec.Struct, frozen=True):
    """What a rule books: codes of Exact, never GUIDs.

    The first group belongs to lines, the second to whole documents (`line: document`).

    Attributes:
        gl: GL account.
        vat_code: VAT code, `auto` (by supply, country and rate) or `product` (as the product's).
        cost_center: Cost center.
        cost_unit: Cost unit.
        item: Item code, for sales orders and sales invoices; default: the SKU.
        deferral_months: Spread the revenue over so many months from the entry date.
        journal: Journal.
        debtor: Account code, or `customer` for one account per customer.
        payment_condition: Payment condition.
        clearing_gl: Clearing account of the payment method.
        prepayment_gl: Account for money received before the invoice.
        mode: Booking mode.
    """

    gl: str | None = None
    vat_code: str | None = None
    cost_center: str | None = None
    cost_unit: str | None = None
    item: str | None = None
    deferral_months: int | None = None
    journal: str | None = None
    debtor: str | None = None
    payment_condition: str | None = None
    clearing_gl: str | None = None
    prepayment_gl: str | None = None
    mode: BookingMode | None = None


# The outcomes of a rule with `line: document`; all others belong to lines.
DOCUMENT_OUTCOMES = (
    "journal",
    "debtor",
    "payment_condition",
    "clearing_gl",
    "prepayment_gl",
    "mode",
)


class Rule(msgspec.Struct, frozen=True):
    """One rule: conditions, and what to book or why to refuse.

    Attributes:
        name: Unique; travels with each booked line.
        when: Condition name to allowed values; all must hold.
        book: The outcome.
        refuse: Reason for refusing the document, instead of an outcome.
        comment: The author's remark.
        line: Line in the file, for messages.
    """

    name: str
    when: Mapping[str, Any]
    book: Outcome | None = None
    refuse: str | None = None
    comment: str = ""
    line: int = 0


class Settings(msgspec.Struct, frozen=True):
    """The settings of a rules file.

    Attributes:
        journal: Journal of Exact for sales entries.
        home_country: Country of the seller, ISO code.
        time_zone: Of the business day; the company's local date is the booking date.
        ledger_currency: Currency of the Exact division.
        debtor: Account code for all, or `customer`.
        create_debtors: Whether unknown customers are created in Exact as accounts.
        debtor_gl: Accounts receivable, for journal entries and checks without Exact.
        mode: Booking mode where no rule says another.
        general_journal: Journal of Exact for journal entries (daily summaries, payments).
        sales_orders: Whether orders become sales orders.
        delivery_addresses: Whether sales orders name the shipping address; a new one costs a call.
        registrations: Other countries where the seller is registered for VAT.
        amounts: Currency of the entries: `document` or the shop's `base` currency.
        daily_per: What a daily summary is split by, beside store view and currency.
        options: How amounts are read.
    """

    journal: str
    home_country: str
    time_zone: ZoneInfo
    ledger_currency: str
    debtor: str
    create_debtors: bool = False
    debtor_gl: str = "1300"
    mode: BookingMode = "sales_entry"
    general_journal: str | None = None
    sales_orders: bool = False
    delivery_addresses: bool = False
    registrations: frozenset[str] = frozenset()
    amounts: Literal["document", "base"] = "document"
    daily_per: Literal["store", "payment_method"] = "store"
    options: Options = Options()


class Rules(msgspec.Struct, frozen=True):
    """A checked rules file.

    Attributes:
        settings: The settings.
        vat_codes: The VAT codes that rules may use.
        rules: In order; the first that matches wins.
        version: Says which rules made a document.
        origin: File or store, for messages.
    """

    settings: Settings
    vat_codes: tuple[VatCode, ...]
    rules: tuple[Rule, ...]
    version: str
    origin: str

    def vat_code(self, code: str) -> VatCode | None:
        """Find a VAT code by its code."""
        return next((found for found in self.vat_codes if found.code == code), None)

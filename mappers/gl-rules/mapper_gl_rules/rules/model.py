"""What a rules file says, once it has been checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mapper_gl_rules.amounts import Options
from mapper_gl_rules.rules.vocabulary import BookingMode, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from mapper_gl_rules.dates import PaymentDate
    from mapper_gl_rules.vat import VatCode

__all__ = ["BookingMode", "DeferredAccounts", "Outcome", "Rule", "Rules", "Settings"]


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


class DeferredAccounts(msgspec.Struct, frozen=True):
    """Accounts of what is deferred when a month ends.

    Attributes:
        not_shipped: Revenue that is invoiced, but not shipped.
        not_invoiced: Revenue that is shipped, but not invoiced.
        paid: Money received for what is not invoiced.
    """

    not_shipped: str
    not_invoiced: str
    paid: str


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
        payment_date: Which day a payment is booked on: `capture` at the payment provider, else
            the first moment the shop shows it paid (`paid_seen`), or the document's.
        daily_per: What a daily summary is split by, beside store view and currency.
        deferred: Accounts of what is deferred when a month ends; None: nothing is.
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
    payment_date: PaymentDate = "capture"
    daily_per: Literal["store", "payment_method"] = "store"
    deferred: DeferredAccounts | None = None
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

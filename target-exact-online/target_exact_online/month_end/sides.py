"""Documents and entries as the three sides have them, in values that can be compared.

Amounts are debit positive, in the document's currency and in the company's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from datetime import date, datetime

ZERO = Decimal(0)
_CENT = Decimal("0.01")
LONGEST_REFERENCE = 30
"""Exact cuts ``YourRef`` at so many characters, without a word."""


def cents(value: object) -> Decimal:
    """Return an amount with its cents shown; what is finer stays."""
    amount = value if isinstance(value, Decimal) else Decimal(str(value))
    shown = amount.quantize(_CENT)
    return shown if shown == amount else amount


LineKind = Literal["line", "vat", "debtor"]
SALES = frozenset({"invoice", "credit_memo", "day"})
"""Kinds of documents that are sales; the others move money."""


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """Who made and changed something in Exact; moments are UTC.

    Attributes:
        creator: GUID of the user who made it.
        creator_name: Their name.
        created: When.
        modifier: GUID of the user who changed it last.
        modifier_name: Their name.
        modified: When.
    """

    creator: str = ""
    creator_name: str = ""
    created: datetime | None = None
    modifier: str = ""
    modifier_name: str = ""
    modified: datetime | None = None


NOBODY = Stamp()


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line of a document or entry.

    Attributes:
        account: Code of the GL account; empty: not known, as of a debtor's line of ours.
        amount: In the document's currency.
        amount_dc: In the company's currency.
        kind: A line of its own, or one that Exact makes: VAT, or the debtor's.
        vat_code: The VAT code, or an empty string.
        vat_amount: The VAT of a line that has a code.
        cost_center: Its code, or an empty string.
        cost_unit: Its code, or an empty string.
        number: The line's number.
        stamp: Who made and changed it; of Exact's lines only.
    """

    account: str
    amount: Decimal
    amount_dc: Decimal
    kind: LineKind = "line"
    vat_code: str = ""
    vat_amount: Decimal = ZERO
    cost_center: str = ""
    cost_unit: str = ""
    number: int = 0
    stamp: Stamp = NOBODY

    @property
    def coding(self) -> tuple[str, str, str]:
        """Where it is booked."""
        return self.account, self.cost_center, self.cost_unit


class Booked(msgspec.Struct, frozen=True, gc=False):
    """A document of the ledger, with what was posted for it.

    Attributes:
        key: The ledger's name for it.
        stream: Its stream.
        kind: ``invoice``, ``credit_memo``, ``day``, ``payment`` and so on.
        state: Where it stands.
        number: The number that the shop printed.
        order_number: The shop's order.
        store: The store view.
        entry_date: The day on which it is booked.
        year: Exact's financial year; 0: not known.
        period: Exact's period; 0: not known.
        currency: ISO 4217.
        amount: The total with VAT as the shop signs it; None: not known.
        exact_id: What Exact calls it; of a printed invoice the invoice's GUID.
        entry_number: The entry's number in Exact, or an empty string.
        journal: The journal, or an empty string.
        reference: What Exact has as the reference.
        text_hash: Fingerprint of a journal entry's description, which holds its reference.
        relation: The debtor's GUID, or an empty string.
        rules_version: Which rules booked it.
        reason: Why it is not posted.
        created_at: When the shop made it (UTC), or None.
        since: Since when it waits (UTC), or None.
        may_be_in_exact: It was sent, and Exact has not said whether it has it.
        content: Fingerprint of its content.
        entity_id: The shop's own number for it, or an empty string.
        lines: What was posted.
    """

    key: str
    stream: str
    kind: str
    state: str
    number: str
    order_number: str
    store: str
    entry_date: str
    year: int
    period: int
    currency: str
    amount: Decimal | None
    exact_id: str = ""
    entry_number: str = ""
    journal: str = ""
    reference: str = ""
    text_hash: str = ""
    relation: str = ""
    rules_version: str = ""
    reason: str = ""
    created_at: datetime | None = None
    since: datetime | None = None
    may_be_in_exact: bool = False
    content: str = ""
    entity_id: str = ""
    lines: tuple[Line, ...] = ()

    @property
    def is_sale(self) -> bool:
        """Tell whether it counts as sales."""
        return self.kind in SALES


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An entry of Exact.

    Attributes:
        id: Its GUID; of an audit file journal and number.
        number: Its number.
        journal: Its journal.
        type: Exact's type: 20 sales, 90 other and so on.
        status: 20 open, 50 processed; lower ones are not booked for good.
        date: Its date.
        year: Financial year.
        period: Period.
        currency: ISO 4217.
        reference: ``YourRef``.
        text_hash: Fingerprint of its first line's description.
        payment_reference: Its payment reference.
        relation: The debtor's GUID, or an empty string.
        lines: All of its lines.
    """

    id: str
    number: str
    journal: str
    type: int
    status: int
    date: str
    year: int
    period: int
    currency: str
    reference: str = ""
    text_hash: str = ""
    payment_reference: str = ""
    relation: str = ""
    lines: tuple[Line, ...] = ()

    @property
    def label(self) -> str:
        """Journal and number, for people."""
        return f"{self.journal}/{self.number}"

    @property
    def stamp(self) -> Stamp:
        """Who made it, and who changed it last."""
        if not self.lines:
            return NOBODY
        return max((line.stamp for line in self.lines), key=_moment_of_change)


def _moment_of_change(stamp: Stamp) -> float:
    return stamp.modified.timestamp() if stamp.modified else 0.0


@dataclass(frozen=True, slots=True)
class Gone:
    """Lines that were deleted in Exact: by whom and when, as far as Exact told.

    Attributes:
        by: Name or GUID of the user.
        at: When (UTC), or None.
    """

    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """A document as the shop has it now, booked by the mapper.

    Attributes:
        key: Its document key.
        stream: The stream of contract 2.
        kind: ``invoice``, ``credit_memo``, ``payment`` and so on.
        number: The number that the shop prints.
        order_number: The shop's order.
        store: The store view.
        entity_id: The shop's own number for it.
        entry_date: Its booking date (ISO).
        currency: ISO 4217.
        rate: Units of the company's currency for one of this one; None: not told.
        amount: The total with VAT as the shop signs it.
        journal: The journal.
        rules_version: Which rules made it.
        created_at: When the shop made it (UTC), or None.
        time_zone: The store view's time zone, or an empty string.
        extracted_at: When it was read (UTC), or None.
        pays: Key of the document that this entry pays, or an empty string.
        method: The payment method, or an empty string.
        refusal: Why the mapper cannot book it, or an empty string.
        skip: There is nothing to book.
        content: Fingerprint of what would be booked.
        division: The Exact company that it names, or 0.
        lines: What would be posted.
    """

    key: str
    stream: str
    kind: str
    number: str
    order_number: str
    store: str
    entity_id: str
    entry_date: str
    currency: str
    rate: Decimal | None
    amount: Decimal
    journal: str = ""
    rules_version: str = ""
    created_at: datetime | None = None
    time_zone: str = ""
    extracted_at: datetime | None = None
    pays: str = ""
    method: str = ""
    refusal: str = ""
    skip: bool = False
    content: str = ""
    division: int = 0
    lines: tuple[Line, ...] = ()

    @property
    def is_sale(self) -> bool:
        """Tell whether it counts as sales."""
        return self.kind in SALES


@dataclass(frozen=True, slots=True)
class Month:
    """A period of one company.

    Attributes:
        division: The Exact company.
        year: Exact's financial year.
        period: Exact's period.
        first: First day.
        last: Last day.
        currency: The company's own.
    """

    division: int
    year: int
    period: int
    first: date
    last: date
    currency: str

    def holds(self, day: str) -> bool:
        """Tell whether a day (ISO) lies in it."""
        return self.first.isoformat() <= day[:10] <= self.last.isoformat()


@dataclass(frozen=True, slots=True)
class Chart:
    """What is known of Exact's accounts and journals.

    Attributes:
        receivables: Accounts of debtors.
        vat_accounts: Account that the VAT of a code is booked on, by code.
        profit_and_loss: Accounts that are no part of the balance sheet.
        journal_types: 10 cash, 12 bank, 20 sales, 90 general, by journal.
        names: Account names, by code.
    """

    receivables: frozenset[str] = frozenset()
    vat_accounts: dict[str, str] = field(default_factory=dict)
    profit_and_loss: frozenset[str] = frozenset()
    journal_types: dict[str, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """A sum of Exact's own.

    Attributes:
        account: Code of the GL account.
        cost_center: Its code, or an empty string.
        cost_unit: Its code, or an empty string.
        type: Exact's type of the entries.
        status: Their status.
        count: How many lines.
        amount: Debit minus credit, in the company's currency.
        profit_and_loss: Whether the account is no part of the balance sheet.
    """

    account: str
    cost_center: str
    cost_unit: str
    type: int
    status: int
    count: int
    amount: Decimal
    profit_and_loss: bool


@dataclass(frozen=True, slots=True)
class OpenItem:
    """What a debtor owes for one document, or has paid and nobody matched.

    Attributes:
        account: Code of the debtor.
        currency: ISO 4217.
        amount: What is owed, in that currency; a payment is negative.
        journal: The journal of its entry.
        entry: The number of its entry.
        invoice: The number of its invoice in Exact, or an empty string.
    """

    account: str
    currency: str
    amount: Decimal
    journal: str
    entry: str
    invoice: str


@dataclass(frozen=True, slots=True)
class Header:
    """The header of an entry, looked up because its lines are not where they should be.

    Attributes:
        id: Its GUID.
        number: Its number.
        journal: Its journal.
        date: Its date (ISO).
        year: Financial year.
        period: Period.
        status: 20 open, 50 processed.
        stamp: Who made and changed it.
    """

    id: str
    number: str
    journal: str
    date: str
    year: int
    period: int
    status: int
    stamp: Stamp

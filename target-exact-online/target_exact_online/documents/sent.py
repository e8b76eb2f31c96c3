"""What was sent, as facts: enough to find the document in Exact without preparing it again.

A document that may be in Exact is looked for by these facts alone, because master data may have
changed since: a closed period or a blocked relation must not keep anybody from asking.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # msgspec needs it
from decimal import Decimal

import msgspec


class ExpectedLine(msgspec.Struct, frozen=True):
    """One group of lines that the entry of a printed invoice must contain."""

    gl_account: str  # the GL account's code
    vat_code: str  # the VAT code, or an empty string
    cost_center: str  # the cost center's code, or an empty string
    cost_unit: str  # the cost unit's code, or an empty string
    amount: Decimal  # net amount in the document's currency, signed


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A document as it was sent to Exact; it holds no personal data."""

    stream: str  # the stream of contract 2
    document_key: str  # the business key
    resource: str  # where it was sent, e.g. ``salesentry/SalesEntries``
    division: int  # the division it was sent to
    reference: str  # the shop's number as Exact stores it
    # What Exact must have stored, signed: the total with VAT; of a journal entry the amount of its
    # first line.
    amount: str
    currency: str  # ISO 4217
    date: str  # the booking date or order date, ISO 8601; empty: not recorded, as `currency`
    at: datetime  # when it was sent (UTC)
    journal: str = ""  # the journal's code; orders have none
    account: str = ""  # the GUID of the debtor, or an empty string
    description: str = ""  # the first line's text of a journal entry, which carries the reference
    print_date: str = ""  # the invoice is printed on this date (ISO 8601), or an empty string
    via_peppol: bool = False  # the printed invoice is delivered through Peppol
    link: str = ""  # the address of the shop's order that was sent along, or an empty string
    day: str = ""  # the reference of the first entry of a day, if it is one of that day's
    expected: tuple[ExpectedLine, ...] = ()  # what the entry of a printed invoice must contain
    sums: tuple[tuple[str, Decimal], ...] = ()  # by GL account (GUID), of a journal entry

    @property
    def is_credit(self) -> bool:
        """Whether it takes back; a credit memo may share its reference with its invoice."""
        return Decimal(self.amount) < 0

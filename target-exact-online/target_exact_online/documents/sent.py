"""What was sent, as facts: enough to find the document in Exact without preparing it again.

A document that may be in Exact is looked for by these facts alone, because master data may have
changed since: a closed period or a blocked relation must not keep anybody from asking.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # msgspec needs it
from decimal import Decimal

import msgspec


class ExpectedLine(msgspec.Struct, frozen=True):
    """One group of lines that the entry of a printed invoice must contain.

    Attributes:
        gl_account: The GL account's code.
        vat_code: The VAT code, or an empty string.
        cost_center: The cost center's code, or an empty string.
        cost_unit: The cost unit's code, or an empty string.
        amount: Net amount in the document's currency, signed.
    """

    gl_account: str
    vat_code: str
    cost_center: str
    cost_unit: str
    amount: Decimal


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A document as it was sent to Exact; it holds no personal data.

    Attributes:
        stream: The stream of contract 2.
        document_key: The business key.
        resource: Where it was sent, e.g. ``salesentry/SalesEntries``.
        division: The division it was sent to.
        reference: The shop's number as Exact stores it.
        amount: What Exact must have stored, signed: the total with VAT; of a journal entry the
            amount of its first line.
        currency: ISO 4217.
        date: The booking date or order date, ISO 8601; empty: not recorded, as `currency`.
        at: When it was sent (UTC).
        journal: The journal's code; orders have none.
        account: The GUID of the debtor, or an empty string.
        description: The first line's text of a journal entry, which carries the reference.
        print_date: The invoice is printed on this date (ISO 8601), or an empty string.
        via_peppol: The printed invoice is delivered through Peppol.
        link: The address of the shop's order that was sent along, or an empty string.
        day: The reference of the first entry of a day, if it is one of that day's.
        expected: What the entry of a printed invoice must contain.
        sums: Of a journal entry, the GUIDs of its GL accounts and the sum on each.
    """

    stream: str
    document_key: str
    resource: str
    division: int
    reference: str
    amount: str
    currency: str
    date: str
    at: datetime
    journal: str = ""
    account: str = ""
    description: str = ""
    print_date: str = ""
    via_peppol: bool = False
    link: str = ""
    day: str = ""
    expected: tuple[ExpectedLine, ...] = ()
    sums: tuple[tuple[str, Decimal], ...] = ()

    @property
    def is_credit(self) -> bool:
        """Whether it takes back; a credit memo may share its reference with its invoice."""
        return Decimal(self.amount) < 0

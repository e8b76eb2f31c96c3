"""A kind of document in Exact's words, what is ready, what was sent, and what Exact has of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime  # noqa: TC003  # msgspec needs it
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from target_exact_online.master_data.models import CreditNoteQuantity

ClosedPeriodPolicy = Literal["refuse", "next_open_day"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document in Exact's words."""

    stream: str  # the stream of contract 2
    resource: str  # where it is sent and deleted
    lines: str  # the collection of its lines
    id: str  # the property that identifies it, also on its lines
    number: str  # the property with Exact's number
    journal: str  # the property with the journal's code; empty: it has none
    account: str  # the property with the debtor's GUID; empty: it has none
    date: str  # the property with its date; empty: only its lines have one
    statuses: frozenset[int]  # what a document may be right after it was sent
    link: str = ""  # the property with a link that names the document; empty: it has none

    @property
    def has_reference(self) -> bool:
        """Whether the document itself carries the reference."""
        return bool(self.account)


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """The target's settings that decide how a document is prepared."""

    # Create a debtor that Exact does not have, when the record says how.
    create_accounts: bool = False
    create_items: bool = False  # create an item that Exact does not have
    closed_period: ClosedPeriodPolicy = "refuse"  # what to do with a date in a closed period
    # The sign of quantities on credit notes that Exact issues.
    credit_note_quantity: CreditNoteQuantity = "auto"
    send_via_peppol: bool = False  # Exact delivers printed invoices through Peppol
    order_link: str = ""  # template of the address of an order in the shop's admin, or nothing
    # Returns the number that Exact gave a document (by its key), or None.
    number_of: Callable[[str], int | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Detail:
    """An address or a contact of a new relation."""

    resource: str  # ``crm/Addresses`` or ``crm/Contacts``
    payload: dict[str, Any]  # its body, without the relation's GUID


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A relation to create before the document can be posted."""

    document_key: str  # the document that needs it
    payload: dict[str, Any]  # the body for ``crm/Accounts``
    match_filter: str  # the OData filter that finds it, asked before it is created
    field: str  # the payload field that receives the new relation's GUID
    details: tuple[Detail, ...] = ()  # its addresses and contacts, created after the document
    # Indexes of the lines whose field this is; empty: it is the document's own.
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """A relation that Exact has, and that a lost state of the ledger may have created."""

    account_id: str  # its GUID
    created: date  # on which day, in Exact's own time
    new: NewAccount  # how it would be created


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to create before the document can be posted."""

    payload: dict[str, Any]  # the body for ``logistics/Items``
    lines: tuple[int, ...]  # indexes of the document lines that receive the new item's GUID


class ExpectedLine(msgspec.Struct, frozen=True):
    """One group of lines that the entry of a printed invoice must contain."""

    gl_account: str  # the GL account's code
    vat_code: str  # the VAT code, or an empty string
    cost_center: str  # the cost center's code, or an empty string
    cost_unit: str  # the cost unit's code, or an empty string
    amount: Decimal  # net amount in the document's currency, signed


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A document as it was sent: enough to find it in Exact without preparing it again.

    It is looked for by these facts alone, because master data may have changed since: a closed
    period or a blocked relation must not keep anybody from asking. They hold no personal data.
    """

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


@dataclass(frozen=True, slots=True)
class Prepared:
    """One validated document in Exact's own words."""

    kind: Kind  # what it is
    document_key: str  # the stable business key
    division: int  # the Exact division it goes to
    payload: dict[str, Any]  # the body, codes resolved to GUIDs, amounts as ``Decimal``
    reference: str  # the shop's document number as Exact stores it
    currency: str  # the document's currency (ISO 4217)
    total: Decimal  # what Exact must have stored, VAT included, in ``currency``, signed
    document_date: date  # the local date it is booked on
    # The division's currency for one unit of the document's; None: Exact's own rate.
    rate: Decimal | None = None
    # Print the invoice on this date, so that Exact books it (sales invoices only).
    print_date: date | None = None
    via_peppol: bool = False  # deliver the printed invoice through Peppol
    # Returns which other document holds, or may hold, an entry of Exact (its GUID).
    owner_of: Callable[[str], str | None] = lambda _: None
    # Called with the sign of a credit note's quantities that Exact took; None when only one may be
    # tried.
    remember_sign: Callable[[CreditNoteQuantity], None] | None = None
    new_account: NewAccount | None = None  # a debtor to create first, or None
    found_account: FoundAccount | None = None  # a debtor that may be of our making, or None
    new_items: tuple[NewItem, ...] = ()  # items to create first
    # The body of a delivery address to find or create first, or None.
    delivery_address: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()  # what a person should know although the document is fine
    day: str = ""  # the reference of the first entry of a day, if it is one of that day's
    # Lines the generated entry must have (sales invoices only).
    expected: tuple[ExpectedLine, ...] = ()

    @property
    def stream(self) -> str:
        """The stream of contract 2 it came from."""
        return self.kind.stream

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its lines in Exact's words."""
        lines: list[dict[str, Any]] = self.payload.get(self.kind.lines, [])
        return lines

    def sent(self, at: datetime) -> Sent:
        """Return the facts by which it can be found once it may be in Exact."""
        kind, payload = self.kind, self.payload
        first: dict[str, Any] = {} if kind.has_reference else next(iter(self.lines), {})
        return Sent(
            stream=kind.stream,
            document_key=self.document_key,
            resource=kind.resource,
            division=self.division,
            reference=self.reference,
            amount=str(first.get("AmountFC", self.total)),
            currency=self.currency,
            date=self.document_date.isoformat(),
            at=at,
            journal=str(payload.get(kind.journal, "")),
            account=str(payload.get(kind.account) or first.get("Account") or ""),
            description=str(first.get("Description", "")),
            print_date=self.print_date.isoformat() if self.print_date else "",
            via_peppol=self.via_peppol,
            link=str(payload.get("ExternalLinkReference", "")),
            day=self.day,
            expected=self.expected,
            sums=() if kind.has_reference else self._sums(),
        )

    def _sums(self) -> tuple[tuple[str, Decimal], ...]:
        """Return what is booked on each GL account (GUID)."""
        sums: dict[str, Decimal] = {}
        for line in self.lines:
            account = str(line.get("GLAccount") or "")
            sums[account] = sums.get(account, Decimal(0)) + Decimal(str(line.get("AmountFC") or 0))
        return tuple(sorted(sums.items()))

    def with_account(self, account_id: str) -> Prepared:
        """Return a copy that books on this account (GUID)."""
        if (new := self.new_account) is None:
            return self
        payload = self._with({new.field: account_id}, new.lines)
        return replace(self, payload=payload, new_account=None)

    def with_delivery_address(self, address_id: str) -> Prepared:
        """Return a copy whose goods go to this address (GUID)."""
        payload = self.payload | {"DeliveryAddress": address_id}
        return replace(self, payload=payload, delivery_address=None)

    def with_item(self, item: NewItem, item_id: str) -> Prepared:
        """Return a copy whose lines refer to this created item (GUID)."""
        others = tuple(other for other in self.new_items if other is not item)
        return replace(self, payload=self._with({"Item": item_id}, item.lines), new_items=others)

    def _with(self, given: dict[str, str], indexes: tuple[int, ...]) -> dict[str, Any]:
        """Return the payload with these fields on these lines, or without lines on itself."""
        if not indexes:
            return self.payload | given
        lines = [
            line | given if index in indexes else line for index, line in enumerate(self.lines)
        ]
        return self.payload | {self.kind.lines: lines}


@dataclass(frozen=True, slots=True)
class Stored:
    """A document that Exact has."""

    exact_id: str  # its GUID
    number: int | None  # its number, or None when Exact has not given one yet
    warnings: tuple[str, ...] = ()  # what a person should know


@dataclass(frozen=True, slots=True)
class Found:
    """A document that Exact turned out to have."""

    exact_id: str  # its GUID
    number: int | None  # its number, or None when Exact has not given one yet
    reference: str  # its reference as stored
    amount: Decimal  # its stored amount, signed; see `Sent.amount`
    same: bool = False  # whether everything that was compared is as it was sent
    differences: tuple[str, ...] = ()  # what is not, in words
    processed: bool = False  # whether Exact has processed it; an invoice that is not, is not booked
    linked: bool = False  # whether its link to the shop names this very document: a second witness
    row: dict[str, Any] = field(default_factory=dict, repr=False)  # the row as Exact answered it

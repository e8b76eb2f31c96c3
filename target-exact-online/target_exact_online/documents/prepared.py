"""A kind of document in Exact's words, what is ready to be sent, and what Exact has of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from target_exact_online.documents.sent import Sent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from target_exact_online.documents.sent import ExpectedLine
    from target_exact_online.master_data.models import CreditNoteQuantity

ClosedPeriodPolicy = Literal["refuse", "next_open_day"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document in Exact's words.

    Attributes:
        stream: The stream of contract 2.
        resource: Where it is sent and deleted.
        lines: The collection of its lines.
        id: The property that identifies it, also on its lines.
        number: The property with Exact's number.
        journal: The property with the journal's code; empty: it has none.
        account: The property with the debtor's GUID; empty: it has none.
        date: The property with its date; empty: only its lines have one.
        statuses: What a document may be right after it was sent.
        link: The property with a link that names the document; empty: it has none.
    """

    stream: str
    resource: str
    lines: str
    id: str
    number: str
    journal: str
    account: str
    date: str
    statuses: frozenset[int]
    link: str = ""

    @property
    def has_reference(self) -> bool:
        """Whether the document itself carries the reference."""
        return bool(self.account)


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """The target's settings that decide how a document is prepared.

    Attributes:
        create_accounts: Create a debtor that Exact does not have, when the record says how.
        create_items: Create an item that Exact does not have.
        closed_period: What to do with a date in a closed period.
        credit_note_quantity: The sign of quantities on credit notes that Exact issues.
        send_via_peppol: Exact delivers printed invoices through Peppol.
        order_link: Template of the address of an order in the shop's admin, or nothing.
        number_of: Returns the number that Exact gave a document (by its key), or None.
    """

    create_accounts: bool = False
    create_items: bool = False
    closed_period: ClosedPeriodPolicy = "refuse"
    credit_note_quantity: CreditNoteQuantity = "auto"
    send_via_peppol: bool = False
    order_link: str = ""
    number_of: Callable[[str], int | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Detail:
    """An address or a contact of a new relation.

    Attributes:
        resource: ``crm/Addresses`` or ``crm/Contacts``.
        payload: Its body, without the relation's GUID.
    """

    resource: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A relation to create before the document can be posted.

    Attributes:
        document_key: The document that needs it.
        payload: The body for ``crm/Accounts``.
        match_filter: The OData filter that finds it, asked before it is created.
        field: The payload field that receives the new relation's GUID.
        details: Its addresses and contacts, created after the document.
        lines: Indexes of the lines whose field this is; empty: it is the document's own.
    """

    document_key: str
    payload: dict[str, Any]
    match_filter: str
    field: str
    details: tuple[Detail, ...] = ()
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to create before the document can be posted.

    Attributes:
        payload: The body for ``logistics/Items``.
        lines: Indexes of the document lines that receive the new item's GUID.
    """

    payload: dict[str, Any]
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """One validated document in Exact's own words.

    Attributes:
        kind: What it is.
        document_key: The stable business key.
        division: The Exact division it goes to.
        payload: The body, codes resolved to GUIDs, amounts as ``Decimal``.
        reference: The shop's document number as Exact stores it.
        currency: The document's currency (ISO 4217).
        total: What Exact must have stored, VAT included, in ``currency``, signed.
        document_date: The local date it is booked on.
        rate: The division's currency for one unit of the document's; None: Exact's own rate.
        print_date: Print the invoice on this date, so that Exact books it (sales invoices only).
        via_peppol: Deliver the printed invoice through Peppol.
        remember_sign: Called with the sign of a credit note's quantities that Exact took; None
            when only one may be tried.
        new_account: A debtor to create first, or None.
        new_items: Items to create first.
        delivery_address: The body of a delivery address to find or create first, or None.
        warnings: What a person should know although the document is fine.
        day: The reference of the first entry of a day, if it is one of that day's.
        expected: Lines the generated entry must have (sales invoices only).
    """

    kind: Kind
    document_key: str
    division: int
    payload: dict[str, Any]
    reference: str
    currency: str
    total: Decimal
    document_date: date
    rate: Decimal | None = None
    print_date: date | None = None
    via_peppol: bool = False
    remember_sign: Callable[[CreditNoteQuantity], None] | None = None
    new_account: NewAccount | None = None
    new_items: tuple[NewItem, ...] = ()
    delivery_address: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    day: str = ""
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
    """A document that Exact has.

    Attributes:
        exact_id: Its GUID.
        number: Its number, or None when Exact has not given one yet.
        warnings: What a person should know.
    """

    exact_id: str
    number: int | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A document that Exact turned out to have.

    Attributes:
        exact_id: Its GUID.
        number: Its number, or None when Exact has not given one yet.
        reference: Its reference as stored.
        amount: Its stored amount, signed; see `Sent.amount`.
        same: Whether everything that was compared is as it was sent.
        differences: What is not, in words.
        processed: Whether Exact has processed it; an invoice that is not, is not booked.
        linked: Whether its link to the shop names this very document: a second witness.
        row: The row as Exact answered it.
    """

    exact_id: str
    number: int | None
    reference: str
    amount: Decimal
    same: bool = False
    differences: tuple[str, ...] = ()
    processed: bool = False
    linked: bool = False
    row: dict[str, Any] = field(default_factory=dict, repr=False)

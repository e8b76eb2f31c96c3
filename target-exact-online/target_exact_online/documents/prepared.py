"""What is ready to be sent: an Exact payload with everything needed to ask for it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

ClosedPeriodPolicy = Literal["refuse", "next_open_day"]


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """The target's settings that decide how a document is prepared.

    Attributes:
        create_accounts: Create a debtor that Exact does not have, when the record says how.
        create_items: Create an item that Exact does not have.
        closed_period: What to do with a date in a closed period.
    """

    create_accounts: bool = False
    create_items: bool = False
    closed_period: ClosedPeriodPolicy = "refuse"


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
    """A debtor to create before the document can be posted.

    Attributes:
        document_key: The document that needs it.
        payload: The body for ``crm/Accounts``.
        match_filter: The OData filter that finds it, asked before it is created.
        fields: Payload fields that receive the new account's GUID.
        details: Its addresses and contacts, created after the document.
        lines: Indexes of the lines whose fields these are; empty: they are the document's own.
    """

    document_key: str
    payload: dict[str, Any]
    match_filter: str
    fields: tuple[str, ...]
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
        stream: The Singer stream it came from.
        document_key: The stable business key.
        division: The Exact division it goes to.
        resource: Where to POST, e.g. ``salesentry/SalesEntries``.
        payload: The body, codes resolved to GUIDs, amounts as ``Decimal``.
        lines_field: The payload's collection of lines.
        id_field: The property of the answer that identifies the stored document.
        number_field: The property of the answer that holds Exact's number.
        your_ref: The shop's document number.
        currency: The document's currency (ISO 4217).
        expected_total: What Exact must have stored, VAT included, in ``currency``, signed.
        document_date: The local date it is booked on.
        settle_resource: Where to ask whether the document exists.
        settle_filter: The OData filter to ask with.
        settle_amount: The amount of the row that is answered; None: `expected_total`.
        print_date: Print the invoice on this date, so that Exact books it (sales invoices only).
        new_account: A debtor to create first, or None.
        new_items: Items to create first.
        delivery_address: The body of a delivery address to find or create first, or None.
        warnings: What a person should know although the document is fine.
        expected_lines: Lines the generated entry must have (sales invoices only).
    """

    stream: str
    document_key: str
    division: int
    resource: str
    payload: dict[str, Any]
    lines_field: str
    id_field: str
    number_field: str
    your_ref: str
    currency: str
    expected_total: Decimal
    document_date: date
    settle_resource: str
    settle_filter: str
    settle_amount: Decimal | None = None
    print_date: date | None = None
    new_account: NewAccount | None = None
    new_items: tuple[NewItem, ...] = ()
    delivery_address: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    expected_lines: tuple[ExpectedLine, ...] = ()

    def with_account(self, account_id: str) -> Prepared:
        """Return a copy that books on this account (GUID)."""
        if (new := self.new_account) is None:
            return self
        given = dict.fromkeys(new.fields, account_id)
        return replace(self, payload=self._with(given, new.lines), new_account=None)

    def with_delivery_address(self, address_id: str) -> Prepared:
        """Return a copy whose goods go to this address (GUID)."""
        payload = self.payload | {"DeliveryAddress": address_id}
        return replace(self, payload=payload, delivery_address=None)

    def with_item(self, item: NewItem, item_id: str) -> Prepared:
        """Return a copy whose lines refer to this created item (GUID)."""
        return replace(
            self,
            payload=self._with({"Item": item_id}, item.lines),
            new_items=tuple(other for other in self.new_items if other is not item),
        )

    def _with(self, given: dict[str, str], indexes: tuple[int, ...]) -> dict[str, Any]:
        """Return the payload with these fields on these lines, or without lines on itself."""
        if not indexes:
            return self.payload | given
        lines = [
            line | given if index in indexes else line
            for index, line in enumerate(self.payload[self.lines_field])
        ]
        return self.payload | {self.lines_field: lines}


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """One group of lines that the entry generated from a sales invoice must contain.

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
        amount: Its stored total, VAT included.
        row: The row as Exact answered it.
    """

    exact_id: str
    number: int | None
    amount: Decimal
    row: dict[str, Any] = field(repr=False)

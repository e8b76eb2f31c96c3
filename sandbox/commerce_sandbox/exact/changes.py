"""PUT, DELETE and line endpoints of documents: the document is written anew or removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commerce_sandbox.exact import (
    identity,
    journal_entries,
    ledger,
    messages,
    sales_entries,
    sales_invoices,
    sales_orders,
    store,
)
from commerce_sandbox.exact.errors import ForbiddenError, refuse
from commerce_sandbox.exact.metadata import resources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row


@dataclass(frozen=True)
class Document:
    """How one kind of document is kept and written.

    Attributes:
        header: Resource of the header.
        lines: Resource of the lines.
        write: Checks and stores header and lines.
        final: Statuses that cannot be changed any more.
        fixed: Properties that cannot be changed after creation.
        booked: Whether it has transaction lines.
        vat_name: Property with the VAT amount of a line.
        dates: Property of the lines with the date, if the header has none.
        periods: Properties of journal, year and period, for closed periods.
    """

    header: str
    lines: str
    write: Callable[[Posting, Row, list[Row]], Row]
    final: frozenset[int]
    fixed: frozenset[str] = frozenset()
    booked: bool = False
    vat_name: str = "VATAmountFC"
    dates: str | None = None
    periods: tuple[str, str, str] | None = None

    @property
    def key(self) -> str:
        """Property with the key of the header."""
        return store.TABLES[self.header].key


def _rewrite_invoice(posting: Posting, header: Row, lines: list[Row]) -> Row:
    return sales_invoices.write(posting, header, lines, signed=True)


_PARTIES = frozenset({"OrderedBy", "InvoiceTo", "DeliverTo"})
DOCUMENTS = (
    Document(
        sales_entries.ENTRIES,
        sales_entries.LINES,
        sales_entries.write,
        frozenset({50}),
        booked=True,
        periods=("Journal", "ReportingYear", "ReportingPeriod"),
    ),
    Document(
        journal_entries.ENTRIES,
        journal_entries.LINES,
        journal_entries.write,
        frozenset({50}),
        booked=True,
        vat_name="AmountVATFC",
        dates="Date",
        periods=("JournalCode", "FinancialYear", "FinancialPeriod"),
    ),
    Document(sales_invoices.INVOICES, sales_invoices.LINES, _rewrite_invoice, frozenset({50})),
    Document(
        sales_orders.ORDERS,
        sales_orders.LINES,
        sales_orders.write,
        frozenset({sales_orders.COMPLETE, 45}),
        fixed=_PARTIES,
        vat_name="VATAmount",
    ),
)
BY_HEADER = {document.header: document for document in DOCUMENTS}
BY_LINES = {document.lines: document for document in DOCUMENTS}


def change_header(posting: Posting, document: Document, key: str, change: Row) -> None:
    """Apply a PUT to a header.

    Raises:
        ForbiddenError: The document is gone.
        ValidationError: It is processed, or the change is refused.
    """
    header, lines = _load(posting, document, key)
    for name in document.fixed & change.keys():
        if change[name] != header.get(name):
            posting.problems.append(messages.not_allowed(name))
    if change.get("Customer", header.get("Customer")) != header.get("Customer"):
        header.pop("PaymentReference", None)  # a new receivable with a new default reference
    _rewrite(posting, document, header, lines, change)


def add_line(posting: Posting, document: Document, line: Row) -> Row:
    """Add a line to an existing document and return it.

    Raises:
        ForbiddenError: The document is gone.
        ValidationError: It is processed, or the line is refused.
    """
    header, lines = _load(posting, document, line[document.key])
    new = dict(line)
    new["ID"] = store.new_guids(1)[0]
    lines.append(new)
    _rewrite(posting, document, header, lines, {})
    return posting.get(document.lines, new["ID"]) or new


def change_line(posting: Posting, document: Document, key: str, change: Row) -> None:
    """Apply a PUT to a line.

    Raises:
        ForbiddenError: The line is gone.
        ValidationError: Its document is processed, or the change is refused.
    """
    stored = _line(posting, document, key)
    header, lines = _load(posting, document, stored[document.key])
    for line in lines:
        if line["ID"] == key:
            _forget_computed(line, change, document.vat_name)
            line.update(change)
    _rewrite(posting, document, header, lines, {})


def edit(
    posting: Posting, document: Document, key: str, change: Row, by_line: Mapping[int, Row]
) -> None:
    """Change header and lines together, as people do on screen.

    Args:
        posting: The write call.
        document: What kind it is.
        key: Of its header.
        change: Properties of the header.
        by_line: Properties of lines, by line number.

    Raises:
        ForbiddenError: The document is gone.
        ValidationError: It is processed, or the change is refused.
    """
    header, lines = _load(posting, document, key)
    if change.get("Customer", header.get("Customer")) != header.get("Customer"):
        header.pop("PaymentReference", None)
    for line in lines:
        changed = by_line.get(line["LineNumber"], {})
        _forget_computed(line, changed, document.vat_name)
        line.update(changed)
    _rewrite(posting, document, header, lines, change)


def _forget_computed(line: Row, change: Row, vat_name: str) -> None:
    """Drop what follows from the changed properties, so that it is computed again."""
    if {"AmountFC", "VATCode", "Quantity", "UnitPrice", "NetPrice"} & change.keys():
        line.pop(vat_name, None)
    if "Item" in line and {"Quantity", "UnitPrice", "NetPrice"} & change.keys():
        line.pop("AmountFC", None)
        if "UnitPrice" in change:
            line.pop("NetPrice", None)


def delete_line(posting: Posting, document: Document, key: str) -> None:
    """Delete a line.

    Raises:
        ForbiddenError: The line is gone.
        ValidationError: Its document is processed, or it is the last line.
    """
    stored = _line(posting, document, key)
    header, lines = _load(posting, document, stored[document.key])
    rest = [line for line in lines if line["ID"] != key]
    if not rest:
        refuse(messages.LAST_LINE)
    _rewrite(posting, document, header, rest, {})


def delete_header(posting: Posting, document: Document, key: str) -> None:
    """Delete a document with its lines.

    Raises:
        ForbiddenError: It is gone already.
        ValidationError: It is processed.
    """
    _load(posting, document, key)
    _remove(posting, document, key)


def _line(posting: Posting, document: Document, key: str) -> Row:
    found = posting.get(document.lines, key)
    if found is None:
        raise ForbiddenError
    return found


def _load(posting: Posting, document: Document, key: str) -> tuple[Row, list[Row]]:
    """Return header and lines as they could be sent again; refuse final documents."""
    header = posting.get(document.header, key)
    if header is None:
        raise ForbiddenError
    if header["Status"] in document.final:
        refuse(messages.PROCESSED)
    if document.periods is not None:
        journal, year, number = (header[name] for name in document.periods)
        if (journal, year, number) in posting.data.closed:
            refuse(messages.period_closed(year, number))
    return header, store.lines_of(posting.connection, document.lines, [key])


def _rewrite(
    posting: Posting, document: Document, header: Row, lines: list[Row], change: Row
) -> None:
    key = header[document.key]
    sent = _sendable(document.header, header)
    book = posting.data.journals.get(header.get("Journal") or header.get("JournalCode") or "", {})
    if not book.get("AllowVariableExchangeRate"):
        for name in ("Rate", "ExchangeRate"):
            sent.pop(name, None)
    if "EntryDate" in change:
        for name in ("ReportingYear", "ReportingPeriod", "DueDate"):
            sent.pop(name, None)
    if document.dates is not None and document.periods is not None:
        for name in document.periods[1:]:  # they follow from the dates of the lines
            sent.pop(name, None)
    sent.pop("VATAmountFC", None)
    sent.update(change)
    sent = {name: value for name, value in sent.items() if value is not None}
    sent[document.key] = key
    if document.header == journal_entries.ENTRIES:
        sent["Type"] = header["Type"]
    created = [_sendable(document.lines, line) | {"ID": line["ID"]} for line in lines]
    for line in created:
        for name in ("VATPercentage", "VATBaseAmountFC"):
            line.pop(name, None)
    booked = (ledger.LINES, ledger.RECEIVABLES) if document.booked else ()
    before = identity.take_out(posting, (document.header, document.lines, *booked), key)
    document.write(posting, sent, created)
    identity.restore(posting, before)


def _sendable(path: str, row: Row) -> Row:
    """Return the properties of a stored row that can be sent."""
    known = resources()[path].properties
    return {
        name: value
        for name, value in row.items()
        if name in known and (known[name].on_put or known[name].on_post)
    }


def _remove(posting: Posting, document: Document, key: str) -> None:
    lines = store.lines_of(posting.connection, document.lines, [key])
    posting.delete(document.lines, [line["ID"] for line in lines])
    posting.delete(document.header, [key])
    if document.booked:
        ledger.unbook(posting, key)

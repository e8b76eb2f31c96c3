"""Sales invoices that Exact issues; printing one makes its sales entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact import booking, item_lines, messages, sales_entries, store
from commerce_sandbox.exact.booking import money
from commerce_sandbox.exact.errors import refuse

if TYPE_CHECKING:
    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row

INVOICES = "salesinvoice/SalesInvoices"
LINES = "salesinvoice/SalesInvoiceLines"
INVOICE, CREDIT_NOTE = 8020, 8021
DRAFT, OPEN, PROCESSED = 10, 20, 50
#: Setting: quantities of an 8021 that make a credit, ``positive`` or ``negative``.
SIGN = "exact.credit_note_quantity"
#: Setting: what printing answers instead of printing, by division.
UNPRINTED = "exact.unprinted"
_FORBIDDEN = frozenset({booking.RECEIVABLE, booking.PAYABLE, booking.VAT_ACCOUNT})
_REFERENCES = {
    "OrderedByContactPerson": "crm/Contacts",
    "InvoiceToContactPerson": "crm/Contacts",
    "DeliverToContactPerson": "crm/Contacts",
    "Document": "documents/Documents",
    "ShippingMethod": "",
    "SalesChannel": "",
    "Salesperson": "",
    "SelectionCode": "",
    "TaxSchedule": "",
}


def create(posting: Posting, header: Row) -> Row:
    """Store a new invoice with its lines; nothing is booked yet.

    Raises:
        ValidationError: Something in it is refused; nothing is written.
    """
    header["InvoiceID"] = store.new_guids(1)[0]
    lines = header.pop("SalesInvoiceLines", None) or []
    return write(posting, header, lines)


def write(posting: Posting, header: Row, lines: list[Row], *, signed: bool = False) -> Row:
    """Check and store an invoice under its ``InvoiceID``.

    Args:
        posting: The write call.
        header: The header as sent.
        lines: The lines as sent.
        signed: The lines have the stored sign already (a rewrite).

    Raises:
        ValidationError: Something in it is refused; nothing is written.
    """
    problems = posting.problems
    if not lines:
        problems.append(messages.mandatory("SalesInvoiceLines"))
    kind = header.setdefault("Type", INVOICE)
    if kind not in {INVOICE, CREDIT_NOTE}:  # direct ones need a warehouse, which there is not
        problems.append(messages.mandatory("Warehouse"))
    elif header.get("Warehouse"):
        problems.append(messages.not_allowed("Warehouse"))
    date = header.setdefault("OrderDate", posting.today)
    book = booking.journal(posting, header.get("Journal"), "Journal", sales_entries.SALES_JOURNAL)
    accounts = item_lines.parties(posting, header)
    invoiced = accounts.get("InvoiceTo")
    condition = booking.payment_condition(posting, header, invoiced)
    currency, rate = booking.currency_and_rate(posting, header, book, date, own_rate=True)
    booking.references(posting, header, _REFERENCES)
    item_lines.delivery_address(posting, header, "DeliverToAddress")
    item_lines.no_header_discount(posting, header)
    if kind == CREDIT_NOTE and not signed and posting.settings[SIGN] == "positive":
        lines[:] = [_negated(line) for line in lines]
    amounts = [_check_line(posting, line, invoiced, date) for line in lines]
    booking.whole_units(
        posting, currency, [part for line in amounts for part in (line.net, line.vat)]
    )
    total = sum(line.net + line.vat for line in amounts)
    if total < 0 and kind != CREDIT_NOTE:  # a credit note of the wrong sign is a debit, in silence
        problems.append(messages.invalid("AmountFC"))
    refuse(*problems)
    header.update(
        item_lines.totals(amounts, rate),
        VATAmountFC=money(sum(line.vat for line in amounts)),
        Currency=currency,
        PaymentCondition=condition["Code"] if condition else None,
        Status=OPEN,
        DiscountType=1,
    )
    posting.insert(INVOICES, header)
    parent = ("InvoiceID", header["InvoiceID"])
    facts = {"rate": rate, "vat_name": "VATAmountFC", "parent": parent}
    item_lines.complete(posting, lines, amounts, date, facts)
    for line, identifier in zip(lines, store.new_guids(len(lines)), strict=True):
        line.setdefault("ID", identifier)
    posting.insert(LINES, *lines)
    return header


def _negated(line: Row) -> Row:
    """Return a credit line with the sign that Exact gives it: the other one."""
    turned = dict(line)
    turned["Quantity"] = -line.get("Quantity", 1)
    for name in ("AmountFC", "VATAmountFC"):
        if line.get(name) is not None:
            turned[name] = -line[name]
    return turned


def _check_line(posting: Posting, line: Row, invoiced: Row | None, date: str) -> booking.Money:
    item, amounts = item_lines.check(posting, line, invoiced, date, "VATAmountFC")
    if item is not None and line.get("GLAccount") is None:
        group = posting.data.item_groups.get(item.get("ItemGroup") or "", {})
        line["GLAccount"] = item.get("GLRevenue") or group.get("GLRevenue")
        if line["GLAccount"] is None:
            posting.problems.append(messages.mandatory("GLAccount"))
    gl = booking.gl_account(posting, line.get("GLAccount"), forbidden=_FORBIDDEN)
    booking.cost_entries(posting, line, gl, date)
    return amounts


def print_invoice(posting: Posting, order: Row) -> Row:
    """Process an invoice: make its document and its sales entry.

    Args:
        posting: The write call.
        order: The body of the call to PrintedSalesInvoices.

    Raises:
        ValidationError: The invoice is unknown or processed, or its entry is refused.
    """
    refuse(*posting.problems)
    invoice = posting.get(INVOICES, order["InvoiceID"])
    if invoice is None:
        refuse(messages.invalid_reference("InvoiceID"))
        return {}
    if invoice["Status"] == PROCESSED:
        refuse(messages.PROCESSED)
    failed = posting.faults.get("unprinted") or posting.settings[UNPRINTED].get(
        str(posting.division)
    )
    if failed:  # answered with 201 all the same, and the invoice stays open
        return order | failed
    account = posting.get("crm/Accounts", invoice["InvoiceTo"]) or {}
    date = order.get("InvoiceDate") or posting.today
    entry = _entry(posting, invoice, order, date)
    document = _document(posting, invoice, entry)
    answer = {name: value for name, value in order.items() if value is not None}
    answer |= {"Document": document, "DocumentCreationSuccess": "Document is created"}
    if order.get("SendEmailToCustomer"):
        if account.get("Email"):
            answer["EmailCreationSuccess"] = "E-mail is sent"
        else:
            answer["EmailCreationError"] = "E-mail: No e-mail address"
    number = entry["EntryNumber"]
    invoice.update(
        Status=PROCESSED,
        InvoiceNumber=number,
        InvoiceDate=date,
        DueDate=entry["DueDate"],
        Document=document,
    )
    posting.update(INVOICES, invoice)
    return answer


def _entry(posting: Posting, invoice: Row, order: Row, date: str) -> Row:
    """Book the sales entry of an invoice; its number becomes the invoice's."""
    names: dict[str, Any] = {
        "Journal": invoice["Journal"],
        "Customer": invoice["InvoiceTo"],
        "EntryDate": date,
        "Currency": invoice["Currency"],
        "Description": invoice.get("Description"),
        "YourRef": invoice.get("YourRef"),
        "OrderNumber": invoice.get("OrderNumber"),
        "PaymentCondition": invoice.get("PaymentCondition"),
        "PaymentReference": invoice.get("PaymentReference"),
        "ReportingYear": order.get("ReportingYear"),
        "ReportingPeriod": order.get("ReportingPeriod"),
        "Status": PROCESSED,
        "EntryID": store.new_guids(1)[0],
    }
    header = {name: value for name, value in names.items() if value is not None}
    kept = ("GLAccount", "AmountFC", "VATCode", "VATAmountFC", "CostCenter", "CostUnit",
            "Description", "Quantity", "Item", "ItemCode")  # fmt: skip
    lines = []
    for line in store.lines_of(posting.connection, LINES, [invoice["InvoiceID"]]):
        kind = posting.data.vat_codes.get((line.get("VATCode") or "").strip(), {}).get("Type")
        copy = {name: line[name] for name in kept if line.get(name) is not None}
        if kind not in {"E", "I"}:
            copy.pop("VATAmountFC", None)
        lines.append(copy)
    return sales_entries.write(posting, header, lines, own_rate=True)


def _document(posting: Posting, invoice: Row, entry: Row) -> str:
    identifier = store.new_guids(1)[0]
    posting.insert(
        "documents/Documents",
        {
            "ID": identifier,
            "Type": 10,
            "Subject": f"Invoice {entry['EntryNumber']}",
            "Account": invoice["InvoiceTo"],
            "DocumentDate": entry["EntryDate"],
            "FinancialTransactionEntryID": entry["EntryID"],
            "SalesInvoiceNumber": entry["EntryNumber"],
        },
    )
    return identifier

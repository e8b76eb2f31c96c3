"""Sales orders: to be delivered and invoiced later, without effect on the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commerce_sandbox.exact import booking, item_lines, messages, store
from commerce_sandbox.exact.errors import refuse
from commerce_sandbox.exact.numbers import next_number

if TYPE_CHECKING:
    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row

ORDERS = "salesorder/SalesOrders"
LINES = "salesorder/SalesOrderLines"
OPEN_ORDER, COMPLETE = 12, 21
#: Setting: what an amount without a price is worth on a line, ``ignored`` or ``counts``.
LONE_AMOUNT = "exact.order_amount_without_price"
_FIRST_NUMBER = 20000
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
    "WarehouseID": "",
}


def create(posting: Posting, header: Row) -> Row:
    """Store a new order with its lines.

    Raises:
        ValidationError: Something in it is refused; nothing is written.
    """
    header["OrderID"] = store.new_guids(1)[0]
    lines = header.pop("SalesOrderLines", None) or []
    return write(posting, header, lines)


def write(posting: Posting, header: Row, lines: list[Row]) -> Row:
    """Check and store an order under its ``OrderID``.

    Raises:
        ValidationError: Something in it is refused; nothing is written.
    """
    problems = posting.problems
    if not lines:
        problems.append(messages.mandatory("SalesOrderLines"))
    date = header.setdefault("OrderDate", posting.today)
    accounts = item_lines.parties(posting, header)
    invoiced = accounts.get("InvoiceTo")
    condition = booking.payment_condition(posting, header, invoiced)
    currency, rate = booking.currency_and_rate(posting, header, None, date)
    booking.references(posting, header, _REFERENCES)
    item_lines.delivery_address(posting, header, "DeliveryAddress")
    item_lines.no_header_discount(posting, header)
    amounts = []
    for line in lines:
        _price(posting, line)
        _, found = item_lines.check(posting, line, invoiced, date, "VATAmount")
        booking.cost_entries(posting, line, None, date)
        amounts.append(found)
    booking.whole_units(
        posting, currency, [part for line in amounts for part in (line.net, line.vat)]
    )
    _check_number(posting, header)
    refuse(*problems)
    if "OrderNumber" not in header:
        header["OrderNumber"] = _free_number(posting)
    header.update(
        item_lines.totals(amounts, rate),
        Currency=currency,
        PaymentCondition=condition["Code"] if condition else None,
        Status=OPEN_ORDER,
        DeliveryStatus=OPEN_ORDER,
        InvoiceStatus=OPEN_ORDER,
        ApprovalStatus=header.get("ApprovalStatus", 1),
    )
    posting.insert(ORDERS, header)
    parent = ("OrderID", header["OrderID"])
    facts = {"rate": rate, "vat_name": "VATAmount", "parent": parent}
    item_lines.complete(posting, lines, amounts, date, facts)
    for line, identifier in zip(lines, store.new_guids(len(lines)), strict=True):
        line.setdefault("ID", identifier)
        line["OrderNumber"] = header["OrderNumber"]
        line["OrderStatus"] = header["Status"]
        line.setdefault("DeliveryDate", header.get("DeliveryDate"))
        line["QuantityDelivered"] = line["QuantityInvoiced"] = 0
    posting.insert(LINES, *lines)
    return header


def _price(posting: Posting, line: Row) -> None:
    """Give a line without a price that of its item; its amount alone is ignored."""
    if posting.settings[LONE_AMOUNT] == "counts":
        return
    if line.get("UnitPrice") is None and line.get("NetPrice") is None:
        line.pop("AmountFC", None)
        item = posting.get("logistics/Items", line.get("Item")) or {}
        line["UnitPrice"] = item.get("StandardSalesPrice", 0)


def _is_used(posting: Posting, number: int) -> bool:
    return bool(store.find(posting.connection, ORDERS, posting.division, OrderNumber=number))


def _check_number(posting: Posting, header: Row) -> None:
    number = header.get("OrderNumber")
    if number is None:
        return
    if number <= 0:
        posting.problems.append(messages.invalid("OrderNumber"))
    elif _is_used(posting, number):
        posting.problems.append(messages.exists("OrderNumber"))


def _free_number(posting: Posting) -> int:
    while True:
        number = next_number(posting, "sales orders", _FIRST_NUMBER)
        if not _is_used(posting, number):
            return number

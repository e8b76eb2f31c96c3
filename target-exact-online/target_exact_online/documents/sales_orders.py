"""Sales orders: for logistics, never booked."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from target_exact_online.documents import addresses, header, items, lines
from target_exact_online.documents.checks import Checks
from target_exact_online.documents.prepared import DocumentSettings, Prepared

if TYPE_CHECKING:
    from datetime import date

    from target_exact_online.master_data import MasterData

RESOURCE = "salesorder/SalesOrders"


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `sales_orders` and make its payload.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    checks = Checks()
    on = checks.day(record, "order_date", "order_date")
    if on is None and record.get("order_date") in (None, ""):
        checks.add("order_date", "The order date is missing", "Report this with the key.")
    delivery = checks.day(record, "delivery_date", "delivery_date")
    currency, rate = header.currency(record, None, on, master, checks)
    debtor = header.debtor(record, "OrderedBy", on, None, master, settings, checks)
    given = header.totals(record, checks)
    payload: dict[str, Any] = header.references(record, checks)
    payload["Currency"] = currency
    payload |= header.payment_condition(record, debtor, master, checks)
    if rate is not None:
        checks.warnings.append("Exact uses its own exchange rate for sales orders")
    if number := checks.number(record, "order_number", "order_number"):
        payload["OrderNumber"] = number
    given_address = record.get("delivery_address")
    address = (
        addresses.delivery(given_address, "delivery_address", checks) if given_address else None
    )
    wanted = items.Wanted(settings)
    payload["SalesOrderLines"] = _lines(record, on, given, debtor, master, wanted, checks)
    checks.raise_if_any()
    assert on is not None  # noqa: S101  # checked above
    payload["OrderDate"] = header.iso(on)
    if delivery:
        payload["DeliveryDate"] = header.iso(delivery)
    payload |= debtor.payload("OrderedBy")
    if address is not None and debtor.account is not None:
        known = master.delivery_address(debtor.account.id, address)
        if known is not None:
            payload["DeliveryAddress"] = known
            address = None
    return Prepared(
        stream="sales_orders",
        document_key=str(record["document_key"]),
        division=master.division,
        resource=RESOURCE,
        payload=payload,
        lines_field="SalesOrderLines",
        id_field="OrderID",
        number_field="OrderNumber",
        your_ref=payload["YourRef"],
        currency=currency,
        expected_total=given.amount,
        document_date=on,
        settle_resource=RESOURCE,
        settle_filter=header.reference_filter(payload["YourRef"]),
        new_account=debtor.new,
        delivery_address=address,
        warnings=tuple(checks.warnings),
        new_items=wanted.new_items(),
    )


def _lines(
    record: dict[str, Any],
    on: date | None,
    given: header.Totals,
    debtor: header.Debtor,
    master: MasterData,
    wanted: items.Wanted,
    checks: Checks,
) -> list[dict[str, Any]]:
    payload: list[dict[str, Any]] = []
    net = vat = Decimal(0)
    for where, line in lines.numbered(record, checks):
        amounts = lines.amounts(line, where, checks)
        net += amounts.net
        vat += amounts.vat
        found = wanted.item(line, where, len(payload), on, master, checks)
        default = (found.vat_code if found else "") or debtor.default_vat_code
        code = lines.vat_code(line, where, on, default, amounts, master, checks)
        quantity = lines.quantity(line, where, found, checks)
        if quantity is None:
            checks.add(f"{where}, quantity", "The quantity is missing", "Report this.")
        entry: dict[str, Any] = {"Quantity": quantity, "AmountFC": amounts.net}
        if found is not None:
            entry["Item"] = found.id
        if code is not None:
            entry["VATCode"] = code.code
            if lines.takes_vat(code):
                entry["VATAmount"] = amounts.vat
        entry |= lines.dimensions(line, where, on, None, master, checks)
        entry |= lines.description(line, where, checks)
        payload.append(entry)
    header.check_sums(given, net, vat, checks)
    return payload

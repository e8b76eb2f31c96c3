"""Sales invoices that Exact issues: stored as open, compared, then printed, which books them.

A credit memo is a credit note (type 8021) with negative quantities. The total that Exact computed
is compared before printing, because a printed invoice is final.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import odata
from target_exact_online.documents import header, items, lines
from target_exact_online.documents.checks import Checks
from target_exact_online.documents.prepared import DocumentSettings, ExpectedLine, Prepared

if TYPE_CHECKING:
    from datetime import date

    from target_exact_online.master_data import MasterData

RESOURCE = "salesinvoice/SalesInvoices"
INVOICE, CREDIT_NOTE = 8020, 8021


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `sales_invoices` and make its payload.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    checks = Checks()
    journal = header.journal(record, header.SALES, master, checks)
    on = header.booking_date(record, "invoice_date", journal, master, settings, checks)
    currency, rate = header.currency(record, journal, on, master, checks)
    if rate is not None:
        checks.add(
            "exchange_rate",
            "A sales invoice takes Exact's own exchange rate",
            "Leave the rate to Exact in the rules, or book these documents as sales entries.",
        )
    debtor = header.debtor(record, "OrderedBy", on, journal, master, settings, checks)
    given = header.totals(record, checks)
    header.check_sign(record, given, checks)
    if record.get("entry_number"):
        checks.add(
            "entry_number",
            "Exact numbers its sales invoices itself",
            "Leave the number out, or book these documents as sales entries.",
        )
    payload: dict[str, Any] = header.references(record, checks)
    payload |= header.payment(record, on, debtor, master, checks)
    payload["Type"] = CREDIT_NOTE if record.get("kind") == "credit_memo" else INVOICE
    payload["Currency"] = currency
    if number := checks.number(record, "order_number", "order_number"):
        payload["OrderNumber"] = number
    wanted = items.Wanted(settings)
    payload["SalesInvoiceLines"], expected = _lines(
        record, on, given, debtor, master, wanted, checks
    )
    checks.raise_if_any()
    assert journal is not None  # noqa: S101  # checked above
    assert on is not None  # noqa: S101  # checked above
    payload |= {"Journal": journal.code, "OrderDate": header.iso(on)}
    payload |= debtor.payload("OrderedBy")
    return Prepared(
        stream="sales_invoices",
        document_key=str(record["document_key"]),
        division=master.division,
        resource=RESOURCE,
        payload=payload,
        lines_field="SalesInvoiceLines",
        id_field="InvoiceID",
        number_field="InvoiceNumber",
        your_ref=payload["YourRef"],
        currency=currency,
        expected_total=given.amount,
        document_date=on,
        settle_resource=RESOURCE,
        settle_filter=header.reference_filter(
            payload["YourRef"], f" and Journal eq {odata.text(journal.code)}"
        ),
        print_date=on,
        new_account=debtor.new,
        warnings=tuple(checks.warnings),
        expected_lines=expected,
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
) -> tuple[list[dict[str, Any]], tuple[ExpectedLine, ...]]:
    payload: list[dict[str, Any]] = []
    expected: dict[tuple[str, str, str, str], Decimal] = {}
    net = vat = Decimal(0)
    for where, line in lines.numbered(record, checks):
        amounts = lines.amounts(line, where, checks)
        net += amounts.net
        vat += amounts.vat
        account = lines.gl_account(line, where, master, checks)
        found = wanted.item(line, where, len(payload), on, master, checks)
        default = (found.vat_code if found else "") or debtor.default_vat_code
        code = lines.vat_code(line, where, on, default, amounts, master, checks)
        entry: dict[str, Any] = {"AmountFC": amounts.net}
        entry |= _price(
            line, where, amounts.net, lines.quantity(line, where, found, checks), checks
        )
        if found is not None:
            entry["Item"] = found.id
        if account is not None:
            entry["GLAccount"] = account.id
        if code is not None:
            entry["VATCode"] = code.code
            if lines.takes_vat(code):
                entry["VATAmountFC"] = amounts.vat
        entry |= lines.dimensions(line, where, on, account, master, checks)
        entry |= lines.description(line, where, checks)
        entry |= lines.deferral(line, where, ("StartTime", "EndTime"), checks)
        payload.append(entry)
        group = (
            account.code if account else "",
            code.code if code else default,
            str(entry.get("CostCenter", account.cost_center if account else "")),
            str(entry.get("CostUnit", account.cost_unit if account else "")),
        )
        expected[group] = expected.get(group, Decimal(0)) + amounts.net
    header.check_sums(given, net, vat, checks)
    return payload, tuple(ExpectedLine(*group, amount) for group, amount in expected.items())


def _price(
    line: dict[str, Any], where: str, net: Decimal, quantity: Decimal | None, checks: Checks
) -> dict[str, Decimal]:
    """Return quantity and price that give the line's amount, the sign on the quantity."""
    price = checks.decimal(line, "unit_price", f"{where}, unit_price")
    if quantity is None or price is None:
        name = "unit_price" if quantity is not None else "quantity"
        checks.add(f"{where}, {name}", f"The {name.replace('_', ' ')} is missing", "Report this.")
        return {}
    if quantity * price != net:
        checks.add(
            f"{where}, unit_price",
            f"{quantity} times {price} is not {net}, and Exact multiplies",
            "Report this with the document's key.",
        )
    if price < 0:
        quantity, price = -quantity, -price
    return {"Quantity": quantity, "UnitPrice": price}

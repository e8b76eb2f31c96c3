"""Sales entries: one shop invoice or credit memo becomes one entry in the sales journal.

Credits are posted with negative amounts; Exact makes them type 21 by itself. The VAT amount of
each line is pinned, so that Exact agrees with the shop to the cent.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from target_exact_online.documents import answer_checks, finding, header, lines
from target_exact_online.documents.checks import Checks
from target_exact_online.documents.kind import Kind
from target_exact_online.documents.prepared import DocumentSettings, Found, Prepared, Stored

if TYPE_CHECKING:
    from datetime import date

    from exact_online.client import ExactClient
    from target_exact_online.documents.sent import Sent
    from target_exact_online.master_data import MasterData

KIND = Kind(
    stream="sales_entries",
    resource="salesentry/SalesEntries",
    lines="SalesEntryLines",
    id="EntryID",
    number="EntryNumber",
    journal="Journal",
    account="Customer",
    date="EntryDate",
    statuses=frozenset({20, 50}),
)


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `sales_entries` and make its payload.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    checks = Checks()
    journal = header.journal(record, header.SALES, master, checks)
    on = header.booking_date(record, "entry_date", journal, master, settings, checks)
    currency, rate = header.currency(record, journal, on, master, checks)
    debtor = header.debtor(record, "Customer", on, journal, master, settings, checks)
    given = header.totals(record, checks)
    header.check_sign(record, given, checks)
    reference = header.reference(record, checks)
    payload: dict[str, Any] = {"YourRef": reference}
    payload |= header.description(record, checks)
    payload |= header.payment(record, on, debtor, master, checks)
    payload |= header.order_link(record, settings, checks)
    payload["Currency"] = currency
    if rate is not None and currency != master.company.currency:
        payload["Rate"] = rate
    for field, target in (("entry_number", "EntryNumber"), ("order_number", "OrderNumber")):
        if number := checks.number(record, field, field):
            payload[target] = number
    payload["SalesEntryLines"] = _lines(record, on, given, debtor, master, checks)
    checks.raise_if_any()
    assert journal is not None  # noqa: S101  # checked above
    assert on is not None  # noqa: S101  # checked above
    payload |= {"Journal": journal.code, "EntryDate": header.iso(on)}
    payload |= debtor.payload("Customer")
    return Prepared(
        kind=KIND,
        document_key=str(record["document_key"]),
        division=master.division,
        payload=payload,
        reference=reference,
        currency=currency,
        total=given.amount,
        document_date=on,
        rate=rate,
        new_account=debtor.new,
        warnings=tuple(checks.warnings),
    )


def send(prepared: Prepared, client: ExactClient) -> Stored:
    """Store an entry, which books it; see `target_exact_online.documents.send`."""
    row = client.post(KIND.resource, prepared.payload, division=prepared.division)
    exact_id = answer_checks.checked(prepared, row, client)
    return Stored(exact_id, finding.number_of(row, KIND.number))


def find(sent: Sent, client: ExactClient) -> list[Found]:
    """Return what Exact has with the entry's reference."""
    return finding.find(KIND, sent, client, "ExternalLinkReference")


def _lines(
    record: dict[str, Any],
    on: date | None,
    given: header.Totals,
    debtor: header.Debtor,
    master: MasterData,
    checks: Checks,
) -> list[dict[str, Any]]:
    payload: list[dict[str, Any]] = []
    net = vat = Decimal(0)
    for where, line in lines.numbered(record, checks):
        amounts = lines.amounts(line, where, checks)
        net += amounts.net
        vat += amounts.vat
        account = lines.gl_account(line, where, master, checks)
        default = (account.vat_code if account else "") or debtor.default_vat_code
        code = lines.vat_code(line, where, on, default, amounts, master, checks)
        entry: dict[str, Any] = {"AmountFC": amounts.net}
        if account is not None:
            entry["GLAccount"] = account.id
        if code is not None:
            entry["VATCode"] = code.code
            if lines.takes_vat(code):
                entry["VATAmountFC"] = amounts.vat
        entry |= lines.dimensions(line, where, on, account, master, checks)
        entry |= lines.description(line, where, checks)
        entry |= lines.deferral(line, where, ("From", "To"), checks)
        quantity = lines.quantity(line, where, None, checks)
        if quantity is not None:
            entry["Quantity"] = quantity
        payload.append(entry)
    header.check_sums(given, net, vat, checks)
    return payload

"""Sales entries: one shop invoice or credit memo becomes one entry in the sales journal.

Credits are posted with negative amounts; Exact makes them type 21 by itself. The VAT amount of
each line is pinned, so that Exact agrees with the shop to the cent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_exact_online.documents import header, lines
from target_exact_online.documents.prepared import DocumentSettings, Kind, Prepared

if TYPE_CHECKING:
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
    link="ExternalLinkReference",
)


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `sales_entries` and make its payload.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    draft = header.begin(KIND, record, master, settings, "entry_date", journal_type=header.SALES)
    draft.debtor = header.debtor(draft, record.get("debtor"), KIND.account)
    totals = header.totals(draft)
    header.check_sign(draft, totals)
    payload = header.common(draft) | header.payment(draft) | header.order_link(draft)
    payload |= header.number(draft, "entry_number", "EntryNumber")
    payload |= header.number(draft, "order_number", "OrderNumber")
    if draft.rate is not None and draft.is_foreign:
        payload["Rate"] = draft.rate
    payload[KIND.lines] = [_line(draft, one) for one in lines.adding_up(draft, totals)]
    return draft.finished(payload, totals.amount)


def _line(draft: header.Draft, line: lines.Line) -> dict[str, Any]:
    account = lines.gl_account(draft, line)
    default = (account.vat_code if account else "") or draft.debtor.default_vat_code
    entry: dict[str, Any] = {"AmountFC": line.net}
    if account is not None:
        entry["GLAccount"] = account.id
    entry |= lines.vat(draft, line, default, "VATAmountFC")
    entry |= lines.texts(draft, line, account)
    entry |= lines.deferral(draft, line, "From", "To")
    quantity = lines.quantity(draft, line, None)
    return entry if quantity is None else entry | {"Quantity": quantity}

"""Print sales invoices, and compare the entries that Exact made of them with what was expected."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import odata
from target_exact_online.documents.header import iso
from target_exact_online.documents.prepared import Stored
from target_exact_online.exceptions import DocumentRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import Prepared

PRINTED = "salesinvoice/PrintedSalesInvoices"
ENTRIES = "salesentry/SalesEntries"
PROCESSED = 50
_ALREADY = ("reeds verwerkt", "already processed")


def print_invoice(prepared: Prepared, invoice_id: str, client: ExactClient) -> Stored:
    """Process an open invoice, so that Exact numbers and books it. No e-mail is sent.

    Args:
        prepared: The invoice.
        invoice_id: Its GUID.
        client: Makes the call.
    """
    if prepared.print_date is None:
        msg = f"{prepared.stream} are not printed"
        raise ValueError(msg)
    payload = {
        "InvoiceID": invoice_id,
        "InvoiceDate": iso(prepared.print_date),
        "SendEmailToCustomer": False,
    }
    try:
        row = client.post(PRINTED, payload, division=prepared.division)
    except DocumentRefusedError as error:
        if not _printed_before(error):
            raise
        return Stored(invoice_id, None)
    failures = (row.get("DocumentCreationError"), row.get("EmailCreationError"))
    warnings = tuple(f"Exact printed the invoice, but: {said}" for said in failures if said)
    return Stored(invoice_id, None, warnings)


def compare(
    printed: Sequence[Prepared], client: ExactClient
) -> dict[str, tuple[int | None, list[str]]]:
    """Read the entries of printed invoices, many per call, and compare them line by line.

    Args:
        printed: Invoices of one division.
        client: Makes the calls.

    Returns:
        By document key: the invoice number, and what differs (nothing is empty).
    """
    answers: dict[str, tuple[int | None, list[str]]] = {}
    for start in range(0, len(printed), odata.MAX_TERMS):
        some = printed[start : start + odata.MAX_TERMS]
        references = sorted({odata.text(one.your_ref) for one in some})
        entries = list(
            client.get(
                ENTRIES,
                division=some[0].division,
                select="EntryID,EntryNumber,Journal,YourRef,AmountFC,SalesEntryLines",
                filter=odata.any_of("YourRef", references),
                expand="SalesEntryLines",
            )
        )
        for one in some:
            answers[one.document_key] = _compare_one(one, entries)
    return answers


def _compare_one(one: Prepared, entries: Sequence[dict[str, Any]]) -> tuple[int | None, list[str]]:
    mine = [
        entry
        for entry in entries
        if entry["YourRef"] == one.your_ref
        and entry["Journal"] == one.payload["Journal"]
        and (_amount(entry) < 0) == (one.expected_total < 0)
    ]
    if len(mine) != 1:
        return None, [f"Exact has {len(mine)} entries of the printed invoice {one.your_ref}"]
    entry = mine[0]
    differences = []
    if _amount(entry) != one.expected_total:
        differences.append(f"the total is {_amount(entry)}, expected was {one.expected_total}")
    found: dict[tuple[str, str, str, str], Decimal] = {}
    for line in entry["SalesEntryLines"]:
        key = (
            str(line.get("GLAccountCode") or ""),
            str(line.get("VATCode") or ""),
            str(line.get("CostCenter") or ""),
            str(line.get("CostUnit") or ""),
        )
        found[key] = found.get(key, Decimal(0)) + _amount(line)
    expected = {
        (line.gl_account, line.vat_code, line.cost_center, line.cost_unit): line.amount
        for line in one.expected_lines
    }
    for key in sorted(expected.keys() | found.keys()):
        is_there, wanted = found.get(key, Decimal(0)), expected.get(key, Decimal(0))
        if is_there != wanted:
            named = " / ".join(part for part in key if part)
            differences.append(f"{named} has {is_there}, expected was {wanted}")
    return entry.get("EntryNumber"), differences


def _amount(row: dict[str, Any]) -> Decimal:
    return Decimal(str(row.get("AmountFC") or 0))


def _printed_before(error: DocumentRefusedError) -> bool:
    said = " ".join(problem.original or "" for problem in error.problems).casefold()
    return any(words in said for words in _ALREADY)

"""Booking mode `sales_entry`: one sales entry per invoice and per credit memo.

The shop's invoice stays the legal one; Exact makes the debtor and VAT lines itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.booking.header import Record, totals
from mapper_gl_rules.booking.postings import Posting, deferral_end

if TYPE_CHECKING:
    from datetime import date

__all__ = ["sales_entry", "sales_entry_line"]


def sales_entry(header: Record, postings: list[Posting], entry_date: date, journal: str) -> Record:
    """Build the document.

    Args:
        header: The common fields with the debtor.
        postings: Grouped and balanced.
        entry_date: Local date of the company.
        journal: Sales journal.
    """
    return {
        **header,
        "kind": header["source"]["kind"],
        "journal": journal,
        "entry_date": entry_date.isoformat(),
        "payment_reference": header["source"]["order_increment_id"],
        "lines": [sales_entry_line(posting, entry_date) for posting in postings],
        "totals": totals(postings),
    }


def sales_entry_line(posting: Posting, entry_date: date) -> Record:
    """Build one line: net amount and pinned VAT."""
    book = posting.outcome
    line: Record = {
        "gl_account": book.gl,
        "amount": posting.net,
        "rule": posting.rule,
        **posting.supplied,
    }
    if posting.code is not None:
        line["vat_code"] = posting.code.code
        line["vat_amount"] = posting.vat
        line["vat_percentage"] = posting.code.rate
    if book.cost_center is not None:
        line["cost_center"] = book.cost_center
    if book.cost_unit is not None:
        line["cost_unit"] = book.cost_unit
    line["description"] = (posting.name or posting.sku or posting.kind.replace("_", " "))[:60]
    if posting.quantity is not None:
        line["quantity"] = posting.quantity
    if book.deferral_months is not None:
        line["from"] = entry_date.isoformat()
        line["to"] = deferral_end(entry_date, book.deferral_months).isoformat()
    return line

"""Booking mode `sales_invoice`: Exact prints the invoice and makes the entry itself."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from mapper_gl_rules.booking.header import Record, totals
from mapper_gl_rules.booking.sales_entry import sales_entry_line
from mapper_gl_rules.money import rounded

if TYPE_CHECKING:
    from datetime import date

    from mapper_gl_rules.booking.postings import Posting

_ONE = Decimal(1)
__all__ = ["sales_invoice"]


def sales_invoice(header: Record, postings: list[Posting], day: date, journal: str) -> Record:
    """Build the document: one line per amount of the shop, so that the customer can read it.

    Args:
        header: The common fields with the debtor.
        postings: Balanced, not added up.
        day: Local date of the company.
        journal: Sales journal.
    """
    # Exact prints a sales invoice with its own rate of the day.
    common = {name: value for name, value in header.items() if name != "exchange_rate"}
    return {
        **common,
        "ordered_by": header["debtor"],
        "kind": header["source"]["kind"],
        "journal": journal,
        "invoice_date": day.isoformat(),
        "payment_reference": header["source"]["order_increment_id"],
        "lines": [_line(posting, day) for posting in postings],
        "totals": totals(postings),
    }


def _line(posting: Posting, day: date) -> Record:
    line = sales_entry_line(posting, day)
    line["item"] = posting.outcome.item or posting.sku or posting.kind.upper()
    quantity = posting.quantity or _ONE
    price = rounded(posting.net / quantity)
    if price * quantity != posting.net:
        # Exact multiplies: a price with more decimals would give another amount.
        quantity, price = (_ONE, posting.net) if posting.net >= 0 else (-_ONE, -posting.net)
    line["quantity"] = quantity
    line["unit_price"] = price
    return line

"""Booking a file of the shop's documents without a pipeline, so that anyone can check the sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mapper_gl_rules.booking.booker import Booker
from mapper_gl_rules.booking.day_view import day_entries
from mapper_gl_rules.booking.ledger_view import ledger_view
from mapper_gl_rules.source import Order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mapper_gl_rules.booking.header import Record
    from mapper_gl_rules.booking.result import Booked
    from mapper_gl_rules.rules.facts import DocumentKind
    from mapper_gl_rules.rules.model import Rules
    from mapper_gl_rules.source import Document

__all__ = ["book_documents", "book_one"]

# A sales order books nothing, and the documents of a day are shown as the day's entry.
_NO_ENTRY = {"refused_documents", "summary_documents", "sales_orders"}


def book_one(booker: Booker, kind: DocumentKind, document: Document | Order) -> list[Booked]:
    """Book one document of any kind."""
    if isinstance(document, Order):
        return booker.order(document)
    return booker.document("invoice" if kind == "invoice" else "credit_memo", document)


def book_documents(
    documents: Iterable[tuple[DocumentKind, Document | Order]], rules: Rules
) -> dict[str, Any]:
    """Book invoices and credit memos, and prepayments of orders.

    Returns:
        `documents`: balanced entries with debtor and VAT lines; `refused`: with reasons;
        `skipped`: nothing to book.
    """
    booker = Booker(rules)
    booked: list[Booked] = []
    for kind, document in documents:
        made = book_one(booker, kind, document)
        if kind == "order":  # only money received before the invoice is an entry of its own
            made = [one for one in made if one.stream == "general_journal_entries"]
        booked += made
    booked += day_entries([one.record for one in booked if one.stream == "summary_documents"])
    refused = [one.record for one in booked if one.stream == "refused_documents"]
    return {
        "documents": [ledger_view(one, rules) for one in booked if one.stream not in _NO_ENTRY],
        "refused": [_reason(record) for record in refused if not record["skip"]],
        "skipped": [_reason(record) for record in refused if record["skip"]],
        "rules_version": rules.version,
    }


def _reason(record: Record) -> Record:
    return {
        "ref": record["your_ref"],
        "kind": record["source"]["kind"],
        "reason": record["reason"],
        "where": record["where"],
        "what_to_do": record["what_to_do"],
    }

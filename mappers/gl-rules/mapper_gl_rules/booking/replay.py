"""Booking a file of Adobe's documents without a pipeline, so that anyone can check the sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mapper_gl_rules.booking.booker import Booker
from mapper_gl_rules.booking.daily_journal import DaysInMemory
from mapper_gl_rules.booking.ledger_view import ledger_view
from mapper_gl_rules.exceptions import InputError
from mapper_gl_rules.source import Document, Order  # noqa: TC001  # msgspec reads the types

if TYPE_CHECKING:
    from mapper_gl_rules.booking.result import Booked
    from mapper_gl_rules.rules.model import Rules

__all__ = ["Documents", "book_documents", "read_documents"]


class Documents(msgspec.Struct):
    """Documents in Adobe's REST shape; each invoice and credit memo finds its order by id."""

    order: Order | None = None
    orders: list[Order] = []
    invoices: list[Document] = []
    creditmemos: list[Document] = []


def read_documents(text: bytes, origin: str) -> Documents:
    """Decode documents from JSON.

    Raises:
        InputError: When the JSON has not the shape of Adobe's REST documents.
    """
    try:
        documents = msgspec.json.decode(text, type=Documents)
    except msgspec.DecodeError as error:
        raise InputError(
            what=f"cannot read the documents: {error}",
            where=origin,
            what_to_do='Give {"order" or "orders", "invoices", "creditmemos"} in REST shape.',
        ) from error
    orders = {order.entity_id: order for order in documents.orders}
    if documents.order is not None:
        orders[documents.order.entity_id] = documents.order
    for document in (*documents.invoices, *documents.creditmemos):
        if document.order is None and document.order_id is not None:
            document.order = orders.get(document.order_id)
    return documents


def book_documents(documents: Documents, rules: Rules) -> dict[str, Any]:
    """Book all invoices and credit memos.

    Returns:
        `documents`: balanced entries with debtor and VAT lines; `refused`: reasons.
    """
    days = DaysInMemory(rules)
    booker = Booker(rules, days)
    booked: list[Booked] = []
    for invoice in documents.invoices:
        booked += booker.document("invoice", invoice)
    for memo in documents.creditmemos:
        booked += booker.document("credit_memo", memo)
    booked += days.entries()
    refused = [one.record for one in booked if one.stream == "refused_documents"]
    return {
        "documents": [
            ledger_view(one, rules) for one in booked if one.stream != "refused_documents"
        ],
        "refused": [
            {
                "ref": record["your_ref"],
                "kind": record["source"]["kind"],
                "reason": record["reason"],
                "where": record["where"],
                "what_to_do": record["what_to_do"],
                "skip": record["skip"],
            }
            for record in refused
        ],
        "rules_version": rules.version,
    }

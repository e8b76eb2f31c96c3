"""Booking a file of Adobe's documents without a pipeline, so that anyone can check the sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from mapper_gl_rules.booking.booker import Booker
from mapper_gl_rules.booking.day_view import day_entries
from mapper_gl_rules.booking.ledger_view import ledger_view
from mapper_gl_rules.exceptions import InputError
from mapper_gl_rules.source.decoding import Decoder

if TYPE_CHECKING:
    from mapper_gl_rules.booking.header import Record
    from mapper_gl_rules.booking.result import Booked
    from mapper_gl_rules.rules.model import Rules
    from mapper_gl_rules.source import Document, Order

__all__ = ["Documents", "book_documents", "read_documents"]


_NO_ENTRY = ("refused_documents", "summary_documents")


class Documents(NamedTuple):
    """Documents in Adobe's REST shape; each invoice and credit memo has its order."""

    orders: list[Order]
    invoices: list[Document]
    creditmemos: list[Document]


class _File(msgspec.Struct):
    """A file of documents, not decoded yet."""

    order: msgspec.Raw = msgspec.Raw()
    orders: list[msgspec.Raw] = []
    invoices: list[msgspec.Raw] = []
    creditmemos: list[msgspec.Raw] = []


def read_documents(text: bytes, origin: str, *, base: bool = False) -> Documents:
    """Decode documents from JSON; each finds its order by `order_id`.

    Args:
        text: {"order" or "orders", "invoices", "creditmemos"}.
        origin: File name, for messages.
        base: Whether to take the amounts in base currency.

    Raises:
        InputError: When the JSON has not the shape of Adobe's REST documents.
    """
    decoder = Decoder(base=base)
    place = origin
    try:
        file = msgspec.json.decode(text, type=_File)
        raws = [*file.orders, *([file.order] if bytes(file.order) else [])]
        orders = []
        documents: dict[str, list[Document]] = {"invoices": [], "creditmemos": []}
        for number, raw in enumerate(raws):
            place = f"{origin}, order {number + 1}"
            orders.append(decoder.order(raw))
        for name, found in documents.items():
            for number, raw in enumerate(getattr(file, name)):
                place = f"{origin}, {name}[{number}]"
                found.append(decoder.document(raw))
    except msgspec.DecodeError as error:
        raise InputError(
            what=f"cannot read the documents: {error}",
            where=place,
            what_to_do='Give {"order" or "orders", "invoices", "creditmemos"} in REST shape.',
        ) from error
    by_id = {order.entity_id: order for order in orders}
    for document in (*documents["invoices"], *documents["creditmemos"]):
        if document.order is None and document.order_id is not None:
            document.order = by_id.get(document.order_id)
    return Documents(orders, **documents)


def book_documents(documents: Documents, rules: Rules) -> dict[str, Any]:
    """Book all invoices and credit memos, and prepayments of orders.

    Returns:
        `documents`: balanced entries with debtor and VAT lines; `refused`: with reasons;
        `skipped`: nothing to book.
    """
    booker = Booker(rules)
    booked: list[Booked] = []
    for order in documents.orders:
        # A sales order books nothing; only money received before the invoice does.
        booked += [one for one in booker.order(order) if one.stream == "general_journal_entries"]
    for invoice in documents.invoices:
        booked += booker.document("invoice", invoice)
    for memo in documents.creditmemos:
        booked += booker.document("credit_memo", memo)
    booked += day_entries([one.record for one in booked if one.stream == "summary_documents"])
    refused = [one.record for one in booked if one.stream == "refused_documents"]
    entries = [one for one in booked if one.stream not in _NO_ENTRY]
    return {
        "documents": [ledger_view(one, rules) for one in entries],
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

"""From a record of contract 1 to documents of contract 2: pure, the same for every caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from mapper_gl_rules.amounts import read_document
from mapper_gl_rules.booking.debtor import debtor_of
from mapper_gl_rules.booking.header import Record, document_header, refused_document
from mapper_gl_rules.booking.postings import Postings, role_of
from mapper_gl_rules.booking.sales_entry import sales_entry
from mapper_gl_rules.booking.sales_order import check_state, sales_order
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.rules.facts import DocumentFacts, document_facts

if TYPE_CHECKING:
    from mapper_gl_rules.rules.model import Rules
    from mapper_gl_rules.source import Document, Order

__all__ = ["Booked", "Booker"]


class Booked(NamedTuple):
    """One document of contract 2.

    Attributes:
        stream: Stream it belongs to.
        record: The document.
        roles: What each of its lines is (revenue, discount, ...), for people.
    """

    stream: str
    record: Record
    roles: tuple[str, ...] = ()


_CANCELED_INVOICE = 3


class Booker:
    """Books documents under one set of rules."""

    def __init__(self, rules: Rules) -> None:
        """Compile the rules once."""
        self.rules = rules
        self.postings = Postings(rules)

    def order(self, order: Order) -> list[Booked]:
        """Give the sales order of an order, or its refusal."""
        try:
            check_state(order)
            facts = document_facts("order", order, order, self.rules.settings)
            header = self._header(order, order, facts)
            return [Booked("sales_orders", sales_order(header, order, facts, self.postings))]
        except DocumentRefusedError as error:
            return [self._refused("order", order, order, error)]

    def document(
        self,
        kind: Literal["invoice", "credit_memo"],
        document: Document,
    ) -> list[Booked]:
        """Give the documents of an invoice or credit memo, or its refusal."""
        try:
            return self._book(kind, document, _order_of(kind, document))
        except DocumentRefusedError as error:
            return [self._refused(kind, document, document.order, error)]

    def _book(
        self,
        kind: Literal["invoice", "credit_memo"],
        document: Document,
        order: Order,
    ) -> list[Booked]:
        settings = self.rules.settings
        facts = document_facts(kind, document, order, settings)
        refusal = self.postings.matcher.refusal(facts)
        if refusal is not None:
            raise DocumentRefusedError(
                reason=f"rule {refusal.name!r} refuses it: {refusal.refuse}",
                where="document",
                what_to_do="Do what the rule says, or change it.",
            )
        amounts = read_document(document, order, settings.options)
        sign = -1 if kind == "credit_memo" else 1
        postings = self.postings.grouped(amounts, facts, sign)
        if not postings:
            raise DocumentRefusedError(
                reason=f"nothing to book, every amount is 0.00: {amounts.arithmetic}",
                where="grand_total",
                what_to_do="Nothing.",
                skip=True,
            )
        header = self._header(document, order, facts)
        journal = self.postings.matcher.outcome(facts, "journal") or settings.journal
        entry = sales_entry(header, postings, facts.entry_date, journal)
        condition = self.postings.matcher.outcome(facts, "payment_condition")
        if condition is not None:
            entry["payment_condition"] = condition
        return [Booked("sales_entries", entry, tuple([role_of(one.kind) for one in postings]))]

    def unreadable(self, stream: str, record: Record, problem: str) -> Booked:
        """Give the refusal of a record that has not the shape of contract 1."""
        kind = {"orders": "order", "invoices": "invoice"}.get(stream, "credit_memo")
        source = record.get("source") or {}
        instance = source.get("instance") or source.get("host") or "shop"
        number = str(record.get("increment_id") or record.get("entity_id") or "unknown")
        problem, _, place = problem.partition(" - at ")
        refused = {
            "document_key": f"{instance}:{kind}:{number}",
            "your_ref": number,
            "description": f"{kind.replace('_', ' ').capitalize()} {number}"[:60],
            "reason": f"the document cannot be read: {problem}",
            "where": place.strip("`").removeprefix("$.") or "record",
            "what_to_do": "Compare with the shop; report it if the shop shows a right document.",
            "skip": False,
            "rules_version": self.rules.version,
            "source": {"instance": instance, "kind": kind, "increment_id": number},
        }
        return Booked("refused_documents", refused)

    def _header(self, document: Document | Order, order: Order, facts: DocumentFacts) -> Record:
        header = document_header(document, order, facts, self.rules)
        header["debtor"] = debtor_of(order, facts, self.postings.matcher, self.rules.settings)
        return header

    def _refused(
        self,
        kind: str,
        document: Document | Order,
        order: Order | None,
        error: DocumentRefusedError,
    ) -> Booked:
        record = refused_document(kind, document, order, error, self.rules.version)
        return Booked("refused_documents", record)


def _order_of(kind: str, document: Document) -> Order:
    """Give the order of a document that can be booked at all.

    Raises:
        DocumentRefusedError: When the order is missing or the invoice was cancelled.
    """
    if document.order is None:
        raise DocumentRefusedError(
            reason=f"order {document.order_id} did not come with the document",
            where="order",
            what_to_do="Give the tap the right to read orders, then run again.",
        )
    if kind == "invoice" and document.state == _CANCELED_INVOICE:
        raise DocumentRefusedError(
            reason="the shop has cancelled this invoice",
            where="state",
            what_to_do="If it was posted before, credit it in Exact; else nothing.",
        )
    return document.order

"""From a record of contract 1 to documents of contract 2: pure, the same for every caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mapper_gl_rules.booking.debtor import debtor_of
from mapper_gl_rules.booking.header import (
    Record,
    document_header,
    document_key,
    refused_document,
)
from mapper_gl_rules.booking.payment import MoneyKind, money_entry
from mapper_gl_rules.booking.postings import Postings, role_of
from mapper_gl_rules.booking.result import Booked
from mapper_gl_rules.booking.sales_entry import sales_entry
from mapper_gl_rules.booking.sales_invoice import sales_invoice
from mapper_gl_rules.booking.sales_order import check_state, sales_order
from mapper_gl_rules.booking.summary_document import summary_document
from mapper_gl_rules.booking.tax_points import AtTaxPoint, decided_tax_point
from mapper_gl_rules.dates import MoneyDate, payment_date, prepayment_date, refund_date
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, minor_unit, rounded, show
from mapper_gl_rules.rules.facts import DocumentFacts, document_facts
from mapper_gl_rules.source.broken import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapper_gl_rules.amounts import Amounts
    from mapper_gl_rules.rules.matching import Decision
    from mapper_gl_rules.rules.model import Rule, Rules
    from mapper_gl_rules.source import Document, Order

__all__ = ["Booker"]


_OPEN, _CANCELED = 1, 3
_OUT_OF_RANGE = (ArithmeticError, *UNREADABLE)
_MONEY_ROLES = {"settlement": "prepayment"}


class Booker:
    """Books documents under one set of rules."""

    def __init__(self, rules: Rules) -> None:
        """Compile the rules once.

        Args:
            rules: What the accountant decided.
        """
        self.rules = rules
        self.postings = Postings(rules)
        self._prepayments = any(rule.book and rule.book.prepayment_gl for rule in rules.rules)

    def order(self, order: Order) -> list[Booked]:
        """Give the sales order of an order and its prepayment, or its refusal.

        Nothing comes of an order where the rules want neither.
        """
        settings = self.rules.settings
        try:
            facts = document_facts("order", order, order, settings)
            decision = self.postings.matcher.decide(facts)
            booked = self._prepayment(order, facts, decision) if self._prepayments else []
            if settings.sales_orders:
                check_state(order)
                check_refusal(decision.refusal)
                header = document_header(order, order, facts, decision, self.rules)
                header["debtor"] = debtor_of(order, facts, decision, settings)
                _take_payment_condition(header, decision)
                entry = sales_order(header, order, facts, self.postings)
                booked.append(Booked("sales_orders", entry))
        except DocumentRefusedError as error:
            return [self._refused("order", order, order, error)]
        except _OUT_OF_RANGE as error:
            return [self._refused("order", order, order, _out_of_range(error))]
        return booked

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
        except _OUT_OF_RANGE as error:
            return [self._refused(kind, document, document.order, _out_of_range(error))]

    def _book(
        self,
        kind: Literal["invoice", "credit_memo"],
        document: Document,
        order: Order,
    ) -> list[Booked]:
        settings = self.rules.settings
        (facts, decision, postings), amounts = self.decided(kind, document, order)
        if not postings:
            raise DocumentRefusedError(
                reason=f"nothing to book, every amount is 0.00: {amounts.arithmetic}",
                where="grand_total",
                what_to_do="Nothing.",
                skip=True,
            )
        header = document_header(document, order, facts, decision, self.rules)
        mode = decision.outcome("mode") or settings.mode
        # The EC sales list needs the customer of a reverse charge, and a journal entry has no
        # period of deferred revenue: neither is summed up.
        alone = facts.reverse_charge or any(one.outcome.deferral_months for one in postings)
        if mode == "daily_journal" and not alone:
            return [summary_document(header, facts, postings, decision, settings)]
        header["debtor"] = debtor_of(order, facts, decision, settings)
        journal = decision.outcome("journal") or settings.journal
        build, stream = (
            (sales_invoice, "sales_invoices")
            if mode == "sales_invoice"
            else (sales_entry, "sales_entries")
        )
        entry = build(header, postings, facts.booking_date, journal)
        _take_payment_condition(entry, decision)
        roles = tuple([role_of(posting.kind) for posting in postings])
        return [
            Booked(stream, entry, roles),
            *self._money(document, header, facts, entry, decision),
        ]

    def decided(
        self, kind: Literal["invoice", "credit_memo"], document: Document, order: Order
    ) -> tuple[AtTaxPoint, Amounts]:
        """Give what the rules make of a document, and its amounts.

        Raises:
            DocumentRefusedError: It cannot be booked.
        """
        first = document_facts(kind, document, order, self.rules.settings)
        check_refusal(self.postings.matcher.decide(first).refusal)
        amounts = self.postings.amounts(first, document, order)
        _check_sign(kind, document, amounts)
        return decided_tax_point(first, lambda facts: self._at(facts, amounts)), amounts

    def _at(self, facts: DocumentFacts, amounts: Amounts) -> AtTaxPoint:
        """Decide about a document at one tax point."""
        decision = self.postings.matcher.decide(facts)
        check_refusal(decision.refusal)
        mode = decision.outcome("mode") or self.rules.settings.mode
        sign = -1 if facts.kind == "credit_memo" else 1
        grouped = mode != "sales_invoice"
        postings = self.postings.balanced(amounts, facts, sign, grouped=grouped)
        return AtTaxPoint(facts, decision, postings)

    def _money(
        self,
        document: Document,
        header: Record,
        facts: DocumentFacts,
        entry: Record,
        decision: Decision,
    ) -> list[Booked]:
        """Give the entry that closes the debtor, where a rule names a clearing account."""
        amount = entry["totals"]["amount"]
        clearing = decision.outcome("clearing_gl")
        if clearing is None or not amount or document.state == _OPEN:
            return []
        settings = self.rules.settings
        debtor = settings.debtor_gl
        prepayment = decision.outcome("prepayment_gl")
        kind: MoneyKind = "payment"
        debit, credit = clearing, debtor
        if facts.kind == "credit_memo":
            kind, debit, credit, amount = "refund", debtor, clearing, -amount
        elif prepayment is not None:
            kind, debit = "settlement", prepayment
        try:
            moved = self._money_date(kind, document, facts)
            record = money_entry(kind, header, document, debit, credit, amount, moved, settings)
        except DocumentRefusedError as error:
            # The invoice itself is right: only its payment waits for a person.
            return [self._refused(kind, document, document.order, error)]
        roles = tuple(
            [
                "debtor" if line["gl_account"] == debtor else _MONEY_ROLES.get(kind, "clearing")
                for line in record["lines"]
            ],
        )
        return [Booked("general_journal_entries", record, roles)]

    def _money_date(self, kind: MoneyKind, document: Document, facts: DocumentFacts) -> MoneyDate:
        """Give the day on which the money of an entry moved; a settlement moves none."""
        settings = self.rules.settings
        if kind == "settlement" or document.order is None:
            return MoneyDate(facts.booking_date, "document")
        find = refund_date if kind == "refund" else payment_date
        return find(document, document.order, settings.time_zone, settings.payment_date)

    def _prepayment(self, order: Order, facts: DocumentFacts, decision: Decision) -> list[Booked]:
        """Give the entry of money received before the invoice, once the order is paid in full."""
        clearing = decision.outcome("clearing_gl")
        prepayment = decision.outcome("prepayment_gl")
        paid = order.total_paid
        if clearing is None or prepayment is None or not paid or paid < order.grand_total:
            return []
        header = document_header(order, order, facts, decision, self.rules)
        amount = rounded(order.grand_total, minor_unit(facts.currency))
        settings = self.rules.settings
        record = money_entry(
            "prepayment",
            header,
            order,
            clearing,
            prepayment,
            amount,
            prepayment_date(order, settings.time_zone, settings.payment_date),
            settings,
        )
        return [Booked("general_journal_entries", record, ("clearing", "prepayment"))]

    def unreadable(self, stream: str, known: Mapping[str, str], problem: str) -> Booked:
        """Give the refusal of a record that has not the shape of contract 1.

        Args:
            stream: Of the tap.
            known: What could be told of it, by path.
            problem: Why it cannot be read.
        """
        kind = {"orders": "order", "invoices": "invoice"}.get(stream, "credit_memo")
        number = known.get("increment_id") or known.get("entity_id") or "unknown"
        source = {
            "instance": known.get("source.instance") or known.get("source.host") or "shop",
            "store_code": known.get("source.store_code"),
            "kind": kind,
            "increment_id": number,
        }
        problem, _, place = problem.partition(" - at ")
        refused = {
            "document_key": document_key(source),
            "your_ref": number,
            "description": f"{kind.replace('_', ' ').capitalize()} {number}"[:60],
            "reason": f"the document cannot be read: {problem}",
            "where": place.strip("`").removeprefix("$.") or "record",
            "what_to_do": "Compare with the shop; report it if the shop shows a right document.",
            "skip": False,
            "rules_version": self.rules.version,
            "source": source,
        }
        return Booked("refused_documents", refused)

    def _refused(
        self,
        kind: str,
        document: Document | Order,
        order: Order | None,
        error: DocumentRefusedError,
    ) -> Booked:
        record = refused_document(kind, document, order, error, self.rules.version)
        return Booked("refused_documents", record)


def _out_of_range(error: Exception) -> DocumentRefusedError:
    """Refuse amounts that nobody can reckon with, and bytes that cannot be decoded."""
    return DocumentRefusedError(
        reason=f"an amount or text of the document is out of range ({type(error).__name__})",
        where="record",
        what_to_do="Compare with the shop; report it if the shop shows a right document.",
    )


def _order_of(kind: str, document: Document) -> Order:
    """Give the order of a document that can be booked at all.

    Raises:
        DocumentRefusedError: When the order is missing or the document was cancelled.
    """
    if document.order is None:
        raise DocumentRefusedError(
            reason=f"order {document.order_id} did not come with the document",
            where="order",
            what_to_do="Give the tap the right to read orders, then run again.",
        )
    if document.state == _CANCELED:
        raise DocumentRefusedError(
            reason=f"the shop has cancelled this {kind.replace('_', ' ')}",
            where="state",
            what_to_do="If it was posted before, take it back in Exact; else nothing.",
        )
    return document.order


def _check_sign(kind: str, document: Document, amounts: Amounts) -> None:
    """Refuse a document that asks for what its kind gives.

    Exact has no credit note that the customer pays; the shop can make one, by a fee.
    """
    if amounts.owed >= 0:
        return
    fee = document.adjustment_negative or ZERO
    if kind == "credit_memo" and fee:
        reason = (
            f"the fee kept back (adjustment_negative {show(fee)}) is more than the refund of "
            f"{show(amounts.owed + fee)}: the customer owes {show(-amounts.owed)}"
        )
        where, what = "adjustment_negative", "Charge the customer by an invoice of your own"
    else:
        reason, where, what = "the total is negative", "grand_total", "Look at it in the shop"
    raise DocumentRefusedError(
        reason=f"{reason}: {amounts.arithmetic}",
        where=where,
        what_to_do=f"{what}, and book it by hand.",
    )


def _take_payment_condition(record: Record, decision: Decision) -> None:
    condition = decision.outcome("payment_condition")
    if condition is not None:
        record["payment_condition"] = condition


def check_refusal(rule: Rule | None) -> None:
    """Refuse what a rule refuses as a whole."""
    if rule is not None:
        raise DocumentRefusedError(
            reason=f"rule {rule.name!r} refuses it: {rule.refuse}",
            where="document",
            what_to_do="Do what the rule says, or change it.",
        )

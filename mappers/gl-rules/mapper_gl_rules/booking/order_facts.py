"""What a month-end asks of orders beside their documents: pieces, payments, what is due.

Documents tell amounts by rule; what is deferred when a month ends needs them by order line, with
the pieces that were invoiced and shipped. Only the month-end reads these records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mapper_gl_rules.booking.booker import check_refusal
from mapper_gl_rules.booking.header import document_key, exchange_rate, source_of
from mapper_gl_rules.booking.postings import round_to
from mapper_gl_rules.booking.result import Booked
from mapper_gl_rules.dates import document_dates, first_capture, local_day, prepayment_date
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, minor_unit
from mapper_gl_rules.rules.facts import document_facts
from mapper_gl_rules.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mapper_gl_rules.amounts import Amounts
    from mapper_gl_rules.booking.booker import Booker
    from mapper_gl_rules.rules.facts import DocumentFacts
    from mapper_gl_rules.source import Document, Order, Shipment

__all__ = ["OrderFacts"]

_STREAM = "order_facts"
_CANCELED = 3
Record = dict[str, Any]


class OrderFacts:
    """Tells the facts of orders under one set of rules."""

    def __init__(self, booker: Booker) -> None:
        """Take the rules from what books by them."""
        self._booker = booker
        self._rules = booker.rules

    def rules(self, streams: Iterable[str]) -> list[Booked]:
        """Give what the rules say to a month-end, and which streams of the tap were read.

        Args:
            streams: Their names.
        """
        settings, deferred = self._rules.settings, self._rules.settings.deferred
        record: Record = {
            "document_key": f"rules:{self._rules.version}",
            "kind": "rules",
            "rules_version": self._rules.version,
            "streams": sorted(streams),
            "vat_boxes": {one.code: one.box for one in self._rules.vat_codes if one.box},
        }
        if deferred is not None:
            record["deferred"] = {
                "journal": settings.general_journal,
                "not_shipped": deferred.not_shipped,
                "not_invoiced": deferred.not_invoiced,
                "paid": deferred.paid,
            }
        return [Booked(_STREAM, record)]

    def document(self, kind: Literal["invoice", "credit_memo"], document: Document) -> list[Booked]:
        """Give the pieces of an invoice or credit memo; of one that is refused only why."""
        order = document.order
        if order is None or document.state == _CANCELED:
            return []
        record = self._begun(kind, document, order)
        if self._rules.settings.deferred is not None:
            try:
                record |= self._days(document, order, credit_memo=kind == "credit_memo")
                record["items"] = _items(order)
                decided, amounts = self._booker.decided(kind, document, order)
                if (division := decided.decision.outcome("division")) is not None:
                    record["division"] = division
                sign = -1 if kind == "credit_memo" else 1
                record["lines"] = self._lines(amounts, decided.facts, sign)
                record |= self._rate(document)
            except DocumentRefusedError as error:
                record["reason"] = error.reason
        return [Booked(_STREAM, record)]

    def order(self, order: Order) -> list[Booked]:
        """Give the pieces of an order, what was paid for it, and when."""
        record = self._begun("order", order, order)
        if self._rules.settings.deferred is not None and order.state != "canceled":
            try:
                record |= self._days(order, order, credit_memo=False)
                record["items"] = _items(order)
                record |= self._rate(order)
                record |= self._paid(order)
            except DocumentRefusedError as error:
                record["reason"] = error.reason
        return [Booked(_STREAM, record)]

    def _paid(self, order: Order) -> Record:
        settings = self._rules.settings
        facts = document_facts("order", order, order, settings)
        decision = self._booker.postings.matcher.decide(facts)
        check_refusal(decision.refusal)
        record: Record = {
            "clearing_gl": decision.outcome("clearing_gl"),
            "prepayment_gl": decision.outcome("prepayment_gl"),
            "lines": self._lines(self._booker.postings.amounts(facts, order, order), facts, 1),
        }
        if (division := decision.outcome("division")) is not None:
            record["division"] = division
        if order.total_paid:
            moved = prepayment_date(order, settings.time_zone, settings.payment_date)
            first = None
            if moved.seen_by == "capture":
                first = first_capture(order, settings.time_zone)
            record |= {
                "paid": order.total_paid,
                "paid_from": (first or moved.day).isoformat(),
                "paid_on": moved.day.isoformat(),
                "paid_seen_by": moved.seen_by,
            }
        return record

    def shipment(self, shipment: Shipment) -> list[Booked]:
        """Give the pieces that left the house; nothing where no account of deferrals is named."""
        settings = self._rules.settings
        if settings.deferred is None:
            return []
        origin = shipment.source or Source()
        source = {
            "instance": origin.instance or origin.host or "shop",
            "kind": "shipment",
            "entity_id": shipment.entity_id,
            "increment_id": shipment.increment_id,
            "order_entity_id": shipment.order_id,
            "store_code": origin.store_code,
            "website_code": origin.website_code,
            "timezone": origin.timezone,
            "created_at": shipment.created_at,
            "updated_at": shipment.updated_at or shipment.created_at,
        }
        record: Record = {
            "document_key": document_key(source),
            "kind": "shipment",
            "order": shipment.order_id,
            "source": source,
            "rules_version": self._rules.version,
            "lines": [{"item": one.order_item_id, "quantity": one.qty} for one in shipment.items],
        }
        try:
            record["day"] = local_day(shipment.created_at, settings.time_zone).isoformat()
        except DocumentRefusedError as error:
            record["reason"] = error.reason
        return [Booked(_STREAM, record)]

    def _begun(self, kind: str, document: Document | Order, order: Order) -> Record:
        source = source_of(kind, document, order)
        return {
            "document_key": document_key(source),
            "your_ref": document.increment_id,
            "kind": kind,
            "order": order.entity_id,
            "currency": document.order_currency_code or order.order_currency_code,
            "amount": document.grand_total,
            "ordered": order.grand_total,
            "invoiced": order.total_invoiced,
            "due": order.total_due,
            "rules_version": self._rules.version,
            "source": source,
        }

    def _days(self, document: Document | Order, order: Order, *, credit_memo: bool) -> Record:
        zone = self._rules.settings.time_zone
        dates = document_dates(document, order, zone, credit_memo=credit_memo)
        ordered = local_day(order.created_at, zone)
        return {"day": dates.booking_date.isoformat(), "ordered_on": ordered.isoformat()}

    def _rate(self, document: Document | Order) -> Record:
        rate = exchange_rate(document, self._rules.settings.ledger_currency)
        return {} if rate is None else {"exchange_rate": rate}

    def _lines(self, amounts: Amounts, facts: DocumentFacts, sign: int) -> list[Record]:
        """Give net amounts by order line, rounded so that their sum is the document's."""
        charged = [line for line in amounts.lines if line.net or line.vat]
        postings = [self._booker.postings.posting(line, facts, sign) for line in charged]
        round_to(postings, minor_unit(facts.currency))
        return [
            {
                "item": line.item.item_id if line.item else None,
                "kind": line.kind,
                "quantity": line.quantity,
                "amount": posting.net,
                "gl_account": posting.outcome.gl,
                "cost_center": posting.outcome.cost_center,
                "cost_unit": posting.outcome.cost_unit,
            }
            for line, posting in zip(charged, postings, strict=True)
        ]


def _items(order: Order) -> list[Record]:
    return [
        {
            "item": one.item_id,
            "parent": one.parent_item_id,
            "quantity": one.qty_ordered or ZERO,
            "shipped": one.qty_shipped or ZERO,
            "ships": not one.is_virtual,
        }
        for one in order.items
    ]

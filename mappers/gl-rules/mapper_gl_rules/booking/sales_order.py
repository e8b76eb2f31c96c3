"""Orders as sales orders, beside any booking mode; a sales order books nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.booking.addresses import account_name, delivery_address
from mapper_gl_rules.booking.header import Record, totals
from mapper_gl_rules.booking.postings import round_to
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import minor_unit

if TYPE_CHECKING:
    from mapper_gl_rules.booking.postings import Posting, Postings
    from mapper_gl_rules.rules.facts import DocumentFacts
    from mapper_gl_rules.rules.model import Settings
    from mapper_gl_rules.source import Order

__all__ = ["check_state", "sales_order"]

# Adobe's order states of which goods will never or not yet be delivered.
_NOT_NOW = {
    "canceled": "was cancelled",
    "pending_payment": "waits for its payment",
    "payment_review": "is under payment review",
    "holded": "is on hold",
}


def check_state(order: Order) -> None:
    """Refuse, without asking for action, orders that are not to be delivered (now).

    Raises:
        DocumentRefusedError: With `skip`: the order comes again when its state changes.
    """
    reason = _NOT_NOW.get(order.state or "")
    if reason is not None:
        raise DocumentRefusedError(
            reason=f"the order {reason}",
            where="state",
            what_to_do="Nothing: it is sent when the shop processes it.",
            skip=True,
        )


def sales_order(header: Record, order: Order, facts: DocumentFacts, postings: Postings) -> Record:
    """Build the document: one line per product, shipping and fixed product tax.

    Raises:
        DocumentRefusedError: When the order does not add up or no rule matches a line.
    """
    amounts = postings.amounts(facts, order, order)
    lines = postings.single(amounts, facts, 1)
    if not lines:
        raise DocumentRefusedError(
            reason="the order has no amount above 0.00",
            where="grand_total",
            what_to_do="Nothing to deliver against money; send it by hand if it must be in Exact.",
            skip=True,
        )
    round_to(lines, minor_unit(facts.currency))
    return {
        **header,
        "order_date": facts.booking_date.isoformat(),
        **_delivery(header, order, postings.rules.settings),
        "lines": [_line(line) for line in lines],
        "totals": totals(lines),
    }


def _delivery(header: Record, order: Order, settings: Settings) -> Record:
    """Give where the goods go, where the rules want it: a new address costs a call to Exact."""
    if not settings.delivery_addresses:
        return {}
    owner = None if "code" in header["debtor"] else account_name(order)
    address = delivery_address(order, owner)
    return {} if address is None else {"delivery_address": address}


def _line(posting: Posting) -> Record:
    book = posting.outcome
    line: Record = {
        "item": book.item or posting.sku or posting.kind.upper(),
        "quantity": posting.quantity or 1,
        "amount": posting.net,
        "rule": posting.rule,
        "supply": posting.supply,
        "country": posting.country,
    }
    if posting.code is not None:
        line["vat_code"] = posting.code.code
        line["vat_amount"] = posting.vat
    if book.cost_center is not None:
        line["cost_center"] = book.cost_center
    if book.cost_unit is not None:
        line["cost_unit"] = book.cost_unit
    line["description"] = (posting.name or posting.kind.replace("_", " "))[:60]
    return line

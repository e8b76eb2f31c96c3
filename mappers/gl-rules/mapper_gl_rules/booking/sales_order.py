"""Orders as sales orders, beside any booking mode; a sales order books nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.booking.addresses import account_name, delivery_address
from mapper_gl_rules.booking.header import Record, document_key, totals
from mapper_gl_rules.booking.postings import round_to
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import minor_unit

if TYPE_CHECKING:
    from mapper_gl_rules.booking.postings import Posting, Postings
    from mapper_gl_rules.rules.facts import DocumentFacts
    from mapper_gl_rules.rules.model import Settings
    from mapper_gl_rules.source import Order

__all__ = ["check_state", "replaced_order", "sales_order"]

# Adobe's order states of which goods will never or not yet be delivered.
_CANCELLED = "canceled"
_NOT_NOW = {
    _CANCELLED: "was cancelled",
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
            what_to_do="If it was sent before, its sales order is still open in Exact: close it."
            if order.state == _CANCELLED
            else "Nothing: it is sent when the shop processes it.",
            skip=True,
        )


def replaced_order(order: Order) -> str | None:
    """Give the number of the order that an edited order replaces, None for any other order.

    The shop cancels the old order; it does not say there by which it was replaced.
    """
    if order.relation_parent_real_id:
        return order.relation_parent_real_id
    first, edits = order.original_increment_id, int(order.edit_increment or 0)
    if not first or not edits or first == order.increment_id:
        return None
    return first if edits == 1 else f"{first}-{edits - 1}"


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
    old = replaced_order(order)
    if old is not None:
        # Exact keeps the old sales order open until a person closes it.
        description = f"{header['description']}, replaces {old}"[:60]
        header = {
            **header,
            "description": description,
            "replaces": document_key({**header["source"], "increment_id": old}),
        }
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
        **posting.supplied,
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

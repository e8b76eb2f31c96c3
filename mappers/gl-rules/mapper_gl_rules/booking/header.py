"""The fields that every document of contract 2 has."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, minor_unit, rounded, show
from mapper_gl_rules.source import Document, Order, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapper_gl_rules.booking.postings import Posting
    from mapper_gl_rules.rules.facts import DocumentFacts, DocumentKind
    from mapper_gl_rules.rules.matching import Decision
    from mapper_gl_rules.rules.model import Rules

__all__ = [
    "Record",
    "document_header",
    "document_key",
    "exchange_rate",
    "refused_document",
    "source_of",
    "totals",
]

Record = dict[str, Any]
_SIGNIFICANT = Context(prec=12)
_ONE = Decimal(1)
_HEADER_AMOUNTS = 5  # subtotal, discount, shipping, tax, compensation
_NAMES: dict[DocumentKind, str] = {
    "order": "Order",
    "invoice": "Invoice",
    "credit_memo": "Credit memo",
}


def document_key(source: Record, kind: str | None = None) -> str:
    """Give the business key of a document; store views may count alike, so the store is in it.

    Args:
        source: Where the document comes from.
        kind: Another kind that follows from the same document, such as its payment.
    """
    store = source["store_code"] or "-"
    return f"{source['instance']}:{store}:{kind or source['kind']}:{source['increment_id']}"


def document_header(
    document: Document | Order,
    order: Order,
    facts: DocumentFacts,
    decision: Decision,
    rules: Rules,
) -> Record:
    """Give key, reference, description, dates, currency and source of a document."""
    source = source_of(facts.kind, document, order)
    name = _NAMES[facts.kind]
    description = f"{name} {document.increment_id}"
    if document is not order:
        description += f", order {order.increment_id}"
    source["tax_point_of"] = facts.tax_point_of
    header: Record = {
        "document_key": document_key(source),
        "your_ref": f"{decision.outcome('reference_prefix') or ''}{document.increment_id}",
        "description": description[:60],
        "currency": facts.currency,
        "document_date": facts.dates.document_date.isoformat(),
        "tax_point": facts.tax_point.isoformat(),
        "rules_version": rules.version,
        "source": source,
    }
    division = decision.outcome("division")
    if division is not None:
        header["division"] = division
    rate = exchange_rate(document, rules.settings.ledger_currency)
    if rate is not None:
        header["exchange_rate"] = rate
    return header


def source_of(kind: str, document: Document | Order, order: Order | None) -> Record:
    """Give where a document comes from, for the audit trail."""
    origin = document.source or (order.source if order else None) or Source()
    record: Record = {
        "instance": origin.instance or origin.host or "shop",
        "kind": kind,
        "entity_id": document.entity_id,
        "increment_id": document.increment_id,
        "created_at": document.created_at,
        "updated_at": document.updated_at or document.created_at,
        "store_code": origin.store_code,
        "website_code": origin.website_code,
        "timezone": origin.timezone,
    }
    if order is not None:
        record["order_entity_id"] = order.entity_id
        record["order_increment_id"] = order.increment_id
        record["payment_method"] = order.payment.method if order.payment else None
    return record


def exchange_rate(document: Document | Order, ledger_currency: str) -> Decimal | None:
    """Give ledger currency per unit of the document's currency, in significant digits.

    Adobe's base_to_order_rate is order currency per base currency, so its inverse is sent;
    only where the base currency is the ledger's, else Exact's own rate of the day holds. Adobe
    rounds each base amount on its own: where the inverse misses the base total by more than a
    cent, the rate that gives it is sent.

    Raises:
        DocumentRefusedError: When the base total has nothing to do with the rate.
    """
    if (
        document.order_currency_code == ledger_currency
        or document.base_currency_code != ledger_currency
        or not document.base_to_order_rate
    ):
        return None
    inverse = _SIGNIFICANT.divide(_ONE, document.base_to_order_rate)
    base, total = document.base_grand_total, document.grand_total
    if base is None or not total:
        return inverse
    unit = minor_unit(ledger_currency)
    found = rounded(total * inverse, unit)
    off = abs(found - rounded(base, unit))
    if off <= unit:
        return inverse
    if off > unit * (len(document.items) + _HEADER_AMOUNTS) * max(_ONE, inverse):
        raise DocumentRefusedError(
            reason=f"grand_total {show(total)} at the rate {document.base_to_order_rate:f} is "
            f"{show(found)} {ledger_currency}, base_grand_total is {show(base)}",
            where="base_grand_total",
            what_to_do="Compare the two currencies in the shop's admin, then book it by hand.",
        )
    return _SIGNIFICANT.divide(base, total)


def totals(postings: Sequence[Posting]) -> Record:
    """Add up net and VAT."""
    net = sum([posting.net for posting in postings], ZERO)
    vat = sum([posting.vat for posting in postings], ZERO)
    return {"amount": net + vat, "vat_amount": vat, "net_amount": net}


def refused_document(
    kind: str,
    document: Document | Order,
    order: Order | None,
    error: DocumentRefusedError,
    rules_version: str,
) -> Record:
    """Give the record of a document that cannot be booked."""
    source = source_of(kind, document, order)
    return {
        "document_key": document_key(source),
        "your_ref": document.increment_id,
        "description": f"{kind.replace('_', ' ').capitalize()} {document.increment_id}"[:60],
        "currency": document.order_currency_code or (order.order_currency_code if order else None),
        "reason": error.reason,
        "where": error.where,
        "what_to_do": error.what_to_do,
        "skip": error.skip,
        "amount": document.grand_total,
        "rules_version": rules_version,
        "source": source,
    }

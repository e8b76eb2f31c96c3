"""The facts that rules look at, taken from a document once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.vat import EU, supply_of, vat_country, vat_number_valid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from mapper_gl_rules.amounts import AmountLine
    from mapper_gl_rules.rules.model import Settings
    from mapper_gl_rules.source import Document, Order, OrderItem

__all__ = [
    "DocumentFacts",
    "DocumentKind",
    "LineFacts",
    "document_facts",
    "entry_date",
    "line_facts",
]

DocumentKind = Literal["order", "invoice", "credit_memo"]
_SERVICES = frozenset({"virtual", "downloadable", "giftcard"})


class DocumentFacts(msgspec.Struct, gc=False):
    """Facts of a whole document; `entry_date` is the local date of the company."""

    kind: DocumentKind
    entry_date: date
    currency: str
    country: str | None
    services_country: str | None
    billing_country: str | None
    zone: str | None
    vat_number: str | None
    vat_number_state: str
    reverse_charge: bool
    customer_group: str | None
    store: frozenset[str]
    website: str | None
    payment_method: str | None
    shipping_method: str | None
    goods_value: tuple[tuple[str, Decimal], ...] = ()


class LineFacts(msgspec.Struct, gc=False):
    """Facts of a line."""

    kind: str
    name: str
    sku: str | None
    rate: Decimal | None
    supply: str | None
    product_type: str | None
    attribute_set: str | None
    categories: tuple[str, ...]
    tax_class: str | None
    attributes: tuple[tuple[str, frozenset[str]], ...]


def entry_date(created_at: str, settings: Settings) -> date:
    """Give the local date of a UTC timestamp (`YYYY-MM-DD HH:MM:SS` or ISO 8601).

    Raises:
        DocumentRefusedError: When it is no timestamp.
    """
    try:
        moment = datetime.fromisoformat(created_at)
    except ValueError as error:
        raise DocumentRefusedError(
            reason=f"created_at {created_at!r} is no timestamp",
            where="created_at",
            what_to_do="Read the document again.",
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(settings.time_zone).date()


def document_facts(
    kind: DocumentKind,
    document: Document | Order,
    order: Order,
    settings: Settings,
) -> DocumentFacts:
    """Take the facts of a document and its order.

    The destination is the shipping address; of a virtual order the billing address.
    """
    destination = order.destination
    billing = order.billing_address
    raw_country = destination.country_id if destination else None
    postcode = destination.postcode if destination else None
    country = vat_country(raw_country, postcode, goods=True)
    number = (
        (billing.vat_id if billing else None)
        or (destination.vat_id if destination else None)
        or order.customer_taxvat
    )
    state = "none"
    if number:
        state = "valid" if vat_number_valid(number, raw_country or "") else "invalid"
    source = document.source or order.source
    stores = {
        str(one) for one in (document.store_id, source and source.store_code) if one is not None
    }
    shipping = order.shipping
    return DocumentFacts(
        kind=kind,
        entry_date=entry_date(document.created_at, settings),
        currency=document.order_currency_code or order.order_currency_code or "",
        country=country,
        services_country=raw_country,
        billing_country=billing.country_id if billing else None,
        zone=_zone(country, settings),
        vat_number=number,
        vat_number_state=state,
        reverse_charge=state == "valid" and _foreign(number or "", raw_country or "", settings),
        customer_group=None if order.customer_group_id is None else str(order.customer_group_id),
        store=frozenset(stores),
        website=source.website_code if source else None,
        payment_method=order.payment.method if order.payment else None,
        shipping_method=shipping.method if shipping else None,
    )


def _foreign(number: str, country: str, settings: Settings) -> bool:
    """Tell whether a VAT number is of another member state (or XI), as a reverse charge needs."""
    prefix = number.strip()[:2].upper()
    issuer = {"EL": "GR"}.get(prefix, prefix) if prefix.isalpha() else country
    return (issuer in EU or issuer == "XI") and issuer not in settings.registrations


def _zone(country: str | None, settings: Settings) -> str | None:
    if country is None:
        return None
    if country == settings.home_country:
        return "home"
    return "eu" if country in EU or country == "XI" else "non_eu"


def line_facts(line: AmountLine, document: DocumentFacts, settings: Settings) -> LineFacts:
    """Take the facts of a line, with the kind of supply it is."""
    item = line.item
    product_type = _product_type(item)
    goods = product_type not in _SERVICES
    supply = supply_of(
        country=document.country if goods else document.services_country,
        rate=line.rate,
        goods=goods,
        vat_number=document.reverse_charge,
        registrations=settings.registrations,
    )
    product = item.product if item else None
    attributes = product.custom_attributes if product else None
    return LineFacts(
        kind=line.kind,
        name=line.name,
        sku=item.sku if item else None,
        rate=line.rate,
        supply=supply,
        product_type=product_type,
        attribute_set=_text(product.attribute_set_id if product else None),
        categories=tuple(map(str, (product.category_ids if product else None) or ())),
        tax_class=_text(product.tax_class_id if product else None),
        attributes=_attributes(attributes) if attributes else (),
    )


def _product_type(item: OrderItem | None) -> str | None:
    """Give the ordered product's type; a configurable stays `configurable`."""
    if item is None:
        return None
    return item.product_type or (item.product.type_id if item.product else None)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _attributes(attributes: Mapping[str, Any]) -> tuple[tuple[str, frozenset[str]], ...]:
    """Make attributes comparable; a multiselect comes as a list or comma-separated text."""
    found = []
    for name, value in attributes.items():
        values = value if isinstance(value, list) else str(value).split(",")
        found.append((name, frozenset(str(one).strip() for one in values) | {str(value)}))
    return tuple(sorted(found))

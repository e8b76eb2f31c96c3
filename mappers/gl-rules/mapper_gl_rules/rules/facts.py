"""The facts that rules look at, taken from a document once."""

from __future__ import annotations

from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mapper_gl_rules.dates import DocumentDates, TaxPoint, document_dates
from mapper_gl_rules.money import HUNDRED
from mapper_gl_rules.rules.goods import SERVICES, OtherOrder, Worth, goods_value, piece_value
from mapper_gl_rules.source.decoding import in_other_currency
from mapper_gl_rules.vat import (
    EU,
    TaxedAs,
    VatCodes,
    charged_countries,
    first_valid_number,
    supply_of,
    vat_area,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date
    from decimal import Decimal

    from mapper_gl_rules.amounts import AmountLine
    from mapper_gl_rules.rules.model import Settings
    from mapper_gl_rules.source import Document, Order, OrderItem

__all__ = [
    "DocumentFacts",
    "DocumentKind",
    "LineFacts",
    "Nature",
    "at_tax_point",
    "document_facts",
    "legal_rates",
    "line_facts",
]

DocumentKind = Literal["order", "invoice", "credit_memo"]
Nature = Literal["goods", "services"]

_NOTHING: Mapping[str, str] = MappingProxyType({})
# Adobe's names of taxed amounts that are no product.
_TAX_TYPES = {"shipping": "shipping", "fixed_product_tax": "weee"}


class DocumentFacts(msgspec.Struct, gc=False):
    """Facts of a whole document.

    Dated rules and VAT codes go by `tax_point`. `country` is
    the destination for VAT of goods, `services_country` that of services; they differ in Northern
    Ireland.
    """

    kind: DocumentKind
    booking_date: date
    dates: DocumentDates
    tax_point: date
    tax_point_of: str
    currency: str
    country: str | None
    services_country: str | None
    billing_country: str | None
    zone: str | None
    vat_number: str | None
    vat_number_state: str
    business: bool
    reverse_charge: bool
    customer_group: str | None
    store: frozenset[str]
    website: str | None
    payment_method: str | None
    shipping_method: str | None
    charged: Mapping[tuple[str, int | None], Mapping[str, str]]
    order: Order
    goods_value: Worth
    other_order: OtherOrder


class LineFacts(msgspec.Struct, gc=False):
    """Facts of a line; `supply`, `country` and `nature` only where VAT plays a part."""

    kind: str
    name: str
    sku: str | None
    rate: Decimal | None
    taxed_as: TaxedAs
    supply: str | None
    country: str | None
    nature: Nature | None
    charged: Mapping[str, str]
    vat_country: tuple[str, ...]
    product_type: str | None
    attribute_set: str | None
    categories: tuple[str, ...]
    tax_class: str | None
    attributes: tuple[tuple[str, frozenset[str]], ...]
    own_account: str
    piece_value: Worth | None


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
    place = (destination.country_id, destination.postcode, destination.city) if destination else ()
    country = vat_area(*place, goods=not order.is_virtual) if place else None
    services_country = vat_area(*place, goods=False) if place else None
    number = first_valid_number(_numbers(order))
    source = document.source or order.source
    stores = {
        str(one) for one in (document.store_id, source and source.store_code) if one is not None
    }
    shipping = order.shipping
    dates = document_dates(
        document,
        order,
        settings.time_zone,
        credit_memo=kind == "credit_memo",
    )
    point = dates.tax_points[0]
    other = cache(partial(in_other_currency, document, order))
    return DocumentFacts(
        kind=kind,
        booking_date=dates.booking_date,
        dates=dates,
        tax_point=point.day,
        tax_point_of=point.of,
        currency=document.order_currency_code or order.order_currency_code or "",
        country=country,
        services_country=services_country,
        billing_country=billing.country_id if billing else None,
        zone=_zone(country, settings),
        vat_number=number.number,
        vat_number_state=number.state,
        business=number.state == "valid",
        reverse_charge=number.is_foreign(settings.registrations),
        customer_group=None if order.customer_group_id is None else str(order.customer_group_id),
        store=frozenset(stores),
        website=source.website_code if source else None,
        payment_method=order.payment.method if order.payment else None,
        shipping_method=shipping.method if shipping else None,
        charged=charged_countries(order),
        order=order,
        goods_value=partial(goods_value, order, settings.options, other),
        other_order=other,
    )


def at_tax_point(facts: DocumentFacts, point: TaxPoint) -> DocumentFacts:
    """Give the facts of a document at another tax point."""
    return msgspec.structs.replace(facts, tax_point=point.day, tax_point_of=point.of)


def _numbers(order: Order) -> Iterator[tuple[str | None, str | None]]:
    """Give the VAT numbers of an order, each with the country of one without prefix."""
    billing, destination = order.billing_address, order.destination
    if billing:
        yield billing.vat_id, billing.country_id
    if destination and destination is not billing:
        yield destination.vat_id, destination.country_id
    home = billing or destination
    yield order.customer_taxvat, home.country_id if home else None


def _zone(country: str | None, settings: Settings) -> str | None:
    if country is None:
        return None
    if country == settings.home_country:
        return "home"
    return "eu" if country in EU or country == "XI" else "non_eu"


def line_facts(
    line: AmountLine, document: DocumentFacts, settings: Settings, codes: VatCodes
) -> LineFacts:
    """Take the facts of a line, with the kind of supply it is and its legal percentage."""
    item = line.item
    product_type = _product_type(item)
    goods = _is_goods(item, product_type, document.order)
    country = document.country if goods else document.services_country
    supply = _supply(document, settings, country, line.rate, goods=goods)
    taxed_as = TaxedAs(supply, country, document.tax_point)
    charged = _charged(line, document) if line.vat else _NOTHING
    product = item.product if item else None
    attributes = product.custom_attributes if product else None
    return LineFacts(
        kind=line.kind,
        name=line.name,
        sku=item.sku if item else None,
        rate=codes.percentage(taxed_as, line.rate, line.net, line.vat, line.quantity),
        taxed_as=taxed_as,
        supply=supply,
        country=country if supply else None,
        nature=("goods" if goods else "services") if supply else None,
        charged=charged,
        vat_country=tuple(sorted(set(charged.values()))),
        product_type=product_type,
        attribute_set=_text(product.attribute_set_id if product else None),
        categories=tuple(map(str, (product.category_ids if product else None) or ())),
        tax_class=_text(product.tax_class_id if product else None),
        attributes=_attributes(attributes) if attributes else (),
        own_account="named" if product and product.gl_account else "none",
        piece_value=partial(
            piece_value, line, document.order, settings.options, document.other_order
        )
        if line.quantity
        else None,
    )


def legal_rates(document: DocumentFacts, settings: Settings, codes: VatCodes) -> frozenset[Decimal]:
    """Give the percentages that may be charged on a document, by the VAT codes of the rules.

    Those of its destination, for goods and for services, at every day that may be its tax point.
    """
    return frozenset(
        rate
        for country, goods in ((document.country, True), (document.services_country, False))
        for day in document.dates.possible_days
        for rate in codes.legal(
            TaxedAs(_supply(document, settings, country, HUNDRED, goods=goods), country, day)
        )
        if rate
    )


def _supply(
    document: DocumentFacts,
    settings: Settings,
    country: str | None,
    rate: Decimal | None,
    *,
    goods: bool,
) -> str | None:
    return supply_of(
        country=country,
        rate=rate,
        goods=goods,
        business=document.business,
        reverse_charge=document.reverse_charge,
        registrations=settings.registrations,
        home=settings.home_country,
    )


def _charged(line: AmountLine, document: DocumentFacts) -> Mapping[str, str]:
    """Give the tax codes of a line, with the country each is of."""
    kind = _TAX_TYPES.get(line.kind, "product")
    found = document.charged.get((kind, line.item.item_id if line.item else None))
    return found or _NOTHING


def _is_goods(item: OrderItem | None, product_type: str | None, order: Order) -> bool:
    """Tell goods from services; what is no product, such as shipping, goes with the order."""
    return product_type not in SERVICES if item else not order.is_virtual


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

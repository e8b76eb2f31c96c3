"""Invented customers and guests of a generated shop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.data.carts import Buyer
from commerce_sandbox.data.catalog import (
    B2B,
    BE,
    DE,
    INTL,
    NL,
    REVERSE_CHARGE_GROUP,
    STORE_VIEWS,
    UK,
    StoreView,
)
from commerce_sandbox.data.territories import Place
from commerce_sandbox.data.vat_numbers import vat_number_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

_FIRST_ID = 101  # customers of the recorded shop have lower numbers
_CREATED = "2025-12-01 09:00:00"
_BATCH = 1_000
_MOST_CUSTOMERS = 20_000  # all of them are kept in memory
_GUEST_SHARE = 0.4
_ABROAD_SHARE = 0.05  # billed at home, shipped to another country
_RETAIL_GROUP = 1
_CITIES = {
    "NL": (("Amsterdam", "1011AA"), ("Rotterdam", "3011AA"), ("'s-Hertogenbosch", "5211AA")),
    "BE": (("Gent", "9000"), ("Li\u00e8ge", "4000"), ("Antwerpen", "2000")),
    "DE": (("Berlin", "10115"), ("K\u00f6ln", "50667"), ("M\u00fcnchen", "80331")),
    "GB": (("London", "EC1A 1BB"), ("Leeds", "LS1 1AA")),
    "US": (("Austin", "73301"),),
}
_COUNTRIES: dict[StoreView, tuple[str, ...]] = {
    NL: ("NL",),
    DE: ("DE",),
    BE: ("BE",),
    INTL: ("GB", "GB", "US"),
    B2B: ("NL", "NL", "BE", "DE"),
    UK: ("GB",),
}
_FIRST_NAMES = ("Anna", "Jan", "Zo\u00eb", "Luc", "Petra", "Sam", "J\u00fcrgen", "Fran\u00e7ois")
_LAST_NAMES = ("Voorbeeld", "de Vries", "M\u00fcller", "Janssens", "Sample", "O'Neill", "Test")


class Buyers:
    """The customers of a generated shop, and the guests who buy without an account."""

    def __init__(self, rng: Random, orders: int) -> None:
        """Invent one customer for about ten orders, but not more than 20,000.

        Args:
            rng: Where chance comes from.
            orders: How many orders the shop will have.
        """
        self._rng = rng
        self._customers: dict[StoreView, list[Buyer]] = {store: [] for store in STORE_VIEWS}
        next_id = _FIRST_ID
        customers = min(orders // 10, _MOST_CUSTOMERS)
        for store in STORE_VIEWS:
            for _ in range(max(2, customers * store.share // 100)):
                self._customers[store].append(self._invent(store, next_id))
                next_id += 1

    def draw(self, store: StoreView) -> Buyer:
        """Return a customer or a guest of a store view."""
        rng = self._rng
        if store is B2B or rng.random() > _GUEST_SHARE:
            return rng.choice(self._customers[store])
        return self._invent(store, None)

    def records(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the customers as the API shows them, in batches."""
        batch: list[dict[str, Any]] = []
        for store, buyers in self._customers.items():
            for buyer in buyers:
                batch.append(_record(store, buyer))
                if len(batch) == _BATCH:
                    yield batch
                    batch = []
        yield batch

    def _invent(self, store: StoreView, customer_id: int | None) -> Buyer:
        rng = self._rng
        country = rng.choice(_COUNTRIES[store])
        city, postcode = rng.choice(_CITIES[country])
        fields, address, number = _person(rng, Place(country, postcode, city), customer_id)
        if store is B2B:
            return _company(fields, address, number, country)
        abroad = None
        if store in (NL, BE) and rng.random() < _ABROAD_SHARE:
            abroad = "DE"
        return Buyer(fields, address, abroad)


def guest(rng: Random, place: Place) -> Buyer:
    """Return a consumer without an account who lives in a place."""
    fields, address, _ = _person(rng, place, None)
    return Buyer(fields, address)


def company(rng: Random, place: Place) -> Buyer:
    """Return a business without an account, with the VAT number of its place if there is one."""
    fields, address, number = _person(rng, place, None)
    buyer = _company(fields, address, number, place.vat_prefix)
    buyer.fields["customer_group_id"] = REVERSE_CHARGE_GROUP
    return buyer


def _person(
    rng: Random, place: Place, customer_id: int | None
) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Return the ``customer_*`` fields, the address, and the number in both."""
    first, last = rng.choice(_FIRST_NAMES), rng.choice(_LAST_NAMES)
    number = customer_id or rng.randrange(10**6)
    email = f"klant{number}@example.com" if customer_id else f"gast{number}@example.com"
    fields: dict[str, Any] = {
        "customer_email": email,
        "customer_firstname": first,
        "customer_lastname": last,
        "customer_group_id": _RETAIL_GROUP if customer_id else 0,
        "customer_id": customer_id,
        "customer_is_guest": 0 if customer_id else 1,
    }
    address: dict[str, Any] = {
        "city": place.city,
        "country_id": place.country,
        "email": email,
        "firstname": first,
        "lastname": last,
        "postcode": place.postcode,
        "street": ["Voorbeeldstraat", str(1 + number % 400)],
        "telephone": "0000000000",
    }
    if place.country == "US":
        address.update(region="Texas", region_code="TX", region_id=57)
    return fields, address, number


def _company(
    fields: dict[str, Any], address: dict[str, Any], number: int, vat_prefix: str
) -> Buyer:
    if vat_prefix:
        fields["customer_taxvat"] = address["vat_id"] = vat_number_of(vat_prefix, number)
    if vat_prefix != "NL":
        fields["customer_group_id"] = REVERSE_CHARGE_GROUP
    address["company"] = f"Proefbedrijf {number} B.V."
    return Buyer(fields, address)


def _record(store: StoreView, buyer: Buyer) -> dict[str, Any]:
    fields, address = buyer.fields, buyer.address
    customer_id = fields["customer_id"]
    region = {
        "region_code": address.get("region_code"),
        "region": address.get("region"),
        "region_id": address.get("region_id", 0),
    }
    shown = {
        "id": customer_id,
        "customer_id": customer_id,
        "region": region,
        "region_id": region["region_id"],
        **{
            name: value
            for name, value in address.items()
            if name not in ("email", "region", "region_code", "region_id")
        },
        "default_shipping": True,
        "default_billing": True,
    }
    record = {
        "id": customer_id,
        "group_id": fields["customer_group_id"],
        "default_billing": str(customer_id),
        "default_shipping": str(customer_id),
        "created_at": _CREATED,
        "updated_at": _CREATED,
        "created_in": store.name.rpartition("\n")[2],
        "email": fields["customer_email"],
        "firstname": fields["customer_firstname"],
        "lastname": fields["customer_lastname"],
        "store_id": store.store_id,
        "taxvat": fields.get("customer_taxvat"),
        "website_id": {B2B.store_id: 2, UK.store_id: 3}.get(store.store_id, 1),
        "addresses": [shown],
        "disable_auto_group_change": 0,
        "extension_attributes": {"is_subscribed": False},
    }
    return {name: value for name, value in record.items() if value is not None}

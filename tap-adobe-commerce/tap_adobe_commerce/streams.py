"""The streams: where each is read, and what completes its records."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from tap_adobe_commerce.enrich import Orders
from tap_adobe_commerce.listing import Columns
from tap_adobe_commerce.projection import project
from tap_adobe_commerce.reading import (
    ChangeStream,
    CommerceStream,
    KeyStream,
    NumberedStream,
    PlainStream,
)
from tap_adobe_commerce.search import list_fields


class OrdersStream(ChangeStream):
    """Orders, with their products on the lines."""

    name = "orders"
    route = "orders"
    order_key = "entity_id"

    def complete(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put products on the lines."""
        self._shop.products.attach(records)
        return records


class DocumentStream(ChangeStream):
    """Documents of an order, with the order embedded."""

    needed = ("store_id", "order_id", "increment_id")
    order_key = "order_id"

    @cached_property
    def _orders(self) -> Orders:
        crumb = ("properties", "order")
        schema = self.schema["properties"]["order"]
        projection = project(schema, self.mask, ("entity_id",), crumb)
        listing = self._shop.listing("orders", Columns(at=None), list_fields(projection))
        return Orders(listing, self._shop.products.attach)

    def complete(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Embed the orders, complete with their products."""
        if not self.mask["properties", "order"]:
            return records
        complete, incomplete = self._orders.attach(records)
        for key, error in incomplete:
            self.listing.park(key, error)
        return complete


class InvoicesStream(DocumentStream):
    """Invoices."""

    name = "invoices"
    route = "invoices"


class CreditMemosStream(DocumentStream):
    """Credit memos."""

    name = "credit_memos"
    route = "creditmemos"


class ShipmentsStream(ChangeStream):
    """Shipments."""

    name = "shipments"
    route = "shipments"
    order_key = "order_id"


class TransactionsStream(ChangeStream):
    """Payment transactions; the shop keeps no change time, so only new ones are met."""

    name = "transactions"
    route = "transactions"
    primary_keys: ClassVar[tuple[str, ...]] = ("transaction_id",)
    replication_key = "created_at"
    columns = Columns(key="transaction_id", key_filter="transaction_id", at="created_at")
    order_key = "order_id"


class CustomersStream(ChangeStream):
    """Customers; a changed address does not move their change time."""

    name = "customers"
    route = "customers/search"
    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    columns = Columns(key="id")


class ProductsStream(ChangeStream):
    """Products; stock, images and mass actions do not move their change time."""

    name = "products"
    route = "products"
    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    columns = Columns(key="id")


class CategoriesStream(KeyStream):
    """Categories."""

    name = "categories"
    route = "categories/list"


class CustomerGroupsStream(NumberedStream):
    """Customer groups."""

    name = "customer_groups"
    route = "customerGroups/search"


class TaxRatesStream(NumberedStream):
    """Tax rates."""

    name = "tax_rates"
    route = "taxRates/search"


class TaxRulesStream(NumberedStream):
    """Tax rules."""

    name = "tax_rules"
    route = "taxRules/search"


class StoreViewsStream(PlainStream):
    """Store views."""

    name = "store_views"
    route = "store/storeViews"
    store_member = "id"


class StoreConfigsStream(PlainStream):
    """Configuration of store views: currency, time zone, addresses."""

    name = "store_configs"
    route = "store/storeConfigs"
    store_member = "id"


class StoreGroupsStream(PlainStream):
    """Store groups."""

    name = "store_groups"
    route = "store/storeGroups"


class WebsitesStream(PlainStream):
    """Websites."""

    name = "websites"
    route = "store/websites"


STREAMS: tuple[type[CommerceStream], ...] = (
    OrdersStream,
    InvoicesStream,
    CreditMemosStream,
    ShipmentsStream,
    TransactionsStream,
    CustomersStream,
    CustomerGroupsStream,
    ProductsStream,
    CategoriesStream,
    StoreViewsStream,
    StoreGroupsStream,
    StoreConfigsStream,
    WebsitesStream,
    TaxRatesStream,
    TaxRulesStream,
)

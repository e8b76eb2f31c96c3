"""The streams: where each is read, and what completes its records."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from adobe_commerce.search import list_fields
from tap_adobe_commerce.companions import is_online
from tap_adobe_commerce.listing import Columns
from tap_adobe_commerce.orders import Orders
from tap_adobe_commerce.projection import project
from tap_adobe_commerce.reading import ChangeStream, CommerceStream
from tap_adobe_commerce.records import key_in
from tap_adobe_commerce.whole_lists import KeyStream, NumberedStream, PlainStream

if TYPE_CHECKING:
    from tap_adobe_commerce.listing import Row


#: Streams whose records carry orders.
_WITH_ORDERS = ("invoices", "credit_memos")


class OrderReader(ChangeStream):
    """Completes orders, on their own or embedded in a document."""

    #: Where the order stands in the stream's schema.
    order_crumb: ClassVar[tuple[str, ...]] = ()

    def _adds(self, member: str) -> bool:
        return self.mask.get((*self.order_crumb, "properties", member), False)

    def complete_orders(
        self, orders: list[dict[str, Any]], documents: list[dict[str, Any]]
    ) -> None:
        """Put products on the lines, and what else this tap adds to an order.

        Args:
            orders: The orders.
            documents: Their documents on the page, if there are any.
        """
        self._shop.products.attach(orders)
        if self._adds("tax_rates"):
            self._shop.tax_rates.attach(orders)
        if self._adds("transactions"):
            by_order: dict[int, list[dict[str, Any]]] = {}
            for document in documents:
                by_order.setdefault(key_in(document, "order_id"), []).append(document)
            self._shop.transactions.attach(
                [each for each in orders if is_online(each, by_order.get(each["entity_id"], ()))]
            )
        if self._adds("invoices"):
            self._shop.invoices.attach(orders)


class OrdersStream(OrderReader):
    """Orders, with their products on the lines."""

    name = "orders"
    route = "orders"
    order_key = "entity_id"

    def complete(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put on the orders what other lists of the shop know."""
        self.complete_orders(records, [])
        return records

    def keep(self, rows: list[Row]) -> None:
        """Keep orders for the documents that are read later in the run."""
        if self._is_needed_later:
            self._shop.shelf(self.listing.fields).put(rows)

    @cached_property
    def _is_needed_later(self) -> bool:
        return any(self._tap.streams[name].selected for name in _WITH_ORDERS)


class DocumentStream(OrderReader):
    """Documents of an order, with the order embedded."""

    needed = ("store_id", "order_id", "increment_id", "created_at", "transaction_id")
    order_key = "order_id"
    order_crumb = ("properties", "order")

    @cached_property
    def _orders(self) -> Orders:
        schema = self.schema["properties"]["order"]
        projection = project(schema, self.mask, ("entity_id", "updated_at"), self.order_crumb)
        listing = self._shop.listing("orders", Columns(at=None), list_fields(projection))
        return Orders(listing, self._shop.shelf(listing.fields), self.complete_orders)

    def complete(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Embed the orders, complete with what other lists of the shop know."""
        if not self.mask[self.order_crumb]:
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
    """Credit memos, whose order carries its invoices as well: they are what is taken back."""

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

"""The shop as the streams see it: one client, and what they all need from it."""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adobe_commerce.auth import build_auth, is_cloud_service, stored_settings
from adobe_commerce.client import Client
from adobe_commerce.errors import PermissionDeniedError, RequestRefusedError
from adobe_commerce.search import Filter, Search, list_fields
from tap_adobe_commerce.companions import INVOICE, TAX_RATE, TRANSACTION, OfOrders, TaxRates
from tap_adobe_commerce.listing import Columns, Listing, PageSize
from tap_adobe_commerce.orders import Shelf
from tap_adobe_commerce.own_accounts import OwnAccounts
from tap_adobe_commerce.products import Products
from tap_adobe_commerce.replay import REPLAY_FIELDS, Replay
from tap_adobe_commerce.settings import Settings
from tap_adobe_commerce.stores import Source, Stores
from tap_adobe_commerce.timestamps import to_shop

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from adobe_commerce.search import Projection

logger = logging.getLogger("tap-adobe-commerce.shop")

#: Clocks that differ by less are not worth a word.
CLOCKS_AGREE = timedelta(minutes=2)
#: A question that costs the shop next to nothing.
_NO_ROW = Search((Filter("entity_id", "eq", "0"),), page_size=1, fields="total_count")
#: Products of lines are read by key alone.
PRODUCT_COLUMNS = Columns(key="id", at=None)


class Shop:
    """One shop during one run. Connects when first used, so that discovery needs no shop."""

    def __init__(self, config: Mapping[str, Any], state: MutableMapping[str, Any]) -> None:
        """Take the tap's settings and STATE; nothing is checked or read yet."""
        self._config = config
        self._state = state
        self._shelves: dict[str | None, Shelf] = {}
        self._is_warned = False

    @cached_property
    def settings(self) -> Settings:
        """The checked settings."""
        return Settings.from_config(stored_settings(self._config))

    @cached_property
    def client(self) -> Client:
        """The connection to the shop."""
        # The cloud service has no store code in its paths; it takes a header instead.
        store = None if is_cloud_service(self._config) else self.settings.store
        return Client(
            self.settings.base_url,
            build_auth(self._config),
            store=store,
            timeout=self.settings.request_timeout,
            max_wait=self.settings.max_wait,
            connections=2 * self.settings.parallel,
        )

    def present(self) -> tuple[str, str]:
        """Where a run ends now by the shop's clock, and by ours; in the shop's form."""
        if not self.client.has_answered:
            # Any answer tells the shop's time, also one that refuses.
            with contextlib.suppress(PermissionDeniedError, RequestRefusedError):
                self.client.get("invoices", _NO_ROW.query())
        ours = datetime.now(UTC)
        theirs = self.client.server_now()
        if abs(theirs - ours) > max(self.settings.overlap, CLOCKS_AGREE) and not self._is_warned:
            self._is_warned = True
            logger.warning(
                "The shop's clock is %.0f minutes %s this machine's. Bookmarks follow the earlier "
                "one. Correct the clock that is wrong.",
                abs(theirs - ours).total_seconds() / 60,
                "ahead of" if theirs > ours else "behind",
            )
        lag = self.settings.lag
        return to_shop(theirs - lag), to_shop(ours - lag)

    @cached_property
    def stores(self) -> Stores:
        """Store views, for the source of records."""
        source = Source(self.settings.instance, self.settings.host)
        return Stores(self.client, source, self._state)

    @cached_property
    def products(self) -> Products:
        """Products, for the lines of orders."""
        listing = self.listing("products", PRODUCT_COLUMNS, self._product_fields, park=False)
        return Products(listing, OwnAccounts(self.client, self.settings.gl_attribute))

    @cached_property
    def transactions(self) -> OfOrders:
        """Transactions at payment providers, for orders."""
        columns = Columns(key="transaction_id", key_filter="transaction_id", at=None)
        listing = self.listing("transactions", columns, list_fields(TRANSACTION), park=False)
        return OfOrders(listing, "transactions", TRANSACTION)

    @cached_property
    def invoices(self) -> OfOrders:
        """Invoices of orders, for credit memos."""
        listing = self.listing("invoices", Columns(at=None), list_fields(INVOICE), park=False)
        return OfOrders(listing, "invoices", INVOICE)

    @cached_property
    def tax_rates(self) -> TaxRates:
        """Tax rates of orders."""
        columns = Columns(key="id", key_filter="id", at=None)
        return TaxRates(self.listing("taxRates/search", columns, list_fields(TAX_RATE), park=False))

    def shelf(self, fields: str | None) -> Shelf:
        """Orders that this run has read with a projection."""
        return self._shelves.setdefault(fields, Shelf())

    @property
    def _product_fields(self) -> str | None:
        """Projection of products on lines, if only some custom attributes are wanted."""
        if self.settings.product_attributes is None:
            return None
        own = self.settings.gl_attribute
        codes = {"category_ids", "tax_class_id", own, *self.settings.product_attributes}
        attributes: Projection = dict.fromkeys(sorted(codes))
        members: Projection = {
            "id": None,
            "attribute_set_id": None,
            "type_id": None,
            "extension_attributes": {"category_links": None},
            "custom_attributes": attributes,
        }
        return list_fields(members)

    @cached_property
    def replay(self) -> Replay:
        """The orders that were asked for by number."""
        listing = self.listing("orders", Columns(), list_fields(REPLAY_FIELDS))
        return Replay(listing, self.settings.order_ids)

    def listing(
        self, route: str, columns: Columns, fields: str | None = None, *, park: bool | None = None
    ) -> Listing:
        """A list of the shop with a page size of its own.

        Args:
            route: Route below ``V1``.
            columns: Names of key and change column.
            fields: Projection of the answer.
            park: Whether to go on without a record that cannot be read; None: as the setting says.
        """
        page_size = PageSize(self.settings.page_size)
        park = self.settings.park if park is None else park
        return Listing(self.client, route, columns, page_size, fields=fields, park=park)

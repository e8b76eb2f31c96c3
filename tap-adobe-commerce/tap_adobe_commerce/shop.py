"""The shop as the streams see it: one client, and what they all need from it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_adobe_commerce.auth import build_auth, is_cloud_service, stored_settings
from tap_adobe_commerce.client import Client
from tap_adobe_commerce.enrich import Products, Source, Stores
from tap_adobe_commerce.listing import Columns, Listing, PageSize
from tap_adobe_commerce.replay import REPLAY_FIELDS, Replay
from tap_adobe_commerce.search import list_fields
from tap_adobe_commerce.settings import Settings
from tap_adobe_commerce.timestamps import to_shop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_adobe_commerce.search import Projection

logger = logging.getLogger("tap-adobe-commerce.shop")

#: Clocks that differ by less are not worth a word.
CLOCKS_AGREE = timedelta(minutes=2)
#: Products of lines are read by key alone.
PRODUCT_COLUMNS = Columns(key="id", at=None)


class Shop:
    """One shop during one run. Connects when first used, so that discovery needs no shop."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take the tap's settings; nothing is checked or read yet."""
        self._config = config
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
        self.stores.source(None)  # the first answer tells the shop's time
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
        return Stores(self.client, Source(self.settings.instance, self.settings.host))

    @cached_property
    def products(self) -> Products:
        """Products, for the lines of orders."""
        return Products(self.listing("products", PRODUCT_COLUMNS, self._product_fields))

    @property
    def _product_fields(self) -> str | None:
        """Projection of products on lines, if only some custom attributes are wanted."""
        if self.settings.product_attributes is None:
            return None
        codes = {"category_ids", "tax_class_id", *self.settings.product_attributes}
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

    def listing(self, route: str, columns: Columns, fields: str | None = None) -> Listing:
        """A list of the shop with a page size of its own."""
        page_size = PageSize(self.settings.page_size)
        park = self.settings.park
        return Listing(self.client, route, columns, page_size, fields=fields, park=park)

"""The shop as the streams see it: one client, and what they all need from it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_adobe_commerce.auth import build_auth, is_cloud_service, stored_settings
from tap_adobe_commerce.client import Client
from tap_adobe_commerce.enrich import Products, Source, Stores
from tap_adobe_commerce.listing import Columns, Listing, PageSize
from tap_adobe_commerce.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

PRODUCT_COLUMNS = Columns(key="id")


class Shop:
    """One shop during one run. Connects when first used, so that discovery needs no shop."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take the tap's settings; nothing is checked or read yet."""
        self._config = config

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
        )

    @cached_property
    def stores(self) -> Stores:
        """Store views, for the source of records."""
        return Stores(self.client, Source(self.settings.instance, self.settings.host))

    @cached_property
    def products(self) -> Products:
        """Products, for the lines of orders."""
        return Products(self.listing("products", PRODUCT_COLUMNS))

    def listing(self, route: str, columns: Columns, fields: str | None = None) -> Listing:
        """A list of the shop with a page size of its own."""
        page_size = PageSize(self.settings.page_size)
        return Listing(self.client, route, columns, page_size, fields=fields)

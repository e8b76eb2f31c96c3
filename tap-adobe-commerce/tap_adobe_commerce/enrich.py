"""What makes a record complete by itself (contract 1): its order, its products, its source."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tap_adobe_commerce import _answers
from tap_adobe_commerce.exceptions import NotFoundError, PermissionDeniedError
from tap_adobe_commerce.keyset import read_by_key
from tap_adobe_commerce.search import among, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tap_adobe_commerce.client import Client
    from tap_adobe_commerce.exceptions import AdobeCommerceError
    from tap_adobe_commerce.listing import Listing, Row

logger = logging.getLogger("tap-adobe-commerce.enrich")

#: Products kept in memory.
CACHED_PRODUCTS = 5000


@dataclass(frozen=True)
class Source:
    """Where records come from.

    Attributes:
        instance: The tap's setting of that name.
        host: The shop's host.
    """

    instance: str
    host: str


class Stores:
    """Store code, website code and time zone of each store view, read once."""

    def __init__(self, client: Client, source: Source) -> None:
        """Prepare; nothing is read yet."""
        self._client = client
        self._source = source
        self._lock = threading.Lock()
        self._views: dict[int, dict[str, Any]] | None = None

    def source(self, store_id: int | None) -> dict[str, Any]:
        """The ``source`` object of a record, which the caller may keep and change.

        Args:
            store_id: Store view of the record, or None if it has none.
        """
        with self._lock:
            if self._views is None:
                self._views = self._read()
        view = self._views.get(store_id, {}) if store_id is not None else {}
        return {
            "instance": self._source.instance,
            "host": self._source.host,
            "store_code": view.get("store_code"),
            "website_code": view.get("website_code"),
            "timezone": view.get("timezone"),
            "extracted_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _read(self) -> dict[int, dict[str, Any]]:
        try:
            websites = {site["id"]: site["code"] for site in self._list("store/websites")}
            zones = {
                config["id"]: config["timezone"] for config in self._list("store/storeConfigs")
            }
            return {
                view["id"]: {
                    "store_code": view["code"],
                    "website_code": websites.get(view["website_id"]),
                    "timezone": zones.get(view["id"]),
                }
                for view in self._list("store/storeViews")
            }
        except PermissionDeniedError as error:
            logger.warning(
                "Records will not carry store code, website code and time zone: the credentials "
                "may not read %s. Grant it to the integration to have them.",
                error.resources,
            )
            return {}

    def _list(self, route: str) -> list[dict[str, Any]]:
        answer = self._client.get(route)
        rows: list[dict[str, Any]] = _answers.decode(answer.body, answer.where)
        return rows


class Products:
    """Products of order lines, read by number with one call per page and kept."""

    def __init__(self, listing: Listing) -> None:
        """Take the list of products; nothing is read yet."""
        self._listing = listing
        self._lock = threading.Lock()
        self._known: dict[int, dict[str, Any] | None] = {}
        self._allowed = True

    def attach(self, orders: Iterable[dict[str, Any]]) -> None:
        """Put ``product`` on the lines of orders.

        A line's product is found by number: its sku can be that of a variant, or be made up of
        several. A product that was deleted leaves its lines without the key.
        """
        lines = [line for order in orders for line in order.get("items") or ()]
        with self._lock:
            if not self._allowed:
                return
            wanted = {line["product_id"] for line in lines if line.get("product_id")}
            self._read(wanted - self._known.keys())
            for line in lines:
                product = self._known.get(line.get("product_id", 0))
                if product is not None:
                    line["product"] = product
            while len(self._known) > CACHED_PRODUCTS:
                del self._known[next(iter(self._known))]

    def _read(self, numbers: set[int]) -> None:
        try:
            for part in parts(sorted(numbers)):
                for row in _rows(self._listing, part):
                    self._known[row.key] = on_line(_answers.DECODER.decode(row.raw))
        except PermissionDeniedError as error:
            self._allowed = False
            logger.warning(
                "Order lines will not carry their product: the credentials may not read %s. "
                "Grant it to the integration to have it.",
                error.resources,
            )
            return
        for number in numbers - self._known.keys():
            self._known[number] = None


def on_line(product: dict[str, Any]) -> dict[str, Any]:
    """What an order line carries of its product.

    Adobe sends custom attributes as a list of code and value, and the tax class and categories
    among them; categories of older versions stand in the extension attributes.
    """
    attributes = {
        attribute["attribute_code"]: attribute.get("value")
        for attribute in product.get("custom_attributes") or ()
    }
    links = (product.get("extension_attributes") or {}).get("category_links") or ()
    categories = attributes.get("category_ids") or [link["category_id"] for link in links]
    tax_class = attributes.get("tax_class_id")
    return {
        "attribute_set_id": product.get("attribute_set_id"),
        "type_id": product.get("type_id"),
        "category_ids": [int(category) for category in categories],
        "tax_class_id": int(tax_class) if tax_class else None,
        "custom_attributes": attributes,
    }


class Orders:
    """Whole orders for invoices and credit memos, one call per page."""

    def __init__(self, listing: Listing, prepare: Callable[[list[dict[str, Any]]], None]) -> None:
        """Take the list of orders and what completes an order before it is embedded."""
        self._listing = listing
        self._prepare = prepare

    def attach(
        self, documents: Iterable[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], list[tuple[int, AdobeCommerceError]]]:
        """Put ``order`` on invoices or credit memos.

        Returns:
            Documents that have their order now; keys of those whose order the shop does not
            return, with the error.
        """
        documents = list(documents)
        numbers = sorted({document["order_id"] for document in documents})
        found: dict[int, dict[str, Any]] = {}
        for part in parts(numbers):
            for row in _rows(self._listing, part):
                found[row.key] = _answers.DECODER.decode(row.raw)
        self._prepare(list(found.values()))
        complete: list[dict[str, Any]] = []
        incomplete: list[tuple[int, AdobeCommerceError]] = []
        for document in documents:
            order = found.get(document["order_id"])
            if order is None:
                incomplete.append((document["entity_id"], _no_order(document)))
            else:
                document["order"] = order
                complete.append(document)
        return complete, incomplete


def _rows(listing: Listing, keys: Sequence[int]) -> Iterator[Row]:
    """Rows with these keys."""
    wanted = (among(listing.columns.key_filter, keys),)
    for rows, _ in read_by_key(listing, filters=wanted, expected=len(keys)):
        yield from rows


def _no_order(document: dict[str, Any]) -> NotFoundError:
    msg = (
        f"document {document.get('increment_id')} belongs to order {document['order_id']}, which "
        "the shop does not return."
    )
    return NotFoundError(msg)

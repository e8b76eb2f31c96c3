"""What makes a record complete by itself (contract 1): its order, its products, its source."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from tap_adobe_commerce import _answers
from tap_adobe_commerce.exceptions import NotFoundError, PermissionDeniedError, RecordFormError
from tap_adobe_commerce.keyset import read_by_key
from tap_adobe_commerce.search import among, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tap_adobe_commerce.client import Client
    from tap_adobe_commerce.exceptions import AdobeCommerceError
    from tap_adobe_commerce.listing import Listing, Row

T = TypeVar("T")

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


class View(NamedTuple):
    """What records tell of their store view."""

    store_code: str
    website_code: str | None
    timezone: str | None


class _Website(msgspec.Struct):
    id: int
    code: str


class _StoreConfig(msgspec.Struct):
    id: int
    timezone: str | None = None


class _StoreView(msgspec.Struct):
    id: int
    code: str
    website_id: int | None = None


_WEBSITES = msgspec.json.Decoder(list[_Website])
_CONFIGS = msgspec.json.Decoder(list[_StoreConfig])
_VIEWS = msgspec.json.Decoder(list[_StoreView])


class Stores:
    """Store code, website code and time zone of each store view, read once."""

    def __init__(self, client: Client, source: Source) -> None:
        """Prepare; nothing is read yet."""
        self._client = client
        self._source = source
        self._lock = threading.Lock()
        self._views: dict[int, View] | None = None

    def source(self, store_id: Any) -> dict[str, Any]:
        """The ``source`` object of a record, which the caller may keep and change.

        Args:
            store_id: Store view of the record, or None if it has none.
        """
        with self._lock:
            if self._views is None:
                self._views = self._read()
        view = self._views.get(store_id) if isinstance(store_id, int) else None
        return {
            "instance": self._source.instance,
            "host": self._source.host,
            "store_code": view.store_code if view else None,
            "website_code": view.website_code if view else None,
            "timezone": view.timezone if view else None,
            "extracted_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _read(self) -> dict[int, View]:
        try:
            websites = {site.id: site.code for site in self._list("store/websites", _WEBSITES)}
            zones = {one.id: one.timezone for one in self._list("store/storeConfigs", _CONFIGS)}
            views = self._list("store/storeViews", _VIEWS)
        except PermissionDeniedError as error:
            logger.warning(
                "Records will not carry store code, website code and time zone: the credentials "
                "may not read %s. Grant it to the integration to have them.",
                error.resources,
            )
            return {}
        return {
            view.id: View(view.code, websites.get(view.website_id or 0), zones.get(view.id))
            for view in views
        }

    def _list(self, route: str, decoder: msgspec.json.Decoder[list[T]]) -> list[T]:
        answer = self._client.get(route)
        rows: list[T] = _answers.decode(answer.body, answer.where, decoder)
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
        lines = [line for order in orders for line in _lines(order)]
        wanted = {number for line in lines if (number := _number(line, "product_id"))}
        with self._lock:
            if not self._allowed:
                return
            self._read(wanted - self._known.keys())
            for line in lines:
                product = self._known.get(line.get("product_id") or 0)
                if product is not None:
                    line["product"] = product
            while len(self._known) > CACHED_PRODUCTS:
                del self._known[next(iter(self._known))]

    def _read(self, numbers: set[int]) -> None:
        try:
            for part in parts(sorted(numbers)):
                for row in _rows(self._listing, part):
                    self._known[row.key] = on_line(row.raw, row.key)
        except PermissionDeniedError as error:
            self._allowed = False
            logger.warning(
                "Order lines will not carry their product: the credentials may not read %s. "
                "Grant it to the integration to have it.",
                error.resources,
            )
            return
        broken = numbers & self._listing.parked
        if broken:
            msg = f"product {min(broken)} of a line cannot be read"
            raise RecordFormError(msg)
        for number in numbers - self._known.keys():
            self._known[number] = None


class _Attribute(msgspec.Struct):
    attribute_code: str
    value: Any = None


class _CategoryLink(msgspec.Struct):
    category_id: int | str


class _Extension(msgspec.Struct):
    category_links: list[_CategoryLink] | None = None


class _Product(msgspec.Struct):
    attribute_set_id: int | None = None
    type_id: str | None = None
    custom_attributes: list[_Attribute] | None = None
    # PHP writes an empty object as an empty list.
    extension_attributes: _Extension | list[Any] | None = None


_PRODUCT = msgspec.json.Decoder(_Product, float_hook=Decimal)


def on_line(raw: bytes | msgspec.Raw, key: int) -> dict[str, Any]:
    """What an order line carries of its product.

    Adobe sends custom attributes as a list of code and value, and the tax class and categories
    among them; categories of older versions stand in the extension attributes.

    Args:
        raw: The product's JSON.
        key: Its number, for messages.

    Raises:
        RecordFormError: The product is not of the form that Adobe documents.
    """
    try:
        product: _Product = _PRODUCT.decode(raw)
        attributes = {each.attribute_code: each.value for each in product.custom_attributes or ()}
        extension = product.extension_attributes
        links = extension.category_links if isinstance(extension, _Extension) else None
        categories = attributes.get("category_ids") or [each.category_id for each in links or ()]
        tax_class = attributes.get("tax_class_id")
        return {
            "attribute_set_id": product.attribute_set_id,
            "type_id": product.type_id,
            "category_ids": [int(category) for category in categories],
            "tax_class_id": int(tax_class) if tax_class else None,
            "custom_attributes": attributes,
        }
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        msg = f"product {key} of a line has an unexpected form: {error}"
        raise RecordFormError(msg) from error


def _lines(order: dict[str, Any]) -> list[dict[str, Any]]:
    lines = order.get("items")
    if lines is None:
        return []
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        msg = "its member items is no list of objects"
        raise RecordFormError(msg)
    return lines


def _number(record: dict[str, Any], member: str) -> int:
    """A key that another list of the shop knows; 0 if there is none."""
    number = record.get(member) or 0
    if not isinstance(number, int):
        msg = f"its member {member} is no number"
        raise RecordFormError(msg)
    return number


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
        numbers = sorted({_number(document, "order_id") for document in documents})
        found: dict[int, dict[str, Any]] = {}
        for part in parts(numbers):
            for row in _rows(self._listing, part):
                found[row.key] = _answers.record(row.raw)
        self._prepare(list(found.values()))
        complete: list[dict[str, Any]] = []
        incomplete: list[tuple[int, AdobeCommerceError]] = []
        for document in documents:
            order = found.get(_number(document, "order_id"))
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
        f"document {document.get('increment_id')} belongs to order {document.get('order_id')}, "
        "which the shop does not return."
    )
    return NotFoundError(msg)

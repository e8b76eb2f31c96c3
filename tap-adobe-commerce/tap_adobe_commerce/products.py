"""Products of order lines."""

from __future__ import annotations

import logging
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from adobe_commerce.answers import check_depth
from adobe_commerce.errors import (
    PermissionDeniedError,
    RecordFormError,
    UnreadableRecordError,
)
from adobe_commerce.search import parts
from tap_adobe_commerce.keyset import read_rows
from tap_adobe_commerce.records import key_in, objects_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_adobe_commerce.listing import Listing
    from tap_adobe_commerce.own_accounts import OwnAccounts

logger = logging.getLogger("tap-adobe-commerce.products")

#: Products kept in memory.
CACHED_PRODUCTS = 5000


class Products:
    """Products of order lines, read by number with one call per page and kept."""

    def __init__(self, listing: Listing, accounts: OwnAccounts) -> None:
        """Take the list of products, and what knows their accounts; nothing is read yet."""
        self._listing = listing
        self._accounts = accounts
        self._lock = threading.Lock()
        self._known: dict[int, dict[str, Any] | None] = {}
        self._allowed = True

    def attach(self, orders: Iterable[dict[str, Any]]) -> None:
        """Put ``product`` on the lines of orders.

        A line's product is found by number: its sku can be that of a variant, or be made up of
        several. A product that was deleted leaves its lines without the key.
        """
        lines = [line for order in orders for line in objects_in(order, "items")]
        wanted = {number for line in lines if (number := key_in(line, "product_id"))}
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
                for row in read_rows(self._listing, part):
                    self._known[row.key] = self._accounts.named(on_line(row.raw, row.key))
        except UnreadableRecordError as error:
            msg = f"a product of its lines cannot be read ({error})"
            raise RecordFormError(msg) from error
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
        check_depth(attributes)
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

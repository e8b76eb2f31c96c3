"""Products written from outside: only what is sent changes, for all store views or for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.adobe import bodies
from commerce_sandbox.adobe.errors import ShopError, wrong_type
from commerce_sandbox.adobe.php_json import dumps
from commerce_sandbox.adobe.reading import current_store

if TYPE_CHECKING:
    from commerce_sandbox.adobe.bodies import Record
    from commerce_sandbox.adobe.call import Call

_MISSING = "The product that was requested doesn't exist. Verify the product and try again."
_NOT_SAVED = "The product was unable to be saved. Please try again."
_PLAIN = ("name", "price", "status", "visibility", "weight")
_LISTS = ("product_links", "options", "media_gallery_entries", "tier_prices")
_MEMBERS = (
    *("id", "sku", "attribute_set_id", "type_id", "created_at", "updated_at", *_PLAIN, *_LISTS),
    *("extension_attributes", "custom_attributes"),
)


def update(call: Call) -> bytes:
    """Change a product and return it.

    Custom attributes that do not exist, or that the product's attribute set does not have, are
    ignored in silence. Without ``all`` in the path a value is written for one store view only,
    unless its attribute is global, and stops following the value of all.
    """
    given = bodies.wanted(call, "product")
    bodies.check_members(given, _MEMBERS)
    with call.context.database.transaction():
        product = bodies.stored(call, "product", "sku", call.arguments["sku"])
        if product is None:
            raise ShopError(404, _MISSING)
        values = _known_values(call, product, bodies.attribute_values(given))
        own_store = int(current_store(call)["entity_id"])
        for code, (attribute, value) in values.items():
            if own_store and attribute["scope"] != "global":
                _override(call, product, own_store, code, value)
            else:
                product["custom_attributes"] = bodies.merged_attributes(product, {code: value})
        product |= {name: given[name] for name in (*_PLAIN, *_LISTS) if name in given}
        product["updated_at"] = bodies.timestamp(call)
        bodies.save(call, "product", product)
        return dumps(shown(call, product)).encode()


def single(call: Call) -> bytes:
    """Return the product with a sku, as the call's store view sees it."""
    product = bodies.stored(call, "product", "sku", call.arguments["sku"])
    if product is None:
        raise ShopError(404, _MISSING)
    return dumps(shown(call, product)).encode()


def shown(call: Call, product: Record) -> Record:
    """Return a product with the values of the call's store view."""
    own_store = int(current_store(call)["entity_id"])
    overrides = [
        entry
        for entry in _overrides(call)
        if entry["sku"] == product["sku"] and entry["store_id"] == own_store
    ]
    values = {entry["attribute_code"]: entry["value"] for entry in overrides}
    if not values:
        return product
    return {**product, "custom_attributes": bodies.merged_attributes(product, values)}


def _known_values(
    call: Call, product: Record, values: dict[str, Any]
) -> dict[str, tuple[Record, Any]]:
    known = {}
    for code, value in values.items():
        attribute = bodies.stored(call, "product_attribute", "attribute_code", code)
        if attribute is None or product["attribute_set_id"] not in attribute["attribute_sets"]:
            continue
        if isinstance(value, dict):
            raise wrong_type(value, "string", "custom_attributes")
        text = None if value is None else str(value)
        if attribute["frontend_input"] == "select" and text and not text.isdigit():
            raise ShopError(400, _NOT_SAVED)  # its column holds whole numbers
        known[code] = (attribute, text)
    return known


def _override(call: Call, product: Record, store_id: int, code: str, value: str | None) -> None:
    key = {"sku": product["sku"], "store_id": store_id, "attribute_code": code}
    call.context.database.connection().execute(
        "DELETE FROM adobe_product_override WHERE json_extract(body, '$.sku') = ?"
        " AND json_extract(body, '$.store_id') = ? AND json_extract(body, '$.attribute_code') = ?",
        tuple(key.values()),
    )
    if value is not None:
        bodies.save(call, "product_override", {**key, "value": value})


def _overrides(call: Call) -> list[Record]:
    rows = call.context.database.connection().execute("SELECT body FROM adobe_product_override")
    return [orjson.loads(row["body"]) for row in rows]

"""Product attributes and their options, as the shop's own tables have them.

An option's label may not be the label *or the number* of another option of its attribute: the
shop looks for both at once (magento2 issue 32593), so that ``8000`` may be refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.adobe import bodies
from commerce_sandbox.adobe.errors import ShopError, missing, wrong_type
from commerce_sandbox.adobe.php_json import dumps
from commerce_sandbox.adobe.reading import current_store
from commerce_sandbox.adobe.reading import listing as search_listing
from commerce_sandbox.adobe.store import insert_many

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.adobe.bodies import Record
    from commerce_sandbox.adobe.call import Call
    from commerce_sandbox.database import Database

DEFAULT_SET = 4
_GROUPS = ({"attribute_group_id": "7", "attribute_group_name": "Product Details"},)
_CODE = re.compile(r"[a-z][a-z0-9_]{0,59}")
_BACKENDS: Mapping[str, str] = {
    "text": "varchar",
    "textarea": "text",
    "select": "int",
    "multiselect": "text",
    "boolean": "int",
    "date": "datetime",
    "price": "decimal",
    "weight": "decimal",
}
_WITH_OPTIONS = ("select", "multiselect")
_BLANK = {"label": " ", "value": ""}
_ENTITY_TYPE = "4"
# What a client may send; the shop has more of them, which no accounting needs.
_MEMBERS = (
    *("attribute_id", "attribute_code", "frontend_input", "entity_type_id", "is_required"),
    *("options", "is_user_defined", "default_frontend_label", "frontend_labels", "note", "scope"),
    *("backend_type", "backend_model", "source_model", "default_value", "is_unique", "apply_to"),
    *("frontend_class", "validation_rules", "custom_attributes", "extension_attributes"),
    *("is_wysiwyg_enabled", "is_html_allowed_on_front", "used_for_sort_by", "is_filterable"),
    *("is_filterable_in_search", "is_used_in_grid", "is_visible_in_grid", "position"),
    *("is_filterable_in_grid", "is_searchable", "is_visible_in_advanced_search", "is_visible"),
    *("is_comparable", "is_used_for_promo_rules", "is_visible_on_front"),
    "used_in_product_listing",
)
_OPTION_MEMBERS = ("label", "value", "sort_order", "is_default", "store_labels")
_NEW: Record = {
    "is_used_in_grid": False,
    "is_filterable": False,
    "scope": "store",
    "is_required": False,
    "is_user_defined": True,
    "is_visible": True,
    "is_unique": "0",
    "entity_type_id": _ENTITY_TYPE,
}


def seed(database: Database) -> None:
    """Write the attributes that the recorded products have."""
    color = [
        {"label": "Rood", "value": "4", "sort_order": 0},
        {"label": "Blauw", "value": "5", "sort_order": 1},
    ]
    attributes = (
        _attribute(73, "name", "text", "Product Name", user_defined=False),
        _attribute(93, "color", "select", "Kleur", options=color, scope="global"),
        _attribute(136, "tax_class_id", "select", "Tax Class", user_defined=False, scope="website"),
        _attribute(161, "supplier_code", "text", "Leverancierscode"),
    )
    insert_many(database, "product_attribute", attributes)


def _attribute(
    number: int,
    code: str,
    kind: str,
    label: str,
    *,
    options: list[Record] | None = None,
    scope: str = "store",
    user_defined: bool = True,
) -> Record:
    return {
        **_NEW,
        "attribute_id": number,
        "attribute_code": code,
        "frontend_input": kind,
        "backend_type": _BACKENDS[kind],
        "is_user_defined": user_defined,
        "default_frontend_label": label,
        "frontend_labels": [],
        "scope": scope,
        "options": options or [],
        "attribute_sets": [DEFAULT_SET],
    }


def named(call: Call, code: str) -> Record:
    """Return an attribute as it is kept.

    Raises:
        ShopError: 404.
    """
    found = bodies.stored(call, "product_attribute", "attribute_code", code)
    if found is None:
        text = (
            'The attribute with a "%1" attributeCode doesn\'t exist.'
            " Verify the attribute and try again."
        )
        raise ShopError(404, text, [code])
    return found


def shown(attribute: Record, store_id: int = 0) -> Record:
    """Return an attribute as the API shows it."""
    visible = {name: value for name, value in attribute.items() if name != "attribute_sets"}
    return {**visible, "options": _shown_options(attribute, store_id)}


def _shown_options(attribute: Record, store_id: int) -> list[Record]:
    if attribute["frontend_input"] not in _WITH_OPTIONS:
        return []
    ordered = sorted(attribute["options"], key=lambda option: option.get("sort_order", 0))
    options = []
    for option in ordered:
        labels = {label["store_id"]: label["label"] for label in option.get("store_labels", ())}
        label = labels.get(store_id, option["label"]) if store_id else option["label"]
        options.append({"label": label, "value": option["value"]})
    return [_BLANK, *options]


def listing(call: Call) -> bytes:
    """Return attributes by searchCriteria, each with its options."""
    found = orjson.loads(search_listing("product_attribute")(call))
    found["items"] = [shown(one, _store_of(call)) for one in found["items"]]
    return _json(found)


def single(call: Call) -> bytes:
    """Return one attribute with its options."""
    return _json(shown(named(call, call.arguments["code"]), _store_of(call)))


def options(call: Call) -> bytes:
    """Return the options of an attribute; the first one is blank."""
    attribute = named(call, call.arguments["code"])
    return _json(_shown_options(attribute, _store_of(call)))


def create(call: Call) -> bytes:
    """Create an attribute and return it; it belongs to no attribute set yet."""
    given = bodies.wanted(call, "attribute")
    bodies.check_members(given, _MEMBERS)
    bodies.require(given, "frontend_input")
    label = given.get("default_frontend_label") or _admin_label(given)
    if not label:
        name = "frontend_label"
        raise missing(name)
    code = given.get("attribute_code") or re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise _invalid(name="attribute_code", value=code)
    kind = given["frontend_input"]
    if kind not in _BACKENDS:
        raise _invalid(name="frontend_input", value=kind)
    with call.context.database.transaction():
        if bodies.stored(call, "product_attribute", "attribute_code", code) is not None:
            raise ShopError(400, "Attribute with the same code already exists.")
        attribute: Record = {
            **_NEW,
            **{name: value for name, value in given.items() if value is not None},
            "attribute_id": bodies.next_id(call, "product_attribute"),
            "attribute_code": code,
            "backend_type": _BACKENDS[kind],
            "default_frontend_label": label,
            "frontend_labels": given.get("frontend_labels") or [],
            "is_user_defined": True,
            "entity_type_id": _ENTITY_TYPE,
            "options": [],
            "attribute_sets": [],
        }
        for option in given.get("options") or []:
            if isinstance(option, dict) and str(option.get("label", "")).strip():
                _append(call, attribute, option)
        bodies.save(call, "product_attribute", attribute)
        return _json(shown(attribute))


def update(call: Call) -> bytes:
    """Change labels and switches of an attribute; its code, kind and options stay."""
    given = bodies.wanted(call, "attribute")
    bodies.check_members(given, _MEMBERS)
    fixed = ("attribute_id", "attribute_code", "frontend_input", "backend_type", "options")
    with call.context.database.transaction():
        attribute = named(call, call.arguments["code"])
        changes = {name: value for name, value in given.items() if name not in fixed}
        attribute.update(changes)
        bodies.save(call, "product_attribute", attribute)
        return _json(shown(attribute))


def add_option(call: Call) -> bytes:
    """Add an option and return its number as text."""
    given = _given_option(call)
    with call.context.database.transaction():
        attribute = _with_options(call)
        if _found(attribute, given["label"]) is not None:
            text = 'Admin store attribute option label "%1" is already exists.'
            raise ShopError(400, text, [given["label"]])
        number = _append(call, attribute, given)
        bodies.save(call, "product_attribute", attribute)
        return _json(number)


def update_option(call: Call) -> bytes:
    """Change an option's labels; what store views call it is forgotten unless it is sent."""
    given = _given_option(call)
    with call.context.database.transaction():
        attribute = _with_options(call)
        option = _option(call, attribute)
        other = _found(attribute, given["label"])
        if other is not None and other != option["value"]:
            text = "Admin store attribute option label '%1' is already exists."
            raise ShopError(400, text, [given["label"]])
        option.pop("store_labels", None)
        option.update({name: given[name] for name in given if name != "value"})
        bodies.save(call, "product_attribute", attribute)
        return b"true"


def delete_option(call: Call) -> bytes:
    """Take an option away; products keep its number."""
    with call.context.database.transaction():
        attribute = _with_options(call)
        attribute["options"].remove(_option(call, attribute))
        bodies.save(call, "product_attribute", attribute)
        return b"true"


def assign(call: Call) -> bytes:
    """Put an attribute into an attribute set; only then products of the set have it."""
    given = call.json()
    bodies.require(given, "attributeSetId", "attributeGroupId", "attributeCode")
    with call.context.database.transaction():
        attribute = named(call, str(given["attributeCode"]))
        if given["attributeSetId"] != DEFAULT_SET:
            raise _no_such_set(given["attributeSetId"])
        attribute["attribute_sets"] = sorted({*attribute["attribute_sets"], DEFAULT_SET})
        bodies.save(call, "product_attribute", attribute)
        return _json(str(attribute["attribute_id"]))


def of_set(call: Call) -> bytes:
    """Return the attributes of a set."""
    number = call.arguments["id"]
    if number != str(DEFAULT_SET):
        raise _no_such_set(number)
    rows = call.context.database.connection().execute(
        "SELECT attribute_code FROM adobe_product_attribute ORDER BY entity_id"
    )
    found = [named(call, row["attribute_code"]) for row in rows]
    return _json([shown(one) for one in found if DEFAULT_SET in one["attribute_sets"]])


def groups(call: Call) -> bytes:
    """Return the groups of the one attribute set there is."""
    del call
    items = [{**group, "attribute_set_id": DEFAULT_SET} for group in _GROUPS]
    return _json({"items": items, "search_criteria": [], "total_count": len(items)})


def _no_such_set(number: Any) -> ShopError:
    text = "No such entity with %fieldName = %fieldValue"
    return ShopError(404, text, {"fieldName": "attributeSetId", "fieldValue": number})


def _json(value: Any) -> bytes:
    return dumps(value).encode()


def _store_of(call: Call) -> int:
    return int(current_store(call)["entity_id"])


def _invalid(name: str, value: Any) -> ShopError:
    text = 'Invalid value of "%value" provided for the %fieldName field.'
    return ShopError(400, text, {"fieldName": name, "value": value})


def _admin_label(given: Record) -> str:
    for entry in given.get("frontend_labels") or []:
        if isinstance(entry, dict) and not entry.get("store_id"):
            return str(entry.get("label", ""))
    return ""


def _given_option(call: Call) -> Record:
    given = bodies.wanted(call, "option")
    bodies.check_members(given, _OPTION_MEMBERS)
    label = given.get("label")
    if isinstance(label, dict | list):
        raise wrong_type(label, "string", "label")
    if not str(label or "").strip():
        text = "The attribute option label is empty. Enter the value and try again."
        raise ShopError(400, text)
    return {**given, "label": str(label)}


def _with_options(call: Call) -> Record:
    attribute = named(call, call.arguments["code"])
    if attribute["frontend_input"] not in _WITH_OPTIONS:
        text = 'The "%1" attribute doesn\'t work with options.'
        raise ShopError(400, text, [attribute["attribute_code"]])
    return attribute


def _option(call: Call, attribute: Record) -> Record:
    number = call.arguments["id"]
    for option in attribute["options"]:
        if option["value"] == number:
            found: Record = option
            return found
    text = "The '%1' attribute doesn't include an option id '%2'."
    raise ShopError(400, text, [attribute["attribute_code"], number])


def _found(attribute: Record, label: str) -> str | None:
    """Return the number of the option that has a label, or that *is* the label."""
    wanted = label.strip().casefold()
    for option in attribute["options"]:
        if option["label"].casefold() == wanted or _same_number(option["value"], wanted):
            return str(option["value"])
    return None


def _same_number(value: str, label: str) -> bool:
    """Compare as PHP does: two numeric texts are equal when their numbers are."""
    try:
        return float(value) == float(label)
    except ValueError:
        return value == label


def _append(call: Call, attribute: Record, given: Record) -> str:
    """Add an option; numbers count over all attributes and never come back."""
    database = call.context.database
    row = (
        database.connection()
        .execute(
            "SELECT coalesce(max(CAST(json_extract(option.value, '$.value') AS INTEGER)), 0)"
            " FROM adobe_product_attribute AS attribute,"
            " json_each(attribute.body, '$.options') AS option"
        )
        .fetchone()
    )
    number = str(max(int(row[0]), int(database.setting("adobe.last_option", 0))) + 1)
    database.set_setting("adobe.last_option", int(number))
    kept = {name: given[name] for name in given if name in _OPTION_MEMBERS}
    attribute["options"].append({**kept, "label": str(given["label"]), "value": number})
    return number

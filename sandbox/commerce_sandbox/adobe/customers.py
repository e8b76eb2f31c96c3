"""Customers written from outside: what is merged, what is a full list, what is dropped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from commerce_sandbox.adobe import bodies
from commerce_sandbox.adobe.errors import ShopError, no_such_key, wrong_type
from commerce_sandbox.adobe.php_json import dumps
from commerce_sandbox.adobe.reading import current_store, record_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.adobe.bodies import Record
    from commerce_sandbox.adobe.call import Call

_GENERAL = 1  # the group of a customer when none is given
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_TEXTS = ("email", "firstname", "lastname", "middlename", "prefix", "suffix", "taxvat", "dob")
_NUMBERS = ("group_id", "store_id", "website_id", "gender", "disable_auto_group_change")
_READ_ONLY = ("id", "created_at", "updated_at", "created_in", "confirmation")
_MEMBERS = (
    *(*_TEXTS, *_NUMBERS, *_READ_ONLY, "default_billing", "default_shipping", "addresses"),
    *("extension_attributes", "custom_attributes"),
)
# Order of an answer's members, as recorded.
_ORDER = (
    *("id", "group_id", "default_billing", "default_shipping", "confirmation", "created_at"),
    *("updated_at", "created_in", "dob", "email", "firstname", "lastname", "middlename", "prefix"),
    *("suffix", "gender", "store_id", "taxvat", "website_id", "addresses"),
    *("disable_auto_group_change", "extension_attributes", "custom_attributes"),
)
_ADDRESS_TEXTS = (
    *("country_id", "company", "telephone", "fax", "postcode", "city", "firstname", "lastname"),
    *("middlename", "prefix", "suffix", "vat_id"),
)
_ADDRESS_MEMBERS = (
    *("id", "customer_id", "region", "region_id", "street", "default_shipping", "default_billing"),
    *("extension_attributes", "custom_attributes", *_ADDRESS_TEXTS),
)
_ADDRESS_REQUIRED = (
    *("firstname", "lastname", "street", "city", "telephone", "postcode", "country_id"),
)
_ADDRESS_ORDER = (
    *("id", "customer_id", "region", "region_id", "country_id", "street", "company", "telephone"),
    *("fax", "postcode", "city", "firstname", "lastname", "middlename", "prefix", "suffix"),
    *("vat_id", "default_shipping", "default_billing"),
)
_TAKEN = "A customer with the same email address already exists in an associated website."
_DEFAULTS = ("default_billing", "default_shipping")


def create(call: Call) -> bytes:
    """Create a customer and return it."""
    given = bodies.wanted(call, "customer")
    store = current_store(call)
    start: Record = {
        "group_id": _GENERAL,
        "website_id": store["website_id"],
        "store_id": store["entity_id"],
        "created_in": store["name"],
        "disable_auto_group_change": 0,
        "extension_attributes": {"is_subscribed": False},
    }
    given = {name: value for name, value in given.items() if name != "id"}
    with call.context.database.transaction():
        start |= {"id": bodies.next_id(call, "customer"), "created_at": bodies.timestamp(call)}
        return _save(call, start, given)


def update(call: Call) -> bytes:
    """Change a customer and return it: what is not sent stays, but addresses are a full list.

    Old releases (``adobe.old_customer_updates``) do not merge: what is not sent falls back to its
    default, and addresses lose what made them the default ones.
    """
    given = bodies.wanted(call, "customer")
    key = record_key(call)
    with call.context.database.transaction():
        before = bodies.stored(call, "customer", "entity_id", key)
        if before is None:
            raise no_such_key(field="customerId", value=key)
        if not call.setting("adobe.old_customer_updates"):
            return _save(call, before, given)
        kept = {name: before[name] for name in _KEPT_BY_OLD_RELEASES if name in before}
        addresses = [
            {name: value for name, value in address.items() if name not in _DEFAULTS}
            for address in before.get("addresses", ())
        ]
        given = {"addresses": addresses, **given}
        return _save(call, {**kept, "group_id": _GENERAL}, given, merges=False)


_KEPT_BY_OLD_RELEASES = (
    *("id", "created_at", "created_in", "website_id", "store_id"),
    *("disable_auto_group_change", "extension_attributes"),
)


def _save(call: Call, before: Record, given: Record, *, merges: bool = True) -> bytes:
    """Merge what is given onto what is stored, check it, write it and return it."""
    bodies.check_members(given, _MEMBERS)
    _check_types(given)
    customer = {**before, **{name: given[name] for name in given if name not in _READ_ONLY}}
    bodies.require(customer, "email", "firstname", "lastname")
    if not _EMAIL.fullmatch(customer["email"]):
        text = 'Invalid value of "%value" provided for the %fieldName field.'
        raise ShopError(400, text, {"fieldName": "email", "value": customer["email"]})
    if bodies.stored(call, "customer_group", "entity_id", customer["group_id"]) is None:
        raise no_such_key(field="id", value=customer["group_id"])
    _check_email(call, customer)
    known = set(call.setting("adobe.customer_attributes"))
    values = bodies.attribute_values(given)
    customer["custom_attributes"] = (
        bodies.merged_attributes(
            before, {code: value for code, value in values.items() if code in known}
        )
        or None
    )
    if "addresses" in given:
        _set_addresses(call, customer, given["addresses"] or [], merges=merges)
    customer.setdefault("addresses", [])
    customer["updated_at"] = bodies.timestamp(call)
    shown = {name: customer[name] for name in _ORDER if customer.get(name) is not None}
    bodies.save(call, "customer", shown)
    return dumps(shown).encode()


def _check_types(given: Record) -> None:
    for name in _TEXTS:
        if isinstance(given.get(name), dict | list):
            raise wrong_type(given[name], "string", name)
    for name in _NUMBERS:
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not str(value).lstrip("-").isdigit():
            raise wrong_type(value, "int", name)
        given[name] = int(value)
    for name in _DEFAULTS:
        if given.get(name) is not None:
            given[name] = str(given[name])
    if not isinstance(given.get("addresses", []), list | None):
        raise wrong_type(given["addresses"], "array", "addresses")


def _check_email(call: Call, customer: Record) -> None:
    """Refuse an e-mail address that another customer of the website has."""
    rows = call.context.database.connection().execute(
        "SELECT entity_id FROM adobe_customer WHERE email = ?"
        " AND json_extract(body, '$.website_id') = ?",
        (customer["email"], customer["website_id"]),
    )
    if any(row["entity_id"] != customer["id"] for row in rows):
        raise ShopError(400, _TAKEN)


def _set_addresses(call: Call, customer: Record, given: list[Any], *, merges: bool) -> None:
    """Write the full list of addresses: one that is not in it is gone."""
    known = {address["id"]: address for address in _stored_addresses(call, customer["id"])}
    addresses = []
    for position, entry in enumerate(given):
        if not isinstance(entry, dict):
            raise wrong_type(entry, "object", f"addresses[{position}]")
        address = _address(call, customer["id"], entry, known)
        addresses.append(address)
        for name in _DEFAULTS:
            # Old releases take the flags as sent: what is not said is no default any more.
            if (address if merges else entry).get(name):
                customer[name] = str(address["id"])
    ids = {str(address["id"]) for address in addresses}
    for name in _DEFAULTS:
        if customer.get(name) not in ids:
            customer[name] = None
    for address in addresses:
        for name in _DEFAULTS:
            address[name] = True if customer.get(name) == str(address["id"]) else None
    customer["addresses"] = [
        {name: address[name] for name in _ADDRESS_ORDER if address.get(name) is not None}
        for address in addresses
    ]


def _address(call: Call, customer_id: int, entry: Record, known: Mapping[Any, Record]) -> Record:
    """Return an address as it is stored: a known one changed, or a new one with a number."""
    bodies.check_members(entry, _ADDRESS_MEMBERS)
    if entry.get("id") is not None and entry["id"] not in known:
        raise no_such_key(field="addressId", value=entry["id"])
    address = {**known.get(entry.get("id"), {}), **entry}
    bodies.require(address, *_ADDRESS_REQUIRED)
    if address.get("id") is None:
        address["id"] = _next_address(call)
    address["customer_id"] = customer_id
    region = address.get("region") or {}
    address["region"] = {
        "region_code": region.get("region_code"),
        "region": region.get("region"),
        "region_id": region.get("region_id") or address.get("region_id") or 0,
    }
    address["region_id"] = address["region"]["region_id"]
    return address


def _stored_addresses(call: Call, customer_id: int) -> list[Record]:
    before = bodies.stored(call, "customer", "entity_id", customer_id)
    return [] if before is None else list(before.get("addresses", []))


def _next_address(call: Call) -> int:
    """Return the number of the next address; numbers of deleted ones do not come back."""
    database = call.context.database
    row = (
        database.connection()
        .execute(
            "SELECT coalesce(max(json_extract(address.value, '$.id')), 0)"
            " FROM adobe_customer, json_each(adobe_customer.body, '$.addresses') AS address"
        )
        .fetchone()
    )
    number = max(int(row[0]), int(database.setting("adobe.last_address", 0))) + 1
    database.set_setting("adobe.last_address", number)
    return number

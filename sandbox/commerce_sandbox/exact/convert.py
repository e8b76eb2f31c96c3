"""Request bodies: JSON to typed rows, refused the way the server refuses them.

What is wrong with the form (unknown property, wrong type, lines that are no list) is HTTP 400;
what is wrong with the content (missing field, too long) is HTTP 500.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.exact import messages
from commerce_sandbox.exact.errors import StreamError
from commerce_sandbox.exact.metadata import LINES, resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.exact.messages import Message
    from commerce_sandbox.exact.metadata import Property, Resource
    from commerce_sandbox.exact.store import Row

_NOT_AN_OBJECT = "The request should be a valid top-level resource object."
_GUID = re.compile(r"\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)?)?")
_FIRST_YEAR = 1753  # the first that the database behind the real server stores
_LARGEST_AMOUNT = 10**12  # beyond it a binary number no longer holds cents exactly
_LARGEST_DOUBLE = 10**15  # beyond it a binary number no longer counts in ones
_INTEGERS = {
    "Byte": (0, 255),
    "Int16": (-(2**15), 2**15 - 1),
    "Int32": (-(2**31), 2**31 - 1),
    "Int64": (-(2**63), 2**63 - 1),
}

#: Lengths that the metadata lacks; like all lengths UNVERIFIED, the strictest source wins.
_LENGTHS = {
    "Description": 60,
    "PaymentReference": 25,
    "Subject": 255,
    "FileName": 255,
    "CostCenter": 8,
    "CostUnit": 8,
    "Costcenter": 8,
    "Costunit": 8,
    "VATCode": 3,
    "JournalCode": 10,
    "Journal": 10,
    "Currency": 3,
    "AddressLine1": 60,
    "AddressLine2": 60,
    "AddressLine3": 60,
    "Postcode": 20,
    "City": 40,
    "Country": 2,
    "Phone": 17,
}
#: Cut at this length without a word (two live clients).
_CUT = {"YourRef": 30}
#: Documented as mandatory, in practice derived from the item (SalesInvoiceLines).
_DERIVED = {("salesinvoice/SalesInvoiceLines", "GLAccount")}
#: Contacts need one of these two, not both.
_EITHER = {"crm/Contacts": ("FirstName", "LastName")}
#: Line properties that refer to the header; only needed when a line is posted by itself.
_HEADER_KEYS = frozenset({"EntryID", "InvoiceID", "OrderID"})


def parse(
    body: bytes, resource: Resource, *, put: bool = False, keep_key: bool = False
) -> tuple[Row, list[Message]]:
    """Read the body of a POST or PUT.

    Args:
        body: JSON.
        resource: What it should be.
        put: It is a PUT: nothing is mandatory, lines are not accepted.
        keep_key: The key is input (of an action); otherwise the server gives it.

    Returns:
        The typed row, lines included, and the messages about its content so far.

    Raises:
        StreamError: The body does not have the form of the resource.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = "JSON text specified is not valid."
        raise StreamError(text) from None
    found: list[Message] = []
    row = _row(document, resource, found, put=put, nested=False)
    if not keep_key:
        row.pop(resource.key, None)
    elif row.get(resource.key) is None:
        found.append(messages.mandatory(resource.key))
    return row, found


def stored_value(resource: Resource, name: str, value: Any) -> Any:
    """Return what the server stores for a value that a client sends."""
    return _readers(resource.path, put=False)[0][name](value, [])


def _row(
    document: Any, resource: Resource, found: list[Message], *, put: bool, nested: bool
) -> Row:
    if type(document) is not dict:
        raise StreamError(_NOT_AN_OBJECT)
    readers, mandatory = _readers(resource.path, put=put)
    row: Row = {}
    for name, value in document.items():
        reader = readers.get(name)
        if reader is not None:
            if value is not None or put:
                row[name] = None if value is None else reader(value, found)
        elif name != "__metadata":
            text = f"The property name '{name}' specified for type '{resource.type_name}' is not "
            raise StreamError(text + "valid.")
    if not put:
        _check_mandatory(row, resource, mandatory, found, nested=nested)
    return row


def _check_mandatory(
    row: Row, resource: Resource, names: tuple[str, ...], found: list[Message], *, nested: bool
) -> None:
    found.extend(
        messages.mandatory(name)
        for name in names
        if row.get(name) in {None, ""} and not (nested and name in _HEADER_KEYS)
    )
    either = _EITHER.get(resource.path)
    if either and not any(row.get(name) for name in either):
        found.append(messages.mandatory(either[1]))


@cache
def _readers(
    path: str, *, put: bool
) -> tuple[dict[str, Callable[[Any, list[Message]], Any]], tuple[str, ...]]:
    resource = resources()[path]
    readers: dict[str, Callable[[Any, list[Message]], Any]] = {}
    for item in resource.properties.values():
        if not (item.on_put if put else item.on_post):
            continue
        if item.type == "Collection":
            if not put:  # lines have their own endpoint for changes
                readers[item.name] = _collection_reader(path, item.name)
            continue
        readers[item.name] = _reader(item)
    either = _EITHER.get(path, ())
    mandatory = tuple(
        item.name
        for item in resource.properties.values()
        if item.mandatory
        and item.name != resource.key
        and item.name not in either
        and item.type != "Collection"
        and (path, item.name) not in _DERIVED
    )
    return readers, mandatory


def _collection_reader(path: str, name: str) -> Callable[[Any, list[Message]], Any]:
    target = LINES.get((path, name))

    def read(value: Any, found: list[Message]) -> list[Row]:
        if type(value) is not list:
            raise StreamError(_NOT_AN_OBJECT)
        if target is None:  # order charges and the like: not part of the sandbox's company
            found.append(messages.not_allowed(name))
            return []
        line = resources()[target]
        return [_row(entry, line, found, put=False, nested=True) for entry in value]

    return read


def _reader(item: Property) -> Callable[[Any, list[Message]], Any]:
    name = item.name
    if item.type in _INTEGERS:
        low, high = _INTEGERS[item.type]
        return lambda value, _: _integer(item, value, low, high)
    if name in _CUT:
        cut = _CUT[name]
        return lambda value, found: _string(name, value, None, found)[:cut]
    length = item.max_length or _LENGTHS.get(name)
    readers: dict[str, Callable[[Any, list[Message]], Any]] = {
        "Guid": lambda value, _: _guid(name, value),
        "DateTime": lambda value, _: _datetime(name, value),
        "Boolean": lambda value, _: _boolean(name, value),
        "Double": lambda value, _: _double(name, value),
        "Amount": lambda value, found: _amount(name, value, found),
        "String": lambda value, found: _string(name, value, length, found),
    }
    kind = "Amount" if item.type == "Double" and "Amount" in name else item.type
    return readers.get(kind, readers["String"])


def _conversion(name: str, kind: str) -> StreamError:
    return StreamError(f"Error in converting value for property {name} to type {kind}")


def _boolean(name: str, value: Any) -> bool:
    if type(value) is not bool:
        raise _conversion(name, "Boolean")
    return value


def _guid(name: str, value: Any) -> str:
    if type(value) is not str or not _GUID.fullmatch(value):
        raise _conversion(name, "Guid")
    return value.strip("{}").lower()


def _datetime(name: str, value: Any) -> str:
    """Return a date without zone; one with a zone or offset is moved to UTC first."""
    date = date_as_stored(value) if type(value) is str else None
    if date is None:
        raise _conversion(name, "DateTime")
    return date


@lru_cache(maxsize=1024)  # documents of one day have the same dates
def date_as_stored(text: str) -> str | None:
    """Return a date as it is stored, or None when the server cannot read it."""
    if not _DATE.fullmatch(text):  # /Date(...)/ neither: it is only what the server writes
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if moment.year < _FIRST_YEAR:
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _double(name: str, value: Any) -> float | int:
    if (type(value) is not float and type(value) is not int) or abs(value) >= _LARGEST_DOUBLE:
        raise _conversion(name, "Double")
    return value


def _amount(name: str, value: Any, found: list[Message]) -> float | int:
    """Return an amount of money; more than two decimals are refused, never rounded."""
    amount = _double(name, value)
    if abs(amount) >= _LARGEST_AMOUNT:
        found.append(messages.invalid(name))
    elif type(amount) is float and round(amount * 100) / 100 != amount:
        found.append(messages.TOO_FINE)
    return amount


def _integer(item: Property, value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise _conversion(item.name, item.type)
    return value


def _string(name: str, value: Any, length: int | None, found: list[Message]) -> str:
    if type(value) is not str:
        raise _conversion(name, "String")
    if length is not None and len(value) > length:
        found.append(messages.invalid(name, f"max. {length}"))
    return value

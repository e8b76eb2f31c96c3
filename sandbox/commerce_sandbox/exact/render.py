"""Rows as verbose JSON of OData version 2, and their values as the server writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact.metadata import resources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commerce_sandbox.exact.master import Master
    from commerce_sandbox.exact.metadata import Resource
    from commerce_sandbox.exact.store import Row

#: Descriptions that are looked up when read: property -> (code or GUID beside it, where, what).
_LOOKED_UP = {
    "GLAccountCode": ("GLAccount", "gl_accounts", "Code"),
    "GLAccountDescription": ("GLAccount", "gl_accounts", "Description"),
    "GLRevenueCode": ("GLRevenue", "gl_accounts", "Code"),
    "GLRevenueDescription": ("GLRevenue", "gl_accounts", "Description"),
    "VATCodeDescription": ("VATCode", "vat_codes", "Description"),
    "CostCenterDescription": ("CostCenter", "cost_centers", "Description"),
    "CostUnitDescription": ("CostUnit", "cost_units", "Description"),
    "PaymentConditionDescription": ("PaymentCondition", "payment_conditions", "Description"),
    "PaymentConditionPaymentMethod": ("PaymentCondition", "payment_conditions", "PaymentMethod"),
    "ItemGroupCode": ("ItemGroup", "item_groups", "Code"),
    "ItemGroupDescription": ("ItemGroup", "item_groups", "Description"),
}
#: Properties of these names are looked up by the journal's code.
_JOURNAL = ("Journal", "JournalCode")


def looked_up(name: str) -> bool:
    """Tell whether a property is only made when read, so that it cannot be filtered."""
    return name in _LOOKED_UP or name == "JournalDescription"


@lru_cache(maxsize=1024)  # documents of one day have the same dates
def _date(text: str) -> str:
    """Write a stored date as milliseconds since 1970 (UTC)."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return f"/Date({round(moment.timestamp() * 1000)})/"


def _double(value: Any) -> Any:
    if type(value) is float and value.is_integer():
        return int(value)
    return value


@dataclass(frozen=True)
class _Shape:
    """How entities of a resource are written.

    Attributes:
        empty: Every property without a value, in the order of the document.
        writers: Properties whose values are not written as they are stored.
        looked_up: Properties that are only made when read.
        collections: Properties that lead to lines.
    """

    empty: dict[str, Any]
    writers: dict[str, Callable[[Any], Any]]
    looked_up: tuple[str, ...]
    collections: tuple[str, ...]


@cache
def _shape(path: str) -> _Shape:
    kinds: dict[str, Callable[[Any], Any]] = {"DateTime": _date, "Double": _double, "Int64": str}
    properties = resources()[path].properties.values()
    return _Shape(
        empty=dict.fromkeys(item.name for item in properties),
        writers={item.name: kinds[item.type] for item in properties if item.type in kinds},
        looked_up=tuple(item.name for item in properties if looked_up(item.name)),
        collections=tuple(item.name for item in properties if item.type == "Collection"),
    )


def _look_up(master: Master, row: Row, name: str) -> Any:
    """Return what the master data says about a row."""
    if name == "JournalDescription":
        code = row.get(_JOURNAL[0]) or row.get(_JOURNAL[1])
        return master.journals.get(str(code), {}).get("Description")
    source, table, field = _LOOKED_UP[name]
    key = row.get(source)
    if key is None:
        return None
    entries: Mapping[str, Row] = getattr(master, table)
    return entries.get(key.strip(), {}).get(field)


def key_segment(resource: Resource, row: Row) -> str:
    """Return the key of a row as it stands in URLs."""
    key = row.get(resource.key)
    kind = resource.properties[resource.key].type
    if kind == "Guid":
        return f"(guid'{key}')"
    return f"('{key}')" if kind == "String" else f"({key})"


def entity(
    resource: Resource,
    row: Row,
    base: str,
    *,
    master: Master | None = None,
    select: frozenset[str] | None = None,
    expanded: Mapping[str, list[dict[str, Any]]] | None = None,
    blank: bool = False,
) -> dict[str, Any]:
    """Return a row as an entity.

    Args:
        resource: What it is.
        row: Its stored values.
        base: URL of the division, ``http://127.0.0.1:1/api/v1/3000001``.
        master: Where descriptions are looked up.
        select: Properties to write; None: all.
        expanded: Lines by name of their collection.
        blank: Leave all properties but the key empty.
    """
    uri = f"{base}/{resource.path}{key_segment(resource, row)}"
    shape = _shape(resource.path)
    properties = shape.empty
    if select is not None:
        properties = {name: None for name in properties if name in select}
    written = {"__metadata": {"uri": uri, "type": resource.type_name}, **properties}
    if blank:
        row = {resource.key: row.get(resource.key)}
    for name, value in row.items():
        if value is not None and name in properties:
            writer = shape.writers.get(name)
            written[name] = value if writer is None else writer(value)
    if master is not None:
        for name in shape.looked_up:
            if name in properties and written[name] is None:
                written[name] = _look_up(master, row, name)
    for name in shape.collections:
        if name in properties:
            lines = None if expanded is None else expanded.get(name)
            deferred = {"__deferred": {"uri": f"{uri}/{name}"}}
            written[name] = deferred if lines is None else {"results": lines}
    return written

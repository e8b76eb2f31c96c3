"""Rows as verbose JSON of OData version 2, and their values as the server writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
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


def milliseconds(text: str) -> int:
    """Return a stored date as milliseconds since 1970 (UTC)."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _date(value: Any) -> str:
    return f"/Date({milliseconds(value)})/"


def _double(value: Any) -> Any:
    if type(value) is float and value.is_integer():
        return int(value)
    return value


@cache
def _writers(path: str) -> dict[str, Callable[[Any], Any] | None]:
    """Return how the values of a resource are written; None: as they are."""
    kinds: dict[str, Callable[[Any], Any]] = {"DateTime": _date, "Double": _double, "Int64": str}
    return {
        item.name: kinds.get(item.type)
        for item in resources()[path].properties.values()
        if item.type != "Collection"
    }


def value(master: Master | None, row: Row, name: str) -> Any:
    """Return a stored or looked-up value of a row."""
    found = row.get(name)
    if found is not None or master is None:
        return found
    if name == "JournalDescription":
        code = row.get(_JOURNAL[0]) or row.get(_JOURNAL[1])
        return master.journals.get(str(code), {}).get("Description")
    if name in _LOOKED_UP:
        source, table, field = _LOOKED_UP[name]
        key = row.get(source)
        if key is not None:
            entries: Mapping[str, Row] = getattr(master, table)
            return entries.get(key.strip(), {}).get(field)
    return None


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
    written: dict[str, Any] = {"__metadata": {"uri": uri, "type": resource.type_name}}
    writers = _writers(resource.path)
    for name, item in resource.properties.items():
        if select is not None and name not in select:
            continue
        if item.type == "Collection":
            if expanded is not None and name in expanded:
                written[name] = {"results": expanded[name]}
            else:
                written[name] = {"__deferred": {"uri": f"{uri}/{name}"}}
            continue
        if blank and name != resource.key:
            written[name] = None
            continue
        found = value(master, row, name)
        writer = writers[name]
        written[name] = found if found is None or writer is None else writer(found)
    return written

"""What the reference says about each resource: names, types, operations, scopes, page sizes.

The figures come from ``metadata.json`` (its provenance is in this folder's README).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

import orjson

#: Where a collection of lines finds its own resource.
LINES = {
    ("salesentry/SalesEntries", "SalesEntryLines"): "salesentry/SalesEntryLines",
    ("salesinvoice/SalesInvoices", "SalesInvoiceLines"): "salesinvoice/SalesInvoiceLines",
    ("salesorder/SalesOrders", "SalesOrderLines"): "salesorder/SalesOrderLines",
    ("generaljournalentry/GeneralJournalEntries", "GeneralJournalEntryLines"): (
        "generaljournalentry/GeneralJournalEntryLines"
    ),
    ("vat/VATCodes", "VATPercentages"): "vat/VatPercentages",
    ("bulk/SalesInvoice/SalesInvoices", "SalesInvoiceLines"): "salesinvoice/SalesInvoiceLines",
    ("bulk/SalesOrder/SalesOrders", "SalesOrderLines"): "salesorder/SalesOrderLines",
}


@dataclass(frozen=True)
class Property:
    """One property of a resource, as the reference documents it."""

    name: str
    type: str
    readable: bool
    on_post: bool
    on_put: bool
    mandatory: bool
    max_length: int | None


@dataclass(frozen=True)
class Resource:
    """One resource: its path below the division, methods, scope and properties."""

    path: str
    methods: frozenset[str]
    page_size: int
    scope: str | None
    key: str
    filterable: frozenset[str] | None
    properties: dict[str, Property]

    @cached_property
    def name(self) -> str:
        """The last part of the path, ``SalesEntries``."""
        return self.path.rpartition("/")[2]

    @cached_property
    def service(self) -> str:
        """The part before the name, ``salesentry``."""
        return self.path.rpartition("/")[0]

    @cached_property
    def type_name(self) -> str:
        """The entity type as the server names it in ``__metadata`` and in error texts."""
        singular = self.name
        if singular.endswith("ies"):
            singular = singular[:-3] + "y"
        elif singular.endswith("s") and not singular.endswith("ss"):
            singular = singular[:-1]
        folder = ".".join(part[:1].upper() + part[1:] for part in self.service.split("/"))
        return f"Exact.Web.Api.Models.{folder}.{singular}"

    def is_sync(self) -> bool:
        """Tell whether this is a ``sync/*`` resource, read by ``Timestamp``."""
        return self.path.startswith("sync/")

    def is_bulk(self) -> bool:
        """Tell whether this is a ``bulk/*`` resource."""
        return self.path.startswith("bulk/")


def _property(name: str, entry: list[str], lengths: dict[str, int]) -> Property:
    kind, operations, *flags = entry
    return Property(
        name=name,
        type=kind,
        readable="G" in operations or "P" in operations,
        on_post="P" in operations,
        on_put="U" in operations,
        mandatory=bool(flags) and "m" in flags[0],
        max_length=lengths.get(name),
    )


@cache
def resources() -> dict[str, Resource]:
    """Return every resource the sandbox knows, by path below the division."""
    document = orjson.loads(files(__package__).joinpath("metadata.json").read_bytes())
    found = {}
    for path, entry in document["endpoints"].items():
        lengths = entry.get("max_length", {})
        keys = [name for name, item in entry["properties"].items() if "k" in "".join(item[2:])]
        filterable = entry.get("filterable")
        found[path] = Resource(
            path=path,
            methods=frozenset(entry["methods"]),
            page_size=entry["page_size"],
            scope=entry.get("scope"),
            key=keys[0],
            filterable=None if filterable is None else frozenset(filterable),
            properties={
                name: _property(name, item, lengths) for name, item in entry["properties"].items()
            },
        )
    return found

"""What the catalog selects, as the shop's ``fields`` parameter: the rest is not even sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from adobe_commerce.search import Projection

#: Members this tap adds; the shop does not know them.
ADDED = frozenset({"invoices", "order", "product", "source", "tax_rates", "transactions"})


def project(
    schema: Mapping[str, Any],
    mask: Mapping[tuple[str, ...], bool],
    needed: Iterable[str] = (),
    breadcrumb: tuple[str, ...] = (),
) -> Projection | None:
    """Which members of an entity to ask for.

    Args:
        schema: Schema of the entity.
        mask: Selection of the stream, by breadcrumb.
        needed: Members the tap cannot do without.
        breadcrumb: Where the entity stands in the stream's schema.

    Returns:
        None if everything is selected: then the shop is asked for everything, which also brings
        members the schema does not know.
    """
    everything = True
    projection: Projection = {}
    needed = set(needed)
    for name, part in schema.get("properties", {}).items():
        if name in ADDED:
            continue
        crumb = (*breadcrumb, "properties", name)
        if not mask[crumb] and name not in needed:
            everything = False
            continue
        inner = project(part, mask, breadcrumb=crumb) if part.get("properties") else None
        if inner:
            everything = False
        projection[name] = inner or None
    return None if everything else projection

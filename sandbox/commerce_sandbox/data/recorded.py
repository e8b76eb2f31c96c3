"""The recorded shop: what a real Magento Open Source 2.4.7-p3 answered, record by record.

``recorded/KIND.jsonl`` holds one record per line, byte for byte as that shop writes JSON.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from commerce_sandbox.adobe.store import insert_many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commerce_sandbox.database import Database

# All that is not sales: a generated shop has the same store views, taxes and products.
CATALOG_KINDS = (
    "category",
    "coupon",
    "currency",
    "customer_group",
    "inventory_source",
    "module",
    "product",
    "sales_rule",
    "store_config",
    "store_group",
    "store_view",
    "tax_class",
    "tax_rate",
    "tax_rule",
    "website",
)
SALES_KINDS = ("customer", "order", "invoice", "creditmemo", "shipment")


def lines(kind: str) -> list[str]:
    """Return the recorded records of one kind, each as JSON text."""
    text = files(__package__).joinpath("recorded", f"{kind}.jsonl").read_text(encoding="ascii")
    return text.splitlines()


def load(database: Database, kinds: Iterable[str] = (*CATALOG_KINDS, *SALES_KINDS)) -> None:
    """Write the recorded shop into the database.

    Args:
        database: The sandbox's database, with the shop's tables created.
        kinds: Only these kinds of records.
    """
    with database.transaction():
        for kind in kinds:
            insert_many(database, kind, lines(kind))

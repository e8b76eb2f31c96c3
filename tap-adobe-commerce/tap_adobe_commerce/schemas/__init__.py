"""JSON Schemas of the streams, one file each; parts that several share have files of their own."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from singer_sdk.singerlib.schema import resolve_schema_references

SHARED = (
    "line_product.json",
    "order_address.json",
    "order_invoice.json",
    "order_item.json",
    "order_tax_rate.json",
    "order_transaction.json",
    "orders.json",
    "source.json",
)


@cache
def _text(file_name: str) -> str:
    return (files(__name__) / file_name).read_text(encoding="utf-8")


def load(stream: str) -> dict[str, Any]:
    """Return a stream's schema with the shared parts put in place."""
    parts = {name: json.loads(_text(name)) for name in SHARED}
    # A line's parent is a line too, but has no parent of its own.
    parts["parent_item.json"] = json.loads(_text("order_item.json"))
    del parts["parent_item.json"]["properties"]["parent_item"]
    if stream != "credit_memos":
        # Only what takes invoices back needs them.
        del parts["orders.json"]["properties"]["invoices"]
    content = parts["orders.json"] if stream == "orders" else json.loads(_text(f"{stream}.json"))
    return resolve_schema_references(content, parts)

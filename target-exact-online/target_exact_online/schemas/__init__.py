"""What the target accepts: one JSON Schema per stream, with human codes and never a GUID."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

STREAMS = (
    "accounts",
    "general_journal_entries",
    "refused_documents",
    "sales_entries",
    "sales_invoices",
    "sales_orders",
    "summary_documents",
)


@functools.cache
def load(stream: str) -> dict[str, Any]:
    """Return the schema of a stream.

    Args:
        stream: One of `STREAMS`.
    """
    text = resources.files(__name__).joinpath(f"{stream}.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema

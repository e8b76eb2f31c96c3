"""From a record of contract 2 to what Exact accepts, everything knowable checked first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_exact_online.documents import (
    accounts,
    general_journal_entries,
    sales_entries,
    sales_invoices,
    sales_orders,
)
from target_exact_online.documents.printing import compare
from target_exact_online.documents.sending import send
from target_exact_online.documents.settling import (
    columns_of_many,
    found_among,
    settle,
    settle_many,
)
from target_exact_online.documents.updating import update
from target_exact_online.exceptions import DocumentRefusedError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_exact_online.documents.prepared import DocumentSettings, Prepared
    from target_exact_online.master_data import MasterData

__all__ = [
    "STREAMS",
    "columns_of_many",
    "compare",
    "found_among",
    "prepare",
    "send",
    "settle",
    "settle_many",
    "update",
]

STREAMS = {
    "accounts": accounts.prepare,
    "sales_entries": sales_entries.prepare,
    "sales_invoices": sales_invoices.prepare,
    "sales_orders": sales_orders.prepare,
    "general_journal_entries": general_journal_entries.prepare,
}


def prepare(
    stream: str, record: Mapping[str, Any], master: MasterData, settings: DocumentSettings
) -> Prepared:
    """Check a record and make its payload; no call that writes.

    Args:
        stream: A stream of contract 2.
        record: Its record; amounts as ``Decimal``.
        master: The master data of the record's division.
        settings: What may be created or moved.

    Raises:
        DocumentRefusedError: With every problem that can be known before the call.
    """
    if stream not in STREAMS:
        what = f"The stream {stream!r} cannot be posted"
        raise DocumentRefusedError([Problem("document", what, f"Use {', '.join(STREAMS)}.")])
    return STREAMS[stream](dict(record), master, settings)

"""Tell the run's summary what became of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_exact_online.ledger import queries
from target_exact_online.ledger.rows import DAY
from target_exact_online.posting.state import Effect

if TYPE_CHECKING:
    from target_exact_online.ledger.rows import Document
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.posting.state import Step
    from target_exact_online.summary import Summary


def tell_all(summary: Summary, ledger: Ledger, document: Document, step: Step) -> None:
    """Count what a step says, and for the entry of a day, what became of its documents.

    Args:
        summary: Counts.
        ledger: Knows the documents of a day.
        document: The document it is about.
        step: What became of it.
    """
    tell(summary, document, step)
    if document.source.get("kind") == DAY and step.row.state == "posted" and step.kind:
        for one in queries.members(ledger, document.document_key):
            summary.count_posted(one.document)


def tell(summary: Summary, document: Document, step: Step) -> None:
    """Count what a step says, and keep its words.

    Args:
        summary: Counts.
        document: The document it is about.
        step: What became of it.
    """
    reason = step.note or ""
    for effect in step.effects:
        match effect:
            case Effect.TELL_POSTED:
                summary.count_posted(document)
            case Effect.TELL_THERE:
                summary.count_already_there(document)
            case Effect.TELL_HELD:
                summary.count_held()
            case Effect.TELL_PARKED:
                summary.count_parked(document, reason)
            case Effect.TELL_FAILED:
                summary.count_failed(document, reason, step.row.next_retry_at)
            case Effect.TELL_SKIPPED:
                summary.count_skipped(document, reason)
            case Effect.TELL_CHANGED:
                summary.count_changed(document, reason)
            case Effect.TELL_UPDATED:
                summary.count_updated(document)
            case _:
                pass  # what the ledger did by itself

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
    """Count what a step says, and for the entry of a day, what became of its documents."""
    tell(summary, document, step)
    if document.source.get("kind") == DAY and step.row.state == "posted" and step.kind:
        for one in queries.members(ledger, document.document_key):
            summary.count(Effect.TELL_POSTED, one.document)


def tell(summary: Summary, document: Document, step: Step) -> None:
    """Count what a step says, and keep its words."""
    for effect in step.effects:
        summary.count(effect, document, step.note or "", step.row.next_retry_at)

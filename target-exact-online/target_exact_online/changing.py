"""Documents of which another version comes after they were posted.

A booked document is never overwritten: both versions are kept and reported. A sales order books
nothing, so Exact's order is changed while that is still possible. The later version is held in the
ledger first, so that a change that broke off is made by the next run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from target_exact_online.exceptions import DocumentRefusedError, RetriableError

if TYPE_CHECKING:
    from target_exact_online.documents.prepared import Prepared, Stored
    from target_exact_online.ledger.entries import Document, Known
    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.summary import Summary

CHANGEABLE = "sales_orders"
_MAX_LEFT_OVER = 1_000


class Changer(Protocol):
    """What of the company is needed here; see `target_exact_online.company`."""

    def prepare(self, document: Document) -> Prepared:
        """Resolve and check a document without any call that writes."""
        ...

    def update(self, prepared: Prepared, exact_id: str) -> Stored:
        """Make a document in Exact what it should be now."""
        ...


class Changing:
    """Takes later versions of posted documents, and changes those that may be changed."""

    def __init__(self, ledger: Ledger, run: Run, company: Changer, summary: Summary) -> None:
        """Prepare; nothing is changed yet.

        Args:
            ledger: Holds both versions.
            run: This process's run.
            company: Changes orders.
            summary: Is told what became of them.
        """
        self._ledger = ledger
        self._run = run
        self._company = company
        self._summary = summary

    def take(self, document: Document, known: Known, *, call: bool) -> None:
        """Hold a later version, and change Exact's document if it may be changed.

        Args:
            document: The later version.
            known: What the ledger knows of the posted one.
            call: False leaves the change to the next run.
        """
        self._ledger.versions.hold_newer(self._run, document)
        if known.stream == document.stream == CHANGEABLE and known.state == "posted":
            if call:
                self._change(document, known)
            return
        self._summary.count_changed(
            document,
            f"Another version came after it was posted{_number(known)}: the shop changed it, or "
            "the rules book it differently now. Exact keeps the posted version; compare both with "
            f"`documents show {document.document_key}` and correct it in Exact.",
        )

    def take_back(self, document: Document, known: Known, *, call: bool) -> None:
        """Take the posted version again, after which another one had come.

        Args:
            document: The posted version, as the shop has it again.
            known: What the ledger knows of it.
            call: False leaves a change to the next run.
        """
        if known.stream == CHANGEABLE and known.state == "posted":
            # A change that broke off may have been made in part.
            self.take(document, known, call=call)
            return
        self._ledger.versions.forget_newer(self._run, document)
        self._summary.count_already_there(document)

    def refuse(self, document: Document, known: Known, reason: str) -> None:
        """Report, once, a posted document whose later version is refused: a cancelled order.

        Args:
            document: The refusal.
            known: What the ledger knows of the posted one.
            reason: Why the later version is refused.
        """
        if document.payload_hash == known.newer_hash:
            return
        self._ledger.versions.hold_newer(self._run, document, reason)
        self._summary.count_changed(
            document,
            f"It was posted{_number(known)}, and now it would not be: {reason} "
            f"Exact keeps the posted version; see `documents show {document.document_key}`, and "
            "correct it in Exact if that is wrong.",
        )

    def change_left_over(self) -> None:
        """Make the changes that earlier runs did not come to make."""
        for document, known in self._ledger.backlog.to_change(CHANGEABLE, limit=_MAX_LEFT_OVER):
            if not self._change(document, known):
                return

    def _change(self, document: Document, known: Known) -> bool:
        """Change one order; return False when Exact cannot be asked now."""
        try:
            prepared = self._company.prepare(document)
            stored = self._company.update(prepared, str(known.exact_id))
        except DocumentRefusedError as error:
            self._ledger.versions.not_changed(self._run, document, str(error))
            self._summary.count_changed(document, f"Its order in Exact was not changed: {error}")
        except RetriableError as error:
            self._summary.count_failed(document, f"{error}. It is changed by the next run.", None)
            return False
        else:
            self._ledger.versions.changed(self._run, document, stored.number)
            self._summary.count_updated(document)
        return True


def _number(known: Known) -> str:
    return f" as {known.exact_number}" if known.exact_number else ""

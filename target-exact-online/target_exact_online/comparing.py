"""Compare the entries that Exact made of printed invoices with what was expected of them.

Many invoices are read back with one call, so the comparison runs behind the posting. What still
has to be compared is what the ledger knows as posted without a number: a crash loses nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from exact_online.odata import MAX_TERMS
from target_exact_online.exceptions import DocumentRefusedError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_exact_online.documents.prepared import Prepared
    from target_exact_online.ledger.entries import Document
    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.summary import Summary

STREAM = "sales_invoices"
_MAX_LEFT_OVER = 1_000


class Reader(Protocol):
    """What of the company is needed here; see `target_exact_online.company`."""

    def prepare(self, document: Document) -> Prepared:
        """Resolve and check a document without any call that writes."""
        ...

    def compare(self, printed: Sequence[Prepared]) -> dict[str, tuple[int | None, list[str]]]:
        """Return number and differences of printed invoices, by document key."""
        ...


class Comparing:
    """Collects printed invoices, and reads their entries back when a call is full of them."""

    def __init__(self, ledger: Ledger, run: Run, company: Reader, summary: Summary) -> None:
        """Prepare; nothing is read yet.

        Args:
            ledger: Keeps numbers and differences.
            run: This process's run.
            company: Reads the entries.
            summary: Is told of differences.
        """
        self._ledger = ledger
        self._run = run
        self._company = company
        self._summary = summary
        self._lock = threading.Lock()
        self._printed: dict[str, tuple[Document, Prepared]] = {}

    def add(self, document: Document, prepared: Prepared) -> None:
        """Remember an invoice that was printed just now; other documents are ignored."""
        if prepared.print_date is not None:
            with self._lock:
                self._printed[document.document_key] = (document, prepared)

    def add_left_over(self) -> None:
        """Remember the invoices that earlier runs printed and did not come to compare."""
        for document in self._ledger.backlog.without_number(STREAM, limit=_MAX_LEFT_OVER):
            try:
                self.add(document, self._company.prepare(document))
            except DocumentRefusedError as error:
                self._summary.warn(document, f"It is posted, but cannot be compared: {error}")

    def compare(self, *, all_of_them: bool) -> None:
        """Compare what waits, in calls that are full unless all have to be done.

        Args:
            all_of_them: Also those that do not fill a call.
        """
        with self._lock:
            waiting = list(self._printed.values())
        while len(waiting) >= MAX_TERMS or (all_of_them and waiting):
            some, waiting = waiting[:MAX_TERMS], waiting[MAX_TERMS:]
            try:
                answers = self._company.compare([prepared for _, prepared in some])
            except RetriableError as error:
                self._summary.warn(some[0][0], f"Comparing waits for the next run: {error}")
                return
            for document, _ in some:
                self._printed.pop(document.document_key)
                self._take(document, *answers[document.document_key])

    def _take(self, document: Document, number: int | None, differences: list[str]) -> None:
        self._ledger.versions.compared(self._run, document.document_key, number, differences)
        if differences:
            self._summary.count_changed(
                document,
                f"Exact printed it{f' as {number}' if number else ''} and booked something else: "
                f"{'; '.join(differences)}. Compare items and GL accounts in Exact, and correct "
                "it there with a credit note.",
            )

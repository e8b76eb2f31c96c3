"""Documents whose answer never came: Exact is asked for them before anything is sent again.

Not before the lost call can no longer be at work there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from target_exact_online.calling import Claim, found_result
from target_exact_online.exceptions import DocumentRefusedError, RetriableError, TargetError
from target_exact_online.ledger.entries import Result

if TYPE_CHECKING:
    from target_exact_online.calling import Calling
    from target_exact_online.comparing import Comparing
    from target_exact_online.documents.prepared import Found, Prepared
    from target_exact_online.gate import Gate
    from target_exact_online.ledger.entries import Document, Known
    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.summary import Summary

_PAGE = 100


class Asked(Protocol):
    """What of the company is needed here; see `target_exact_online.company`."""

    def prepare(self, document: Document) -> Prepared:
        """Resolve and check a document without any call that writes."""
        ...

    def find(self, prepared: Prepared) -> Found | None:
        """Ask whether Exact has it."""
        ...


class Unanswered:
    """Settles documents of this run, and of dead runs whose claims it took over."""

    def __init__(
        self,
        ledger: Ledger,
        run: Run,
        company: Asked,
        gate: Gate,
        calling: Calling,
        comparing: Comparing,
        summary: Summary,
        *,
        after: timedelta,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            ledger: Knows what has no answer.
            run: This process's run.
            company: Is asked.
            gate: Whether calls may be made.
            calling: Sends what Exact does not have.
            comparing: Is told of printed invoices.
            summary: Counts what happens.
            after: How long an unanswered call may still be at work in Exact.
        """
        self._ledger = ledger
        self._run = run
        self._company = company
        self._gate = gate
        self._calling = calling
        self._comparing = comparing
        self._summary = summary
        self._after = after
        self._asked: set[str] = set()

    def settle(self, *, wait: bool) -> None:
        """Ask for each document once in this run, and send those that Exact does not have.

        None of this run's calls may be under way.

        Args:
            wait: Wait until the last lost call can no longer be at work.
        """
        while not self._gate.closed:
            asked_before = len(self._asked)
            waiting = self._ledger.backlog.unanswered(
                self._run, sent_before=datetime.now(UTC) - self._after, limit=_PAGE
            )
            results = []
            for document, known in waiting:
                if document.document_key not in self._asked:
                    self._asked.add(document.document_key)
                    results.append(self._settle(document, known))
            self._ledger.record(self._run, results)
            self._gate.raise_failure()
            if len(self._asked) > asked_before:
                continue
            oldest = self._ledger.backlog.oldest_unanswered(self._run) if wait else None
            if oldest is None:
                return
            rest = oldest + self._after - datetime.now(UTC)
            if rest <= timedelta(0):
                return  # only documents that this run has already asked for once
            self._gate.wait(rest.total_seconds())

    def _settle(self, document: Document, known: Known) -> Result:
        try:
            prepared = self._company.prepare(document)
            found = self._company.find(prepared)
        except DocumentRefusedError as error:
            return self._calling.park(document, known.attempts, error)
        except TargetError as error:
            if isinstance(error, RetriableError):
                self._gate.hold(error)
            reason = f"Whether Exact has it is unknown, and asking failed: {error}"
            self._summary.count_failed(document, reason, None)
            return Result(
                document.document_key, "sending", "not_settled", known.attempts, error=reason
            )
        if found is None:
            claim = Claim(document, prepared, known.attempts)
            if known.attempts > 1:  # not there, and not for the first time: no hurry any more
                return self._calling.try_later(claim, known.error or "No answer came")
            return self._calling.send(claim, ask=False)
        self._summary.count_posted(document)
        self._comparing.add(document, prepared)
        return found_result(document, known.attempts, found, "settled")

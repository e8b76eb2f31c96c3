"""Post documents, each exactly once: intent, call, and where the answer is lost, the question.

1. The intent (state ``sending``) is committed before the call begins.
2. The call is made. What came of it is committed.
3. No trustworthy answer: the document stays ``sending``; see `target_exact_online.unanswered`.

Two batches overlap: while one's calls are under way, the next one is prepared and its intents are
committed, so that neither Exact nor the ledger waits for the other.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from target_exact_online.arriving import Arriving, Decided, Preparer
from target_exact_online.calling import Calling, Claim, Sender, found_result
from target_exact_online.changing import Changer, Changing
from target_exact_online.comparing import Comparing, Reader
from target_exact_online.exceptions import DocumentRefusedError, RetriableError
from target_exact_online.gate import Gate
from target_exact_online.ledger.days import booked_otherwise
from target_exact_online.unanswered import Unanswered

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from target_exact_online.creating import LeftOver
    from target_exact_online.documents.prepared import Found, Prepared
    from target_exact_online.exceptions import TargetError
    from target_exact_online.ledger.entries import Arrival, Document, Known, Result
    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.summary import Summary

_DUE_PAGE = 100


class Company(Preparer, Sender, Changer, Reader, Protocol):
    """The Exact company that documents go to; see `target_exact_online.company`."""

    def foreign(
        self, claims: Sequence[tuple[Document, Prepared]]
    ) -> dict[str, Found | DocumentRefusedError]:
        """Return what Exact has, from before this ledger, of documents that are new to it."""
        ...

    def complete_left_over(self) -> Iterator[LeftOver]:
        """Create the addresses and contacts that earlier runs could not create."""
        ...

    def workers(self) -> int:
        """Return how many calls at once the limits give."""
        ...


@dataclass(slots=True)
class _Batch:
    """Claimed documents whose calls are under way."""

    claims: dict[str, Claim]
    results: dict[str, Result]
    began: float = field(default_factory=time.monotonic)
    calls: list[Future[None]] = field(default_factory=list)


class Posting:
    """Posts batches of documents for one run; used by one thread at a time.

    Attributes:
        pace: Seconds per document from intent to record, of the batch that was recorded last;
            0 when there was none.
    """

    def __init__(
        self,
        ledger: Ledger,
        run: Run,
        company: Company,
        summary: Summary,
        *,
        max_attempts: int,
        settle_after: timedelta,
        stop: threading.Event,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            ledger: The audit trail.
            run: This process's run.
            company: Where documents go.
            summary: Counts what happens.
            max_attempts: Technical failures after which a document waits for a person.
            settle_after: How long an unanswered call may still be at work in Exact.
            stop: Set when no further call may begin.
        """
        self.pace = 0.0
        self._ledger = ledger
        self._run = run
        self._company = company
        self._summary = summary
        self._gate = gate = Gate(summary, stop)
        self._comparing = comparing = Comparing(ledger, run, company, summary)
        self._changing = Changing(ledger, run, company, summary)
        self._arriving = Arriving(company, gate, self._changing, summary)
        self._calling = Calling(company, gate, comparing, summary, max_attempts=max_attempts)
        self._unanswered = Unanswered(
            ledger,
            run,
            company,
            gate,
            self._calling,
            comparing,
            summary,
            after=settle_after,
        )
        self._under_way: _Batch | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._workers = 1

    @property
    def held(self) -> TargetError | None:
        """The reason why nothing more is sent in this run, or None."""
        return self._gate.held

    @property
    def under_way(self) -> bool:
        """Whether a batch waits to be recorded."""
        return self._under_way is not None

    @property
    def calling(self) -> bool:
        """Whether calls of a batch are not answered yet."""
        return self._under_way is not None and not all(c.done() for c in self._under_way.calls)

    def close(self) -> None:
        """Let the calls under way end, also when the run ends by an error, and record them."""
        if self._pool is not None:
            self._pool.shutdown()
        before, self._under_way = self._under_way, None
        self._record(before)

    # New documents

    def post(self, documents: Sequence[Document]) -> None:
        """Take documents into the ledger and begin to post those that can be posted.

        When this returns, every document of earlier calls is posted or durably held; those of
        this one are after :meth:`finish`, or the next call.

        Args:
            documents: The documents in order, each key at most once.

        Raises:
            ConfigError: A setting does not fit the company; the documents are held.
            AuthorizationRequiredError: Exact does not let us in; the documents are held.
        """
        keys = [document.document_key for document in documents]
        if self._under_way and not self._under_way.claims.keys().isdisjoint(keys):
            self.finish()
        known = self._ledger.known(keys)
        decided = Decided(booked_otherwise(self._ledger.engine, documents))
        for document in documents:
            self._arriving.decide_new(document, known.get(document.document_key), decided)
        self._begin(decided)

    def finish(self) -> None:
        """Wait for the calls under way, and record what came of them.

        Raises:
            TargetError: What ended the run.
        """
        self._go_on_to(None)

    def compare_printed(self) -> None:
        """Compare the rest of the printed invoices with the entries that Exact made of them."""
        if not self._gate.closed:
            self._comparing.compare(all_of_them=True)

    # Documents of earlier runs

    def recover(self) -> None:
        """Settle what dead runs left; done before anything else."""
        self._ledger.take_over(self._run)
        self._comparing.add_left_over()
        self._unanswered.settle(wait=False)
        if not self._gate.closed:
            for left in self._company.complete_left_over():
                for warning in left.warnings:
                    self._summary.note(left.document_key, left.order_number, warning)
        if not self._gate.closed:
            self._changing.change_left_over()

    def drain(self, kind: str | None = None) -> None:
        """Post what waits: held documents, and those whose next try is due.

        Args:
            kind: Only this kind, e.g. ``credit_memo``.
        """
        after: Known | None = None
        while not self._gate.closed:
            page = self._ledger.backlog.due(
                datetime.now(UTC), limit=_DUE_PAGE, after=after, kind=kind
            )
            if not page:
                break
            after = page[-1].known
            waiting = [document for document, _ in page]
            decided = Decided(booked_otherwise(self._ledger.engine, waiting))
            for document, known in page:
                self._arriving.decide_waiting(document, known, decided)
            self._begin(decided)
        self.finish()

    def settle(self, *, wait: bool) -> None:
        """Ask Exact for documents whose answer never came, and send those it does not have.

        Args:
            wait: Wait until the last lost call can no longer be at work.
        """
        self.finish()
        self._unanswered.settle(wait=wait)

    # Calls

    def _begin(self, decided: Decided) -> None:
        """Commit intents and begin their calls; record the batch before."""
        batch = self._claimed(decided)
        if batch is not None:
            self._call(batch)
        self._go_on_to(batch)

    def _go_on_to(self, batch: _Batch | None) -> None:
        before, self._under_way = self._under_way, batch
        self._record(before)
        self._gate.raise_failure()
        if not self._gate.closed:
            self._comparing.compare(all_of_them=False)

    def _claimed(self, decided: Decided) -> _Batch | None:
        if not decided.arrivals:
            return None
        taken = self._ledger.claim(self._run, decided.arrivals)
        claims = {
            key: Claim(arrival.document, decided.prepared[key], _attempts_before(arrival))
            for arrival in decided.arrivals
            if arrival.state == "sending" and (key := arrival.document.document_key) in taken
        }
        return _Batch(claims, self._posted_before(claims)) if claims else None

    def _posted_before(self, claims: dict[str, Claim]) -> dict[str, Result]:
        """Return results for documents that a ledger that was lost has posted."""
        new = [(one.document, one.prepared) for one in claims.values() if one.attempts == 0]
        try:
            there = self._company.foreign(new)
        except RetriableError as error:
            self._gate.hold(error)
            return {}
        results = {}
        for key, answer in there.items():
            claim = claims[key]
            if isinstance(answer, DocumentRefusedError):
                results[key] = self._calling.park(claim.document, claim.attempts, answer)
            elif answer is not None:
                self._summary.count_already_there(claim.document)
                results[key] = found_result(claim.document, 0, answer, "already_there")
        return results

    def _call(self, batch: _Batch) -> None:
        """Begin the calls of a batch: each worker takes the next document until none is left."""
        waiting = deque(claim for key, claim in batch.claims.items() if key not in batch.results)
        if self._pool is None:
            self._workers = self._company.workers()
            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="post")
        batch.calls += [
            self._pool.submit(self._work, waiting, batch.results)
            for _ in range(min(len(waiting), self._workers))
        ]

    def _work(self, waiting: deque[Claim], results: dict[str, Result]) -> None:
        with contextlib.suppress(IndexError):  # no more
            while True:
                claim = waiting.popleft()
                results[claim.document.document_key] = self._calling.send(claim)

    def _record(self, batch: _Batch | None) -> None:
        if batch is None:
            self.pace = 0.0
            return
        for call in batch.calls:
            call.result()
        self._ledger.record(self._run, [batch.results[key] for key in batch.claims])
        self.pace = (time.monotonic() - batch.began) / len(batch.claims)


def _attempts_before(arrival: Arrival) -> int:
    known = arrival.replaces
    if known is None or known.payload_hash != arrival.document.payload_hash:
        return 0
    return known.attempts

"""Post documents, each exactly once: intent, call, and where the answer is lost, the question.

1. The intent (state ``sending``) is committed before the call begins.
2. The call is made. What came of it is committed.
3. No trustworthy answer: the document stays ``sending``. Exact is asked for its reference, not
   before the lost call can no longer be at work there, and only if Exact does not have it, it is
   sent again.
"""

from __future__ import annotations

import logging
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from target_exact_online.changing import Changing
from target_exact_online.comparing import Comparing
from target_exact_online.exceptions import (
    BudgetExhaustedError,
    DocumentRefusedError,
    OutcomeUnknownError,
    RetriableError,
    TargetError,
    TransientApiError,
)
from target_exact_online.ledger.days import booked_otherwise
from target_exact_online.ledger.entries import Arrival, Result

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from target_exact_online.documents.prepared import Found, Prepared, Stored
    from target_exact_online.exceptions import Problem
    from target_exact_online.ledger.entries import Document, Known, State
    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.summary import Summary

_LOGGER = logging.getLogger("target-exact-online")
REFUSED_STREAM = "refused_documents"
DEFAULT_MAX_ATTEMPTS = 8
_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=12)
_MAX_OUTAGE = 3  # unreachable this often in a row: the rest waits in the ledger
_DUE_PAGE = 100


class Company(Protocol):
    """The Exact company that documents go to; see `target_exact_online.company`."""

    def prepare(self, document: Document) -> Prepared:
        """Resolve and check a document without any call that writes."""
        ...

    def send(self, prepared: Prepared) -> Stored:
        """Store it in Exact."""
        ...

    def find(self, prepared: Prepared) -> Found | None:
        """Ask whether Exact has it."""
        ...

    def foreign(
        self, claims: Sequence[tuple[Document, Prepared]]
    ) -> dict[str, Found | DocumentRefusedError]:
        """Return what Exact has, from before this ledger, of documents that are new to it."""
        ...

    def update(self, prepared: Prepared, exact_id: str) -> Stored:
        """Make a document in Exact what it should be now."""
        ...

    def compare(self, printed: Sequence[Prepared]) -> dict[str, tuple[int | None, list[str]]]:
        """Return number and differences of printed invoices, by document key."""
        ...

    def workers(self) -> int:
        """Return how many calls at once the limits give."""
        ...


@dataclass(frozen=True, slots=True)
class _Claim:
    """A document whose intent is committed."""

    document: Document
    prepared: Prepared
    attempts: int


class Posting:
    """Posts batches of documents for one run; used by one thread at a time.

    Attributes:
        held: The reason why nothing more is sent in this run, or None.
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
        self.held: TargetError | None = None
        self._ledger = ledger
        self._run = run
        self._company = company
        self._summary = summary
        self._comparing = Comparing(ledger, run, company, summary)
        self._changing = Changing(ledger, run, company, summary)
        self._max_attempts = max_attempts
        self._settle_after = settle_after
        self._stop = stop
        self._blocked: dict[str, BudgetExhaustedError] = {}
        self._outages = 0
        self._settled: set[str] = set()
        self._booked_otherwise: dict[str, Problem] = {}
        self._fatal: BaseException | None = None
        self._pool: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """Let go of the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    # New documents

    def post(self, documents: Sequence[Document]) -> None:
        """Take documents into the ledger and post those that can be posted.

        When this returns, every document is posted or durably held.

        Args:
            documents: The documents in order, each key at most once.

        Raises:
            ConfigError: A setting does not fit the company; the documents are held.
            AuthorizationRequiredError: Exact does not let us in; the documents are held.
        """
        known = self._ledger.known([document.document_key for document in documents])
        arrivals: list[Arrival] = []
        prepared: dict[str, Prepared] = {}
        self._booked_otherwise = booked_otherwise(self._ledger.engine, documents)
        for document in documents:
            arrival = self._arrive(document, known.get(document.document_key), prepared)
            if arrival is not None:
                arrivals.append(arrival)
        self._post_claimed(arrivals, prepared)

    def _arrive(
        self, document: Document, known: Known | None, prepared: dict[str, Prepared]
    ) -> Arrival | None:
        """Decide what a record means for the ledger; None when it changes nothing."""
        if known is None or known.state in {"received", "parked", "failed"} or _nothing_yet(known):
            return self._arrive_unposted(document, known, prepared)
        same = document.payload_hash in {known.payload_hash, known.newer_hash}
        if document.stream == REFUSED_STREAM and known.state == "posted":
            self._changing.refuse(document, known, _refusal(document))
        elif not same and document.stream != REFUSED_STREAM:
            self._changing.take(document, known, call=not self._stopped())
        elif known.state == "sending":
            pass  # this run or another one has it in hand, and its answer settles it
        else:
            self._summary.count_already_there(document)
        return None

    def _arrive_unposted(
        self, document: Document, known: Known | None, prepared: dict[str, Prepared]
    ) -> Arrival | None:
        unchanged = known is not None and known.payload_hash == document.payload_hash
        if document.stream == REFUSED_STREAM:
            reason = _refusal(document)
            state: State = "skipped" if document.record.get("skip") else "parked"
            if state == "skipped":
                self._summary.count_skipped(document, reason)
            else:
                self._summary.count_parked(document, reason)
            if unchanged and known is not None and known.stream == REFUSED_STREAM:
                return None
            return Arrival(document, state, known, error=reason)
        if unchanged and known is not None and known.state == "parked":
            self._summary.count_parked(document, known.error or "")
            return None
        if unchanged and known is not None and known.state == "failed":
            self._summary.count_failed(document, known.error or "", None)
            return None
        return self._count(self._prepare(document, known, prepared))

    def _prepare(
        self, document: Document, known: Known | None, prepared: dict[str, Prepared]
    ) -> Arrival:
        """Decide whether a document is sent, parked, or waits for a later run."""
        waits = Arrival(document, "received", known)
        if self.held is not None:
            return waits
        try:
            if document.document_key in self._booked_otherwise:
                raise DocumentRefusedError([self._booked_otherwise[document.document_key]])  # noqa: TRY301  # parked as any refusal is
            ready = self._company.prepare(document)
        except DocumentRefusedError as error:
            # Looked at again by every run: what was missing in Exact may be there by then.
            now = datetime.now(UTC)
            return Arrival(document, "parked", known, error=str(error), next_retry_at=now)
        except RetriableError as error:
            self._hold(error)
            return waits
        except TargetError:
            raise
        except Exception as error:  # a poisonous record must not stop the others
            _LOGGER.debug("Preparing %s failed", document.document_key, exc_info=True)
            reason = (
                f"The target failed on this document ({type(error).__name__}). "
                "Report it with the document's key; run with LOGLEVEL=DEBUG for the details."
            )
            now = datetime.now(UTC)
            return Arrival(document, "parked", known, error=reason, next_retry_at=now)
        if ready.resource in self._blocked:
            return waits
        prepared[document.document_key] = ready
        return Arrival(document, "sending", known)

    def _count(self, arrival: Arrival) -> Arrival:
        if arrival.state == "parked":
            self._summary.count_parked(arrival.document, arrival.error or "")
        elif arrival.state == "received":
            self._summary.count_held()
        return arrival

    def compare_printed(self) -> None:
        """Compare the rest of the printed invoices with the entries that Exact made of them."""
        if not self._stopped():
            self._comparing.compare(all_of_them=True)

    # Documents of earlier runs

    def recover(self) -> None:
        """Settle what dead runs left; done before anything else."""
        self._ledger.take_over(self._run)
        self._comparing.add_left_over()
        self.settle(wait=False)
        if not self._stopped():
            self._changing.change_left_over()

    def drain(self, kind: str | None = None) -> None:
        """Post what waits: held documents, and those whose next try is due.

        Args:
            kind: Only this kind, e.g. ``credit_memo``.
        """
        after: Known | None = None
        while not self._stopped():
            page = self._ledger.backlog.due(
                datetime.now(UTC), limit=_DUE_PAGE, after=after, kind=kind
            )
            if not page:
                return
            after = page[-1].known
            arrivals: list[Arrival] = []
            prepared: dict[str, Prepared] = {}
            candidates = [document for document, _ in page]
            self._booked_otherwise = booked_otherwise(self._ledger.engine, candidates)
            for document, known in page:
                arrival = self._prepare(document, known, prepared)
                unchanged = (arrival.state, arrival.error) == (known.state, known.error)
                if arrival.state != "received" and not unchanged:
                    arrivals.append(self._count(arrival))
            self._post_claimed(arrivals, prepared)

    def _stopped(self) -> bool:
        return self.held is not None or self._stop.is_set()

    def settle(self, *, wait: bool) -> None:
        """Ask Exact for documents whose answer never came, and send those it does not have.

        Args:
            wait: Wait until the last lost call can no longer be at work.
        """
        while not self._stopped():
            settled_before = len(self._settled)
            waiting = self._ledger.backlog.unanswered(
                self._run, sent_before=datetime.now(UTC) - self._settle_after, limit=_DUE_PAGE
            )
            results = []
            for document, known in waiting:
                if document.document_key not in self._settled:
                    self._settled.add(document.document_key)
                    results.append((document, self._settle_one(document, known)))
            self._record(results)
            if len(self._settled) > settled_before:
                continue
            oldest = self._ledger.backlog.oldest_unanswered(self._run) if wait else None
            if oldest is None:
                return
            rest = oldest + self._settle_after - datetime.now(UTC)
            if rest <= timedelta(0):
                return  # only documents that this run has already asked for once
            self._stop.wait(rest.total_seconds())

    def _settle_one(self, document: Document, known: Known) -> Result:
        try:
            prepared = self._company.prepare(document)
            found = self._company.find(prepared)
        except DocumentRefusedError as error:
            self._summary.count_parked(document, str(error))
            return _result(document, known.attempts + 1, "parked", "parked", error=error)
        except TargetError as error:
            if isinstance(error, RetriableError):
                self._hold(error)
            reason = f"Whether Exact has it is unknown, and asking failed: {error}"
            self._summary.count_failed(document, reason, None)
            return Result(
                document.document_key, "sending", "not_settled", known.attempts, error=reason
            )
        if found is None:
            claim = _Claim(document, prepared, known.attempts)
            if known.attempts > 1:  # not there, and not for the first time: no hurry any more
                return self._try_later(claim, known.error or "No answer came")
            return self._send(claim, ask=False)
        self._summary.count_posted(document)
        self._comparing.add(document, prepared)
        return _found(document, known.attempts, found, "settled")

    # Calls

    def _post_claimed(self, arrivals: Sequence[Arrival], prepared: dict[str, Prepared]) -> None:
        if not arrivals:
            return
        taken = self._ledger.claim(self._run, arrivals)
        claims = [
            _Claim(
                arrival.document,
                prepared[arrival.document.document_key],
                _attempts_before(arrival),
            )
            for arrival in arrivals
            if arrival.state == "sending" and arrival.document.document_key in taken
        ]
        results = self._posted_before(claims)
        rest = [claim for claim in claims if claim.document.document_key not in results]
        workers = self._company.workers() if len(rest) > 1 else 1
        if workers == 1:
            sent = [self._send(claim) for claim in rest]
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(workers, thread_name_prefix="post")
            sent = list(self._pool.map(self._send, rest))
        results |= {result.document_key: result for result in sent}
        self._record([(claim.document, results[claim.document.document_key]) for claim in claims])
        if not self._stopped():
            self._comparing.compare(all_of_them=False)

    def _posted_before(self, claims: list[_Claim]) -> dict[str, Result]:
        """Return results for documents that a ledger that was lost has posted."""
        new = [(claim.document, claim.prepared) for claim in claims if claim.attempts == 0]
        try:
            there = self._company.foreign(new)
        except RetriableError as error:
            self._hold(error)
            return {}
        results = {}
        for document, _ in new:
            answer = there.get(document.document_key)
            if isinstance(answer, DocumentRefusedError):
                self._summary.count_parked(document, str(answer))
                results[document.document_key] = _result(
                    document, 1, "parked", "parked", error=answer
                )
            elif answer is not None:
                self._summary.count_already_there(document)
                results[document.document_key] = _found(document, 0, answer, "already_there")
        return results

    def _record(self, results: Sequence[tuple[Document, Result]]) -> None:
        self._ledger.record(self._run, [result for _, result in results])
        if self._fatal is not None:
            raise self._fatal

    def _send(self, claim: _Claim, *, ask: bool | None = None) -> Result:
        """Make the call for one claimed document and name what came of it; never raises."""
        document, prepared = claim.document, claim.prepared
        ask = claim.attempts > 0 if ask is None else ask
        if self._stopped() or prepared.resource in self._blocked:
            return self._held(claim)
        try:
            # A call is cheaper than a double: what was sent before is asked for, whatever came.
            found = self._company.find(prepared) if ask else None
            posted = self._company.send(prepared) if found is None else None
        except TargetError as error:
            return self._not_posted(claim, error)
        except BaseException as error:  # noqa: BLE001  # raised again once the ledger knows
            self._fatal = error
            return _result(claim.document, claim.attempts + 1, "sending", "unanswered", error=error)
        self._outages = 0
        if posted is None:
            self._summary.count_already_there(document)
            return _found(document, claim.attempts, found, "already_there")
        self._summary.count_posted(document)
        self._comparing.add(document, prepared)
        for warning in (*prepared.warnings, *posted.warnings):
            self._summary.warn(document, warning)
        return Result(
            document.document_key,
            "posted",
            "posted",
            claim.attempts + 1,
            exact_id=posted.exact_id,
            exact_number=None if posted.number is None else str(posted.number),
        )

    def _not_posted(self, claim: _Claim, error: TargetError) -> Result:
        if isinstance(error, DocumentRefusedError):
            self._summary.count_parked(claim.document, str(error))
            return _result(claim.document, claim.attempts + 1, "parked", "parked", error=error)
        if isinstance(error, OutcomeUnknownError):
            reason = f"{error}. Exact is asked for it before it is sent again."
            self._summary.count_failed(claim.document, reason, None)
            self._count_outage(error)
            return _result(claim.document, claim.attempts + 1, "sending", "unanswered", error=error)
        if isinstance(error, TransientApiError):
            return self._failed(claim, error)
        if isinstance(error, BudgetExhaustedError):
            self._hold(error)
        else:  # configuration or authorisation: nothing was stored, and nothing will be
            self._fatal = self.held = error
        return self._held(claim)

    def _count_outage(self, error: TargetError) -> None:
        """Stop calling after a few failures in a row: every one counts against Exact's limit."""
        self._outages += 1
        if self._outages >= _MAX_OUTAGE:
            self._hold(error)

    def _failed(self, claim: _Claim, error: TransientApiError) -> Result:
        self._count_outage(error)
        tried = replace(claim, attempts=claim.attempts + 1)
        return self._try_later(tried, str(error), status=error.status)

    def _try_later(self, claim: _Claim, reason: str, *, status: int | None = None) -> Result:
        """Leave a document that Exact surely does not have to a later run, or to a person."""
        attempts = claim.attempts
        if attempts >= self._max_attempts:
            reason = f"{reason}. Given up after {attempts} attempts."
            self._summary.count_parked(claim.document, reason)
            state: State = "parked"
            next_retry_at = None
        else:
            next_retry_at = datetime.now(UTC) + backoff(attempts)
            self._summary.count_failed(claim.document, reason, next_retry_at)
            state = "failed"
        return Result(
            claim.document.document_key,
            state,
            state,
            attempts,
            status=status,
            error=reason,
            next_retry_at=next_retry_at,
        )

    def _hold(self, error: TargetError) -> None:
        """Stop calling what cannot be called now; what arrives from here on waits."""
        resume_at = error.resume_at if isinstance(error, BudgetExhaustedError) else None
        self._summary.hold(str(error), resume_at)
        if isinstance(error, BudgetExhaustedError) and error.endpoint is not None:
            self._blocked[error.endpoint] = error
        else:
            self.held = error

    def _held(self, claim: _Claim) -> Result:
        self._summary.count_held()
        return Result(claim.document.document_key, "received", "held", claim.attempts)


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after this many failed attempts: exponential, with jitter.

    Args:
        attempts: At least 1.
    """
    doublings = min(attempts - 1, 16)
    longest: timedelta = min(_FIRST_WAIT * 2**doublings, _LONGEST_WAIT)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, hides nothing


def _attempts_before(arrival: Arrival) -> int:
    known = arrival.replaces
    if known is None or known.payload_hash != arrival.document.payload_hash:
        return 0
    return known.attempts


def _nothing_yet(known: Known) -> bool:
    """Tell whether there was nothing to book so far; a person's own skip stays."""
    return known.state == "skipped" and known.stream == REFUSED_STREAM


def _refusal(document: Document) -> str:
    record = document.record
    where = record.get("where") or "document"
    return f"{record['reason']} ({where}). {record['what_to_do']}"


def _found(document: Document, attempts: int, found: Found | None, kind: str) -> Result:
    """Return the result for a document that Exact turned out to have."""
    assert found is not None  # noqa: S101  # the callers' own test, for the type checker
    number = None if found.number is None else str(found.number)
    return Result(
        document.document_key,
        "posted",
        kind,
        attempts,
        exact_id=found.exact_id,
        exact_number=number,
    )


def _result(
    document: Document, attempts: int, state: State, kind: str, *, error: BaseException
) -> Result:
    return Result(
        document.document_key,
        state,
        kind,
        attempts,
        status=getattr(error, "status", None),
        error=str(error) or type(error).__name__,
    )

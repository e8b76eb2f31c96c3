"""Make the call for one claimed document, and name what came of it.

Nothing here raises: whatever happens to a call is a :class:`.ledger.entries.Result` for the ledger.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from target_exact_online.exceptions import (
    DocumentRefusedError,
    NotNowError,
    OutcomeUnknownError,
    TargetError,
    TransientApiError,
)
from target_exact_online.ledger.entries import Result

if TYPE_CHECKING:
    from target_exact_online.comparing import Comparing
    from target_exact_online.documents.prepared import Found, Prepared, Stored
    from target_exact_online.gate import Gate
    from target_exact_online.ledger.entries import Document, State
    from target_exact_online.summary import Summary

_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=12)


class Sender(Protocol):
    """What of the company is needed here; see `target_exact_online.company`."""

    def send(self, prepared: Prepared) -> Stored:
        """Store a document in Exact."""
        ...

    def find(self, prepared: Prepared) -> Found | None:
        """Ask whether Exact has it."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A document whose intent is committed.

    Attributes:
        document: The document.
        prepared: What is sent for it.
        attempts: How often this content was sent before.
    """

    document: Document
    prepared: Prepared
    attempts: int


class Calling:
    """Makes calls for claimed documents; any thread may use it."""

    def __init__(
        self,
        company: Sender,
        gate: Gate,
        comparing: Comparing,
        summary: Summary,
        *,
        max_attempts: int,
    ) -> None:
        """Prepare; nothing is called yet.

        Args:
            company: Where documents go.
            gate: Whether a call may be made.
            comparing: Is told of printed invoices.
            summary: Counts what happens.
            max_attempts: Technical failures after which a document waits for a person.
        """
        self._company = company
        self._gate = gate
        self._comparing = comparing
        self._summary = summary
        self._max_attempts = max_attempts

    def send(self, claim: Claim, *, ask: bool | None = None) -> Result:
        """Send one document.

        Args:
            claim: The document.
            ask: Whether Exact is asked for it first; None: if it was sent before.
        """
        document, prepared = claim.document, claim.prepared
        ask = claim.attempts > 0 if ask is None else ask
        if self._gate.keeps(prepared.resource):
            return self._held(claim)
        try:
            # A call is cheaper than a double: what was sent before is asked for, whatever came.
            found = self._company.find(prepared) if ask else None
            posted = self._company.send(prepared) if found is None else None
        except TargetError as error:
            return self._not_posted(claim, error)
        except BaseException as error:  # noqa: BLE001  # raised again once the ledger knows
            self._gate.fail(error)
            return _result(document, claim.attempts, "sending", "unanswered", error)
        self._gate.count_answer()
        if posted is None:
            self._summary.count_already_there(document)
            return found_result(document, claim.attempts, found, "already_there")
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

    def park(self, document: Document, attempts: int, error: DocumentRefusedError) -> Result:
        """Leave a document to a person.

        Args:
            document: The document.
            attempts: How often it was sent before.
            error: What is wrong with it.
        """
        self._summary.count_parked(document, str(error))
        return _result(document, attempts, "parked", "parked", error)

    def try_later(self, claim: Claim, reason: str, *, status: int | None = None) -> Result:
        """Leave a document that Exact surely does not have to a later run, or to a person.

        Args:
            claim: The document, its attempts counting the one that failed.
            reason: What went wrong.
            status: The HTTP status of the last answer, or None.
        """
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

    def _not_posted(self, claim: Claim, error: TargetError) -> Result:
        if isinstance(error, DocumentRefusedError):
            return self.park(claim.document, claim.attempts, error)
        if isinstance(error, OutcomeUnknownError):
            reason = f"{error}. Exact is asked for it before it is sent again."
            self._summary.count_failed(claim.document, reason, None)
            self._gate.count_outage(error)
            return _result(claim.document, claim.attempts, "sending", "unanswered", error)
        if isinstance(error, TransientApiError):
            self._gate.count_outage(error)
            tried = replace(claim, attempts=claim.attempts + 1)
            return self.try_later(tried, str(error), status=error.status)
        if isinstance(error, NotNowError):
            self._gate.hold(error)
        else:  # configuration or authorisation: nothing was stored, and nothing will be
            self._gate.fail(error)
        return self._held(claim)

    def _held(self, claim: Claim) -> Result:
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


def found_result(document: Document, attempts: int, found: Found | None, kind: str) -> Result:
    """Return the result for a document that Exact turned out to have.

    Args:
        document: The document.
        attempts: How often it was sent so far.
        found: What Exact has.
        kind: The event, ``settled`` or ``already_there``.
    """
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
    document: Document, attempts: int, state: State, kind: str, error: BaseException
) -> Result:
    return Result(
        document.document_key,
        state,
        kind,
        attempts + 1,
        status=getattr(error, "status", None),
        error=str(error) or type(error).__name__,
    )

"""Decide what a document that arrives, or waits, means: sent, parked, skipped, changed, or nothing.

Only looks: no call is made that writes, and the ledger is written by whoever asked.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from target_exact_online.exceptions import DocumentRefusedError, RetriableError, TargetError
from target_exact_online.ledger.entries import REFUSED_STREAM, Arrival

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_exact_online.changing import Changing
    from target_exact_online.documents.prepared import Prepared
    from target_exact_online.exceptions import Problem
    from target_exact_online.gate import Gate
    from target_exact_online.ledger.entries import Document, Known, State
    from target_exact_online.summary import Summary

_LOGGER = logging.getLogger("target-exact-online")


class Preparer(Protocol):
    """What of the company is needed here; see `target_exact_online.company`."""

    def prepare(self, document: Document) -> Prepared:
        """Resolve and check a document without any call that writes."""
        ...


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of a batch of documents.

    Attributes:
        booked_otherwise: Why some are in Exact already, inside or behind another document.
        arrivals: What the ledger is to take in.
        prepared: What is sent for those of them that are sent, by document key.
    """

    booked_otherwise: Mapping[str, Problem]
    arrivals: list[Arrival] = field(default_factory=list)
    prepared: dict[str, Prepared] = field(default_factory=dict)


class Arriving:
    """Decides about documents, one after the other."""

    def __init__(self, company: Preparer, gate: Gate, changing: Changing, summary: Summary) -> None:
        """Prepare; nothing is decided yet.

        Args:
            company: Knows what can be booked.
            gate: Whether calls may be made.
            changing: Takes later versions of posted documents.
            summary: Counts what happens.
        """
        self._company = company
        self._gate = gate
        self._changing = changing
        self._summary = summary

    def decide_new(
        self,
        document: Document,
        known: Known | None,
        decided: Decided,
    ) -> None:
        """Decide about a document that came in.

        Args:
            document: The document.
            known: What the ledger knows of it.
            decided: Takes the decision.

        Raises:
            ConfigError: A setting does not fit the company.
            AuthorizationRequiredError: Exact does not let us in.
        """
        if known is None or known.state in {"received", "parked", "failed"} or _nothing_yet(known):
            self._decide_unposted(document, known, decided)
            return
        same = document.payload_hash in {known.payload_hash, known.newer_hash}
        if document.stream == REFUSED_STREAM and known.state == "posted":
            self._changing.refuse(document, known, _refusal(document))
        elif not same and document.stream != REFUSED_STREAM:
            self._changing.take(document, known, call=not self._gate.closed)
        elif same and known.newer_hash not in {None, document.payload_hash}:
            self._changing.take_back(document, known, call=not self._gate.closed)
        elif known.state == "sending":
            pass  # this run or another one has it in hand, and its answer settles it
        else:
            self._summary.count_already_there(document)

    def decide_waiting(
        self,
        document: Document,
        known: Known,
        decided: Decided,
    ) -> None:
        """Decide about a document of an earlier run; what stays as it is leaves no trace.

        Args:
            document: The document.
            known: What the ledger knows of it.
            decided: Takes the decision.

        Raises:
            ConfigError: A setting does not fit the company.
            AuthorizationRequiredError: Exact does not let us in.
        """
        arrival = self._prepare(document, known, decided)
        unchanged = (arrival.state, arrival.error) == (known.state, known.error)
        if arrival.state != "received" and not unchanged:
            decided.arrivals.append(self._count(arrival))

    def _decide_unposted(
        self,
        document: Document,
        known: Known | None,
        decided: Decided,
    ) -> None:
        unchanged = known is not None and known.payload_hash == document.payload_hash
        if document.stream == REFUSED_STREAM:
            reason = _refusal(document)
            state: State = "skipped" if document.record.get("skip") else "parked"
            if state == "skipped":
                self._summary.count_skipped(document, reason)
            else:
                self._summary.count_parked(document, reason)
            if not unchanged or known is None or known.stream != REFUSED_STREAM:
                decided.arrivals.append(Arrival(document, state, known, error=reason))
        elif unchanged and known is not None and known.state == "parked":
            self._summary.count_parked(document, known.error or "")
        elif unchanged and known is not None and known.state == "failed":
            self._summary.count_failed(document, known.error or "", None)
        else:
            arrival = self._prepare(document, known, decided)
            decided.arrivals.append(self._count(arrival))

    def _prepare(
        self,
        document: Document,
        known: Known | None,
        decided: Decided,
    ) -> Arrival:
        """Decide whether a document is sent, parked, or waits for a later run."""
        waits = Arrival(document, "received", known)
        if self._gate.held is not None:
            return waits
        try:
            if problem := decided.booked_otherwise.get(document.document_key):
                raise DocumentRefusedError([problem])  # noqa: TRY301  # parked as any refusal is
            ready = self._company.prepare(document)
        except DocumentRefusedError as error:
            return _parked(document, known, str(error))
        except RetriableError as error:
            self._gate.hold(error)
            return waits
        except TargetError:
            raise
        except Exception as error:  # a poisonous record must not stop the others
            _LOGGER.debug("Preparing %s failed", document.document_key, exc_info=True)
            reason = (
                f"The target failed on this document ({type(error).__name__}). "
                "Report it with the document's key; run with LOGLEVEL=DEBUG for the details."
            )
            return _parked(document, known, reason)
        if self._gate.blocks(ready.resource):
            return waits
        decided.prepared[document.document_key] = ready
        return Arrival(document, "sending", known)

    def _count(self, arrival: Arrival) -> Arrival:
        if arrival.state == "parked":
            self._summary.count_parked(arrival.document, arrival.error or "")
        elif arrival.state == "received":
            self._summary.count_held()
        return arrival


def _parked(document: Document, known: Known | None, reason: str) -> Arrival:
    # Looked at again by every run: what was missing in Exact may be there by then.
    return Arrival(document, "parked", known, error=reason, next_retry_at=datetime.now(UTC))


def _nothing_yet(known: Known) -> bool:
    """Tell whether there was nothing to book so far; a person's own skip stays."""
    return known.state == "skipped" and known.stream == REFUSED_STREAM


def _refusal(document: Document) -> str:
    record = document.record
    where = record.get("where") or "document"
    return f"{record['reason']} ({where}). {record['what_to_do']}"

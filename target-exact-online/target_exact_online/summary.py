"""What a run did, counted while it happens: source of the summary, the report and the exit code."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from target_exact_online.exceptions import FatalError
from target_exact_online.posting.state import REFUSED_STREAM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_exact_online.ledger.rows import Document

FailOn = Literal["parked", "failed", "never"]
Outcome = Literal["ok", "needs_people", "held", "retry", "stopped"]
EXIT_OK = 0
EXIT_ERROR = 1
EXIT_NOT_ALL_POSTED = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One document that needs a reader's attention.

    Attributes:
        document_key: The business key.
        order_number: The shop's order number, or None.
        reason: What is wrong and what to do.
        next_retry_at: When it is tried again by itself (UTC), or None.
        stream: Where it came from.
    """

    document_key: str
    order_number: str | None
    reason: str
    next_retry_at: datetime | None = None
    stream: str | None = None


@dataclass
class Summary:
    """Counts of one run; thread safe.

    Attributes:
        run_id: The run's name in the ledger, or None when it ended before it had one.
        streams: What the input announced: this job's streams.
        started_at: When the run began (UTC).
        posted: Documents that Exact has now, by (stream, kind, currency).
        amounts: Their totals, VAT included, by the same key.
        already_there: Documents that were posted before, by stream.
        updated: Sales orders that were changed in Exact, by stream.
        parked: Documents that wait for a person.
        failed: Documents that are tried again by themselves.
        skipped: Documents with nothing to book, such as a zero total or an order on hold.
        held: How many documents were only taken into the ledger in this run.
        changed: Documents of which another version came after they were posted.
        warnings: What a person should know although the document was posted.
        attached: PDF copies that were attached to their entries.
        not_attached: PDF copies that were given up; their documents are posted.
        attachments_waiting: PDF copies that wait for the next run, or None without the setting.
        attachments_wait_because: Why they wait, or None.
        login: What a person should know about the Exact login.
        still_parked: Parked by earlier runs and not looked at in this one.
        resume_at: When held documents can be sent (UTC), or None.
        held_because: Why documents are held, or None.
        calls: HTTP calls made to Exact.
        calls_left: Calls left today, or None when Exact did not say.
        chain_head: The last hash of the event log.
    """

    run_id: str | None = None
    streams: set[str] = field(default_factory=set)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    posted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    amounts: defaultdict[tuple[str, str, str], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    already_there: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    parked: dict[str, Line] = field(default_factory=dict)
    failed: dict[str, Line] = field(default_factory=dict)
    skipped: dict[str, Line] = field(default_factory=dict)
    held: int = 0
    changed: dict[str, Line] = field(default_factory=dict)
    warnings: list[Line] = field(default_factory=list)
    attached: int = 0
    not_attached: int = 0
    attachments_waiting: int | None = None
    attachments_wait_because: str | None = None
    login: list[str] = field(default_factory=list)
    still_parked: int = 0
    resume_at: datetime | None = None
    held_because: str | None = None
    calls: int = 0
    calls_left: int | None = None
    chain_head: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count_posted(self, document: Document) -> None:
        """Count a document that Exact has now."""
        record = document.record
        kind = (record.get("source") or {}).get("kind") or record.get("kind") or ""
        key = (document.stream, kind, record.get("currency") or "")
        with self._lock:
            self.posted[key] += 1
            amount = (record.get("totals") or {}).get("amount")
            if amount is not None:
                self.amounts[key] += Decimal(amount)
            self.parked.pop(document.document_key, None)
            self.failed.pop(document.document_key, None)

    def count_already_there(self, document: Document) -> None:
        """Count a document that Exact had before this run."""
        with self._lock:
            self.already_there[document.stream] += 1

    def count_updated(self, document: Document) -> None:
        """Count a document that was changed in Exact."""
        with self._lock:
            self.updated[document.stream] += 1

    def count_held(self) -> None:
        """Count a document that was only taken into the ledger."""
        with self._lock:
            self.held += 1

    def hold(self, reason: str, resume_at: datetime | None) -> None:
        """Note why documents are held, and until when (UTC)."""
        with self._lock:
            self.held_because = reason
            self.resume_at = resume_at

    def note(self, document_key: str, order_number: str | None, reason: str) -> None:
        """Note what a person should know about a document of an earlier run."""
        with self._lock:
            self.warnings.append(Line(document_key, order_number, reason))

    def warn(self, document: Document, reason: str) -> None:
        """Note what a person should know about a posted document."""
        with self._lock:
            self.warnings.append(_line(document, reason))

    def count_attached(self) -> None:
        """Count a PDF copy that was attached."""
        with self._lock:
            self.attached += 1

    def count_not_attached(self, document_key: str, order_number: str | None, reason: str) -> None:
        """Count a PDF copy that was given up; the document itself is posted."""
        with self._lock:
            self.not_attached += 1
        reason = f"It is posted, but its PDF copy is not attached: {reason}"
        self.note(document_key, order_number, reason)

    def count_parked(self, document: Document, reason: str) -> None:
        """Count a document that waits for a person."""
        with self._lock:
            self.failed.pop(document.document_key, None)
            self.parked[document.document_key] = _line(document, reason)

    def count_failed(self, document: Document, reason: str, next_retry_at: datetime | None) -> None:
        """Count a document that is tried again by itself."""
        with self._lock:
            self.failed[document.document_key] = _line(document, reason, next_retry_at)

    def count_skipped(self, document: Document, reason: str) -> None:
        """Count a document that has nothing to book."""
        with self._lock:
            self.parked.pop(document.document_key, None)
            self.skipped[document.document_key] = _line(document, reason)

    def count_changed(self, document: Document, reason: str) -> None:
        """Count a document of which another version came after it was posted."""
        with self._lock:
            self.changed[document.document_key] = _line(document, reason)

    @property
    def total_posted(self) -> int:
        """Documents that Exact has now and had not before this run."""
        return sum(self.posted.values())

    def exit_code(self, fail_on: FailOn) -> int:
        """Return the process's exit code.

        Args:
            fail_on: The setting: ``parked`` also fails for documents that wait for a person,
                ``failed`` only for those that could not be sent.
        """
        bad = self._ours(self.failed) or (fail_on == "parked" and self._needs_people)
        return EXIT_NOT_ALL_POSTED if bad and fail_on != "never" else EXIT_OK

    def outcome(self, exit_code: int, error: BaseException | None) -> Outcome:
        """Return what whoever scheduled the run should do next.

        Args:
            exit_code: The process's exit code.
            error: What ended the run early, or None.

        Returns:
            ``ok``; ``needs_people`` for single documents; ``held`` until `retry_at`; ``retry``
            as it is; or ``stopped``, until somebody changed a setting, a login or a file.
        """
        if isinstance(error, FatalError):
            return "stopped"
        if error is not None or exit_code not in {EXIT_OK, EXIT_NOT_ALL_POSTED}:
            return "retry"  # nothing is lost: of Exact, of a database, or by a signal
        if self._needs_people:
            return "needs_people"
        if self.held_because is not None:
            return "held"
        return "retry" if self._ours(self.failed) else "ok"

    @property
    def retry_at(self) -> datetime | None:
        """When another run can do more than this one (UTC), if that is known."""
        moments = [line.next_retry_at for line in self.failed.values() if line.next_retry_at]
        return min(moments + ([self.resume_at] if self.resume_at else []), default=None)

    @property
    def _needs_people(self) -> bool:
        return self._ours(self.parked) or self._ours(self.changed)

    def _ours(self, lines: Mapping[str, Line]) -> bool:
        """Tell whether one of them is of this job; others are another job's to report."""
        streams = self.streams | {REFUSED_STREAM, None}
        if "summary_documents" in streams:  # their days are posted as these
            streams.add("general_journal_entries")
        return any(not self.streams or line.stream in streams for line in lines.values())


def _line(document: Document, reason: str, next_retry_at: datetime | None = None) -> Line:
    source: dict[str, Any] = document.record.get("source") or {}
    order = source.get("order_increment_id")
    return Line(document.document_key, order, reason, next_retry_at, document.stream)

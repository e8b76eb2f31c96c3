"""What a run did, counted while it happens: source of the summary, the report and the exit code."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from exact_online.errors import FatalError
from target_exact_online.posting.state import REFUSED_STREAM, Effect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_exact_online.ledger.rows import Document
    from target_exact_online.posting.state import Step

FailOn = Literal["parked", "failed", "never"]
Outcome = Literal["ok", "needs_people", "held", "retry", "stopped"]
EXIT_OK = 0
EXIT_ERROR = 1
EXIT_NOT_ALL_POSTED = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One document that needs a reader's attention."""

    document_key: str
    order_number: str | None  # the shop's
    reason: str  # what is wrong and what to do
    next_retry_at: datetime | None = None  # when it is tried again by itself (UTC)
    stream: str | None = None  # where it came from


@dataclass
class Summary:
    """Counts of one run; thread safe. Lines are kept by document key."""

    run_id: str | None = None  # its name in the ledger; None: it ended before it had one
    streams: set[str] = field(default_factory=set)  # announced by the input: this job's
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    # Documents that Exact has now, and their totals with VAT, by (stream, kind, currency).
    posted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    amounts: defaultdict[tuple[str, str, str], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    already_there: Counter[str] = field(default_factory=Counter)  # posted before, by stream
    updated: Counter[str] = field(default_factory=Counter)  # orders changed in Exact, by stream
    parked: dict[str, Line] = field(default_factory=dict)  # wait for a person
    failed: dict[str, Line] = field(default_factory=dict)  # tried again by themselves
    skipped: dict[str, Line] = field(default_factory=dict)  # nothing to book, e.g. a zero total
    changed: dict[str, Line] = field(default_factory=dict)  # another version came after posting
    different: dict[str, Line] = field(default_factory=dict)  # changed in Exact after posting
    held: int = 0  # only taken into the ledger in this run
    warnings: list[Line] = field(default_factory=list)  # worth knowing of posted documents
    attached: int = 0  # PDF copies
    not_attached: int = 0  # PDF copies that were given up; their documents are posted
    attachments_waiting: int | None = None  # for the next run; None without the setting
    attachments_wait_because: str | None = None
    login: list[str] = field(default_factory=list)  # what a person should know about it
    still_parked: int = 0  # by earlier runs, and not looked at in this one
    resume_at: datetime | None = None  # when held documents can be sent (UTC)
    held_because: str | None = None
    calls: int = 0  # HTTP calls made to Exact
    calls_left: int | None = None  # today; None: Exact did not say
    chain_head: str | None = None  # the last hash of the event log
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def tell(self, document: Document, step: Step) -> None:
        """Count what became of a document, and keep its words."""
        for effect in step.effects:
            self.count(effect, document, step.note or "", step.row.next_retry_at)

    def count(
        self,
        effect: Effect,
        document: Document,
        reason: str = "",
        next_retry_at: datetime | None = None,
    ) -> None:
        """Count what became of a document, why, and when it is tried again by itself (UTC)."""
        key, line = document.document_key, _line(document, reason)
        with self._lock:
            match effect:
                case Effect.TELL_POSTED:
                    self._count_posted(document)
                case Effect.TELL_THERE:
                    self.already_there[document.stream] += 1
                case Effect.TELL_UPDATED:
                    self.updated[document.stream] += 1
                case Effect.TELL_HELD:
                    self.held += 1
                case Effect.TELL_PARKED:
                    self.failed.pop(key, None)
                    self.parked[key] = line
                case Effect.TELL_FAILED:
                    self.failed[key] = _line(document, reason, next_retry_at)
                case Effect.TELL_SKIPPED:
                    self.parked.pop(key, None)
                    self.skipped[key] = line
                case Effect.TELL_CHANGED:
                    self.changed[key] = line

    def _count_posted(self, document: Document) -> None:
        record = document.record
        kind = (record.get("source") or {}).get("kind") or record.get("kind") or ""
        key = (document.stream, kind, record.get("currency") or "")
        self.posted[key] += 1
        amount = (record.get("totals") or {}).get("amount")
        if amount is not None:
            self.amounts[key] += Decimal(amount)
        self.parked.pop(document.document_key, None)
        self.failed.pop(document.document_key, None)

    def differ(self, document_key: str, order_number: str | None, words: str) -> None:
        """Keep that Exact has a posted document in another way than it was posted."""
        with self._lock:
            self.different[document_key] = Line(document_key, order_number, words)

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

    @property
    def total_posted(self) -> int:
        """Documents that Exact has now and had not before this run."""
        return sum(self.posted.values())

    def exit_code(self, fail_on: FailOn) -> int:
        """Return the process's exit code; `failed` is only about what could not be sent."""
        bad = self._ours(self.failed) or (fail_on == "parked" and self._needs_people)
        return EXIT_NOT_ALL_POSTED if bad and fail_on != "never" else EXIT_OK

    def outcome(self, exit_code: int, error: BaseException | None) -> Outcome:
        """Return what whoever scheduled the run should do next.

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

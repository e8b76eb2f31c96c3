"""Attach the copies that are due, one after the other, behind everything else of a run.

Each copy costs two calls: Exact's document, and the file in it. Neither can be repeated blindly.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from exact_online.errors import (
    DocumentRefusedError,
    ExactError,
    NotNowError,
    OutcomeUnknownError,
    Problem,
    RequestRefusedError,
    RetriableError,
)
from target_exact_online.copies.calls import Calls, NewDocument, check_size, file_name, subject
from target_exact_online.copies.rows import EVER_SINCE, Rows
from target_exact_online.exceptions import NotYetError
from target_exact_online.ledger.locks import exclusive, of_ledger
from target_exact_online.posting.state import backoff
from target_exact_online.posting.take_over import spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from exact_online.client import ExactClient
    from target_exact_online.copies.rows import Copy
    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.summary import Summary

_LOGGER = logging.getLogger("target-exact-online")
_KEPT_PART_OF_DAY = 5  # one fifth of the day's calls is left to the documents of later runs
_CALLS = 2  # for one copy
_PAGE = 20  # entries named in one question: each takes sixty characters of its address
_MAX_OUTAGE = 3


@dataclass(slots=True)
class Copies:
    """Attaches copies for one run."""

    ledger: Ledger  # knows what was posted
    run: Run
    client: ExactClient  # makes the calls
    summary: Summary  # counts copies
    closed: Callable[[], bool]  # tells whether no further call may begin
    absent_after: timedelta  # how long a call may be at work in Exact, and Exact's index behind it
    _rows: Rows = field(init=False)
    _new: set[str] = field(default_factory=set)
    _held: bool = False
    _outages: int = 0

    def __post_init__(self) -> None:
        """Open the rows of this ledger."""
        self._rows = Rows(self.ledger.engine, self.ledger.keys)

    def begin(self, *, wanted: bool) -> None:
        """Note, before anything is posted, whether what is posted from now on gets copies."""
        self._rows.begin(wanted=wanted)

    def attach(self) -> None:
        """Attach what is due, as far as calls are left; never raises a `ExactError`."""
        self._new = self._rows.remember()
        while not self._stopped():
            page = self._rows.due(_PAGE)
            page = page[: self._affordable()] if page else page
            if not page:
                break
            for division in {one.division for one in page}:
                some = [one for one in page if one.division == division]
                self._attach_in(Calls(self.client, division), some)
        self.summary.attachments_waiting = self._rows.waiting()

    def _stopped(self) -> bool:
        return self._held or self.closed()

    def _affordable(self) -> int:
        """Return how many copies may be attached now."""
        left, limit = self.client.budget.left(division=self.client.division).day
        copies = (left - limit // _KEPT_PART_OF_DAY) // _CALLS
        if copies < 1:
            self._hold(f"{left} calls are left today, which are kept for documents.")
        return max(copies, 0)

    def _hold(self, reason: str) -> None:
        self._held = True
        self.summary.attachments_wait_because = reason

    def _attach_in(self, calls: Calls, some: list[Copy]) -> None:
        if self._stopped():
            return
        asked_at = datetime.now(UTC)
        try:
            customers = calls.customers([one.exact_id for one in some])
        except ExactError as error:
            self._hold(str(error))
            return
        lock = of_ledger(self.ledger.engine, "copies")  # calls are made in it
        for one in some:
            if self._stopped():
                return
            with exclusive(self.ledger.engine, lock):
                for now in self._rows.due(1, one.document_key):  # unless another process was first
                    self._attach_one(calls, now, customers.get(one.exact_id), asked_at)

    def _attach_one(
        self, calls: Calls, one: Copy, customer: str | None, asked_at: datetime
    ) -> None:
        try:
            exact_document_id = self._attached(calls, one, customer, asked_at)
        except (DocumentRefusedError, RequestRefusedError) as error:
            self._rows.give_up(self.run, one, str(error))
            source = one.record.get("source") or {}
            self.summary.not_attached += 1
            reason = f"It is posted, but its PDF copy is not attached: {error}"
            self.summary.note(one.document_key, source.get("order_increment_id"), reason)
        except ExactError as error:
            self._later(one, error)
        else:
            self._outages = 0
            self._rows.attached(self.run, one, exact_document_id)
            self.summary.attached += 1

    def _attached(self, calls: Calls, one: Copy, customer: str | None, asked_at: datetime) -> str:
        """Make what is missing of a copy, and return the GUID of Exact's document.

        Exact was asked for its entry at some moment (UTC); without a customer it did not show it.

        Raises:
            ExactError: By type; what may be in Exact is recorded.
        """
        record, name = one.record, file_name(one.record, "pdf")
        document_id, sent_at = one.exact_document_id, one.sent_at
        if sent_at is None and one.document_key not in self._new:
            sent_at = EVER_SINCE  # a later state of a ledger that was restored may have sent it
        if customer is None:
            self._check_late_enough(one, one.created_at, asked_at)
            what = "Exact does not have the entry any more"
            raise _refusal(what, "Look for it in Exact.")
        on = date.fromisoformat(str(record["entry_date"])[:10])
        new = NewDocument(one.exact_id, customer, subject(record), on)
        asked_at = datetime.now(UTC)
        if document_id is None and sent_at is not None:
            document_id = calls.find_document(new, name)
            if document_id is None:
                self._check_late_enough(one, sent_at, asked_at)
            else:
                self._rows.has_document(one, document_id, sent_at=sent_at)
        if document_id is not None and sent_at is not None:
            if calls.has_file(document_id, name):
                return document_id
            self._check_late_enough(one, sent_at, asked_at)
        # Made before a document is: one that cannot be made leaves nothing behind.
        content = _made(one)
        if document_id is None:
            document_id = self._sent(one, lambda: calls.make_document(new))
            self._rows.has_document(one, document_id, sent_at=None)
        made = document_id
        self._sent(one, lambda: calls.add_file(made, name, content))
        return document_id

    def _sent(self, one: Copy, call: Callable[[], str]) -> str:
        """Make a call that may store something, and record what is known of it."""
        self._rows.sending(one, datetime.now(UTC))
        try:
            return call()
        except OutcomeUnknownError:
            raise
        except ExactError:
            self._rows.sending(one, None)  # nothing was stored
            raise

    def _check_late_enough(self, one: Copy, sent_at: datetime, asked_at: datetime) -> None:
        """Let absence count only when nothing could be at work any more as Exact was asked.

        Raises:
            NotYetError: It was too early.
        """
        if sent_at > asked_at:  # a clock was wrong, or it was noted while Exact answered
            sent_at = asked_at
            if one.sent_at is not None:
                self._rows.sending(one, asked_at)
        if asked_at < sent_at + self.absent_after:
            msg = "Exact does not show yet what an earlier call may have stored"
            raise NotYetError(msg, "documents/Documents", sent_at + self.absent_after)

    def _later(self, one: Copy, error: ExactError) -> None:
        now = datetime.now(UTC)
        if isinstance(error, NotYetError):
            self._rows.later(one, str(error), next_retry_at=error.retry_at)
            self.summary.attachments_wait_because = str(error)
            return
        waits = timedelta(0)  # no call was made, or Exact does not let us in: no matter of time
        if isinstance(error, RetriableError) and not isinstance(error, NotNowError):
            waits = max(backoff(one.attempts + 1, spread()), self.absent_after)
            self._outages += 1
        self._rows.later(one, str(error), next_retry_at=now + waits)
        if waits == timedelta(0) or self._outages >= _MAX_OUTAGE:
            self._hold(str(error))
        else:
            self.summary.attachments_wait_because = str(error)


def _made(one: Copy) -> bytes:
    """Return the PDF.

    Raises:
        DocumentRefusedError: The record makes none, or one that Exact does not take.
    """
    # Imported here: the PDF library costs half a second, and most runs attach nothing.
    from target_exact_online.copies import pdf  # noqa: PLC0415

    try:
        content = pdf.make(one.record, exact_number=one.exact_number, made_at=one.created_at)
    except Exception as error:  # a poisonous record must not stop the others
        _LOGGER.debug("Copying %s failed", one.document_key, exc_info=True)
        what = f"No PDF can be made of it ({type(error).__name__})"
        advice = "Report it with the document's key; run with LOGLEVEL=DEBUG for the details."
        raise _refusal(what, advice) from error
    check_size(content)
    return content


def _refusal(what: str, advice: str) -> DocumentRefusedError:
    return DocumentRefusedError([Problem("document", what, advice)])

"""PDF copies of posted documents, attached to their entries behind everything else of a run.

Each copy costs two calls, so copies are attached only with calls that documents do not need. A
copy that was tried before is asked for before it is tried again: an entry gets one copy.
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from target_exact_online.calling import backoff
from target_exact_online.documents.copies import Copies, file_name, subject
from target_exact_online.exceptions import (
    DocumentRefusedError,
    NotNowError,
    Problem,
    RequestRefusedError,
    RetriableError,
    TargetError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from exact_online.client import ExactClient
    from exact_online.limits import Left
    from target_exact_online.ledger.attachments import Attachment
    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.summary import Summary

_LOGGER = logging.getLogger("target-exact-online")
_KEPT_PART_OF_DAY = 5  # one fifth of the day's calls is left to the documents of later runs
_CALLS = 2  # for one copy
_PAGE = 20  # entries named in one question: each takes sixty characters of its address
_MAX_OUTAGE = 3


class Attacher(Protocol):
    """What of the company is needed here; see `target_exact_online.company`."""

    client: ExactClient

    def limits_left(self) -> Left:
        """Return what is left of the limits."""
        ...


class Attaching:
    """Attaches the copies that the ledger remembers."""

    def __init__(
        self,
        ledger: Ledger,
        run: Run,
        company: Attacher,
        summary: Summary,
        *,
        closed: Callable[[], bool],
        settle_after: timedelta,
    ) -> None:
        """Prepare; nothing is attached yet.

        Args:
            ledger: Remembers copies.
            run: This process's run.
            company: Where they go.
            summary: Counts them.
            closed: Tells whether no further call may begin.
            settle_after: How long an unanswered call may still be at work in Exact.
        """
        self._attachments = ledger.attachments
        self._run = run
        self._company = company
        self._summary = summary
        self._closed = closed
        self._settle_after = settle_after
        self._held = False
        self._outages = 0

    def attach(self) -> None:
        """Attach what waits, as far as calls are left; never raises a `TargetError`."""
        again_at = datetime.now(UTC) + self._settle_after
        self._attachments.take_over(self._run, again_at=again_at)
        while not self._stopped():
            page = self._attachments.due(datetime.now(UTC), limit=_PAGE)
            if not page:
                return
            page = page[: self._affordable()]
            for division in {one.division for one in page}:
                some = [one for one in page if one.division == division]
                self._attach_in(Copies(self._company.client, division), some)

    def _stopped(self) -> bool:
        return self._held or self._closed()

    def _affordable(self) -> int:
        """Return how many copies may be attached now."""
        left, limit = self._company.limits_left().day
        copies = (left - limit // _KEPT_PART_OF_DAY) // _CALLS
        if copies < 1:
            self._hold(f"{left} calls are left today, which are kept for documents.")
        return max(copies, 0)

    def _hold(self, reason: str) -> None:
        self._held = True
        self._summary.attachments_wait_because = reason

    def _attach_in(self, copies: Copies, some: list[Attachment]) -> None:
        if self._stopped():
            return
        try:
            customers = copies.customers([one.exact_id for one in some])
        except TargetError as error:
            self._hold(str(error))
            return
        for one in some:
            key = one.document.document_key
            if self._stopped():
                return
            if not self._attachments.claim(self._run, key):
                continue
            customer = customers.get(one.exact_id)
            if customer is None:
                self._give_up(one, "Exact does not have the entry any more.")
                continue
            self._attach_one(copies, one, customer)

    def _attach_one(self, copies: Copies, one: Attachment, customer: str) -> None:
        try:
            exact_document_id = self._call(copies, one, customer)
        except (DocumentRefusedError, RequestRefusedError) as error:
            self._give_up(one, str(error))
        except TargetError as error:
            self._later(one, error)
        else:
            self._outages = 0
            self._attachments.attached(self._run, one.document.document_key, exact_document_id)
            self._summary.count_attached()

    def _call(self, copies: Copies, one: Attachment, customer: str) -> str:
        """Make what is missing of a copy, and return the GUID of Exact's document."""
        record = one.document.record
        title, name = subject(record), file_name(record, "pdf")
        document_id = one.exact_document_id
        if document_id is None and one.ask_first:
            document_id = copies.find_document(one.exact_id, customer, title)
        if document_id is not None and copies.has_file(document_id, name):
            return document_id
        # Made before a document is: one that cannot be made leaves nothing behind.
        content = _made(one)
        if document_id is None:
            on = date.fromisoformat(str(record["entry_date"])[:10])
            document_id = copies.make_document(one.exact_id, customer, title, on)
            self._attachments.has_document(one.document.document_key, document_id)
        copies.add_file(document_id, name, content)
        return document_id

    def _give_up(self, one: Attachment, reason: str) -> None:
        self._attachments.give_up(self._run, one.document.document_key, reason)
        self._summary.count_not_attached(one.document, reason)

    def _later(self, one: Attachment, error: TargetError) -> None:
        now = datetime.now(UTC)
        waits = timedelta(0)  # no call was made, or Exact does not let us in: no matter of time
        if isinstance(error, RetriableError) and not isinstance(error, NotNowError):
            waits = max(backoff(one.attempts + 1), self._settle_after)
            self._outages += 1
        self._attachments.later(one.document.document_key, str(error), next_retry_at=now + waits)
        if waits == timedelta(0) or self._outages >= _MAX_OUTAGE:
            self._hold(str(error))
        else:
            self._summary.attachments_wait_because = str(error)


def _made(one: Attachment) -> bytes:
    """Return the PDF.

    Raises:
        DocumentRefusedError: The record makes none.
    """
    # Imported here: the PDF library costs half a second, and most runs attach nothing.
    from target_exact_online.documents import pdf_copy  # noqa: PLC0415

    try:
        return pdf_copy.make(
            one.document.record, exact_number=one.exact_number, made_at=one.created_at
        )
    except Exception as error:  # a poisonous record must not stop the others
        _LOGGER.debug("Copying %s failed", one.document.document_key, exc_info=True)
        what = f"No PDF can be made of it ({type(error).__name__})"
        advice = "Report it with the document's key; run with LOGLEVEL=DEBUG for the details."
        raise DocumentRefusedError([Problem("document", what, advice)]) from error

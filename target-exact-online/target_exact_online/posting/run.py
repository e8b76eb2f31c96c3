"""Post documents, each exactly once: one loop per worker.

1. A document is taken from the backlog and prepared: nothing of that writes to Exact.
2. The intent is committed, with what is sent: from here on Exact may have it.
3. The call is made, and what came of it is committed. Without a trustworthy answer the document
   stays as it is, and Exact is asked for it; see `target_exact_online.posting.take_over`.

What every event means is decided in `target_exact_online.posting.state`.
"""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from exact_online.errors import (
    ConfigError,
    DocumentRefusedError,
    ExactError,
    NotNowError,
    OutcomeUnknownError,
    Problem,
    RetriableError,
    TransientApiError,
)
from target_exact_online.documents import journal_entry, sales_invoice
from target_exact_online.exceptions import NotSeenError, NotYetError
from target_exact_online.ledger import queries
from target_exact_online.ledger.rows import SUMMARY_STREAM, describe
from target_exact_online.ledger.store import NO_FACTS, Facts
from target_exact_online.posting import events
from target_exact_online.posting.state import CHANGEABLE_STREAM, Effect, may_send
from target_exact_online.posting.take_over import (
    Settling,
    earliest,
    encode_sent,
    latest,
    spread,
    tell_all,
)

if TYPE_CHECKING:
    from exact_online.patience import Turn
    from target_exact_online.company import Company
    from target_exact_online.documents.prepared import Prepared
    from target_exact_online.ledger.queries import Waiting
    from target_exact_online.ledger.rows import Document
    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.posting.backlog import Backlog
    from target_exact_online.posting.events import Event
    from target_exact_online.posting.gate import Gate
    from target_exact_online.posting.state import Step
    from target_exact_online.summary import Summary

_LOGGER = logging.getLogger("target-exact-online")
_MAX_WORKERS = 4
_SPARE = 1.25  # more calls at once than the mean answer needs, because answers vary
_PRINTED_STREAM = "sales_invoices"
_FOLLOWS = frozenset({"held", "sending", "failed"})


class _WaitsError(Exception):
    """The document waits for another one, which is not posted yet."""


@dataclass(slots=True)
class Posting:
    """Posts the documents of the backlog, for one run."""

    ledger: Ledger  # the audit trail
    run: Run
    company: Company  # where documents go
    backlog: Backlog  # what is to be sent
    settling: Settling  # asks for documents without an answer
    gate: Gate  # whether calls may be made
    summary: Summary  # counts what happens
    _postponed: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _workers: list[threading.Thread] = field(default_factory=list)

    # Workers

    def start(self) -> None:
        """Begin with one worker; more join while answers are slow."""
        with self._lock:
            worker = threading.Thread(target=self._work, name=f"post-{len(self._workers)}")
            self._workers.append(worker)
            worker.start()

    def join(self) -> None:
        """Wait until every document of the backlog was handled.

        Raises:
            ExactError: What ended the run.
        """
        while True:
            with self._lock:
                self._workers = [one for one in self._workers if one.is_alive()]
                worker = next(iter(self._workers), None)
            if worker is None:
                break
            worker.join()
        self.gate.raise_failure()

    def go_on(self) -> None:
        """Post what became due since the backlog was done: the end of days, what was not there."""
        self.backlog.again()
        self.start()
        self.join()

    def _work(self) -> None:
        try:
            while (waiting := self.backlog.next()) is not None:
                self.post(waiting)
                self._get_help()
        except BaseException as error:  # noqa: BLE001  # raised again in the main thread
            self.gate.fail(error)

    def _get_help(self) -> None:
        """Let one more worker begin while the minute's calls allow more than are made."""
        client = self.company.client
        per_second = client.budget.minute_limit(division=client.division) / 60
        needed = math.ceil(per_second * client.mean_latency * _SPARE)
        with self._lock:
            alive = sum(worker.is_alive() for worker in self._workers)
        if alive < min(needed, _MAX_WORKERS) and not self.gate.closed:
            self.start()

    # One document

    def post(self, waiting: Waiting) -> None:
        """Prepare and send one document, or say why not."""
        while not self.gate.closed and may_send(waiting.row):
            try:
                self._check_paid(waiting)
                parked_at = waiting.updated_at if waiting.row.state == "parked" else None
                prepared = self.company.prepare(waiting.document, parked_at)
            except _WaitsError:
                self._postponed.add(waiting.row.document_key)
                return
            except Exception as error:  # noqa: BLE001  # each kind has its meaning
                self._take(waiting, self._unready(waiting, error))
                return
            try:
                with self.gate.trying():
                    ready = self.company.complete(prepared)
            except ExactError as error:
                self._take(waiting, self._not_stored(error))
                return
            if self.gate.blocks(ready.kind.resource):
                self._take(waiting, events.NotNow("A limit of Exact is spent"))
                return
            if self._asked_first(waiting, ready) or self._sent(waiting, ready):
                return
            # Somebody changed it meanwhile: decide again about what it is now.
            again = queries.look_up(self.ledger, waiting.row.document_key)
            if again is None:
                return
            waiting = again

    def _check_paid(self, waiting: Waiting) -> None:
        """Let a payment follow what it is for, and refuse one whose money is in a day's entry."""
        for name in journal_entry.paid_by(waiting.document.record):
            other = queries.look_up(self.ledger, name)
            if other is None:
                continue
            if other.document.stream == SUMMARY_STREAM:
                entry = other.summary_key or "the entry of its day"
                what = f"Its money is in {entry} already, with {name}"
                advice = (
                    "Nothing was booked. Change the booking mode by a rule with a `from` date, so "
                    "that each document is booked one way only."
                )
                raise DocumentRefusedError([Problem("document", what, advice)])
            if other.row.state in _FOLLOWS and name not in self._postponed:
                raise _WaitsError

    def _unready(self, waiting: Waiting, error: Exception) -> Event:
        """Return what it means that a document cannot be prepared."""
        now = datetime.now(UTC)
        if isinstance(error, DocumentRefusedError):
            return events.Refused(str(error), now)
        if isinstance(error, RetriableError):
            self.gate.hold(error)
            return events.NotNow(str(error))
        if isinstance(error, ConfigError) and waiting.document.division != self.company.division:
            # A rule names a company that cannot be used: that stops nobody else.
            return events.Refused(f"{error} (division)", now)
        if isinstance(error, ExactError):
            self.gate.fail(error)
            return events.NotNow(str(error))
        # A poisonous record must not stop the others.
        key = waiting.row.document_key
        _LOGGER.debug("Preparing %s failed", key, exc_info=error)
        return events.Refused(
            f"The target failed on this document ({type(error).__name__}). "
            "Report it with the document's key; run with LOGLEVEL=DEBUG for the details.",
            now,
        )

    def _asked_first(self, waiting: Waiting, ready: Prepared) -> bool:
        """Ask for what was sent before, or what an older state of this ledger may have sent.

        Returns:
            True when the document is dealt with, or was changed by the answer.
        """
        ours = waiting.row.attempts > 0
        try:
            if not ours and not self.settling.restored.is_suspect(waiting.document, ready):
                return False
            if not ours and "ExternalLinkReference" not in ready.payload:
                # What is there with its reference may be a twin's, while its day has it.
                self.settling.restored.check_day(waiting.document, ready)
        except ExactError as error:
            self._take(waiting, self._unready(waiting, error))
            return True
        now = earliest(self.company.client)
        step = self.ledger.move(
            self.run,
            waiting.row.document_key,
            events.Suspected(now),
            Facts(sent=encode_sent(ready.sent(now))),
            expected=waiting.row.last_seq,
        )
        if step is None:
            return False
        suspected = queries.look_up(self.ledger, waiting.row.document_key)
        rows = None if ours else self.settling.restored.rows(ready)
        answer = suspected and self.settling.ask(suspected, ours=ours, rows=rows)
        if answer is not None and answer.row.state == "held":  # not there: it is sent now
            absent = queries.look_up(self.ledger, waiting.row.document_key)
            if absent is not None and not self.gate.closed:
                self._sent(absent, ready)
        return True

    def _sent(self, waiting: Waiting, ready: Prepared) -> bool:
        """Send a document; return False when somebody else changed or took it."""
        try:
            self.settling.restored.check_day(waiting.document, ready)
        except ExactError as error:
            self._take(waiting, self._unready(waiting, error))
            return True
        try:
            with self.gate.trying() as turn:
                return self._tried(waiting, ready, turn)
        except NotNowError as error:  # before anything was begun
            self._take(waiting, self._not_stored(error))
            return True

    def _tried(self, waiting: Waiting, ready: Prepared, turn: Turn) -> bool:
        key = waiting.row.document_key
        now = latest(self.company.client)
        intent = events.Intended(self.run.run_id, now)
        facts = Facts(sent=encode_sent(ready.sent(now)))
        step = self.ledger.move(self.run, key, intent, facts, expected=waiting.row.last_seq)
        if step is None or not step.row.may_be_in_exact:
            return False
        event, facts = self._call(waiting, ready, turn)
        done = self.ledger.move(self.run, key, event, facts)
        if done is not None:
            tell_all(self.summary, self.ledger, waiting.document, done)
        if isinstance(event, events.Answered):
            for text in ready.warnings:
                self.summary.warn(waiting.document, text)
        return True

    def _call(self, waiting: Waiting, ready: Prepared, turn: Turn) -> tuple[Event, Facts]:
        """Make the call, and name what came of it; nothing here raises."""
        run_id = self.run.run_id
        if ready.reference:  # else a relation: many documents have the same
            ready = replace(ready, owner_of=partial(self._owner, waiting, ready))
        try:
            stored = self.company.send(ready)
        except ExactError as error:
            facts = Facts(status=getattr(error, "status", None))
            self.gate.note(turn, error)
            return self._not_stored(error), facts
        except BaseException as error:  # noqa: BLE001  # raised again once the ledger knows
            self.gate.fail(error)
            reason = str(error) or type(error).__name__
            return events.Lost(run_id, reason, latest(self.company.client)), NO_FACTS
        turn.worked()
        for text in stored.warnings:
            self.summary.warn(waiting.document, text)
        number = None if stored.number is None else str(stored.number)
        facts = Facts(
            answered_at=self.company.client.now(),
            period=self.company.period(ready),
            entry_date=ready.document_date.isoformat(),
        )
        return events.Answered(run_id, stored.exact_id, number), facts

    def _owner(self, waiting: Waiting, ready: Prepared, exact_id: str) -> str | None:
        """Return which other document holds, or may hold, what an answer names.

        An entry belongs to one document. An answer is not told from that of a document with the
        same reference whose own answer was lost; that of a journal entry has no reference in it.
        """
        owner = queries.owners(self.ledger, ready.division, [exact_id]).get(exact_id)
        if owner is None or owner == waiting.row.document_key:
            mine = describe(waiting.document)["your_ref"]
            reference = mine if ready.kind.has_reference else None
            owner = queries.unanswered(self.ledger, ready.division, ready.stream, reference)
        return owner

    def _not_stored(self, error: ExactError) -> Event:
        now = datetime.now(UTC)
        if isinstance(error, DocumentRefusedError):
            return events.Refused(str(error), now, by_exact=True)
        if isinstance(error, OutcomeUnknownError):
            reason = f"{error}. Exact is asked for it before it is sent again."
            return events.Lost(self.run.run_id, reason, latest(self.company.client))
        if isinstance(error, TransientApiError):
            return events.NotSent(str(error), now, spread(), self.settling.max_attempts)
        if isinstance(error, RetriableError):
            self.gate.hold(error)
            return events.NotNow(str(error))
        self.gate.fail(error)  # configuration or authorisation: nothing was stored
        return events.NotNow(str(error))

    def _take(self, waiting: Waiting, event: Event) -> Step | None:
        """Record what was decided about a document that was not sent."""
        step = self.ledger.move(
            self.run, waiting.row.document_key, event, expected=waiting.row.last_seq
        )
        if step is not None and step.kind:  # what is as it was is told by the run that found it
            self.summary.tell(waiting.document, step)
        return step

    # After posting

    def change_orders(self) -> None:
        """Make Exact's orders what the shop's are by now."""
        for key in queries.to_change(self.ledger, CHANGEABLE_STREAM):
            if self.gate.closed or not self._change(key):
                return

    def _change(self, key: str, *, again: bool = False) -> bool:
        """Change one order; return False when Exact cannot be asked now."""
        posted = queries.look_up(self.ledger, key)
        self.ledger.move(self.run, key, events.ChangeBegun())
        newer = queries.changing_version(self.ledger, key)
        if posted is None or newer is None or posted.row.exact_id is None:
            return True
        try:
            event = self._updated(posted, newer, posted.row.exact_id)
        except RetriableError as error:
            if isinstance(error, NotYetError) and not again:
                rest = error.retry_at - self.company.client.now()
                # Exact tells whole seconds.
                if timedelta(0) < rest < self.company.absent_after * 2:
                    self.gate.wait(rest.total_seconds() + 1)
                    return self._change(key, again=True)
            reason = f"{str(error).removesuffix('.')}. It is changed by the next run."
            self.summary.count(Effect.TELL_FAILED, newer, reason)
            return isinstance(error, NotYetError)
        except ExactError as error:
            self.gate.fail(error)
            return False
        step = self.ledger.move(self.run, key, event)
        if step is not None:
            self.summary.tell(newer, step)
            if step.kind == "changed" and step.row.newer_hash is not None:
                return self._change(key)
        return True

    def _updated(
        self, posted: Waiting, newer: Document, exact_id: str
    ) -> events.Changed | events.NotChanged:
        """Make one order in Exact what it should be, and say what came of it."""
        try:
            stored = self.company.update(posted.document, newer, exact_id)
        except NotSeenError as error:
            if self._is_fresh(posted):  # Exact's lists lag: absence is no proof yet
                soon = posted.updated_at + self.company.absent_after
                raise NotYetError(str(error), CHANGEABLE_STREAM, soon) from error
            return events.NotChanged(str(error))
        except DocumentRefusedError as error:
            return events.NotChanged(str(error))
        return events.Changed(None if stored.number is None else str(stored.number))

    def _is_fresh(self, waiting: Waiting) -> bool:
        """Tell whether something happened to a document so late that Exact may not show it yet."""
        age = datetime.now(UTC) - waiting.updated_at
        return timedelta(0) <= age < self.company.absent_after

    def compare_printed(self) -> None:
        """Compare the entries that Exact made of printed invoices with what was expected."""
        printed = queries.to_compare(self.ledger, _PRINTED_STREAM)
        if not printed or self.gate.closed:
            return
        asked = [(self.settling.sent(one), str(one.row.exact_id)) for one in printed]
        try:
            answers = sales_invoice.compare(asked, self.company.client)
        except RetriableError as error:
            self.summary.warn(printed[0].document, f"Comparing waits for the next run: {error}")
            return
        for waiting, answer in zip(printed, answers, strict=True):
            if answer.state != "not_seen":  # Exact's lists lag: the next run asks again
                self._compared(waiting, answer)

    def _compared(self, waiting: Waiting, answer: sales_invoice.Compared) -> None:
        number = None if answer.number is None else str(answer.number)
        reason = None
        if answer.state == "not_printed":
            reason = "Exact has the invoice open: it is neither printed nor booked. Print it there."
        elif answer.differences:
            reason = (
                f"Exact printed it{f' as {number}' if number else ''} and booked something else: "
                f"{'; '.join(answer.differences)}. Compare items and GL accounts in Exact, and "
                "correct it there."
            )
        self._take(waiting, events.Compared(number, reason))

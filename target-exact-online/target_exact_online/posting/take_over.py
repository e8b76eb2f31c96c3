"""Documents that may be in Exact: Exact is asked for them, by what was sent and nothing else.

Absence in one answer is no proof: a call whose answer was lost may still be at work, and Exact's
lists lag behind what it has stored. So a document counts as absent only when it was asked for late
enough. Presence counts at once, if the ledger does not hold that entry for another document.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from exact_online.errors import DocumentRefusedError, ExactError, RetriableError
from target_exact_online import documents
from target_exact_online.documents import sales_invoice
from target_exact_online.documents.prepared import Sent
from target_exact_online.ledger import queries
from target_exact_online.ledger.rows import DAY
from target_exact_online.ledger.store import Facts
from target_exact_online.posting.events import Absent, Differs, Found, TakenOver
from target_exact_online.posting.state import Effect, ask_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exact_online.client import ExactClient
    from target_exact_online.company import Company
    from target_exact_online.documents.prepared import Found as FoundRow
    from target_exact_online.ledger.queries import Waiting
    from target_exact_online.ledger.rows import Document
    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.posting.gate import Gate
    from target_exact_online.posting.restored import Restored
    from target_exact_online.posting.state import Step
    from target_exact_online.summary import Summary

_ENOUGH = 2  # questions about one document in one run


def encode_sent(sent: Sent) -> str:
    """Return what was sent as the ledger keeps it."""
    return msgspec.json.encode(sent).decode()


@dataclass(slots=True)
class Settling:
    """Asks Exact for documents without an answer, for one run; any thread may use it."""

    ledger: Ledger  # the audit trail
    run: Run
    company: Company  # is asked
    gate: Gate  # whether calls may be made
    summary: Summary  # counts what happens
    settle_after: timedelta  # how long a call without an answer may still be at work in Exact
    index_lag: timedelta  # how long Exact's lists may lag behind what it has stored
    max_attempts: int  # technical failures after which a document waits for a person
    restored: Restored  # knows what Exact has that this ledger does not
    _asked: dict[str, int] = field(default_factory=dict)
    _seen: dict[str, float] = field(default_factory=dict)

    def take_over(self) -> None:
        """Take what dead runs had in hand."""
        for key in queries.abandoned(self.ledger, self.run.run_id):
            self.ledger.move(self.run, key, TakenOver(self.run.run_id, latest(self.company.client)))

    def settle(self, *, wait: bool) -> None:
        """Ask for each document whose time has come, or ``wait`` until that of the last has."""
        began = self.run.started_at
        while not self.gate.closed:
            rests = []
            for waiting in queries.unsettled(self.ledger, looked_at=began):
                rest = self._rest(waiting)
                if rest is None:
                    continue
                if rest > 0:
                    rests.append(rest)
                elif not self.gate.closed:
                    self.ask(waiting)
                    rests.append(0.0)
            if not rests or (not wait and 0.0 not in rests):
                return
            self.gate.wait(min(rests))

    def ask(
        self, waiting: Waiting, *, ours: bool = True, rows: Sequence[FoundRow] | None = None
    ) -> Step | None:
        """Ask for one document that may be in Exact, and record the answer; None: there is none.

        What was read of its reference just now (``rows``) serves as well. If no call of ours may
        have stored it, it was there before this ledger knew.
        """
        key = waiting.row.document_key
        self._asked[key] = self._asked.get(key, 0) + 1
        client = self.company.client
        asked_at = earliest(client)
        sent = self.sent(waiting)
        try:
            if sent.reference:
                self.restored.look(sent.division, sent.stream)
                asked_at = earliest(client)  # by now Exact told the time
            there = (
                documents.find(sent, client)
                if rows is None
                else documents.among(sent, rows, client)
            )
            found = self._unowned(key, sent, there)
            event = self._answer(waiting, sent, found, asked_at, ours=ours)
        except DocumentRefusedError as error:
            event = Differs(str(error), asked_at)
        except RetriableError as error:
            self.gate.hold(error)
            reason = f"Whether Exact has it is unknown, and asking failed: {error}"
            self.summary.count(Effect.TELL_FAILED, waiting.document, reason)
            return None
        except ExactError as error:
            self.gate.fail(error)
            return None
        if event is None:
            return None
        self._asked[key] = _ENOUGH
        facts = Facts(answered_at=client.now() if isinstance(event, Found) else None)
        step = self.ledger.move(self.run, key, event, facts, expected=waiting.row.last_seq)
        if step is not None:
            tell_all(self.summary, self.ledger, waiting.document, step)
        return step

    def _answer(
        self,
        waiting: Waiting,
        sent: Sent,
        found: Sequence[FoundRow],
        asked_at: datetime,
        *,
        ours: bool,
    ) -> Found | Absent | Differs | None:
        same = sorted((one for one in found if one.same), key=lambda one: not one.linked)
        if same:
            stored = sales_invoice.finish(sent, same[0], self.company.client)
            for text in stored.warnings:
                self.summary.warn(waiting.document, text)
            if len(same) > 1:
                others = ", ".join(str(one.number or one.exact_id) for one in same[1:])
                text = f"Exact has the same reference and amount again, as {others}: compare them."
                self.summary.count(Effect.TELL_CHANGED, waiting.document, text)
            mine = ours and stored.exact_id != waiting.row.exact_id
            number = None if stored.number is None else str(stored.number)
            return Found(stored.exact_id, number, ours=mine)
        if found:
            return Differs(_differs(found, sent), asked_at)
        if not self._late_enough(waiting, asked_at):
            return None
        return Absent(asked_at, spread(), self.max_attempts)

    def _unowned(self, key: str, sent: Sent, found: Sequence[FoundRow]) -> list[FoundRow]:
        """Leave out what the ledger holds for other documents: an entry belongs to one."""
        owners = queries.owners(self.ledger, sent.division, [one.exact_id for one in found])
        return [one for one in found if owners.get(one.exact_id, key) == key]

    def sent(self, waiting: Waiting) -> Sent:
        """Return what was sent for a document."""
        if waiting.sent is not None:
            return msgspec.json.decode(waiting.sent, type=Sent)
        # An older version recorded nothing of the call but that it was made.
        one = waiting.document
        at = waiting.row.sent_at or datetime.now(UTC)
        return documents.recall(one.stream, one.record, one.document_key, one.division, at)

    def _rest(self, waiting: Waiting) -> float | None:
        """Return the seconds until a document is asked for; None when it was asked enough."""
        key = waiting.row.document_key
        asked = self._asked.get(key, 0)
        lag = self.index_lag if asked else timedelta(0)
        due = ask_at(waiting.row, self.settle_after + lag)
        if due is None or asked >= _ENOUGH:
            return None
        # No clock is believed for longer than the wait itself: it may have been set meanwhile.
        seen = self._seen.setdefault(key, self.gate.monotonic())
        left = (self.settle_after + lag).total_seconds() - (self.gate.monotonic() - seen)
        return max(min((due - earliest(self.company.client)).total_seconds(), left), 0.0)

    def _late_enough(self, waiting: Waiting, asked_at: datetime) -> bool:
        due = ask_at(waiting.row, self.settle_after + self.index_lag)
        seen = self._seen.get(waiting.row.document_key)
        waited = (
            seen is not None
            and self.gate.monotonic() - seen >= (self.settle_after + self.index_lag).total_seconds()
        )
        return waited or (due is not None and asked_at >= due)


def tell_all(summary: Summary, ledger: Ledger, document: Document, step: Step) -> None:
    """Count what became of a document, and for the entry of a day, of its documents."""
    summary.tell(document, step)
    if document.source.get("kind") == DAY and step.row.state == "posted" and step.kind:
        for one in queries.members(ledger, document.document_key):
            summary.count(Effect.TELL_POSTED, one.document)


def latest(client: ExactClient) -> datetime:
    """Return when a call began at the latest, whichever of the two clocks is right (UTC)."""
    return max(client.now(), datetime.now(UTC))


def earliest(client: ExactClient) -> datetime:
    """Return when Exact was asked at the earliest, whichever of the two clocks is right (UTC)."""
    return min(client.now(), datetime.now(UTC))


def spread() -> float:
    """Return a factor from 0.5 to 1 that spreads tries over time."""
    return random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, hides nothing


def _differs(found: Sequence[FoundRow], sent: Sent) -> str:
    numbers = ", ".join(str(one.number or one.exact_id) for one in found)
    differences = "; ".join(found[0].differences)
    advice = "Compare both; correct it in Exact, or skip the document."
    if len(found) > 1:
        advice = "Compare them all; delete in Exact what is no other document's, or skip this one."
    return (
        f"Exact has {numbers} with the reference {sent.day or sent.reference}, but {differences} "
        f"(your_ref). {advice}"
    )

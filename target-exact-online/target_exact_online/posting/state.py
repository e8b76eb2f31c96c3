"""What everything that happens to a document means for it: one pure, total function.

A document is a row of recorded facts. The one that matters most is `may_be_in_exact`: it is set
with the intent to send, before the call, and only Exact's own answer ends it. As long as it is set
nothing is sent for the document; Exact is asked. Nothing here reads a clock or does I/O.

| state | meaning |
| --- | --- |
| `held` | waits for its call |
| `sending` | a call was begun, and Exact has not said what came of it |
| `posted` | Exact has it |
| `parked` | waits for a person |
| `failed` | tried again by itself, at `next_retry_at` |
| `skipped` | nothing to book, or a person decided so |
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from target_exact_online.posting.events import (
    Absent,
    Anonymised,
    Answered,
    Arrived,
    ChangeBegun,
    Changed,
    Compared,
    Differs,
    Dissolved,
    Found,
    Intended,
    Lost,
    NotChanged,
    NotNow,
    NotSent,
    Refused,
    Replayed,
    Skipped,
    Summed,
    Suspected,
    TakenOver,
)

if TYPE_CHECKING:
    from target_exact_online.posting.events import Event, State

REFUSED_STREAM = "refused_documents"
CHANGEABLE_STREAM = "sales_orders"
"""A sales order books nothing, so Exact's own is changed when the shop's changes."""
UNKNOWN_CONTENT = ""
"""The hash of a document of which an older ledger kept only the name."""

_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=12)
_LONG_PAST = timedelta(minutes=10)  # longer than any call waits for its minute and its answer


@dataclass(frozen=True, slots=True)
class Row:
    """What the ledger knows of a document."""

    document_key: str  # the ledger's name for it
    stream: str  # the stream its content came in
    state: State  # where it stands
    payload_hash: str  # the content it stands for
    # A version that came after it was sent, and that Exact does not have; or None.
    newer_hash: str | None = None
    # The version that Exact's own is being made, perhaps in part; or None.
    changing_hash: str | None = None
    may_be_in_exact: bool = False  # it was sent, and Exact has not said whether it has it
    sent_at: datetime | None = None  # when its last call had begun at the latest (UTC), or None
    attempts: int = 0  # how often this content was sent
    exact_id: str | None = None  # its GUID in Exact, or None
    exact_number: str | None = None  # its number in Exact, or None
    error: str | None = None  # why it is not posted, or why Exact keeps an older version; or None
    next_retry_at: datetime | None = None  # when it is looked at again by itself (UTC), or None
    claimed_by: str | None = None  # the run that has it in hand, or None
    by_person: bool = False  # a person decided that it is skipped
    last_seq: int = 0  # its last event: another one means that somebody changed the row


class Effect(enum.Enum):
    """What the ledger, or the run's summary, is to do besides writing the row."""

    TAKE_CONTENT = "the arriving record becomes the document"
    KEEP_NEWER = "the arriving record is kept beside the document"
    DROP_NEWER = "the version beside the document goes"
    TAKE_NEWER = "the version beside the document becomes the document"
    BEGIN_CHANGE = "the version beside the document is what Exact's own is made"
    END_CHANGE = "what Exact's own was made becomes the document"
    DROP_CHANGE = "Exact's own is not made another version"
    BOOK = "its postings are written"
    TELL_POSTED = "posted"
    TELL_THERE = "already there"
    TELL_HELD = "held"
    TELL_PARKED = "parked"
    TELL_FAILED = "failed"
    TELL_SKIPPED = "skipped"
    TELL_CHANGED = "changed"
    TELL_UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a document."""

    kind: str  # the event, as the audit trail names it; empty when nothing is worth an event
    row: Row  # the document's row from here on
    effects: tuple[Effect, ...] = ()  # what else is to be done
    note: str | None = None  # words for people: a reason; or None


def new_row(document_key: str, event: Arrived) -> Step:
    """Return what a document begins as."""
    row = Row(document_key, event.stream, "held", event.payload_hash)
    return _taken(row, event)


def step(row: Row, event: Event) -> Step:
    """Return what an event means for a document; every event has an answer in every state."""
    match event:
        case Arrived():
            return _arrived(row, event)
        case Intended():
            return _intended(row, event)
        case Answered():
            return _answered(row, event)
        case Found():
            return _found(row, event)
        case Refused() | NotSent() | NotNow() | Lost():
            return _not_posted(row, event)
        case Absent() | Differs() | Suspected() | TakenOver():
            return _asked(row, event)
        case ChangeBegun() | Changed() | NotChanged() | Compared() | Summed() | Dissolved():
            return _after_posting(row, event)
        case Replayed() | Skipped() | Anonymised():
            return _by_person(row, event)


def may_send(row: Row) -> bool:
    """Tell whether a call that stores the document may begin."""
    return (
        not row.may_be_in_exact
        and row.claimed_by is None
        and row.state in {"held", "failed", "parked"}
        and row.stream != REFUSED_STREAM
    )


def may_rebuild(row: Row) -> bool:
    """Tell whether the entry of a day may still get other content: Exact cannot have it."""
    unsent = row.state in {"held", "parked", "failed", "skipped"}
    return unsent and not row.may_be_in_exact and not row.by_person and row.claimed_by is None


def ask_at(row: Row, settle_after: timedelta) -> datetime | None:
    """Return when Exact may be asked for a document without an answer (UTC), or None."""
    if not row.may_be_in_exact or row.sent_at is None:
        return None
    return row.sent_at + settle_after


def backoff(attempts: int, spread: float) -> timedelta:
    """Return how long to wait after 1 or more failed attempts: it doubles, up to 12 hours.

    A spread from 0.5 to 1 shortens it.
    """
    longest: timedelta = min(_FIRST_WAIT * 2 ** min(attempts - 1, 16), _LONGEST_WAIT)
    return longest * spread


def _nothing(row: Row) -> Step:
    return Step("", row)


# A record comes in


def _arrived(row: Row, event: Arrived) -> Step:
    if event.overtaken:
        return Step("overtaken", row)
    if row.state == "posted":
        return _arrived_after_posting(row, event)
    if row.payload_hash == UNKNOWN_CONTENT:  # in a day's entry that an older version built
        return Step("", row, (Effect.TELL_THERE,))
    if row.may_be_in_exact:
        return _arrived_while_unsettled(row, event)
    if row.by_person:
        return _arrived_after_skip(row, event)
    same = row.payload_hash == event.payload_hash and row.stream == event.stream
    if not same or row.state == "skipped":
        return _taken(row, event)
    if row.state == "parked":
        return Step("", row, (Effect.TELL_PARKED,), row.error)
    if row.state == "failed":
        return Step("", row, (Effect.TELL_FAILED,), row.error)
    return _nothing(row)


def _taken(row: Row, event: Arrived) -> Step:
    """Let the arriving record be the document: nothing of it is in Exact."""
    same = row.payload_hash == event.payload_hash and row.stream == event.stream
    plain = replace(
        row,
        stream=event.stream,
        payload_hash=event.payload_hash,
        newer_hash=None,
        attempts=row.attempts if same else 0,
        exact_id=None,
        exact_number=None,
        error=None,
        next_retry_at=None,
        claimed_by=None,
    )
    if event.reason is None:
        return Step("held", replace(plain, state="held"), (Effect.TAKE_CONTENT,))
    told = Effect.TELL_SKIPPED if event.skip else Effect.TELL_PARKED
    state: State = "skipped" if event.skip else "parked"
    refused = replace(plain, state=state, error=event.reason)
    if same and (row.state, row.error) == (state, event.reason):
        return Step("", row, (told,), event.reason)
    return Step(state, refused, (Effect.TAKE_CONTENT, told), event.reason)


def _arrived_while_unsettled(row: Row, event: Arrived) -> Step:
    """Keep another version beside the one that Exact may have: the question comes first."""
    if event.payload_hash == row.payload_hash and event.stream == row.stream:
        if row.newer_hash is None:
            return _nothing(row)
        return Step("taken_back", replace(row, newer_hash=None), (Effect.DROP_NEWER,))
    if event.payload_hash == row.newer_hash:
        return _nothing(row)
    newer = replace(row, newer_hash=event.payload_hash)
    return Step("changed_in_shop", newer, (Effect.KEEP_NEWER,), event.reason)


def _arrived_after_skip(row: Row, event: Arrived) -> Step:
    """A person's skip stays, whatever the shop does."""
    if event.payload_hash in {row.payload_hash, row.newer_hash}:
        return Step("", row, (Effect.TELL_THERE,))
    newer = replace(row, newer_hash=event.payload_hash)
    effects = (Effect.KEEP_NEWER, Effect.TELL_CHANGED)
    return Step("changed_in_shop", newer, effects, "It was skipped, and the shop changed it since.")


def _arrived_after_posting(row: Row, event: Arrived) -> Step:
    if event.stream == row.stream == CHANGEABLE_STREAM:
        return _arrived_to_change(row, event)
    known = {row.payload_hash, row.newer_hash}
    if row.payload_hash in {event.payload_hash, UNKNOWN_CONTENT}:
        if row.newer_hash is None:
            return Step("", row, (Effect.TELL_THERE,))
        back = replace(row, newer_hash=None, error=None)
        return Step("taken_back", back, (Effect.DROP_NEWER, Effect.TELL_THERE))
    if event.payload_hash in known:
        # Told once; a refusal and a change that only a person can make are not told again.
        return Step("", row, (Effect.TELL_THERE,))
    newer = replace(row, newer_hash=event.payload_hash, error=event.reason)
    effects = (Effect.KEEP_NEWER, Effect.TELL_CHANGED)
    return Step("changed_in_shop", newer, effects, _told_change(row, event))


def _arrived_to_change(row: Row, event: Arrived) -> Step:
    """Take the version that Exact's own document should be, whatever was begun before."""
    if event.payload_hash == (row.newer_hash or row.payload_hash):
        if row.error is not None and row.newer_hash is None:
            return Step("taken_back", replace(row, error=None), (Effect.TELL_THERE,))
        return Step("", row, (Effect.TELL_THERE,))
    if event.payload_hash == row.payload_hash and row.changing_hash is None:
        back = replace(row, newer_hash=None, error=None)
        return Step("taken_back", back, (Effect.DROP_NEWER, Effect.TELL_THERE))
    # A change that broke off may have been made in part: it is ended first.
    newer = replace(row, newer_hash=event.payload_hash, error=None)
    return Step("changed_in_shop", newer, (Effect.KEEP_NEWER,))


def _told_change(row: Row, event: Arrived) -> str:
    number = f" as {row.exact_number}" if row.exact_number else ""
    look = f"`documents show {row.document_key}`"
    if event.reason is not None:
        return (
            f"It was posted{number}, and now it would not be: {event.reason} "
            f"Exact keeps the posted version; see {look}, and correct it in Exact if that is wrong."
        )
    return (
        f"Another version came after it was posted{number}: the shop changed it, or the rules "
        f"book it differently now. Exact keeps the posted version; compare both with {look} and "
        "correct it in Exact."
    )


# Sending


def _intended(row: Row, event: Intended) -> Step:
    if not may_send(row):
        return _nothing(row)
    sending = replace(
        row,
        state="sending",
        may_be_in_exact=True,
        sent_at=event.at,
        claimed_by=event.run,
        error=None,
        next_retry_at=None,
    )
    return Step("sending", sending)


def _answered(row: Row, event: Answered) -> Step:
    if row.state == "posted":
        if row.exact_id == event.exact_id:
            return _nothing(row)
        note = f"Exact has it twice: {event.exact_number or event.exact_id} was stored as well."
        return Step("doubled", row, (Effect.TELL_CHANGED,), note)
    return _posted(row, event.exact_id, event.exact_number, "posted", Effect.TELL_POSTED)


def _found(row: Row, event: Found) -> Step:
    if row.state == "posted" and not row.may_be_in_exact:
        return _nothing(row)
    if event.ours:
        kind, told = "settled", Effect.TELL_POSTED
    else:
        kind, told = "already_there", Effect.TELL_THERE
    return _posted(row, event.exact_id, event.exact_number, kind, told)


def _posted(row: Row, exact_id: str, number: str | None, kind: str, told: Effect) -> Step:
    posted = replace(
        row,
        state="posted",
        may_be_in_exact=False,
        attempts=row.attempts + 1 if told is Effect.TELL_POSTED else row.attempts,
        exact_id=exact_id,
        exact_number=number,
        error=None,
        next_retry_at=None,
        claimed_by=None,
    )
    effects: tuple[Effect, ...] = (Effect.BOOK, told)
    if row.newer_hash is not None and row.stream != CHANGEABLE_STREAM:
        note = _told_change(posted, Arrived(row.stream, row.newer_hash))
        return Step(kind, posted, (*effects, Effect.TELL_CHANGED), note)
    return Step(kind, posted, effects)


def _not_posted(row: Row, event: Refused | NotSent | NotNow | Lost) -> Step:
    if isinstance(event, Lost):
        if row.claimed_by != event.run:
            return _nothing(row)
        lost = replace(
            row, sent_at=event.at, attempts=row.attempts + 1, error=event.reason, claimed_by=None
        )
        return Step("unanswered", lost, (Effect.TELL_FAILED,), event.reason)
    if row.state == "posted":
        return _nothing(row)
    if row.may_be_in_exact and row.claimed_by is None:
        # Found before any call, and an earlier call may have stored it: the question stays.
        return Step("", row)
    settled = replace(row, may_be_in_exact=False, claimed_by=None)
    if isinstance(event, NotNow):
        # Until when is told, not kept: the next run tries, whatever was guessed.
        held = replace(settled, state="held", next_retry_at=None, error=None)
        kind = "held" if held != row else ""
        return _with_newer(Step(kind, held, (Effect.TELL_HELD,)))
    if isinstance(event, NotSent):
        return _with_newer(_again(replace(settled, attempts=row.attempts + 1), event, event.reason))
    # Looked at again by every run: what was missing in Exact may be there by then.
    attempts = row.attempts + 1 if event.by_exact else row.attempts
    parked = replace(
        settled, state="parked", error=event.reason, next_retry_at=event.at, attempts=attempts
    )
    if (row.state, row.error) == ("parked", event.reason) and not event.by_exact:
        return Step("", row, (Effect.TELL_PARKED,), event.reason)
    return _with_newer(Step("parked", parked, (Effect.TELL_PARKED,), event.reason))


def _again(row: Row, event: NotSent | Absent, reason: str) -> Step:
    """Try it again by itself after a wait, or leave it to a person after too many times."""
    if row.attempts >= event.max_attempts:
        reason = f"{reason}. Given up after {row.attempts} attempts."
        parked = replace(row, state="parked", error=reason, next_retry_at=None)
        return Step("parked", parked, (Effect.TELL_PARKED,), reason)
    due = event.at + backoff(row.attempts, event.spread)
    failed = replace(row, state="failed", error=reason, next_retry_at=due)
    return Step("failed", failed, (Effect.TELL_FAILED,), reason)


def _with_newer(done: Step) -> Step:
    """Let a version that waited beside a document take its place, once nothing is in Exact."""
    row = done.row
    if row.newer_hash is None or row.may_be_in_exact:
        return done
    fresh = replace(
        row,
        state="held",
        payload_hash=row.newer_hash,
        newer_hash=None,
        attempts=0,
        error=None,
        next_retry_at=None,
    )
    return Step("changed_in_shop", fresh, (Effect.TAKE_NEWER,))


# Asking


def _asked(row: Row, event: Absent | Differs | Suspected | TakenOver) -> Step:
    if isinstance(event, Suspected):
        return _suspected(row, event)
    if not row.may_be_in_exact:
        return _nothing(row)
    if isinstance(event, TakenOver):
        # The dead run's call may have begun just now; one long past stays long past, and a
        # moment in the future is not believed.
        began = row.sent_at
        recent = began is None or not began < event.at - _LONG_PAST
        taken = replace(row, claimed_by=None, sent_at=event.at if recent else began)
        return Step("taken_over", taken)
    if isinstance(event, Differs):
        parked = replace(
            row, state="parked", error=event.reason, claimed_by=None, next_retry_at=event.at
        )
        kind = "" if (row.state, row.error) == ("parked", event.reason) else "parked"
        return Step(kind, parked if kind else row, (Effect.TELL_PARKED,), event.reason)
    if row.state == "skipped":
        return Step("absent", replace(row, may_be_in_exact=False, claimed_by=None))
    gone = replace(row, may_be_in_exact=False, claimed_by=None, exact_id=None, exact_number=None)
    if row.newer_hash is not None:
        return _with_newer(Step("absent", gone))
    if row.attempts > 1:  # not there, and not for the first time: no hurry any more
        return _again(gone, event, row.error or "No answer came")
    return Step("absent", replace(gone, state="held", error=None, next_retry_at=None))


def _suspected(row: Row, event: Suspected) -> Step:
    if row.may_be_in_exact or row.state in {"posted", "skipped"}:
        return _nothing(row)
    long_past = event.at - _LONG_PAST
    suspected = replace(row, state="sending", may_be_in_exact=True, sent_at=long_past)
    return Step("suspected", suspected)


# After posting


def _after_posting(
    row: Row, event: ChangeBegun | Changed | NotChanged | Compared | Summed | Dissolved
) -> Step:
    if isinstance(event, Summed):
        return _summed(row, event)
    if isinstance(event, Dissolved):
        if row.may_be_in_exact or row.state in {"posted", "skipped"}:
            return _nothing(row)
        return Step("dissolved", replace(row, state="skipped", error=None, next_retry_at=None))
    if row.state != "posted":
        return _nothing(row)
    if isinstance(event, ChangeBegun):
        if row.newer_hash is None or row.changing_hash is not None:
            return _nothing(row)
        begun = replace(row, changing_hash=row.newer_hash)
        return Step("changing", begun, (Effect.BEGIN_CHANGE,))
    if isinstance(event, Changed):
        return _changed(row, event)
    if isinstance(event, NotChanged):
        reason = f"Its order in Exact was not changed: {event.reason}"
        kept = replace(row, changing_hash=None, error=event.reason)
        return Step("not_changed", kept, (Effect.DROP_CHANGE, Effect.TELL_CHANGED), reason)
    compared = replace(row, exact_number=event.exact_number or row.exact_number)
    if event.reason is None:
        return Step("compared", compared)
    return Step("compared", compared, (Effect.TELL_CHANGED,), event.reason)


def _changed(row: Row, event: Changed) -> Step:
    if row.changing_hash is None:
        return _nothing(row)
    done = row.newer_hash == row.changing_hash
    changed = replace(
        row,
        payload_hash=row.changing_hash,
        changing_hash=None,
        newer_hash=None if done else row.newer_hash,
        exact_number=event.exact_number or row.exact_number,
        error=None,
    )
    effects = (Effect.END_CHANGE, *((Effect.DROP_NEWER,) if done else ()))
    return Step("changed", changed, (*effects, Effect.BOOK, Effect.TELL_UPDATED))


def _summed(row: Row, event: Summed) -> Step:
    """Follow the entry that the document is part of."""
    if event.state == "posted":
        if row.state == "posted":
            return _nothing(row)
        posted = replace(
            row,
            state="posted",
            may_be_in_exact=False,
            claimed_by=None,
            exact_number=event.exact_number,
            error=None,
        )
        effects: tuple[Effect, ...] = (Effect.TELL_POSTED,)
        if row.newer_hash is None:
            return Step("posted", posted, effects)
        note = _told_change(posted, Arrived(row.stream, row.newer_hash))
        return Step("posted", posted, (*effects, Effect.TELL_CHANGED), note)
    unsettled = event.state == "sending"
    if row.may_be_in_exact == unsettled:
        return _nothing(row)
    state: State = "sending" if unsettled else "held"
    follows = replace(row, may_be_in_exact=unsettled, state=state, claimed_by=None)
    return _with_newer(Step(follows.state, follows))


# People


def _by_person(row: Row, event: Replayed | Skipped | Anonymised) -> Step:
    if isinstance(event, Anonymised):
        return Step("anonymised", replace(row, error=None))
    if isinstance(event, Skipped):
        if row.state not in {"held", "parked", "failed"}:
            return _nothing(row)
        skipped = replace(
            row, state="skipped", error=event.reason, next_retry_at=None, by_person=True
        )
        return Step("skipped", skipped, (), event.reason)
    if row.stream == REFUSED_STREAM:
        return _nothing(row)
    if row.state == "posted" and event.again:
        # Nothing of ours is at work, but what was answered just now Exact may not show yet.
        asked = replace(row, state="sending", may_be_in_exact=True, sent_at=event.at)
        return Step("replayed", asked)
    if row.state not in {"parked", "failed", "skipped"}:
        return _nothing(row)
    state: State = "sending" if row.may_be_in_exact else "held"
    attempts = row.attempts if row.may_be_in_exact else 0
    again = replace(
        row, state=state, next_retry_at=None, error=None, attempts=attempts, by_person=False
    )
    return Step("replayed", again)

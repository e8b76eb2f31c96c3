"""What can happen to a document; what each event means is decided in `posting.state`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

State = Literal["held", "sending", "posted", "parked", "failed", "skipped"]


class Arrived(msgspec.Struct, frozen=True):
    """A record came in."""

    stream: str  # its stream
    payload_hash: str  # its content
    reason: str | None = None  # why it cannot be booked, when it is a refusal
    skip: bool = False  # the refusal says that there is nothing to book
    # The shop had a later version, which another run brought while this one was on its way.
    overtaken: bool = False


class Intended(msgspec.Struct, frozen=True):
    """A run is about to send it; committed before the call."""

    run: str
    at: datetime


class Answered(msgspec.Struct, frozen=True):
    """Exact said that it has stored it."""

    run: str
    exact_id: str
    exact_number: str | None


class Refused(msgspec.Struct, frozen=True):
    """It cannot be booked as it is; surely Exact does not have it because of this call."""

    reason: str  # what is wrong and what to do
    at: datetime  # when (UTC)
    by_exact: bool = False  # Exact refused what was sent; else it was found before any call


class NotSent(msgspec.Struct, frozen=True):
    """A technical failure, and surely nothing is in Exact because of this call."""

    reason: str  # what failed
    at: datetime  # when (UTC)
    spread: float  # from 0.5 to 1: spreads the tries of many documents over time
    max_attempts: int  # failures after which it waits for a person


class NotNow(msgspec.Struct, frozen=True):
    """No call may be made now; surely nothing is in Exact because of this one."""

    reason: str


class Lost(msgspec.Struct, frozen=True):
    """It was sent, and no trustworthy answer came."""

    run: str
    reason: str
    at: datetime


class Found(msgspec.Struct, frozen=True):
    """Exact was asked, and has it."""

    exact_id: str  # its GUID
    exact_number: str | None  # its number, or None
    ours: bool = True  # a call of ours is what stored it; else it was there before this ledger knew


class Absent(msgspec.Struct, frozen=True):
    """Exact was asked, late enough for the answer to be proof, and does not have it."""

    at: datetime  # when (UTC)
    spread: float  # as of `NotSent`
    max_attempts: int  # as of `NotSent`


class Differs(msgspec.Struct, frozen=True):
    """Exact was asked, and has something with its reference that is not the same."""

    reason: str
    at: datetime


class Suspected(msgspec.Struct, frozen=True):
    """Exact may have it from before this ledger knew it: a backup was restored."""

    at: datetime


class TakenOver(msgspec.Struct, frozen=True):
    """The run that had it in hand is dead, and another one takes it."""

    run: str
    at: datetime


class ChangeBegun(msgspec.Struct, frozen=True):
    """Exact's own document is about to be made what the newer version is; that may break off."""


class Changed(msgspec.Struct, frozen=True):
    """Exact's own document was made what the version is with which the change was begun."""

    exact_number: str | None


class NotChanged(msgspec.Struct, frozen=True):
    """Exact keeps the version it has."""

    reason: str


class Compared(msgspec.Struct, frozen=True):
    """What Exact made of it was read back."""

    exact_number: str | None  # Exact's number
    reason: str | None  # what differs, or None


class Summed(msgspec.Struct, frozen=True):
    """The entry that it is part of was built, changed its state, or was dissolved."""

    state: State  # the entry's state
    exact_number: str | None = None  # the entry's number in Exact, or None


class Dissolved(msgspec.Struct, frozen=True):
    """The entry of a day that was not sent is to be built again, because its documents changed."""


class Replayed(msgspec.Struct, frozen=True):
    """A person wants it tried by the next run."""

    at: datetime  # when (UTC)
    again: bool = False  # also when it is posted: Exact is asked, and gets it if it is gone


class Skipped(msgspec.Struct, frozen=True):
    """A person decided that it is never posted."""

    reason: str


class Anonymised(msgspec.Struct, frozen=True):
    """Its content is forgotten; what was posted stays provable."""


Event = (
    Arrived
    | Intended
    | Answered
    | Refused
    | NotSent
    | NotNow
    | Lost
    | Found
    | Absent
    | Differs
    | Suspected
    | TakenOver
    | ChangeBegun
    | Changed
    | NotChanged
    | Compared
    | Summed
    | Dissolved
    | Replayed
    | Skipped
    | Anonymised
)

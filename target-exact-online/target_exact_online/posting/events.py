"""What can happen to a document; what each event means is decided in `posting.state`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

State = Literal["held", "sending", "posted", "parked", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record came in."""

    stream: str  # its stream
    payload_hash: str  # its content
    reason: str | None = None  # why it cannot be booked, when it is a refusal
    skip: bool = False  # the refusal says that there is nothing to book


@dataclass(frozen=True, slots=True)
class Intended:
    """A run is about to send it; committed before the call."""

    run: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """Exact said that it has stored it."""

    run: str
    exact_id: str
    exact_number: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be booked as it is; surely Exact does not have it because of this call."""

    reason: str  # what is wrong and what to do
    at: datetime  # when (UTC)
    by_exact: bool = False  # Exact refused what was sent; else it was found before any call


@dataclass(frozen=True, slots=True)
class NotSent:
    """A technical failure, and surely nothing is in Exact because of this call."""

    reason: str  # what failed
    at: datetime  # when (UTC)
    spread: float  # from 0.5 to 1: spreads the tries of many documents over time
    max_attempts: int  # failures after which it waits for a person


@dataclass(frozen=True, slots=True)
class NotNow:
    """No call may be made now; surely nothing is in Exact because of this one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """It was sent, and no trustworthy answer came."""

    run: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """Exact was asked, and has it."""

    exact_id: str  # its GUID
    exact_number: str | None  # its number, or None
    ours: bool = True  # a call of ours is what stored it; else it was there before this ledger knew


@dataclass(frozen=True, slots=True)
class Absent:
    """Exact was asked, late enough for the answer to be proof, and does not have it."""

    at: datetime  # when (UTC)
    spread: float  # as of `NotSent`
    max_attempts: int  # as of `NotSent`


@dataclass(frozen=True, slots=True)
class Differs:
    """Exact was asked, and has something with its reference that is not the same."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Suspected:
    """Exact may have it from before this ledger knew it: a backup was restored."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TakenOver:
    """The run that had it in hand is dead, and another one takes it."""

    run: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangeBegun:
    """Exact's own document is about to be made what the newer version is; that may break off."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Exact's own document was made what the version is with which the change was begun."""

    exact_number: str | None


@dataclass(frozen=True, slots=True)
class NotChanged:
    """Exact keeps the version it has."""

    reason: str


@dataclass(frozen=True, slots=True)
class Compared:
    """What Exact made of it was read back."""

    exact_number: str | None  # Exact's number
    reason: str | None  # what differs, or None


@dataclass(frozen=True, slots=True)
class Summed:
    """The entry that it is part of was built, changed its state, or was dissolved."""

    state: State  # the entry's state
    exact_number: str | None = None  # the entry's number in Exact, or None


@dataclass(frozen=True, slots=True)
class Dissolved:
    """The entry of a day that was not sent is to be built again, because its documents changed."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A person wants it tried by the next run."""

    at: datetime  # when (UTC)
    again: bool = False  # also when it is posted: Exact is asked, and gets it if it is gone


@dataclass(frozen=True, slots=True)
class Skipped:
    """A person decided that it is never posted."""

    reason: str


@dataclass(frozen=True, slots=True)
class Anonymised:
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

"""One record on both sides, and the entry of a plan that it becomes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from target_adobe_commerce.plan import Change, Entry, Kind, mark
from target_adobe_commerce.three_way import Sides, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from target_adobe_commerce.kept.keeping import Pair

_UNDECIDED = "Both sides changed: decide with `apply --exact KEY` or `apply --shop KEY`."
_SAME = "Both sides have the same."
_KEPT = "Only the shop changed it: the shop's value stays."


@dataclass(frozen=True)
class Subject:
    """One record of Exact, and what the shop has of it.

    Attributes:
        kind: What it is in the shop.
        division: Exact company.
        exact_id: Exact's GUID.
        code: Exact's code.
        desired: What Exact wants the shop to have, by field; only fields that Exact owns.
        shop_id: The shop's number or sku; empty when it has none.
        found: What the shop has of these fields.
        calls: What writes it: the call that creates, or changes.
        no_create: Why it is not created; empty when it is.
        problem: Why it cannot be told which record of the shop it is; empty when it can.
        pair: The pair that is kept.
        source: What else a writer needs of Exact's record.
        shop_state: What else of the shop's record must not change under a plan.
    """

    kind: Kind
    division: int
    exact_id: str
    code: str
    desired: Mapping[str, str]
    shop_id: str = ""
    found: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    no_create: str = ""
    problem: str = ""
    pair: Pair | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    shop_state: Any = None

    @property
    def key(self) -> str:
        """How commands name it."""
        return f"{self.kind}:{self.code}"


@dataclass(frozen=True)
class Decisions:
    """How fields that both sides changed are decided.

    Attributes:
        policy: The setting ``conflicts``.
        by_key: What a person decided, by key of the record: ``exact`` or ``shop``.
    """

    policy: str = "ask"
    by_key: Mapping[str, str] = field(default_factory=dict)

    def of(self, subject: Subject) -> str:
        """Return the policy for one record."""
        return self.by_key.get(subject.key, self.policy)


def entry_of(subject: Subject, hashed: Callable[[Any], str], decisions: Decisions) -> Entry:
    """Decide about a record."""
    entry = Entry(
        kind=subject.kind,
        division=subject.division,
        exact_id=subject.exact_id,
        code=subject.code,
        action="skip",
        shop_id=subject.shop_id,
        exact_mark=mark([dict(subject.desired), dict(subject.source)]),
        shop_mark=mark([subject.shop_id, dict(subject.found), subject.shop_state]),
    )
    if subject.problem:
        return replace(entry, action="conflict", reason=subject.problem)
    if not subject.shop_id:
        if subject.no_create:
            return replace(entry, action="skip", reason=subject.no_create)
        new = tuple(
            Change(name, "", value, Verdict.WRITE)
            for name, value in subject.desired.items()
            if value
        )
        return replace(entry, action="create", changes=new, calls=subject.calls)
    changes = tuple(_changes(subject, hashed, decisions.of(subject)))
    verdicts = {change.verdict for change in changes}
    if Verdict.WRITE in verdicts:
        reason = _UNDECIDED if Verdict.CONFLICT in verdicts else ""
        return replace(entry, action="update", changes=changes, calls=subject.calls, reason=reason)
    if Verdict.CONFLICT in verdicts:
        return replace(entry, action="conflict", changes=changes, reason=_UNDECIDED)
    reason = _KEPT if Verdict.KEEP in verdicts else "" if changes else _SAME
    return replace(entry, action="skip", changes=changes, reason=reason or "Differs as decided.")


def _changes(subject: Subject, hashed: Callable[[Any], str], policy: str) -> list[Change]:
    seen = subject.pair.seen if subject.pair else {}
    changes = []
    for name, exact in subject.desired.items():
        shop = subject.found.get(name, "")
        decided = verdict(Sides(exact, shop, seen.get(name)), hashed, policy)
        if decided is not Verdict.SAME:
            changes.append(Change(name, shop, exact, decided))
    return changes


def settled(
    subject: Subject, entry: Entry, hashed: Callable[[Any], str]
) -> dict[str, tuple[str, str]]:
    """Return the hashes to keep when an entry is carried out.

    What only the shop changed, and what waits for a person, keeps what was seen before: so it is
    still known who changed it.
    """
    verdicts = {change.field: change.verdict for change in entry.changes}
    before = dict(subject.pair.seen) if subject.pair else {}
    for name, exact in subject.desired.items():
        decided = verdicts.get(name, Verdict.SAME)
        if decided in {Verdict.KEEP, Verdict.CONFLICT}:
            continue
        shop = subject.found.get(name, "")
        has = exact if decided in {Verdict.SAME, Verdict.WRITE} else shop
        if decided == Verdict.AGREED and name in before:
            continue
        before[name] = (hashed(exact), hashed(has))
    return before

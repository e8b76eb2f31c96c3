"""What every event means for a document: as a table, and as a machine that nobody can make double.

The machine plays a whole life: versions arrive, calls are sent, answered, lost, carried out late,
refused; runs die and are taken over, the ledger is restored from a backup, people replay and skip,
Exact's lists lag. Whatever happens, Exact has each document once, or the ledger says that it may
have it, or why not.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from target_exact_online.posting import events
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
    Event,
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
from target_exact_online.posting.state import Effect, Row, ask_at, may_send, new_row, step

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTLE, LAG = timedelta(seconds=60), timedelta(seconds=30)
ENTRY = "sales_entries"

EVENTS: tuple[Event, ...] = (
    Arrived(ENTRY, "v1"),
    Arrived(ENTRY, "v2"),
    Arrived("refused_documents", "v3", "no rule"),
    Arrived("refused_documents", "v4", "zero", skip=True),
    Intended("run", NOW),
    Answered("run", "id-1", "1"),
    Answered("run", "id-2", "2"),
    Refused("bad", NOW),
    Refused("bad", NOW, by_exact=True),
    NotSent("away", NOW, 1.0, 8),
    NotNow("spent"),
    Lost("run", "no answer", NOW),
    Lost("other", "no answer", NOW),
    Found("id-1", "1"),
    Found("id-2", "2", ours=False),
    Absent(NOW, 1.0, 8),
    Differs("other amount", NOW),
    Suspected(NOW),
    TakenOver("run", NOW),
    ChangeBegun(),
    Changed("7"),
    NotChanged("delivered"),
    Compared("7", None),
    Compared("7", "differs"),
    Summed("sending"),
    Summed("posted", "9"),
    Summed("held"),
    Dissolved(),
    Replayed(NOW),
    Replayed(NOW, again=True),
    Skipped("by hand"),
    Anonymised(),
)


def rows() -> list[Row]:
    """Rows in every combination of facts that a ledger can have."""
    states = ("held", "sending", "posted", "parked", "failed", "skipped")
    made = []
    for state, may_be, newer, claimed, attempts in itertools.product(
        states, (False, True), (None, "v2"), (None, "run", "dead"), (0, 1, 8)
    ):
        if state == "sending" and not may_be:
            continue
        if claimed and not may_be:
            continue
        row = Row("k", ENTRY, state, "v1", newer, None, may_be, NOW - timedelta(hours=1), attempts)
        row = replace(row, claimed_by=claimed)
        if state == "posted":
            row = replace(row, exact_id="id-1", exact_number="1")
        made.append(row)
    return made


def test_every_kind_of_event_is_tried() -> None:
    kinds = {
        one
        for one in vars(events).values()
        if isinstance(one, type) and one.__module__ == events.__name__
    }
    assert {type(one) for one in EVENTS} == kinds


@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_every_event_has_an_answer_in_every_state(event: Event) -> None:
    for row in rows():
        done = step(row, event)
        assert done.row.document_key == row.document_key
        assert bool(done.kind) or done.row == row, "what changes a row is an event"
        if done.row.state == "sending":
            assert done.row.may_be_in_exact
        if done.row.state == "posted" and row.state != "posted":
            assert not done.row.may_be_in_exact
        if done.row.claimed_by is not None:
            assert done.row.may_be_in_exact


ENDS_THE_QUESTION = (Answered, Refused, NotSent, NotNow, Found, Absent, Summed)


@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_only_an_answer_ends_the_question_whether_exact_has_it(event: Event) -> None:
    for row in rows():
        done = step(row, event)
        if row.may_be_in_exact and not done.row.may_be_in_exact:
            assert isinstance(event, ENDS_THE_QUESTION)
            if isinstance(event, (Refused, NotSent, NotNow)):
                assert row.claimed_by is not None, "only what this very call was told"


@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_nothing_is_sent_while_exact_may_have_it(event: Event) -> None:
    for row in rows():
        done = step(row, event)
        if isinstance(event, Intended) and done.kind:
            assert not row.may_be_in_exact
            assert row.state in {"held", "failed", "parked"}
        assert not (may_send(done.row) and done.row.may_be_in_exact)


def test_a_version_that_came_while_nothing_was_known_takes_its_place_once_that_is_known() -> None:
    row = step(new_row("k", Arrived(ENTRY, "v1")).row, Intended("run", NOW)).row
    row = step(row, Lost("run", "no answer", NOW)).row
    beside = step(row, Arrived(ENTRY, "v2"))
    assert (beside.row.payload_hash, beside.row.newer_hash) == ("v1", "v2")
    absent = step(beside.row, Absent(NOW, 1.0, 8))
    assert (absent.row.state, absent.row.payload_hash, absent.row.attempts) == ("held", "v2", 0)
    assert Effect.TAKE_NEWER in absent.effects
    found = step(beside.row, Found("id-1", "1"))
    assert (found.row.state, found.row.payload_hash, found.row.newer_hash) == ("posted", "v1", "v2")
    assert Effect.TELL_CHANGED in found.effects


def test_a_late_answer_of_a_dead_call_is_never_dropped() -> None:
    row = Row("k", ENTRY, "posted", "v1", exact_id="id-1")
    twice = step(row, Answered("old", "id-2", "2"))
    assert twice.kind == "doubled"
    assert Effect.TELL_CHANGED in twice.effects
    assert "twice" in (twice.note or "")


def test_a_moment_in_the_future_is_not_believed() -> None:
    ahead = Row("k", ENTRY, "sending", "v1", may_be_in_exact=True, sent_at=NOW + timedelta(days=9))
    taken = step(replace(ahead, claimed_by="dead"), TakenOver("run", NOW)).row
    assert ask_at(taken, SETTLE) == NOW + SETTLE
    past = replace(ahead, sent_at=NOW - timedelta(days=9), claimed_by="dead")
    assert step(past, TakenOver("run", NOW)).row.sent_at == past.sent_at


def test_a_persons_skip_outlives_the_shop_and_a_replay_ends_it() -> None:
    row = step(new_row("k", Arrived("refused_documents", "r1", "no rule")).row, Skipped("mine")).row
    assert row.by_person
    assert step(row, Arrived("refused_documents", "r1", "no rule")).kind == ""
    kept = step(row, Arrived(ENTRY, "v2"))
    assert kept.row.state == "skipped"
    entry = step(new_row("k", Arrived(ENTRY, "v1")).row, Skipped("mine")).row
    assert step(entry, Replayed(NOW)).row.state == "held"
    assert not step(entry, Replayed(NOW)).row.by_person


@dataclass
class Stored:
    """An entry in Exact: whose, and since when its lists show it."""

    key: str
    version: str
    exact_id: str
    seen_from: datetime


@dataclass
class Call:
    """A call that is under way, or carried out although nobody waits for it any more."""

    key: str
    version: str
    run: str
    until: datetime


class Life(RuleBasedStateMachine):
    """Documents with one reference each, through everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.ids = itertools.count(1)
        self.run = "run-1"
        self.rows: dict[str, Row] = {}
        self.exact: list[Stored] = []
        self.calls: list[Call] = []  # somebody waits for the answer
        self.orphans: list[Call] = []  # nobody does, and Exact may still carry it out
        self.backup: dict[str, Row] | None = None
        self.unnoticed = False
        # What Exact had and a restored ledger did not know: kept, and asked for before a call.
        self.noticed: set[str] = set()
        self.deleted: set[str] = set()

    keys = st.sampled_from(["a", "b"])

    @initialize()
    def begin(self) -> None:
        self.arrive("a", "v1")

    def take(self, key: str, event: Event) -> Row:
        done = step(self.rows[key], event)
        self.rows[key] = done.row
        return done.row

    @rule(key=keys, version=st.sampled_from(["v1", "v2", "refused"]))
    def arrive(self, key: str, version: str) -> None:
        stream, reason = ("refused_documents", "no rule") if version == "refused" else (ENTRY, None)
        event = Arrived(stream, version, reason)
        if key in self.rows:
            self.take(key, event)
        else:
            self.rows[key] = new_row(key, event).row

    @rule(key=keys)
    def send(self, key: str) -> None:
        """As the loop does: what Exact may have is asked for, and only what it has not is sent."""
        row = self.rows.get(key)
        if row is None or not may_send(row) or self.unnoticed:
            return
        if row.attempts > 0 or key in self.noticed:
            self.take(key, Suspected(self.now))
            return
        row = self.take(key, Intended(self.run, self.now))
        self.calls.append(Call(key, row.payload_hash, self.run, self.now + SETTLE))

    def store(self, call: Call) -> Stored:
        one = Stored(call.key, call.version, f"id-{next(self.ids)}", self.now + LAG)
        self.exact.append(one)
        return one

    @precondition(lambda self: self.calls)
    @rule()
    def answer(self) -> None:
        call = self.calls.pop(0)
        self.take(call.key, Answered(call.run, self.store(call).exact_id, "1"))

    @precondition(lambda self: self.calls)
    @rule(by_exact=st.booleans())
    def refuse(self, by_exact: bool) -> None:  # noqa: FBT001
        call = self.calls.pop(0)
        self.take(call.key, Refused("closed period", self.now, by_exact=by_exact))

    @precondition(lambda self: self.calls)
    @rule(when=st.sampled_from(["stored", "late", "never"]))
    def lose_the_answer(self, when: str) -> None:
        call = self.calls.pop(0)
        if when == "stored":
            self.store(call)
        if when == "late":
            self.orphans.append(replace(call, until=self.now + SETTLE))
        self.take(call.key, Lost(call.run, "no answer", self.now))

    @precondition(lambda self: self.calls)
    @rule()
    def an_answer_of_another_document_comes(self) -> None:
        """It is not believed: nothing is known, and Exact has stored this one."""
        call = self.calls.pop(0)
        self.store(call)
        self.take(call.key, Lost(call.run, "another document's answer", self.now))

    @precondition(lambda self: self.calls)
    @rule(event=st.sampled_from(["not_sent", "not_now"]))
    def the_call_never_leaves(self, event: str) -> None:
        call = self.calls.pop(0)
        self.take(
            call.key,
            NotSent("away", self.now, 1.0, 8) if event == "not_sent" else NotNow("spent"),
        )

    @precondition(lambda self: self.orphans)
    @rule()
    def carry_out_late(self) -> None:
        call = self.orphans.pop(0)
        if self.now <= call.until:
            self.store(call)

    @rule(carried_out=st.booleans())
    def kill(self, carried_out: bool) -> None:  # noqa: FBT001
        """The process dies; Exact carries out what is under way, at once or late."""
        for call in self.calls:
            if carried_out:
                self.store(call)
            else:
                self.orphans.append(replace(call, until=self.now + SETTLE))
        self.calls = []
        self.run = f"run-{next(self.ids)}"

    @rule()
    def take_over(self) -> None:
        waited_for = {call.key for call in self.calls}
        for key, row in self.rows.items():
            if row.claimed_by and key not in waited_for:
                self.take(key, TakenOver(self.run, self.now))

    @rule(key=keys)
    def ask(self, key: str) -> None:
        row = self.rows.get(key)
        if row is None or not row.may_be_in_exact or row.claimed_by:
            return
        due = ask_at(row, SETTLE)
        if due is None or self.now < due:
            return
        shown = [one for one in self.exact if one.key == key and one.seen_from <= self.now]
        same = [one for one in shown if one.version == row.payload_hash]
        if same:
            self.take(key, Found(same[0].exact_id, "1"))
        elif shown:
            self.take(key, Differs("other amount", self.now))
        elif self.now >= due + LAG:
            self.take(key, Absent(self.now, 1.0, 8))
            self.noticed.discard(key)

    @rule(seconds=st.sampled_from([1, 30, 61, 95, 3_600]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.orphans = [call for call in self.orphans if call.until >= self.now]

    @rule()
    def back_up(self) -> None:
        if not self.calls:
            self.backup = dict(self.rows)

    @precondition(lambda self: self.backup is not None and not self.calls)
    @rule()
    def restore(self) -> None:
        assert self.backup is not None
        # Whoever restores a backup takes longer than Exact's lists lag behind.
        self.now += SETTLE + LAG
        self.orphans = []
        self.rows = dict(self.backup)
        self.run = f"run-{next(self.ids)}"
        self.unnoticed = True

    @precondition(lambda self: self.unnoticed)
    @rule()
    def notice_that_exact_has_more(self) -> None:
        """What a run does first: references that the ledger does not know are asked about."""
        known = {row.exact_id for row in self.rows.values()}
        for one in self.exact:
            if one.exact_id in known:
                continue
            if one.key not in self.rows:
                self.rows[one.key] = new_row(one.key, Arrived(ENTRY, one.version)).row
            row = self.rows[one.key]
            if row.claimed_by:
                self.take(one.key, TakenOver(self.run, self.now))
            self.take(one.key, Suspected(self.now))
            self.noticed.add(one.key)
        self.unnoticed = False

    @rule(key=keys, again=st.booleans())
    def replay(self, key: str, again: bool) -> None:  # noqa: FBT001
        if key in self.rows:
            self.take(key, Replayed(self.now, again=again))

    @rule(key=keys)
    def skip(self, key: str) -> None:
        if key in self.rows:
            self.take(key, Skipped("by hand"))

    @rule(key=keys)
    def delete_in_exact(self, key: str) -> None:
        """A person deletes the entry; only a replay brings it back."""
        if key in self.rows and self.rows[key].state == "posted":
            self.exact = [one for one in self.exact if one.key != key]
            self.deleted.add(key)

    @invariant()
    def exact_has_each_document_once(self) -> None:
        for key in self.rows:
            there = [one for one in self.exact if one.key == key]
            assert len(there) <= 1, f"{key} is doubled: {there}, {self.rows[key]}"

    @invariant()
    def the_ledger_says_what_exact_has(self) -> None:
        if self.unnoticed:
            return
        for key, row in self.rows.items():
            there = {one.exact_id for one in self.exact if one.key == key}
            if there:
                # A person who skips it says why the ledger does not book it.
                says = row.may_be_in_exact or row.exact_id in there or row.by_person
                says = says or key in self.noticed
                assert says, f"Exact has {key}, and the ledger denies it: {row}"
            elif row.state == "posted":
                assert key in self.deleted, f"{key} is posted, and Exact does not have it"


Life.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase

"""Bookmarks: overlap without repeats, late commits, kills, and states that stay small."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tap_adobe_commerce.exceptions import ConfigError
from tap_adobe_commerce.keyset import Position
from tap_adobe_commerce.listing import Row
from tap_adobe_commerce.state import EPOCH, ROWS_PER_STATE, Mark, Progress

OVERLAP = timedelta(minutes=15)
NOON = "2026-06-01 12:00:00"
LATER = "2026-06-01 12:30:00"


def row(key: int, at: str, content: str = "{}") -> Row:
    return Row(key, at, msgspec.Raw(content.encode()))


def checkpoint(one: Progress, position: Position, *rows: Row) -> None:
    one.checkpoint(position, one.marks(rows, position))


def progress(state: dict[str, Any]) -> Progress:
    return Progress(json.loads(json.dumps(state)), "updated_at", OVERLAP)


def run(state: dict[str, Any], now: str, *rows: Row) -> tuple[list[int], dict[str, Any]]:
    """One complete run; returns the keys it would emit, and its state."""
    one = progress(state)
    one.begin(None, now)
    new = [each.key for each in rows if one.is_new(each)]
    one.checkpoint(Position(now), one.marks(rows, Position(now)))
    one.finish()
    return new, one.state


def test_a_first_run_starts_at_the_start_date_or_before_every_change() -> None:
    assert progress({}).begin("2026-01-01 00:00:00", NOON) == Position("2026-01-01 00:00:00")
    assert progress({}).begin(None, NOON) == Position(EPOCH)


def test_the_next_run_starts_an_overlap_before_the_end_of_the_last() -> None:
    _, state = run({}, NOON)

    assert state["replication_key_value"] == "2026-06-01T12:00:00Z"
    assert progress(state).begin(None, LATER) == Position("2026-06-01 11:45:00")


def test_what_is_read_again_is_emitted_only_if_it_changed() -> None:
    same, changed = row(1, "2026-06-01 11:50:00"), row(2, "2026-06-01 11:51:00", '{"a":1}')
    _, state = run({}, NOON, same, changed)

    late = row(3, "2026-06-01 11:49:00")
    new, state = run(state, LATER, late, same, row(2, "2026-06-01 11:51:00", '{"a":2}'))

    assert new == [3, 2]
    assert "seen" not in state  # all of them are older than the next overlap


def test_a_run_that_was_cut_off_in_old_data_goes_on_exactly_there() -> None:
    one = progress({})
    one.begin(None, NOON)
    checkpoint(one, Position("2026-02-01 00:00:00", 7), row(7, "2026-02-01 00:00:00"))

    assert progress(one.state).begin(None, LATER) == Position("2026-02-01 00:00:00", 7)


def test_a_run_that_was_cut_off_in_the_overlap_looks_for_late_commits_again() -> None:
    one = progress({})
    one.begin(None, NOON)
    seen = row(7, "2026-06-01 11:59:00")
    checkpoint(one, Position("2026-06-01 11:59:30"), seen)

    resumed = progress(one.state)

    assert resumed.begin(None, LATER) == Position("2026-06-01 11:45:00")
    assert not resumed.is_new(seen)
    assert resumed.is_new(row(6, "2026-06-01 11:46:00"))


def test_rows_read_ahead_do_not_count_before_their_page_is_out() -> None:
    one = progress({})
    one.begin(None, NOON)
    first, ahead = row(1, "2026-06-01 11:50:00"), row(2, "2026-06-01 11:55:00")
    assert one.is_new(first)
    assert one.is_new(ahead)
    checkpoint(one, Position("2026-06-01 11:50:01"), first)

    killed = progress(one.state)
    killed.begin(None, LATER)

    assert not killed.is_new(first)
    assert killed.is_new(ahead)


def test_the_bookmark_of_an_earlier_run_is_kept_for_what_this_run_has_not_met() -> None:
    old = row(1, "2026-06-01 11:55:00")
    _, state = run({}, NOON, old)
    one = progress(state)
    one.begin(None, LATER)
    one.checkpoint(Position("2026-06-01 11:50:00"), [])

    killed = progress(one.state)
    killed.begin(None, LATER)

    assert not killed.is_new(old)


def test_a_state_without_overlap_information_steps_back_from_its_bookmark() -> None:
    state = {"replication_key": "updated_at", "replication_key_value": "2026-06-01T14:00:00+02:00"}

    assert progress(state).begin(None, LATER) == Position("2026-06-01 11:45:00")


def test_a_start_date_later_than_the_bookmark_counts() -> None:
    _, state = run({}, NOON)

    assert progress(state).begin("2026-06-01 12:10:00", LATER) == Position("2026-06-01 12:10:00")


@pytest.mark.parametrize(
    "entry",
    [
        {"replication_key_value": "last week"},
        {"replication_key_value": "2026-06-01T12:00:00Z", "seen": "nonsense"},
        {"replication_key_value": "2026-06-01T12:00:00Z", "last_key": "x"},
        {"replication_key_value": "2026-06-01T12:00:00Z", "parked": ["x"]},
        {"replication_key_value": 5},
    ],
)
def test_a_state_of_something_else_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="bookmark"):
        progress(entry)


def test_states_are_spread_out_when_very_many_rows_changed_in_the_overlap() -> None:
    one = progress({})
    one.begin(None, NOON)
    marks = [Mark(key, NOON, "x") for key in range(3 * ROWS_PER_STATE)]

    written = [one.checkpoint(Position(NOON), marks) for _ in range(8)]

    assert written == [False, False, False, True] * 2


def test_a_sweep_is_due_after_its_time_and_goes_on_after_a_kill() -> None:
    week = timedelta(days=7)
    _, state = run({}, NOON)  # a first run reads everything
    assert not progress(state).is_sweep_due("2026-06-08 11:59:59", week)
    assert progress(state).is_sweep_due("2026-06-08 12:00:00", week)
    assert not progress(state).is_sweep_due("2027-06-08 12:00:00", None)

    one = progress(state)
    one.begin(None, LATER)
    one.swept(500, {41})
    killed = progress(one.state)
    assert killed.swept_to == 500
    assert killed.parked == {41}
    assert killed.is_sweep_due(LATER, week)
    killed.begin(None, LATER)
    killed.finish_sweep("2026-06-08 12:00:00")
    assert not progress(killed.state).is_sweep_due("2026-06-09 12:00:00", week)


def test_a_run_that_ends_before_the_bookmark_has_nothing_to_read() -> None:
    _, state = run({}, NOON)

    assert progress(state).is_past("2026-06-01 11:50:00")
    assert not progress(state).is_past(LATER)
    assert not progress({}).is_past(LATER)


def test_only_rows_that_may_be_met_again_are_hashed() -> None:
    one = progress({})
    one.begin(None, NOON)
    old, recent = row(1, "2026-01-01 00:00:00"), row(2, "2026-06-01 11:50:00")

    marks = one.marks([old, recent], Position(NOON))

    assert [bool(each.content) for each in marks] == [False, True]

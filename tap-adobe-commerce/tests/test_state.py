"""Bookmarks: overlap without repeats, late commits, kills, and states that stay small."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adobe_commerce.errors import ConfigError
from tap_adobe_commerce.keyset import Position
from tap_adobe_commerce.listing import Row
from tap_adobe_commerce.state import MOST_MET_AGAIN, ROWS_PER_STATE, Mark, Progress
from tap_adobe_commerce.timestamps import EPOCH, seconds_later

OVERLAP = timedelta(minutes=15)
NOON = "2026-06-01 12:00:00"
LATER = "2026-06-01 12:30:00"


def row(key: int, at: str, content: str = "{}") -> Row:
    return Row(key, at, msgspec.Raw(content.encode()))


def checkpoint(one: Progress, position: Position, *rows: Row) -> None:
    one.checkpoint(position, one.marks(rows))


def progress(state: dict[str, Any]) -> Progress:
    return Progress(json.loads(json.dumps(state)), "updated_at", OVERLAP)


def run(state: dict[str, Any], now: str, *rows: Row) -> tuple[list[int], dict[str, Any]]:
    """One complete run; returns the keys it would emit, and its state."""
    one = progress(state)
    one.begin(None, now)
    new = [each.key for each in rows if one.is_new(each)]
    one.checkpoint(Position(now), one.marks(rows))
    one.finish()
    return new, one.state


def test_a_first_run_starts_at_the_start_date_or_before_every_change() -> None:
    assert progress({}).begin("2026-01-01 00:00:00", NOON) == Position("2026-01-01 00:00:00")
    assert progress({}).begin(None, NOON) == Position(EPOCH)


def test_the_next_run_starts_an_overlap_before_the_newest_row() -> None:
    _, state = run({}, NOON, row(1, "2026-06-01 10:00:00"))

    assert state["replication_key_value"] == "2026-06-01T12:00:00Z"
    assert state["newest_row"] == "2026-06-01T10:00:00Z"
    assert progress(state).begin(None, LATER) == Position("2026-06-01 09:45:00")


def test_as_long_as_nothing_was_seen_every_run_looks_at_everything() -> None:
    _, state = run({}, NOON)

    assert progress(state).begin(None, LATER) == Position(EPOCH)
    assert progress(state).begin("2026-05-01 00:00:00", LATER) == Position("2026-05-01 00:00:00")


def test_what_is_met_again_in_a_quiet_shop_is_not_new() -> None:
    old, late = row(1, "2026-06-01 10:00:00"), row(2, "2026-06-01 09:59:00")
    _, state = run({}, NOON, row(9, "2026-05-01 00:00:00"), old)

    new, state = run(state, LATER, late, old)

    assert new == [2]
    assert {pair.split(":")[0] for pair in state["seen"].split(",")} == {"1", "2"}
    assert run(state, "2026-06-02 12:00:00", late, old)[0] == []


def test_a_mass_update_is_not_met_again_in_every_run() -> None:
    night = "2026-06-01 03:00:00"
    rows = [row(key, night) for key in range(1, MOST_MET_AGAIN + 2)]
    _, state = run({}, NOON, *rows)

    assert "seen" not in state
    assert progress(state).begin(None, LATER) == Position("2026-06-01 11:45:00")


def test_what_is_read_again_is_emitted_only_if_it_changed() -> None:
    same, changed = row(1, "2026-06-01 11:50:00"), row(2, "2026-06-01 11:51:00", '{"a":1}')
    _, state = run({}, NOON, same, changed)

    late = row(3, "2026-06-01 11:49:00")
    new, state = run(state, LATER, late, same, row(2, "2026-06-01 11:51:00", '{"a":2}'))

    assert new == [3, 2]


def test_a_run_that_was_cut_off_in_old_data_goes_on_exactly_there() -> None:
    one = progress({})
    one.begin(None, NOON)
    checkpoint(one, Position("2026-02-01 00:00:00", 7), row(7, "2026-02-01 00:00:00"))

    assert progress(one.state).begin(None, LATER) == Position("2026-02-01 00:00:00", 7)
    assert "seen" not in one.state


def test_rows_of_a_second_that_is_not_finished_are_not_new_after_a_kill() -> None:
    one = progress({})
    one.begin(None, NOON)
    before, within = row(6, "2026-01-31 23:59:59"), row(7, "2026-02-01 00:00:00")
    checkpoint(one, Position("2026-02-01 00:00:00"), before, within)

    resumed = progress(one.state)

    assert resumed.begin(None, LATER) == Position("2026-02-01 00:00:00")
    assert not resumed.is_new(within)


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
    for key in range(ROWS_PER_STATE):
        one.checkpoint(Position(NOON), [Mark(key, NOON, "x")])
    assert one.state["seen"].count(",") == ROWS_PER_STATE - 1  # every time so far

    written = 0
    for number in range(100):
        page = [Mark(ROWS_PER_STATE + 100 * number + key, NOON, "x") for key in range(100)]
        written += one.checkpoint(Position(NOON), page)

    assert 5 < written < 20
    one.finish()
    assert one.state["seen"].count(",") == 2 * ROWS_PER_STATE - 1


@pytest.mark.parametrize("at", [NOON, "2026-02-01 00:00:00"])
def test_very_many_rows_of_one_second_take_little_time(at: str) -> None:
    one = progress({})
    one.begin(None, NOON)
    began = time.process_time()
    for number in range(1000):
        rows = [row(100 * number + key, at) for key in range(100)]
        one.checkpoint(Position(at, 100 * number + 99), one.marks(rows))
    one.finish()

    assert time.process_time() - began < 5
    assert len(one.state.get("seen", "")) < 2_000_000
    assert ("seen" in one.state) == (at == NOON)


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

    assert [bool(each.content) for each in one.marks([old, recent])] == [False, True]
    assert [bool(each.content) for each in one.marks([old])] == [True]  # it may be the newest


DAY = 24 * 3600


def test_a_web_node_a_day_ahead_moves_no_bookmark_beyond_our_clock() -> None:
    one = progress({})
    one.begin(None, seconds_later(NOON, DAY), NOON)
    seen = row(1, "2026-06-01 11:58:00")
    checkpoint(one, Position(seconds_later(NOON, DAY + 1)), seen)
    one.finish()

    assert one.state["replication_key_value"] == "2026-06-01T12:00:00Z"
    resumed = progress(one.state)
    assert resumed.begin(None, LATER, LATER) == Position("2026-06-01 11:43:00")
    assert not resumed.is_new(seen)


def test_a_row_of_tomorrow_is_no_witness_beyond_our_clock() -> None:
    one = progress({})
    one.begin(None, seconds_later(NOON, 2 * DAY), NOON)
    imported = row(1, seconds_later(NOON, DAY))
    checkpoint(one, Position(seconds_later(NOON, 2 * DAY + 1)), imported)
    one.finish()

    assert one.state["newest_row"] == "2026-06-01T12:00:00Z"
    resumed = progress(one.state)
    assert resumed.begin(None, LATER, LATER) == Position("2026-06-01 11:45:00")
    assert not resumed.is_new(imported)


def test_a_clock_of_ours_that_is_behind_moves_no_bookmark_beyond_itself() -> None:
    one = progress({})
    one.begin(None, NOON, "2026-06-01 08:00:00")
    seen = [row(1, "2026-06-01 07:50:00"), row(2, "2026-06-01 11:58:00")]
    checkpoint(one, Position(NOON), *seen)
    one.finish()

    assert one.state["replication_key_value"] == "2026-06-01T08:00:00Z"
    resumed = progress(one.state)
    assert resumed.begin(None, NOON, NOON) <= Position("2026-06-01 07:45:00")
    assert not any(resumed.is_new(each) for each in seen)


def test_a_database_whose_clock_is_hours_behind_loses_no_late_commit() -> None:
    """Rows carry the database's time; neither clock that a run sees knows it."""
    first = row(1, "2026-06-01 09:00:00")
    _, state = run({}, NOON, first)
    late = row(2, "2026-06-01 08:59:00")  # committed after that run

    resumed = progress(state)

    assert resumed.begin(None, LATER, LATER) <= Position(late.at)
    assert resumed.is_new(late)
    assert not resumed.is_new(first)


def test_a_bookmark_in_the_future_is_said_and_read_back_from_the_newest_row(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = row(1, "2026-06-01 11:50:00")
    _, state = run({}, NOON, seen)
    state |= {"replication_key_value": "2026-06-02T12:00:00Z", "last_key": 5}

    one = progress(state)

    assert one.begin(None, LATER, LATER) == Position("2026-06-01 11:35:00")
    assert not one.is_new(seen)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "2026-06-02 12:00:00" in record.getMessage()
    checkpoint(one, Position(LATER), seen)
    assert one.state["replication_key_value"] == "2026-06-01T12:30:00Z"


@pytest.mark.parametrize("newest", [None, "2026-06-02T12:00:00Z"])
def test_without_a_witness_a_bookmark_in_the_future_means_reading_all_again(
    caplog: pytest.LogCaptureFixture, newest: str | None
) -> None:
    state = {"replication_key_value": "2026-06-02T12:00:00Z", "newest_row": newest}

    assert progress(state).begin("2026-01-01 00:00:00", LATER) == Position("2026-01-01 00:00:00")
    assert "future" in caplog.text


def test_the_small_differences_of_web_nodes_are_nothing_to_talk_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, state = run({}, NOON, row(1, "2026-06-01 11:59:50"))

    start = progress(state).begin(None, "2026-06-01 11:59:30", "2026-06-01 11:59:20")

    assert start == Position("2026-06-01 11:44:50")
    assert caplog.text == ""


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30), st.booleans()), max_size=60),
    st.lists(st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000)), min_size=6, max_size=6),
    st.integers(-7200, 0),
)
@settings(max_examples=300)
def test_whatever_the_clocks_say_every_row_comes_out_in_the_end(
    changes: list[tuple[int, int, bool]], skews: list[tuple[int, int]], database: int
) -> None:
    """Rows appear up to 13 minutes after the time they carry; the last run's clocks are true."""
    visible = []
    for key, (minute, delay, late) in enumerate(changes, 1):
        at = seconds_later(NOON, minute * 60 + database)
        visible.append((minute * 60 + (delay % 14) * 60 * late, row(key, at, str(key))))
    state: dict[str, Any] = {}
    out: set[int] = set()
    for number, (shop, ours) in enumerate([*skews, (0, 0)]):
        now = number * 600 if number < len(skews) else 10 * 3600
        until = seconds_later(NOON, now + shop)
        one = progress(state)
        start = one.begin(None, until, seconds_later(NOON, now + ours))
        if start.at > until:
            continue
        rows = [
            each
            for moment, each in visible
            if moment <= now and start < Position(each.at, each.key) and each.at <= until
        ]
        rows.sort(key=lambda each: (each.at, each.key))
        out |= {each.key for each in rows if one.is_new(each)}
        one.checkpoint(Position(seconds_later(until, 1)), one.marks(rows))
        one.finish()
        state = one.state
    assert out == {each.key for _, each in visible}


FORMS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.datetimes().map(str)
    | st.sampled_from(["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "1:a,2:b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
NAMES = ["replication_key", "replication_key_value", "last_key", "overlap_before", "newest_row",
         "read_until", "seen", "parked", "swept_at", "sweep_after", "other"]  # fmt: skip


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, FORMS)))
@settings(max_examples=500)
def test_a_state_of_any_form_is_refused_in_our_words_or_recovered_from(
    state: dict[str, Any],
) -> None:
    try:
        one = progress(state)
    except ConfigError:
        return
    start = one.begin("2026-01-01 00:00:00", NOON, NOON)
    assert start.at >= "2026-01-01 00:00:00"
    one.checkpoint(Position(NOON), one.marks([row(1, NOON)]))
    one.finish()
    again = progress(one.state)
    assert again.begin(None, LATER).at <= NOON


@pytest.mark.parametrize(
    "entry",
    [
        {"replication_key_value": "2026-06-01T12:00:00Z", "parked": "123"},
        {"replication_key_value": "2026-06-01T12:00:00Z", "parked": [True]},
        {"replication_key_value": "2026-06-01T12:00:00Z", "last_key": 1.5},
        {"replication_key_value": "2026-06-01T12:00:00Z", "last_key": -1},
        {"replication_key_value": "2026-06-01T12:00:00Z", "seen": ["1:x"]},
        {"replication_key_value": "2026-06-01T12:00:00Z", "replication_key": "created_at"},
        {"replication_key_value": ["2026-06-01T12:00:00Z"]},
    ],
)
def test_what_looks_almost_right_is_refused_too(entry: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="bookmark"):
        progress(entry)

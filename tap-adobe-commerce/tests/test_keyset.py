"""Keyset reading against a table in memory: complete whatever the table looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adobe_commerce.errors import NotCommerceError
from tap_adobe_commerce.keyset import Position, Window, read_by_key, read_changes
from tap_adobe_commerce.listing import Columns, ListPage, Row
from tap_adobe_commerce.timestamps import seconds_later
from tap_adobe_commerce.windows import PAGES, plan, read_span

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from adobe_commerce.search import Filter

START = "2026-03-29 00:59:58"  # a night in which clocks change; the shop's times are UTC
UNTIL = "2026-03-29 01:00:30"


@dataclass
class Table:
    """A list of the shop, kept in memory, as slow or as odd as a test wants it."""

    rows: dict[int, str]
    page_size: int = 3
    server_limit: int = 1000
    ties: Random | None = None
    after_page: Callable[[Table], None] | None = None
    columns: Columns = field(default_factory=Columns)
    route: str = "orders"
    calls: int = 0

    def matching(self, filters: tuple[Filter, ...]) -> list[tuple[int, str]]:
        compare: dict[str, Any] = {
            "eq": lambda a, b: a == b,
            "gt": lambda a, b: a > b,
            "gteq": lambda a, b: a >= b,
            "lteq": lambda a, b: a <= b,
        }

        def holds(key: int, at: str) -> bool:
            for part in filters:
                own: Any = at if part.field == "updated_at" else key
                value = part.value if part.field == "updated_at" else int(part.value)
                if not compare[part.condition](own, value):
                    return False
            return True

        return [(key, at) for key, at in self.rows.items() if holds(key, at)]

    def page(self, filters: tuple[Filter, ...], sort: tuple[str, ...]) -> ListPage:
        self.calls += 1
        found = self.matching(filters)
        if sort == ("entity_id",):
            found.sort()
        elif self.ties:
            ties = self.ties
            found.sort(key=lambda row: (row[1], ties.random()))
        else:
            found.sort(key=lambda row: (row[1], row[0]))
        shown = found[: min(self.page_size, self.server_limit)]
        if self.after_page:
            self.after_page(self)
        # As in the shop the count comes last, when rows may have changed already.
        total = len(self.matching(filters))
        return ListPage(
            [Row(key, at, msgspec.Raw(b"%d" % key)) for key, at in shown], total, self.page_size
        )

    def time_of_row(self, start: str, until: str, number: int) -> str | None:
        times = sorted(at for at in self.rows.values() if start <= at <= until)
        return times[number] if number < len(times) else None


def keys(table: Table, start: Position = Position(START), until: str = UNTIL) -> list[int]:  # noqa: B008  # frozen
    return [
        row.key
        for batch in read_changes(table, Window(start, until))
        for row in batch.rows  # type: ignore[arg-type]
    ]


tables = st.dictionaries(
    st.integers(1, 60),
    st.integers(-3, 36).map(lambda seconds: seconds_later(START, seconds)),
    max_size=40,
)


@given(
    tables,
    st.integers(1, 9),
    st.sampled_from([2, 5, 1000]),
    st.one_of(st.none(), st.randoms(use_true_random=False)),
)
def test_every_row_of_the_window_comes_exactly_once(
    rows: dict[int, str],
    page_size: int,
    server_limit: int,
    ties: Random | None,
) -> None:
    table = Table(rows, page_size, server_limit, ties)

    found = keys(table)

    assert sorted(found) == sorted(key for key, at in rows.items() if START <= at <= UNTIL)


@given(tables, st.integers(1, 9), st.integers(0, 20))
def test_a_read_that_is_cut_off_goes_on_where_it_stopped(
    rows: dict[int, str], page_size: int, pages: int
) -> None:
    table = Table(rows, page_size)
    done: list[int] = []
    position = Position(START)
    for number, batch in enumerate(read_changes(table, Window(position, UNTIL))):  # type: ignore[arg-type]
        if number == pages:
            break
        done += [row.key for row in batch.rows]
        position = batch.position

    rest = keys(table, position)

    expected = {key for key, at in rows.items() if START <= at <= UNTIL}
    assert set(done) | set(rest) == expected
    # Only rows of the second that was under way may come again.
    assert {rows[key] for key in set(done) & set(rest)} <= {position.at}


@given(tables, st.integers(1, 6), st.data())
def test_rows_that_change_while_they_are_read_are_not_lost(
    rows: dict[int, str], page_size: int, data: st.DataObject
) -> None:
    def change_some(table: Table) -> None:
        for key in data.draw(st.lists(st.sampled_from(sorted(table.rows)), max_size=3)):
            table.rows[key] = seconds_later(UNTIL, 60)

    original = dict(rows)
    table = Table(rows, page_size, after_page=change_some if rows else None)

    found = keys(table)

    unread = {key for key, at in original.items() if START <= at <= UNTIL} - set(found)
    assert all(table.rows[key] > UNTIL for key in unread), "a later run must meet them"
    assert len(found) == len(set(found))


def test_a_bulk_change_of_one_second_is_finished_by_key() -> None:
    rows = dict.fromkeys(range(1, 51), START)

    table = Table(rows, page_size=10)

    assert keys(table) == list(range(1, 51))
    assert table.calls < 10


def test_one_call_per_page_when_seconds_are_sparse() -> None:
    rows = {key: seconds_later(START, key) for key in range(1, 31)}

    table = Table(rows, page_size=10)

    assert keys(table) == list(range(1, 31))
    assert table.calls == 4  # each page begins with the last row of the page before


def test_a_shop_that_does_not_sort_is_refused() -> None:
    class Unsorted(Table):
        def page(self, filters: tuple[Filter, ...], sort: tuple[str, ...]) -> ListPage:
            page = super().page(filters, sort)
            return ListPage(page.rows[::-1], page.total, page.asked)

    rows = {key: seconds_later(START, key) for key in range(1, 31)}

    with pytest.raises(NotCommerceError, match="does not sort orders"):
        keys(Unsorted(rows, page_size=10))


def test_a_shop_that_ignores_filters_is_not_read_for_ever() -> None:
    class Stubborn(Table):
        def matching(self, filters: tuple[Filter, ...]) -> list[tuple[int, str]]:
            del filters
            return list(self.rows.items())

    rows = dict.fromkeys(range(1, 31), START)

    with pytest.raises(NotCommerceError):
        keys(Stubborn(rows, page_size=10))


def test_a_row_that_shows_a_later_change_than_it_was_found_by_does_not_move_the_cursor() -> None:
    rows = {key: seconds_later(START, key) for key in range(1, 21)}

    class Racing(Table):
        def page(self, filters: tuple[Filter, ...], sort: tuple[str, ...]) -> ListPage:
            page = super().page(filters, sort)
            if self.calls == 1:  # the last row changes between being found and being loaded
                last = page.rows[-1]
                self.rows[last.key] = later = seconds_later(UNTIL, 9)
                page.rows[-1] = Row(last.key, later, last.raw)
            return page

    assert sorted(keys(Racing(rows, page_size=5))) == list(range(1, 21))


@given(tables, st.integers(1, 5))
def test_reading_by_key_is_complete(rows: dict[int, str], page_size: int) -> None:
    table = Table(rows, page_size)

    found = [row.key for page, _ in read_by_key(table) for row in page]  # type: ignore[arg-type]

    assert found == sorted(rows)


@given(tables, st.integers(1, 4))
def test_windows_follow_one_another_without_gap(rows: dict[int, str], page_size: int) -> None:
    table = Table(rows, page_size)

    table.page_size = max(2, page_size)
    windows = list(plan(table, Window(Position(START), UNTIL)))  # type: ignore[arg-type]

    assert windows[0].start == Position(START)
    assert windows[-1].until == UNTIL
    for before, after in pairwise(windows):
        assert after.start == Position(seconds_later(before.until, 1))
    for window in windows:
        held = [at for at in rows.values() if window.start.at <= at <= window.until]
        assert len(held) <= PAGES * page_size or len(set(held)) == 1


@pytest.mark.parametrize("workers", [1, 4])
def test_a_long_span_comes_in_order_of_change(workers: int) -> None:
    rows = {key: seconds_later("2026-01-01 00:00:00", key * 977) for key in range(1, 201)}
    table = Table(rows, page_size=7)
    span = Window(Position("2026-01-01 00:00:00"), "2026-01-31 00:00:00")

    batches = list(read_span(table, span, workers))  # type: ignore[arg-type]

    assert [row.key for batch in batches for row in batch.rows] == list(range(1, 201))
    positions = [batch.position for batch in batches]
    assert positions == sorted(positions)
    assert positions[-1] == Position("2026-01-31 00:00:01")

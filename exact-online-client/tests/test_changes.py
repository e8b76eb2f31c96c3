"""Reading what changed: nothing is lost where rows change, versions tie and the reader dies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_online import changes
from exact_online.answers import Row
from exact_online.client import Page, Question
from exact_online.errors import TransientApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LINES = "sync/Financial/TransactionLines"
DAY = 86_400.0
PAGE = 3


@dataclass
class Books:
    """A list by row version that changes while it is read."""

    versions: dict[int, int] = field(default_factory=dict)
    last: int = 10
    asked: list[Question] = field(default_factory=list)
    is_sorted: bool = True

    def touch(self, *keys: int) -> None:
        """Give rows the next version: one for all of them, as a document's rows have."""
        self.last += 1
        self.versions.update(dict.fromkeys(keys, self.last))

    def ask(
        self, question: Question, *, answers_it: Callable[[Row], bool] | None = None
    ) -> Iterator[Page]:
        self.asked.append(question)
        found = re.search(r"Timestamp gt (\d+)L", question.filter or "")
        assert found
        token = (int(found[1]), 10**9)
        while True:
            rest = sorted((version, key) for key, version in self.versions.items())
            rest = [one for one in rest if one > token]
            page = rest[:PAGE] if self.is_sorted else rest[:PAGE][::-1]
            rows = [Row(ID=key, Timestamp=str(version)) for version, key in page]
            assert answers_it is None or all(map(answers_it, rows))
            is_last = len(rest) <= PAGE
            yield Page(rows, is_last)
            if is_last:
                return
            token = rest[PAGE - 1]


keys = st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True)


@settings(max_examples=300, deadline=None)
@given(
    first=st.lists(keys, min_size=1, max_size=6),
    steps=st.lists(st.tuples(st.one_of(st.none(), keys), st.sampled_from("gsk")), max_size=12),
    is_sorted=st.booleans(),
)
def test_nothing_is_lost_and_only_the_page_of_a_crash_comes_again(
    first: list[list[int]],
    steps: list[tuple[list[int] | None, str]],
    is_sorted: bool,  # noqa: FBT001  # a case
) -> None:
    books = Books(is_sorted=is_sorted)
    for some in first:
        books.touch(*some)
    copy: dict[int, int] = {}
    after, again = 1, 0
    seen: set[tuple[int, int]] = set()

    def read(until_killed: Iterator[tuple[list[int] | None, str]]) -> None:
        nonlocal after, again
        for batch in changes.changed(books.ask, LINES, "ID", after):
            out = [(row["ID"], changes.version(row)) for row in batch.rows]
            again += len(seen.intersection(out))
            seen.update(out)
            copy.update(out)
            changed, how = next(until_killed, (None, "g"))
            if how == "k":
                return  # out, but the bookmark is not stored
            after = batch.after
            if changed:
                books.touch(*changed)
            if how == "s":
                return

    events = iter(steps)
    for _ in steps:
        read(events)
    kills = sum(how != "g" for _, how in steps)
    read(iter(()))
    read(iter(()))  # what changed during the last page
    assert copy == books.versions
    if is_sorted:  # a tie at the end of a page comes again with it
        assert again <= kills * (PAGE + 3) + len(steps)


def test_a_bookmark_stands_before_rows_that_share_the_last_version_of_a_page() -> None:
    books = Books()
    books.touch(1, 2)
    books.touch(3, 4, 5)
    batches = list(changes.changed(books.ask, LINES, "ID", 1))
    assert [batch.after for batch in batches] == [11, 12]
    assert [batch.is_last for batch in batches] == [False, True]


def test_lists_out_of_order_are_read_to_the_end_before_the_bookmark_moves() -> None:
    books = Books(is_sorted=False)
    for key in range(8):
        books.touch(key)
    assert [batch.after for batch in changes.changed(books.ask, LINES, "ID", 1)] == [1, 1, 18]


def test_an_empty_page_leaves_the_bookmark_where_it_is() -> None:
    (batch,) = changes.changed(Books().ask, LINES, "ID,Timestamp", 77)
    assert (batch.rows, batch.after) == ([], 77)


def test_what_is_asked_for_is_strictly_after_the_bookmark() -> None:
    books = Books()
    list(changes.changed(books.ask, LINES, "ID,Code", 5, division=3))
    list(changes.deleted(books.ask, 6, changes.ENTITY_TYPES[LINES]))
    list(changes.deleted(books.ask, 7))
    first, second, third = books.asked
    assert (first.resource, first.division) == (LINES, 3)
    assert (first.select, first.filter) == ("ID,Code,Timestamp", "Timestamp gt 5L")
    assert (second.resource, second.filter) == (
        changes.DELETED,
        "Timestamp gt 6L and EntityType eq 1",
    )
    assert third.filter == "Timestamp gt 7L"


@pytest.mark.parametrize("version", [None, "x", [1]])
def test_a_row_without_a_version_is_no_answer(version: Any) -> None:
    with pytest.raises(TransientApiError, match="Timestamp"):
        changes.version(Row(Timestamp=version))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"read_before": None}, "first time"),
        ({"moved": "2026"}, "was moved"),
        ({"now": 57.9 * DAY}, None),
        ({"now": 58.1 * DAY}, "two months"),
        ({"now": -0.9 * DAY}, None),
        ({"now": -1.1 * DAY}, "in the future"),
        ({}, None),
    ],
)
def test_everything_is_read_again_only_when_changes_cannot_be_trusted(
    told: dict[str, Any], why: str | None
) -> None:
    usual: dict[str, Any] = {"read_before": 0.0, "now": DAY, "moved_before": "-", "moved": "-"}
    found = changes.why_anew(**(usual | told))
    assert found is None if why is None else why in str(found)

"""Reading order that misses nothing: by change time and key, never by page number.

A page number drifts when a row before it changes. A keyset asks for what lies behind the last
row, so that rows which change meanwhile only move further back, to be met again.

The shop's filters cannot say "later, or equal and higher key". A page therefore starts with the
last second of the page before, whose rows already handed out are left out here; a second that
fills half a page is finished on its own, by key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adobe_commerce.errors import NotCommerceError
from adobe_commerce.search import Filter, among
from tap_adobe_commerce.timestamps import seconds_later

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_adobe_commerce.listing import Listing, ListPage, Row

#: Pages without progress before the shop's sorting is not trusted.
STUCK_PAGES = 3
#: Rows that a list may have gained while it was read, beside as many again as it had.
GROWN_MEANWHILE = 1_000_000


@dataclass(frozen=True, order=True)
class Position:
    """How far a list is read: everything before ``at``, and at ``at`` up to ``key``.

    Attributes:
        at: Change time in the shop's form.
        key: Highest key done in the second ``at``; 0 if that second is not done by key.
    """

    at: str
    key: int = 0


@dataclass(frozen=True)
class Window:
    """A span of change times to read.

    Attributes:
        start: Where to begin.
        until: Last second, inclusive, in the shop's form.
    """

    start: Position
    until: str


@dataclass(frozen=True)
class Batch:
    """Rows not handed out before, and how far the list is read with them.

    Attributes:
        rows: The rows, in reading order.
        position: Where the next read begins.
    """

    rows: list[Row]
    position: Position


def read_changes(listing: Listing, window: Window) -> Iterator[Batch]:
    """Read the rows of a window in the order of their change.

    Args:
        listing: The list.
        window: Which change times.

    Yields:
        One batch per page, the last one ending at the window's end.

    Raises:
        NotCommerceError: The shop does not sort or filter as asked.
    """
    at, after = window.start.at, window.start.key
    by_key = after > 0
    handed_out: set[int] = set()
    stuck = read = most = 0
    while at <= window.until:
        page = _second(listing, at, after) if by_key else _from(listing, at, window.until)
        read, most = _counted(listing, page, read, most)
        fresh = [row for row in page.rows if row.at != at or row.key not in handed_out]
        before = (at, after, by_key)
        if page.is_last:
            at, after, handed_out = (
                seconds_later(at if by_key else window.until, 1),
                0,
                set(),
            )
            by_key = False
        elif by_key:
            after = _last_key(listing, page, after)
        else:
            at, handed_out = _last_second(listing, page, at, handed_out, window.until)
            by_key = len(handed_out) * 2 >= len(page.rows)
        stuck = stuck + 1 if before == (at, after, by_key) else 0
        if stuck >= STUCK_PAGES:
            raise _unsorted(listing)
        yield Batch(fresh, Position(at, after))


def read_by_key(
    listing: Listing, after: int = 0, filters: tuple[Filter, ...] = (), expected: int | None = None
) -> Iterator[tuple[list[Row], int]]:
    """Read the rows of a list in the order of their key.

    Args:
        listing: The list.
        after: Key to begin behind.
        filters: Further conditions.
        expected: The most rows there can be, if that is known.

    Yields:
        Rows of one page, and the highest key done with them.
    """
    key = listing.columns.key_filter
    read = most = 0
    while True:
        page = listing.page((*filters, Filter(key, "gt", str(after))), (key,))
        read, most = _counted(listing, page, read, most)
        if page.rows:
            after = _last_key(listing, page, after)
            yield page.rows, after
        if expected is not None:
            expected -= len(page.rows)
        if page.is_last or expected == 0:
            return


def read_rows(listing: Listing, keys: Sequence[int]) -> Iterator[Row]:
    """Read the rows with these keys, not more of them than fit into one call's address."""
    wanted = (among(listing.columns.key_filter, keys),)
    for rows, _ in read_by_key(listing, filters=wanted, expected=len(keys)):
        yield from rows


def _counted(listing: Listing, page: ListPage, read: int, most: int) -> tuple[int, int]:
    """Rows read so far, and the most that may come: a shop that makes rows up has no end."""
    most = most or 2 * page.total + GROWN_MEANWHILE
    read += len(page.rows)
    if read > most:
        msg = f"The shop's list of {listing.route} has no end: {read} rows so far."
        raise NotCommerceError(msg)
    return read, most


def _from(listing: Listing, at: str, until: str) -> ListPage:
    column = _change_column(listing)
    filters = (Filter(column, "gteq", at), Filter(column, "lteq", until))
    return listing.page(filters, (column, listing.columns.key_filter))


def _second(listing: Listing, at: str, after: int) -> ListPage:
    key = listing.columns.key_filter
    filters = (Filter(_change_column(listing), "eq", at), Filter(key, "gt", str(after)))
    return listing.page(filters, (key,))


def _last_key(listing: Listing, page: ListPage, after: int) -> int:
    keys = [row.key for row in page.rows]
    if keys[0] <= after or keys != sorted(keys):
        raise _unsorted(listing)
    return keys[-1]


def _last_second(
    listing: Listing, page: ListPage, at: str, handed_out: set[int], until: str
) -> tuple[str, set[int]]:
    """Last second of a page that began at ``at``, and the keys handed out in it.

    A row that shows a time behind the window changed between the shop's search and its loading;
    it says nothing about where the search stands.
    """
    rows = [row for row in page.rows if row.at <= until]
    times = [row.at for row in rows]
    if times != sorted(times) or (times and times[0] < at):
        raise _unsorted(listing)
    if not times:
        return at, handed_out
    last = times[-1]
    keys = {row.key for row in rows if row.at == last}
    return last, keys | handed_out if last == at else keys


def _change_column(listing: Listing) -> str:
    if listing.columns.at is None:
        msg = "This list has no change column."
        raise ValueError(msg)
    return listing.columns.at


def _unsorted(listing: Listing) -> NotCommerceError:
    msg = (
        f"The shop does not sort {listing.route} as asked, so rows could be missed. An extension "
        "or a cache before the shop may be the cause."
    )
    return NotCommerceError(msg)

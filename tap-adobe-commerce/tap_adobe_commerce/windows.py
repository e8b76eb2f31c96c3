"""Long spans in windows of about equal size, so that several can be read at once.

How many rows changed in an hour differs by orders of magnitude over a shop's life, so windows are
not cut by time: a call for a single row tells when the next so many rows end. The cut only has to
be roughly right, for each window is read by keyset.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tap_adobe_commerce.ahead import ahead, in_order
from tap_adobe_commerce.keyset import Batch, Position, Window, read_changes
from tap_adobe_commerce.timestamps import seconds_later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_adobe_commerce.listing import Listing

#: Pages in one window, and how many of them a reader may be ahead: more would cost memory, fewer
#: more calls that only plan.
PAGES = 6
AHEAD = 5


def read_span(listing: Listing, span: Window, workers: int) -> Iterator[Batch]:
    """Read a span of change times, ahead of the caller.

    Args:
        listing: The list.
        span: Which change times.
        workers: Windows to read at once.

    Yields:
        Batches in the order of change, as :func:`read_changes` would.
    """
    pages = read_changes(listing, span)
    # Most runs come often and end with their first page: planning them would be a call too many.
    first = next(pages, None)
    if first is None:
        return
    yield first
    start = first.position
    if start.at > span.until:
        return
    if workers == 1:
        yield from ahead(lambda: pages)
        return
    windows = ahead(partial(plan, listing, Window(start, span.until)))
    tasks = (partial(read_changes, listing, window) for window in windows)
    # The first window begins within a second of which some rows are out.
    out = {row.key for row in first.rows if row.at == start.at}
    for batch in in_order(tasks, workers=workers, buffered=AHEAD):
        rows = [row for row in batch.rows if row.at != start.at or row.key not in out]
        yield Batch(rows, batch.position)


def plan(listing: Listing, span: Window) -> Iterator[Window]:
    """Cut a span into windows of about :data:`PAGES` pages.

    Args:
        listing: The list.
        span: Which change times.

    Yields:
        Windows that follow one another without gap or overlap.
    """
    start = span.start
    while start.at <= span.until:
        # One row less per page: each begins with the last row of the page before.
        rows = PAGES * max(1, listing.page_size - 1)
        end = listing.time_of_row(start.at, span.until, rows)
        if end is None or not start.at <= end <= span.until:
            break
        # More rows in one second than a window holds: that second is a window.
        cut = max(end, seconds_later(start.at, 1))
        yield Window(start, seconds_later(cut, -1))
        start = Position(cut)
    if start.at <= span.until:
        yield Window(start, span.until)

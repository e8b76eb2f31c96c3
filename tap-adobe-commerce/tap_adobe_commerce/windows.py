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
from tap_adobe_commerce.timestamps import from_shop, seconds_later

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_adobe_commerce.listing import Listing

#: Pages in one window, and how many of them a reader may be ahead.
PAGES = 3
AHEAD = 2
#: Spans shorter than this, in seconds, are read as one window: most runs come often.
SHORT = 6 * 3600


def read_span(listing: Listing, span: Window, workers: int) -> Iterator[Batch]:
    """Read a span of change times, ahead of the caller.

    Args:
        listing: The list.
        span: Which change times.
        workers: Windows to read at once.

    Yields:
        Batches in the order of change, as :func:`read_changes` would.
    """
    length = from_shop(span.until) - from_shop(min(span.start.at, span.until))
    if workers == 1 or length.total_seconds() < SHORT:
        return ahead(partial(read_changes, listing, span))
    windows = ahead(partial(plan, listing, span))
    tasks = (partial(read_changes, listing, window) for window in windows)
    return in_order(tasks, workers=workers, buffered=AHEAD)


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
        if end is None or end > span.until:
            break
        # More rows in one second than a window holds: that second is a window.
        cut = max(end, seconds_later(start.at, 1))
        yield Window(start, seconds_later(cut, -1))
        start = Position(cut)
    if start.at <= span.until:
        yield Window(start, span.until)

"""Streams without a usable change time: read whole, by key, by page number, or in one piece."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from adobe_commerce.errors import NotCommerceError, PageTooLargeError
from tap_adobe_commerce.ahead import ahead
from tap_adobe_commerce.keyset import read_by_key
from tap_adobe_commerce.listing import Columns
from tap_adobe_commerce.reading import CommerceStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Record

    from tap_adobe_commerce.listing import Row

#: Rounds over a list by page number until its count and its rows agree.
ROUNDS = 3
#: Rows of a list by page number, which is kept in memory until it is whole.
MOST_NUMBERED = 500_000


class KeyStream(CommerceStream):
    """A list without a usable change time: read whole, by key."""

    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    columns: ClassVar[Columns] = Columns(key="id", at=None)

    def read(self) -> Iterator[Record]:
        """Read everything."""
        for rows, _ in ahead(partial(read_by_key, self.listing)):
            yield from self.records(rows)


class NumberedStream(CommerceStream):
    """A short list whose key cannot be searched by in every release: read by page number."""

    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    columns: ClassVar[Columns] = Columns(key="id", at=None)

    def read(self) -> Iterator[Record]:
        """Read everything.

        Raises:
            NotCommerceError: Rows and count never agree.
        """
        for _ in range(ROUNDS):
            try:
                rows, total = self._round()
            except PageTooLargeError as error:
                self.listing.limit(error.maximum)
                continue
            if len(rows) >= total:
                yield from self.records(rows.values())
                return
        msg = (
            f"The shop's list of {self.name} differs from its count each time it is read. Run "
            "again when nobody changes it."
        )
        raise NotCommerceError(msg)

    def _round(self) -> tuple[dict[int, Row], int]:
        rows: dict[int, Row] = {}
        number = 0
        while True:
            number += 1
            page = self.listing.numbered(number)
            if page.is_cut and number == 1:
                # Numbers only fit together when all pages have the size that was asked for.
                msg = f"The shop cuts pages of {self.name} to {len(page.rows)} rows."
                raise PageTooLargeError(msg, len(page.rows))
            known = len(rows)
            rows |= {row.key: row for row in page.rows}
            if len(rows) > MOST_NUMBERED:
                msg = f"The shop's list of {self.name} has no end: {len(rows)} rows so far."
                raise NotCommerceError(msg)
            # Older releases repeat the last page instead of ending.
            if len(rows) == known or len(rows) >= page.total:
                return rows, page.total


class PlainStream(CommerceStream):
    """A list the shop sends in one piece, without search."""

    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    columns: ClassVar[Columns] = Columns(key="id", at=None)

    def read(self) -> Iterator[Record]:
        """Read everything."""
        yield from self.records(self.listing.whole())

    def sample(self) -> tuple[list[Row], int]:
        """One row, if there is one, and how many there are."""
        rows = self.listing.whole()
        return rows[:1], len(rows)

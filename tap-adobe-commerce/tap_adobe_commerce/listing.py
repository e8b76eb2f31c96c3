"""One page of a list: adaptive page size, and the hunt for a record that breaks its page."""

from __future__ import annotations

import logging
import threading
from base64 import b64encode
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated

import msgspec

from adobe_commerce import answers
from adobe_commerce.errors import (
    BrokenAnswerError,
    GaveUpError,
    NotCommerceError,
    PageTooLargeError,
    ServerFaultError,
    SlowError,
    UnreadableRecordError,
)
from adobe_commerce.search import Filter, Search
from tap_adobe_commerce.timestamps import from_shop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adobe_commerce.client import Client
    from adobe_commerce.errors import AdobeCommerceError

logger = logging.getLogger("tap-adobe-commerce.listing")

#: Good pages in a row before a shrunken page grows again.
GOOD_PAGES_TO_GROW = 3
#: Bytes of a row's mark; two contents of one row are compared, not all with all.
MARK_BYTES = 6
#: Days that every month has.
SHORTEST_MONTH = "28"


@dataclass
class Row:
    """One row of a list, not decoded yet.

    Attributes:
        key: Its number.
        at: When it changed, in the shop's form; empty for lists without such a column.
        raw: Its JSON, byte for byte.
    """

    key: int
    at: str
    raw: msgspec.Raw

    @cached_property
    def mark(self) -> str:
        """Short hash of its content."""
        return b64encode(blake2b(self.raw, digest_size=MARK_BYTES).digest()).decode()


@dataclass(frozen=True)
class ListPage:
    """Rows of one answer, in the shop's order.

    Attributes:
        rows: The rows.
        total: How many rows matched.
        asked: How many rows were asked for.
    """

    rows: list[Row]
    total: int
    asked: int

    @property
    def is_cut(self) -> bool:
        """Whether something cut the page below the size asked for: a short page proves nothing."""
        return len(self.rows) < min(self.asked, self.total)

    @property
    def is_last(self) -> bool:
        """Whether nothing that matched is missing.

        The shop counts after it has read the rows. When rows change in between the count can be
        as small as a full page, so only a short page is believed to be all.
        """
        return not self.rows or self.total <= len(self.rows) < self.asked


class PageSize:
    """How many rows to ask for: shrinks when the shop struggles, grows back when it copes."""

    def __init__(self, wanted: int) -> None:
        """Start at the wanted size."""
        self._lock = threading.Lock()
        self._maximum = wanted
        self._good = 0
        self._cut_at = 0
        self.current = wanted

    def shrink(self, failed: int) -> None:
        """Halve after a page of ``failed`` rows could not be read."""
        with self._lock:
            self.current = max(1, min(self.current, failed // 2))
            self._good = 0

    def limit(self, maximum: int) -> None:
        """Respect the shop's own largest page from now on."""
        with self._lock:
            self._maximum = min(self._maximum, maximum)
            self.current = min(self.current, maximum)

    def was_cut(self, rows: int) -> None:
        """Take a page shorter than asked for as the shop's limit, if the page before was too."""
        if rows == self._cut_at:
            self.limit(rows)
        self._cut_at = rows

    def succeeded(self) -> None:
        """Count a good page, and double a shrunken size after some of them."""
        with self._lock:
            self._good += 1
            if self.current < self._maximum and self._good >= GOOD_PAGES_TO_GROW:
                self.current = min(self._maximum, self.current * 2)
                self._good = 0


class _Envelope(msgspec.Struct):
    total_count: Annotated[int, msgspec.Meta(ge=0)]
    # With a projection the shop leaves an empty list out.
    items: list[msgspec.Raw] | None = None


#: Keys are numbers of the shop's database.
_Key = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
#: Change times, in the shop's form.
_At = Annotated[
    str,
    msgspec.Meta(pattern=r"^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d$"),
]


@dataclass(frozen=True)
class Columns:
    """Names of a list's key and change column.

    Attributes:
        key: JSON name of the key.
        key_filter: Column of the key in filters and sorting, which can differ.
        at: Change column, or None.
    """

    key: str = "entity_id"
    key_filter: str = "entity_id"
    at: str | None = "updated_at"


class Listing:
    """A list of the shop that is read page by page."""

    def __init__(
        self,
        client: Client,
        route: str,
        columns: Columns,
        page_size: PageSize,
        *,
        fields: str | None = None,
        park: bool = False,
    ) -> None:
        """Describe a list; nothing is read yet.

        Args:
            client: Where to read.
            route: Route below ``V1``.
            columns: Names of key and change column.
            page_size: How many rows to ask for, shared by all readers of the list.
            fields: Projection of the answer, or None for everything.
            park: Whether to go on without a record that cannot be read.
        """
        self.columns = columns
        self.parked: frozenset[int] = frozenset()
        self._client = client
        self.route = route
        self._page_size = page_size
        self.fields = fields
        self._park = park
        key = ("key", _Key, msgspec.field(name=columns.key))
        at = [("at", _At, msgspec.field(name=columns.at))] if columns.at else []
        self._key = msgspec.json.Decoder(msgspec.defstruct("Key", [key]))
        self._head = msgspec.json.Decoder(msgspec.defstruct("Head", [key, *at]))
        self._envelope = msgspec.json.Decoder(_Envelope)
        self._raws = msgspec.json.Decoder(list[msgspec.Raw])

    def page(self, filters: tuple[Filter, ...], sort: tuple[str, ...]) -> ListPage:
        """Read the first page that matches.

        Args:
            filters: Conditions that must all hold.
            sort: Columns to sort by, ascending.

        Raises:
            UnreadableRecordError: One record breaks every page it is on, and parking is off.
            GaveUpError: The shop does not recover.
        """
        search = Search(filters, sort, fields=self.fields)
        patient, recounted = True, False
        while True:
            search = replace(search, page_size=self._page_size.current)
            try:
                page = self._fetch(search, patient=patient)
            except PageTooLargeError as error:
                logger.info("%s Reading smaller pages.", error)
                self._page_size.limit(error.maximum)
                continue
            except (ServerFaultError, SlowError, BrokenAnswerError) as error:
                if search.page_size > 1:
                    self._page_size.shrink(search.page_size)
                    logger.warning("%s Trying half the page.", error)
                    patient = search.page_size // 2 <= 1
                    continue
                self._set_aside(search, error)
                patient = True
                continue
            self._page_size.succeeded()
            if page.rows or not page.total or recounted:
                return page
            # Between the two queries of the shop a row may have come; more than that is odd.
            recounted = True
            logger.warning(
                "The shop counts %d more rows of %s and sends none. Asking once more.",
                page.total,
                self.route,
            )

    @property
    def page_size(self) -> int:
        """Rows that are asked for at present."""
        return self._page_size.current

    def sample(self) -> ListPage:
        """Read a single row, whichever comes first."""
        return self._fetch(Search(page_size=1, fields=self.fields))

    def numbered(self, number: int) -> ListPage:
        """Read a page by its number.

        Raises:
            PageTooLargeError: The shop's pages are smaller; number one has to be read again.
        """
        return self._fetch(
            Search(page_size=self._page_size.current, page=number, fields=self.fields)
        )

    def limit(self, maximum: int) -> None:
        """Respect the shop's largest page from now on."""
        self._page_size.limit(maximum)

    def whole(self) -> list[Row]:
        """Read a list that the shop sends in one piece."""
        answer = self._client.get(self.route)
        raws = answers.decode(answer.body, answer.where, self._raws)
        return self._rows_of(raws, answer.where)

    def one(self, key: int) -> Row | None:
        """Read one row by its key; None if it is gone.

        Raises:
            ServerFaultError: It cannot be read.
            BrokenAnswerError: It cannot be read.
        """
        search = Search(
            (Filter(self.columns.key_filter, "eq", str(key)),), page_size=1, fields=self.fields
        )
        rows = self._fetch(search).rows
        return rows[0] if rows else None

    def time_of_row(self, start: str, until: str, number: int) -> str | None:
        """Change time of the row that ``number`` rows come before, or None if there is none.

        One row is loaded, and only its time comes back. A row that cannot be read has no time
        either.
        """
        if self.columns.at is None:
            return None
        search = Search(
            (Filter(self.columns.at, "gteq", start), Filter(self.columns.at, "lteq", until)),
            (self.columns.at,),
            page_size=1,
            page=number + 1,
            fields=f"items[{self.columns.key},{self.columns.at}],total_count",
        )
        try:
            page = self._fetch(search, patient=False)
        except (ServerFaultError, SlowError, BrokenAnswerError):
            return None
        # Older releases repeat the last page when asked for one behind the end.
        return None if page.total <= number or not page.rows else page.rows[0].at

    def _fetch(self, search: Search, *, patient: bool = True) -> ListPage:
        parked = self.parked
        wanted = search
        if parked:
            without = Filter(self.columns.key_filter, "nin", ",".join(map(str, sorted(parked))))
            wanted = replace(search, filters=(*search.filters, without))
        answer = self._client.get(self.route, wanted.query(), patient=patient)
        envelope = answers.decode(answer.body, answer.where, self._envelope)
        rows = self._rows_of(envelope.items or (), answer.where)
        if self.parked != parked:
            return self._fetch(search, patient=patient)  # a page without what was set aside
        page = ListPage(rows, envelope.total_count, search.page_size)
        if rows and page.is_cut:
            self._page_size.was_cut(len(rows))
        return page

    def _rows_of(self, raws: Iterable[msgspec.Raw], where: str) -> list[Row]:
        """Rows of an answer; those without a usable change time are set aside.

        Raises:
            NotCommerceError: A row is no object with a key.
            UnreadableRecordError: A row has no usable change time, and parking is off.
        """
        rows = []
        for raw in raws:
            try:
                head = answers.decode(raw, where, self._head)
                if self.columns.at and head.at[8:10] > SHORTEST_MONTH:
                    from_shop(head.at)  # is there such a day?
            except NotCommerceError as error:
                self.park(answers.decode(raw, where, self._key).key, error)
                continue
            rows.append(Row(head.key, head.at if self.columns.at else "", raw))
        return rows

    def _set_aside(self, search: Search, error: AdobeCommerceError) -> None:
        """Name the record that breaks a page of one row, then fail or park it."""
        key = None if isinstance(error, SlowError) else self._find_unreadable(search)
        if key is None:
            msg = f"{error} Pages of one row fail too. Run again when the shop is well."
            raise GaveUpError(msg) from error
        try:
            self.one(key)
        except (ServerFaultError, BrokenAnswerError) as again:
            self.park(key, again)

    def park(self, key: int, error: AdobeCommerceError) -> None:
        """Go on without a record that cannot be read.

        Args:
            key: Its key.
            error: Why it cannot be read.

        Raises:
            UnreadableRecordError: Parking is off.
        """
        msg = f"{self.route} {self.columns.key} {key} cannot be read: {error}"
        if not self._park:
            msg += " Repair it in the shop, or set unreadable to 'park' to go on without it."
            raise UnreadableRecordError(msg) from error
        logger.error("%s Parked: every run tries it again.", msg)
        self.parked |= {key}

    def _find_unreadable(self, search: Search) -> int | None:
        """Number of the record that is first in ``search`` and cannot be read.

        A page of one row fails exactly when the range of keys it may come from holds the record,
        so the range is halved until one key is left.
        """
        low, high = 0, 1
        if self._fails(search, 0):
            return None  # no record is asked for and still it fails: the shop itself is ill
        while not self._fails(search, high):
            low, high = high, high * 2
            if high > 1 << 62:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            if self._fails(search, middle):
                high = middle
            else:
                low = middle
        return high

    def _fails(self, search: Search, highest_key: int) -> bool:
        bound = Filter(self.columns.key_filter, "lteq", str(highest_key))
        try:
            self._fetch(replace(search, filters=(*search.filters, bound)), patient=False)
        except (ServerFaultError, BrokenAnswerError):
            return True
        return False

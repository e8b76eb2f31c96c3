"""How streams are read, and how rows become records; most are read by change."""

from __future__ import annotations

import logging
import os
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from singer_sdk import Stream
from singer_sdk.helpers._util import utc_now
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.metrics import Metric, Point
from singer_sdk.singerlib import RecordMessage
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL

from adobe_commerce import answers
from adobe_commerce.errors import (
    BrokenAnswerError,
    RecordFormError,
    ServerFaultError,
)
from adobe_commerce.search import Filter, among, list_fields, parts
from tap_adobe_commerce import schemas
from tap_adobe_commerce.ahead import ahead, in_order
from tap_adobe_commerce.keyset import Window, read_by_key
from tap_adobe_commerce.listing import Columns
from tap_adobe_commerce.projection import ADDED, project
from tap_adobe_commerce.state import Progress
from tap_adobe_commerce.timestamps import TimestampPlan
from tap_adobe_commerce.windows import read_span

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record

    from tap_adobe_commerce.keyset import Batch, Position
    from tap_adobe_commerce.listing import Listing, Row
    from tap_adobe_commerce.settings import Settings
    from tap_adobe_commerce.shop import Shop
    from tap_adobe_commerce.state import Mark

#: Pages that are completed (orders and products fetched) ahead of the one being written.
COMPLETED_AHEAD = 2


class _Page(NamedTuple):
    """A page on its way out.

    Attributes:
        records: What of it is new or changed.
        marks: All its rows.
        position: How far the list is read with it.
    """

    records: list[dict[str, Any]]
    marks: list[Mark]
    position: Position


class CommerceStream(Stream):
    """What all streams share: schema, selection, and how a row becomes a record."""

    # The schemas tell what the shop sends; converting each value again would cost most of the
    # run's time.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    route: ClassVar[str]
    columns: ClassVar[Columns] = Columns()
    #: Members that completing a record needs, selected or not.
    needed: ClassVar[tuple[str, ...]] = ("store_id",)
    #: Member that holds the number of the record's store view.
    store_member: ClassVar[str] = "store_id"
    #: Member that holds the number of the order, for replay; None: not part of a replay.
    order_key: ClassVar[str | None] = None

    def __init__(self, tap: Tap, shop: Shop) -> None:
        """Describe the stream; nothing is read yet."""
        super().__init__(tap, schema=schemas.load(self.name))
        self._shop = shop
        self._timestamps = TimestampPlan(self.schema)

    @property
    def settings(self) -> Settings:
        """The tap's checked settings."""
        return self._shop.settings

    @cached_property
    def listing(self) -> Listing:
        """The stream's list at the shop, with the selected members."""
        projection = project(self.schema, self.mask, {*self.needed, self.columns.key})
        return self._shop.listing(self.route, self.columns, list_fields(projection))

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message; an error is told once, at the end, and not for the stream as well."""
        super().log(message, *args, level=min(level, logging.INFO), **kwargs)

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """The end of a run is the shop's time, not ours; see :mod:`tap_adobe_commerce.state`."""
        del context

    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Nothing per record: bookmarks move when a page is out."""
        del latest_record, context

    @cached_property
    def _is_all_selected(self) -> bool:
        """Whether a record holds nothing that has to be taken out.

        What this tap itself adds, and is not selected, is not even added.
        """
        left_out = tuple(
            crumb for crumb, chosen in self.mask.items() if not chosen and crumb[-1] in ADDED
        )
        return all(
            chosen or any(crumb[: len(out)] == out for out in left_out)
            for crumb, chosen in self.mask.items()
        )

    def _generate_record_messages(self, record: Record) -> Generator[RecordMessage, None, None]:
        """The SDK looks at every member of every record, even if nothing is deselected."""
        if not self._is_all_selected:
            yield from super()._generate_record_messages(record)
            return
        for stream_map in self.stream_maps:
            mapped = stream_map.transform(record)
            if mapped is not None:
                yield RecordMessage(
                    stream=stream_map.stream_alias, record=mapped, time_extracted=utc_now()
                )

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Read the stream, or in a replay what belongs to the orders that were asked for."""
        del context
        client = self._shop.client
        requests, received = client.requests_sent, client.bytes_received
        try:
            yield from self._wanted()
        finally:  # also what was read before an error
            self._tap.message_writer.flush()  # type: ignore[attr-defined]  # a PieceWriter
        tags = {"stream": self.name, "bytes": client.bytes_received - received, "pid": os.getpid()}
        requests = client.requests_sent - requests
        self._log_metric(Point("counter", Metric.HTTP_REQUEST_COUNT, requests, tags))

    def _wanted(self) -> Iterator[Record]:
        if self.settings.created_from or self.settings.created_until:
            yield from self.read_created()
        elif not self.settings.order_ids:
            yield from self.read()
            if self.order_key:
                ids = self.settings.order_entity_ids
                yield from self._of_orders(among(self.order_key, part) for part in parts(ids))
        elif self.order_key:
            yield from self._of_orders(self._shop.replay.filters(self.order_key))
        else:
            self.log("Not part of a replay of single orders.")

    def _of_orders(self, filters: Iterable[Filter]) -> Iterator[Record]:
        """Read what belongs to single orders; no bookmark moves."""
        for part in filters:
            for rows, _ in read_by_key(self.listing, filters=(part,)):
                self.keep(rows)
                yield from self.records(rows)

    def read(self) -> Iterator[Record]:
        """Read the stream."""
        raise NotImplementedError

    def read_created(self) -> Iterator[Record]:
        """Read what was created within the span that was asked for; lists without dates whole."""
        yield from self.read()

    def keep(self, rows: list[Row]) -> None:
        """Keep rows that other streams of the run need."""

    def try_one(self) -> str:
        """Read one record, complete as in a run; returns what can be said about it."""
        rows, total = self.sample()
        if not rows:
            return "can be read, and is empty"
        self.records(rows)
        return f"can be read, {total} rows"

    def sample(self) -> tuple[list[Row], int]:
        """One row, if there is one, and how many there are."""
        page = self.listing.sample()
        return page.rows, page.total

    def records(self, rows: Iterable[Row]) -> list[dict[str, Any]]:
        """Decode and complete the rows of one page.

        Raises:
            UnreadableRecordError: A record is not of the form that Adobe documents, or cannot be
                completed, and parking is off.
        """
        rows = list(rows)
        try:
            return self._records(rows)
        except RecordFormError:
            records: list[dict[str, Any]] = []
            for row in rows:  # one by one: the others are not to blame
                try:
                    records += self._records([row])
                except RecordFormError as error:
                    self.listing.park(row.key, error)
            return records

    def _records(self, rows: list[Row]) -> list[dict[str, Any]]:
        records = self.complete([answers.record(row.raw) for row in rows])
        with_source = self.mask["properties", "source"]
        for record in records:
            self._timestamps.apply(record)
            if with_source:
                store = record.get(self.store_member)
                record["source"] = self._shop.stores.source(store, has_view=self._has_view)
        return records

    @cached_property
    def _has_view(self) -> bool:
        return self.store_member in self.schema["properties"]

    def complete(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add what other lists of the shop know.

        Returns:
            The records that are complete; the others are parked.

        Raises:
            RecordFormError: A record is not of the form that Adobe documents.
            UnreadableRecordError: A record cannot be completed, and parking is off.
        """
        return records


class ChangeStream(CommerceStream):
    """A list with a change time: read by keyset, from the last bookmark on."""

    primary_keys: ClassVar[tuple[str, ...]] = ("entity_id",)
    replication_key = "updated_at"

    def read(self) -> Iterator[Record]:
        """Read what changed since the last run, then everything if a sweep is due."""
        is_incremental = self.replication_method == REPLICATION_INCREMENTAL
        state = self.stream_state if is_incremental else {}
        overlap = self.settings.overlap
        progress = Progress(state, str(self.replication_key), overlap, self.name)
        present, ours = self._shop.present()
        end_date = self.settings.end_date
        until = min(present, end_date or present)
        start = progress.begin(self.settings.start_date, present, ours)
        if (end_date and progress.is_past(end_date)) or start.at > until:
            # The bookmark stays: moved, it would hide what is committed late before it.
            self.log("Nothing to read up to %s UTC: STATE or start_date is later.", until)
            return
        yield from self._retry_parked(progress)
        workers = self.settings.parallel
        batches = read_span(self.listing, Window(start, until), workers)
        for page in in_order(self._completing(batches, progress), workers=COMPLETED_AHEAD):
            page.records.reverse()
            while page.records:
                yield page.records.pop()  # and let go of it
            if progress.checkpoint(page.position, page.marks, self.listing.parked):
                self._write_state()
        progress.finish()
        self._write_state()
        if progress.is_sweep_due(present, self.settings.sweep_every):
            yield from self._sweep(progress, present)

    def read_created(self) -> Iterator[Record]:
        """Read what was created within the span that was asked for; the bookmark stays."""
        filters: tuple[Filter, ...] = ()
        if self.settings.created_from:
            filters += (Filter("created_at", "gteq", self.settings.created_from),)
        if self.settings.created_until:
            filters += (Filter("created_at", "lt", self.settings.created_until),)
        for rows, _ in ahead(partial(read_by_key, self.listing, 0, filters)):
            self.keep(rows)
            yield from self.records(rows)

    def _completing(
        self, batches: Iterable[Batch], progress: Progress
    ) -> Iterator[Callable[[], list[_Page]]]:
        for batch in batches:
            new = [row for row in batch.rows if progress.is_new(row)]
            yield partial(self._complete_page, progress, new, batch)

    def _complete_page(self, progress: Progress, new: list[Row], batch: Batch) -> list[_Page]:
        self.keep(batch.rows)
        marks = progress.marks(batch.rows)
        return [_Page(self.records(new) if new else [], marks, batch.position)]

    def _sweep(self, progress: Progress, present: str) -> Iterator[Record]:
        """Read everything by key: some changes in the shop do not move the change time."""
        self.log("Reading all %s again: a sweep is due.", self.name)
        column = str(self.columns.at)
        filters: tuple[Filter, ...] = ()
        if self.settings.start_date:
            filters += (Filter(column, "gteq", self.settings.start_date),)
        if self.settings.end_date:
            filters += (Filter(column, "lteq", self.settings.end_date),)
        pages = partial(read_by_key, self.listing, progress.swept_to, filters)
        for rows, key in ahead(pages):
            self.keep(rows)
            yield from self.records(rows)
            progress.swept(key, self.listing.parked)
            self._write_state()
        progress.finish_sweep(present)
        self._write_state()

    def _retry_parked(self, progress: Progress) -> Iterator[Record]:
        """Read again what earlier runs could not read."""
        for key in sorted(progress.parked):
            try:
                row = self.listing.one(key)
            except (ServerFaultError, BrokenAnswerError) as error:
                self.listing.park(key, error)
                continue
            if row is not None:
                yield from self.records([row])

    def _write_state(self) -> None:
        self.state_manager.is_flushed = False
        self._write_state_message()

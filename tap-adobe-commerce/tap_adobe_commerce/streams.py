"""The streams, and how each is read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel

from tap_adobe_commerce import _answers, schemas
from tap_adobe_commerce.enrich import Orders
from tap_adobe_commerce.keyset import Window, read_changes
from tap_adobe_commerce.listing import Columns
from tap_adobe_commerce.state import Progress
from tap_adobe_commerce.timestamps import TimestampPlan, to_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record

    from tap_adobe_commerce.listing import Row
    from tap_adobe_commerce.shop import Shop


class CommerceStream(Stream):
    """What all streams share."""

    # The schemas tell what the shop sends; converting each value again would cost most of the
    # run's time.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    route: ClassVar[str]
    columns: ClassVar[Columns] = Columns()

    def __init__(self, tap: Tap, shop: Shop) -> None:
        """Describe the stream; nothing is read yet."""
        super().__init__(tap, schema=schemas.load(self.name))
        self._shop = shop
        self._timestamps = TimestampPlan(self.schema)

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message; an error is told once, at the end, and not for the stream as well."""
        super().log(message, *args, level=min(level, logging.INFO), **kwargs)

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """The end of a run is the shop's time, not ours; see :mod:`tap_adobe_commerce.state`."""
        del context

    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Nothing per record: bookmarks move when a page is out, see :meth:`_checkpoint`."""
        del latest_record, context

    def _records(self, rows: list[Row]) -> list[dict[str, Any]]:
        """Decode and complete the rows of one page."""
        records: list[dict[str, Any]] = [_answers.DECODER.decode(row.raw) for row in rows]
        self.complete(records)
        for record in records:
            self._timestamps.apply(record)
            record["source"] = self._shop.stores.source(record.get("store_id"))
        return records

    def complete(self, records: list[dict[str, Any]]) -> None:
        """Add what other lists of the shop know about the records."""


class ChangeStream(CommerceStream):
    """A list with a change time: read by keyset, from the last bookmark on."""

    primary_keys: ClassVar[tuple[str, ...]] = ("entity_id",)
    replication_key = "updated_at"

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Read what changed since the last run."""
        del context
        settings = self._shop.settings
        progress = Progress(self.stream_state, self.replication_key, settings.overlap)
        self._shop.stores.source(None)  # the first answer tells the shop's time
        present = to_shop(self._shop.client.server_now() - settings.lag)
        until = min(present, settings.end_date) if settings.end_date else present
        start = progress.begin(settings.start_date, present)
        listing = self._shop.listing(self.route, self.columns)
        for batch in read_changes(listing, Window(start, until)):
            yield from self._records([row for row in batch.rows if progress.is_new(row)])
            progress.checkpoint(batch.position)
            self._write_state()
        progress.finish()
        self._write_state()

    def _write_state(self) -> None:
        self.state_manager.is_flushed = False
        self._write_state_message()


class OrdersStream(ChangeStream):
    """Orders, with their products on the lines."""

    name = "orders"
    route = "orders"

    def complete(self, records: list[dict[str, Any]]) -> None:
        """Put products on the lines."""
        self._shop.products.attach(records)


class _DocumentStream(ChangeStream):
    """Documents of an order, with the order embedded."""

    def complete(self, records: list[dict[str, Any]]) -> None:
        """Embed the orders, complete with their products."""
        listing = self._shop.listing("orders", OrdersStream.columns)
        Orders(listing, self._shop.products.attach).attach(records)


class InvoicesStream(_DocumentStream):
    """Invoices."""

    name = "invoices"
    route = "invoices"


class CreditMemosStream(_DocumentStream):
    """Credit memos."""

    name = "credit_memos"
    route = "creditmemos"


STREAMS: tuple[type[CommerceStream], ...] = (OrdersStream, InvoicesStream, CreditMemosStream)

"""How streams are read: by row version, by change time, whole, or as a snapshot."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers._util import utc_now
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.metrics import Metric, Point
from singer_sdk.singerlib import RecordMessage
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL

from exact_online import changes, local_time
from exact_online.client import Question
from exact_online.errors import ExactError
from tap_exact_online import schemas
from tap_exact_online.records import Shape, iso, moment_text
from tap_exact_online.state import Changes, Modified

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record

    from exact_online.client import Page
    from tap_exact_online.site import Site

OVERLAP = timedelta(hours=26)
"""How far a list by change time is read back: a day, and what clocks and zones may differ."""
FEW_PAGES = 5
"""Of a span of time; the next one may be longer."""
DELETED_BEFORE = timedelta(hours=26)
"""Deletions so long before the first page was read cannot be of rows that are out."""


class ExactStream(Stream):
    """What all streams share: schema, selection, companies, and STATE when a page is out."""

    # Rows are converted once, by `Shape`; looking at each value again would double the time.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    resource: ClassVar[str]
    by_division: ClassVar[bool] = True
    """Whether each company has rows of its own."""

    def __init__(self, tap: Tap, site: Site) -> None:
        """Describe the stream; nothing is read yet."""
        super().__init__(tap, schema=schemas.load(self.name))
        self.site = site

    @property
    def partitions(self) -> list[dict[str, Any]] | None:
        """The companies; None where they share the rows."""
        if not self.by_division:
            return None
        return [{"Division": one} for one in self.site.settings.divisions]

    @cached_property
    def shape(self) -> Shape:
        """What of a row is read: what the catalog selects."""
        names = self.schema["properties"]
        return Shape.of(self.schema, [one for one in names if self.mask[("properties", one)]])

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message; an error is told once, at the end, and not for the stream as well."""
        super().log(message, *args, level=min(level, logging.INFO), **kwargs)

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """None: how far a run read is known by what Exact answered."""
        del context

    def _write_starting_replication_value(self, context: Context | None) -> None:
        """Nothing: STATE holds what this tap wrote, and no more."""
        del context

    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Nothing per record: bookmarks move when a page is out."""
        del latest_record, context

    def _generate_record_messages(self, record: Record) -> Generator[RecordMessage, None, None]:
        """The SDK looks at every member of every record; only selected ones were read here."""
        for stream_map in self.stream_maps:
            mapped = stream_map.transform(record)
            if mapped is not None:
                yield RecordMessage(
                    stream=stream_map.stream_alias, record=mapped, time_extracted=utc_now()
                )

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Read the stream of one company; one that Exact does not permit is named, and left out."""
        division = int((context or {}).get("Division", self.site.settings.divisions[0]))
        client = self.site.client
        calls = client.call_count
        try:
            yield from self.read(division, self._kept(context))
            self.site.has_read = True
        except ExactError as error:
            self.site.leave_out(self.name, division, error)
        finally:  # also what was read before an error
            self._tap.message_writer.flush()  # type: ignore[attr-defined]  # a PieceWriter
        tags = {"stream": self.name, "division": division, "pid": os.getpid()}
        self._log_metric(
            Point("counter", Metric.HTTP_REQUEST_COUNT, client.call_count - calls, tags)
        )

    def read(self, division: int, kept: dict[str, Any]) -> Iterator[Record]:
        """Read the stream of one company.

        Args:
            division: The company.
            kept: Its entry in STATE.
        """
        raise NotImplementedError

    def pages(self, division: int, **options: Any) -> Iterator[Page]:
        """Ask for the selected properties, page by page."""
        return self.site.client.ask(Question(self.resource, division, self.shape.select, **options))

    def try_one(self, division: int) -> str:
        """Read one row at most; returns what can be said about it."""
        question = Question(self.resource, division, self.shape.select, self.some(division), top=1)
        rows = next(self.site.client.ask(question)).rows
        return "can be read" if rows else "can be read, and is empty"

    def some(self, division: int) -> str | None:
        """Return a filter that Exact wants in any case, or None."""
        del division
        return None

    def _kept(self, context: Context | None) -> dict[str, Any]:
        """Return the entry in STATE; a whole reading that the catalog wants has none."""
        if self.replication_key and self.replication_method != REPLICATION_INCREMENTAL:
            return {}
        return self.get_context_state(context)

    def checkpoint(self, kept: dict[str, Any], entry: dict[str, Any]) -> None:
        """Write STATE: everything before it is out.

        Args:
            kept: The entry of a company.
            entry: What it is now.
        """
        for name in kept.keys() - entry.keys() - {"context"}:
            del kept[name]
        kept |= entry
        self.state_manager.is_flushed = False
        self._write_state_message()


class ChangeStream(ExactStream):
    """A list by row version, with its deletions folded in."""

    primary_keys: ClassVar[tuple[str, ...]] = ("Division", "ID")
    replication_key = "Timestamp"

    @cached_property
    def folds(self) -> bool:
        """Whether deletions are wanted in the stream."""
        name = "_sdc_deleted_at"
        return name in self.schema["properties"] and self.mask[("properties", name)]

    @property
    def entity_type(self) -> int:
        """What its rows are called among the deletions."""
        return changes.ENTITY_TYPES[self.resource]

    def some(self, division: int) -> str:
        """Return the filter without which a list by version is refused."""
        del division
        return f"Timestamp gt {changes.FIRST}L"

    def read(self, division: int, kept: dict[str, Any]) -> Iterator[Record]:
        """Read what changed since the last run, then what was deleted."""
        progress = self._begin(division, kept)
        ask = self.site.client.ask
        for batch in changes.changed(
            ask, self.resource, self.shape.select, progress.after, division=division
        ):
            for row in batch.rows:
                yield self.shape.record(row, division)
            progress.after = batch.after
            self.checkpoint(kept, progress.entry())
        yield from self.read_deleted(division, kept, progress)
        if not self.folds or division not in self.site.untold:  # else deletions may grow too old
            progress.read_at = self.site.began_at
        self.checkpoint(kept, progress.entry())

    def _begin(self, division: int, kept: dict[str, Any]) -> Changes:
        """Return where to begin: after the last run, or at the first row when that is worthless."""
        progress = Changes.of(kept, self.name)
        began = self.site.began_at
        moves = self.site.moves
        moved = progress.moved if moves is None else moves[division]
        last = progress.read_at or progress.all_from
        reason = changes.why_anew(
            read_before=last.timestamp() if last else None,
            now=began.timestamp(),
            moved_before=progress.moved,
            moved=moved,
        )
        if reason:
            if kept.keys() - {"context"}:
                self.logger.warning(
                    "All %s of division %d are read again: %s. Rows that were deleted in between "
                    "and are not told any more stay in the copy.",
                    self.name,
                    division,
                    reason,
                )
            progress = Changes(all_from=began, moved=moved)
        return progress

    def read_deleted(
        self, division: int, kept: dict[str, Any], progress: Changes
    ) -> Iterator[Record]:
        """Read which rows are no more: each is a record with its key, and when."""
        if not self.folds:
            return
        oldest = (progress.all_from or self.site.began_at) - DELETED_BEFORE
        for batch in self.site.deletions(
            division, self.entity_type, progress.deleted_after, self._lowest(division)
        ):
            for row in batch.rows:
                if local_time.utc(row["DeletedDate"]) >= oldest:
                    yield {
                        "Division": division,
                        "ID": row["EntityKey"],
                        "Timestamp": changes.version(row),
                        "_sdc_deleted_at": moment_text(row["DeletedDate"]),
                    }
            progress.deleted_after = batch.after
            self.checkpoint(kept, progress.entry())

    def _lowest(self, division: int) -> Callable[[], int]:
        def lowest() -> int:
            """The lowest version of all streams that ask for deletions."""
            context = {"Division": division}
            return min(
                Changes.of(stream.get_context_state(context), stream.name).deleted_after
                for stream in self._tap.streams.values()
                if isinstance(stream, ChangeStream) and stream.folds and stream.selected
            )

        return lowest


class ModifiedStream(ExactStream):
    """A list by change time, read back over an overlap; its rows come again, and are merged."""

    replication_key = "Modified"

    def read(self, division: int, kept: dict[str, Any]) -> Iterator[Record]:
        """Read what changed, in spans of time: STATE is written after each."""
        until = self.site.began_at
        bookmark = Modified.of(kept, self.name).at
        start = bookmark - OVERLAP if bookmark else self._first(division)
        if start > until:
            self.logger.warning(
                "The bookmark of %s lies in the future (%s). Reading again from the first row.",
                self.name,
                iso(start),
            )
            start = self._first(division)
        span = timedelta(days=32 if bookmark else 1)
        is_last = False
        while not is_last:
            end = start + span
            is_last = end >= until
            where = f"Modified ge {local_time.literal(start)}"
            if not is_last:
                where += f" and Modified lt {local_time.literal(end)}"
            pages = 0
            for page in self.pages(division, filter=where):
                pages += 1
                for row in page.rows:
                    yield self.shape.record(row, division)
            self.checkpoint(kept, Modified(at=until if is_last else end).entry())
            start = end
            span = span * 4 if pages <= FEW_PAGES else max(span / 2, timedelta(days=1))

    def _first(self, division: int) -> datetime:
        """Return when the first row changed, or now when there is none."""
        question = Question(self.resource, division, "Modified", top=1, orderby="Modified")
        rows = next(self.site.client.ask(question)).rows
        found = [local_time.utc(row["Modified"]) for row in rows]
        return found[0] - OVERLAP if found else self.site.began_at


class WholeStream(ExactStream):
    """A small list without changes of its own to ask for: read whole by every run."""

    def read(self, division: int, kept: dict[str, Any]) -> Iterator[Record]:
        """Read everything."""
        owner = division if self.by_division else None
        for page in self.pages(division, filter=self.some(division)):
            for row in page.rows:
                yield self.shape.record(row, owner)
        self.checkpoint(kept, {"read_at": iso(self.site.began_at)})


class SnapshotStream(ExactStream):
    """A list that Exact adds up when it is read: each run's rows say when that was."""

    def read(self, division: int, kept: dict[str, Any]) -> Iterator[Record]:
        """Read everything as it is now."""
        as_of = iso(self.site.began_at)
        for where in self.parts(division):
            for page in self.pages(division, filter=where):
                for row in page.rows:
                    yield {"as_of": as_of, **self.shape.record(row, division)}
        self.checkpoint(kept, {"as_of": as_of})

    def parts(self, division: int) -> Iterator[str | None]:
        """Yield the filters of the parts in which the list is read."""
        yield self.some(division)

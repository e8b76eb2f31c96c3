"""What changed in Exact since the last time, and what was deleted: the one way to read it.

Every row of a ``sync/*`` list has a version (``Timestamp``, Int64, no time). Any change gives it a
new, higher one, so a row that changes while pages are read comes again on a later page. What is
read is strictly ``Timestamp gt n``; deletions stand in a list of their own, for two months.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from exact_online.client import Question
from exact_online.errors import TransientApiError

if TYPE_CHECKING:
    from exact_online.answers import Row
    from exact_online.client import Page

DELETED = "sync/Deleted"
FIRST = 1
"""The version before all others."""
DELETIONS_KEPT = timedelta(days=58)
"""How long deletions can be relied on: two months are 59 days at least, less what clocks differ."""
_CLOCKS_DIFFER = timedelta(days=1)
MOVES = ("DivisionMoveDate", "DivisionHRLinkUnlinkDate")
"""Properties of ``system/Divisions`` that are others when all rows have got new versions."""

# `EntityType` of a deletion, by the list whose rows were deleted.
ENTITY_TYPES = {
    "sync/Financial/TransactionLines": 1,
    "sync/CRM/Accounts": 2,
    "sync/CRM/Addresses": 3,
    "sync/CRM/Contacts": 5,
    "sync/Documents/Documents": 6,
    "sync/Financial/GLAccounts": 7,
    "sync/Logistics/Items": 9,
    "sync/Cashflow/PaymentTerms": 10,
    "sync/SalesInvoice/SalesInvoices": 13,
    "sync/Financial/GLClassifications": 18,
    "sync/SalesOrder/SalesOrderHeaders": 32,
    "sync/SalesOrder/SalesOrderLines": 33,
}
_DELETION_FIELDS = "Timestamp,EntityKey,EntityType,DeletedBy,DeletedDate"

Ask = Callable[..., Iterator["Page"]]
"""`exact_online.client.ExactClient.ask`, or what counts its calls."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A page of what changed.

    Attributes:
        rows: The rows.
        after: The version to go on after, once these rows are safe.
        is_last: Whether no page follows.
    """

    rows: list[Row]
    after: int
    is_last: bool


def version(row: Row) -> int:
    """Return the version of a row.

    Raises:
        TransientApiError: It has none.
    """
    found = row["Timestamp"]
    try:
        return int(found)
    except (TypeError, ValueError):
        msg = "Exact's answer has a Timestamp that is no whole number"
        raise TransientApiError(msg) from None


def changed(
    ask: Ask, resource: str, select: str, after: int, *, division: int | None = None
) -> Iterator[Batch]:
    """Yield what is new or changed after a version, page by page.

    Args:
        ask: Asks Exact.
        resource: A ``sync/*`` list.
        select: Properties to read, comma separated; ``Timestamp`` is read in any case.
        after: The version to go on after; `FIRST` for everything.
        division: Another division than the client's.
    """
    names = select.split(",")
    fields = select if "Timestamp" in names else f"{select},Timestamp"
    question = Question(resource, division, fields, f"Timestamp gt {after}L")
    yield from _batches(ask, question, after)


def deleted(
    ask: Ask, after: int, entity_type: int | None = None, *, division: int | None = None
) -> Iterator[Batch]:
    """Yield what was deleted after a version, page by page.

    Args:
        ask: Asks Exact.
        after: The version to go on after; `FIRST` for all of two months.
        entity_type: Deletions of one list only, see `ENTITY_TYPES`.
        division: Another division than the client's.
    """
    where = f"Timestamp gt {after}L"
    if entity_type is not None:
        where += f" and EntityType eq {entity_type}"
    yield from _batches(ask, Question(DELETED, division, _DELETION_FIELDS, where), after)


def _batches(ask: Ask, question: Question, after: int) -> Iterator[Batch]:
    start, highest, is_sorted = after, after, True

    def is_later(row: Row) -> bool:
        return version(row) > start

    for page in ask(question, answers_it=is_later):
        versions = [version(row) for row in page.rows]
        is_sorted = is_sorted and [highest, *versions] == sorted([highest, *versions])
        highest = max([highest, *versions])
        # Rows of one version may stand on two pages: going on after it would lose the second.
        safe = highest if page.is_last else max(highest - 1, start) if is_sorted else start
        yield Batch(page.rows, safe, page.is_last)


def moved(row: Mapping[str, Any]) -> str:
    """Return what would be another if Exact had moved a company: its `MOVES`, as one text."""
    return "/".join(str(row[name]) for name in MOVES)


def why_anew(*, read_before: float | None, now: float, moved_before: Any, moved: Any) -> str | None:
    """Return why everything has to be read again, or None when changes are enough.

    Args:
        read_before: When deletions were last read to the end (seconds since 1970), or None.
        now: The present, on the same clock.
        moved_before: What told then whether the company was moved.
        moved: What tells it now.
    """
    if read_before is None:
        return "it is the first time"
    if moved_before != moved:
        return "the company was moved in Exact, which gave all rows new versions"
    idle = now - read_before
    if idle < -_CLOCKS_DIFFER.total_seconds():
        return "the last time lies in the future"
    if idle > DELETIONS_KEPT.total_seconds():
        return f"the last time is {idle / 86_400:.0f} days ago, and deletions are kept two months"
    return None

"""What waits for a person, by its cause: one decision may do for many documents."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from connector_program.database import reading
from exact_online.errors import ConfigError
from target_exact_online.desk import documents as desk
from target_exact_online.desk.documents import Search
from target_exact_online.ledger.rows import SUMMARY_STREAM
from target_exact_online.ledger.tables import documents
from target_exact_online.posting.state import REFUSED_STREAM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from target_exact_online.ledger.store import Ledger

_AT_A_TIME = 500  # keys of one transaction
ELLIPSIS = "…"
# What tells one document from another with the same cause. A GL account is no amount: it has no
# decimals, and a code in quotes stays.
_PARTICULAR = re.compile(
    r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"  # a GUID
    r"|\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z| UTC)?)?"  # a day or moment
    r"|-?\b\d+(?:[.,]\d+)+\b"  # an amount
    r"|(?<=\bline )\d+|(?<=\blines\[)\d+|(?<=\blines/)\d+"  # the number of a line
)
EMAIL = re.compile(r"[^\s<>()\[\]\"'@:;,]{1,64}@[^\s<>()\[\]\"'@:;,]{0,254}\w")
_COLUMNS = (
    *(documents.c.document_key, documents.c.stream, documents.c.order_number),
    *(documents.c.your_ref, documents.c.amount, documents.c.currency, documents.c.error),
    *(documents.c.created_at, documents.c.kind),
)


#: What can be done about a document beside skipping it: the next run tries it, the shop has to be
#: read again because rules refused it, or it waits with the entry of its day.
Way = Literal["replay", "read_again", "day"]


@dataclass(slots=True)
class Group:
    """Parked documents with one cause."""

    id: str  # names the group without telling its cause
    cause: str  # the reason, without what is one document's own
    way: Way
    example: bytes | None = field(repr=False)  # the content of its oldest document, encrypted
    documents: list[str] = field(default_factory=list)
    since: datetime | None = None  # when the oldest came in
    amounts: dict[str, Decimal] = field(default_factory=dict)  # with VAT, by currency

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.documents)


def cause_of(reason: str | None, *own: str | None) -> str:
    """Return why something waits, without what is its own: numbers, amounts, days, addresses.

    Args:
        reason: The ledger's reason.
        own: Numbers by which the document is known.
    """
    text = reason or ""
    for value in sorted(filter(None, own), key=len, reverse=True):
        if value in text:
            text = _without(text, value)
    return _general(text)


@lru_cache(maxsize=4_096)  # many documents wait with the same words
def _general(text: str) -> str:
    text = _PARTICULAR.sub(ELLIPSIS, text)
    return EMAIL.sub(ELLIPSIS, text) if "@" in text else text


def _without(text: str, value: str) -> str:
    """Leave a value out where it stands as a word of its own."""
    first, *rest = text.split(value)
    for part in rest:
        is_word = _is_end(first[-1:]) and _is_end(part[:1])
        first += (ELLIPSIS if is_word else value) + part
    return first


def _is_end(character: str) -> bool:
    return not (character.isalnum() or character == "_")


def way_of(stream: str) -> Way:
    """Return what can be done about documents of a stream that wait."""
    if stream == REFUSED_STREAM:
        return "read_again"
    return "day" if stream == SUMMARY_STREAM else "replay"


def groups(ledger: Ledger) -> list[Group]:
    """Return what is parked by its cause, the largest group first."""
    found: dict[tuple[str, Way], Group] = {}
    for row in _parked(ledger, documents.c.payload):
        cause, way = _cause(row), way_of(row.stream)
        group = found.get((cause, way))
        if group is None:
            group = found[cause, way] = Group(_id(ledger, cause, way), cause, way, row.payload)
        group.documents.append(row.document_key)
        group.since = min(group.since or row.created_at, row.created_at)
        if row.currency and (amount := _amount(row.amount)) is not None:
            group.amounts[row.currency] = group.amounts.get(row.currency, Decimal(0)) + amount
    return sorted(found.values(), key=lambda one: (-one.count, one.cause))


def _amount(text: str | None) -> Decimal | None:
    """Return an amount of the ledger; a refused record may have anything in its place."""
    try:
        amount = Decimal(text or "")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def decide(ledger: Ledger, group: str, seen: int, *, skip_because: str | None = None) -> list[str]:
    """Decide about all documents with one cause; return their keys.

    Args:
        ledger: The ledger.
        group: The id of their group.
        seen: How many a person saw: what came since is not decided unseen.
        skip_because: The reason for never posting them; None: the next run tries them.

    Raises:
        ConfigError: They are not the ones that were seen, or cannot be replayed.
    """
    keys = sorted(row.document_key for row in _seen(ledger, group, seen))
    done: list[str] = []
    for start in range(0, len(keys), _AT_A_TIME):
        some = Search(states=("parked",), keys=tuple(keys[start : start + _AT_A_TIME]))
        if skip_because is None:
            done += desk.replay(ledger, some, dry_run=False)
        else:
            done += desk.skip(ledger, some, skip_because, dry_run=False)
    return done


def orders_of(ledger: Ledger, group: str, seen: int) -> list[str]:
    """Return the orders of the documents with one cause; arguments as of `decide`.

    Raises:
        ConfigError: They are not the ones that were seen.
    """
    rows = _seen(ledger, group, seen)
    return sorted({number for row in rows if (number := order_of(row)) is not None})


def order_of(row: sa.Row[Any]) -> str | None:
    """Return the number of the shop's order that a document belongs to, or is; None: unknown."""
    if row.order_number:
        return str(row.order_number)
    return str(row.document_key.rpartition(":")[2]) if row.kind == "order" else None


def _seen(ledger: Ledger, group: str, seen: int) -> list[sa.Row[Any]]:
    rows = [row for row in _parked(ledger) if _id(ledger, _cause(row), way_of(row.stream)) == group]
    if len(rows) != seen:
        msg = (
            f"{len(rows)} documents wait for this now, not the {seen} that you saw. "
            "Nothing was decided: look at them again."
        )
        raise ConfigError(msg)
    return rows


def _cause(row: sa.Row[Any]) -> str:
    number = row.document_key.rpartition(":")[2]
    return cause_of(row.error, row.document_key, number, row.order_number, row.your_ref)


def _id(ledger: Ledger, cause: str, way: str) -> str:
    return ledger.keys.fingerprint(f"{way} {cause}".encode())


def _parked(ledger: Ledger, *more: sa.Column[Any]) -> Iterator[sa.Row[Any]]:
    """Yield what waits for a person, oldest first."""
    query = sa.select(*_COLUMNS, *more).where(documents.c.state == "parked")
    with reading(ledger.engine) as connection:
        yield from connection.execute(query.order_by(documents.c.created_at))

"""Whole orders for invoices and credit memos: those of this run are not fetched again."""

from __future__ import annotations

import threading
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from adobe_commerce import answers
from adobe_commerce.errors import NotFoundError
from adobe_commerce.search import parts
from tap_adobe_commerce.keyset import read_rows
from tap_adobe_commerce.records import key_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from adobe_commerce.errors import AdobeCommerceError
    from tap_adobe_commerce.listing import Listing, Row

#: Bytes of packed orders that are kept, about 30,000 orders; later ones are fetched again.
SHELF_BYTES = 64 * 1024 * 1024

#: Later than every time of the shop: with it, no kept order is young enough.
UNKNOWN = "9"


class _Order(msgspec.Struct):
    updated_at: str = ""


_ORDER = msgspec.json.Decoder(_Order)


class _Kept(NamedTuple):
    at: str
    packed: bytes


class Shelf:
    """Orders that this run has read, packed. Safe to use from several threads at once."""

    def __init__(self, most_bytes: int = SHELF_BYTES) -> None:
        """Begin empty."""
        self._most_bytes = most_bytes
        self._kept: dict[int, _Kept] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, rows: Iterable[Row]) -> None:
        """Keep orders, as long as there is room: the first ones are asked for first."""
        if self._bytes >= self._most_bytes:
            return
        packed = [(row, zlib.compress(row.raw, 1)) for row in rows]
        with self._lock:
            for row, content in packed:
                before = self._kept.get(row.key)
                self._kept[row.key] = _Kept(row.at or _changed_at(row.raw), content)
                self._bytes += len(content) - (len(before.packed) if before else 0)

    def get(self, key: int, made_at: str) -> msgspec.Raw | None:
        """An order as it was after one of its documents was made, or None.

        A document moves its order's change time in the same transaction, so an order that changed
        last before the document was made does not know of it yet.

        Args:
            key: Number of the order.
            made_at: When the document was made, in the shop's form.
        """
        kept = self._kept.get(key)
        if kept is None or kept.at < made_at:
            return None
        return msgspec.Raw(zlib.decompress(kept.packed))


def _changed_at(raw: msgspec.Raw) -> str:
    try:
        at = _ORDER.decode(raw).updated_at
    except ValueError:
        return ""  # then it is never used again
    return at


class Orders:
    """Puts orders into the documents of a page, with one call for those not read yet."""

    def __init__(
        self,
        listing: Listing,
        shelf: Shelf,
        prepare: Callable[[list[dict[str, Any]], list[dict[str, Any]]], None],
    ) -> None:
        """Take what orders come from.

        Args:
            listing: The list of orders.
            shelf: What this run has read of it.
            prepare: Completes orders, given their documents as well.
        """
        self._listing = listing
        self._shelf = shelf
        self._prepare = prepare
        self._under_way: set[int] = set()
        self._changed = threading.Condition()

    def attach(
        self, documents: Iterable[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], list[tuple[int, AdobeCommerceError]]]:
        """Put ``order`` on invoices or credit memos.

        Returns:
            Documents that have their order now; keys of those whose order the shop does not
            return, with the error.

        Raises:
            RecordFormError: A document or an order is not of the form that Adobe documents.
        """
        documents = list(documents)
        found = self._find(documents)
        self._prepare(list(found.values()), documents)
        complete: list[dict[str, Any]] = []
        incomplete: list[tuple[int, AdobeCommerceError]] = []
        for document in documents:
            order = found.get(key_in(document, "order_id"))
            if order is None:
                incomplete.append((document["entity_id"], _no_order(document)))
            else:
                document["order"] = order
                complete.append(document)
        return complete, incomplete

    def _find(self, documents: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
        made: dict[int, str] = {}
        for document in documents:
            key = key_in(document, "order_id")
            made[key] = max(made.get(key, ""), str(document.get("created_at") or UNKNOWN))
        found = self._kept(made)
        mine, theirs = self._claim(made.keys() - found.keys())
        try:
            found |= self._fetch(mine)
        finally:
            self._release(mine)
        with self._changed:
            self._changed.wait_for(lambda: not theirs & self._under_way)
        found |= self._kept({key: made[key] for key in theirs})
        return found | self._fetch(theirs - found.keys())

    def _kept(self, made: dict[int, str]) -> dict[int, dict[str, Any]]:
        kept = {key: self._shelf.get(key, at) for key, at in made.items()}
        return {key: answers.record(raw) for key, raw in kept.items() if raw is not None}

    def _claim(self, keys: set[int]) -> tuple[set[int], set[int]]:
        """Keys to fetch here, and those that another page is fetching at this moment."""
        with self._changed:
            theirs = keys & self._under_way
            self._under_way |= keys
            return keys - theirs, theirs

    def _release(self, keys: set[int]) -> None:
        with self._changed:
            self._under_way -= keys
            self._changed.notify_all()

    def _fetch(self, keys: set[int]) -> dict[int, dict[str, Any]]:
        found: dict[int, dict[str, Any]] = {}
        for part in parts(sorted(keys)):
            rows = list(read_rows(self._listing, part))
            self._shelf.put(rows)
            found |= {row.key: answers.record(row.raw) for row in rows}
        return found


def _no_order(document: dict[str, Any]) -> NotFoundError:
    msg = (
        f"document {document.get('increment_id')} belongs to order {document.get('order_id')}, "
        "which the shop does not return."
    )
    return NotFoundError(msg)

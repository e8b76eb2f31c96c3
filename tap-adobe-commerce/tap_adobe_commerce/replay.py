"""Single orders by their number, with the documents that belong to them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from adobe_commerce.errors import NotFoundError
from adobe_commerce.search import Filter, among, parts
from tap_adobe_commerce.keyset import read_by_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adobe_commerce.search import Projection
    from tap_adobe_commerce.listing import Listing

REPLAY_FIELDS: Projection = {"entity_id": None, "updated_at": None, "increment_id": None}


class _Numbered(msgspec.Struct):
    increment_id: str


class Replay:
    """The orders that were asked for."""

    def __init__(self, listing: Listing, order_ids: tuple[str, ...]) -> None:
        """Take the list of orders and the numbers; nothing is read yet."""
        self._listing = listing
        self._order_ids = order_ids

    def filters(self, member: str) -> Iterator[Filter]:
        """Conditions that together match everything of these orders.

        Args:
            member: Column that holds the order's key.
        """
        for part in parts(self._keys):
            yield among(member, part)

    @cached_property
    def _keys(self) -> list[int]:
        """Keys of the orders; several store views may use the same number.

        Raises:
            NotFoundError: The shop has no order with one of the numbers.
        """
        found: dict[int, str] = {}
        decode = msgspec.json.Decoder(_Numbered).decode
        for part in parts(self._order_ids):
            for rows, _ in read_by_key(self._listing, filters=(among("increment_id", part),)):
                found |= {row.key: decode(row.raw).increment_id for row in rows}
        missing = sorted(set(self._order_ids) - set(found.values()))
        if missing:
            msg = f"The shop has no order {', '.join(missing)}. Check order_ids (or --order)."
            raise NotFoundError(msg)
        return sorted(found)

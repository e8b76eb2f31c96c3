"""The shop's running numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commerce_sandbox.data.catalog import StoreView


@dataclass(slots=True)
class Numbers:
    """The shop's running numbers.

    Attributes:
        ids: Last ``entity_id`` by kind of record.
        increments: Last counter by document kind and store, such as ``order:1``.
        alike: All store views count alike: their numbers have no prefix, so that two documents
            may have the same one.
    """

    ids: dict[str, int] = field(default_factory=dict)
    increments: dict[str, int] = field(default_factory=dict)
    alike: bool = False

    def next(self, kind: str) -> int:
        """Return the next id of a kind."""
        number_ = self.ids.get(kind, 0) + 1
        self.ids[kind] = number_
        return number_

    def increment_id(self, kind: str, store: StoreView) -> str:
        """Return the next document number of a store view."""
        key = f"{kind}:{store.store_id}"
        self.increments[key] = self.increments.get(key, 0) + 1
        counter = self.increments[key]
        return f"{counter:09d}" if self.alike else store.increment_id(counter)

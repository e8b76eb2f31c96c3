"""What a shop that keeps changing tells: before the commit, after it, and of what never was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from commerce_sandbox.data.writer import Change, ShopWriter
    from commerce_sandbox.signals.signing import Signal, Signer

_KINDS = ("order", "invoice", "creditmemo")
# What a signal tells of a sales document; the rest is to be read.
SHOWN = ("entity_id", "increment_id", "order_id", "store_id", "created_at", "updated_at")


class ShopSignals:
    """Signals of a shop that keeps changing: before the commit, after it, and of what never was."""

    def __init__(
        self, writer: ShopWriter, signer: Signer, rng: Random, *, rolled_back: float = 0.0
    ) -> None:
        """Follow a writer.

        Args:
            writer: Changes the shop.
            signer: Signs.
            rng: Chance.
            rolled_back: Share of the changes not yet visible that are taken back.
        """
        self._writer = writer
        self._signer = signer
        self._rng = rng
        self._rolled_back = rolled_back
        self._seen = len(writer.committed)

    def step(self) -> list[Signal]:
        """Let the shop change once; return what it tells, in the order in which it tells it."""
        change = self._writer.step()
        told = self._webhooks(change)  # its observers run inside the transaction
        if change in self._writer.pending and self._rng.random() < self._rolled_back:
            self._writer.roll_back(change)
        return [*told, *self._events()]

    def settle(self) -> list[Signal]:
        """Commit what is not visible yet and return what is told of it."""
        self._writer.settle()
        return self._events()

    def _webhooks(self, change: Change) -> list[Signal]:
        return [self._signer.webhook({name: value}) for _, name, value in _told(change)]

    def _events(self) -> list[Signal]:
        committed = self._writer.committed[self._seen :]
        self._seen = len(self._writer.committed)
        return [
            self._signer.event(f"{observer}_save_commit_after", value)
            for change in committed
            for observer, _, value in _told(change)
        ]


def _told(change: Change) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for kind, document in change.rows:
        if kind in _KINDS:
            observer = "observer.sales_order" + ("" if kind == "order" else f"_{kind}")
            yield observer, kind, {name: document[name] for name in SHOWN if name in document}

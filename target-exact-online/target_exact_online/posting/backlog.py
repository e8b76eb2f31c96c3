"""What is to be sent next: handed out one document at a time, to any number of workers."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from target_exact_online.ledger import queries

if TYPE_CHECKING:
    from target_exact_online.ledger.queries import Waiting
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.posting.gate import Gate

Priority = Literal["waiting", "credit_memos", "new"]
_POLL_SECONDS = 0.5


@dataclass(slots=True)
class _Phase:
    """One walk over the ledger, in the order in which something last happened to documents."""

    kind: str | None = None
    after: int = 0
    upto: int | None = None
    waits_for_input: bool = False
    only_held: bool = False


class Backlog:
    """Documents of the ledger that may be sent, also those that arrive meanwhile."""

    def __init__(self, ledger: Ledger, gate: Gate, priority: Priority) -> None:
        """Begin before the first document."""
        self._ledger = ledger
        self._gate = gate
        self._began_at = datetime.now(UTC)
        self._ready: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._input_ended = False
        last, _ = queries.head(ledger)
        self._phases = {
            "waiting": [_Phase(waits_for_input=True)],
            "credit_memos": [_Phase("credit_memo", upto=last), _Phase(waits_for_input=True)],
            "new": [_Phase(after=last, waits_for_input=True), _Phase(upto=last)],
        }[priority]

    def notify(self, *, ended: bool = False) -> None:
        """Tell the workers that documents have arrived, or that no more will."""
        with self._changed:
            self._input_ended = self._input_ended or ended
            self._changed.notify_all()

    def again(self) -> None:
        """Walk once more over what is held, when the input has ended."""
        self._phases = [_Phase(only_held=True)]

    def ahead(self) -> list[Waiting]:
        """Return documents that are handed out next, as far as they were read; a hint only."""
        with self._changed:
            return list(self._ready)

    def next(self) -> Waiting | None:
        """Return the next document, waiting for one to arrive; None when there will be none."""
        with self._changed:
            while not self._gate.closed:
                if self._ready:
                    return self._ready.popleft()
                if not self._phases:
                    return None
                phase = self._phases[0]
                ended = self._input_ended  # read before looking: what came before it is seen
                page = queries.due(
                    self._ledger,
                    now=datetime.now(UTC),
                    looked_at=None if phase.only_held else self._began_at,
                    after=phase.after,
                    upto=phase.upto,
                    kind=phase.kind,
                )
                if page:
                    phase.after = page[-1].row.last_seq
                    self._ready.extend(page)
                elif phase.waits_for_input and not ended:
                    self._changed.wait(_POLL_SECONDS)
                else:
                    self._phases.pop(0)
            return None

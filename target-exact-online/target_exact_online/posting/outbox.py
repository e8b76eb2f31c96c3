"""One run's posting, from what earlier runs left to the last question, beside the reading."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_exact_online.posting.days import close_days

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_exact_online.company import Company
    from target_exact_online.ledger.rows import Document
    from target_exact_online.posting.intake import Intake
    from target_exact_online.posting.run import Posting

_POLL_SECONDS = 0.5


@dataclass(slots=True)
class Outbox:
    """Where documents and STATE go while the input is read."""

    posting: Posting  # posts documents
    intake: Intake  # takes them into the ledger
    company: Company  # completes relations of earlier runs
    # What is done when everything is posted and settled, or None.
    at_last: Callable[[], None] | None = None
    _error: BaseException | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin with the work of earlier runs."""
        self._thread = threading.Thread(target=self._run, name="outbox")
        self._thread.start()

    def submit(self, document: Document) -> None:
        """Queue a document.

        Raises:
            ExactError: What ended posting.
        """
        self.intake.put(document, self._raise)

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Queue a STATE behind the documents before it."""
        self.intake.put(state, self._raise)

    def finish(self) -> None:
        """Post everything queued, settle what was lost, and end.

        Raises:
            ExactError: What ended posting.
        """
        self.intake.put(None, self._raise)
        # Not joined: a signal's exception in `join` makes Python 3.11 take the thread for ended.
        while not self._ended.wait(_POLL_SECONDS):
            pass  # a signal that comes just before an endless wait would not be heard
        self._raise()

    def end(self) -> None:
        """Finish the calls in flight, write the STATE that is true, and end."""
        self.posting.gate.stop()
        self.intake.end()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  # raised again in the reading thread
            self._error = error
        finally:
            self._ended.set()

    def _work(self) -> None:
        posting, settling = self.posting, self.posting.settling
        try:
            settling.take_over()  # what earlier runs left comes before anything else
            settling.settle(wait=False)
            self._complete_relations()
            posting.change_orders()
            posting.start()
        except BaseException as error:  # noqa: BLE001  # raised again below
            posting.gate.fail(error)
        try:
            self.intake.take_in()  # whatever happens to posting, what arrives is held
        except BaseException as error:  # noqa: BLE001  # raised again below
            posting.gate.fail(error)
        posting.join()
        if not posting.gate.stopped:  # what the input still had may belong to these days
            close_days(posting.ledger, posting.run, posting.summary)
        posting.go_on()
        settling.settle(wait=not posting.gate.stopped)
        posting.go_on()
        self._complete_relations(of_this_run=True)
        posting.change_orders()
        posting.compare_printed()
        posting.gate.raise_failure()
        if self.at_last is not None:
            self.at_last()

    def _complete_relations(self, *, of_this_run: bool = False) -> None:
        if self.posting.gate.closed:
            return
        for told in self.company.relations.complete_left_over(of_this_run=of_this_run):
            self.posting.summary.note(*told)

"""One run of the target, from opening the ledger to the exit code."""

from __future__ import annotations

import contextlib
import signal
import threading
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, Protocol

from target_exact_online import report
from target_exact_online.attaching import Attaching
from target_exact_online.company import open_company
from target_exact_online.exceptions import NotNowError, TargetError, TransientApiError
from target_exact_online.ledger.runs import Run
from target_exact_online.ledger.store import Ledger
from target_exact_online.outbox import Outbox
from target_exact_online.posting import Posting
from target_exact_online.progress import Progress
from target_exact_online.summary import EXIT_ERROR, Summary

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping


class Plugin(Protocol):
    """What of the target is needed here; see `target_exact_online.target`."""

    outbox: Outbox

    @property
    def config(self) -> Mapping[str, Any]:
        """The settings, validated."""
        ...

    @property
    def logger(self) -> logging.Logger:
        """Where the summary goes."""
        ...

    def listen(self, file_input: IO[str] | None = None) -> None:
        """Read all messages, and wait until their documents are posted or held."""
        ...

    def _write_state_message(self, state: dict[str, Any]) -> None: ...


class TerminatedError(BaseException):
    """A signal asked the process to end; like ``KeyboardInterrupt``, nothing should catch it."""

    def __init__(self, signum: int) -> None:
        """Remember the signal: it makes the exit code.

        Args:
            signum: The signal.
        """
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


def run_target(target: Plugin, file_input: IO[str] | None) -> int:
    """Read all messages and post their documents.

    Args:
        target: The target, its settings validated.
        file_input: Where messages come from instead of standard input.

    Returns:
        The exit code: 0, 3 when documents need somebody (setting ``fail_on``), or 128 plus the
        number of the signal that ended the run.

    Raises:
        TargetError: What ended the run; the summary and the report are written before.
    """
    with contextlib.closing(Ledger.open(target.config["ledger_url"])) as ledger:
        return _run(target, ledger, file_input)


def _run(target: Plugin, ledger: Ledger, file_input: IO[str] | None) -> int:
    config = target.config
    summary = Summary()
    stop = threading.Event()
    with contextlib.ExitStack() as cleanup:
        company = open_company(config, ledger.engine)
        cleanup.callback(company.close)
        summary.login = company.tokens.look_after()
        run = Run(ledger.engine)
        cleanup.callback(run.finish)
        posting = Posting(
            ledger,
            run,
            company,
            summary,
            max_attempts=config["max_attempts"],
            settle_after=timedelta(seconds=config["settle_after_seconds"]),
            stop=stop,
        )
        attaching = Attaching(
            ledger,
            run,
            company,
            summary,
            closed=lambda: posting.held is not None or stop.is_set(),
            settle_after=timedelta(seconds=config["settle_after_seconds"]),
        )
        ledger.attachments.wanted = config["attach_documents"]
        progress = cleanup.enter_context(Progress(summary, target.logger))
        target.outbox = Outbox(
            posting,
            target._write_state_message,  # noqa: SLF001  # the SDK's own way to write STATE
            stop,
            progress.update,
            priority=config["priority"],
            at_last=attaching.attach if config["attach_documents"] else None,
        )
        error: TargetError | None = None
        try:
            target.outbox.start()
            target.listen(file_input)
            exit_code = summary.exit_code(config["fail_on"])
        except TerminatedError as ended:
            company.cancel()
            exit_code = ended.exit_code
        except TargetError as fatal:
            error, exit_code = fatal, EXIT_ERROR
        finally:
            target.outbox.stop()
        summary.calls = company.client.call_count
        summary.calls_left = company.calls_left() if summary.calls else None
    held = posting.held
    if isinstance(held, TransientApiError) or (isinstance(held, NotNowError) and held.away):
        error, exit_code = error or held, EXIT_ERROR
    counts = ledger.counts()
    summary.held = counts["received"]
    summary.still_parked = max(counts["parked"] - len(summary.parked), 0)
    if config["attach_documents"]:
        summary.attachments_waiting = ledger.attachments.waiting()
    summary.chain_head = ledger.head()
    report.show(summary, target.logger, exit_code, error)
    if config.get("report_file"):
        report.write(config["report_file"], summary, exit_code, error)
    if error is not None:
        raise error
    return exit_code

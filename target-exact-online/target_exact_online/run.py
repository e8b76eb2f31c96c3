"""One run of the target, from opening the ledger to the exit code."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from connector_credentials import telemetry
from exact_online.client import division_of
from exact_online.errors import ExactError, NotNowError, TransientApiError
from target_exact_online import copies
from target_exact_online.company import open_company
from target_exact_online.copies.attaching import Copies
from target_exact_online.desk import report
from target_exact_online.desk.progress import Progress
from target_exact_online.ledger import queries
from target_exact_online.ledger.runs import Run
from target_exact_online.ledger.store import Ledger
from target_exact_online.posting.backlog import Backlog
from target_exact_online.posting.gate import Gate
from target_exact_online.posting.intake import Intake
from target_exact_online.posting.outbox import Outbox
from target_exact_online.posting.restored import Restored
from target_exact_online.posting.run import Posting
from target_exact_online.posting.take_over import Settling
from target_exact_online.settings import with_defaults
from target_exact_online.summary import EXIT_ERROR, Summary
from target_exact_online.webhooks import consuming

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from target_exact_online.company import Company


class TerminatedError(BaseException):
    """A signal asked the process to end; like ``KeyboardInterrupt``, nothing should catch it."""

    def __init__(self, signum: int) -> None:
        """Remember the signal: it makes the exit code."""
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


def run_target(
    config: Mapping[str, Any],
    logger: logging.Logger,
    read: Callable[[Outbox], None],
    write_state: Callable[[dict[str, Any]], None],
) -> int:
    """Read all messages into the outbox, until they are posted or held, and tell the summary.

    Returns:
        The exit code: 0, 3 when documents need somebody (setting ``fail_on``), or 128 plus the
        number of the signal that ended the run.

    Raises:
        ExactError: What ended the run; the summary and the report are written before.
    """
    config = with_defaults(config)
    summary = Summary()
    error: BaseException | None = None
    exit_code = EXIT_ERROR
    report.begin(config)
    try:
        copies.check_installed(config)
        with contextlib.closing(Ledger.open(config["ledger_url"], division_of(config))) as ledger:
            exit_code, error = _run(config, logger, ledger, summary, read, write_state)
    except TerminatedError as ended:  # before or after the time in which calls are made
        exit_code = ended.exit_code
        raise
    except BaseException as fatal:
        error = fatal
        raise
    finally:
        _tell(summary, config.get("division"), exit_code, error)
        if config.get("report_file"):
            report.write(config["report_file"], summary, exit_code, error)
            report.tell(config, logger)
    if error is not None:
        raise error
    return exit_code


def post_held(config: Mapping[str, Any]) -> int:
    """Post what lies in the ledger, as a run whose input is empty does; return its exit code.

    It is a person's: it overwrites no report of a scheduled run, and tells nobody.
    """
    silent = dict(config) | {"report_file": None, "on_outcome": None}
    logger = logging.getLogger("target-exact-online")
    return run_target(silent, logger, lambda outbox: outbox.finish(), lambda _: None)


def _tell(
    summary: Summary, division: int | None, exit_code: int, error: BaseException | None
) -> None:
    ended = telemetry.Ended(
        program="target-exact-online",
        prefix="exact_online",
        started_at=summary.started_at,
        outcome=summary.outcome(exit_code, error),
        counted="document",
        by="result",
        counts={
            "posted": summary.total_posted,
            "parked": len(summary.parked),
            "failed": len(summary.failed),
            "skipped": len(summary.skipped),
            "changed": len(summary.changed),
            "held": summary.held,
        },
        calls=summary.calls,
        attributes={"division": division or 0},
        error=error,
    )
    telemetry.tell(ended)


def build_outbox(
    config: Mapping[str, Any],
    ledger: Ledger,
    run: Run,
    company: Company,
    gate: Gate,
    summary: Summary,
    *,
    write_state: Callable[[dict[str, Any]], None],
    on_progress: Callable[[int], None],
) -> Outbox:
    """Put the parts of one run together; nothing is called yet."""
    backlog = Backlog(ledger, gate, config["priority"])
    index_lag = timedelta(seconds=config["index_lag_seconds"])
    settling = Settling(
        ledger,
        run,
        company,
        gate,
        summary,
        settle_after=timedelta(seconds=config["settle_after_seconds"]),
        index_lag=index_lag,
        max_attempts=config["max_attempts"],
        restored=Restored(ledger, company, backlog, gate, index_lag),
    )
    posting = Posting(ledger, run, company, backlog, settling, gate, summary)
    check = partial(company.master, company.division)
    intake = Intake(ledger, run, backlog, summary, write_state, on_progress, check)
    return Outbox(posting, intake, company)


def _run(
    config: Mapping[str, Any],
    logger: logging.Logger,
    ledger: Ledger,
    summary: Summary,
    read: Callable[[Outbox], None],
    write_state: Callable[[dict[str, Any]], None],
) -> tuple[int, ExactError | None]:
    gate = Gate(summary, threading.Event(), max_wait_seconds=config["max_wait_seconds"])
    with contextlib.ExitStack() as cleanup:
        company = open_company(config, ledger.engine, lambda key: queries.number_of(ledger, key))
        cleanup.callback(company.close)
        summary.login = company.client.tokens.look_after()
        run = Run(ledger.engine)
        summary.run_id = run.run_id
        cleanup.callback(run.finish)
        consuming.make_stale(ledger.engine)
        progress = cleanup.enter_context(contextlib.closing(Progress(summary, logger)))
        outbox = build_outbox(
            config,
            ledger,
            run,
            company,
            gate,
            summary,
            write_state=write_state,
            on_progress=progress.update,
        )
        attaching = Copies(
            ledger, run, company.client, summary, lambda: gate.closed, company.absent_after
        )
        attaching.begin(wanted=config["attach_documents"])
        if config["attach_documents"]:
            outbox.at_last = attaching.attach
        error: ExactError | None = None
        try:
            outbox.start()
            read(outbox)
            exit_code = summary.exit_code(config["fail_on"])
            consuming.compare_in_run(config, ledger, company, summary)
        except TerminatedError as ended:
            company.client.budget.cancel()
            exit_code = ended.exit_code
        except ExactError as fatal:
            error, exit_code = fatal, EXIT_ERROR
        finally:
            outbox.end()
        summary.calls = company.client.call_count
        summary.calls_left = company.limits_left().day[0] if summary.calls else None
        held = gate.held
        if isinstance(held, TransientApiError) or (isinstance(held, NotNowError) and held.away):
            error, exit_code = error or held, EXIT_ERROR
        run.note(summary.outcome(exit_code, error), summary.streams, summary.calls_left)
    _count(summary, ledger)
    report.show(summary, logger, exit_code, error)
    return exit_code, error


def _count(summary: Summary, ledger: Ledger) -> None:
    counts = queries.counts(ledger)
    summary.held = counts.get("held", 0)
    summary.still_parked = max(counts.get("parked", 0) - len(summary.parked), 0)
    _, summary.chain_head = queries.head(ledger)

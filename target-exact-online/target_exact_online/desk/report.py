"""The end of a run, for people on standard error and for machines as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_credentials import clean, whole_file
from exact_online.errors import ConfigError
from target_exact_online._money import digits

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping

    from target_exact_online.summary import Line, Summary

_HOOK_SECONDS = 60
_PLAIN = (
    "run_id", "retry_at", "started_at", "login", "held", "held_because", "resume_at",
    "still_parked", "calls", "calls_left", "chain_head",
)  # fmt: skip
_SHOWN = 20  # lines of each list on screen; the report file has them all


def begin(config: Mapping[str, Any]) -> None:
    """Take the report of the run before away: whoever reads one reads this run's.

    Raises:
        ConfigError: The file could not be written at the end of the run.
    """
    path = config.get("report_file")
    if not path:
        if config.get("on_outcome"):
            msg = "The setting on_outcome needs report_file: the report is what it is given."
            raise ConfigError(msg)
        return
    with _writing(path):
        Path(path).unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=Path(path).parent):
            pass


def write(path: str, summary: Summary, exit_code: int, error: BaseException | None) -> None:
    """Write the run's report, all of it or nothing, for its owner alone.

    Raises:
        ConfigError: The file cannot be written.
    """
    told = as_dict(summary, exit_code, error)
    text = json.dumps(told, indent=2, default=datetime.isoformat) + "\n"
    with _writing(path), whole_file(Path(path)) as file:
        file.write(text.encode())


def tell(config: Mapping[str, Any], logger: logging.Logger) -> None:
    """Call the setting ``on_outcome`` with the report's path; what it does changes no exit code."""
    if not (command := config.get("on_outcome")):
        return
    # It sends mail or posts to a chat: nothing of the logins is its business.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CONNECTOR_", "TARGET_EXACT_ONLINE_", "TAP_ADOBE_COMMERCE_"))
    }
    try:
        subprocess.run(  # noqa: S603  # the owner of the settings names it
            [*shlex.split(command), config["report_file"]],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # ours is the channel of STATE
            timeout=_HOOK_SECONDS,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as failure:
        logger.warning("on_outcome failed: %s", failure)


@contextlib.contextmanager
def _writing(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        msg = f"The report cannot be written to {path}: {failure.strerror} (setting report_file)."
        raise ConfigError(msg) from failure


def as_dict(summary: Summary, exit_code: int, error: BaseException | None = None) -> dict[str, Any]:
    """Return the report; amounts are strings, so that no reader makes them binary."""
    return {
        **{name: getattr(summary, name) for name in _PLAIN},
        "outcome": summary.outcome(exit_code, error),
        "streams": sorted(summary.streams),
        "finished_at": datetime.now(UTC),
        "exit_code": exit_code,
        "error": None if error is None else clean(error),
        "posted": [
            {
                "stream": stream,
                "kind": kind,
                "currency": currency,
                "documents": count,
                "amount": digits(summary.amounts[stream, kind, currency]),
            }
            for (stream, kind, currency), count in sorted(summary.posted.items())
        ],
        "already_there": dict(summary.already_there),
        "updated": dict(summary.updated),
        **{
            name: [_as_dict(line) for line in getattr(summary, name).values()]
            for name in ("parked", "failed", "skipped", "changed", "different")
        },
        "warnings": [_as_dict(line) for line in summary.warnings],
        "attachments": {
            "attached": summary.attached,
            "waiting": summary.attachments_waiting or 0,
            "waiting_because": summary.attachments_wait_because,
            "given_up": summary.not_attached,
        },
    }


def show(
    summary: Summary, logger: logging.Logger, exit_code: int, error: BaseException | None
) -> None:
    """Show the summary, line by line; arguments as of `write`."""
    for line in _lines(summary, exit_code, error):
        logger.info("%s", line)


def _lines(summary: Summary, exit_code: int, error: BaseException | None) -> Iterator[str]:
    yield from _posted(summary)
    for counts, words in (
        (summary.already_there, "already there"),
        (summary.updated, "updated in Exact"),
    ):
        for stream, count in sorted(counts.items()):
            yield f"{count} {stream} {words}"
    for lines, words in (
        (summary.parked, "PARKED"),
        (summary.failed, "FAILED, tried again by itself"),
        (summary.changed, "CHANGED after posting"),
        (summary.different, "IN EXACT in another way than posted"),
        (summary.skipped, "skipped, nothing to book"),
    ):
        yield from _listed(lines, words)
    yield from _copies(summary)
    for line in summary.warnings[:_SHOWN]:
        yield f"Note on {line.document_key}: {line.reason}"
    for text in summary.login:
        yield f"WARNING: {text}"
    if summary.still_parked:
        yield f"{summary.still_parked} documents of earlier runs are still parked"
    if summary.held:
        because = summary.held_because or "the run was ended before their turn."
        yield f"{summary.held} documents wait in the ledger for the next run: {because}"
    left = "" if summary.calls_left is None else f", {summary.calls_left} left today"
    yield f"{summary.calls} calls to Exact Online{left}"
    if summary.parked or summary.failed or summary.still_parked:
        yield "Look closer: target-exact-online --config FILE documents list --state parked"
    yield f"Run {summary.run_id}: {summary.outcome(exit_code, error).replace('_', ' ')}"
    if error is None and exit_code:
        yield f"Ends with exit code {exit_code}"


def _posted(summary: Summary) -> Iterator[str]:
    for (stream, kind, currency), count in sorted(summary.posted.items()):
        amount = summary.amounts[stream, kind, currency]
        yield f"Posted {count} {stream} ({kind or 'document'}): {digits(amount)} {currency}"
    if not summary.posted:
        yield "Posted nothing new"


def _copies(summary: Summary) -> Iterator[str]:
    if summary.attached:
        yield f"{summary.attached} PDF copies attached"
    if summary.attachments_waiting:
        because = summary.attachments_wait_because or summary.held_because
        yield f"{summary.attachments_waiting} PDF copies wait" + (f": {because}" if because else "")


def _listed(lines: Mapping[str, Line], words: str) -> Iterator[str]:
    if lines:
        yield f"{len(lines)} {words}:"
    for line in list(lines.values())[:_SHOWN]:
        order = f" (order {line.order_number})" if line.order_number else ""
        again = f" Next try {line.next_retry_at:%Y-%m-%d %H:%M} UTC." if line.next_retry_at else ""
        yield f"  {line.document_key}{order}: {line.reason}{again}"
    if len(lines) > _SHOWN:
        yield f"  and {len(lines) - _SHOWN} more"


def _as_dict(line: Line) -> dict[str, Any]:
    names = ("document_key", "order_number", "reason", "next_retry_at")
    return {name: getattr(line, name) for name in names}

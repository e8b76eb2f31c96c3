"""What one ``meltano run`` said, and what whoever scheduled it should do next.

Pure: no file is read and nothing is run here; Airflow is not needed.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Outcome = Literal["ok", "needs_people", "held", "retry", "stopped"]

_NEEDS_PEOPLE = 3  # exit code of the target, and of a comparison that found something
_COMMAND_FAILED = re.compile(r"failed with exit code: (\d+)")
_NO_REPORT = "it ended without a report"


@dataclass
class Said:
    """What Meltano and the plugins wrote, line by line (``--log-format json``).

    Attributes:
        exit_codes: Of the plugins that failed, by Meltano's word: ``extractors``, ``loaders``,
            or ``command``.
        errors: The last line that begins with ``ERROR:``, by plugin.
    """

    exit_codes: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def hear(self, line: str) -> tuple[int, str]:
        """Take one line, and return it as a person reads it, with its level."""
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or "event" not in entry:
            return logging.INFO, line
        who, text = str(entry.get("string_id") or "meltano"), str(entry["event"])
        level = logging.getLevelNamesMapping().get(str(entry.get("level")).upper(), logging.INFO)
        if text.startswith("ERROR: "):
            self.errors[who] = text.removeprefix("ERROR: ")
            level = logging.ERROR
        codes = entry.get("exit_codes")
        if isinstance(codes, dict):
            self.exit_codes |= {name: code for name, code in codes.items() if type(code) is int}
        if failed := _COMMAND_FAILED.search(str(entry.get("err"))):
            self.exit_codes["command"] = int(failed[1])
        return level, f"{who:<20} {text}"

    @property
    def cause(self) -> str | None:
        """The words of the plugin that ended the run."""
        return next(reversed(self.errors.values()), None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended.

    Attributes:
        outcome: As in the target's report.
        cause: Why it is neither ``ok`` nor ``needs_people``, or None.
        retry_at: When another run can do more (UTC), if that is known.
    """

    outcome: Outcome
    cause: str | None = None
    retry_at: datetime | None = None


def stopped_by(failures: Iterable[str]) -> str | None:
    """Return the words of the first program that needs somebody to change something, or None.

    Args:
        failures: Lines of the file that ``CONNECTOR_FAILURES_FILE`` names; the last may be cut.
    """
    for line in failures:
        if line.endswith("\n") and (told := json.loads(line))["outcome"] == "stopped":
            return f"{told['program']}: {told['error']}"
    return None


def judge(
    exit_code: int, report: Mapping[str, Any] | None, said: Said, stopped: str | None = None
) -> Verdict:
    """Say what became of a run.

    The target's report speaks for the target. A shop that could not be read, or rules that cannot
    be used, are not in it: the target then had nothing to do, and says that all is well.

    Args:
        exit_code: Of ``meltano run``: 0 or not.
        report: The target's report; None when it wrote none.
        said: What was written meanwhile.
        stopped: What `stopped_by` returned.
    """
    told: Outcome = "ok" if report is None else report["outcome"]
    retry_at = None if report is None else report["retry_at"]
    moment = None if retry_at is None else datetime.fromisoformat(retry_at)
    cause = None if report is None else report["error"] or report["held_because"]
    if exit_code == 0 or told == "stopped":
        return Verdict(told, cause, moment)
    if stopped is not None:
        return Verdict("stopped", stopped)
    if "extractors" in said.exit_codes or not said.exit_codes:
        return Verdict("retry", said.cause or "it was killed, or never began")
    if report is None:
        people = _NEEDS_PEOPLE in said.exit_codes.values()
        return Verdict("needs_people") if people else Verdict("retry", said.cause or _NO_REPORT)
    if told == "needs_people":
        return Verdict(told)
    return Verdict("retry", cause or said.cause or "the target did not end well", moment)


def people_list(report: Mapping[str, Any]) -> list[str]:
    """Return the documents of a report that need somebody, a line each."""
    return [
        f"{word} {line['document_key']}"
        + (f" (order {line['order_number']})" if line["order_number"] else "")
        + f": {line['reason']}"
        for name, word in (("parked", "Parked"), ("changed", "Changed after posting"))
        for line in report[name]
    ]


def month_list(comparison: Mapping[str, Any]) -> list[str]:
    """Return what a comparison of a month found, a line for each class."""
    counted: dict[str, int] = {}
    for finding in comparison["findings"]:
        counted[finding["class"]] = counted.get(finding["class"], 0) + 1
    return [f"{number} times {name}" for name, number in sorted(counted.items())]


def month_variables(month: date) -> dict[str, str]:
    """Return the variables of ``reconcile-month``: a day more at both ends holds every time zone.

    Args:
        month: Any day of it.
    """
    first = month.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return {
        "MONTH": f"{first:%Y-%m}",
        "MONTH_FROM": f"{first - timedelta(days=1):%Y-%m-%d}T00:00:00Z",
        "MONTH_UNTIL": f"{following + timedelta(days=1):%Y-%m-%d}T00:00:00Z",
    }


def interval_variables(start: datetime, end: datetime) -> dict[str, str]:
    """Return the variables with which the tap reads what the shop made in an interval.

    Args:
        start: Its begin.
        end: Its end.
    """
    return {
        "TAP_ADOBE_COMMERCE_CREATED_FROM": start.astimezone(UTC).isoformat(),
        "TAP_ADOBE_COMMERCE_CREATED_UNTIL": end.astimezone(UTC).isoformat(),
    }


def listed(lines: list[str], shown: int = 50) -> Iterator[str]:
    """Cut a long list, and say so.

    Args:
        lines: All lines.
        shown: How many are shown.
    """
    yield from lines[:shown]
    if len(lines) > shown:
        yield f"and {len(lines) - shown} more: they are in the report (XCom of the task run)"

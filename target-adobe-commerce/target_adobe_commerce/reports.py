"""A plan and its outcome for people: text for the terminal, and a spreadsheet."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import xlsxwriter

from connector_credentials import clean, whole_file
from target_adobe_commerce.exceptions import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_adobe_commerce.applying import Outcome
    from target_adobe_commerce.plan import Change, Entry, Plan

#: Records of one kind and action that the text names; the files have all.
NAMED = 20
_ACTIONS = ("create", "update", "conflict", "skip", "report")
_COLUMNS = (
    ("Kind", 14),
    ("Code", 14),
    ("Action", 10),
    ("Shop's number or sku", 18),
    ("Field", 20),
    ("Shop has", 34),
    ("Exact has", 34),
    ("Field is", 10),
    ("Calls", 44),
    ("Reason", 70),
)
_WORDS = {
    "write": "written",
    "keep": "kept: only the shop changed it",
    "decline": "kept, as decided",
    "agreed": "differs as decided",
    "conflict": "CONFLICT: both changed",
}


def text(plan: Plan) -> str:
    """Return a plan for the terminal."""
    lines = [
        f"Plan for {plan.instance}, company {plan.division}, made {plan.made_at}.",
        *(f"Note: {note}" for note in plan.notes),
        "",
    ]
    counts = plan.counts()
    for kind in dict.fromkeys(entry.kind for entry in plan.entries):
        said = [f"{counts[kind, one]} {one}" for one in _ACTIONS if counts[kind, one]]
        lines.append(f"{kind}: {', '.join(said)}")
        for action in _ACTIONS:
            lines += _named(plan, kind, action)
    lines += ["", f"{plan.writes} calls that write; {plan.conflicts} conflicts."]
    return "\n".join(clean(line, 400) for line in lines)


def _named(plan: Plan, kind: str, action: str) -> Iterator[str]:
    found = [one for one in plan.entries if (one.kind, one.action) == (kind, action)]
    if action == "skip":  # the others by their reasons
        reasons = Counter(one.reason for one in found if not one.changes)
        yield from (f"  skip     {number} x {reason}" for reason, number in reasons.items())
        found = [one for one in found if one.changes]
    for entry in found[:NAMED]:
        yield f"  {action:<8} {entry.code}{_shop(entry)}"
        yield from (f"           {_said(change)}" for change in entry.changes)
        if entry.reason:
            yield f"           {entry.reason}"
    if len(found) > NAMED:
        more = len(found) - NAMED
        yield f"  ... and {more} more ({action}); the JSON and the spreadsheet have all."


def _shop(entry: Entry) -> str:
    return f" = {entry.shop_id} of the shop" if entry.shop_id else ""


def _said(change: Change) -> str:
    word = _WORDS.get(change.verdict, change.verdict)
    return f"{change.field}: {change.shop or '(nothing)'} -> {change.exact or '(nothing)'} [{word}]"


def outcome_text(outcome: Outcome) -> str:
    """Return what came of a plan, for the terminal."""
    written = ", ".join(f"{number} {kind}" for kind, number in outcome.written.items())
    lines = [f"Written: {written or 'nothing'}."]
    lines += [f"FAILED {key}: {why}" for key, why in list(outcome.failed.items())[:NAMED]]
    lines += [
        f"NOT KNOWN {key}: {why} The next run looks for it."
        for key, why in list(outcome.unsettled.items())[:NAMED]
    ]
    more = len(outcome.failed) + len(outcome.unsettled) - 2 * NAMED
    if more > 0:
        lines.append(f"... and up to {more} more.")
    if outcome.stopped:
        lines.append("Stopped before the end, as asked. Run again for the rest.")
    return "\n".join(clean(line, 400) for line in lines)


def write_workbook(plan: Plan, path: str) -> None:
    """Write a plan as a spreadsheet, for its owner only. Every value is text: no formula runs.

    Raises:
        PlanError: The file cannot be written.
    """
    options = {
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
        "constant_memory": True,
    }
    try:
        with whole_file(Path(path)) as file, xlsxwriter.Workbook(file, options) as book:
            bold = book.add_format({"bold": True})
            sheet = book.add_worksheet("Plan")
            sheet.freeze_panes(1, 2)
            for column, (title, width) in enumerate(_COLUMNS):
                sheet.set_column(column, column, width)
                sheet.write_string(0, column, title, bold)
            for row, values in enumerate(_rows(plan), 1):
                for column, value in enumerate(values):
                    sheet.write_string(row, column, clean(value, 2000))
            sheet.autofilter(0, 0, max(1, sum(1 for _ in _rows(plan))), len(_COLUMNS) - 1)
            notes = book.add_worksheet("About")
            about = (
                f"Plan for {plan.instance}, company {plan.division}, made {plan.made_at}",
                f"{plan.writes} calls that write; {plan.conflicts} conflicts",
                *plan.notes,
            )
            for row, note in enumerate(about):
                notes.write_string(row, 0, clean(note, 2000))
    except OSError as error:
        msg = f"The plan cannot be written to {path}: {error.strerror}."
        raise PlanError(msg) from error


def _rows(plan: Plan) -> Iterator[tuple[str, ...]]:
    for entry in plan.entries:
        start = (entry.kind, entry.code, entry.action, entry.shop_id)
        end = ("; ".join(entry.calls), entry.reason)
        for change in entry.changes:
            word = _WORDS.get(change.verdict, change.verdict)
            yield (*start, change.field, change.shop, change.exact, word, *end)
        if not entry.changes:
            yield (*start, "", "", "", "", *end)

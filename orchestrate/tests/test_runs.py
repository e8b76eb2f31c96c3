"""What a run said, and what becomes of its task."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from commerce_runs import (
    Said,
    Verdict,
    interval_variables,
    judge,
    listed,
    month_list,
    month_variables,
    people_list,
    stopped_by,
)

LATER = "2026-11-24T00:00:00+00:00"
LOADER = {"loaders": 3}


def report(outcome: str, **changes: Any) -> dict[str, Any]:
    return {"outcome": outcome, "retry_at": None, "error": None, "held_because": None} | changes


def said(exit_codes: dict[str, int] | None = None, **errors: str) -> Said:
    words = {name.replace("_", "-"): text for name, text in errors.items()}
    return Said(dict(exit_codes or {}), words)


@pytest.mark.parametrize(
    ("exit_code", "told", "heard", "verdict"),
    [
        (0, report("ok"), said(), Verdict("ok")),
        (0, None, said(), Verdict("ok")),
        (1, report("needs_people"), said(LOADER), Verdict("needs_people")),
        (
            0,
            report("held", retry_at=LATER, held_because="The day is spent."),
            said(),
            Verdict("held", "The day is spent.", datetime.fromisoformat(LATER)),
        ),
        (
            1,
            report("retry", retry_at=LATER, error="Exact is away."),
            said({"loaders": 1}),
            Verdict("retry", "Exact is away.", datetime.fromisoformat(LATER)),
        ),
        (
            1,
            report("stopped", error="The login is dead."),
            said({"extractors": 1, "loaders": 1}, tap_invoices="broken pipe"),
            Verdict("stopped", "The login is dead."),
        ),
        # The shop could not be read to its end: the target's word is only about what it got.
        (1, report("ok"), said({"extractors": 1}, tap_invoices="no"), Verdict("retry", "no")),
        (
            1,
            report("needs_people"),
            said({"extractors": 1, "loaders": 3}, tap_invoices="no"),
            Verdict("retry", "no"),
        ),
        (1, report("ok"), said(), Verdict("retry", "it was killed, or never began")),
        (1, None, said(), Verdict("retry", "it was killed, or never began")),
        (-9, None, said(), Verdict("retry", "it was killed, or never began")),
        (1, None, said({"loaders": -9}), Verdict("retry", "it ended without a report")),
        # Words alone say nothing of another try: the mapper's store may be locked.
        (
            1,
            report("ok"),
            said({"extractors": 1, "loaders": 1}, mapper_gl_rules="locked"),
            Verdict("retry", "locked"),
        ),
        # Comparisons have no report: 3 says that they found something.
        (1, None, said({"loaders": 3}), Verdict("needs_people")),
        (1, None, said({"command": 3}), Verdict("needs_people")),
        (1, None, said({"command": 1}, exact_compare="away"), Verdict("retry", "away")),
    ],
)
def test_a_run_is_judged(
    exit_code: int, told: dict[str, Any] | None, heard: Said, verdict: Verdict
) -> None:
    assert judge(exit_code, told, heard) == verdict


@pytest.mark.parametrize("told", [None, report("ok"), report("needs_people"), report("retry")])
@pytest.mark.parametrize("codes", [{"extractors": 1}, {"loaders": 1}, {"command": 1}, {}])
def test_what_a_person_must_change_is_tried_no_more(
    told: dict[str, Any] | None, codes: dict[str, int]
) -> None:
    why = "tap-adobe-commerce: no"
    assert judge(1, told, said(codes), why) == Verdict("stopped", why)


def test_a_run_that_ended_well_was_not_stopped() -> None:
    assert judge(0, report("ok"), said(), "another run's") == Verdict("ok")


def test_the_first_who_stopped_is_named() -> None:
    def line(program: str, outcome: str) -> str:
        return json.dumps({"program": program, "outcome": outcome, "error": "no"}) + "\n"

    lines = [line("tap", "retry"), line("mapper", "stopped"), line("target", "stopped")]
    assert stopped_by(lines) == "mapper: no"
    assert stopped_by(lines[:1]) is None
    assert stopped_by([lines[0], lines[1][:-9]]) is None, "it was killed while it wrote"


def test_meltanos_lines_are_read() -> None:
    heard = Said()
    lines: list[dict[str, Any]] = [
        {"string_id": "tap-invoices", "event": "ERROR: first", "level": "info"},
        {"string_id": "tap-invoices", "event": "ERROR: no shop", "level": "info"},
        {"event": "Extractor failed", "level": "error"},
        {
            "event": "Block run completed",
            "err": "Extractor failed",
            "exit_codes": {"extractors": 1},
            "level": "error",
        },
    ]
    shown = [heard.hear(json.dumps(line)) for line in lines]
    assert shown[0] == (logging.ERROR, f"{'tap-invoices':<20} ERROR: first")
    assert shown[2] == (logging.ERROR, f"{'meltano':<20} Extractor failed")
    assert heard == Said({"extractors": 1}, {"tap-invoices": "no shop"})
    assert heard.cause == "no shop"


def test_the_exit_code_of_a_command_is_read() -> None:
    heard = Said()
    failed = "`exact-compare this-month` failed with exit code: 3"
    heard.hear(json.dumps({"event": "Block run completed", "err": failed, "exit_codes": {}}))
    assert heard.exit_codes == {"command": 3}


@pytest.mark.parametrize("line", ["Traceback", "[1]", "{}", "null", '{"event"'])
def test_any_other_line_is_shown_as_it_is(line: str) -> None:
    heard = Said()
    assert heard.hear(line) == (logging.INFO, line)
    assert heard == Said()


def test_who_needs_somebody_is_listed() -> None:
    line = {"document_key": "s:nl:invoice:1", "order_number": "7", "reason": "no rule"}
    changed = {"document_key": "s:nl:invoice:2", "order_number": None, "reason": "edited"}
    assert people_list({"parked": [line], "changed": [changed]}) == [
        "Parked s:nl:invoice:1 (order 7): no rule",
        "Changed after posting s:nl:invoice:2: edited",
    ]


def test_a_month_is_listed_by_class() -> None:
    found = [{"class": "edited"}, {"class": "deleted"}, {"class": "edited"}]
    assert month_list({"findings": found}) == ["1 times deleted", "2 times edited"]


def test_a_long_list_says_what_it_leaves_out() -> None:
    assert list(listed(["a", "b", "c"], 3)) == ["a", "b", "c"]
    assert list(listed(["a", "b", "c"], 2))[2].startswith("and 1 more")


@pytest.mark.parametrize(
    ("day", "month", "start", "until"),
    [
        (date(2026, 10, 3), "2026-10", "2026-09-30T00:00:00Z", "2026-11-02T00:00:00Z"),
        (date(2026, 12, 31), "2026-12", "2026-11-30T00:00:00Z", "2027-01-02T00:00:00Z"),
        (date(2028, 2, 1), "2028-02", "2028-01-31T00:00:00Z", "2028-03-02T00:00:00Z"),
    ],
)
def test_a_month_is_read_with_a_day_more_at_both_ends(
    day: date, month: str, start: str, until: str
) -> None:
    assert month_variables(day) == {"MONTH": month, "MONTH_FROM": start, "MONTH_UNTIL": until}


def test_an_interval_is_read_by_creation() -> None:
    summer = timezone(timedelta(hours=2))
    assert interval_variables(
        datetime(2026, 7, 1, 2, 15, tzinfo=summer), datetime(2026, 7, 2, 0, 15, tzinfo=UTC)
    ) == {
        "TAP_ADOBE_COMMERCE_CREATED_FROM": "2026-07-01T00:15:00+00:00",
        "TAP_ADOBE_COMMERCE_CREATED_UNTIL": "2026-07-02T00:15:00+00:00",
    }

"""What a result says about itself, and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from target_exact_online.month_end.model import (
    Bridge,
    Column,
    Finding,
    NotCompared,
    Result,
    Statement,
    to_json,
)

MOMENT = datetime(2026, 11, 4, 8, tzinfo=UTC)
EMPTY = Result(
    division=1,
    company="Shop BV",
    year=2026,
    period=10,
    first=date(2026, 10, 1),
    last=date(2026, 10, 31),
    currency="EUR",
    made_at=MOMENT,
    source="mirror",
    depth="lines",
)


def finding(severity: str) -> Finding:
    return Finding(
        code="E1",
        severity=severity,  # type: ignore[arg-type]
        title="Deleted in Exact",
        cause="It was deleted.",
        amount=Decimal("-54.95"),
        currency="EUR",
    )


def bridge(unexplained: str) -> Bridge:
    return Bridge(
        scope="total",
        title="Sales",
        currency="EUR",
        rows=(),
        unexplained=Decimal(unexplained),
        source="ReportingBalance",
    )


def test_what_is_only_explained_agrees() -> None:
    assert EMPTY.outcome == "agrees"
    assert replace(EMPTY, findings=(finding("info"),)).outcome == "agrees"


def test_what_somebody_must_look_at_differs() -> None:
    assert replace(EMPTY, findings=(finding("info"), finding("warning"))).outcome == "differs"
    assert replace(EMPTY, bridges=(bridge("0.01"),)).outcome == "differs"


def test_cents_that_nothing_explains_do_not_cancel_out() -> None:
    result = replace(EMPTY, bridges=(bridge("0.01"), bridge("-0.01")))
    assert result.unexplained == Decimal("0.02")


def test_what_was_not_compared_is_never_equal() -> None:
    left_out = NotCompared(what="lines", why="The day's calls are spent.", blocking=True)
    assert replace(EMPTY, not_compared=(left_out,)).outcome == "incomplete"
    assert replace(EMPTY, resume_at=MOMENT).outcome == "incomplete"
    assert replace(EMPTY, not_compared=(replace(left_out, blocking=False),)).outcome == "agrees"


def test_json_keeps_every_digit() -> None:
    statement = Statement(
        number=1,
        name="VAT",
        title="VAT",
        columns=(Column(name="code"), Column(name="base", kind="money")),
        rows=(("21", Decimal("100.10")), (None, Decimal("0.00"))),
    )
    result = replace(
        EMPTY, findings=(finding("error"),), bridges=(bridge("0.00"),), statements=(statement,)
    )
    read = json.loads(to_json(result))
    assert read["outcome"] == "differs"
    assert read["unexplained"] == "0.00"
    assert read["first"] == "2026-10-01"
    assert read["findings"][0]["amount"] == "-54.95"
    assert read["statements"][0]["rows"] == [["21", "100.10"], [None, "0.00"]]

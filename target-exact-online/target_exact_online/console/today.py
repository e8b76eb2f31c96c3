"""The first page: how things stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from target_exact_online.console.waiting import causes
from target_exact_online.desk import activity, waiting
from target_exact_online.desk.status import login, standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from target_exact_online.console.desk import Desk

_RUNS, _CAUSES, _DAYS = 8, 5, 31
_WIDTH, _HEIGHT = 620, 120
_FEWEST = 10  # days that the chart has room for


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart, in its own units."""

    day: str
    count: int
    x: float
    y: float
    width: float
    height: float


def show(desk: Desk, request: Request) -> Response:
    """Show the page."""
    now = datetime.now(UTC)
    found = standing(desk.ledger)
    groups = waiting.groups(desk.ledger)
    days = activity.documents_per_day(desk.ledger, _DAYS)
    return desk.page(
        request,
        "today",
        standing=found,
        runs=found.runs[:_RUNS],
        months=[one for one in found.months if one.is_latest or not one.is_settled],
        login=login(desk.config, now),
        groups=groups[:_CAUSES],
        causes=causes(desk, groups[:_CAUSES]),
        more=len(groups) - _CAUSES,
        bars=bars(days),
        width=_WIDTH,
        height=_HEIGHT,
        now=now,
    )


def bars(days: Sequence[tuple[str, int]]) -> list[Bar]:
    """Return a bar for each day; the tallest fills the chart."""
    most = max((count for _, count in days), default=1)
    step = _WIDTH / max(len(days), _FEWEST)
    return [
        Bar(
            day,
            count,
            round(place * step + step * 0.1, 1),
            round(_HEIGHT * (1 - count / most), 1),
            round(step * 0.8, 1),
            round(_HEIGHT * count / most, 1),
        )
        for place, (day, count) in enumerate(days)
    ]

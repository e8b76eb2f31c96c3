"""Whether all is well, for monitoring: from the ledger and the login alone, without a call."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec
import sqlalchemy as sa

from connector_credentials import clean
from connector_program.database import reading
from exact_online.errors import ExactError
from exact_online.stored_login import open_login, store_errors
from exact_online.tokens import REFRESH_LIFE_DAYS, WARN_FROM_DAY
from target_exact_online.desk.commands import open_ledger
from target_exact_online.ledger.tables import (
    IS_OPEN,
    differences,
    documents,
    reconciliations,
    runs,
    signals,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from target_exact_online.ledger.store import Ledger

Level = Literal["ok", "warning", "error", "critical"]
#: Exit codes as monitoring plugins have them.
EXIT_CODES: dict[Level, int] = {"ok": 0, "warning": 1, "critical": 2}
#: How a run may end for its streams to be up to date.
_GOOD = ("ok", "needs_people")
_DAY_SECONDS = 86_400
_LONGEST_LOOK = timedelta(hours=1)  # a signal may wait: a receiver looks at each within a minute
_WAITING = ("parked", "failed", "held")


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at, for people and for monitoring."""

    level: Level  # how good it is
    check: str  # what was looked at
    detail: str  # what was found, and what to do when it is not good
    value: datetime | int | None = None  # the moment (UTC) or the number behind it, or None


class RunEnd(msgspec.Struct, frozen=True):
    """How a run ended."""

    started_at: datetime
    finished_at: datetime | None
    outcome: str
    streams: tuple[str, ...]
    calls_left: int | None  # of the day, when Exact said so


class Waiting(msgspec.Struct, frozen=True):
    """How many documents wait in one way."""

    count: int
    since: datetime | None = None  # when the oldest came in; None: there is none
    next_try: datetime | None = None  # when the first of them is tried again; None: not known


class ComparedMonth(msgspec.Struct, frozen=True):
    """The newest comparison of a month."""

    division: int
    year: int
    period: int
    made_at: datetime
    outcome: str
    signed: bool
    is_latest: bool  # no later month of this company was compared

    @property
    def is_settled(self) -> bool:
        """Tell whether nobody has to look at it."""
        return self.outcome == "agrees" or (self.outcome == "differs" and self.signed)


class Standing(msgspec.Struct, frozen=True):
    """What the ledger tells of its runs, of what waits, and of the months."""

    runs: tuple[RunEnd, ...]  # that ended, newest first
    waiting: dict[str, Waiting]  # by state
    months: tuple[ComparedMonth, ...]  # newest first

    @property
    def calls_left(self) -> int | None:
        """How many calls of the day were left when Exact said so last."""
        return next((one.calls_left for one in self.runs if one.calls_left is not None), None)

    def last_good(self) -> dict[str, datetime | None]:
        """Return when each stream's last good run began; None: never."""
        found: dict[str, datetime | None] = {}
        for run in self.runs:
            for stream in run.streams:
                if found.setdefault(stream, None) is None and run.outcome in _GOOD:
                    found[stream] = run.started_at
        return dict(sorted(found.items()))


def standing(ledger: Ledger) -> Standing:
    """Ask the ledger how things stand."""
    with reading(ledger.engine) as connection:
        ended = connection.execute(
            sa.select(runs).where(runs.c.outcome.is_not(None)).order_by(runs.c.started_at.desc())
        ).all()
        waits = connection.execute(
            sa.select(
                documents.c.state,
                sa.func.count(),
                sa.func.min(documents.c.created_at),
                sa.func.min(documents.c.next_retry_at),
            )
            .where(IS_OPEN)
            .group_by(documents.c.state)
        ).all()
    told = {state: Waiting(*rest) for state, *rest in waits}
    return Standing(
        tuple(
            RunEnd(
                row.started_at,
                row.finished_at,
                row.outcome,
                tuple(json.loads(row.streams)),
                row.calls_left,
            )
            for row in ended
        ),
        {state: told.get(state, Waiting(0)) for state in _WAITING},
        tuple(compared_months(ledger)),
    )


def compared_months(ledger: Ledger) -> Iterator[ComparedMonth]:
    """Yield the newest comparison of each month, newest first."""
    known = reconciliations.c
    month = (known.division, known.year, known.period)
    query = sa.select(*month, known.made_at, known.outcome, known.status)
    newest = (*(one.desc() for one in month), known.made_at.desc())
    with reading(ledger.engine) as connection:
        compared = connection.execute(query.order_by(*newest)).all()
    seen: set[tuple[int, ...]] = set()
    for division, year, period, made_at, outcome, state in compared:
        if (division, year, period) not in seen:
            is_latest = all(one[0] != division for one in seen)
            signed = state == "signed"
            yield ComparedMonth(division, year, period, made_at, outcome, signed, is_latest)
        seen.add((division, year, period))


def examine(ledger: Ledger, config: dict[str, Any], longest: timedelta) -> Iterator[Finding]:
    """Look at runs, months, documents and login; `longest` is how old a good run may be."""
    now = datetime.now(UTC)
    found = standing(ledger)
    yield from _runs(found.last_good(), now, longest)
    for state, waiting in found.waiting.items():
        yield _oldest(state, waiting)
    yield from _months(found.months)
    yield from _signalled(ledger, now)
    if (left := found.calls_left) is not None:
        yield Finding("ok", "calls", f"{left} were left after the last run", left)
    yield login(config, now)


def _runs(
    good: Mapping[str, datetime | None], now: datetime, longest: timedelta
) -> Iterator[Finding]:
    if not good:
        yield Finding("critical", "runs", "No run has ended yet: is the schedule on?")
    for stream, last in good.items():
        late = last is None or now - last > longest
        said = "never" if last is None else f"{last:%Y-%m-%d %H:%M} UTC"
        more = ": look at the scheduler and at the last run's log" if late else ""
        yield Finding(
            "critical" if late else "ok", f"run: {stream}", f"last good run {said}{more}", last
        )


def _months(months: Iterable[ComparedMonth]) -> Iterator[Finding]:
    """Yield the last comparison of each company, and of earlier months what nobody has settled."""
    for one in months:
        if one.is_latest or not one.is_settled:
            name = f"{one.year}-{one.period:02}"
            made_at = f"{one.made_at:%Y-%m-%d %H:%M} UTC"
            told = f"division {one.division} {one.outcome}, compared {made_at}, "
            told += "signed off" if one.signed else "not signed off"
            told += "" if one.is_settled else f": reconcile --month {name}"
            level: Level = "ok" if one.is_settled else "warning"
            yield Finding(level, f"month {name}", told, one.made_at)


def _signalled(ledger: Ledger, now: datetime) -> Iterator[Finding]:
    """Yield what signals showed of posted documents; nothing where no signal ever came."""
    since = sa.select(sa.func.min(signals.c.first_at)).where(
        signals.c.source == "exact", signals.c.handled_at.is_(None)
    )
    with reading(ledger.engine) as connection:
        oldest = connection.execute(since).scalar_one()
        if oldest is not None and now - oldest > _LONGEST_LOOK:
            told = f"nobody has looked at some since {oldest:%Y-%m-%d %H:%M} UTC: webhooks check"
            yield Finding("warning", "signals", told, oldest)
        count, since = connection.execute(
            sa.select(sa.func.count(), sa.func.min(differences.c.seen_at))
        ).one()
    if count:
        told = f"{count} posted documents, the first since {since:%Y-%m-%d %H:%M} UTC: "
        yield Finding("warning", "changed in Exact", f"{told}documents list --different", count)


def login(config: Mapping[str, Any], now: datetime) -> Finding:
    """Tell how the login is; its value are the days that it lives on."""
    try:
        store, name, _ = open_login(config)
        with store_errors():
            entry = store.get(name) or {}
    except ExactError as error:
        return Finding("critical", "login", str(error))
    if reason := entry.get("refused"):
        return Finding("critical", "login", str(reason))
    if not entry.get("issued_at"):
        return Finding("ok", "login", "not used yet")
    left = REFRESH_LIFE_DAYS - (now.timestamp() - float(entry["issued_at"])) / _DAY_SECONDS
    soon = left < REFRESH_LIFE_DAYS - WARN_FROM_DAY
    return Finding(
        "warning" if soon else "ok",
        "login",
        f"dies in {left:.0f} days unless it is renewed" + (": run keep-alive" if soon else ""),
        int(left),
    )


def _oldest(state: str, waiting: Waiting) -> Finding:
    if not waiting.count:
        return Finding("ok", state, "none", 0)
    people = f": documents list --state {state}" if state == "parked" else ", tried by itself"
    return Finding(
        "warning" if state == "parked" else "ok",
        state,
        f"{waiting.count}, the oldest since {waiting.since:%Y-%m-%d}{people}",
        waiting.count,
    )


@click.command("status")
@click.option(
    "--max-age-hours",
    type=click.IntRange(min=1),
    default=36,
    show_default=True,
    help="How long ago the last good run of a stream may be.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_obj
def status(obj: Any, /, *, max_age_hours: int, as_json: bool) -> None:
    """Tell whether all is well: exit code 0, 1 (somebody is needed) or 2 (it stands still)."""
    worst = 0
    longest = timedelta(hours=max_age_hours)
    for finding in examine(open_ledger(obj), dict(obj.config), longest):
        worst = max(worst, EXIT_CODES[finding.level])
        if as_json:
            click.echo(msgspec.json.encode(finding).decode())
        else:
            click.echo(f"{finding.level:9} {finding.check:30} {clean(finding.detail)}")
    raise click.exceptions.Exit(worst)

"""Whether all is well, for monitoring: from the ledger and the login alone, without a call."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec
import sqlalchemy as sa

from connector_credentials import clean
from exact_online.errors import ExactError
from exact_online.stored_login import open_login, store_errors
from exact_online.tokens import REFRESH_LIFE_DAYS, WARN_FROM_DAY
from target_exact_online.desk.commands import open_ledger
from target_exact_online.ledger.database import reading
from target_exact_online.ledger.tables import documents, reconciliations, runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_exact_online.ledger.store import Ledger

Level = Literal["ok", "warning", "error", "critical"]
#: Exit codes as monitoring plugins have them.
EXIT_CODES: dict[Level, int] = {"ok": 0, "warning": 1, "critical": 2}
#: How a run may end for its streams to be up to date.
_GOOD = ("ok", "needs_people")
_DAY_SECONDS = 86_400
_WAITING = ("parked", "failed", "held")


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at, for people and for monitoring."""

    level: Level  # how good it is
    check: str  # what was looked at
    detail: str  # what was found, and what to do when it is not good
    value: datetime | int | None = None  # the moment (UTC) or the number behind it, or None


def examine(ledger: Ledger, config: dict[str, Any], longest: timedelta) -> Iterator[Finding]:
    """Look at runs, months, documents and login; `longest` is how old a good run may be."""
    now = datetime.now(UTC)
    with reading(ledger.engine) as connection:
        yield from _runs(connection, now, longest)
        for state in _WAITING:
            yield _oldest(connection, state)
        left = connection.scalar(
            sa.select(runs.c.calls_left)
            .where(runs.c.calls_left.is_not(None))
            .order_by(runs.c.started_at.desc())
        )
        yield from _months(connection)
    if left is not None:
        yield Finding("ok", "calls", f"{left} were left after the last run", left)
    yield _login(config, now)


def _runs(connection: sa.Connection, now: datetime, longest: timedelta) -> Iterator[Finding]:
    good: dict[str, datetime] = {}
    known: set[str] = set()
    told = sa.select(runs.c.streams, runs.c.outcome, runs.c.started_at)
    for row in connection.execute(told.where(runs.c.outcome.is_not(None))):
        streams = json.loads(row.streams)
        known.update(streams)
        if row.outcome in _GOOD:
            for stream in streams:
                good[stream] = max(row.started_at, good.get(stream, row.started_at))
    if not known:
        yield Finding("critical", "runs", "No run has ended yet: is the schedule on?")
    for stream in sorted(known):
        last = good.get(stream)
        late = last is None or now - last > longest
        said = "never" if last is None else f"{last:%Y-%m-%d %H:%M} UTC"
        more = ": look at the scheduler and at the last run's log" if late else ""
        yield Finding(
            "critical" if late else "ok", f"run: {stream}", f"last good run {said}{more}", last
        )


def _months(connection: sa.Connection) -> Iterator[Finding]:
    """Yield the last comparison of each company, and of earlier months what nobody has settled."""
    known = reconciliations.c
    month = (known.division, known.year, known.period)
    rows = connection.execute(
        sa.select(*month, known.made_at, known.outcome, known.status).order_by(
            *(one.desc() for one in month), known.made_at.desc()
        )
    )
    seen: set[tuple[int, ...]] = set()
    for division, year, period, made_at, outcome, state in rows:
        is_latest = all(one[0] != division for one in seen)
        good = outcome == "agrees" or (outcome == "differs" and state == "signed")
        if (division, year, period) not in seen and (is_latest or not good):
            told = f"division {division} {outcome}, compared {made_at:%Y-%m-%d %H:%M} UTC, "
            told += "signed off" if state == "signed" else "not signed off"
            told += "" if good else f": reconcile --month {year}-{period:02}"
            level: Level = "ok" if good else "warning"
            yield Finding(level, f"month {year}-{period:02}", told, made_at)
        seen.add((division, year, period))


def _login(config: Mapping[str, Any], now: datetime) -> Finding:
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


def _oldest(connection: sa.Connection, state: str) -> Finding:
    count, since = connection.execute(
        sa.select(sa.func.count(), sa.func.min(documents.c.created_at)).where(
            documents.c.state == state
        )
    ).one()
    if not count:
        return Finding("ok", state, "none", 0)
    people = f": documents list --state {state}" if state == "parked" else ", tried by itself"
    return Finding(
        "warning" if state == "parked" else "ok",
        state,
        f"{count}, the oldest since {since:%Y-%m-%d}{people}",
        count,
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

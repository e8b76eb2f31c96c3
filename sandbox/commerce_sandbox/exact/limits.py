"""Rate windows per app and company, and the block after too many errors.

Windows are fixed: the minute from second 0, the day from 00:00 UTC. ``Reset`` headers are
UTC epoch milliseconds. A 429 carries the exceeded pair only and has no body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commerce_sandbox.exact.errors import TooManyRequestsError

if TYPE_CHECKING:
    import sqlite3

    from commerce_sandbox.database import Database

MINUTE_LIMIT = "exact.minute_limit"
DAY_LIMIT = "exact.day_limit"
ERROR_LIMIT = "exact.error_limit"
OMIT_HEADERS = "exact.omit_rate_headers"

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_UNLIMITED = 1_000_000_000


def count_one(connection: sqlite3.Connection, name: str, period: int) -> int:
    """Count a call in a window and return how many there were in it so far.

    Args:
        connection: A connection inside a write transaction.
        name: Whose calls these are.
        period: Number of the window (minute or day); a new one starts at zero.
    """
    row = connection.execute(
        "SELECT calls FROM exact_usage WHERE name = ? AND period = ?", (name, period)
    ).fetchone()
    calls = 1 if row is None else int(row[0]) + 1
    connection.execute("REPLACE INTO exact_usage VALUES (?, ?, ?)", (name, period, calls))
    return calls


def count(database: Database, client_id: str, division: int, now: float) -> dict[str, str]:
    """Count a data call and return its six rate headers.

    Args:
        database: The sandbox's database.
        client_id: The app.
        division: The company.
        now: Unix seconds of the sandbox's clock.

    Raises:
        TooManyRequestsError: A window is full; this call does not count.
    """
    settings = database.settings()
    minute_limit = settings.get(MINUTE_LIMIT, 60)
    day_limit = settings.get(DAY_LIMIT, 5000)
    minute, day = int(now // _MINUTE), int(now // _DAY)
    by_minute = by_day = 0
    if minute_limit is not None or day_limit is not None:
        who = f"{client_id}/{division}"
        with database.transaction() as connection:
            by_minute = count_one(connection, f"{who}/minute", minute)
            if minute_limit is None or by_minute <= minute_limit:
                by_day = count_one(connection, f"{who}/day", day)
    minutely = _pair("X-RateLimit-Minutely", minute_limit, by_minute, (minute + 1) * _MINUTE)
    daily = _pair("X-RateLimit", day_limit, by_day, (day + 1) * _DAY)
    omitted = settings.get(OMIT_HEADERS, False)
    if minute_limit is not None and by_minute > minute_limit:
        raise TooManyRequestsError(headers={} if omitted else minutely)
    if day_limit is not None and by_day > day_limit:
        raise TooManyRequestsError(headers={} if omitted else daily)
    return {} if omitted else daily | minutely


def _pair(prefix: str, limit: int | None, used: int, reset: int) -> dict[str, str]:
    allowed = _UNLIMITED if limit is None else limit
    return {
        f"{prefix}-Limit": str(allowed),
        f"{prefix}-Remaining": str(max(0, allowed - used)),
        f"{prefix}-Reset": str(reset * 1000),
    }


def check_errors(database: Database, endpoint: str, now: float) -> None:
    """Refuse calls to an endpoint that is blocked for its errors.

    Args:
        database: The sandbox's database.
        endpoint: App, user, division and resource.
        now: Unix seconds of the sandbox's clock.

    Raises:
        TooManyRequestsError: Still blocked; without rate headers.
    """
    if now < database.cached("exact.blocks", _read_blocks).get(endpoint, 0.0):
        raise TooManyRequestsError


def _read_blocks(connection: sqlite3.Connection) -> dict[str, float]:
    return {row[0]: row[1] for row in connection.execute("SELECT * FROM exact_blocks")}


def count_error(database: Database, endpoint: str, now: float) -> None:
    """Note a failed call; the tenth within an hour blocks the endpoint for an hour.

    Each further block of the same endpoint lasts twice as long as the one before.
    """
    limit = database.setting(ERROR_LIMIT, 10)
    if limit is None:
        return
    with database.transaction() as connection:
        connection.execute(
            "DELETE FROM exact_failures WHERE endpoint = ? AND at <= ?", (endpoint, now - _HOUR)
        )
        connection.execute("INSERT INTO exact_failures VALUES (?, ?)", (endpoint, now))
        failures = connection.execute(
            "SELECT count(*) FROM exact_failures WHERE endpoint = ?", (endpoint,)
        ).fetchone()[0]
        if failures < limit:
            return
        connection.execute("DELETE FROM exact_failures WHERE endpoint = ?", (endpoint,))
        connection.execute(
            "INSERT INTO exact_blocks VALUES (:endpoint, :now + 3600, 1) ON CONFLICT (endpoint) "
            "DO UPDATE SET until = :now + 3600 * (1 << times), times = times + 1",
            {"endpoint": endpoint, "now": now},
        )
    database.forget("exact.blocks")

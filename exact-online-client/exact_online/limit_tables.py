"""The two tables of the limits: what is left of each window, and the errors of the last hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connector_program.database import insert, reading
from exact_online.windows import DAY, GUARD_SECONDS, MINUTE

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from exact_online.windows import Window

HOUR = 3_600.0
ASSUMED_MINUTE_LIMIT = 60
ASSUMED_DAY_LIMIT = 5_000

metadata = sa.MetaData()

call_windows = sa.Table(
    "call_windows",
    metadata,
    sa.Column("app", sa.String(64), primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("minute_limit", sa.BigInteger, nullable=False),
    sa.Column("minute_left", sa.BigInteger, nullable=False),
    sa.Column("minute_ends_at", sa.Float, nullable=False),  # seconds since 1970, UTC
    sa.Column("day_limit", sa.BigInteger, nullable=False),
    sa.Column("day_left", sa.BigInteger, nullable=False),
    sa.Column("day_ends_at", sa.Float, nullable=False),
    sa.Column("leased", sa.BigInteger, nullable=False),  # handed out and perhaps not yet used
)

endpoint_errors = sa.Table(
    "endpoint_errors",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(64), nullable=False),
    sa.Column("division", sa.Integer, nullable=False),
    sa.Column("endpoint", sa.String(100), nullable=False),
    sa.Column("at", sa.Float, nullable=False),  # seconds since 1970, UTC
    sa.Index("ix_endpoint_errors_at", "app", "division", "at"),
)


def create_tables(engine: Engine) -> None:
    """Create the tables of the limits where nothing else, such as migrations, does.

    Args:
        engine: A SQLite or PostgreSQL database.
    """
    metadata.create_all(engine)


def lock_windows(connection: Connection, app: str, division: int, now: float) -> sa.Row[Any]:
    """Return the row of one app and company, made if need be, that nobody else can change now.

    Args:
        connection: In a transaction of its own.
        app: The app registration.
        division: The company.
        now: Seconds since 1970, UTC.
    """
    # A write first: it takes the row lock on PostgreSQL, as BEGIN IMMEDIATE does on SQLite.
    lock = (
        call_windows.update()
        .where(_of(call_windows, app, division))
        .values(leased=call_windows.c.leased)
        .returning(*call_windows.c)
    )
    row = connection.execute(lock).one_or_none()
    if row is None:
        new = insert(connection, call_windows).values(
            app=app,
            division=division,
            minute_limit=ASSUMED_MINUTE_LIMIT,
            minute_left=ASSUMED_MINUTE_LIMIT,
            minute_ends_at=(now // MINUTE + 1) * MINUTE,
            day_limit=ASSUMED_DAY_LIMIT,
            day_left=ASSUMED_DAY_LIMIT,
            day_ends_at=(now // DAY + 1) * DAY,
            leased=0,
        )
        connection.execute(new.on_conflict_do_nothing())  # another process may have made it
        row = connection.execute(lock).one()
    return row


def write_windows(
    connection: Connection, app: str, division: int, minute: Window, day: Window, *, leased: int
) -> None:
    """Store the windows of one app and company.

    Args:
        connection: Has locked the row.
        app: The app registration.
        division: The company.
        minute: What is left of the minute.
        day: What is left of the day.
        leased: Calls that are handed out and perhaps not yet used.
    """
    connection.execute(
        call_windows.update()
        .where(_of(call_windows, app, division))
        .values(
            minute_limit=minute.limit,
            minute_left=minute.left,
            minute_ends_at=minute.ends_at,
            day_limit=day.limit,
            day_left=day.left,
            day_ends_at=day.ends_at,
            leased=leased,
        )
    )


def read_errors(engine: Engine, app: str, division: int, now: float) -> dict[str, list[float]]:
    """Return when each endpoint answered errors within the last hour.

    Args:
        engine: The database.
        app: The app registration.
        division: The company.
        now: Seconds since 1970, UTC.
    """
    query = sa.select(endpoint_errors.c.endpoint, endpoint_errors.c.at).where(
        _of(endpoint_errors, app, division),
        endpoint_errors.c.at > now - HOUR,
        endpoint_errors.c.at <= now + GUARD_SECONDS,  # later: written by a clock that was wrong
    )
    errors: dict[str, list[float]] = {}
    with reading(engine) as connection:
        for endpoint, at in connection.execute(query):
            errors.setdefault(endpoint, []).append(at)
    return errors


def add_error(engine: Engine, app: str, division: int, endpoint: str, now: float) -> None:
    """Store that an endpoint answered an error, and forget those of other days.

    Args:
        engine: The database.
        app: The app registration.
        division: The company.
        endpoint: The resource.
        now: Seconds since 1970, UTC.
    """
    other_days = (endpoint_errors.c.at < now - DAY) | (endpoint_errors.c.at > now + DAY)
    with engine.begin() as connection:
        connection.execute(
            endpoint_errors.insert().values(app=app, division=division, endpoint=endpoint, at=now)
        )
        connection.execute(endpoint_errors.delete().where(other_days))


def _of(table: sa.Table, app: str, division: int) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.app == app, table.c.division == division)

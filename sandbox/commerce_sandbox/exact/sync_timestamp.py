"""read/sync/Sync/SyncTimestamp: the row version from which a sync list holds what changed since."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from commerce_sandbox.exact import views
from commerce_sandbox.exact.convert import date_as_stored
from commerce_sandbox.exact.errors import BadRequestError
from commerce_sandbox.exact.local_time import utc_of
from commerce_sandbox.exact.metadata import resources

if TYPE_CHECKING:
    from commerce_sandbox.database import Database
    from commerce_sandbox.exact.store import Row

PATH = "read/sync/Sync/SyncTimestamp"
_LITERAL = re.compile(r"datetime'(?P<text>[^']*)'")
_FIRST = 1


def sync_timestamp(database: Database, division: int, query: str, *, local: bool) -> Row:
    """Return the last row version before a moment.

    Args:
        database: The sandbox's database.
        division: Whose rows.
        query: The query string with ``modified`` and ``endPoint``.
        local: Whether the moment is Dutch local time.

    Raises:
        BadRequestError: One of them is missing or cannot be read.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    for name in ("modified", "endPoint"):
        if name not in given:
            message = f"The mandatory query parameter '{name}' is missing."
            raise BadRequestError(message)
    literal = _LITERAL.fullmatch(given["modified"])
    moment = date_as_stored(literal["text"]) if literal else None
    if moment is None:
        message = "The query parameter 'modified' is not a valid Edm.DateTime."
        raise BadRequestError(message)
    api = given["endPoint"].strip("'")
    found = [item for item in resources().values() if item.is_sync() and item.name == api]
    view = views.view(found[0].path) if found else None
    if view is None:
        message = f"The endpoint '{api}' has no Sync API."
        raise BadRequestError(message)
    last = (
        database.connection()
        .execute(
            f"SELECT max(version) FROM {view.source_sql()} WHERE division = ? AND modified < ?",  # noqa: S608 -- our own names
            (division, utc_of(moment) if local else moment),
        )
        .fetchone()[0]
    )
    return {"Modified": moment, "API": api, "TimeStampAsBigInt": last or _FIRST}

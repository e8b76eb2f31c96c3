"""Faults on request: which call fails, how, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.exceptions import UnknownFaultError

if TYPE_CHECKING:
    import sqlite3

    from commerce_sandbox.database import Database

KINDS: dict[str, str] = {
    "latency": "waits `seconds` (1), then answers as usual",
    "too_many_requests": "429 without running the call; `headers` (object; none) are added",
    "error_before": "500 without running the call; optional `body`",
    "error_after": "the call runs and its effect stays, the client sees 500; optional `body`",
    "drop_before": "the connection closes without an answer, the call did not run",
    "drop_after": "the call runs and its effect stays, the connection closes without an answer",
    "truncate": "the call runs, the connection closes after half of the answer's body",
    "unavailable": "503 with an HTML page, without running the call; `retry_after` (none)",
    "slow": "the call runs, its answer drips at `bytes_per_second` (100)",
    "status_before": "`status` (502) without running the call; `body`, `headers`",
    "status_after": "the call runs and its effect stays, the client sees `status` (502); `body`, "
    "`headers`",
    "php_notice": "the call runs, a notice of PHP (`text`) stands before the answer's body",
    "late_commit": "the connection closes (or `status` is answered), the call takes effect after "
    "`seconds` (5) of the sandbox's clock; Exact only",
    "swapped_answer": "the call runs, the answer shows another entity of the resource; Exact only",
    "other_division": "the call runs, the answer is another division's; Exact only",
    "changed_field": "the call runs with header field `field` changed to `value`; Exact only",
    "unprinted": "201 with `property` (DocumentCreationError) = `text`, the invoice stays open; "
    "Exact only",
}

#: Kinds that only the sandbox's Exact Online knows; it carries them out itself.
OF_EXACT = frozenset({"swapped_answer", "other_division", "changed_field", "unprinted"})
#: What a fault gives its system to carry out, in the ASGI scope.
SCOPE_KEY = "commerce_sandbox.fault"

_TABLE = """
CREATE TABLE IF NOT EXISTS faults (
  id INTEGER PRIMARY KEY,
  route TEXT NOT NULL,
  method TEXT,
  kind TEXT NOT NULL,
  nth INTEGER NOT NULL,
  times INTEGER NOT NULL,
  params TEXT NOT NULL,
  seen INTEGER NOT NULL DEFAULT 0,
  fired INTEGER NOT NULL DEFAULT 0
)
"""


@dataclass(frozen=True)
class Fault:
    """One planned fault.

    Attributes:
        route: Pattern of the path (shell wildcards, ``*`` also matches ``/``).
        kind: One of :data:`KINDS`.
        method: HTTP method, or None for any.
        nth: The first matching call that fails, counted from 1.
        times: How many calls fail in a row from there; 0 means for ever.
        params: The kind's own parameters.
        id: Its number, once planned.
        seen: Matching calls so far.
        fired: Calls it made fail so far.
    """

    route: str
    kind: str
    method: str | None = None
    nth: int = 1
    times: int = 1
    params: dict[str, Any] = field(default_factory=dict)
    id: int = 0
    seen: int = 0
    fired: int = 0


def create_tables(database: Database) -> None:
    """Create the table of faults if it is missing."""
    database.connection().execute(_TABLE)


def add(database: Database, fault: Fault) -> int:
    """Plan a fault and return its number.

    Raises:
        UnknownFaultError: There is no such kind, or nth or times is out of range.
    """
    if fault.kind not in KINDS:
        raise UnknownFaultError(fault.kind, KINDS)
    if fault.kind == "changed_field" and not {"field", "value"} <= fault.params.keys():
        message = "changed_field needs field and value"
        raise UnknownFaultError(message)
    if fault.nth < 1 or fault.times < 0:
        message = "nth starts at 1, and times at 0 (for ever)"
        raise UnknownFaultError(message)
    cursor = database.connection().execute(
        "INSERT INTO faults (route, method, kind, nth, times, params) VALUES (?, ?, ?, ?, ?, ?)",
        (
            fault.route,
            fault.method.upper() if fault.method else None,
            fault.kind,
            fault.nth,
            fault.times,
            orjson.dumps(fault.params).decode(),
        ),
    )
    database.forget("faults")
    return int(cursor.lastrowid or 0)


def planned(database: Database) -> list[Fault]:
    """Return all faults with their counters, straight from the database."""
    return _read(database.connection())


def clear(database: Database) -> None:
    """Remove all faults."""
    database.connection().execute("DELETE FROM faults")
    database.forget("faults")


def take(database: Database, method: str, path: str) -> Fault | None:
    """Count a call against the planned faults and return the one it must suffer.

    Every matching fault counts the call; the first (lowest id) that is due fires.

    Args:
        database: The sandbox's database.
        method: HTTP method of the call.
        path: Path of the call, without its query.
    """
    due: Fault | None = None
    for fault in database.cached("faults", _read):
        if fault.method not in (None, method) or not fnmatchcase(path, fault.route):
            continue
        row = (
            database.connection()
            .execute("UPDATE faults SET seen = seen + 1 WHERE id = ? RETURNING seen", (fault.id,))
            .fetchone()
        )
        if row is None:
            continue
        seen = row["seen"]
        last = fault.nth + fault.times - 1 if fault.times else seen
        if due is None and fault.nth <= seen <= last:
            due = fault
    if due is not None:
        database.connection().execute("UPDATE faults SET fired = fired + 1 WHERE id = ?", (due.id,))
    return due


def _read(connection: sqlite3.Connection) -> list[Fault]:
    return [
        Fault(
            route=row["route"],
            kind=row["kind"],
            method=row["method"],
            nth=row["nth"],
            times=row["times"],
            params=orjson.loads(row["params"]),
            id=row["id"],
            seen=row["seen"],
            fired=row["fired"],
        )
        for row in connection.execute("SELECT * FROM faults ORDER BY id")
    ]

"""The day book on disk: which document is in which daily entry, and the sums so far.

SQLite keeps memory flat over any number of documents and makes a daily entry repeatable: a
document that is extracted again is recognised, and an entry once closed never changes.

An entry is emitted when its business day is over, and again in later runs for `_REPEAT_DAYS`
days: the target knows it by its key and posts it once, so that a run that died between this
file and the target loses nothing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

from mapper_gl_rules.booking.daily_journal import Contribution, DayKey, DayLine, day_entry
from mapper_gl_rules.exceptions import ConfigError, DocumentRefusedError, StoreUnavailableError
from mapper_gl_rules.money import minor_unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mapper_gl_rules.booking.result import Booked
    from mapper_gl_rules.rules.model import Rules

__all__ = ["DayStore"]

_REPEAT_DAYS = 14
_PATIENCE = 30.0  # seconds to wait for another run
_BATCH = 20_000  # documents held in memory before they are written
_SCHEMA = """
create table if not exists entry (
    id integer primary key, instance text, day text, store text, currency text, method text,
    number integer, rules_version text, closed_on text,
    unique (instance, day, store, currency, method, number)
);
create table if not exists line (
    entry integer, gl text, vat_code text, cost_center text, cost_unit text, side text, role text,
    rule text, net integer not null, vat integer not null,
    primary key (entry, gl, vat_code, cost_center, cost_unit, side, role, rule)
) without rowid;
create table if not exists document (
    document_key text primary key, entry integer not null, digest blob not null
) without rowid;
create index if not exists document_entry on document (entry);
"""


class DayStore:
    """A day book in a SQLite file; amounts are kept in minor units, as integers."""

    def __init__(self, file: Path, rules: Rules, today: date) -> None:
        """Open or make the file.

        Args:
            file: The SQLite file.
            rules: Name the journal; their version is kept with each entry.
            today: The company's local date; entries of this day stay open.

        Raises:
            ConfigError: When the file cannot be used.
            StoreUnavailableError: When another process holds it.
        """
        self._rules = rules
        self._today = today.isoformat()
        self._file = file
        self._db = _connect(file)
        self._open: dict[DayKey, int] = {}
        self._sums: dict[tuple[int, DayLine], list[int]] = {}
        self._documents: dict[str, tuple[int, bytes]] = {}

    def close(self) -> None:
        """Let the file go; what was not made durable by `close_days` is forgotten."""
        self._db.close()

    def add(self, contribution: Contribution) -> None:
        """Add a document to the open entry of its day, unless it is in one already.

        Raises:
            DocumentRefusedError: When it is in an entry with other amounts.
        """
        key = contribution.key
        unit = minor_unit(key.currency)
        amounts = {
            line: (int(net / unit), int(vat / unit))
            for line, (net, vat) in contribution.amounts.items()
        }
        content = repr((tuple(key), sorted(amounts.items()))).encode()
        digest = blake2b(content, digest_size=16).digest()
        known = self._known(contribution.document_key)
        if known is not None:
            self._check_same(contribution.document_key, *known, digest)
            return
        entry = self._entry(key)
        self._documents[contribution.document_key] = (entry, digest)
        for line, (net, vat) in amounts.items():
            sums = self._sums.setdefault((entry, line), [0, 0])
            sums[0] += net
            sums[1] += vat
        if len(self._documents) >= _BATCH:
            self._write()

    def close_days(self) -> Iterator[Booked]:
        """Make everything durable, then give the entries of all days that are over."""
        self._write()
        self._db.execute(
            "update entry set closed_on = ? where closed_on is null and day < ?",
            (self._today, self._today),
        )
        self._db.execute("commit")
        since = (date.fromisoformat(self._today) - timedelta(days=_REPEAT_DAYS)).isoformat()
        with closing(
            self._db.execute(
                "select id, instance, day, store, currency, method, number, rules_version"
                " from entry where closed_on >= ? order by day, id",
                (since,),
            ),
        ) as entries:
            for entry, *key, number, version in entries:
                yield self._booked(entry, DayKey(*key), number, version)
        self.close()

    def _booked(self, entry: int, key: DayKey, number: int, version: str) -> Booked:
        unit = minor_unit(key.currency)
        amounts = {
            DayLine(*line): (net * unit, vat * unit)
            for *line, net, vat in self._db.execute(
                "select gl, vat_code, cost_center, cost_unit, side, role, rule, net, vat"
                " from line where entry = ?",
                (entry,),
            )
        }
        includes = [
            found
            for (found,) in self._db.execute(
                "select document_key from document where entry = ? order by document_key",
                (entry,),
            )
        ]
        return day_entry(key, number, amounts, includes, self._rules, version)

    def _known(self, document_key: str) -> tuple[int, bytes] | None:
        """Find a document that is in an entry."""
        return (
            self._documents.get(document_key)
            or self._db.execute(
                "select entry, digest from document where document_key = ?",
                (document_key,),
            ).fetchone()
        )

    def _check_same(self, document_key: str, entry: int, old: bytes, new: bytes) -> None:
        if old == new:
            return
        version = self._db.execute(
            "select rules_version from entry where id = ?",
            (entry,),
        ).fetchone()
        if version and version[0] != self._rules.version:
            return  # other rules would book it otherwise now; what is booked stays booked
        raise DocumentRefusedError(
            reason=f"{document_key} is in a daily entry with other amounts",
            where="grand_total",
            what_to_do="Book the difference by hand: an entry never changes afterwards.",
        )

    def _entry(self, key: DayKey) -> int:
        """Find the open entry of a day, or begin one."""
        found = self._open.get(key)
        if found is not None:
            return found
        where = " and ".join(f"{field} = ?" for field in DayKey._fields)
        row = self._db.execute(
            f"select id from entry where {where} and closed_on is null and rules_version = ?",  # noqa: S608  # field names are ours
            (*key, self._rules.version),
        ).fetchone()
        if row is None:
            (last,) = self._db.execute(
                f"select coalesce(max(number), 0) from entry where {where}",  # noqa: S608  # as above
                tuple(key),
            ).fetchone()
            row = (
                self._db.execute(
                    "insert into entry (instance, day, store, currency, method, number,"
                    " rules_version) values (?, ?, ?, ?, ?, ?, ?)",
                    (*key, last + 1, self._rules.version),
                ).lastrowid,
            )
        self._open[key] = int(row[0] or 0)
        return self._open[key]

    def _write(self) -> None:
        """Write what is held in memory."""
        self._db.executemany(
            "insert into document (document_key, entry, digest) values (?, ?, ?)",
            ((key, entry, digest) for key, (entry, digest) in self._documents.items()),
        )
        self._db.executemany(
            "insert into line values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update"
            " set net = net + excluded.net, vat = vat + excluded.vat",
            ((entry, *line, net, vat) for (entry, line), (net, vat) in self._sums.items()),
        )
        self._documents.clear()
        self._sums.clear()
        self._open.clear()


def _connect(file: Path) -> sqlite3.Connection:
    """Open the file and take it for this run alone."""
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(file, isolation_level=None, timeout=_PATIENCE)
        connection.execute("pragma journal_mode = wal")
        connection.executescript(_SCHEMA)
        connection.execute("begin immediate")
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        if "locked" in str(error):
            msg = f"the day book {file} is in use by another run. Run again later."
            raise StoreUnavailableError(msg) from error
        raise ConfigError(
            what=f"the day book cannot be opened: {error}",
            where=f"setting days_file, {file}",
            what_to_do="Name a file in a folder that exists; it is made by the first run.",
        ) from error
    return connection

"""The cache of master data in the ledger database: read often, refreshed by few calls."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from connector_program.database import reading
from exact_online.errors import ConfigError
from target_exact_online.ledger.locks import lock_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection, Engine

    from target_exact_online.master_data.kinds import Kind, Row

_LONG_FRESH = 2 * 86_400  # longer than anything is trusted, shorter than deletions are kept

metadata = sa.MetaData()

master_rows = sa.Table(
    "master_rows",
    metadata,
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("code", sa.String(64), nullable=False),
    sa.Column("search_key", sa.String(64)),
    sa.Column("vat_key", sa.String(64)),
    sa.Column("email_key", sa.String(64)),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

master_state = sa.Table(
    "master_state",
    metadata,
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("read_at", sa.Float, nullable=False),  # seconds since 1970, UTC
    sa.Column("timestamp", sa.BigInteger, nullable=False),  # Exact's row version, not a time
    sa.Column("deleted_timestamp", sa.BigInteger, nullable=False),
    sa.Column("marker", sa.String(128), nullable=False),  # the division's move dates
)


class DamagedRowError(ConfigError):
    """A cached row is not what was stored, or not what Exact usually answers."""


@dataclass(frozen=True, slots=True)
class State:
    """How far one kind of master data was read."""

    read_at: float = 0.0  # when it was read last (seconds since 1970, UTC)
    timestamp: int = 1  # highest sync timestamp seen
    deleted_timestamp: int = 1  # highest timestamp of ``sync/Deleted`` seen
    marker: str = ""  # the division's move dates at that time


@dataclass(frozen=True, slots=True)
class Cache:
    """Rows of one division's master data, in the ledger's database."""

    engine: Engine
    division: int

    def state(self, kind: str) -> State:
        """Return how far a kind was read."""
        query = sa.select(
            master_state.c.read_at,
            master_state.c.timestamp,
            master_state.c.deleted_timestamp,
            master_state.c.marker,
        ).where(master_state.c.division == self.division, master_state.c.kind == kind)
        with reading(self.engine) as connection:
            row = connection.execute(query).one_or_none()
        try:
            return State(float(row[0]), int(row[1]), int(row[2]), str(row[3])) if row else State()
        except (TypeError, ValueError):  # damaged: read as a whole
            return State()

    def store(
        self,
        kind: Kind[Any],
        name: str,
        rows: Iterable[Row],
        state: State,
        *,
        deleted: Iterable[str] = (),
        replace: bool,
    ) -> None:
        """Keep new and changed rows, or by `replace` all there are, and how far they were read."""
        values = {str(row[kind.key]): self._values(kind, name, row) for row in rows}
        gone = list(deleted)
        here = (master_rows.c.division == self.division) & (master_rows.c.kind == name)
        with self.engine.begin() as connection:
            self._one_at_a_time(connection, name)
            if replace:
                connection.execute(master_rows.delete().where(here))
            else:
                obsolete = [*values, *gone]
                for start in range(0, len(obsolete), 500):
                    some = obsolete[start : start + 500]
                    connection.execute(
                        master_rows.delete().where(here & master_rows.c.id.in_(some))
                    )
            if values:
                connection.execute(master_rows.insert(), list(values.values()))
            where = (master_state.c.division == self.division) & (master_state.c.kind == name)
            connection.execute(master_state.delete().where(where))
            connection.execute(
                master_state.insert().values(division=self.division, kind=name, **asdict(state))
            )

    def rows(self, name: str, **keys: str) -> list[Row]:
        """Return the rows of a kind, all or those with these keys."""
        query = sa.select(master_rows.c.data).where(
            master_rows.c.division == self.division,
            master_rows.c.kind == name,
            *(master_rows.c[column] == value for column, value in keys.items()),
        )
        with reading(self.engine) as connection:
            return [_unpack(data) for (data,) in connection.execute(query)]

    def codes(self, name: str) -> list[str]:
        """Return all codes of a kind."""
        query = sa.select(master_rows.c.code).where(
            master_rows.c.division == self.division, master_rows.c.kind == name
        )
        with reading(self.engine) as connection:
            return list(connection.execute(query).scalars())

    def forget(self, name: str) -> None:
        """Have a kind read again by whoever needs it next; what changed is enough."""
        with self.engine.begin() as connection:
            connection.execute(
                master_state.update()
                .where(master_state.c.division == self.division, master_state.c.kind == name)
                .values(read_at=master_state.c.read_at - _LONG_FRESH)
            )

    def _one_at_a_time(self, connection: Connection, name: str) -> None:
        """Wait for another process that writes the same rows; SQLite has one writer anyway."""
        if connection.dialect.name == "postgresql":
            number = lock_number(f"master:{self.division}:{name}")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))

    def _values(self, kind: Kind[Any], name: str, row: Row) -> dict[str, Any]:
        return {
            "division": self.division,
            "kind": name,
            "id": str(row[kind.key]),
            "code": str(row.get(kind.code) or ""),
            "data": msgspec.msgpack.encode(kind.kept(row)),
            **kind.match_keys(row),
        }


def _unpack(data: bytes) -> Row:
    try:
        row: Row = msgspec.msgpack.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, TypeError, ValueError) as error:  # text may be no UTF-8
        msg = f"A row of master data in the ledger is damaged ({type(error).__name__})."
        raise DamagedRowError(msg) from error
    return row

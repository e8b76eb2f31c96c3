"""Read and write what is kept: one object for one shop."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import msgspec
import sqlalchemy as sa
from cryptography.fernet import InvalidToken
from sqlalchemy.exc import IntegrityError

from adobe_commerce.errors import ConfigError
from connector_program.database import insert, reading
from target_adobe_commerce.kept.database import KEPT
from target_adobe_commerce.kept.keys import open_keys
from target_adobe_commerce.kept.tables import intents, pairs, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.engine import Engine

    from connector_credentials.data_keys import DataKeys

_ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_SEEN = msgspec.json.Decoder(dict[str, tuple[str, str]])
#: Records in one transaction.
BATCH = 500


@dataclass(frozen=True)
class ExactRecord:
    """A record of Exact as it was last received.

    Attributes:
        stream: Stream of the tap, such as ``gl_accounts``.
        division: Exact company.
        exact_id: Its GUID.
        values: The properties that this target uses.
        deleted_at: When Exact deleted it; empty while it lives.
    """

    stream: str
    division: int
    exact_id: str
    values: Mapping[str, Any]
    deleted_at: str = ""


@dataclass(frozen=True)
class Pair:
    """A record of Exact and the record of the shop that it is.

    Attributes:
        shop_id: The shop's number, or sku.
        code: Code in Exact when they were paired.
        seen: By field: keyed hashes of what Exact and the shop had when both were last settled.
    """

    shop_id: str
    code: str
    seen: Mapping[str, tuple[str, str]] = field(default_factory=dict)


class Keeping:
    """The target's database, as one shop and company see it."""

    def __init__(self, engine: Engine, keys: DataKeys, instance: str) -> None:
        """Work on an open database; see :meth:`open`."""
        self.engine = engine
        self.instance = instance
        self._keys = keys
        self._waiting: dict[tuple[str, int, str], dict[str, Any]] = {}

    @classmethod
    def open(cls, url: str, instance: str) -> Self:
        """Open the database of a shop; migrates it when needed.

        Raises:
            ConfigError: It cannot be used, or the key does not open it.
        """
        engine = KEPT.open(url)
        try:
            return cls(engine, open_keys(engine), instance)
        except BaseException:
            engine.dispose()
            raise

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def hash(self, value: Any) -> str:
        """Return the keyed hash of a value: nobody can try what fits it."""
        return self._keys.fingerprint(_ENCODER.encode(value))[:32]

    # Records of Exact

    def take(self, record: ExactRecord, version: int | None) -> None:
        """Keep a record of Exact; durable after :meth:`flush`.

        A row of an older version than the one kept changes nothing. A deletion names only the key:
        what was known of the record stays.
        """
        row = {
            "stream": record.stream,
            "division": record.division,
            "exact_id": record.exact_id,
            "version": version,
            "content": self._keys.encrypt(_ENCODER.encode(record.values)),
            "deleted_at": record.deleted_at or None,
        }
        key = (record.stream, record.division, record.exact_id)
        before = self._waiting.get(key)
        row["whole"] = not record.deleted_at
        if before and record.deleted_at:
            row |= {name: before[name] for name in ("content", "whole")}
        if not before or (before["version"] or 0) <= (version or 0):
            self._waiting[key] = row
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Make what was taken durable."""
        if not self._waiting:
            return
        with self.engine.begin() as connection:
            for row in self._waiting.values():
                whole = row.pop("whole")
                new = insert(connection, records).values(row)
                changed: dict[str, Any] = {"version": row["version"]}
                changed["deleted_at"] = row["deleted_at"]
                if whole:
                    changed["content"] = row["content"]
                older = sa.func.coalesce(records.c.version, 0) <= (row["version"] or 0)
                key = [records.c.stream, records.c.division, records.c.exact_id]
                connection.execute(
                    new.on_conflict_do_update(
                        index_elements=key,
                        set_=changed,
                        where=older if row["version"] is not None else None,
                    )
                )
        self._waiting.clear()

    def divisions(self) -> list[int]:
        """Return the companies of which something is kept."""
        with reading(self.engine) as connection:
            found = connection.scalars(sa.select(records.c.division).distinct())
            return sorted(found)

    def records(self, stream: str, division: int) -> list[ExactRecord]:
        """Return a company's records of a stream, in the order of their GUIDs.

        Raises:
            ConfigError: One of them is damaged.
        """
        query = (
            sa.select(records)
            .where(records.c.stream == stream, records.c.division == division)
            .order_by(records.c.exact_id)
        )
        with reading(self.engine) as connection:
            return [self._opened(row) for row in connection.execute(query)]

    def _opened(self, row: Any) -> ExactRecord:
        try:
            values = _DECODER.decode(self._keys.decrypt(row.content))
        except (InvalidToken, ValueError) as error:
            msg = (
                f"What is kept of {row.stream} {row.exact_id} is damaged (setting database_url). "
                "Restore its backup, or read the stream again without STATE into a new database."
            )
            raise ConfigError(msg) from error
        return ExactRecord(row.stream, row.division, row.exact_id, values, row.deleted_at or "")

    # Pairs

    def pairs(self, kind: str, division: int) -> dict[str, Pair]:
        """Return the pairs of a kind by Exact's GUID."""
        query = sa.select(pairs).where(
            pairs.c.instance == self.instance,
            pairs.c.kind == kind,
            pairs.c.division == division,
        )
        with reading(self.engine) as connection:
            rows = connection.execute(query).all()
        return {row.exact_id: Pair(row.shop_id, row.code, _SEEN.decode(row.seen)) for row in rows}

    def settle(self, kind: str, division: int, settled: Mapping[str, Pair]) -> None:
        """Keep pairs with what both sides now have; their creations are in flight no more.

        Raises:
            ConfigError: The shop's record is paired with another one of Exact already.
        """
        if not settled:
            return
        with self.engine.begin() as connection:
            for exact_id, pair in settled.items():
                key = self._key(kind, division, exact_id)
                values = {
                    "shop_id": pair.shop_id,
                    "code": pair.code,
                    "seen": _ENCODER.encode(pair.seen).decode(),
                }
                new = insert(connection, pairs).values(**key, **values)
                names = [pairs.c[name] for name in key]
                try:
                    connection.execute(new.on_conflict_do_update(index_elements=names, set_=values))
                except IntegrityError as error:
                    msg = (
                        f"{kind} {pair.code}: the shop's record {pair.shop_id} is paired with "
                        "another record of Exact. See `target-adobe-commerce pairs list`, and "
                        "forget the wrong pair."
                    )
                    raise ConfigError(msg) from error
            self._forget(connection, intents, kind, division, settled)

    def forget(self, kind: str, division: int, exact_ids: Iterable[str]) -> int:
        """Take pairs away; the next plan looks for the records anew."""
        with self.engine.begin() as connection:
            return self._forget(connection, pairs, kind, division, exact_ids)

    def _forget(
        self,
        connection: sa.Connection,
        table: sa.Table,
        kind: str,
        division: int,
        exact_ids: Iterable[str],
    ) -> int:
        gone = 0
        for exact_id in exact_ids:
            key = self._key(kind, division, exact_id)
            where = [table.c[name] == value for name, value in key.items()]
            gone += connection.execute(table.delete().where(*where)).rowcount
        return gone

    # Creations in flight

    def intend(self, kind: str, division: int, exact_id: str) -> None:
        """Remember that a creation is about to be sent."""
        with self.engine.begin() as connection:
            new = insert(connection, intents).values(
                **self._key(kind, division, exact_id), sent_at=int(time.time())
            )
            key = [intents.c.instance, intents.c.division, intents.c.kind, intents.c.exact_id]
            connection.execute(
                new.on_conflict_do_update(
                    index_elements=key, set_={"sent_at": new.excluded.sent_at}
                )
            )

    def in_flight(self, kind: str, division: int) -> dict[str, int]:
        """Return creations whose end is not known: when they were sent, by Exact's GUID."""
        query = sa.select(intents.c.exact_id, intents.c.sent_at).where(
            intents.c.instance == self.instance,
            intents.c.kind == kind,
            intents.c.division == division,
        )
        with reading(self.engine) as connection:
            return {row.exact_id: row.sent_at for row in connection.execute(query)}

    def landed(self, kind: str, division: int, exact_id: str) -> None:
        """Forget a creation that surely did not happen."""
        with contextlib.suppress(KeyError), self.engine.begin() as connection:
            self._forget(connection, intents, kind, division, [exact_id])

    def _key(self, kind: str, division: int, exact_id: str) -> dict[str, Any]:
        return {
            "instance": self.instance,
            "division": division,
            "kind": kind,
            "exact_id": exact_id,
        }

"""Versions of sales orders that were begun to be made in Exact: parts of them may be there.

They are kept until a change is whole. So a change that broke off is told from the work of people,
even when the shop had changed the order again by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connector_program.database import reading
from target_exact_online.ledger import payload
from target_exact_online.ledger.keys import open_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Engine

    from connector_credentials.data_keys import DataKeys

begun_changes = sa.Table(
    "begun_changes",
    sa.MetaData(),
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("exact_id", sa.String(64), primary_key=True),
    sa.Column("payload", sa.LargeBinary, nullable=False),  # names of goods and texts: encrypted
)


@dataclass(frozen=True, slots=True)
class Version:
    """What of an order is compared."""

    header: dict[str, Any]  # properties of the order
    lines: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Begun:
    """The begun changes of all processes with one ledger."""

    engine: Engine  # the ledger's engine

    def versions(self, division: int, exact_id: str) -> list[Version]:
        """Return the versions of an order of which parts may be in Exact."""
        found = self._content(division, exact_id).get("versions", [])
        return [Version(one["header"], one["lines"]) for one in found]

    def last(self, division: int, exact_id: str) -> datetime | None:
        """Return when an order was last about to be changed (UTC, Exact's clock), if it was."""
        at = self._content(division, exact_id).get("at")
        return None if at is None else datetime.fromisoformat(at)

    def unanswered(self, division: int, exact_id: str) -> datetime | None:
        """Return since when a call that changes an order may be at work in Exact, if one may."""
        is_answered = self._content(division, exact_id).get("is_answered")
        return None if is_answered else self.last(division, exact_id)

    def _content(self, division: int, exact_id: str) -> dict[str, Any]:
        query = sa.select(begun_changes.c.payload).where(*_is(division, exact_id))
        with reading(self.engine) as connection:
            stored = connection.scalar(query)
        if stored is None:
            return {}
        what = f"What the ledger holds of the change of order {exact_id}"
        return payload.unsealed(self._keys, stored, what)

    def add(self, division: int, exact_id: str, versions: Sequence[Version], at: datetime) -> None:
        """Keep the versions of which parts may be in Exact from now on (UTC, Exact's clock)."""
        kept = [{"header": one.header, "lines": one.lines} for one in versions]
        self._keep(division, exact_id, {"versions": kept, "at": at.isoformat()})

    def answered(self, division: int, exact_id: str) -> None:
        """Note that every call for a change that broke off was answered."""
        if content := self._content(division, exact_id):
            self._keep(division, exact_id, content | {"is_answered": True})

    def _keep(self, division: int, exact_id: str, content: dict[str, Any]) -> None:
        sealed = self._keys.encrypt(payload.encode(content))
        with self.engine.begin() as connection:
            connection.execute(begun_changes.delete().where(*_is(division, exact_id)))
            connection.execute(
                begun_changes.insert().values(division=division, exact_id=exact_id, payload=sealed)
            )

    def done(self, division: int, exact_id: str) -> None:
        """Forget the versions of an order whose change is whole."""
        with self.engine.begin() as connection:
            connection.execute(begun_changes.delete().where(*_is(division, exact_id)))

    @cached_property
    def _keys(self) -> DataKeys:
        """The ledger's keys, opened when the first change needs them."""
        return open_keys(self.engine)


def _is(division: int, exact_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return begun_changes.c.division == division, begun_changes.c.exact_id == exact_id

"""Exact's master data: read seldom, cached in the ledger database, asked by code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exact_online.errors import ConfigError
from target_exact_online.master_data import kinds
from target_exact_online.master_data.periods import Periods
from target_exact_online.master_data.relations import Relations
from target_exact_online.master_data.shelf import NotUsableError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from exact_online.client import ExactClient

__all__ = ["MasterData", "NotUsableError"]


class MasterData(Relations, Periods):
    """The master data of one division.

    Each kind is read when it is needed for the first time, so that a run costs only the calls
    its documents need. Thread safe.
    """

    @classmethod
    def load(cls, client: ExactClient, engine: Engine, division: int | None = None) -> MasterData:
        """Open the master data of a division, by default the client's, if it can be used.

        Raises:
            ConfigError: The division does not exist for this user, or is not active.
        """
        master = cls(client, engine, division or client.division)
        if not master.company.active:
            msg = (
                f"Division {master.division} ({master.company.name}) is archived, inactive or "
                "blocked (setting division). Choose another one."
            )
            raise ConfigError(msg)
        return master

    def counts(self) -> str:
        """Say how much master data there is, for people."""
        small: list[kinds.Kind[Any]] = [kinds.GL_ACCOUNTS, kinds.VAT_CODES, kinds.COST_CENTERS]
        said = [f"{len(self._table(kind).rows)} {kind.label}s" for kind in small]
        with self._lock:
            for kind in (kinds.ITEMS, kinds.ACCOUNTS):
                self._ensure(kind, kind.name, None)
                said.append(f"{len(self._cache.codes(kind.name))} {kind.label}s")
        return ", ".join(said)

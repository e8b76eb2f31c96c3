"""Exact's master data for checks without Exact: from a file, or from the target's cache.

A file has Exact's own rows by resource: {"GLAccounts": [{"Code": ..., "UseCostcenter": ...}],
"VATCodes": [...], "Costcenters": [...], "Costunits": [...], "Journals": [...]}. The target keeps
the same rows in the table `master_rows` of its ledger database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from mapper_gl_rules.exceptions import ConfigError

__all__ = ["GLAccount", "MasterData", "load_master_data"]

_KINDS = {
    "GLAccounts": "gl_accounts",
    "VATCodes": "vat_codes",
    "Costcenters": "cost_centers",
    "Costunits": "cost_units",
    "Journals": "journals",
}
Row = dict[str, Any]
_tables = msgspec.json.Decoder(dict[str, list[Row]], float_hook=Decimal)


class GLAccount(msgspec.Struct, frozen=True):
    """A GL account.

    Attributes:
        code: Its code.
        name: Its description.
        type: 20 receivables, 24 VAT, 110 revenue and so on.
        blocked: Nothing may be booked on it.
        cost_center: 0 optional, 1 mandatory, 2 not allowed.
        cost_unit: The same for cost units.
    """

    code: str
    name: str
    type: int
    blocked: bool
    cost_center: int
    cost_unit: int


class MasterData(msgspec.Struct, frozen=True):
    """What the rules may name.

    Attributes:
        accounts: GL accounts by code.
        vat_codes: Percentage (such as 21) by code, without blocked ones.
        vat_names: Description by code.
        cost_centers: Codes that are active.
        cost_units: Codes that are active.
        journals: Type by code, without blocked ones.
    """

    accounts: dict[str, GLAccount]
    vat_codes: dict[str, Decimal]
    vat_names: dict[str, str]
    cost_centers: frozenset[str]
    cost_units: frozenset[str]
    journals: dict[str, int]


def load_master_data(origin: str) -> MasterData:
    """Load master data from a JSON file or a database URL.

    Raises:
        ConfigError: When there is none.
    """
    tables = _from_database(origin) if "://" in origin else _from_file(Path(origin))
    if not tables.get("GLAccounts"):
        raise ConfigError(
            what="there are no GL accounts in the master data",
            where=_place(origin),
            what_to_do="Run the target once, so that it reads them, or name another source.",
        )
    vat = [row for row in tables.get("VATCodes", ()) if not row.get("IsBlocked")]
    return MasterData(
        accounts={_code(row): _account(row) for row in tables["GLAccounts"]},
        vat_codes={_code(row): Decimal(str(row.get("Percentage") or 0)) * 100 for row in vat},
        vat_names={_code(row): str(row.get("Description") or "") for row in vat},
        cost_centers=_active(tables.get("Costcenters", ())),
        cost_units=_active(tables.get("Costunits", ())),
        journals={
            _code(row): int(row.get("Type") or 0)
            for row in tables.get("Journals", ())
            if not row.get("IsBlocked")
        },
    )


def _from_file(file: Path) -> dict[str, list[Row]]:
    try:
        tables = _tables.decode(file.read_bytes())
    except OSError as error:
        raise ConfigError(
            what=f"cannot read the master data: {error.strerror}",
            where=str(file),
            what_to_do="Check the option --master.",
        ) from error
    except msgspec.DecodeError as error:
        raise ConfigError(
            what=f"the master data is not right: {error}",
            where=str(file),
            what_to_do='Give {"GLAccounts": [...], "VATCodes": [...], ...} with Exact\'s rows.',
        ) from error
    return tables


def _from_database(url: str) -> dict[str, list[Row]]:
    """Read the cache of the target; of several divisions the first."""
    query = sa.text(
        "select data from master_rows where kind = :kind and division ="
        " (select min(division) from master_rows)",
    )
    try:
        address = sa.make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")  # as the target connects
        if address.drivername == "sqlite" and not Path(address.database or "").exists():
            raise ConfigError(  # SQLite would make the file
                what="cannot read the master data: there is no such file",
                where=_place(url),
                what_to_do="Name the target's ledger_url or a JSON file.",
            )
        engine = sa.create_engine(address)
        try:
            with engine.connect() as connection:
                return {
                    name: [
                        msgspec.msgpack.decode(data)
                        for (data,) in connection.execute(query, {"kind": kind})
                    ]
                    for name, kind in _KINDS.items()
                }
        finally:
            engine.dispose()
    except (sa.exc.SQLAlchemyError, ImportError, msgspec.DecodeError) as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
        raise ConfigError(
            what=f"cannot read the master data: {reason}",
            where=_place(url),
            what_to_do="Name the target's ledger_url or a JSON file.",
        ) from error


def _place(origin: str) -> str:
    """Name the source without a password."""
    return origin.rsplit("@", maxsplit=1)[-1] if "://" in origin else origin


def _code(row: Row) -> str:
    return str(row["Code"]).strip()


def _account(row: Row) -> GLAccount:
    return GLAccount(
        code=_code(row),
        name=str(row.get("Description") or ""),
        type=int(row.get("Type") or 0),
        blocked=bool(row.get("IsBlocked")),
        cost_center=int(row.get("UseCostcenter") or 0),
        cost_unit=int(row.get("UseCostunit") or 0),
    )


def _active(rows: Any) -> frozenset[str]:
    now = datetime.now(UTC).date().isoformat()
    return frozenset(
        _code(row) for row in rows if not row.get("EndDate") or str(row["EndDate"])[:10] > now
    )

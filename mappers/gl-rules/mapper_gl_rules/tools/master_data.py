"""Exact's master data for checks without Exact, per division: from a file, or the target's cache.

A file has Exact's own rows by resource: {"Divisions": [{"Code": ..., "Country": ..., "Currency":
...}], "GLAccounts": [{"Code": ..., "UseCostcenter": ...}], "VATCodes": [...], "Costcenters":
[...], "Costunits": [...], "Journals": [...], "Accounts": [{"Code": ..., "Name": ...}]}; several
divisions by their number: {"3000001": {"GLAccounts": ...}, ...}. The target keeps the same rows in
the table `master_rows` of its ledger database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import sqlalchemy as sa

from mapper_gl_rules.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["GLAccount", "Journal", "MasterData", "VatCodeRow", "division_of", "load_master_data"]

# Resource in a file, and the kind of the target's cache.
_KINDS = {
    "Divisions": "division",
    "GLAccounts": "gl_accounts",
    "VATCodes": "vat_codes",
    "Costcenters": "cost_centers",
    "Costunits": "cost_units",
    "Journals": "journals",
}
Tables = dict[str, list[dict[str, Any]]]
_HUNDRED = 100


class _Row(msgspec.Struct, frozen=True, rename="pascal"):
    """What most of Exact's rows have."""

    code: str | int
    description: str | None = None
    is_blocked: bool | None = None
    end_date: Any = None  # text in a file, a moment in the target's cache

    @property
    def key(self) -> str:
        """The code without the spaces that Exact fills up with."""
        return str(self.code).strip()

    @property
    def usable(self) -> bool:
        """Neither blocked nor ended."""
        today = datetime.now(UTC).date().isoformat()
        return not self.is_blocked and not (self.end_date and str(self.end_date)[:10] <= today)


_AnyRow = TypeVar("_AnyRow", bound=_Row)


class Division(_Row, frozen=True, rename="pascal"):
    """An administration of Exact: its number, country and currency."""

    code: str | int = 0
    country: str | None = None
    currency: str | None = None


class GLAccount(_Row, frozen=True, rename="pascal"):
    """A GL account.

    Attributes:
        type: 20 receivables, 24 VAT, 110 revenue and so on.
        use_costcenter: 0 optional, 1 mandatory, 2 not allowed.
        use_costunit: The same for cost units.
    """

    type: int | None = None
    use_costcenter: int | None = None
    use_costunit: int | None = None

    @property
    def name(self) -> str:
        """Its description."""
        return (self.description or "").strip()


class VatCodeRow(_Row, frozen=True, rename="pascal"):
    """A VAT code.

    Attributes:
        percentage: As Exact has it, 0.21 for 21 %.
        type: `I` includes VAT in the amount of a line.
        transaction: `S` sales, `P` purchases, `B` both.
    """

    percentage: Decimal | None = None
    type: str | None = None
    transaction: str | None = msgspec.field(name="VATTransactionType", default=None)

    @property
    def rate(self) -> Decimal:
        """The percentage, such as 21."""
        return (self.percentage or Decimal(0)) * _HUNDRED


class Journal(_Row, frozen=True, rename="pascal"):
    """A journal; type 20 is sales, 90 general."""

    type: int | None = None


class _Relation(msgspec.Struct, frozen=True, rename="pascal"):
    code: str | int
    name: str | None = None


class MasterData(msgspec.Struct, frozen=True):
    """What the rules may name in one division, by code and without what cannot be used.

    Attributes:
        division: The division, if it is known.
        accounts: GL accounts, blocked ones too.
        vat_codes: VAT codes.
        cost_centers: Names.
        cost_units: Names.
        journals: Journals.
        relations: Names, where the source has them.
    """

    division: Division | None
    accounts: Mapping[str, GLAccount]
    vat_codes: Mapping[str, VatCodeRow]
    cost_centers: Mapping[str, str]
    cost_units: Mapping[str, str]
    journals: Mapping[str, Journal]
    relations: Mapping[str, str]

    def name(self, where: str, code: str) -> str:
        """Give the name of a code in one of the lists, empty if it has none."""
        found = getattr(self, where).get(code)
        return found if isinstance(found, str) else ((found and found.description) or "").strip()


def load_master_data(origin: str) -> dict[int, MasterData]:
    """Load master data from a JSON file or a database URL.

    Returns:
        By the number of the division; 0 where the file does not say it.

    Raises:
        ConfigError: When there is none, or it has another shape.
    """
    divisions = _from_database(origin) if "://" in origin else _from_file(Path(origin))
    try:
        found = {number: _master_data(tables) for number, tables in divisions.items()}
    except msgspec.ValidationError as error:
        raise ConfigError(
            what=f"the master data is not right: {error}",
            where=_place(origin),
            what_to_do="Give Exact's own rows, each with its Code.",
        ) from error
    found = {number: one for number, one in found.items() if one.accounts}
    if not found:
        raise ConfigError(
            what="there are no GL accounts in the master data",
            where=_place(origin),
            what_to_do="Run the target once, so that it reads them, or name another source.",
        )
    return found


def division_of(masters: Mapping[int, MasterData], division: int | None) -> MasterData:
    """Give one division's master data.

    Raises:
        ConfigError: When there is no such division, or several and none is named.
    """
    if division is None and len(masters) == 1:
        return next(iter(masters.values()))
    if division is None or division not in masters:
        raise ConfigError(
            what="the master data has several divisions"
            if division is None
            else f"the master data has no division {division}",
            where="option --division",
            what_to_do=f"Name one of {', '.join(map(str, sorted(masters)))}.",
        )
    return masters[division]


def _master_data(tables: Tables) -> MasterData:
    divisions = _rows(tables, "Divisions", Division)
    relations = msgspec.convert(tables.get("Accounts", []), list[_Relation], strict=False)
    return MasterData(
        division=divisions[0] if divisions else None,
        accounts={row.key: row for row in _rows(tables, "GLAccounts", GLAccount)},
        vat_codes={row.key: row for row in _rows(tables, "VATCodes", VatCodeRow) if row.usable},
        cost_centers=_names(_rows(tables, "Costcenters", _Row)),
        cost_units=_names(_rows(tables, "Costunits", _Row)),
        journals={row.key: row for row in _rows(tables, "Journals", Journal) if row.usable},
        relations={str(row.code).strip(): (row.name or "").strip() for row in relations},
    )


def _rows(tables: Tables, name: str, kind: type[_AnyRow]) -> list[_AnyRow]:
    return msgspec.convert(tables.get(name, []), list[kind], strict=False)  # type: ignore[valid-type]


def _names(rows: Iterable[_Row]) -> dict[str, str]:
    return {row.key: (row.description or "").strip() for row in rows if row.usable}


def _from_file(file: Path) -> dict[int, Tables]:
    advice = 'Give {"GLAccounts": [...], "VATCodes": [...], ...} with Exact\'s rows.'
    try:
        decoded = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        if not decoded or not all(name.isdecimal() for name in decoded):
            tables = msgspec.convert(decoded, Tables)
            number = next((row.get("Code") for row in tables.get("Divisions", [])), 0)
            return {int(str(number)): tables}
        return {int(name): msgspec.convert(one, Tables) for name, one in decoded.items()}
    except OSError as error:
        raise ConfigError(
            what=f"cannot read the master data: {error.strerror}",
            where=str(file),
            what_to_do="Check the option --master.",
        ) from error
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise ConfigError(
            what=f"the master data is not right: {error}", where=str(file), what_to_do=advice
        ) from error


def _from_database(url: str) -> dict[int, Tables]:
    """Read the cache of the target."""
    names = {kind: name for name, kind in _KINDS.items()}
    query = sa.text("select division, kind, data from master_rows where kind in :kinds")
    query = query.bindparams(sa.bindparam("kinds", list(names), expanding=True))
    found: dict[int, Tables] = {}
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
                for division, kind, data in connection.execute(query):
                    row = msgspec.msgpack.decode(data, type=dict[str, Any])
                    found.setdefault(division, {}).setdefault(names[kind], []).append(row)
        finally:
            engine.dispose()
    except (sa.exc.SQLAlchemyError, ImportError, msgspec.DecodeError) as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
        raise ConfigError(
            what=f"cannot read the master data: {reason}",
            where=_place(url),
            what_to_do="Name the target's ledger_url or a JSON file.",
        ) from error
    return found


def _place(origin: str) -> str:
    """Name the source without a password."""
    return origin.rsplit("@", maxsplit=1)[-1] if "://" in origin else origin

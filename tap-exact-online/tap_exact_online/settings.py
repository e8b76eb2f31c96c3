"""The tap's settings: those of the client, and its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from exact_online.client import division_of
from exact_online.errors import ConfigError
from exact_online.settings import CLIENT_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

PART_OF_DAY = 0.6
CALLS_A_MINUTE = 50
LIMITS_URL = "sqlite:///exact-online-limits.db"

_OWN = th.PropertiesList(
    th.Property(
        "divisions",
        th.ArrayType(th.IntegerType),
        title="Divisions",
        description="Numbers of the Exact companies to read, instead of `division` or beside it.",
    ),
    th.Property(
        "limits_url",
        th.StringType,
        secret=True,
        default=LIMITS_URL,
        title="Database of the limits",
        description="Where calls are counted: `sqlite:///path` or "
        "`postgresql://user:password@host/database`. The `ledger_url` of target-exact-online "
        "shares one budget with it.",
    ),
    th.Property(
        "limits_schema",
        th.StringType,
        pattern="^([a-z_][a-z0-9_]{0,62})?$",
        title="Schema of the limits",
        description="PostgreSQL schema of that database; the target's `ledger_schema`.",
    ),
    th.Property(
        "max_calls",
        th.IntegerType,
        minimum=1,
        title="Calls a day",
        description="How many of a day's calls this tap may use; it leaves the rest to others, "
        "whoever used the day's calls so far. Default: 60 % of the day's.",
    ),
    th.Property(
        "max_calls_per_minute",
        th.IntegerType,
        minimum=1,
        default=CALLS_A_MINUTE,
        title="Calls a minute",
        description="How many of a minute's calls this tap may use; Exact allows 60 in all.",
    ),
    th.Property(
        "unreadable",
        th.StringType,
        allowed_values=["skip", "fail"],
        default="skip",
        title="Unreadable streams",
        description="What becomes of a stream that Exact does not permit (a scope, a right or a "
        "module is missing): `skip` says so and goes on; `fail` reads the others, then ends with "
        "an error.",
    ),
    th.Property(
        "years",
        th.ArrayType(th.IntegerType),
        title="Years",
        description="Years of the snapshot `reporting_balance`. Default: this one and the last.",
    ),
).to_dict()
_DIVISION = CLIENT_SETTINGS["division"] | {"description": "Number of the Exact company to read."}
CONFIG: dict[str, Any] = {
    "type": "object",
    "properties": CLIENT_SETTINGS | {"division": _DIVISION} | _OWN["properties"],
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The tap's own settings, checked.

    Attributes:
        divisions: Companies to read, in the order given.
        limits_url: Database of the limits.
        limits_schema: Its schema, or None.
        max_calls: Of a day's; None: a part of them, `PART_OF_DAY`.
        max_calls_per_minute: Of a minute's.
        fails: Whether a stream that cannot be read makes the run fail.
        years: Of the balances; empty: this one and the last.
    """

    divisions: tuple[int, ...]
    limits_url: str
    limits_schema: str | None
    max_calls: int | None
    max_calls_per_minute: int
    fails: bool
    years: tuple[int, ...]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Settings:
        """Check the settings.

        Raises:
            ConfigError: No company is named, or one is no number.
        """
        given = [config["division"]] if config.get("division") else []
        given += config.get("divisions") or []
        if not given:
            division_of(config)  # says what is missing
        divisions = dict.fromkeys(division_of({"division": one}) for one in given)
        if any(one <= 0 for one in divisions):
            msg = "The setting divisions holds a number that no company has. Correct it."
            raise ConfigError(msg)
        max_calls = config.get("max_calls")
        return cls(
            divisions=tuple(divisions),
            limits_url=str(config.get("limits_url") or LIMITS_URL),
            limits_schema=config.get("limits_schema") or None,
            max_calls=None if max_calls is None else int(max_calls),
            max_calls_per_minute=int(config.get("max_calls_per_minute") or CALLS_A_MINUTE),
            fails=config.get("unreadable") == "fail",
            years=tuple(int(one) for one in config.get("years") or ()),
        )

"""The month-end as a Singer target: at the end of tap and mapper it compares instead of posting.

So a month can be compared by a Meltano job. It posts nothing and writes no STATE: the bookmark of
the tap stays where it is.
"""

from __future__ import annotations

import sys
from typing import IO, Any, ClassVar

import click
from singer_sdk import Target
from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities
from singer_sdk.plugin_base import _ConfigInput

from connector_credentials import clean, record_failure
from exact_online.client import division_of
from exact_online.errors import ExactError, FatalError
from target_exact_online.ledger.store import Ledger
from target_exact_online.month_end import sign_off
from target_exact_online.month_end.commands import EXIT_NOT_DONE, exit_code, show
from target_exact_online.month_end.reports import NAMES, Files
from target_exact_online.month_end.run import DEPTHS, SOURCES, Order, compare, month_of, today
from target_exact_online.settings import CONFIG, with_defaults

_SHARED = frozenset(
    {"country", "base_url", "division", "client_id", "client_secret", "redirect_uri"}
    | {
        "refresh_token",
        "credentials",
        "credential",
        "ledger_url",
        "ledger_schema",
        "max_wait_seconds",
    }
)
_OWN = th.PropertiesList(
    th.Property(
        "month",
        th.StringType,
        title="Month",
        required=True,
        description="The month to compare, such as `2026-10`; `this` or `last`. Have the tap read "
        "its documents by `created_from` and `created_until`, a day more at both ends.",
    ),
    th.Property(
        "source",
        th.StringType,
        title="Source",
        default="mirror",
        allowed_values=[one for one in SOURCES if one != "xaf"],
        description="Where Exact's side comes from: its `api`, or the `mirror` of its lines that "
        "is kept in the ledger's database.",
    ),
    th.Property(
        "depth",
        th.StringType,
        title="Depth",
        default="lines",
        allowed_values=list(DEPTHS),
        description="How deep at most: `sums`, `lines`, or `full` with headers and ages.",
    ),
    *(
        th.Property(
            f"{name}_file",
            th.StringType,
            title=f"{name.upper()} file",
            description=f"Where to write the result as {name.upper()}.",
        )
        for name in NAMES
    ),
    th.Property(
        "with_names",
        th.BooleanType,
        title="With names",
        default=False,
        description="Name the people who changed something in Exact.",
    ),
    th.Property(
        "rounding_accounts",
        th.ArrayType(th.StringType),
        title="Rounding accounts",
        description="GL accounts of rounding differences, for the limit and statement 10.",
    ),
    th.Property(
        "fail_on",
        th.StringType,
        title="Fail on",
        default="warning",
        allowed_values=["error", "warning", "never"],
        description="From which difference on the exit code is 3. It is 1 when not everything "
        "could be compared.",
    ),
).to_dict()


def _settings() -> dict[str, Any]:
    shared = {name: one for name, one in CONFIG["properties"].items() if name in _SHARED}
    return {**_OWN, "properties": shared | _OWN["properties"]}


class TargetMonthEnd(Target):
    """Compares a month of the shop with the ledger and with Exact Online; posts nothing."""

    #: The command's name.
    name = "target-exact-online-month-end"
    package_name = "target-exact-online"
    config_jsonschema: ClassVar[dict[str, Any]] = _settings()
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add none of the SDK's settings."""

    @classmethod
    def invoke(  # type: ignore[override]  # as the SDK's own targets do
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
    ) -> None:
        """Compare, and leave with the exit code."""
        if about:
            cls.print_about(about_format)
            return
        given = config or _ConfigInput()
        try:
            target = cls(config=given.config, parse_env_config=given.parse_env)
            sys.exit(_compare(dict(target.config), file_input))
        except ConfigValidationError as error:
            for message in error.errors:
                _fail(f"{message} (config).", stopped=True)
        except ExactError as error:
            _fail(str(error), stopped=isinstance(error, FatalError))
        sys.exit(EXIT_NOT_DONE)


def _fail(text: str, *, stopped: bool) -> None:
    click.echo(f"ERROR: {clean(text)}", err=True)
    record_failure(TargetMonthEnd.name, text, stopped=stopped)


def _compare(config: dict[str, Any], file_input: IO[str] | None) -> int:
    settings = with_defaults(config)
    files = Files.of(settings)
    ledger = Ledger.open(settings["ledger_url"], division_of(settings))
    try:
        order = Order(
            month=month_of(settings["month"], today()),
            division=division_of(settings),
            source=settings["source"],
            depth=settings["depth"],
            messages=sys.stdin.buffer if file_input is None else file_input,
            with_names=settings["with_names"],
            rounding_accounts=frozenset(settings.get("rounding_accounts") or ()),
        )
        result = compare(settings, ledger, order)
        sign_off.keep(ledger, result)
    finally:
        ledger.close()
    show(result, files, err=True)
    return exit_code(result, settings["fail_on"])


cli = TargetMonthEnd.get_singer_command()


def main() -> None:
    """Start the process."""
    cli()

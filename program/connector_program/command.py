"""Parts of a command line: its settings, its logs, and the schemas it prints."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import click
from singer_sdk._logging import _setup_console_logging
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import JSONSchemaValidator, _format_validation_error

from connector_credentials import clean_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from singer_sdk.plugin_base import PluginBase, _ConfigInput

_CHUNK = 1 << 20


def schema_option(streams: Iterable[str], load: Callable[[str], Mapping[str, Any]]) -> click.Option:
    """Return the option ``--schema``, which prints one and ends.

    Args:
        streams: What can be chosen.
        load: Returns the schema of one.
    """

    def print_schema(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            click.echo(json.dumps(load(value), indent=2))
            ctx.exit()

    return click.Option(
        ["--schema"],
        type=click.Choice(list(streams)),
        callback=print_schema,
        expose_value=False,
        is_eager=True,
        help="Print the JSON Schema of a stream.",
    )


def without_secrets(plugin: type[PluginBase], error: ConfigValidationError) -> list[str]:
    """Return what is wrong with the settings, without values that are quoted and are secrets."""
    properties = plugin.config_jsonschema["properties"]
    said = []
    for message in error.errors:
        named = re.search(r"config\['(\w+)'\]", message)
        is_secret = named and properties.get(named[1], {}).get("secret")
        said.append(f"The setting {named[1]} must be text" if named and is_secret else message)
    return said


def use_environment(plugin: type[PluginBase], config: _ConfigInput) -> None:
    """Give a person's command the settings of a run: variables count without being asked for.

    Raises:
        ConfigValidationError: One is of another type.
    """
    logging.getLogger("singer_sdk.configuration").setLevel(logging.WARNING)  # names each
    config.config = plugin._env_var_config | config.config  # noqa: SLF001  # the SDK reads them so
    found = JSONSchemaValidator(plugin.config_jsonschema).iter_errors(config.config)
    if errors := [_format_validation_error(one) for one in found]:
        msg = "The settings are wrong"
        raise ConfigValidationError(msg, errors=errors)


def start_logs(program: str) -> None:
    """Send logs to standard error, without secrets, at the level that the environment says."""
    variable = f"{program.upper().replace('-', '_')}_LOGLEVEL"
    level = os.environ.get(variable) or os.environ.get("LOGLEVEL") or "INFO"
    _setup_console_logging(log_level=level.upper())
    clean_logs()


def read_to_the_end(*ended_by: type[BaseException]) -> bool:
    """Read what the tap still writes: a closed pipe would be told louder than its cause.

    Args:
        ended_by: What ends the reading early.

    Returns:
        Whether there was something.
    """
    some = False
    with contextlib.suppress(OSError, ValueError, *ended_by):
        while not sys.stdin.isatty() and sys.stdin.buffer.read(_CHUNK):
            some = True
    return some

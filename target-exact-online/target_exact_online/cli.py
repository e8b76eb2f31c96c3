"""The command line: the Singer target itself, and commands to look at and act on its ledger."""

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
from singer_sdk.exceptions import ConfigValidationError, RecordsWithoutSchemaException
from singer_sdk.plugin_base import JSONSchemaValidator, _ConfigInput, _format_validation_error
from singer_sdk.singerlib.exceptions import InvalidInputLine

from connector_credentials import SettingsError, clean, clean_logs, read_settings, record_failure
from connector_credentials.output import LOG_LIMIT
from exact_online.cli import login_commands
from exact_online.errors import ExactError, RetriableError
from target_exact_online import schemas
from target_exact_online.console.command import console
from target_exact_online.desk.archive import archive
from target_exact_online.desk.commands import anonymise, audit, documents
from target_exact_online.desk.doctor import doctor
from target_exact_online.desk.status import status
from target_exact_online.ledger.faults import DAMAGED, FAULTS, ledger_fault
from target_exact_online.month_end.commands import reconcile
from target_exact_online.run import TerminatedError
from target_exact_online.summary import EXIT_ERROR
from target_exact_online.target import TargetExactOnline
from target_exact_online.webhooks.commands import webhooks

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK = 1 << 20


class TargetGroup(click.Group):
    """A group that is the Singer target when no subcommand is named."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and turn a user's mistake into one line without a traceback."""
        stopped = True  # until somebody changes something
        try:
            return super().invoke(ctx)
        except ConfigValidationError as error:
            said = [f"{_without_secret(message)} (config)." for message in error.errors]
        except (ExactError, SettingsError) as error:
            said, stopped = [str(error)], not isinstance(error, RetriableError)
        except (InvalidInputLine, RecordsWithoutSchemaException) as error:
            _complain([str(error)])  # what is wrong is the input: nothing else of it matters
            record_failure(TargetExactOnline.name, error, stopped=False)  # a tap may be killed
            return ctx.exit(EXIT_ERROR)
        except FAULTS as error:
            if (fault := ledger_fault(error)) is None:
                raise
            said, stopped = [fault], fault.startswith(DAMAGED)
        except TerminatedError as ended:  # before or after the time in which calls are made
            return ctx.exit(ended.exit_code)
        _complain(said)
        record_failure(TargetExactOnline.name, " ".join(said), stopped=stopped)
        if ctx.invoked_subcommand is None and _read_to_the_end(ctx.params):
            _complain(said)  # so that it is also the last that one reads
        return ctx.exit(EXIT_ERROR)


def _singer(ctx: click.Context, /, **options: Any) -> None:
    """Post sales documents to Exact Online, each exactly once (a Singer target)."""
    config = options["config"] = _ConfigInput(*read_settings(options["config"]))
    for name in ("fail_on", "report_file"):
        if value := options.pop(name):
            config.config[name] = value
    if ctx.invoked_subcommand is None:
        TargetExactOnline.invoke(**options)
    else:  # a person's command: TARGET_EXACT_ONLINE_* count without being asked for
        logging.getLogger("singer_sdk.configuration").setLevel(logging.WARNING)  # names each
        config.config = TargetExactOnline._env_var_config | config.config  # noqa: SLF001  # the SDK reads them so
        _check_types(config.config)
    ctx.obj = config


def _print_schema(ctx: click.Context, param: click.Option, value: str | None) -> None:
    del param
    if value is not None:
        click.echo(json.dumps(schemas.load(value), indent=2))
        ctx.exit()


def _check_types(config: Mapping[str, Any]) -> None:
    """Check settings for a person's command as the SDK does for a run.

    Raises:
        ConfigValidationError: One is of another type.
    """
    found = JSONSchemaValidator(TargetExactOnline.config_jsonschema).iter_errors(config)
    if errors := [_format_validation_error(one) for one in found]:
        msg = "The settings are wrong"
        raise ConfigValidationError(msg, errors=errors)


_SINGER_COMMAND = TargetExactOnline.get_singer_command()

cli = TargetGroup(
    name=TargetExactOnline.name,
    callback=click.pass_context(_singer),
    invoke_without_command=True,
    help=_singer.__doc__,
    context_settings={"help_option_names": ["--help"]},
    params=[
        *_SINGER_COMMAND.params,
        click.Option(
            ["--fail-on"],
            type=click.Choice(["parked", "failed", "never"]),
            help="Instead of the setting fail_on.",
        ),
        click.Option(["--report-file"], help="Instead of the setting report_file."),
        click.Option(
            ["--schema"],
            type=click.Choice(schemas.STREAMS),
            callback=_print_schema,
            expose_value=False,
            is_eager=True,
            help="Print the JSON Schema of a stream.",
        ),
    ],
)

_LOGIN = login_commands(TargetExactOnline.name)
for _command in (
    *(doctor, status, documents, audit, anonymise, archive, reconcile, webhooks, console),
    *_LOGIN,
):
    cli.add_command(_command)


def _without_secret(message: str) -> str:
    """Return a validation message, without the value it quotes when that is a secret."""
    named = re.search(r"config\['(\w+)'\]", message)
    properties = TargetExactOnline.config_jsonschema["properties"]
    if named and properties.get(named[1], {}).get("secret"):
        return f"The setting {named[1]} must be text"
    return message


def _complain(messages: list[str]) -> None:
    for message in messages:
        if os.environ.get("SINGER_SDK_LOG_CONFIG"):
            TargetExactOnline.logger.error("%s", message)
        else:
            click.echo(f"ERROR: {clean(message, LOG_LIMIT)}", err=True)


def _read_to_the_end(given: Mapping[str, Any]) -> bool:
    """Read what the tap still writes: a closed pipe would be told louder than its cause.

    Returns:
        Whether there was something.
    """
    if given.get("file_input") or sys.stdin.isatty():
        return False
    some = False
    with contextlib.suppress(TerminatedError, OSError, ValueError):
        while sys.stdin.buffer.read(_CHUNK):
            some = True
    return some


def main() -> None:
    """Start the process: logs to standard error, then the command."""
    level = os.environ.get("TARGET_EXACT_ONLINE_LOGLEVEL") or os.environ.get("LOGLEVEL") or "INFO"
    _setup_console_logging(log_level=level.upper())
    clean_logs()
    cli()

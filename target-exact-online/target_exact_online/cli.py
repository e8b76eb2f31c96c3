"""The command line: the Singer target itself, and commands to look at and act on its ledger."""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Any

import click
from singer_sdk._logging import _setup_console_logging
from singer_sdk.exceptions import ConfigValidationError, RecordsWithoutSchemaException
from singer_sdk.singerlib.exceptions import InvalidInputLine
from sqlalchemy.exc import SQLAlchemyError

from exact_online.cli import login_commands
from target_exact_online.desk.commands import anonymise, audit, documents
from target_exact_online.desk.doctor import doctor
from target_exact_online.exceptions import TargetError
from target_exact_online.run import TerminatedError
from target_exact_online.summary import EXIT_ERROR
from target_exact_online.target import TargetExactOnline

if TYPE_CHECKING:
    from singer_sdk.plugin_base import _ConfigInput


class TargetGroup(click.Group):
    """A group that is the Singer target when no subcommand is named."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and turn a user's mistake into one line without a traceback."""
        try:
            return super().invoke(ctx)
        except ConfigValidationError as error:
            for message in error.errors:
                _complain(f"{_without_secret(message)} (config).")
        except (TargetError, InvalidInputLine, RecordsWithoutSchemaException) as error:
            _complain(str(error))
        except SQLAlchemyError as error:
            # Without its parameters: they are the document.
            reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
            _complain(f"The ledger failed: {reason} (setting ledger_url). Nothing is lost; repeat.")
        except TerminatedError as ended:  # before or after the time in which calls are made
            return ctx.exit(ended.exit_code)
        return ctx.exit(EXIT_ERROR)


def _singer(ctx: click.Context, /, **options: Any) -> None:
    """Post sales documents to Exact Online, each exactly once (a Singer target)."""
    config: _ConfigInput = options["config"]
    for name in ("fail_on", "report_file"):
        if value := options.pop(name):
            config.config[name] = value
    if ctx.invoked_subcommand is None:
        TargetExactOnline.invoke(**options)
    else:  # a person's command: TARGET_EXACT_ONLINE_* count without being asked for
        logging.getLogger("singer_sdk.configuration").setLevel(logging.WARNING)  # names each
        config.config = TargetExactOnline._env_var_config | config.config  # noqa: SLF001  # the SDK reads them so
    ctx.obj = config


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
    ],
)

for _command in (doctor, documents, audit, anonymise, *login_commands(TargetExactOnline.name)):
    cli.add_command(_command)


def _without_secret(message: str) -> str:
    """Return a validation message, without the value it quotes when that is a secret."""
    named = re.search(r"config\['(\w+)'\]", message)
    properties = TargetExactOnline.config_jsonschema["properties"]
    if named and properties.get(named[1], {}).get("secret"):
        return f"The setting {named[1]} must be text"
    return message


def _complain(message: str) -> None:
    if os.environ.get("SINGER_SDK_LOG_CONFIG"):
        TargetExactOnline.logger.error("%s", message)
    else:
        click.echo(f"ERROR: {message}", err=True)


def main() -> None:
    """Start the process: logs to standard error, then the command."""
    level = os.environ.get("TARGET_EXACT_ONLINE_LOGLEVEL") or os.environ.get("LOGLEVEL") or "INFO"
    _setup_console_logging(log_level=level.upper())
    cli()

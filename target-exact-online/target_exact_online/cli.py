"""The command line: the Singer target itself, and commands to look at and act on its ledger."""

from __future__ import annotations

import os
from typing import Any

import click
from singer_sdk.exceptions import ConfigValidationError, RecordsWithoutSchemaException
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.singerlib.exceptions import InvalidInputLine

from connector_credentials import SettingsError, clean, read_settings, record_failure
from connector_credentials.output import LOG_LIMIT
from connector_program.command import (
    read_to_the_end,
    schema_option,
    start_logs,
    use_environment,
    without_secrets,
)
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


class TargetGroup(click.Group):
    """A group that is the Singer target when no subcommand is named."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and turn a user's mistake into one line without a traceback."""
        stopped = True  # until somebody changes something
        try:
            return super().invoke(ctx)
        except ConfigValidationError as error:
            said = [f"{one} (config)." for one in without_secrets(TargetExactOnline, error)]
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
        is_singer = ctx.invoked_subcommand is None and not ctx.params["file_input"]
        if is_singer and read_to_the_end(TerminatedError):
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
        use_environment(TargetExactOnline, config)
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
        schema_option(schemas.STREAMS, schemas.load),
    ],
)

_LOGIN = login_commands(TargetExactOnline.name)
for _command in (
    *(doctor, status, documents, audit, anonymise, archive, reconcile, webhooks, console),
    *_LOGIN,
):
    cli.add_command(_command)


def _complain(messages: list[str]) -> None:
    for message in messages:
        if os.environ.get("SINGER_SDK_LOG_CONFIG"):
            TargetExactOnline.logger.error("%s", message)
        else:
            click.echo(f"ERROR: {clean(message, LOG_LIMIT)}", err=True)


def main() -> None:
    """Start the process: logs to standard error, then the command."""
    start_logs(TargetExactOnline.name)
    cli()

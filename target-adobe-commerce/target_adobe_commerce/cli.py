"""The command line: the Singer target itself, and commands to plan, apply and look at pairs."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

import click
from singer_sdk.exceptions import ConfigValidationError, RecordsWithoutSchemaException
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.singerlib.exceptions import InvalidInputLine
from sqlalchemy.exc import SQLAlchemyError

from adobe_commerce.errors import AdobeCommerceError, GaveUpError, RetriableError
from connector_credentials import SettingsError, clean, read_settings, record_failure
from connector_program.command import schema_option, start_logs, use_environment, without_secrets
from target_adobe_commerce import plan as plans
from target_adobe_commerce import reports
from target_adobe_commerce.exceptions import PlanError
from target_adobe_commerce.planning import division_of
from target_adobe_commerce.streams import SCHEMAS
from target_adobe_commerce.target import TargetAdobeCommerce, TerminatedError
from target_adobe_commerce.work import apply_plan, exit_code, make_plan, open_bench, write_files

EXIT_ERROR = 1
_PAIRED = ("gl_accounts", "cost_centers", "cost_units", "customers", "products")


class TargetGroup(click.Group):
    """A group that is the Singer target when no subcommand is named."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and turn a user's mistake into one line without a traceback."""
        stopped = True  # until somebody changes something
        try:
            return super().invoke(ctx)
        except ConfigValidationError as error:
            wrong = without_secrets(TargetAdobeCommerce, error)
            said = "; ".join(f"{one} (config)." for one in wrong)
        except AdobeCommerceError as error:
            said, stopped = str(error), not isinstance(error, GaveUpError | RetriableError)
        except SettingsError as error:
            said = str(error)
        except (InvalidInputLine, RecordsWithoutSchemaException) as error:
            said, stopped = str(error), False  # a tap may be killed
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
            said = f"The database failed: {reason} (setting database_url). Nothing is lost; repeat."
            stopped = False
        except TerminatedError as ended:
            return ctx.exit(ended.exit_code)
        click.echo(f"ERROR: {clean(said, 2000)}", err=True)
        record_failure(TargetAdobeCommerce.name, said, stopped=stopped)
        return ctx.exit(EXIT_ERROR)


def _singer(ctx: click.Context, /, **options: Any) -> None:
    """Bring master data of Exact Online to an Adobe Commerce shop (a Singer target)."""
    config = options["config"] = _ConfigInput(*read_settings(options["config"]))
    if ctx.invoked_subcommand is None:
        TargetAdobeCommerce.invoke(**options)
    else:  # a person's command: TARGET_ADOBE_COMMERCE_* count without being asked for
        use_environment(TargetAdobeCommerce, config)
    ctx.obj = config


_SINGER_COMMAND = TargetAdobeCommerce.get_singer_command()

cli = TargetGroup(
    name=TargetAdobeCommerce.name,
    callback=click.pass_context(_singer),
    invoke_without_command=True,
    help=_singer.__doc__,
    context_settings={"help_option_names": ["--help"]},
    params=[
        *_SINGER_COMMAND.params,
        schema_option(SCHEMAS, SCHEMAS.__getitem__),
    ],
)


@cli.command()
@click.option("--json", "json_path", help="Where to write the plan, for `apply`.")
@click.option("--xlsx", "xlsx_path", help="Where to write it as a spreadsheet.")
@click.pass_obj
def plan(config: _ConfigInput, json_path: str | None, xlsx_path: str | None) -> None:
    """Say what would be written, record by record and field by field. Nothing is.

    Exit code 3: something waits for a person (setting fail_on).
    """
    with open_bench(config.config) as bench:
        made = make_plan(bench)
        write_files(made, json_path, xlsx_path)
        click.echo(reports.text(made))
        sys.exit(exit_code(made, None, bench.settings.fail_on))


@cli.command(name="apply")
@click.argument("plan_path", metavar="PLAN")
@click.option(
    "--exact", multiple=True, metavar="KEY", help="Write Exact's values of a record in conflict."
)
@click.option(
    "--shop", multiple=True, metavar="KEY", help="Keep the shop's values of a record in conflict."
)
@click.pass_obj
def apply_(
    config: _ConfigInput, plan_path: str, exact: tuple[str, ...], shop: tuple[str, ...]
) -> None:
    """Write what a plan says. Refused when either side changed since it was made.

    KEY is kind and code, such as customers:10042.
    """
    planned = plans.read(plan_path)
    decided = dict.fromkeys(exact, "exact") | dict.fromkeys(shop, "shop")
    if both := sorted(set(exact) & set(shop)):
        msg = f"{both[0]} is given with --exact and with --shop. Keep one."
        raise PlanError(msg)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda signum, _frame: asked.append(signum))
    with open_bench(config.config) as bench:
        outcome = apply_plan(bench, planned, decided, lambda: bool(asked))
        click.echo(reports.outcome_text(outcome))
        if asked:
            sys.exit(128 + asked[0])
        sys.exit(exit_code(planned, outcome, "never" if decided else bench.settings.fail_on))


@cli.group()
def pairs() -> None:
    """Which record of Exact is which of the shop."""


@pairs.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one pair a line.")
@click.pass_obj
def list_pairs(config: _ConfigInput, as_json: bool) -> None:  # noqa: FBT001  # click hands it over so
    """List the pairs."""
    with open_bench(config.config) as bench:
        division = division_of(bench.settings, bench.keeping)
        for kind in _PAIRED:
            for exact_id, pair in bench.keeping.pairs(kind, division).items():
                told = {
                    "key": f"{kind}:{pair.code}",
                    "exact_id": exact_id,
                    "shop_id": pair.shop_id,
                }
                click.echo(json.dumps(told) if as_json else "  ".join(told.values()))


@pairs.command()
@click.argument("key")
@click.pass_obj
def forget(config: _ConfigInput, key: str) -> None:
    """Forget the pair of a record (KEY is kind and code): the next plan looks for it anew."""
    kind, _, code = key.partition(":")
    with open_bench(config.config) as bench:
        division = division_of(bench.settings, bench.keeping)
        found = [
            exact_id
            for exact_id, pair in bench.keeping.pairs(kind, division).items()
            if pair.code == code
        ]
        if not bench.keeping.forget(kind, division, found):
            msg = f"There is no pair {key}. `pairs list` shows them."
            raise PlanError(msg)
        click.echo(f"Forgotten: {clean(key)}.")


def main() -> None:
    """Start the process: logs to standard error, then the command."""
    start_logs(TargetAdobeCommerce.name)
    cli()

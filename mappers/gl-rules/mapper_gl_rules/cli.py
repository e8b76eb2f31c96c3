"""The command `mapper-gl-rules`: without a subcommand the Singer mapper itself."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import msgspec
from singer_sdk.exceptions import ConfigValidationError

from mapper_gl_rules.exceptions import MapperError
from mapper_gl_rules.mapper import MapperGLRules
from mapper_gl_rules.rules.loading import load_rules
from mapper_gl_rules.tools.book import book_documents, read_documents
from mapper_gl_rules.tools.documents import read_input

__all__ = ["cli", "main"]

OBJECTS_PER_COLLECTION = 100_000

_singer = MapperGLRules.get_singer_command()


def _run_mapper(**options: Any) -> None:
    """Book a shop's documents by rules (a Singer mapper); see also the commands."""
    if click.get_current_context().invoked_subcommand is None and _singer.callback is not None:
        # Records are trees: looking for cycles among them took a tenth of the run.
        gc.freeze()
        gc.set_threshold(OBJECTS_PER_COLLECTION)
        _singer.callback(**options)


class _Commands(click.Group):
    """Loads the rules commands when they are asked for: a pipeline need not wait for them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return sorted([*super().list_commands(ctx), "rules"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command."""
        if cmd_name == "rules":
            return import_module("mapper_gl_rules.tools.commands").rules  # type: ignore[no-any-return]
        return super().get_command(ctx, cmd_name)


cli = _Commands(
    name=MapperGLRules.name,
    callback=_run_mapper,
    invoke_without_command=True,
    help=_run_mapper.__doc__,
    params=_singer.params,
)


@cli.command()
@click.option("--rules", "rules_file", required=True, type=click.Path(path_type=Path))
@click.option("--input", "input_file", required=True, type=click.Path(path_type=Path))
def book(rules_file: Path, input_file: Path) -> None:
    """Book documents in Adobe's REST shape and print the balanced entries as JSON.

    The input is {"order" or "orders", "invoices", "creditmemos"}; - reads standard input. The
    entries have the debtor and VAT lines that Exact will make.
    """
    rules = load_rules(rules_file)
    base = rules.settings.amounts == "base"
    documents = read_documents(read_input(input_file), str(input_file), base=base)
    report = book_documents(documents, rules)
    click.echo(msgspec.json.format(msgspec.json.encode(report), indent=1))


def main() -> None:
    """Run the command; a user's mistake ends in one line on stderr and exit code 1."""
    try:
        cli(prog_name=MapperGLRules.name)
    except ConfigValidationError as error:
        _fail(f"the configuration is not right: {'; '.join(error.errors) or error}.")
    except FileNotFoundError as error:
        _fail(f"{error} Check the option --config.")
    except ValueError as error:
        # The SDK reads the configuration with another library than the standard one.
        if type(error).__name__ != "JSONDecodeError":
            raise
        _fail(f"the configuration is no JSON: {error}. Check the file of the option --config.")
    except MapperError as error:
        _fail(str(error))


def _fail(message: str) -> None:
    print(f"ERROR: {message}", file=sys.stderr)
    sys.exit(1)

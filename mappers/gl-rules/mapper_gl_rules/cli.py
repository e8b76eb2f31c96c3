"""The command `mapper-gl-rules`: without a subcommand the Singer mapper itself."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Any

import click
from singer_sdk.exceptions import ConfigValidationError

from connector_credentials import clean, record_failure
from connector_program.command import read_to_the_end, schema_option, without_secrets
from mapper_gl_rules.contract import SCHEMAS
from mapper_gl_rules.exceptions import InputError, MapperError
from mapper_gl_rules.mapper import MapperGLRules, is_for_a_person

__all__ = ["cli", "main"]

OBJECTS_PER_COLLECTION = 100_000
_TOOLS = ("book", "rules")

_singer = MapperGLRules.get_singer_command()


def _run_mapper(**options: Any) -> None:
    """Book a shop's documents by rules (a Singer mapper); see also the commands."""
    if click.get_current_context().invoked_subcommand is None and _singer.callback is not None:
        # Records are trees: looking for cycles among them took a tenth of the run.
        gc.freeze()
        gc.set_threshold(OBJECTS_PER_COLLECTION)
        _singer.callback(**options)


class _Commands(click.Group):
    """Loads the accountant's tools when they are asked for: a pipeline need not wait for them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run; a user's mistake is the last that one reads, below what it makes of the tap."""
        try:
            return super().invoke(ctx)
        except (ConfigValidationError, MapperError) as error:
            _complain(error)
            is_singer = ctx.invoked_subcommand is None and not ctx.params["file_input"]
            # Of a broken line nothing else matters; otherwise a closed pipe would be told louder.
            if is_singer and not isinstance(error, InputError) and read_to_the_end():
                _complain(error)
            record_failure(MapperGLRules.name, _text(error), stopped=is_for_a_person(error))
            return ctx.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return sorted([*super().list_commands(ctx), *_TOOLS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command."""
        if cmd_name in _TOOLS:
            return getattr(import_module("mapper_gl_rules.tools.commands"), cmd_name)  # type: ignore[no-any-return]
        return super().get_command(ctx, cmd_name)


cli = _Commands(
    name=MapperGLRules.name,
    callback=_run_mapper,
    invoke_without_command=True,
    help=_run_mapper.__doc__,
    params=[*_singer.params, schema_option(sorted(SCHEMAS), SCHEMAS.__getitem__)],
)


def main() -> None:
    """Run the command; a user's mistake ends in one line on stderr and exit code 1."""
    try:
        cli(prog_name=MapperGLRules.name)
    except MapperError as error:  # of the command line itself
        _complain(error)
        record_failure(MapperGLRules.name, _text(error), stopped=True)
        sys.exit(1)


def _complain(error: Exception) -> None:
    print(f"ERROR: {clean(_text(error))}", file=sys.stderr)


def _text(error: Exception) -> str:
    if isinstance(error, ConfigValidationError):
        wrong = "; ".join(without_secrets(MapperGLRules, error))
        return f"the configuration is not right: {wrong or error}."
    return str(error)

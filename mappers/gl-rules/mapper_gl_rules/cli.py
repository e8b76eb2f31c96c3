"""The command `mapper-gl-rules`: without a subcommand the Singer mapper itself."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from singer_sdk.exceptions import ConfigValidationError

from connector_credentials import CredentialStoreError
from mapper_gl_rules.booking.replay import book_documents, read_documents
from mapper_gl_rules.exceptions import MapperError
from mapper_gl_rules.inputs import read_input
from mapper_gl_rules.mapper import MapperGLRules
from mapper_gl_rules.rules.loading import load_rules
from mapper_gl_rules.rules_cli import rules as rules_commands

__all__ = ["main", "tools"]


@click.group()
def tools() -> None:
    """Tools beside the Singer mapper."""


@tools.command()
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


tools.add_command(rules_commands)


def main() -> None:
    """Run the command; a user's mistake ends in one line on stderr and exit code 1."""
    try:
        if len(sys.argv) > 1 and sys.argv[1] in tools.commands:
            tools(prog_name="mapper-gl-rules")
        else:
            MapperGLRules.cli()
    except ConfigValidationError as error:
        details = "; ".join(error.errors) or str(error)
        _fail(f"the configuration is not right: {details}.")
    except (MapperError, CredentialStoreError) as error:
        _fail(str(error))


def _fail(message: str) -> None:
    print(f"ERROR: {message}", file=sys.stderr)
    sys.exit(1)

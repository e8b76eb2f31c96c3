"""The command `mapper-gl-rules`: without a subcommand the Singer mapper itself."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from singer_sdk.exceptions import ConfigValidationError

from mapper_gl_rules.booking.replay import book_documents, read_documents
from mapper_gl_rules.exceptions import InputError, MapperError
from mapper_gl_rules.mapper import MapperGLRules
from mapper_gl_rules.rules.loading import load_rules

__all__ = ["main", "tools"]


@click.group()
def tools() -> None:
    """Tools beside the Singer mapper."""


@tools.command()
@click.option("--rules", "rules_file", required=True, type=click.Path(path_type=Path))
@click.option("--input", "input_file", required=True, type=click.Path(path_type=Path))
def book(rules_file: Path, input_file: Path) -> None:
    """Book documents in Adobe's REST shape and print the balanced entries as JSON.

    The input is {"order" or "orders", "invoices", "creditmemos"}. The entries have the
    debtor and VAT lines that Exact will make.
    """
    rules = load_rules(rules_file)
    try:
        text = input_file.read_bytes()
    except OSError as error:
        raise InputError(
            what=f"cannot read the documents: {error.strerror}",
            where=str(input_file),
            what_to_do="Check the option --input.",
        ) from error
    report = book_documents(read_documents(text, str(input_file)), rules)
    print(msgspec.json.format(msgspec.json.encode(report), indent=1).decode())


def main() -> None:
    """Run the command; a user's mistake ends in one line on stderr and exit code 1."""
    try:
        if len(sys.argv) > 1 and sys.argv[1] in tools.commands:
            tools(prog_name="mapper-gl-rules")
        else:
            MapperGLRules.cli()
    except ConfigValidationError as error:
        details = "; ".join(error.errors) or str(error)
        print(f"ERROR: the configuration is not right: {details}.", file=sys.stderr)
        sys.exit(1)
    except MapperError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(1)

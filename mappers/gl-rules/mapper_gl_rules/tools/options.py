"""Options that several commands have, and what they open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from mapper_gl_rules.exceptions import ConfigError
from mapper_gl_rules.rules.loading import load_rules
from mapper_gl_rules.tools.store import RulesStore

if TYPE_CHECKING:
    from mapper_gl_rules.rules.model import Rules

__all__ = [
    "PATH",
    "as_json_option",
    "input_option",
    "load",
    "master_options",
    "open_store",
    "print_json",
    "rules_option",
    "since_option",
    "store_option",
]

PATH = click.Path(path_type=Path)
Option = Callable[[Callable[..., Any]], Callable[..., Any]]

store_option: Option = click.option(
    "--store",
    envvar="RULES_STORE",
    help="Credential store with the versions (also RULES_STORE).",
)
rules_option: Option = click.option("--rules", "file", type=PATH, help="Rules file (YAML).")
input_option: Option = click.option(
    "--input",
    "documents",
    type=PATH,
    required=True,
    help="Documents: what the tap writes, or Adobe's REST answers; - reads standard input.",
)
since_option: Option = click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First booking date, such as 2026-01-31.",
)
as_json_option: Option = click.option("--json", "as_json", is_flag=True, help="For machines.")


def master_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--master` and `--division`."""
    command = click.option(
        "--division", type=int, help="The target's own, where the master data has several."
    )(command)
    return click.option(
        "--master",
        envvar="RULES_MASTER",
        help="Exact's master data: JSON file, or the target's ledger_url (also RULES_MASTER).",
    )(command)


def open_store(store: str | None, *, create: bool = False) -> RulesStore:
    """Open the store of versions.

    Raises:
        ConfigError: When none is named, or it cannot be opened.
    """
    if not store:
        raise ConfigError(
            what="no store is named",
            where="option --store",
            what_to_do="Name the credential store, or set RULES_STORE.",
        )
    return RulesStore(store, create=create)


def load(store: str | None, file: Path | None) -> Rules:
    """Load a file, or the newest version of the store."""
    return load_rules(file) if file is not None else open_store(store).rules()


def print_json(found: Any) -> None:
    """Print for machines."""
    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1))

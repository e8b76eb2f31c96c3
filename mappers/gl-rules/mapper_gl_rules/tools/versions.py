"""Versions of the rules in the store: import, export, history, diff, rollback."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapper_gl_rules.exceptions import ConfigError, RulesError
from mapper_gl_rules.rules.loading import load_rules, parse_rules, read_rules
from mapper_gl_rules.tools.compare import compare
from mapper_gl_rules.tools.csv_table import from_csv, to_csv
from mapper_gl_rules.tools.documents import read_input
from mapper_gl_rules.tools.lint import lint
from mapper_gl_rules.tools.master_data import division_of, load_master_data
from mapper_gl_rules.tools.options import (
    PATH,
    master_options,
    open_store,
    rules_option,
    store_option,
)
from mapper_gl_rules.tools.show import say
from mapper_gl_rules.tools.spreadsheet import Edited
from mapper_gl_rules.tools.workbook import from_xlsx, to_xlsx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapper_gl_rules.rules.model import Rules
    from mapper_gl_rules.tools.master_data import MasterData
    from mapper_gl_rules.tools.store import RulesStore

__all__ = ["COMMANDS", "is_terminal"]


@click.command("import")
@store_option
@master_options
@click.argument("file", type=PATH)
@click.option("--note", default="", help="Why this version is made.")
@click.option("--create", is_flag=True, help="Make the store if there is none.")
@click.option("--yes", is_flag=True, help="Do not ask; store it also if lint finds errors.")
def import_(
    store: str | None,
    master: str | None,
    division: int | None,
    file: Path,
    note: str,
    create: bool,  # noqa: FBT001  # click passes it
    yes: bool,  # noqa: FBT001  # click passes it
) -> None:
    """Store FILE (.yml, .xlsx or .csv) as a new version; it holds from the next run.

    Before that it shows what changes, and what lint finds, also in Exact's master data.
    """
    versions = open_store(store, create=create)
    present = _present(versions)
    edited = _read(file, present)
    new = parse_rules(edited.text, origin=str(file), locate=edited.locate)
    if edited.text == present:
        say(f"{file} is the present version: nothing is stored")
        return
    masters = load_master_data(master) if master else None
    errors = _show(new, versions, masters, division, lines=edited.locate is None)
    if errors and not yes and not is_terminal():
        raise ConfigError(
            what=f"nothing is stored: lint finds {errors} errors",
            where=str(file),
            what_to_do="Correct them, or store it all the same with --yes.",
        )
    if not yes and is_terminal():
        click.confirm("Store it, to hold from the next run?", abort=True)
    version = versions.add(edited.text, note or f"imported from {file.name}")
    say(f"version {version.number}, {version.rules} rules")


def is_terminal() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin.isatty()


def _present(versions: RulesStore) -> str | None:
    return versions.text()[1] if versions.history() else None


def _read(file: Path, present: str | None) -> Edited:
    """Read a YAML file or a spreadsheet; a CSV takes settings and VAT codes from the store."""
    match file.suffix.casefold():
        case ".xlsx":
            return from_xlsx(read_input(file), present, str(file))
        case ".csv":
            if present is None:
                raise ConfigError(
                    what="a CSV file has the rules alone, and the store has no version yet",
                    where=str(file),
                    what_to_do="Import a YAML file or a workbook first.",
                )
            return from_csv(read_input(file), present, str(file))
        case _:
            return Edited(read_rules(file), None)


def _show(
    new: Rules,
    versions: RulesStore,
    masters: Mapping[int, MasterData] | None,
    division: int | None,
    *,
    lines: bool,
) -> int:
    """Show what changes and what is wrong; say how many errors there are.

    Lines are those of a YAML file; a spreadsheet has other ones.
    """
    known = set()
    if versions.history():
        try:
            before = versions.rules()
        except RulesError as error:
            say(f"not compared, the present version cannot be read: {error}")
        else:
            for change in compare(before, new) or ["no difference but in comments or form"]:
                say(change)
            known = {(one.kind, one.text) for one in lint(before)}
    findings = lint(new, masters, division)
    for one in findings:
        if one.level == "error" or (one.kind, one.text) not in known:
            where = f"line {one.line}: " if one.line and lines else ""
            say(f"{one.level}: {where}{one.kind}: {one.text}")
    if masters is None:
        say("not checked against Exact: name its master data with --master or RULES_MASTER")
    return sum(one.level == "error" for one in findings)


@click.command()
@store_option
@rules_option
@master_options
@click.argument("output", type=PATH)
@click.option("--version", "number", type=int, help="Default: the newest.")
def export(
    store: str | None,
    file: Path | None,
    master: str | None,
    division: int | None,
    output: Path,
    number: int | None,
) -> None:
    """Write a version, or a rules file, to OUTPUT (.yml, .xlsx or .csv).

    With --master a workbook offers Exact's codes and shows their names.
    """
    text = read_rules(file) if file else open_store(store).text(number)[1]
    match output.suffix.casefold():
        case ".xlsx":
            names = division_of(load_master_data(master), division) if master else None
            content = to_xlsx(text, names)
        case ".csv":
            content = to_csv(text).encode("utf-8-sig")  # Excel needs the mark
        case _:
            content = text.encode()
    try:
        output.write_bytes(content)
    except OSError as error:
        raise ConfigError(
            what=f"cannot write the rules: {error.strerror}",
            where=str(output),
            what_to_do="Name another file.",
        ) from error
    say(f"written to {output}")


@click.command()
@store_option
def history(store: str | None) -> None:
    """List the versions."""
    for version in open_store(store).history():
        say(
            f"{version.number:>5}  {version.made_at}  {version.made_by}  "
            f"{version.rules} rules  {version.note}",
        )


@click.command()
@store_option
@click.argument("old")
@click.argument("new", required=False)
def diff(store: str | None, old: str, new: str | None) -> None:
    """Say what differs between two versions or files; NEW is the newest version by default."""
    before, after = (_version_or_file(store, one) for one in (old, new))
    for change in compare(before, after) or ["no difference"]:
        say(change)


@click.command()
@store_option
@click.argument("number", type=int)
@click.option("--note", default="", help="Why.")
def rollback(store: str | None, number: int, note: str) -> None:
    """Make version NUMBER the newest again, as a further version."""
    version = open_store(store).roll_back(number, note)
    say(f"version {version.number} is version {number} again")


def _version_or_file(store: str | None, name: str | None) -> Rules:
    if name is None or name.isdecimal():
        return open_store(store).rules(int(name) if name else None)
    return load_rules(Path(name))


COMMANDS = (import_, export, history, diff, rollback)

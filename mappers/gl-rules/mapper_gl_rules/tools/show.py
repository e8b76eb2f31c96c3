"""Tables on a terminal: an entry with debit and credit, as a bookkeeper reads it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector_credentials import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mapper_gl_rules.tools.master_data import MasterData

__all__ = ["print_entry", "print_table", "say"]

_WIDTH = 240  # where nobody's window is the limit


def say(text: str) -> None:
    """Print one line; nothing in it can control the terminal."""
    click.echo(f"{_indent(text)}{clean(text.lstrip(' '))}")


def _indent(text: str) -> str:
    return " " * (len(text) - len(text.lstrip(" ")))


def print_entry(entry: Mapping[str, Any], names: MasterData | None = None) -> None:
    """Print an entry: accounts with their names, debit, credit and the rule of each line.

    Args:
        entry: As `ledger_view` gives it.
        names: Exact's master data, for names of accounts.
    """
    debtor = entry.get("debtor") or {}
    owes = debtor.get("code") or ", ".join((debtor.get("match") or {}).values())
    head = [
        f"{str(entry['kind']).replace('_', ' ')} {entry['ref']}",
        str(entry["entry_date"]),
        f"journal {entry['journal']}",
        f"{entry['currency']}{' at ' + entry['rate'] if 'rate' in entry else ''}",
        *([f"debtor {owes}"] if owes else []),
    ]
    say(", ".join(head))
    rows = [
        (
            line["gl"],
            names.name("accounts", line["gl"]) if names else "",
            str(line["role"]).replace("_", " "),
            line["cost_center"] or "",
            line["vat_code"] or "",
            _amount(line["debit"]),
            _amount(line["credit"]),
            line.get("rule") or "",
        )
        for line in entry["lines"]
    ]
    total = ("", "", "", "", "", entry["total_debit"], entry["total_credit"], "")
    titles = ("GL account", "name", "what", "cost center", "VAT code", "debit", "credit", "rule")
    print_table(titles, [*rows, total], numbers=("debit", "credit"))


def print_table(
    titles: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, numbers: tuple[str, ...] = ()
) -> None:
    """Print a table without the columns that are empty; numbers are aligned to the right."""
    rows = list(rows)
    used = [place for place, _ in enumerate(titles) if any(row[place] for row in rows)]
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=True)
    for place in used:
        right = titles[place] in numbers
        table.add_column(titles[place], justify="right" if right else "left", overflow="fold",
                         no_wrap=right)  # fmt: skip
    for row in rows:
        table.add_row(*(Text(clean(row[place])) for place in used))
    width = None if sys.stdout.isatty() else _WIDTH
    Console(width=width, markup=False, highlight=False, emoji=False, soft_wrap=False).print(table)


def _amount(text: str) -> str:
    """Leave a zero out."""
    return text if text.strip("0.") else ""

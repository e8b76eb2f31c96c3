"""A month as its newest comparison left it in the ledger: without a call, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from exact_online.errors import ConfigError
from target_exact_online.month_end import sign_off
from target_exact_online.month_end.model import CellKind, Column, Result, Statement
from target_exact_online.month_end.people import People, is_letter
from target_exact_online.month_end.run import mirror_of

if TYPE_CHECKING:
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.model import Cell
    from target_exact_online.month_end.sides import Month
    from target_exact_online.month_end.sign_off import Kept

_OF_THEIR_OWN = frozenset({"statements", "documents", "sign_off"})


@dataclass(frozen=True, slots=True)
class KeptMonth:
    """A month of one company in the ledger."""

    month: Month
    history: tuple[Kept, ...]  # its comparisons, newest first
    result: Result  # the newest one, without its documents: the ledger has them


def open_month(
    ledger: Ledger, division: int, year: int, period: int, *, with_names: bool = False
) -> KeptMonth:
    """Return a month that was compared, with its signature as it stands now.

    Args:
        ledger: The audit trail.
        division: The Exact company.
        year: Financial year.
        period: Period.
        with_names: Whether people are named, where the comparison did.

    Raises:
        ConfigError: It was never compared.
    """
    found = sign_off.history(ledger, division, year, period)
    if not found:
        name = f"{year}-{period:02}"
        msg = f"{name} of division {division} was never compared. Run `reconcile --month {name}`."
        raise ConfigError(msg)
    told = sign_off.content(ledger, found[0])
    month = sign_off.month_in(told)
    signed = next((one for one in found if one.sign_off is not None), None)
    standing = None
    if signed is not None:
        its = told if signed is found[0] else sign_off.content(ledger, signed)
        standing = sign_off.standing_of(ledger, month, signed, its, mirror_of(ledger, month))
    result = replace(result_of(told), sign_off=standing)
    return KeptMonth(month, tuple(found), result if with_names else _without_names(result))


def result_of(told: dict[str, Any]) -> Result:
    """Return a comparison from what `to_json` wrote; its sign-off is not part of it."""
    hints = get_type_hints(Result)
    names = [one.name for one in fields(Result) if one.name not in _OF_THEIR_OWN]
    values = {name: msgspec.convert(told[name], hints[name]) for name in names if name in told}
    return Result(**values, statements=tuple(map(_statement, told.get("statements", ()))))


def _statement(told: dict[str, Any]) -> Statement:
    columns = msgspec.convert(told.get("columns", []), tuple[Column, ...])
    rows = tuple(
        tuple(_cell(value, column.kind) for value, column in zip(row, columns, strict=True))
        for row in told.get("rows", ())
    )
    plain = {name: told[name] for name in ("number", "name", "title", "not_compared")}
    return Statement(**plain, columns=columns, rows=rows, notes=tuple(told.get("notes", ())))


def _cell(value: Any, kind: CellKind) -> Cell:
    """Return a cell as it was before it was JSON; a word in a column of amounts stays a word."""
    if not isinstance(value, str):
        return value  # type: ignore[no-any-return]
    try:
        if kind in ("money", "number"):
            return Decimal(value)
        return date.fromisoformat(value) if kind == "date" else value
    except (InvalidOperation, ValueError):
        return value


def _without_names(result: Result) -> Result:
    people = People(with_names=False)
    findings = tuple(
        one if is_letter(one.who) else replace(one, who=people.tell("", one.who))
        for one in result.findings
    )
    signed = result.sign_off and replace(result.sign_off, signed_by="")
    return replace(result, findings=findings, sign_off=signed)

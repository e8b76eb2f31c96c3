"""The shop beside the ledger: what became of each document since the shop made it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from target_exact_online.month_end.scopes import Moves
from target_exact_online.month_end.sides import ZERO, Line
from target_exact_online.month_end.walk import Difference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from target_exact_online.month_end.model import Severity
    from target_exact_online.month_end.sides import Booked, Month, Sale

OLD = timedelta(days=3)
"""A document that waits longer is an error."""
NOT_BOOKED = "(not booked)"
_BOOKED = frozenset({"posted"})


@dataclass(frozen=True, slots=True)
class Judged:
    """A document of the shop beside the ledger's.

    Attributes:
        difference: What differs, or None.
        lines: What the shop's side counts in this month; empty: it is of another month.
        counts: Whether it is one of the month's documents.
        other_rules: Its coding was made by other rules, so that only amounts were compared.
    """

    difference: Difference | None
    lines: tuple[Line, ...] = ()
    counts: bool = False
    other_rules: bool = False


def judge(
    sale: Sale, booked: Booked | None, month: Month, now: datetime, last_run: datetime | None
) -> Judged:
    """Compare a document of the shop with what the ledger did with it.

    Args:
        sale: The document as the shop has it now.
        booked: The ledger's, or None.
        month: The month that is compared.
        now: The present moment.
        last_run: When the last run of the target that ended had begun (UTC), or None.
    """
    here = month.holds(sale.entry_date)
    lines = sale.lines or _of_refused(sale)
    if booked is not None and booked.state in _BOOKED:
        return _posted(sale, booked, month, here=here)
    if not here:
        return Judged(None)
    if booked is None:
        if sale.skip:
            return Judged(_skipped(sale, (), sale.refusal), (), counts=True)
        return Judged(_missing(sale, lines, last_run), lines, counts=True)
    if booked.state == "skipped":
        return Judged(_skipped(sale, lines, booked.reason), lines, counts=True)
    return Judged(_open(sale, booked, lines, now), lines, counts=True)


def _of_refused(sale: Sale) -> tuple[Line, ...]:
    """Return what a refused document would be worth: its amount, on no account."""
    if not sale.refusal or sale.skip or not sale.amount:
        return ()
    return (Line(NOT_BOOKED, -sale.amount, -sale.amount),)


def _moves(sale: Sale, out: Sequence[Line] = (), into: Sequence[Line] = ()) -> Moves:
    return Moves(sale.currency, sale.is_sale, tuple(out), tuple(into))


def _missing(sale: Sale, lines: tuple[Line, ...], last_run: datetime | None) -> Difference:
    is_new = last_run is not None and sale.created_at is not None and sale.created_at > last_run
    severity: Severity | None = "warning" if is_new else None
    cause = "The shop has it, the ledger never got it."
    if is_new:
        cause = "The shop made it after the last run began: the next one takes it."
    if sale.refusal:
        cause += f" The mapper cannot book it: {sale.refusal}."
    proposal = "Run the job again from before its date: `start_date` in a run of its own."
    return Difference(
        "S1", cause, _moves(sale, lines), "", str(sale.amount), "", None, severity=severity,
        proposal="" if is_new else proposal,
    )  # fmt: skip


def _skipped(sale: Sale, lines: tuple[Line, ...], reason: str) -> Difference:
    cause = f"Nothing is booked for it: {reason or 'there is nothing to book'}."
    return Difference("S3", cause, _moves(sale, lines), "", str(sale.amount), "skipped")


def waits(booked: Booked, moves: Moves, amount: str, now: datetime) -> Difference:
    """Return that a document of the ledger is not posted, how long and why.

    Args:
        booked: The document.
        moves: What the ledger lacks because of it.
        amount: For people.
        now: The present moment.
    """
    age = now - booked.since if booked.since is not None else timedelta(0)
    if booked.may_be_in_exact:
        cause = "It was sent, and Exact never said whether it has it."
        return Difference("S9", cause, moves, "", amount, booked.state)
    reason = f": {booked.reason}" if booked.reason else ""
    cause = f"It is {booked.state} for {age.days} days{reason}."
    proposal = {
        "parked": f"Mend the cause, then `documents replay {booked.key}`.",
        "failed": "The next run tries it again by itself.",
    }.get(booked.state, "The next run posts it.")
    severity: Severity | None = "error" if age > OLD else None
    return Difference(
        "S2", cause, moves, "", amount, booked.state, severity=severity, proposal=proposal
    )


def _open(sale: Sale, booked: Booked, lines: tuple[Line, ...], now: datetime) -> Difference:
    return waits(booked, _moves(sale, lines), str(sale.amount), now)


def _posted(sale: Sale, booked: Booked, month: Month, *, here: bool) -> Judged:
    in_ledger = (booked.year, booked.period) == (month.year, month.period)
    if not here and not in_ledger:
        return Judged(None)
    if here and not in_ledger:
        cause = (
            f"The shop's day is {sale.entry_date}; it is booked on {booked.entry_date}, in period "
            f"{booked.year}-{booked.period:02}."
        )
        found = Difference(
            "S6", cause, _moves(sale, sale.lines), "entry_date", sale.entry_date, booked.entry_date
        )
        return Judged(found, sale.lines, counts=True)
    if not here:
        cause = f"The shop's day is {sale.entry_date}; it is booked here, on {booked.entry_date}."
        moves = Moves(booked.currency, booked.is_sale, into=booked.lines)
        found = Difference("S6", cause, moves, "entry_date", sale.entry_date, booked.entry_date)
        return Judged(found)
    if booked.entity_id and sale.entity_id and booked.entity_id != sale.entity_id:
        cause = (
            f"The number {sale.number} was used again: the ledger has the shop's document "
            f"{booked.entity_id}, the shop now {sale.entity_id}."
        )
        moves = Moves(booked.currency, booked.is_sale, sale.lines, booked.lines)
        return Judged(Difference("S5", cause, moves, "entity_id", booked.entity_id, sale.entity_id),
                      sale.lines, counts=True)  # fmt: skip
    return _content(sale, booked)


def _content(sale: Sale, booked: Booked) -> Judged:
    """Compare what would be booked now with what was posted."""
    if sale.content == booked.content or _is_same(sale, booked):
        return Judged(None, booked.lines or sale.lines, counts=True)
    same_amounts = (
        not sale.refusal and sale.amount == booked.amount and sale.currency == booked.currency
    )
    if same_amounts and sale.rules_version != booked.rules_version and _vat(sale) == _vat(booked):
        return Judged(None, booked.lines, counts=True, other_rules=True)
    field, ours, theirs = _what(sale, booked)
    cause = "The shop's document is not the one that was posted any more."
    if sale.refusal:
        cause = f"The shop's document changed: {sale.refusal}."
    moves = Moves(booked.currency, booked.is_sale, sale.lines, booked.lines)
    proposal = "Book the difference by a credit memo in the shop, or correct the entry in Exact."
    found = Difference("S4", cause, moves, field, ours, theirs, proposal=proposal)
    return Judged(found, sale.lines, counts=True)


def _is_same(sale: Sale, booked: Booked) -> bool:
    """Tell whether the same is booked, whatever else differs."""
    return (
        not sale.refusal
        and sale.currency == booked.currency
        and Counter(map(_coded, sale.lines)) == Counter(map(_coded, booked.lines))
        and sale.entry_date[:10] == booked.entry_date[:10]
    )


def _coded(line: Line) -> tuple[object, ...]:
    return (*line.coding, line.kind, line.vat_code, line.amount, line.vat_amount)


def _vat(document: Sale | Booked) -> object:
    return sum((line.vat_amount for line in document.lines if line.kind == "line"), ZERO)


Field = Literal["amount", "currency", "vat_amount", "entry_date", "lines", "state"]


def _what(sale: Sale, booked: Booked) -> tuple[Field, str, str]:
    """Return what differs most, with the posted value and the shop's value now."""
    if sale.refusal:
        return "state", str(booked.amount), sale.refusal
    if sale.currency != booked.currency:
        return "currency", booked.currency, sale.currency
    if sale.amount != booked.amount:
        return "amount", str(booked.amount), str(sale.amount)
    if _vat(sale) != _vat(booked):
        return "vat_amount", str(_vat(booked)), str(_vat(sale))
    if sale.entry_date[:10] != booked.entry_date[:10]:
        return "entry_date", booked.entry_date, sale.entry_date
    return "lines", _lines(booked.lines), _lines(sale.lines)


def _lines(lines: Sequence[Line]) -> str:
    told = [f"{line.account} {-line.amount} {line.vat_code}".strip() for line in lines
            if line.kind == "line"]  # fmt: skip
    return "; ".join(told)[:200]


def gone(booked: Booked, *, twin: str = "") -> Difference:
    """Return that the shop does not have a posted document any more, or has it once only.

    Args:
        booked: The document.
        twin: Key of another posted document of the same document of the shop.
    """
    moves = Moves(booked.currency, booked.is_sale, into=booked.lines)
    amount = "" if booked.amount is None else str(booked.amount)
    if twin:
        cause = f"The shop's document is booked as {twin}, too."
        return Difference("S7", cause, moves, "", amount, "", proposal="Take one of them back.")
    cause = "It was posted, and the shop does not have it any more."
    return Difference(
        "S5", cause, moves, "", amount, "", proposal="Find out who removed it; book it back."
    )


def from_elsewhere(booked: Booked) -> Difference:
    """Return that a document of an earlier month is booked in this one."""
    made = booked.created_at.date().isoformat() if booked.created_at else "earlier"
    cause = f"The shop made it on {made}; it is booked here, on {booked.entry_date}."
    moves = Moves(booked.currency, booked.is_sale, into=booked.lines)
    return Difference("S6", cause, moves, "entry_date", made, booked.entry_date)

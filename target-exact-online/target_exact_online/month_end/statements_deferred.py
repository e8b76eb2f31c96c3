"""The control statement about what is deferred at the last day, with the entries it proposes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_exact_online.month_end.deferred import PAID, TITLES
from target_exact_online.month_end.model import Statement, columns
from target_exact_online.month_end.sides import cents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_exact_online.month_end.deferred import Deferral
    from target_exact_online.month_end.model import Cell, Proposal
    from target_exact_online.month_end.reconcile import Comparison

_OFF = (
    "It is off. Name the accounts in the rules (settings, deferred), and read shipments and orders "
    "with the job reconcile-month-deferred. Nothing is proposed."
)


def deferred(comparison: Comparison) -> Statement:
    """Return what is deferred at the last day.

    Args:
        comparison: What was read.
    """
    found, own = comparison.deferred, comparison.evidence.month.currency
    named = {"number": 6, "name": "Deferred", "title": "Deferred at the last day"}
    if found is None:
        return Statement(**named, not_compared=_OFF)  # type: ignore[arg-type]
    rows = [_row(one) for one in found.rows]
    for proposal in comparison.proposals:
        rows += _of_proposal(proposal)
    return Statement(
        **named,  # type: ignore[arg-type]
        columns=columns(
            *("Part", "Document", "Order", "GL account", "Cost center", "Cost unit"),
            *("Pieces:number", "Amount:money", "Currency", f"In {own}:money"),
        ),
        rows=tuple(rows),
        notes=(*_notes(comparison), *found.notes),
    )


def _row(one: Deferral) -> tuple[Cell, ...]:
    return (
        TITLES[one.part],
        one.key,
        one.order,
        one.account or "none is named",
        one.cost_center,
        one.cost_unit,
        one.pieces or None,
        cents(one.amount),
        one.currency,
        cents(one.own),
    )


def _of_proposal(one: Proposal) -> Iterator[tuple[Cell, ...]]:
    """Yield the lines of a proposed entry, debit positive."""
    for line in one.lines:
        codes = line.gl_account, line.cost_center, line.cost_unit
        part = f"entry {one.name}"
        yield part, "", "", *codes, None, line.amount, one.currency, line.amount


def _notes(comparison: Comparison) -> Iterator[str]:
    found = comparison.deferred
    for one in comparison.proposals:
        yield told(one)
    rows = () if found is None else found.rows
    booked = sorted({one.booked_on for one in rows if one.booked_on})
    if booked:
        yield (
            f"Money paid before its invoice that is booked on {', '.join(booked)} already is in no "
            "proposed entry."
        )
    if any(one.part == PAID and not (one.account or one.booked_on) for one in rows):
        yield "Money without an account: name its clearing_gl in the rules, then compare again."


def told(one: Proposal) -> str:
    """Return a proposal in a sentence."""
    entry = (
        f"{one.title}: {one.amount} {one.currency} of {one.documents} documents, journal "
        f"{one.journal}, {one.entry_date}, taken back on {one.reversal_date}"
    )
    if one.status == "approved":
        return f"{entry}. Approved as {one.name}."
    if one.status == "changed":
        return f"{entry}. Another amount was approved as {one.name}: book the difference by hand."
    month = f"{one.entry_date:%Y-%m}"
    return f"{entry}. Sent only after `reconcile approve {one.name} --month {month}`."

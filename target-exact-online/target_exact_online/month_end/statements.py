"""The control statements of a month, by number."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from target_exact_online.month_end import (
    statements_clearing,
    statements_debtors,
    statements_deferred,
    statements_money,
    statements_vat,
)
from target_exact_online.month_end.model import Statement, columns

if TYPE_CHECKING:
    from target_exact_online.month_end.model import Cell, Result
    from target_exact_online.month_end.reconcile import Comparison

_ZERO = Decimal("0.00")


def build(comparison: Comparison, result: Result) -> tuple[Statement, ...]:
    """Return the control statements, by number.

    Args:
        comparison: What was read.
        result: What was found.
    """
    ledger, month = comparison.ledger, comparison.evidence.month
    return (
        statements_vat.vat(ledger, month, result, comparison.facts.boxes),
        statements_vat.oss(ledger, month),
        statements_vat.ec_list(ledger, month, result),
        statements_money.liabilities(comparison, result),
        statements_clearing.clearing(comparison),
        statements_deferred.deferred(comparison),
        statements_money.cut_off(comparison),
        statements_debtors.debtors(comparison),
        _currency(comparison, result),
        statements_money.rounding(ledger, month, comparison.wish.rounding_accounts),
    )


def _currency(comparison: Comparison, result: Result) -> Statement:
    """Return sales by currency, as posted and as Exact has them."""
    ours = comparison.pairing.ledger.by_currency()
    theirs = comparison.pairing.exact.by_currency()
    read = result.depth != "sums"
    rows: list[tuple[Cell, ...]] = []
    for currency in sorted(ours.keys() | theirs.keys()):
        amount, own = ours.get(currency, (_ZERO, _ZERO))
        other, other_own = theirs.get(currency, (_ZERO, _ZERO))
        rate = (own / amount).quantize(Decimal("0.000001")) if amount else None
        rows.append(
            (
                currency,
                amount,
                other if read else None,
                own,
                other_own if read else None,
                (other_own - own) if read else None,
                rate,
            )
        )
    rounded = [one for one in result.findings if one.code == "S8"]
    notes = [f"{len(rounded)} documents have another amount in {result.currency} (class S8)."]
    if not read:
        notes.append("Exact's amounts by currency were not read: its sums are in its own.")
    return Statement(
        number=9,
        name="Currency",
        title="Sales by currency",
        columns=columns(
            "Currency",
            "Ledger:money",
            "Exact:money",
            f"Ledger in {result.currency}:money",
            f"Exact in {result.currency}:money",
            "Difference:money",
            "Mean rate:number",
        ),
        rows=tuple(rows),
        notes=tuple(notes),
    )

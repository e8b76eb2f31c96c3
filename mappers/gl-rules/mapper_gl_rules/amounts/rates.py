"""Percentages of VAT: those the shop states must give its VAT, the others are found by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import HUNDRED, ZERO, rounded, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from mapper_gl_rules.amounts.model import AmountLine, Context

__all__ = ["check_vat", "derive_rate", "legal_rate", "percent"]


def percent(rate: Decimal) -> str:
    """Write a percentage for a person."""
    return f"{rate.normalize():f} %"


def check_vat(  # what is checked, and how
    what: str,
    where: str,
    bases: Iterable[Decimal],
    vat: Decimal,
    rate: Decimal,
    tolerance: Decimal,
) -> None:
    """Refuse VAT that its percentage gives of none of the possible bases.

    Args:
        what: What was taxed, for the message.
        where: The shop's field.
        bases: What the VAT may be of; the first one is the likely one.
        vat: As charged.
        rate: The percentage.
        tolerance: What rounding may cost.

    Raises:
        DocumentRefusedError: With the arithmetic.
    """
    first, *others = bases
    if any(abs(base * rate / HUNDRED - vat) <= tolerance for base in (first, *others)):
        return
    raise DocumentRefusedError(
        reason=f"{what}: VAT of {show(vat)} on {show(first)} is not {percent(rate)} "
        f"({show(rounded(first * rate / HUNDRED))})",
        where=where,
        what_to_do="Check the tax of this order in the shop; correct it there or book it by hand.",
    )


def derive_rate(
    context: Context,
    amounts: Sequence[tuple[Decimal, Decimal]],
    rates: Iterable[Decimal],
    *,
    where: str,
) -> Decimal:
    """Find the percentage that gives a VAT amount, where the shop states none.

    It is a legal one: of the VAT codes that the rules have for the country and the day. Where
    several of them fit, or none, it is one of the document's lines.

    Args:
        context: The document.
        amounts: Net and VAT; further pairs are tried where the earlier fit nothing.
        rates: Percentages of the document's lines.
        where: The shop's field.

    Raises:
        DocumentRefusedError: When no percentage fits, or several do.
    """
    own, legal = frozenset(rates), context.legal
    # Gross is fixed and net rounded: the cent moves between them, and the percentage of it.
    slack = context.step * (HUNDRED + max((ZERO, *own, *legal))) / HUNDRED
    for net, tax in amounts:
        fitting = {rate for rate in own | legal if abs(net * rate / HUNDRED - tax) <= slack}
        for found in (fitting & legal, fitting & legal & own, fitting & own):
            if len(found) == 1:
                return next(iter(found))
        if fitting:
            break
    net, tax = amounts[0]
    tried = []
    for name, group in (("the order's rates", own), ("the VAT codes", legal)):
        several = any(abs(net * rate / HUNDRED - tax) <= slack for rate in group)
        known = ", ".join(percent(rate) for rate in sorted(group)) or "none"
        tried.append(f"{'several' if several else 'none'} of {name} ({known})")
    raise DocumentRefusedError(
        reason=f"VAT of {show(tax)} on {show(net)} fits {' and '.join(tried)}",
        where=where,
        what_to_do="Let the shop send item_applied_taxes with the order, or book it by hand.",
    )


def legal_rate(context: Context, line: AmountLine) -> Decimal:
    """Give the percentage of a line; of a computed one (21.0068) the legal one behind it."""
    rate = line.rate or ZERO
    if not line.vat or rate in context.legal:
        return rate
    slack = context.step * (1 + abs(line.quantity or ZERO))
    fitting = [
        legal
        for legal in context.legal
        if abs(line.net * (legal - rate) / HUNDRED) <= slack
        and abs(line.net * legal / HUNDRED - line.vat) <= slack
    ]
    return fitting[0] if len(fitting) == 1 else rate

"""What a grand total has more or less than its stated parts: explained by facts, or refused.

A reading is a choice of what the order and the settings name and the document leaves out. It
must explain the whole gap, and be the only one that does.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple

from mapper_gl_rules.amounts.fixed_product_tax import fixed_product_tax_lines
from mapper_gl_rules.amounts.model import AmountLine, arithmetic
from mapper_gl_rules.amounts.spreading import spread
from mapper_gl_rules.amounts.surcharges import custom_fees, mapped_surcharges, suspects
from mapper_gl_rules.amounts.totals import PAYMENTS
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from decimal import Decimal

    from mapper_gl_rules.amounts.model import Context, Parts
    from mapper_gl_rules.amounts.rows import Row

__all__ = ["explain_gap"]

_MOST_FEES = 6  # of which every combination is tried; more are taken together
_MOST_NAMED = 3
_SO_FAR = ("subtotal", "discount", "discount_tax_compensation", "shipping", "tax")


class Reading(NamedTuple):
    """One way to explain a gap: what it consists of, and what rounding may cost it."""

    lines: tuple[AmountLine, ...]
    slack: Decimal

    @property
    def amount(self) -> Decimal:
        """What it adds to the stated parts."""
        return sum([line.net for line in self.lines], ZERO)


def explain_gap(
    context: Context, rows: Sequence[Row], parts: Parts, rates: Iterable[Decimal]
) -> list[AmountLine]:
    """Give the lines that the total has and the document does not state; adds to the parts.

    Raises:
        DocumentRefusedError: When nothing explains the gap, or several readings do.
    """
    gap = context.header.grand_total - sum([amount for _, amount in parts], ZERO)
    if not gap:
        return []
    fitting = list(
        {
            tuple([(line.name, line.net) for line in one.lines]): one
            for one in _readings(context, rows, gap, rates)
            if one.lines and abs(one.amount - gap) <= one.slack
        }.values()
    )
    if len(fitting) > 1:
        raise _several(gap, fitting, parts, context)
    if not fitting:
        if abs(gap) > context.rounding_limit:
            raise _unexplained(context, gap, parts)
        return []
    (found,) = fitting
    lines = list(found.lines)
    _follow_gap(context, lines, gap)
    parts.extend((f"{line.kind} {line.name}", line.net) for line in lines)
    return lines


def _readings(
    context: Context, rows: Sequence[Row], gap: Decimal, rates: Iterable[Decimal]
) -> Iterator[Reading]:
    """Give every choice of what may be in the total."""
    cent = context.step
    surcharges = mapped_surcharges(context, rates)
    fixed, fixed_slack = fixed_product_tax_lines(context, rows)
    named_fees, unnamed_fees = custom_fees(context)
    for some, weee, fees in product(
        _all_or_none(surcharges), _all_or_none(fixed), _choices(unnamed_fees)
    ):
        lines = (*some, *weee, *named_fees, *fees)
        left = gap - sum([line.net for line in lines], ZERO)
        slack = max(cent, fixed_slack) if weee else cent
        for paid in _payments(context, left):
            yield Reading((*lines, *paid), slack)


def _all_or_none(lines: list[AmountLine]) -> list[tuple[AmountLine, ...]]:
    return [(), tuple(lines)] if lines else [()]


def _choices(fees: list[AmountLine]) -> list[tuple[AmountLine, ...]]:
    if len(fees) > _MOST_FEES:
        return _all_or_none(fees)
    return [some for count in range(len(fees) + 1) for some in combinations(fees, count)]


def _payments(context: Context, left: Decimal) -> Iterator[tuple[AmountLine, ...]]:
    """Give the means of payment that the order has and the document does not state.

    Adobe uses up each in full, or as much as makes the total 0: no other amount is possible.
    """
    choices: list[list[AmountLine | None]] = []
    fully_paid: list[tuple[AmountLine, Decimal]] = []
    for kind, name in PAYMENTS:
        if getattr(context.header.extension, name) is not None:
            continue
        amounts = _unused(context, name)
        if amounts:
            found = [AmountLine(kind, name, -amount, ZERO, None) for amount in amounts]
            choices.append([None, *found])
            fully_paid.append((AmountLine(kind, name, ZERO, ZERO, None), max(amounts)))
    for choice in product(*choices):
        used = tuple([line for line in choice if line is not None])
        yield used
        if context.header.grand_total:
            continue
        rest = left - sum([line.net for line in used], ZERO)
        for line, most in fully_paid:
            if line.kind not in {one.kind for one in used} and 0 < -rest < most:
                yield (*used, AmountLine(line.kind, line.name, rest, ZERO, None))


def _unused(context: Context, name: str) -> set[Decimal]:
    """Give the amounts of a means of payment that this document may have used in full.

    The whole amount of the order; or, where the order has other documents, what they left.
    """
    extension = context.order.extension
    whole = getattr(extension, name) or ZERO
    memo = context.kind == "credit_memo"
    used = getattr(extension, name.replace("_amount", "_refunded" if memo else "_invoiced"), None)
    others = _other_documents(context)
    amounts = {whole, whole - others}
    most = whole if used is None else used
    return {amount for amount in amounts if 0 < amount <= most}


def _other_documents(context: Context) -> Decimal:
    """Give what the order's other documents of this kind come to, before means of payment."""
    suffix = "refunded" if context.kind == "credit_memo" else "invoiced"
    header, order = context.header, context.order
    total = ZERO
    for name in _SO_FAR:
        so_far = getattr(order, f"{name}_{suffix}")
        own = getattr(header, name if name == "subtotal" else f"{name}_amount")
        if so_far is None:
            return ZERO
        total += so_far - (own or ZERO)
    return max(total, ZERO)


def _follow_gap(context: Context, lines: Sequence[AmountLine], gap: Decimal) -> None:
    """Let fixed product tax take the cents: no document states it, only the total has it."""
    fixed = [line for line in lines if line.kind == "fixed_product_tax"]
    cents = gap - sum([line.net for line in lines], ZERO)

    def change(line: AmountLine, part: Decimal) -> None:
        line.net += part

    if fixed:
        spread(fixed, cents, context.step, change)


def _unexplained(context: Context, gap: Decimal, parts: Parts) -> DocumentRefusedError:
    header = context.header
    found = suspects(header, gap)
    return DocumentRefusedError(
        reason=f"grand_total is {show(abs(gap))} {'more' if gap > 0 else 'less'} than its "
        f"parts: {arithmetic(parts, header.grand_total)}"
        + (f"; {', '.join(found)} may be it" if found else ""),
        where=found[0].split()[0] if found else "grand_total",
        what_to_do="Map the extension's total under surcharges in the rules."
        if found
        else "Find the extension's total that makes the difference and map it.",
    )


def _several(
    gap: Decimal, readings: Sequence[Reading], parts: Parts, context: Context
) -> DocumentRefusedError:
    named = " or ".join(
        " + ".join(f"{line.name} {show(line.net)}" for line in one.lines)
        for one in readings[:_MOST_NAMED]
    )
    return DocumentRefusedError(
        reason=f"grand_total is {show(abs(gap))} {'more' if gap > 0 else 'less'} than its parts, "
        f"which may be {named}: {arithmetic(parts, context.header.grand_total)}",
        where="grand_total",
        what_to_do="Look up in the shop which one it is, and book the document by hand.",
    )

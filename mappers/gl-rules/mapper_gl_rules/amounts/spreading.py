"""The header is the customer's document: where its lines differ by cents, the lines follow it."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from decimal import Decimal

__all__ = ["differs", "spread"]

_DECIMALS = 4  # of Adobe's amounts; more are the residue of binary floats


class Taxed(Protocol):
    """Something that VAT was charged on."""

    vat: Decimal


T = TypeVar("T", bound=Taxed)


def differs(
    field: str, stated: Decimal, found: Sequence[tuple[str, Decimal]], limit: Decimal
) -> Decimal:
    """Give what the header has more than its lines, if it is a matter of cents.

    Args:
        field: The header's field.
        stated: What it says.
        found: What it is made of, by name.
        limit: What rounding may cost.

    Raises:
        DocumentRefusedError: When it is more.
    """
    more = round(stated - sum([amount for _, amount in found], ZERO), _DECIMALS)
    if abs(more) <= limit:
        return more
    terms = " + ".join(f"{name} {show(amount)}" for name, amount in found if amount) or "nothing"
    raise DocumentRefusedError(
        reason=f"{field} is {show(stated)}, {show(abs(more))} "
        f"{'more' if more > 0 else 'less'} than what it is made of: {terms}; "
        f"at most {show(limit)} is rounding",
        where=field,
        what_to_do="Compare it with the shop's admin; correct it there or book it by hand.",
    )


def spread(
    targets: Iterable[T], amount: Decimal, step: Decimal, change: Callable[[T, Decimal], None]
) -> None:
    """Change targets cent by cent until an amount is spent, those with the most VAT first.

    Args:
        targets: At least one.
        amount: What to add to them in all.
        step: Most that one gets at a time.
        change: Adds an amount to one.
    """
    if not amount:
        return
    most_first = sorted(targets, key=lambda one: abs(one.vat), reverse=True)
    whole, rest = divmod(abs(amount), step)
    parts = [step] * int(whole) + ([rest] if rest else [])
    for target, part in zip(islice(cycle(most_first), len(parts)), parts, strict=True):
        change(target, part if amount > 0 else -part)

"""A discount as a line of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.money import HUNDRED, ZERO, rounded

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["split_discount"]


def split_discount(line: AmountLine, net: Decimal, hidden: Decimal) -> AmountLine:
    """Put the net discount on a line of its own; line and discount together stay the same.

    The discount's VAT is the compensation where prices include tax, else net x rate.
    """
    vat = hidden or rounded(net * (line.rate or ZERO) / HUNDRED)
    line.net += net
    line.vat += vat
    return AmountLine("discount", line.name, -net, -vat, line.rate, line.item, line.quantity)

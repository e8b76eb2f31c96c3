"""What reading a document gives: lines with net, VAT and rate."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from mapper_gl_rules.money import ZERO, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapper_gl_rules.source import OrderItem

__all__ = ["AmountLine", "Amounts", "Options", "arithmetic"]


class Options(msgspec.Struct, frozen=True):
    """How the accountant wants amounts to be read.

    Attributes:
        discounts: `net` lowers the revenue line, `separate` gives discount lines.
        rounding_limit: Largest remainder, in document currency, for a rounding line.
        adjustment_refund: VAT in a goodwill refund: `goods`, `none` or a percentage.
        adjustment_fee: VAT in a fee kept back: `goods`, `none` or a percentage.
        surcharges: Field path of an extension's total, to the path of its tax or None.
    """

    discounts: Literal["net", "separate"] = "net"
    rounding_limit: Decimal = Decimal("0.05")
    adjustment_refund: Decimal | Literal["goods", "none"] | None = None
    adjustment_fee: Decimal | Literal["goods", "none"] | None = None
    surcharges: Mapping[str, str | None] = {}


class AmountLine(msgspec.Struct, gc=False):
    """One amount of a document, in document currency and in the document's own sign.

    Attributes:
        kind: What it is, a name of `rules.vocabulary.LINE_KINDS`.
        name: The shop's field or SKU, for rules and messages.
        net: Without VAT.
        vat: As the shop charged it.
        rate: Percentage; None where the amount is outside VAT.
        item: The order line it belongs to.
        quantity: Pieces; may be a fraction.
    """

    kind: str
    name: str
    net: Decimal
    vat: Decimal
    rate: Decimal | None
    item: OrderItem | None = None
    quantity: Decimal | None = None


class Amounts(msgspec.Struct, gc=False):
    """All amounts of a document.

    Attributes:
        lines: What has to be booked, without the rounding line.
        grand_total: As the shop says it, up to four decimals.
        parts: Name and amount of what the grand total is made of, for messages.
    """

    lines: list[AmountLine]
    grand_total: Decimal
    parts: list[tuple[str, Decimal]]

    @property
    def arithmetic(self) -> str:
        """How the grand total comes about, without zeros."""
        return arithmetic(self.parts, self.grand_total)


def arithmetic(parts: list[tuple[str, Decimal]], grand_total: Decimal) -> str:
    """Write a sum out, leaving out zeros."""
    terms = [f"{name} {show(amount)}" for name, amount in parts if amount]
    total = sum([amount for _, amount in parts], ZERO)
    return f"{' + '.join(terms) or '0.00'} = {show(total)}, grand_total {show(grand_total)}"

"""What reading a document gives: lines with net, VAT and rate."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from mapper_gl_rules.money import CENT, ZERO, minor_unit, practical_unit, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapper_gl_rules.source import Document, Order, OrderItem

__all__ = [
    "AmountLine",
    "Amounts",
    "Choice",
    "Context",
    "Options",
    "Parts",
    "arithmetic",
]

Choice = Decimal | Literal["goods", "proportional", "none"]
Parts = list[tuple[str, Decimal]]
_FEWEST_CENTS = 4  # recorded: a credit memo of three lines whose header VAT is 0.04 less


class Options(msgspec.Struct, frozen=True):
    """How the accountant wants amounts to be read.

    Attributes:
        discounts: `net` lowers the revenue line, `separate` gives discount lines.
        rounding_limit: Largest remainder for a rounding line, in a currency of cents; in others
            as many of their smallest units.
        tax_difference: Cents between the header's VAT and that of its lines: `spread` over the
            lines, or as `rounding`, with the VAT of the lines.
        adjustment_refund: VAT in a goodwill refund.
        adjustment_fee: VAT in a fee kept back.
        surcharges: Field path of an extension's total, to the path of its tax or None.
        ledger_currency: Currency of the division; tells which currencies are weak.
    """

    discounts: Literal["net", "separate"] = "net"
    rounding_limit: Decimal = Decimal("0.05")
    tax_difference: Literal["spread", "rounding"] = "spread"
    adjustment_refund: Choice | None = None
    adjustment_fee: Choice | None = None
    surcharges: Mapping[str, str | None] = {}
    ledger_currency: str = ""


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
        vat_unstated: The shop states no VAT for it: the VAT code of its rule decides.
    """

    kind: str
    name: str
    net: Decimal
    vat: Decimal
    rate: Decimal | None
    item: OrderItem | None = None
    quantity: Decimal | None = None
    vat_unstated: bool = False


class Amounts(msgspec.Struct, gc=False):
    """All amounts of a document.

    Attributes:
        lines: What has to be booked, without the rounding line.
        grand_total: As the shop says it, up to four decimals.
        owed: What the customer owes or gets back: the grand total, less what a refund gives as
            store credit.
        parts: Name and amount of what the grand total is made of, for messages.
    """

    lines: list[AmountLine]
    grand_total: Decimal
    owed: Decimal
    parts: Parts

    @property
    def arithmetic(self) -> str:
        """How the grand total comes about, without zeros."""
        return arithmetic(self.parts, self.grand_total)


class Context(msgspec.Struct, frozen=True, gc=False):
    """A document being read, and what is known about it.

    Attributes:
        kind: Kind of document.
        header: The document itself.
        order: The order it belongs to; of an order, itself.
        options: The accountant's choices.
        legal: Percentages of the VAT codes that hold for the destination.
        unit: Smallest amount of the currency.
        step: Smallest amount that shops count in: whole units of a weak currency.
    """

    kind: Literal["order", "invoice", "credit_memo"]
    header: Document | Order
    order: Order
    options: Options
    legal: frozenset[Decimal]
    unit: Decimal
    step: Decimal

    @classmethod
    def of(
        cls,
        kind: Literal["order", "invoice", "credit_memo"],
        header: Document | Order,
        order: Order,
        options: Options,
        legal: frozenset[Decimal],
    ) -> Context:
        """Begin to read a document."""
        currency = header.order_currency_code or order.order_currency_code or ""
        in_ledger = header.base_currency_code == options.ledger_currency
        rate = header.base_to_order_rate if in_ledger else None
        unit = minor_unit(currency)
        return cls(kind, header, order, options, legal, unit, practical_unit(currency, rate))

    def tax_limit(self, lines: int) -> Decimal:
        """Give what VAT of header and lines may differ by: a cent a line and one, at least four."""
        return self.step * max(lines + 1, _FEWEST_CENTS) if lines else ZERO

    @property
    def rounding_limit(self) -> Decimal:
        """What rounding may cost other amounts than VAT, in the document's currency."""
        smallest = self.unit if self.unit < CENT else self.step
        return self.options.rounding_limit * smallest / CENT


def arithmetic(parts: Parts, grand_total: Decimal) -> str:
    """Write a sum out, leaving out zeros."""
    terms = [f"{name} {show(amount)}" for name, amount in parts if amount]
    total = sum([amount for _, amount in parts], ZERO)
    return f"{' + '.join(terms) or '0.00'} = {show(total)}, grand_total {show(grand_total)}"

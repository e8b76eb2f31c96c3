"""The shop's arithmetic: taxes, discounts and rounding, as Magento Open Source 2.4.7 does them.

Amounts are whole numbers of ten-thousandths of the currency (the shop keeps four decimals);
quantities are whole numbers of ten-thousandths too. Rates are percentages. What is not yet
rounded is a float, as in the shop itself; after rounding every sum is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

UNIT = 10_000
CENT = 100
_TINY = 1e-7  # of a cent: a tie that binary floats just missed is still a tie
_PHP_DIGITS = 14
_FIRST_DELTA = 0.01  # the shop starts its carry at 0.000001


def round_cents(amount: float, step: int = CENT) -> int:
    """Round half away from zero to cents, or to another smallest unit of a currency."""
    if amount < 0:
        return -round_cents(-amount, step)
    return math.floor(amount / step + 0.5 + _TINY) * step


def number(amount: int) -> int | float:
    """Return an amount as the number that JSON shows (whole when it is whole)."""
    return amount / UNIT if amount % UNIT else amount // UNIT


def units(value: float) -> int:
    """Return the amount that a JSON number stands for."""
    return round(value * UNIT)


class Carry:
    """Rounds a sequence of amounts so that their sum stays right (the shop's delta rounding)."""

    __slots__ = ("_delta", "_step")

    def __init__(self, delta: float = 0.0, step: int = CENT) -> None:
        """Start with what earlier roundings left over, and with the smallest unit."""
        self._delta = delta
        self._step = step

    def round(self, amount: float, *, negative: bool = False) -> int:
        """Round to cents with what is left over; the remainder is kept for the next.

        Args:
            amount: What to round; 0 leaves the carry alone.
            negative: The amount will be subtracted.
        """
        if not amount:
            return 0
        sign = -1 if negative else 1
        amount += sign * self._delta
        rounded = round_cents(amount, self._step)
        self._delta = sign * (amount - rounded)
        return rounded


class FloatCarry:
    """The carry of one document: the shop's own binary floats, with what they miss.

    After a few ties of half a cent the floats are off by more than PHP's rounding forgives, and
    the next tie falls the other way. A document's shares are such ties more often than not.
    """

    __slots__ = ("_delta", "step")

    def __init__(self, step: int = CENT) -> None:
        """Start with nothing left over."""
        self._delta = 0.0
        self.step = step

    def round(self, amount: float, *, negative: bool = False) -> int:
        """Round an amount of the currency itself to cents; return ten-thousandths.

        Args:
            amount: In whole units of the currency; 0 leaves the carry alone.
            negative: The amount will be subtracted.
        """
        if not amount:
            return 0
        sign = -1 if negative else 1
        amount += sign * self._delta
        rounded = _php_round(amount, UNIT // self.step)
        self._delta = sign * (amount - rounded)
        return round(rounded * UNIT)


def _php_round(value: float, parts: int) -> float:
    """Round as PHP 8.2 does: first to 15 significant digits, then half up.

    Args:
        value: What to round.
        parts: How many of the smallest units make one (100).
    """
    if not value:
        return value
    scale = 10 ** max(_PHP_DIGITS - math.floor(math.log10(abs(value))), 0)
    exact = _half_up(value * scale) / (scale / parts) if scale > parts else value * parts
    return _half_up(exact) / parts


def _half_up(value: float) -> float:
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)


class Algorithm(Enum):
    """On what the shop rounds tax (``tax/calculation/algorithm``)."""

    UNIT = "UNIT_BASE_CALCULATION"
    ROW = "ROW_BASE_CALCULATION"
    TOTAL = "TOTAL_BASE_CALCULATION"


@dataclass(frozen=True, slots=True)
class Coupon:
    """A cart price rule with its code.

    Attributes:
        code: What the customer types.
        rule_id: Number of the rule.
        label: Text on the documents.
        action: ``by_percent``, ``by_fixed`` (per piece) or ``cart_fixed``.
        amount: Percentage, or ten-thousandths of the base currency.
        on_shipping: Whether shipping is discounted too (percentages only).
    """

    code: str
    rule_id: int
    label: str
    action: str
    amount: float
    on_shipping: bool = False


@dataclass(slots=True)
class Row:
    """One line that carries money, in one currency.

    Attributes:
        unit_price: Catalog price of one piece (not yet rounded).
        qty: Pieces.
        rate: Tax rate of the customer.
        store_rate: Tax rate that the catalog price includes.
        by_rate: Tax amount by rate, where a row has several.
    """

    unit_price: float
    qty: int
    rate: float
    store_rate: float
    price: int = 0
    price_incl_tax: int = 0
    row_total: int = 0
    row_total_incl_tax: int = 0
    tax_amount: int = 0
    discount_amount: int = 0
    discount_tax_compensation_amount: int = 0
    by_rate: tuple[tuple[float, int], ...] = ()


@dataclass(slots=True)
class Taxes:
    """Adds tax to rows, one after the other, as one store view is configured.

    Attributes:
        algorithm: On what tax is rounded.
        prices_include_tax: Whether catalog prices and shipping include tax.
        step: Smallest unit of the currency, in ten-thousandths.
    """

    algorithm: Algorithm
    prices_include_tax: bool
    step: int = CENT
    _carries: dict[tuple[str, float], Carry] = field(default_factory=dict)

    def show_price(self, row: Row) -> None:
        """Set the price including tax: what a discount is computed on."""
        price = round_cents(row.unit_price, self.step)
        if self.prices_include_tax and row.rate != row.store_rate:
            net = price - _included(price, row.store_rate)
            price = round_cents(net + net * row.rate / 100, self.step)
        row.price_incl_tax = price

    def apply(self, row: Row) -> None:
        """Compute all amounts of a row whose discount is set (tax is taken after discount)."""
        self.show_price(row)
        if not self.prices_include_tax:
            self._add_tax(row)
        elif self.algorithm is Algorithm.UNIT:
            self._take_unit_tax(row)
        else:
            self._take_row_tax(row)

    def _round(self, amount: float, rate: float, kind: str) -> int:
        if self.algorithm is not Algorithm.TOTAL:
            return round_cents(amount, self.step)
        carry = self._carries.get((kind, rate))
        if carry is None:
            carry = self._carries[kind, rate] = Carry(_FIRST_DELTA, self.step)
        return carry.round(amount)

    def _take_row_tax(self, row: Row) -> None:
        gross = row.price_incl_tax * row.qty // UNIT
        full_tax = self._round(_included(gross, row.rate), row.rate, "regular")
        discounted = max(gross - row.discount_amount, 0)
        tax = self._round(_included(discounted, row.rate), row.rate, "discounted")
        row.row_total_incl_tax = gross
        row.row_total = gross - full_tax
        row.price = round_cents(row.row_total * UNIT / row.qty, self.step)
        row.tax_amount = tax
        row.discount_tax_compensation_amount = full_tax - tax

    def _take_unit_tax(self, row: Row) -> None:
        unit_tax = round_cents(_included(row.price_incl_tax, row.rate), self.step)
        discounted = max(row.price_incl_tax - row.discount_amount * UNIT / row.qty, 0)
        tax = round_cents(_included(discounted, row.rate), self.step)
        row.price = row.price_incl_tax - unit_tax
        row.row_total = row.price * row.qty // UNIT
        row.row_total_incl_tax = row.price_incl_tax * row.qty // UNIT
        row.tax_amount = tax * row.qty // UNIT
        row.discount_tax_compensation_amount = (unit_tax - tax) * row.qty // UNIT

    def _add_tax(self, row: Row) -> None:
        row.price = round_cents(row.unit_price, self.step)
        row.row_total = row.price * row.qty // UNIT
        full_tax = self._round(row.row_total * row.rate / 100, row.rate, "regular")
        discounted = max(row.row_total - row.discount_amount, 0)
        row.tax_amount = self._round(discounted * row.rate / 100, row.rate, "discounted")
        row.row_total_incl_tax = row.row_total + full_tax
        row.price_incl_tax = round_cents(row.row_total_incl_tax * UNIT / row.qty, self.step)


def _included(gross: float, rate: float) -> float:
    return gross * rate / (100 + rate)


def discount(
    rows: Sequence[Row], coupon: Coupon, conversion: float, base: Sequence[int], step: int
) -> None:
    """Set the discount of rows whose shown price is set.

    Args:
        rows: All rows of the cart that carry money.
        coupon: The rule.
        conversion: Units of the rows' currency for one of the base currency.
        base: The rows' discounts in the base currency, where they are known already.
        step: Smallest unit of the rows' currency.
    """
    totals = [row.price_incl_tax * row.qty // UNIT for row in rows]
    if coupon.action == "by_percent":
        carry = Carry(step=step)
        for row, total in zip(rows, totals, strict=True):
            row.discount_amount = min(carry.round(total * coupon.amount / 100), total)
    elif coupon.action == "by_fixed":
        for row, total in zip(rows, totals, strict=True):
            each = coupon.amount * conversion * row.qty / UNIT
            row.discount_amount = min(round_cents(each, step), total)
    elif conversion == 1 or len(rows) == 1:
        _spread(rows, totals, round_cents(coupon.amount * conversion, step), step)
    else:  # what each line gets in the base currency is converted, line by line
        for row, total, amount in zip(rows, totals, base, strict=True):
            row.discount_amount = min(round_cents(amount * conversion, step), total)


def _spread(rows: Sequence[Row], totals: Sequence[int], amount: int, step: int) -> None:
    """Spread one amount over the rows by their value; the last takes what is left."""
    whole = sum(totals)
    left = min(amount, whole)
    amount = left
    carry = Carry(_FIRST_DELTA, step)
    for row, total in zip(rows[:-1], totals, strict=False):
        row.discount_amount = min(carry.round(amount * total / whole), total, left)
        left -= row.discount_amount
    if rows:
        rows[-1].discount_amount = min(left, totals[-1])


def shipping_discount(shown_price: int, coupon: Coupon, step: int) -> int:
    """Return the discount on shipping (a rule in percent that covers it)."""
    if not coupon.on_shipping or coupon.action != "by_percent":
        return 0
    return round_cents(shown_price * coupon.amount / 100, step)

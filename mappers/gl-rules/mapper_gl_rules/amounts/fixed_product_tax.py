"""Fixed product tax (weee), which an invoice shows only in its total.

Recorded on 2.4.7-p3: invoice lines have no weee fields; credit memo and order lines have. The
amount of a row is not that of a piece times the pieces. Its VAT is in the header's tax_amount and
on no line.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.money import HUNDRED, ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapper_gl_rules.amounts.model import Context
    from mapper_gl_rules.amounts.rows import Row
    from mapper_gl_rules.source import Order, OrderItem

__all__ = ["fixed_product_tax_lines", "tax_fixed_product_tax"]

_ONE = Decimal(1)


def fixed_product_tax_lines(
    context: Context, rows: Sequence[Row]
) -> tuple[list[AmountLine], Decimal]:
    """Give one line per taxed product, still without VAT, and what rounding may cost them."""
    lines = []
    slack = ZERO
    for row in rows:
        amount, cents = _of_row(context, row)
        if amount:
            name = row.item.sku
            lines.append(
                AmountLine("fixed_product_tax", name, amount, ZERO, ZERO, row.item, row.quantity)
            )
            slack += cents
    return lines, slack


def _of_row(context: Context, row: Row) -> tuple[Decimal, Decimal]:
    """Give the tax of a row: its own, else the order line's in proportion to the pieces."""
    step = context.step
    if row.fixed_product_tax is not None:
        return row.fixed_product_tax, step
    item, quantity = row.item, row.quantity or ZERO
    whole = item.weee_tax_applied_row_amount
    if whole and item.qty_ordered:
        return rounded(whole * quantity / item.qty_ordered, step), step
    # Half a cent a piece: the amount of one piece is rounded.
    return (item.weee_tax_applied_amount or ZERO) * quantity, step * max(_ONE, quantity / 2)


def tax_fixed_product_tax(
    context: Context, lines: Sequence[AmountLine], tax_amount: Decimal
) -> None:
    """Put VAT on fixed product tax, where the header's tax_amount has it.

    Args:
        context: The document.
        lines: All lines whose VAT is in `tax_amount`.
        tax_amount: The header's.
    """
    fixed = [line for line in lines if line.kind == "fixed_product_tax"]
    open_tax = tax_amount - sum([line.vat for line in lines], ZERO)
    if not fixed:
        return
    rates = [_rate(context.order, line.item) for line in fixed]
    taxes = [
        rounded(line.net * rate / HUNDRED, context.step)
        for line, rate in zip(fixed, rates, strict=True)
    ]
    taxed = _stated_taxed(context.order, fixed)
    if taxed is None:  # older releases: what the header's VAT is nearer to
        taxed = abs(open_tax - sum(taxes, ZERO)) <= abs(open_tax)
    if taxed:
        for line, rate, tax in zip(fixed, rates, taxes, strict=True):
            line.rate, line.vat = rate, tax


def _stated_taxed(order: Order, lines: Sequence[AmountLine]) -> bool | None:
    """Tell whether the order says that VAT is charged on fixed product tax; None: it does not."""
    if any(taxed.type == "weee" for taxed in order.extension.item_applied_taxes or ()):
        return True
    for line in lines:
        for tax in line.item.fixed_product_taxes if line.item else ():
            if tax.row_amount is not None and tax.row_amount_incl_tax is not None:
                return tax.row_amount_incl_tax > tax.row_amount
    return None


def _rate(order: Order, item: OrderItem | None) -> Decimal:
    """Take the percentage of weee, else of the product."""
    if item is None:
        return ZERO
    for taxed in order.extension.item_applied_taxes or ():
        if taxed.type == "weee" and taxed.associated_item_id == item.item_id:
            return sum([tax.percent or ZERO for tax in taxed.applied_taxes or ()], ZERO)
    return item.tax_percent or ZERO

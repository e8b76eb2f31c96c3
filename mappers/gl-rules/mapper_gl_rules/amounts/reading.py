"""From the rows of a document to its amounts: the header is the truth, down to the cent.

Net of a row = row total - discount + VAT inside the discount; VAT as the shop charged it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.adjustments import adjustment_lines
from mapper_gl_rules.amounts.discounts import split_discount
from mapper_gl_rules.amounts.fixed_product_tax import tax_fixed_product_tax
from mapper_gl_rules.amounts.gap import explain_gap
from mapper_gl_rules.amounts.model import AmountLine, Amounts, Context
from mapper_gl_rules.amounts.rates import check_vat
from mapper_gl_rules.amounts.shipping import shipping_lines
from mapper_gl_rules.amounts.shipping_discount import ShippingDiscount, shipping_discount
from mapper_gl_rules.amounts.spreading import differs, spread
from mapper_gl_rules.amounts.store_credit import store_credit_refund
from mapper_gl_rules.amounts.totals import named_totals, shipping_compensation
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, show
from mapper_gl_rules.source import Document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from mapper_gl_rules.amounts.rows import Row

__all__ = ["read_rows"]

# Outside it: means of payment, and amounts for which the shop states no VAT.
_NOT_IN_TAX_AMOUNT = frozenset(
    ("adjustment", "custom_fee", "gift_card", "store_credit", "reward", "shipping_discount_tax")
)


def read_rows(context: Context, rows: Sequence[Row]) -> Amounts:
    """Read what a document charges.

    Args:
        context: The document.
        rows: Those that carry its money.

    Raises:
        DocumentRefusedError: When the document does not add up, with the arithmetic.
    """
    header = context.header
    for row in rows:
        _check_row(context, row)
    rates = {row.item.tax_percent for row in rows if row.item.tax_percent}
    named, parts = named_totals(context, rates)
    hidden = shipping_compensation(context, parts)
    extra = explain_gap(context, rows, parts, rates)
    discount = shipping_discount(context, rows, hidden)
    _follow_header(context, rows, discount)
    lines = [line for row in rows for line in _row_lines(context, row)]
    others = [*lines, *named, *extra]
    other_vat = None
    if not any(line.kind == "fixed_product_tax" for line in others):  # its VAT is not stated
        other_vat = sum([line.vat for line in others], ZERO)
    lines += shipping_lines(context, discount, other_vat)
    if isinstance(header, Document):
        lines += adjustment_lines(context, header, lines)
    lines += named + extra
    _follow_header_tax(context, lines)
    to_store_credit = store_credit_refund(context)
    owed = header.grand_total + sum([line.net for line in to_store_credit], ZERO)
    return Amounts(lines + to_store_credit, header.grand_total, owed, parts)


def _check_row(context: Context, row: Row) -> None:
    """Refuse VAT that the percentage cannot give; unit rounding may cost half a cent a piece.

    VAT inside a discount is a part of it.

    VAT is of the discounted or, when the shop taxes before discount, of the full price.
    """
    rate = row.item.tax_percent
    if rate is None and row.vat:
        raise DocumentRefusedError(
            reason=f"line {row.item.sku} has VAT of {show(row.vat)}, its order line no tax_percent",
            where="order.items.tax_percent",
            what_to_do="Read the order again; if it stays, book the document by hand.",
        )
    slack = context.step * (2 + (row.quantity or ZERO))
    if row.hidden and not -slack <= row.hidden <= row.discount + slack:
        raise DocumentRefusedError(
            reason=f"line {row.item.sku}: {show(row.hidden)} of VAT inside a discount of "
            f"{show(row.discount)}",
            where=f"items[sku={row.item.sku}].discount_tax_compensation_amount",
            what_to_do="Compare it with the shop's admin; correct it there or book it by hand.",
        )
    check_vat(
        f"line {row.item.sku}",
        f"items[sku={row.item.sku}].tax_amount",
        (row.raw - row.discount + row.hidden, row.raw),
        row.vat,
        rate or ZERO,
        slack,
    )


def _follow_header(context: Context, rows: Sequence[Row], discount: ShippingDiscount) -> None:
    """Let subtotal, discount and VAT inside discounts of the rows be the header's."""
    lines = sum([row.raw for row in rows], ZERO)
    stated = context.header.subtotal or ZERO
    more = differs("subtotal", stated, [("lines", lines)], context.rounding_limit)

    def raw(row: Row, part: Decimal) -> None:
        row.raw += part

    def less(row: Row, part: Decimal) -> None:
        row.discount += part

    def hidden(row: Row, part: Decimal) -> None:
        row.hidden += part

    discounted = [row for row in rows if row.discount] or rows
    spread(rows, more, context.step, raw)
    spread(discounted, discount.cents, context.step, less)
    spread(
        [row for row in rows if row.hidden] or discounted,
        discount.hidden_cents,
        context.step,
        hidden,
    )


def _row_lines(context: Context, row: Row) -> list[AmountLine]:
    """Give the line of a row, and its discount where that is a line of its own."""
    if not row.raw and not row.vat and not row.discount:
        return []
    less = row.discount - row.hidden
    rate = row.item.tax_percent or ZERO
    line = AmountLine(
        "product", row.item.sku, row.raw - less, row.vat, rate, row.item, row.quantity
    )
    if not row.discount or context.options.discounts != "separate":
        return [line]
    return [line, split_discount(line, less, row.hidden)]


def _follow_header_tax(context: Context, lines: list[AmountLine]) -> None:
    """Let the VAT of the lines be the header's; it stays inside the percentages present.

    Where the accountant wants the VAT of the lines, the total leaves the difference open.

    Raises:
        DocumentRefusedError: When they differ by more than a cent a line.
    """
    charged = [line for line in lines if line.kind not in _NOT_IN_TAX_AMOUNT]
    stated = context.header.tax_amount or ZERO
    tax_fixed_product_tax(context, charged, stated)
    found: dict[str, Decimal] = {}
    for line in charged:
        kind = "product" if line.kind == "discount" else line.kind
        found[kind] = found.get(kind, ZERO) + line.vat
    taxed = [line for line in charged if line.vat > 0]
    count = len([line for line in charged if line.kind != "discount"]) if taxed else 0
    more = differs("tax_amount", stated, list(found.items()), context.tax_limit(count))

    def change(line: AmountLine, part: Decimal) -> None:
        line.vat += part

    if context.options.tax_difference == "spread":
        spread(taxed, more, context.step, change)

"""Reading an invoice or credit memo: its own lines are the base, the order lends rate and tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mapper_gl_rules.amounts.adjustments import adjustment_lines
from mapper_gl_rules.amounts.model import AmountLine, Amounts, Options
from mapper_gl_rules.amounts.rows import choose_rows
from mapper_gl_rules.amounts.shipping import shipping_line
from mapper_gl_rules.amounts.totals import explain_total
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import CENT, HUNDRED, ZERO, rounded, show

if TYPE_CHECKING:
    from decimal import Decimal

    from mapper_gl_rules.source import Document, Line, Order, OrderItem

__all__ = ["read_document"]


class _Row(msgspec.Struct, gc=False):
    """A document line with the order line it comes from."""

    line: Line
    item: OrderItem
    raw: Decimal
    item_id: int
    parent_id: int | None


def read_document(document: Document, order: Order, options: Options) -> Amounts:
    """Read what an invoice or credit memo charges, line by line.

    Net of a line = row_total - discount + discount tax compensation; VAT = tax_amount, pinned.

    Args:
        document: The invoice or credit memo; amounts in its own (positive) sign.
        order: The order it belongs to.
        options: The accountant's choices.

    Raises:
        DocumentRefusedError: When the document does not add up, with the arithmetic.
    """
    rows = _rows(document, order, options)
    lines: list[AmountLine] = []
    discounts = compensation = ZERO
    for row in rows:
        line = row.line
        discount = line.discount_amount or ZERO
        hidden = line.discount_tax_compensation_amount or ZERO
        vat = line.tax_amount or ZERO
        if not row.raw and not vat and not discount:
            continue
        discounts += discount
        compensation += hidden
        rate = _rate(row, vat)
        net = row.raw - discount + hidden
        _check_vat(row, net, vat, rate)
        product = AmountLine("product", row.item.sku, net, vat, rate, row.item, line.qty)
        lines.append(product)
        if discount and options.discounts == "separate":
            lines.append(_split_discount(product, discount - hidden, hidden))
    if document.shipping_amount:
        shipping, discount, hidden = shipping_line(document, order, discounts, compensation)
        lines.append(shipping)
        if discount and options.discounts == "separate":
            lines.append(_split_discount(shipping, discount, hidden))
    lines += adjustment_lines(document, order, lines, options)
    extra, parts = explain_total(document, order, lines, options)
    lines += extra
    return Amounts(lines, document.grand_total, parts)


def _rows(document: Document, order: Order, options: Options) -> list[_Row]:
    """Join the lines with the order and choose those that carry money."""
    items = {item.item_id: item for item in order.items}
    rows = []
    for line in document.items:
        item = items.get(line.order_item_id)
        if item is None:
            raise DocumentRefusedError(
                reason=f"line {line.sku} belongs to order line {line.order_item_id}, which order "
                f"{order.increment_id} does not have",
                where="items.order_item_id",
                what_to_do="Read the document again; if it stays, book it by hand.",
            )
        # Adobe leaves row_total out on lines that carry no money.
        if line.row_total is not None:
            rows.append(_Row(line, item, line.row_total, item.item_id, item.parent_item_id))
    tolerance = max(options.rounding_limit, CENT * len(rows))
    return list(choose_rows(rows, document.subtotal or ZERO, tolerance))


def _rate(row: _Row, vat: Decimal) -> Decimal:
    """Take the percentage from the order line; a bundle parent has none."""
    rate = row.item.tax_percent
    if rate is None and vat:
        raise DocumentRefusedError(
            reason=f"line {row.item.sku} has VAT of {show(vat)}, its order line no tax_percent",
            where="order.items.tax_percent",
            what_to_do="Read the order again; if it stays, book the document by hand.",
        )
    return rate or ZERO


def _check_vat(row: _Row, net: Decimal, vat: Decimal, rate: Decimal) -> None:
    """Refuse VAT that the rate cannot give; unit rounding may cost half a cent a piece.

    VAT is of the discounted or, when the shop taxes before discount, of the full price.
    """
    tolerance = 2 * CENT + CENT * (row.line.qty or ZERO)
    if (
        abs(net * rate / HUNDRED - vat) <= tolerance
        or abs(row.raw * rate / HUNDRED - vat) <= tolerance
    ):
        return
    raise DocumentRefusedError(
        reason=f"line {row.item.sku}: VAT of {show(vat)} on {show(net)} is not "
        f"{rate.normalize():f} % ({show(rounded(net * rate / HUNDRED))})",
        where=f"items[sku={row.item.sku}].tax_amount",
        what_to_do="Check the tax of this order in the shop; correct it there or book it by hand.",
    )


def _split_discount(line: AmountLine, net: Decimal, hidden: Decimal) -> AmountLine:
    """Put the net discount on a line of its own; line and discount together stay the same.

    The discount's VAT is the compensation where prices include tax, else net x rate.
    """
    vat = hidden or rounded(net * (line.rate or ZERO) / HUNDRED)
    line.net += net
    line.vat += vat
    return AmountLine("discount", line.name, -net, -vat, line.rate, line.item, line.quantity)

"""Totals of extensions: mapped by name in the settings, or named in the refusal.

Adobe's own custom fees come with the order; every other fee is a field that only its
extension knows. A document's total contains it, so a gap in the total leads to it.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.amounts.rates import derive_rate
from mapper_gl_rules.money import CENT, ZERO, show
from mapper_gl_rules.source import Document, DocumentExtension, Order, OrderExtension
from mapper_gl_rules.source.messages import decode_any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mapper_gl_rules.amounts.model import Context

__all__ = ["custom_fees", "mapped_surcharges", "suspects"]


def mapped_surcharges(context: Context, rates: Iterable[Decimal]) -> list[AmountLine]:
    """Give the totals that the settings map, with their VAT.

    Args:
        context: The document with its bytes.
        rates: Percentages of the document's lines, of which the total has one.
    """
    mapping, raw = context.options.surcharges, context.header.raw
    if not mapping or raw is None:
        return []
    record = decode_any(raw)
    lines = []
    for path, tax_path in mapping.items():
        net = _at(record, path)
        tax = _at(record, tax_path) if tax_path else ZERO
        if net:
            where = tax_path or path
            rate = derive_rate(context, [(net, tax)], rates, where=where) if tax else ZERO
            lines.append(AmountLine("surcharge", path, net, tax, rate))
    return lines


def custom_fees(context: Context) -> tuple[list[AmountLine], list[AmountLine]]:
    """Give Adobe's custom fees: those that name this document, and those that name none.

    The shop states no VAT for them: the VAT code of their rule says how much is inside.
    """
    named: list[AmountLine] = []
    unnamed: list[AmountLine] = []
    for fee in context.order.extension.custom_fees or ():
        amount = fee.custom_fee_amount or ZERO
        if not amount:
            continue
        owner = fee.creditmemo_id if context.kind == "credit_memo" else fee.invoice_id
        name = f"custom_fees.{fee.custom_fee_code}"
        line = AmountLine("custom_fee", name, amount, ZERO, None, vat_unstated=True)
        if context.kind == "order" or str(owner) == str(context.header.entity_id):
            named.append(line)
        elif owner is None:
            unnamed.append(line)
    return named, unnamed


def suspects(document: Document | Order, gap: Decimal) -> list[str]:
    """Name the fields that could be the gap: unknown to this mapper and of that amount."""
    if document.raw is None:
        return []
    return [
        f"{path} {show(amount)}"
        for path, amount in _unknown(decode_any(document.raw))
        if abs(abs(amount) - abs(gap)) <= CENT
    ]


def _unknown(record: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    """Give the amounts of a document that have no place in Adobe's schema."""
    known = {*Document.__struct_fields__, *Order.__struct_fields__, *_OTHER_HEADER_FIELDS}
    for name, value in record.items():
        if name not in known and not name.startswith("base_"):
            yield from _amount(name, value)
    extension = record.get("extension_attributes")
    known = {*DocumentExtension.__struct_fields__, *OrderExtension.__struct_fields__}
    if isinstance(extension, dict):
        for name, value in extension.items():
            if name not in known and not name.startswith("base_"):
                yield from _amount(f"extension_attributes.{name}", value)


# Header fields of Adobe that repeat other amounts.
_OTHER_HEADER_FIELDS = (
    "subtotal_incl_tax",
    "total_qty",
    "adjustment",
    "total_due",
    "total_invoiced",
    "total_refunded",
    "subtotal_invoiced",
    "tax_invoiced",
    "discount_invoiced",
    "shipping_invoiced",
    "shipping_discount_amount",
    "total_qty_ordered",
    "weight",
)


def _amount(path: str, value: Any) -> Iterator[tuple[str, Decimal]]:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return
    if amount.is_finite() and amount:
        yield path, amount


def _at(record: Any, path: str) -> Decimal:
    """Read an amount by its path; 0 where it is missing."""
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return next((amount for _, amount in _amount(path, record)), ZERO)

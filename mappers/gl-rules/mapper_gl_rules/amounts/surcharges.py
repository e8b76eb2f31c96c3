"""Totals of extensions: mapped by name in the settings, or named in the refusal.

Adobe's own custom fees come with the order; every other fee is a field that only its
extension knows. A document's total contains it, so a gap in the total leads to it.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.amounts.shipping import derive_rate
from mapper_gl_rules.money import CENT, ZERO, show
from mapper_gl_rules.source import Document, DocumentExtension, Order, OrderExtension
from mapper_gl_rules.source.messages import decode_any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["custom_fees", "mapped_surcharges", "suspects"]


def mapped_surcharges(
    document: Document | Order,
    mapping: Mapping[str, str | None],
    rates: set[Decimal],
) -> list[AmountLine]:
    """Give the totals that the settings map, with their VAT.

    Args:
        document: The document with its bytes.
        mapping: Path of the total to the path of its tax, such as
            `extension_attributes.payment_fee`.
        rates: Rates of the document's lines, of which the total has one.
    """
    if not mapping or document.raw is None:
        return []
    record = decode_any(document.raw)
    lines = []
    for path, tax_path in mapping.items():
        net = _at(record, path)
        tax = _at(record, tax_path) if tax_path else ZERO
        if net:
            rate = derive_rate(net, tax, rates, where=tax_path or path) if tax else ZERO
            lines.append(AmountLine("surcharge", path, net, tax, rate))
    return lines


def custom_fees(document: Document | Order, order: Order, gap: Decimal) -> list[AmountLine]:
    """Give Adobe's custom fees of this document, if they are what the total has more."""
    fees = []
    for fee in order.extension.custom_fees or ():
        owner = fee.invoice_id if document.is_invoice else fee.creditmemo_id
        amount = fee.custom_fee_amount or ZERO
        mine = isinstance(document, Order) or owner is None or str(owner) == str(document.entity_id)
        if amount and mine:
            name = f"custom_fees.{fee.custom_fee_code}"
            fees.append(AmountLine("surcharge", name, amount, ZERO, ZERO))
    total = sum([fee.net for fee in fees], ZERO)
    return fees if fees and abs(total - gap) <= CENT else []


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

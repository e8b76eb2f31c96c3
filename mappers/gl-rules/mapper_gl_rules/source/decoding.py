"""From the bytes of a record to the types of `source`, in document or base currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from mapper_gl_rules.source import Document, Order, Shipment
from mapper_gl_rules.source.messages import decode_any

__all__ = ["Decoder", "in_other_currency"]

_orders = msgspec.json.Decoder(Order)
_documents = msgspec.json.Decoder(Document)
_shipments = msgspec.json.Decoder(Shipment)
# Two names of base amounts are cut short in Adobe's database.
_SHORT = {
    "base_shipping_discount_tax_compensation_amnt": "shipping_discount_tax_compensation_amount",
    "base_weee_tax_applied_row_amnt": "weee_tax_applied_row_amount",
}


_MOST = Decimal(10) ** 12


class Decoder:
    """Decodes records; each keeps its bytes, for totals this mapper does not know."""

    def __init__(self, *, base: bool) -> None:
        """Choose the currency.

        Args:
            base: True takes the `base_*` amounts, in the website's base currency.
        """
        self._base = base

    def order(self, raw: msgspec.Raw) -> Order:
        """Decode an order.

        Raises:
            msgspec.ValidationError: When it has not the shape of contract 1.
        """
        if self._base:
            order = msgspec.convert(_in_base(decode_any(raw)), Order, strict=False)
        else:
            order = _orders.decode(raw)
        order.raw = raw
        _check_amounts(order)
        return order

    def document(self, raw: msgspec.Raw) -> Document:
        """Decode an invoice or credit memo.

        Raises:
            msgspec.ValidationError: When it has not the shape of contract 1.
        """
        if self._base:
            document = msgspec.convert(_in_base(decode_any(raw)), Document, strict=False)
        else:
            document = _documents.decode(raw)
        document.raw = raw
        _check_amounts(document)
        return document

    def shipment(self, raw: msgspec.Raw) -> Shipment:
        """Decode a shipment, which has no amounts.

        Raises:
            msgspec.ValidationError: When it has not the shape of contract 1.
        """
        shipment = _shipments.decode(raw)
        for number, line in enumerate(shipment.items):
            _check_amount(line.qty, f"items[{number}].qty")
        return shipment


def in_other_currency(document: Document | Order, order: Order) -> Order | None:
    """Give an order in the currency that was not chosen, as far as the shop states it.

    Args:
        document: The decoded record.
        order: The order in it.

    Returns:
        The order in base currency, or that in its own where base amounts were chosen; None where
        both are the same, or the shop states no amounts in base currency.
    """
    record = decode_any(document.raw) if document.raw is not None else {}
    stated = record.get("order") or record
    own, base = stated.get("order_currency_code"), stated.get("base_currency_code")
    if own == base or not own or not base or "base_subtotal" not in stated:
        return None
    try:
        wanted = _in_base(stated) if order.order_currency_code == own else stated
        return msgspec.convert(wanted, Order, strict=False)
    except msgspec.ValidationError:
        return None  # base amounts that are none


def _check_amounts(document: Document | Order) -> None:
    """Refuse what is no amount of this world, before it is compared with or used as a key."""
    for name in ("grand_total", "base_to_order_rate"):
        _check_amount(getattr(document, name), name)
    if isinstance(document, Order):
        for number, item in enumerate(document.items):
            _check_amount(item.tax_percent, f"items[{number}].tax_percent")
            _check_amount(item.qty_ordered, f"items[{number}].qty_ordered")
    else:
        for number, line in enumerate(document.items):
            _check_amount(line.qty, f"items[{number}].qty")
        if document.order is not None:
            _check_amounts(document.order)


def _check_amount(amount: Decimal | None, name: str) -> None:
    if amount is not None and not (amount.is_finite() and -_MOST < amount < _MOST):
        msg = f"the amount is out of range - at `$.{name}`"
        raise msgspec.ValidationError(msg)


def _in_base(value: Any) -> Any:
    """Put every base amount in the place of the one in document currency."""
    if isinstance(value, list):
        return [_in_base(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: _in_base(one) for key, one in value.items() if not key.startswith("base_")}
    for key, one in value.items():
        if key.startswith("base_") and key not in {"base_currency_code", "base_to_order_rate"}:
            found[_SHORT.get(key, key.removeprefix("base_"))] = one
    if weee := _weee_in_base(value.get("weee_tax_applied")):
        found["weee_tax_applied_row_amount"] = weee
    if "base_currency_code" in value:
        found["order_currency_code"] = found["base_currency_code"] = value["base_currency_code"]
        found["base_to_order_rate"] = 1
    return found


def _weee_in_base(text: Any) -> Any:
    """Give fixed product tax of a line in base currency; the column has the whole order line's."""
    try:
        taxes = decode_any(text) if isinstance(text, str) else None
        return sum(tax["base_row_amount"] for tax in taxes or ())
    except (msgspec.DecodeError, KeyError, TypeError):
        return None  # no JSON of the shop: the column is all there is

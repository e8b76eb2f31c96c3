"""What the mapper reads of contract 1: Adobe's own shape, decoded straight into types.

Only the named fields are decoded, everything else is skipped by the decoder. Amounts are
`Decimal` in the document's currency unless a name says otherwise. Adobe leaves out keys
that are null, so nearly every field is optional.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

__all__ = [
    "Address",
    "CustomFee",
    "Document",
    "DocumentExtension",
    "InvoiceReference",
    "ItemTax",
    "Line",
    "Order",
    "OrderExtension",
    "OrderItem",
    "Product",
    "Shipment",
    "ShippedLine",
    "Source",
    "Transaction",
]

Amount = Decimal | None


class Source(msgspec.Struct, gc=False):
    """Where a record comes from (contract 1)."""

    instance: str = ""
    host: str = ""
    store_code: str | None = None
    website_code: str | None = None
    timezone: str | None = None
    extracted_at: str | None = None


class Product(msgspec.Struct, gc=False):
    """The product of an order line, when the tap's credentials allow it."""

    attribute_set_id: int | str | None = None
    type_id: str | None = None
    category_ids: list[int | str] | None = None
    tax_class_id: int | str | None = None
    custom_attributes: dict[str, Any] | None = None
    gl_account: str | None = None


class AppliedTax(msgspec.Struct, gc=False):
    """One tax of a line: percent and amount."""

    percent: Amount = None
    amount: Amount = None
    code: str | None = None


class ItemTax(msgspec.Struct, gc=False):
    """Taxes of one product line, of shipping (`type` shipping) or of weee."""

    type: str | None = None
    item_id: int | None = None
    associated_item_id: int | None = None
    applied_taxes: list[AppliedTax] | None = None


class Address(msgspec.Struct, gc=False):
    """Billing or shipping address."""

    country_id: str | None = None
    postcode: str | None = None
    city: str | None = None
    street: list[str] | str | None = None
    company: str | None = None
    vat_id: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    email: str | None = None
    telephone: str | None = None


class Shipping(msgspec.Struct, gc=False):
    """Destination and method; a virtual order has neither."""

    address: Address | None = None
    method: str | None = None


class ShippingAssignment(msgspec.Struct, gc=False):
    """Adobe repeats all order lines here; only the shipping is read."""

    shipping: Shipping | None = None


class CustomFee(msgspec.Struct, gc=False):
    """A fee of Adobe's own custom fees (Admin UI SDK)."""

    custom_fee_code: str = ""
    custom_fee_label: str = ""
    custom_fee_amount: Amount = None
    custom_fee_amount_invoiced: Amount = None
    custom_fee_amount_refunded: Amount = None
    invoice_id: int | str | None = None
    creditmemo_id: int | str | None = None


class DocumentExtension(msgspec.Struct, gc=False):
    """Totals of Adobe Commerce on an invoice or credit memo. Some come as text."""

    gift_cards_amount: Amount = None
    customer_balance_amount: Amount = None
    reward_currency_amount: Amount = None
    gw_price: Amount = None
    gw_items_price: Amount = None
    gw_card_price: Amount = None
    gw_tax_amount: Amount = None
    gw_items_tax_amount: Amount = None
    gw_card_tax_amount: Amount = None


class OrderExtension(DocumentExtension, gc=False):
    """Extension attributes of an order; what its documents used so far is `*_invoiced`."""

    gift_cards_invoiced: Amount = None
    gift_cards_refunded: Amount = None
    customer_balance_invoiced: Amount = None
    customer_balance_refunded: Amount = None
    customer_balance_total_refunded: Amount = None
    shipping_assignments: list[ShippingAssignment] | None = None
    item_applied_taxes: list[ItemTax] | None = None
    custom_fees: list[CustomFee] | None = None


class FixedProductTax(msgspec.Struct, gc=False):
    """One fixed product tax of an order line, from the JSON text in `weee_tax_applied`."""

    row_amount: Amount = None
    row_amount_incl_tax: Amount = None


class OrderItem(msgspec.Struct, gc=False):
    """A line of the order. Its row_total is altered on output, see `amounts.order`."""

    item_id: int
    sku: str = ""
    name: str | None = None
    parent_item_id: int | None = None
    product_type: str | None = None
    qty_ordered: Amount = None
    qty_shipped: Amount = None
    is_virtual: int | bool | None = None
    price: Amount = None
    row_total: Amount = None
    row_total_incl_tax: Amount = None
    tax_percent: Amount = None
    tax_amount: Amount = None
    discount_amount: Amount = None
    discount_tax_compensation_amount: Amount = None
    weee_tax_applied_amount: Amount = None
    weee_tax_applied_row_amount: Amount = None
    weee_tax_applied: str | None = None
    product: Product | None = None

    @property
    def fixed_product_taxes(self) -> list[FixedProductTax]:
        """The fixed product taxes; none where the text is no JSON of the shop."""
        try:
            return _fixed_product_taxes.decode(self.weee_tax_applied or "[]")
        except msgspec.DecodeError:
            return []


class Payment(msgspec.Struct, gc=False):
    """The payment of an order; one per order."""

    method: str = ""
    last_trans_id: str | None = None
    po_number: str | None = None


class Transaction(msgspec.Struct, gc=False):
    """A movement of money at the payment provider, when the tap's credentials allow it."""

    txn_type: str
    created_at: str
    txn_id: str | None = None


class TaxRate(msgspec.Struct, gc=False):
    """A tax rate of the shop: whose VAT a code in `applied_taxes` is."""

    code: str
    tax_country_id: str | None = None


class InvoiceReference(msgspec.Struct, gc=False):
    """An invoice of the same order."""

    entity_id: int
    increment_id: str
    created_at: str
    updated_at: str | None = None
    state: int | None = None


class Order(msgspec.Struct, gc=False):
    """An order, on its own or inside an invoice or credit memo."""

    entity_id: int
    increment_id: str
    grand_total: Decimal
    created_at: str
    items: list[OrderItem]
    updated_at: str | None = None
    state: str | None = None
    is_virtual: int | None = None
    store_id: int | str | None = None
    order_currency_code: str | None = None
    base_currency_code: str | None = None
    base_to_order_rate: Amount = None
    customer_group_id: int | str | None = None
    customer_email: str | None = None
    customer_firstname: str | None = None
    customer_lastname: str | None = None
    customer_taxvat: str | None = None
    subtotal: Amount = None
    discount_amount: Amount = None
    shipping_amount: Amount = None
    shipping_incl_tax: Amount = None
    shipping_tax_amount: Amount = None
    tax_amount: Amount = None
    discount_tax_compensation_amount: Amount = None
    shipping_discount_amount: Amount = None
    shipping_discount_tax_compensation_amount: Amount = None
    base_grand_total: Amount = None
    total_paid: Amount = None
    total_due: Amount = None
    total_invoiced: Amount = None
    total_refunded: Amount = None
    subtotal_invoiced: Amount = None
    discount_invoiced: Amount = None
    discount_tax_compensation_invoiced: Amount = None
    shipping_invoiced: Amount = None
    tax_invoiced: Amount = None
    subtotal_refunded: Amount = None
    discount_refunded: Amount = None
    discount_tax_compensation_refunded: Amount = None
    shipping_refunded: Amount = None
    tax_refunded: Amount = None
    original_increment_id: str | None = None
    relation_parent_id: int | str | None = None
    relation_parent_real_id: str | None = None
    edit_increment: int | str | None = None
    billing_address: Address | None = None
    payment: Payment | None = None
    transactions: list[Transaction] | None = None
    invoices: list[InvoiceReference] | None = None
    tax_rates: list[TaxRate] | None = None
    extension_attributes: OrderExtension | list[Any] | None = None
    source: Source | None = None
    raw: Any = None  # the bytes it was decoded from; not a field of the shop

    @property
    def extension(self) -> OrderExtension:
        """The extension attributes; PHP writes an empty object as an empty list."""
        found = self.extension_attributes
        return found if isinstance(found, OrderExtension) else _NO_ORDER_EXTENSION

    @property
    def shipping(self) -> Shipping | None:
        """Destination and method of the first assignment (Adobe makes only one)."""
        assignments = self.extension.shipping_assignments
        return assignments[0].shipping if assignments else None

    @property
    def destination(self) -> Address | None:
        """Where the goods go: the shipping address, of a virtual order the billing address."""
        shipping = self.shipping
        if shipping is not None and shipping.address is not None:
            return shipping.address
        return self.billing_address


class Line(msgspec.Struct, gc=False):
    """A line of an invoice or credit memo; rate, type and parent come from the order."""

    order_item_id: int
    sku: str = ""
    name: str | None = None
    qty: Amount = None
    row_total: Amount = None
    tax_amount: Amount = None
    discount_amount: Amount = None
    discount_tax_compensation_amount: Amount = None
    weee_tax_applied_row_amount: Amount = None


class Document(msgspec.Struct, gc=False):
    """An invoice or a credit memo with the order it belongs to."""

    entity_id: int
    increment_id: str
    grand_total: Decimal
    created_at: str
    items: list[Line]
    order: Order | None = None
    order_id: int | None = None
    updated_at: str | None = None
    state: int | None = None
    invoice_id: int | None = None
    transaction_id: str | None = None
    is_used_for_refund: int | None = None
    store_id: int | str | None = None
    order_currency_code: str | None = None
    base_currency_code: str | None = None
    base_to_order_rate: Amount = None
    base_grand_total: Amount = None
    subtotal: Amount = None
    discount_amount: Amount = None
    shipping_amount: Amount = None
    shipping_incl_tax: Amount = None
    shipping_tax_amount: Amount = None
    tax_amount: Amount = None
    discount_tax_compensation_amount: Amount = None
    shipping_discount_tax_compensation_amount: Amount = None
    adjustment: Amount = None
    adjustment_positive: Amount = None
    adjustment_negative: Amount = None
    extension_attributes: DocumentExtension | list[Any] | None = None
    source: Source | None = None
    raw: Any = None  # the bytes it was decoded from; not a field of the shop

    @property
    def extension(self) -> DocumentExtension:
        """The extension attributes; PHP writes an empty object as an empty list."""
        found = self.extension_attributes
        return found if isinstance(found, DocumentExtension) else _NO_EXTENSION


class ShippedLine(msgspec.Struct, gc=False):
    """Pieces of an order line that left the house."""

    order_item_id: int
    qty: Decimal
    sku: str = ""


class Shipment(msgspec.Struct, gc=False):
    """A shipment; its money is told by the order and its invoices."""

    entity_id: int
    increment_id: str
    order_id: int
    created_at: str
    items: list[ShippedLine]
    updated_at: str | None = None
    source: Source | None = None


_fixed_product_taxes = msgspec.json.Decoder(list[FixedProductTax])
_NO_EXTENSION = DocumentExtension()
_NO_ORDER_EXTENSION = OrderExtension()

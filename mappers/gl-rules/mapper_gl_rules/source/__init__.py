"""What comes in: Singer lines and Adobe's own documents, decoded straight into types.

- `model`: the fields of contract 1 that are read, and nothing else.
- `decoding`: from the bytes of a record to those types, in document or base currency.
- `messages`: Singer lines in and out.
"""

from mapper_gl_rules.source.model import (
    Address,
    CustomFee,
    Document,
    DocumentExtension,
    InvoiceReference,
    ItemTax,
    Line,
    Order,
    OrderExtension,
    OrderItem,
    Product,
    Shipment,
    ShippedLine,
    Source,
    TaxRate,
    Transaction,
)

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
    "TaxRate",
    "Transaction",
]

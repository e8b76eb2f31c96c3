"""The streams that are taken: which of Exact's records, and what of them is kept.

Field names are Exact's own, as ``tap-exact-online`` emits them. Sales documents are refused by
type: this target writes master data only.
"""

from __future__ import annotations

from typing import Any

from target_adobe_commerce.exceptions import RefusedStreamError

_TEXT = {"type": ["string", "null"]}
_WHOLE = {"type": ["integer", "null"]}
_NUMBER = {"type": ["number", "null"]}
_FLAG = {"type": ["boolean", "null"]}
_KEY = {"Division": {"type": "integer"}, "ID": {"type": "string", "minLength": 1, "maxLength": 64}}
_CHANGES = {"Timestamp": _WHOLE, "_sdc_deleted_at": _TEXT}

_FIELDS: dict[str, dict[str, Any]] = {
    "accounts": {
        "Code": _TEXT,
        "Name": _TEXT,
        "Email": _TEXT,
        "VATNumber": _TEXT,
        "Status": _TEXT,
        "Blocked": _FLAG,
        "EndDate": _TEXT,
        "SalesVATCode": _TEXT,
        **{f"Classification{number}": _TEXT for number in range(1, 9)},
        "AddressLine1": _TEXT,
        "AddressLine2": _TEXT,
        "AddressLine3": _TEXT,
        "Postcode": _TEXT,
        "City": _TEXT,
        "Country": _TEXT,
        "Phone": _TEXT,
    },
    "gl_accounts": {"Code": _TEXT, "Description": _TEXT, "Type": _WHOLE, "IsBlocked": _FLAG},
    "cost_centers": {"Code": _TEXT, "Description": _TEXT, "EndDate": _TEXT},
    "cost_units": {"Code": _TEXT, "Description": _TEXT, "EndDate": _TEXT},
    "items": {"Code": _TEXT, "GLRevenue": _TEXT, "GLRevenueCode": _TEXT, "EndDate": _TEXT},
    "vat_codes": {
        "Code": _TEXT,
        "Description": _TEXT,
        "Percentage": _NUMBER,
        "Type": _TEXT,
        "VATTransactionType": _TEXT,
        "IsBlocked": _FLAG,
    },
}

SCHEMAS: dict[str, dict[str, Any]] = {
    name: {
        "type": "object",
        "properties": {**_KEY, **fields, **_CHANGES},
        "required": list(_KEY),
    }
    for name, fields in _FIELDS.items()
}
"""JSON Schema of each stream; other properties of Exact are welcome, and not kept."""

KEPT: dict[str, tuple[str, ...]] = {name: tuple(fields) for name, fields in _FIELDS.items()}
"""Properties of each stream that are kept."""

#: Streams of this project's taps and of shops whose records are, or belong to, sales documents.
_SALES = (
    *("order", "invoice", "credit_memo", "creditmemo", "shipment", "payment", "refund", "quote"),
    *("return", "transaction", "entries", "entry", "receivable", "summary_document"),
    *("sales_order", "sales_invoice", "sales_entr", "refused_document"),
)


def check_stream(name: str) -> None:
    """Refuse a stream that this target does not write.

    Raises:
        RefusedStreamError: It holds sales documents, or is unknown.
    """
    if name in SCHEMAS:
        return
    known = ", ".join(SCHEMAS)
    if any(part in name.lower() for part in _SALES):
        msg = (
            f"The stream {name!r} holds sales documents. This target writes master data only: "
            f"orders, invoices, credit memos and shipments belong to the shop. Select {known}. "
            "Nothing was called."
        )
        raise RefusedStreamError(msg)
    msg = (
        f"The stream {name!r} is not one this target knows. Select {known} of tap-exact-online. "
        "Nothing was called."
    )
    raise RefusedStreamError(msg)

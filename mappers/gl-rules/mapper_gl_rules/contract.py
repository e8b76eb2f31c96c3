"""Contract 2 as JSON Schema: the streams this mapper emits."""

from __future__ import annotations

from typing import Any

__all__ = ["KEY_PROPERTIES", "SCHEMAS"]

_TEXT = {"type": ["string", "null"]}
_NUMBER = {"type": ["number", "null"]}
_FLAG = {"type": ["boolean", "null"]}
KEY_PROPERTIES = ["document_key"]


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


_SOURCE = _object(
    {
        "instance": _TEXT,
        "kind": _TEXT,
        "entity_id": {"type": ["integer", "null"]},
        "increment_id": _TEXT,
        "order_increment_id": _TEXT,
        "store_code": _TEXT,
        "website_code": _TEXT,
        "timezone": _TEXT,
        "tax_point_of": _TEXT,
        "money_date_from": _TEXT,
        "order_entity_id": {"type": ["integer", "null"]},
        "created_at": _TEXT,
        "updated_at": _TEXT,
        "payment_method": _TEXT,
    },
)
_PLACE = {
    "country": _TEXT,
    "postcode": _TEXT,
    "city": _TEXT,
    "address_line1": _TEXT,
    "address_line2": _TEXT,
}
_CONTACT = _object({"first_name": _TEXT, "last_name": _TEXT, "email": _TEXT, "phone": _TEXT})
_ACCOUNT = _object(
    {
        "name": _TEXT,
        "email": _TEXT,
        "vat_number": _TEXT,
        "phone": _TEXT,
        "payment_condition": _TEXT,
        **_PLACE,
        "addresses": {"type": "array", "items": _object({"type": _TEXT, **_PLACE})},
        "contacts": {"type": "array", "items": _CONTACT},
    },
)
_DEBTOR = _object(
    {
        "code": _TEXT,
        "match": _object({"vat_number": _TEXT, "email": _TEXT, "search_code": _TEXT}),
        "create": _ACCOUNT,
    },
)
_TOTALS = _object(
    {"amount": {"type": "number"}, "vat_amount": {"type": "number"}, "net_amount": _NUMBER},
    "amount",
    "vat_amount",
)
_COMMON = {
    "document_key": {"type": "string"},
    "division": {"type": ["integer", "null"]},
    "document_date": _TEXT,
    "tax_point": _TEXT,
    "your_ref": _TEXT,
    "description": _TEXT,
    "currency": _TEXT,
    "exchange_rate": _NUMBER,
    "rules_version": _TEXT,
    "source": _SOURCE,
}
_CODES = {
    "vat_code": _TEXT,
    "vat_amount": _NUMBER,
    "cost_center": _TEXT,
    "cost_unit": _TEXT,
    "description": _TEXT,
    "quantity": _NUMBER,
    "rule": _TEXT,
    "supply": _TEXT,
    "country": _TEXT,
    "nature": _TEXT,
    "dispatch_country": _TEXT,
}
_ENTRY_LINE = {
    "gl_account": {"type": "string"},
    "amount": {"type": "number"},
    "vat_percentage": _NUMBER,
    "from": _TEXT,
    "to": _TEXT,
    **_CODES,
}


def _lines(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "array", "items": _object(properties, *required), "minItems": 1}


_ENTRY = {
    **_COMMON,
    "kind": {"type": "string"},
    "journal": {"type": "string"},
    "due_date": _TEXT,
    "payment_condition": _TEXT,
    "payment_reference": _TEXT,
    "debtor": _DEBTOR,
    "totals": _TOTALS,
}
_ITEM = _object(
    {
        "item": {"type": "integer"},
        "parent": {"type": ["integer", "null"]},
        "quantity": {"type": "number"},
        "shipped": {"type": "number"},
        "ships": {"type": "boolean"},
    },
    "item",
    "quantity",
)
_PIECES = _object(
    {
        "item": {"type": ["integer", "null"]},
        "kind": _TEXT,
        "quantity": _NUMBER,
        "amount": _NUMBER,
        "gl_account": _TEXT,
        "cost_center": _TEXT,
        "cost_unit": _TEXT,
    }
)
_SUMMARY = ("instance", "store", "day", "time_zone", "closes_at", "journal", "method")
SCHEMAS: dict[str, dict[str, Any]] = {
    "sales_entries": _object(
        {**_ENTRY, "entry_date": _TEXT, "lines": _lines(_ENTRY_LINE, "gl_account", "amount")},
        "document_key",
        "lines",
        "totals",
    ),
    "sales_invoices": _object(
        {
            **_ENTRY,
            "invoice_date": _TEXT,
            "ordered_by": _DEBTOR,
            "lines": _lines({**_ENTRY_LINE, "item": _TEXT, "unit_price": _NUMBER}, "item"),
        },
        "document_key",
        "lines",
        "totals",
    ),
    "sales_orders": _object(
        {
            **_COMMON,
            "order_date": _TEXT,
            "delivery_address": _object(_PLACE),
            "replaces": _TEXT,
            "payment_condition": _TEXT,
            "debtor": _DEBTOR,
            "totals": _TOTALS,
            "lines": _lines({"item": _TEXT, "amount": {"type": "number"}, **_CODES}, "item"),
        },
        "document_key",
        "lines",
        "totals",
    ),
    "general_journal_entries": _object(
        {
            **_COMMON,
            "journal": {"type": "string"},
            "entry_date": _TEXT,
            "includes": {"type": "array", "items": {"type": "string"}},
            "pays": _TEXT,
            "transaction_id": _TEXT,
            "totals": _TOTALS,
            "lines": _lines(
                {
                    **_ENTRY_LINE,
                    "vat_base_amount": _NUMBER,
                    "account": {"anyOf": [_DEBTOR, {"type": ["string", "null"]}]},
                },
                "gl_account",
                "amount",
            ),
        },
        "document_key",
        "lines",
        "totals",
    ),
    "summary_documents": _object(
        {
            **_COMMON,
            "kind": {"type": "string"},
            "summary": _object(
                {key: {"type": "string"} for key in _SUMMARY},
                *_SUMMARY,
            ),
            "totals": _TOTALS,
            "lines": _lines(
                {**_ENTRY_LINE, "account": _TEXT, "side": {"type": "string"}, "role": _TEXT},
                "gl_account",
                "amount",
            ),
        },
        "document_key",
        "summary",
        "lines",
        "totals",
    ),
    "order_facts": _object(
        {
            **_COMMON,
            "kind": {"type": "string"},
            "order": {"type": ["integer", "null"]},
            "day": _TEXT,
            "ordered_on": _TEXT,
            "amount": _NUMBER,
            "ordered": _NUMBER,
            "due": _NUMBER,
            "invoiced": _NUMBER,
            "paid": _NUMBER,
            "paid_from": _TEXT,
            "paid_on": _TEXT,
            "paid_seen_by": _TEXT,
            "clearing_gl": _TEXT,
            "prepayment_gl": _TEXT,
            "reason": _TEXT,
            "items": {"type": "array", "items": _ITEM},
            "lines": {"type": "array", "items": _PIECES},
            "deferred": {
                "type": ["object", "null"],
                "properties": dict.fromkeys(
                    ("journal", "not_shipped", "not_invoiced", "paid"), _TEXT
                ),
            },
            "streams": {"type": "array", "items": {"type": "string"}},
            "vat_boxes": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "document_key",
        "kind",
    ),
    "refused_documents": _object(
        {
            **_COMMON,
            "reason": {"type": "string"},
            "where": _TEXT,
            "what_to_do": _TEXT,
            "skip": _FLAG,
            "amount": _NUMBER,
        },
        "document_key",
        "reason",
    ),
}

"""The shape of a rules file, as JSON Schema."""

from __future__ import annotations

from typing import Any

from mapper_gl_rules.rules.conditions import CONDITIONS, Condition

__all__ = ["RULES_SCHEMA"]

_CODE = {"type": "string", "minLength": 1}
_COUNTRY = {"type": "string", "pattern": "^[A-Z]{2}$"}
_DATE = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_MODE = {"enum": ["sales_entry", "sales_invoice", "daily_journal"]}
_CHOICE = {
    "anyOf": [{"enum": ["goods", "none"]}, {"type": "number", "minimum": 0, "maximum": 100}],
}


def _one_or_many(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


def _condition(condition: Condition) -> dict[str, Any]:
    if condition.choices:
        return _one_or_many({"enum": list(condition.choices)})
    match condition.value:
        case "number":
            return _one_or_many({"type": "number", "minimum": 0, "maximum": 100})
        case "from" | "until":
            return _DATE
        case "attributes":
            return {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": _one_or_many({"type": ["string", "number", "boolean"]}),
            }
        case _:
            return _one_or_many({"type": "string", "minLength": 1})


_WHEN = {
    "type": "object",
    "properties": {name: _condition(condition) for name, condition in CONDITIONS.items()},
    "additionalProperties": False,
}
_BOOK = {
    "type": "object",
    "properties": {
        "gl": _CODE,
        "vat_code": _CODE,
        "cost_center": _CODE,
        "cost_unit": _CODE,
        "item": _CODE,
        "deferral_months": {"type": "integer", "minimum": 1, "maximum": 120},
        "journal": _CODE,
        "debtor": _CODE,
        "payment_condition": _CODE,
        "clearing_gl": _CODE,
        "prepayment_gl": _CODE,
        "mode": _MODE,
    },
    "additionalProperties": False,
    "minProperties": 1,
}
_RULE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "when": _WHEN,
        "book": _BOOK,
        "refuse": {"type": "string", "minLength": 1},
    },
    "required": ["name", "when"],
    "additionalProperties": False,
}
_VAT_CODE = {
    "type": "object",
    "properties": {
        "rate": {"type": "number", "minimum": 0, "maximum": 100},
        "gl": _CODE,
        "country": _COUNTRY,
        # none: outside VAT, never chosen by `auto`
        "supply": {"enum": [*CONDITIONS["supply"].choices, "none"]},
        "from": _DATE,
        "until": _DATE,
    },
    "required": ["rate"],
    "additionalProperties": False,
}
_SETTINGS = {
    "type": "object",
    "properties": {
        "journal": _CODE,
        "general_journal": _CODE,
        "home_country": _COUNTRY,
        "registrations": {"type": "array", "items": _COUNTRY},
        "time_zone": {"type": "string", "minLength": 1},
        "ledger_currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "debtor": _CODE,
        "create_debtors": {"type": "boolean"},
        "debtor_gl": _CODE,
        "mode": _MODE,
        "daily_per": {"enum": ["store", "payment_method"]},
        "sales_orders": {"type": "boolean"},
        "delivery_addresses": {"type": "boolean"},
        "amounts": {"enum": ["document", "base"]},
        "discounts": {"enum": ["net", "separate"]},
        "rounding_limit": {"type": "number", "minimum": 0, "maximum": 1},
        "adjustments": {
            "type": "object",
            "properties": {"refund": _CHOICE, "fee": _CHOICE},
            "additionalProperties": False,
        },
        "surcharges": {
            "type": "object",
            "additionalProperties": {"type": ["string", "null"]},
        },
    },
    "required": ["journal", "home_country", "time_zone", "ledger_currency", "debtor"],
    "additionalProperties": False,
}
RULES_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "settings": _SETTINGS,
        "vat_codes": {"type": "object", "additionalProperties": _VAT_CODE, "minProperties": 1},
        "rules": {"type": "array", "items": _RULE, "minItems": 1},
    },
    "required": ["settings", "vat_codes", "rules"],
    "additionalProperties": False,
}

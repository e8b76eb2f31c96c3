"""The shape of a rules file, as JSON Schema; what each setting means stands with it."""

from __future__ import annotations

from typing import Any

from mapper_gl_rules.rules.vocabulary import CONDITIONS, OUTCOMES, SUPPLIES, VALUES

__all__ = ["RULES_SCHEMA"]

Schema = dict[str, Any]
_CODE = VALUES["text"].schema
_DATE = VALUES["date"].schema
_RATE = VALUES["number"].schema
_COUNTRY = {"type": "string", "pattern": "^[A-Z]{2}$"}
_CHOICE = {"anyOf": [{"enum": ["goods", "proportional", "none"]}, _RATE]}


def _object(properties: Schema, *required: str) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _help(schema: Schema, text: str) -> Schema:
    return {**schema, "description": text}


def _flag(text: str) -> Schema:
    return {"type": "boolean", "description": text}


def _one_of(text: str, *choices: str) -> Schema:
    return {"enum": list(choices), "description": text}


_WHEN = _object({name: condition.schema for name, condition in CONDITIONS.items()})
_BOOK = {**_object({name: word.schema for name, word in OUTCOMES.items()}), "minProperties": 1}
_RULE = _object({"name": _CODE, "when": _WHEN, "book": _BOOK, "refuse": _CODE}, "name", "when")
_VAT_CODE = _object(
    {
        "rate": _RATE,
        "gl": _CODE,
        "country": _COUNTRY,
        # none: outside VAT; by_rule: only where a rule names the code; `auto` chooses neither
        "supply": {"enum": [*SUPPLIES, "none", "by_rule"]},
        "from": _DATE,
        "until": _DATE,
        "box": _CODE,  # of the VAT return, for the month-end's report
    },
    "rate",
)
_SETTINGS = _object(
    {
        "journal": _help(_CODE, "Journal of Exact for sales entries."),
        "general_journal": _help(
            _CODE, "Journal of Exact for journal entries (daily summaries, payments)."
        ),
        "home_country": _help(_COUNTRY, "Country of the seller, ISO code."),
        "registrations": _help(
            {"type": "array", "items": _COUNTRY},
            "Other countries where the seller is registered for VAT.",
        ),
        "time_zone": _help(
            _CODE, "Of the business day; the company's local date is the booking date."
        ),
        "ledger_currency": _help(
            {"type": "string", "pattern": "^[A-Z]{3}$"}, "Currency of the Exact division."
        ),
        "debtor": _help(_CODE, "Account code for all, or `customer`."),
        "create_debtors": _flag("Whether unknown customers are created in Exact as accounts."),
        "debtor_gl": _help(
            _CODE, "Accounts receivable, for journal entries and checks without Exact."
        ),
        "mode": _one_of("Booking mode where no rule says another.", *OUTCOMES["mode"].choices),
        "payment_date": _one_of(
            "Day of a payment: `capture` at the payment provider, where the shop does not know it "
            "the first moment it shows the document paid (`paid_seen`), or that of the `document`.",
            "capture",
            "paid_seen",
            "document",
        ),
        "daily_per": _one_of(
            "What a daily summary is split by, beside store view and currency.",
            "store",
            "payment_method",
        ),
        "sales_orders": _flag("Whether orders become sales orders."),
        "delivery_addresses": _flag(
            "Whether sales orders name the shipping address; a new one costs a call."
        ),
        "amounts": _one_of(
            "Currency of the entries: `document` or the shop's `base` currency.",
            "document",
            "base",
        ),
        "discounts": _one_of(
            "`net` lowers the revenue line, `separate` gives lines of kind `discount`.",
            "net",
            "separate",
        ),
        "rounding_limit": _help(
            {"type": "number", "minimum": 0, "maximum": 1},
            "Largest remainder that the total leaves open, for a rounding line; in currencies "
            "without cents as many of their smallest units.",
        ),
        "tax_difference": _one_of(
            "Cents between the VAT of the header and of its lines: `spread` over the lines, or "
            "`rounding`: a rounding line, with the VAT of the lines.",
            "spread",
            "rounding",
        ),
        "adjustments": _help(
            _object({"refund": _CHOICE, "fee": _CHOICE}),
            "VAT in `refund` and `fee` of credit memos: `goods` (their one rate), `proportional` "
            "(by the rates of the goods), `none` or a percentage.",
        ),
        "deferred": _help(
            _object(
                {"not_shipped": _CODE, "not_invoiced": _CODE, "paid": _CODE},
                "not_shipped",
                "not_invoiced",
                "paid",
            ),
            "GL accounts of what the month-end defers: `not_shipped` (invoiced, not shipped), "
            "`not_invoiced` (shipped, not invoiced) and `paid` (paid, not invoiced).",
        ),
        "surcharges": _help(
            {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
            "Totals of extensions: path of the amount to the path of its tax, or null.",
        ),
    },
    "journal",
    "home_country",
    "time_zone",
    "ledger_currency",
    "debtor",
)
RULES_SCHEMA: Schema = _object(
    {
        "settings": _SETTINGS,
        "vat_codes": {"type": "object", "additionalProperties": _VAT_CODE, "minProperties": 1},
        "rules": {"type": "array", "items": _RULE, "minItems": 1},
    },
    "settings",
    "vat_codes",
    "rules",
)

"""Records and texts without names of people.

What is known to name nobody is shown; everything else of a record is hidden, whatever it is called.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from target_exact_online.desk.waiting import EMAIL

if TYPE_CHECKING:
    from collections.abc import Collection

HIDDEN = "•••"
_SHORTEST = 3  # shorter texts are parts of other words
_PLAIN = frozenset(
    {"document_key", "division", "your_ref", "document_date", "tax_point", "description", "kind"}
    | {"currency", "exchange_rate", "journal", "entry_date", "invoice_date", "order_date", "amount"}
    | {"due_date", "delivery_date", "payment_condition", "payment_reference", "entry_number"}
    | {"order_number", "rules_version", "replaces", "pays", "includes", "transaction_id", "stream"}
    | {"reason", "where", "what_to_do", "skip", "summary_group"}
)
_PLAIN_LINE = frozenset(
    {"gl_account", "amount", "vat_code", "vat_amount", "vat_base_amount", "vat_percentage", "to"}
    | {"cost_center", "cost_unit", "description", "quantity", "from", "rule", "supply", "country"}
    | {"role", "side", "item", "unit_price", "nature", "dispatch_country"}
)
_PLAIN_SOURCE = frozenset(
    {"instance", "kind", "entity_id", "increment_id", "order_entity_id", "order_increment_id"}
    | {"store_code", "website_code", "timezone", "created_at", "updated_at", "payment_method"}
)
_PLAIN_SUMMARY = frozenset(
    {"instance", "store", "day", "time_zone", "closes_at", "journal", "method"}
)
_PARTS = {
    "lines": _PLAIN_LINE,
    "source": _PLAIN_SOURCE,
    "totals": frozenset({"amount", "vat_amount", "net_amount"}),
    "summary": frozenset(
        ["instance", "store", "day", "time_zone", "closes_at", "journal", "method"]
    ),
    "debtor": frozenset({"code"}),
    "ordered_by": frozenset({"code"}),
    "account": frozenset({"code"}),
}


def without_names(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record in which everything is hidden that may name a person."""
    return {name: _shown(name, value, _PLAIN) for name, value in record.items()}


def _shown(name: str, value: Any, plain: frozenset[str]) -> Any:
    if name in _PARTS and isinstance(value, dict):
        return {key: _shown(key, one, _PARTS[name]) for key, one in value.items()}
    if name in _PARTS and isinstance(value, list):
        return [_shown(name, one, plain) for one in value]
    if name in plain and (isinstance(value, list) or not isinstance(value, dict)):
        return value
    return None if value is None else HIDDEN


def names_in(record: dict[str, Any] | None) -> set[str]:
    """Return the texts of a record that may name a person."""
    return set(_hidden(record or {}, without_names(record or {})))


def _hidden(value: Any, shown: Any) -> list[str]:
    if isinstance(value, dict):
        pairs = (
            (one, shown.get(key) if isinstance(shown, dict) else HIDDEN)
            for key, one in value.items()
        )
        return [text for one, other in pairs for text in _hidden(one, other)]
    if isinstance(value, list):
        others = shown if isinstance(shown, list) else [HIDDEN] * len(value)
        return [
            text for one, other in zip(value, others, strict=True) for text in _hidden(one, other)
        ]
    is_text = isinstance(value, str) and len(value.strip()) >= _SHORTEST
    return [value.strip()] if is_text and shown == HIDDEN else []


def masked(text: str, names: Collection[str] = ()) -> str:
    """Return a text without e-mail addresses and without these names, however they are written."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
    return EMAIL.sub(HIDDEN, text)

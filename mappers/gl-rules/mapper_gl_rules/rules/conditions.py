"""The conditions a rule may have: what each looks at, and how values are compared.

Every condition is data: no expression is evaluated, no code runs from a rules file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fnmatch import translate
from re import compile as compile_pattern
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from datetime import date

    from mapper_gl_rules.rules.facts import DocumentFacts, LineFacts

__all__ = ["CONDITIONS", "Condition", "Predicate", "predicate"]

Predicate = Callable[[Any], bool]
ValueType = Literal["text", "pattern", "number", "flag", "ids", "attributes", "from", "until"]


class Condition(msgspec.Struct, frozen=True):
    """One condition.

    Attributes:
        scope: Whether it looks at the document or at a line.
        value: How its values are written and compared.
        fact: Name of the fact.
        help: For the documentation.
        choices: Allowed values, when they are few.
    """

    scope: Literal["document", "line"]
    value: ValueType
    fact: str
    help: str
    choices: tuple[str, ...] = ()

    def read(self, facts: DocumentFacts | LineFacts) -> Any:
        """Take the fact out."""
        return getattr(facts, self.fact)


LINE_KINDS = (
    "product",
    "shipping",
    "discount",
    "rounding",
    "adjustment",
    "gift_card",
    "store_credit",
    "reward",
    "surcharge",
    "fixed_product_tax",
    "gift_wrap",
    "document",
)
SUPPLIES = (
    "domestic",
    "intra_eu_goods",
    "intra_eu_services",
    "oss",
    "export",
    "untaxed_eu",
    "taxed_export",
)

CONDITIONS: Mapping[str, Condition] = {
    "line": Condition("line", "text", "kind", "kind of line", LINE_KINDS),
    "sku": Condition("line", "text", "sku", "SKU, exactly"),
    "sku_pattern": Condition("line", "pattern", "sku", "SKU with * and ?"),
    "field": Condition("line", "pattern", "name", "the shop's field, such as gw_price"),
    "rate": Condition("line", "number", "rate", "VAT percentage charged by the shop"),
    "supply": Condition("line", "text", "supply", "kind of supply", SUPPLIES),
    "product_type": Condition("line", "text", "product_type", "Adobe's product type"),
    "attribute_set": Condition("line", "text", "attribute_set", "attribute set id"),
    "category": Condition("line", "ids", "categories", "category id"),
    "tax_class": Condition("line", "text", "tax_class", "product tax class id"),
    "attributes": Condition("line", "attributes", "attributes", "product attributes"),
    "document": Condition(
        "document",
        "text",
        "kind",
        "kind of document",
        ("order", "invoice", "credit_memo"),
    ),
    "country": Condition("document", "text", "country", "destination; XI for Northern Ireland"),
    "billing_country": Condition("document", "text", "billing_country", "billing address"),
    "zone": Condition(
        "document",
        "text",
        "zone",
        "destination",
        ("home", "eu", "non_eu"),
    ),
    "vat_number": Condition(
        "document",
        "text",
        "vat_number_state",
        "the customer's VAT number",
        ("valid", "invalid", "none"),
    ),
    "customer_group": Condition("document", "text", "customer_group", "customer group id"),
    "store": Condition("document", "text", "store", "store view code or id"),
    "website": Condition("document", "text", "website", "website code"),
    "payment_method": Condition("document", "pattern", "payment_method", "payment method code"),
    "shipping_method": Condition("document", "pattern", "shipping_method", "shipping method code"),
    "currency": Condition("document", "text", "currency", "document currency"),
    "from": Condition("document", "from", "entry_date", "first entry date"),
    "until": Condition("document", "until", "entry_date", "last entry date"),
}


def predicate(name: str, value: Any) -> Predicate:  # noqa: PLR0911  # one return per kind of value
    """Compile the test of one condition against its fact.

    Args:
        name: A name of `CONDITIONS`.
        value: The checked value, or list of values of which one must hold.
    """
    kind = CONDITIONS[name].value
    if kind == "from":
        return _not_before(value)
    if kind == "until":
        return _not_after(value)
    if kind == "attributes":
        wanted = {key: _as_set(one) for key, one in value.items()}
        return lambda fact: _has_attributes(fact, wanted)
    values = value if isinstance(value, list) else [value]
    if kind == "number":
        numbers = frozenset(Decimal(str(one)) for one in values)
        return lambda fact: fact is not None and fact in numbers
    texts = frozenset(str(one) for one in values)
    if kind == "ids":
        return lambda fact: not texts.isdisjoint(fact)
    if kind == "pattern" and any(set(text) & set("*?[") for text in texts):
        matching = compile_pattern("|".join(translate(text) for text in sorted(texts))).match
        return lambda fact: fact is not None and matching(fact) is not None
    if name == "store":
        return lambda fact: not texts.isdisjoint(fact)
    return lambda fact: fact in texts


def _not_before(start: date) -> Predicate:
    return lambda day: bool(day >= start)


def _not_after(end: date) -> Predicate:
    return lambda day: bool(day <= end)


def _as_set(value: Any) -> frozenset[str]:
    return frozenset(str(one) for one in (value if isinstance(value, list) else [value]))


def _has_attributes(
    fact: tuple[tuple[str, frozenset[str]], ...],
    wanted: Mapping[str, frozenset[str]],
) -> bool:
    found = dict(fact)
    return all(not values.isdisjoint(found.get(key, frozenset())) for key, values in wanted.items())

"""The words of a rules file: one row each, and everything else comes from these tables.

Schema, loading, spreadsheet columns, matching, lint and the tables of the documentation read
them, so that a new condition, outcome, kind of line or supply is one row here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONDITIONS",
    "DOCUMENT_OUTCOMES",
    "LINE_KINDS",
    "LONGEST_PATTERN",
    "OUTCOMES",
    "OWN_ACCOUNT",
    "SUPPLIES",
    "VALUES",
    "BookingMode",
    "Condition",
    "LineKind",
    "Outcome",
    "Supply",
    "Value",
    "Word",
]

LONGEST_PATTERN = 200
Schema = dict[str, Any]
BookingMode = Literal["sales_entry", "sales_invoice", "daily_journal"]
MasterList = Literal["accounts", "vat_codes", "cost_centers", "cost_units", "journals"]


class Value(msgspec.Struct, frozen=True):
    """How a value is written.

    Attributes:
        schema: JSON Schema of one value.
        help: For the documentation; of conditions.
        code: Text, also where YAML reads a number (0800).
        many: Whether a condition may list several, of which one must hold.
    """

    schema: Schema
    help: str = ""
    code: bool = False
    many: bool = True


_TEXT = {"type": "string", "minLength": 1}
VALUES: Mapping[str, Value] = {
    "text": Value(_TEXT, "text, or a list", code=True),
    "ids": Value(_TEXT, "id, or a list", code=True),
    "pattern": Value(
        {**_TEXT, "maxLength": LONGEST_PATTERN}, "text with `*` and `?`, or a list", code=True
    ),
    "number": Value({"type": "number", "minimum": 0, "maximum": 100}, "number, or a list"),
    "amount": Value(
        {"type": "string", "pattern": r"^(over|up to) [0-9]{1,12}(\.[0-9]{1,4})? [A-Z]{3}$"},
        "`over 135 GBP` or `up to 135 GBP`",
        many=False,
    ),
    "attributes": Value(
        {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        "`{attribute: value}`, all must hold",
    ),
    "date": Value(
        {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        "date, such as 2026-07-01",
        many=False,
    ),
    "months": Value({"type": "integer", "minimum": 1, "maximum": 120}),
    "division": Value({"type": "integer", "minimum": 1}),
    "prefix": Value({"type": "string", "minLength": 1, "maxLength": 10}, code=True),
    "country": Value({"type": "string", "pattern": "^[A-Z]{2}$"}, code=True),
    "choice": Value(_TEXT, code=True),
}


class LineKind(msgspec.Struct, frozen=True):
    """A kind of line: an amount of a document.

    Attributes:
        help: What it is.
        role: What it is in the ledger, for people.
        asked: When lint asks for a rule that takes all such lines: `always`, the setting that
            makes such lines, or never.
    """

    help: str
    role: Literal["revenue", "discount", "rounding", "liability"] = "revenue"
    asked: Literal["always", "discounts", "surcharges", ""] = ""


LINE_KINDS: Mapping[str, LineKind] = {
    "product": LineKind("a product", asked="always"),
    "shipping": LineKind("shipping", asked="always"),
    "discount": LineKind("a discount, with `discounts: separate`", "discount", asked="discounts"),
    "rounding": LineKind("cents between lines and total", "rounding", asked="always"),
    "adjustment": LineKind("goodwill or a fee kept back on a credit memo"),
    "gift_card": LineKind("gift card used", "liability"),
    "store_credit": LineKind("store credit used", "liability"),
    "store_credit_refund": LineKind("refund to store credit instead of money", "liability"),
    "reward": LineKind("reward points used", "liability"),
    "surcharge": LineKind("total of an extension, named under `surcharges`", asked="surcharges"),
    "custom_fee": LineKind("fee of Adobe Commerce's custom fees"),
    "fixed_product_tax": LineKind("fixed product tax (WEEE)"),
    "gift_wrap": LineKind("gift wrapping"),
    "shipping_discount_tax": LineKind(
        "VAT of a discount on shipping that a refund without shipping leaves over"
    ),
}


class Supply(msgspec.Struct, frozen=True):
    """A kind of supply: what decides about VAT, beside the percentage.

    Attributes:
        destination: Where the goods go.
        percentage: What the shop charged.
        number: The customer's VAT number.
    """

    destination: str
    percentage: str
    number: str = ""


SUPPLIES: Mapping[str, Supply] = {
    "domestic": Supply(
        "your home country, or a country under `registrations` (outside the EU: above 0 only)",
        "any",
    ),
    "oss": Supply(
        "another EU country (Northern Ireland for goods)", "above 0", "none or not valid"
    ),
    "business_charged": Supply(
        "another EU country (Northern Ireland for goods)",
        "above 0",
        "valid",
    ),
    "intra_eu_goods": Supply(
        "another EU country (Northern Ireland for goods)", "0", "valid, of another member state"
    ),
    "intra_eu_services": Supply(
        "another EU country, virtual or downloadable products",
        "0",
        "valid, of another member state",
    ),
    "zero_where_registered": Supply(
        "a country under `registrations` that is outside the EU and not your home country", "0"
    ),
    "export": Supply("outside the EU", "0"),
    "untaxed_eu": Supply("another EU country", "0", "none or not valid: an error in the shop"),
    "taxed_export": Supply(
        "outside the EU", "above 0: an error in the shop, or a registration is missing"
    ),
}


class Condition(msgspec.Struct, frozen=True):
    """What a rule may look at.

    Attributes:
        scope: Whether it looks at the document or at a line.
        value: How its values are written and compared, a name of `VALUES`.
        fact: Name of the fact.
        help: For the documentation.
        choices: Allowed values, when they are few.
        rank: How narrow it is: 0 VAT, 1 shop and customer, 2 kind of product, 3 one product.
    """

    scope: Literal["document", "line"]
    value: str
    fact: str
    help: str
    choices: tuple[str, ...] = ()
    rank: int = 0

    @property
    def schema(self) -> Schema:
        """JSON Schema of what may stand behind the condition."""
        value = VALUES[self.value]
        if self.value == "attributes":
            each = value.schema["additionalProperties"]
            return {**value.schema, "additionalProperties": _one_or_many(each)}
        one = {"enum": list(self.choices)} if self.choices else value.schema
        return _one_or_many(one) if value.many else one


def _one_or_many(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


CONDITIONS: Mapping[str, Condition] = {
    "line": Condition("line", "choice", "kind", "kind of line", (*LINE_KINDS, "document")),
    "sku": Condition("line", "text", "sku", "SKU, exactly", rank=3),
    "sku_pattern": Condition("line", "pattern", "sku", "SKU with * and ?", rank=3),
    "field": Condition("line", "pattern", "name", "the shop's field, such as gw_price", rank=3),
    "rate": Condition("line", "number", "rate", "VAT percentage charged by the shop"),
    "supply": Condition("line", "choice", "supply", "kind of supply", tuple(SUPPLIES)),
    "vat_country": Condition(
        "line", "ids", "vat_country", "country whose VAT was charged, by the shop's tax code"
    ),
    "product_type": Condition("line", "text", "product_type", "Adobe's product type", rank=2),
    "attribute_set": Condition("line", "text", "attribute_set", "attribute set id", rank=2),
    "category": Condition("line", "ids", "categories", "category id", rank=2),
    "tax_class": Condition("line", "text", "tax_class", "product tax class id", rank=2),
    "attributes": Condition("line", "attributes", "attributes", "product attributes", rank=2),
    "own_account": Condition(
        "line",
        "choice",
        "own_account",
        "whether the product names its own GL account",
        ("named", "none"),
        rank=2,
    ),
    "document": Condition(
        "document", "choice", "kind", "kind of document", ("order", "invoice", "credit_memo")
    ),
    "country": Condition("document", "text", "country", "destination; XI for Northern Ireland"),
    "billing_country": Condition("document", "text", "billing_country", "billing address"),
    "zone": Condition("document", "choice", "zone", "destination", ("home", "eu", "non_eu")),
    "vat_number": Condition(
        "document",
        "choice",
        "vat_number_state",
        "the customer's VAT number",
        ("valid", "invalid", "none"),
    ),
    "goods_value": Condition(
        "document", "amount", "goods_value", "value of the goods of the order, without VAT"
    ),
    "piece_value": Condition(
        "line", "amount", "piece_value", "value of one piece of the product, without VAT"
    ),
    "customer_group": Condition("document", "text", "customer_group", "customer group id", rank=1),
    "store": Condition("document", "text", "store", "store view code or id", rank=1),
    "website": Condition("document", "text", "website", "website code", rank=1),
    "payment_method": Condition(
        "document", "pattern", "payment_method", "payment method code", rank=1
    ),
    "shipping_method": Condition(
        "document", "pattern", "shipping_method", "shipping method code", rank=1
    ),
    "currency": Condition("document", "text", "currency", "document currency"),
    "from": Condition("document", "date", "tax_point", "first tax point (day of the supply)"),
    "until": Condition("document", "date", "tax_point", "last tax point"),
}


class Word(msgspec.Struct, frozen=True):
    """One outcome of a rule.

    Attributes:
        help: For the documentation.
        scope: Whether a rule with `line: document` names it, or a rule for lines.
        value: How it is written, a name of `VALUES`.
        choices: Allowed values, when they are few.
        master: The list of Exact's master data that must have the code.
    """

    help: str
    scope: Literal["line", "document"] = "line"
    value: str = "text"
    choices: tuple[str, ...] = ()
    master: MasterList | None = None

    @property
    def schema(self) -> Schema:
        """JSON Schema of the outcome."""
        return {"enum": list(self.choices)} if self.choices else VALUES[self.value].schema


class Outcome(msgspec.Struct, frozen=True):
    """What a rule books: codes of Exact, never GUIDs. Each field is a word with its row."""

    gl: Annotated[
        str | None,
        Word("GL account, or `attribute`: the one that the product names.", master="accounts"),
    ] = None
    vat_code: Annotated[
        str | None,
        Word(
            "VAT code, `auto` (by supply, country and rate) or `product` (as the product's).",
            master="vat_codes",
        ),
    ] = None
    cost_center: Annotated[str | None, Word("Cost center.", master="cost_centers")] = None
    cost_unit: Annotated[str | None, Word("Cost unit.", master="cost_units")] = None
    item: Annotated[
        str | None, Word("Item code, for sales orders and sales invoices; default: the SKU.")
    ] = None
    deferral_months: Annotated[
        int | None,
        Word("Spread the revenue over so many months from the entry date.", value="months"),
    ] = None
    journal: Annotated[str | None, Word("Journal.", "document", master="journals")] = None
    debtor: Annotated[
        str | None, Word("Account code, or `customer` for one account per customer.", "document")
    ] = None
    payment_condition: Annotated[str | None, Word("Payment condition.", "document")] = None
    clearing_gl: Annotated[
        str | None, Word("Clearing account of the payment method.", "document", master="accounts")
    ] = None
    prepayment_gl: Annotated[
        str | None,
        Word("Account for money received before the invoice.", "document", master="accounts"),
    ] = None
    mode: Annotated[
        BookingMode | None,
        Word(
            "Booking mode.",
            "document",
            "choice",
            ("sales_entry", "sales_invoice", "daily_journal"),
        ),
    ] = None
    division: Annotated[
        int | None,
        Word("Division of Exact, where it is not the target's own.", "document", "division"),
    ] = None
    reference_prefix: Annotated[
        str | None,
        Word("Text before the shop's number in *Your reference*.", "document", "prefix"),
    ] = None
    dispatch_country: Annotated[
        str | None,
        Word(
            "Country that goods are dispatched from, ISO code (XI for Northern Ireland), where it "
            "is not the home country.",
            "document",
            "country",
        ),
    ] = None


OUTCOMES: Mapping[str, Word] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Outcome, include_extras=True).items()
}
# The outcomes of a rule with `line: document`; all others belong to lines.
#: As `gl`: the account that the product names.
OWN_ACCOUNT = "attribute"
DOCUMENT_OUTCOMES = tuple(name for name, word in OUTCOMES.items() if word.scope == "document")

"""Which fields each kind of record can be searched by, and what an unknown one brings.

Sales lists fail with 500 on an unknown column; customers and products name it with 400.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commerce_sandbox.adobe import columns
from commerce_sandbox.adobe.conditions import Column
from commerce_sandbox.adobe.errors import internal, unknown_attribute
from commerce_sandbox.adobe.store import TABLES

if TYPE_CHECKING:
    from commerce_sandbox.adobe.conditions import Kind

_SHIPPING_METHOD = "$.extension_attributes.shipping_assignments[0].shipping.method"
_ATTRIBUTE = (
    "(SELECT json_extract(value, '$.value') FROM json_each(body, '$.custom_attributes')"
    " WHERE json_extract(value, '$.attribute_code') = '{code}')"
)

# Attributes of a fresh shop's products that the API sends as custom attributes.
_PRODUCT_ATTRIBUTES = """
    country_of_manufacture custom_design custom_design_from custom_design_to custom_layout
    custom_layout_update description gift_message_available has_options image manufacturer
    meta_description meta_keyword meta_title msrp msrp_display_actual_price_type news_from_date
    news_to_date options_container page_layout price_type price_view quantity_and_stock_status
    required_options shipment_type short_description sku_type small_image special_from_date
    special_price special_to_date swatch_image tax_class_id thumbnail url_key url_path weight_type
"""


class Fields:
    """The searchable fields of one kind of record."""

    def __init__(self, *, unknown_is_internal: bool = True) -> None:
        """Start with the key alone.

        Args:
            unknown_is_internal: Whether an unknown field is a 500, as on plain tables; otherwise a
                400 that names it, as on attribute tables.
        """
        self._columns: dict[str, Column | None] = {"entity_id": Column("entity_id", "number")}
        self._unknown_is_internal = unknown_is_internal

    def column(self, name: str | None) -> Column | None:
        """Return a column; None when the shop takes the name and does nothing with it.

        Raises:
            ShopError: The kind has no such field, or no field was named.
        """
        if name is None or name not in self._columns:
            if self._unknown_is_internal or name is None:
                raise internal()
            raise unknown_attribute(name)
        return self._columns[name]

    def add(self, name: str, column: Column | None) -> Fields:
        """Add one field."""
        self._columns[name] = column
        return self

    def members(self, table: str, kind: Kind, names: str) -> Fields:
        """Add fields that are members of the body, separated by spaces.

        Args:
            table: Key of ``TABLES``; its own columns are used where it has them.
            kind: How values are compared.
            names: Names, or ``name=member`` where the JSON calls it otherwise.
        """
        stored = TABLES[table].columns if table in TABLES else {}
        for entry in names.split():
            name, _, member = entry.partition("=")
            if name in stored:
                sql = name
            else:
                sql = f"json_extract(body, '$.{member or name}')"
                sql += " COLLATE NOCASE" if kind == "text" else ""
            self._columns[name] = Column(sql, kind)
        return self


def attribute_column(code: str) -> Column:
    """Return the column of a custom attribute; its code is one of the merchant's own."""
    return Column(_ATTRIBUTE.format(code=code.replace("'", "")), "text")


def _sales(table: str, numbers: str, texts: str, times: str = "created_at updated_at") -> Fields:
    fields = Fields().members(table, "number", numbers).members(table, "text", texts)
    return fields.members(table, "time", times)


def _customers() -> Fields:
    fields = Fields(unknown_is_internal=False)
    fields.members("customer", "number", "group_id store_id website_id gender")
    fields.members("customer", "number", "default_billing default_shipping")
    fields.members("customer", "number", "disable_auto_group_change")
    fields.members("customer", "text", "email firstname lastname middlename prefix suffix taxvat")
    fields.members("customer", "text", "created_in confirmation")
    return fields.members("customer", "time", "created_at updated_at dob")


def _products() -> Fields:
    fields = Fields(unknown_is_internal=False)
    fields.members("product", "number", "attribute_set_id price status visibility weight")
    fields.members("product", "text", "sku name type_id")
    fields.members("product", "time", "created_at updated_at")
    for code in _PRODUCT_ATTRIBUTES.split():
        fields.add(code, Column(_ATTRIBUTE.format(code=code), "text"))
    fields.add("website_id", Column("$.extension_attributes.website_ids", "list"))
    # A store only chooses whose values are shown; every product is listed in all of them.
    return fields.add("store_id", None).add("store", None)


def _plain(table: str, key: str, numbers: str = "", texts: str = "") -> Fields:
    fields = Fields().add(key, Column("entity_id", "number"))
    return fields.members(table, "number", numbers).members(table, "text", texts)


FIELDS: dict[str, Fields] = {
    "order": _sales("order", columns.ORDER_NUMBERS, columns.ORDER_TEXTS).add(
        "shipping_method", Column(f"json_extract(body, '{_SHIPPING_METHOD}')", "text")
    ),
    "order_item": _sales("order_item", columns.ORDER_ITEM_NUMBERS, columns.ORDER_ITEM_TEXTS),
    "invoice": _sales("invoice", columns.INVOICE_NUMBERS, columns.INVOICE_TEXTS),
    "creditmemo": _sales("creditmemo", columns.CREDITMEMO_NUMBERS, columns.CREDITMEMO_TEXTS),
    "shipment": _sales("shipment", columns.SHIPMENT_NUMBERS, columns.SHIPMENT_TEXTS),
    "transaction": _sales(
        "transaction", columns.TRANSACTION_NUMBERS, columns.TRANSACTION_TEXTS, "created_at"
    ),
    "customer": _customers(),
    "product": _products(),
    "product_attribute": _plain(
        "product_attribute", "attribute_id", "is_user_defined", "attribute_code frontend_input"
    ),
    "category": _plain("category", "id", "parent_id level position", "name path"),
    "customer_group": _plain("customer_group", "id", "tax_class_id", "code").add(
        "customer_group_id", Column("entity_id", "number")
    ),
    "tax_rate": _plain(
        "tax_rate", "id", "rate tax_region_id", "code tax_country_id tax_postcode"
    ).add("tax_calculation_rate_id", Column("entity_id", "number")),
    "tax_rule": _plain("tax_rule", "id", "priority position", "code").add(
        "tax_calculation_rule_id", Column("entity_id", "number")
    ),
    "tax_class": _plain("tax_class", "class_id", texts="class_name class_type"),
    "sales_rule": _plain("sales_rule", "rule_id", "coupon_type is_active", "name"),
    "coupon": _plain("coupon", "coupon_id", "rule_id type times_used", "code"),
    "inventory_source": _plain(
        "inventory_source", "source_id", texts="source_code name country_id"
    ),
}

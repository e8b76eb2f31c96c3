"""The table of routes: method, path, the ACL resource it needs, and its handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from commerce_sandbox.adobe import attributes, customers, products, reading, writing
from commerce_sandbox.adobe.access import ANONYMOUS
from commerce_sandbox.adobe.php_json import dumps
from commerce_sandbox.adobe.reading import comments, everything, listing, single

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.adobe.access import Gate
    from commerce_sandbox.adobe.call import Call


@dataclass(frozen=True)
class Endpoint:
    """One route of the shop.

    Attributes:
        method: HTTP method.
        path: Path behind ``V1/``; a part that starts with a colon is a placeholder.
        resource: ACL resource, or ``anonymous``.
        handler: Makes the answer's JSON text.
        paas_only: Absent in the SaaS flavour.
    """

    method: str
    path: str
    resource: str
    handler: Callable[[Call], bytes]
    paas_only: bool = False

    def match(self, method: str, parts: list[str]) -> dict[str, str] | None:
        """Return the placeholders' values when a request is for this route."""
        own = self.path.split("/")
        if method != self.method or len(parts) != len(own):
            return None
        arguments = {}
        for name, part in zip(own, parts, strict=True):
            if name.startswith(":"):
                arguments[name[1:]] = unquote(part)
            elif name != part:
                return None
        return arguments


_ORDER = "Magento_Sales::actions_view"
_INVOICE = "Magento_Sales::sales_invoice"
_CREDIT_MEMO = "Magento_Sales::sales_creditmemo"
_SHIPMENT = "Magento_Sales::shipment"
_TRANSACTION = "Magento_Sales::transactions_fetch"
_CUSTOMER = "Magento_Customer::customer"
_MANAGE = "Magento_Customer::manage"
_GROUP = "Magento_Customer::group"
_PRODUCT = "Magento_Catalog::products"
_ATTRIBUTE = "Magento_Catalog::attributes_attributes"
_SET = "Magento_Catalog::sets"
_CATEGORY = "Magento_Catalog::categories"
_STORE = "Magento_Backend::store"
_TAX = "Magento_Tax::manage_tax"
_RULE = "Magento_SalesRule::quote"


def endpoints(gate: Gate) -> tuple[Endpoint, ...]:
    """Return all routes; a literal part stands before a placeholder in the same place.

    Args:
        gate: Issues tokens.
    """

    def admin_token(call: Call) -> bytes:
        return dumps(gate.admin_token(call)).encode()

    def customer_token(call: Call) -> bytes:
        return dumps(gate.customer_token(call)).encode()

    def get(path: str, resource: str, handler: Callable[[Call], bytes]) -> Endpoint:
        return Endpoint("GET", path, resource, handler)

    def post(path: str, resource: str, handler: Callable[[Call], bytes]) -> Endpoint:
        return Endpoint("POST", path, resource, handler)

    def put(path: str, resource: str, handler: Callable[[Call], bytes]) -> Endpoint:
        return Endpoint("PUT", path, resource, handler)

    return (
        get("orders", _ORDER, listing("order")),
        get("orders/items", _ORDER, listing("order_item")),
        get("orders/items/:id", _ORDER, single("order_item")),
        get("orders/:id", _ORDER, single("order")),
        get("orders/:id/comments", _ORDER, comments("order", "status_histories")),
        get("orders/:id/statuses", _ORDER, reading.order_status),
        get("invoices", _INVOICE, listing("invoice")),
        get("invoices/:id", _INVOICE, single("invoice")),
        get("invoices/:id/comments", _INVOICE, comments("invoice", "comments")),
        get("creditmemos", _CREDIT_MEMO, listing("creditmemo")),
        get("creditmemo/:id", _CREDIT_MEMO, single("creditmemo")),
        get("creditmemo/:id/comments", _CREDIT_MEMO, comments("creditmemo", "comments")),
        get("shipments", _SHIPMENT, listing("shipment")),
        get("shipment/:id", _SHIPMENT, single("shipment")),
        get("shipment/:id/comments", _SHIPMENT, comments("shipment", "comments")),
        get("transactions", _TRANSACTION, listing("transaction")),
        get("transactions/:id", _TRANSACTION, single("transaction")),
        get("customers/search", _CUSTOMER, listing("customer")),
        get("customers/:id", _CUSTOMER, single("customer", "customerId")),
        get("customerGroups/search", _GROUP, listing("customer_group")),
        get("customerGroups/:id", _GROUP, single("customer_group", "id")),
        get("products", _PRODUCT, listing("product")),
        get("products/attributes", _ATTRIBUTE, attributes.listing),
        get("products/attributes/:code", _ATTRIBUTE, attributes.single),
        get("products/attributes/:code/options", _ATTRIBUTE, attributes.options),
        get("products/attribute-sets/groups/list", _SET, attributes.groups),
        get("products/attribute-sets/:id/attributes", _SET, attributes.of_set),
        get("products/:sku", _PRODUCT, products.single),
        get("categories/list", _CATEGORY, listing("category")),
        get("categories/:id", _CATEGORY, single("category", "id")),
        get("store/storeConfigs", _STORE, reading.store_configs),
        get("store/storeViews", _STORE, reading.store_views),
        get("store/storeGroups", _STORE, everything("store_group")),
        get("store/websites", _STORE, reading.websites),
        get("taxRates/search", _TAX, listing("tax_rate")),
        get("taxRates/:id", _TAX, single("tax_rate", "Tax Rate")),
        get("taxRules/search", _TAX, listing("tax_rule")),
        get("taxRules/:id", _TAX, single("tax_rule", "taxRuleId")),
        get("taxClasses/search", _TAX, listing("tax_class")),
        get("taxClasses/:id", _TAX, single("tax_class", "class_id")),
        get("salesRules/search", _RULE, listing("sales_rule")),
        get("salesRules/:id", _RULE, single("sales_rule", "rule_id")),
        get("coupons/search", _RULE, listing("coupon")),
        get("coupons/:id", _RULE, single("coupon", "coupon_id")),
        get("modules", "Magento_Backend::admin", everything("module")),
        get("inventory/sources", "Magento_InventoryApi::source", listing("inventory_source")),
        Endpoint("GET", "directory/currency", ANONYMOUS, reading.currency, paas_only=True),
        Endpoint("POST", "integration/admin/token", ANONYMOUS, admin_token, paas_only=True),
        Endpoint("POST", "integration/customer/token", ANONYMOUS, customer_token, paas_only=True),
        post("customers", _MANAGE, customers.create),
        put("customers/:id", _MANAGE, customers.update),
        post("products/attributes", _ATTRIBUTE, attributes.create),
        put("products/attributes/:code", _ATTRIBUTE, attributes.update),
        post("products/attributes/:code/options", _ATTRIBUTE, attributes.add_option),
        put("products/attributes/:code/options/:id", _ATTRIBUTE, attributes.update_option),
        Endpoint(
            "DELETE", "products/attributes/:code/options/:id", _ATTRIBUTE, attributes.delete_option
        ),
        post("products/attribute-sets/attributes", _SET, attributes.assign),
        put("products/:sku", _PRODUCT, products.update),
        post("orders", "Magento_Sales::create", writing.create),
        put("orders/create", "Magento_Sales::create", writing.create),
        post("orders/:id/cancel", "Magento_Sales::cancel", writing.cancel),
        post("orders/:id/comments", "Magento_Sales::comment", writing.comment),
        post("order/:id/invoice", "Magento_Sales::invoice", writing.invoice),
        post("order/:id/refund", "Magento_Sales::creditmemo", writing.refund),
    )

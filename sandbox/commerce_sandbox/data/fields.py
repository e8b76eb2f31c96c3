"""Names of the fields of sales documents, in the order in which the recorded shop writes them."""
# ruff: noqa: SIM905 -- hundreds of names read better as words

from __future__ import annotations

# Header of an order.
ORDER = tuple(
    """
    applied_rule_ids adjustment_negative adjustment_positive base_adjustment_negative
    base_adjustment_positive base_currency_code base_discount_amount base_discount_canceled
    base_discount_invoiced base_discount_refunded base_grand_total
    base_discount_tax_compensation_amount base_discount_tax_compensation_invoiced
    base_discount_tax_compensation_refunded base_shipping_amount base_shipping_canceled
    base_shipping_discount_amount base_shipping_discount_tax_compensation_amnt
    base_shipping_incl_tax base_shipping_invoiced base_shipping_refunded
    base_shipping_tax_amount base_shipping_tax_refunded base_subtotal base_subtotal_canceled
    base_subtotal_incl_tax base_subtotal_invoiced base_subtotal_refunded base_tax_amount
    base_tax_canceled base_total_canceled base_tax_invoiced base_tax_refunded base_total_due
    base_total_invoiced base_total_invoiced_cost base_total_offline_refunded
    base_total_online_refunded base_total_paid
    base_total_refunded base_to_global_rate base_to_order_rate billing_address_id coupon_code
    created_at customer_email customer_firstname customer_group_id customer_id customer_is_guest
    customer_lastname customer_middlename customer_note_notify customer_taxvat customer_prefix
    customer_suffix discount_amount edit_increment discount_canceled discount_description
    discount_invoiced discount_refunded email_sent entity_id ext_order_id global_currency_code
    grand_total discount_tax_compensation_amount hold_before_state hold_before_status
    discount_tax_compensation_invoiced discount_tax_compensation_refunded increment_id
    is_virtual order_currency_code original_increment_id protect_code quote_id
    relation_parent_id relation_parent_real_id remote_ip shipping_amount shipping_canceled
    shipping_description shipping_discount_amount shipping_discount_tax_compensation_amount
    shipping_incl_tax shipping_invoiced shipping_refunded shipping_tax_amount
    shipping_tax_refunded state status store_currency_code store_id store_name
    store_to_base_rate store_to_order_rate subtotal subtotal_canceled subtotal_incl_tax
    subtotal_invoiced subtotal_refunded tax_amount tax_canceled total_canceled tax_invoiced
    tax_refunded total_due total_invoiced total_item_count total_offline_refunded
    total_online_refunded total_paid
    total_qty_ordered total_refunded updated_at weight
    """.split()
)

# Line of an order.
ORDER_LINE = tuple(
    """
    amount_refunded applied_rule_ids base_amount_refunded base_discount_amount
    base_discount_invoiced base_discount_refunded base_discount_tax_compensation_amount
    base_discount_tax_compensation_invoiced base_discount_tax_compensation_refunded
    base_original_price base_price base_price_incl_tax base_row_invoiced base_row_total
    base_row_total_incl_tax base_tax_amount base_tax_invoiced base_tax_refunded
    base_weee_tax_applied_amount base_weee_tax_applied_row_amnt base_weee_tax_disposition
    base_weee_tax_row_disposition created_at discount_amount discount_invoiced discount_percent
    discount_refunded free_shipping discount_tax_compensation_amount
    discount_tax_compensation_canceled discount_tax_compensation_invoiced
    discount_tax_compensation_refunded is_qty_decimal is_virtual item_id name no_discount
    order_id original_price parent_item_id price price_incl_tax product_id product_type
    qty_canceled qty_invoiced qty_ordered qty_refunded qty_shipped quote_item_id row_invoiced
    row_total row_total_incl_tax row_weight sku store_id tax_amount tax_canceled tax_invoiced
    tax_percent tax_refunded updated_at weee_tax_applied weee_tax_applied_amount
    weee_tax_applied_row_amount weee_tax_disposition weee_tax_row_disposition weight
    product_option
    """.split()
)

# Payment of an order.
PAYMENT = tuple(
    """
    account_status additional_information amount_authorized amount_ordered amount_paid
    amount_refunded base_amount_authorized base_amount_ordered base_amount_paid
    base_amount_refunded base_shipping_amount base_shipping_captured base_shipping_refunded
    cc_last4 cc_trans_id entity_id last_trans_id method parent_id po_number
    shipping_amount shipping_captured shipping_refunded
    """.split()
)

# Header of an invoice.
INVOICE = tuple(
    """
    base_currency_code base_discount_amount base_grand_total
    base_discount_tax_compensation_amount base_shipping_amount
    base_shipping_discount_tax_compensation_amnt base_shipping_incl_tax base_shipping_tax_amount
    base_subtotal base_subtotal_incl_tax base_tax_amount base_to_global_rate base_to_order_rate
    billing_address_id can_void_flag created_at discount_amount discount_description entity_id
    global_currency_code grand_total discount_tax_compensation_amount increment_id
    order_currency_code order_id shipping_address_id shipping_amount
    shipping_discount_tax_compensation_amount shipping_incl_tax shipping_tax_amount state
    store_currency_code store_id store_to_base_rate store_to_order_rate subtotal
    subtotal_incl_tax tax_amount total_qty transaction_id updated_at
    """.split()
)

# Line of an invoice.
INVOICE_LINE = tuple(
    """
    base_discount_amount base_discount_tax_compensation_amount base_price base_price_incl_tax
    base_row_total base_row_total_incl_tax base_tax_amount discount_amount entity_id
    discount_tax_compensation_amount name parent_id price price_incl_tax product_id row_total
    row_total_incl_tax sku tax_amount order_item_id qty
    """.split()
)

# Header of a credit memo.
CREDIT_MEMO = tuple(
    """
    adjustment adjustment_negative adjustment_positive base_adjustment base_adjustment_negative
    base_adjustment_positive base_currency_code base_discount_amount base_grand_total
    base_discount_tax_compensation_amount base_shipping_amount base_shipping_incl_tax
    base_shipping_tax_amount base_subtotal base_subtotal_incl_tax base_tax_amount
    base_to_global_rate base_to_order_rate billing_address_id created_at discount_amount
    discount_description entity_id global_currency_code grand_total
    discount_tax_compensation_amount increment_id invoice_id order_currency_code order_id
    shipping_address_id shipping_amount shipping_incl_tax shipping_tax_amount state
    store_currency_code store_id store_to_base_rate store_to_order_rate subtotal
    subtotal_incl_tax tax_amount transaction_id updated_at
    """.split()
)

# Line of a credit memo.
CREDIT_MEMO_LINE = tuple(
    """
    base_cost base_discount_amount base_discount_tax_compensation_amount base_price
    base_price_incl_tax base_row_total base_row_total_incl_tax base_tax_amount
    base_weee_tax_applied_amount base_weee_tax_applied_row_amnt base_weee_tax_disposition
    base_weee_tax_row_disposition discount_amount entity_id discount_tax_compensation_amount
    name order_item_id parent_id price price_incl_tax product_id qty row_total
    row_total_incl_tax sku tax_amount weee_tax_applied weee_tax_applied_amount
    weee_tax_applied_row_amount weee_tax_disposition weee_tax_row_disposition
    """.split()
)

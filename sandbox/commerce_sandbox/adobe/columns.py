"""The columns of the shop's sales tables, by type: what orders and their documents are searched by.

As the shop's own API schema lists them for 2.4.7-p3; members that are lists or objects are not
columns, and asking for one is a failure of the shop (500).
"""

ORDER_NUMBERS = """
    adjustment_negative adjustment_positive base_adjustment_negative base_adjustment_positive
    base_discount_amount base_discount_canceled base_discount_invoiced base_discount_refunded
    base_grand_total base_discount_tax_compensation_amount base_discount_tax_compensation_invoiced
    base_discount_tax_compensation_refunded base_shipping_amount base_shipping_canceled
    base_shipping_discount_amount base_shipping_discount_tax_compensation_amnt
    base_shipping_incl_tax base_shipping_invoiced base_shipping_refunded base_shipping_tax_amount
    base_shipping_tax_refunded base_subtotal base_subtotal_canceled base_subtotal_incl_tax
    base_subtotal_invoiced base_subtotal_refunded base_tax_amount base_tax_canceled
    base_tax_invoiced base_tax_refunded base_total_canceled base_total_due base_total_invoiced
    base_total_invoiced_cost base_total_offline_refunded base_total_online_refunded
    base_total_paid base_total_qty_ordered base_total_refunded base_to_global_rate
    base_to_order_rate billing_address_id can_ship_partially can_ship_partially_item
    customer_gender customer_group_id customer_id customer_is_guest customer_note_notify
    discount_amount discount_canceled discount_invoiced discount_refunded edit_increment
    email_sent forced_shipment_with_invoice grand_total discount_tax_compensation_amount
    discount_tax_compensation_invoiced discount_tax_compensation_refunded is_virtual
    payment_authorization_amount payment_auth_expiration quote_address_id quote_id shipping_amount
    shipping_canceled shipping_discount_amount shipping_discount_tax_compensation_amount
    shipping_incl_tax shipping_invoiced shipping_refunded shipping_tax_amount
    shipping_tax_refunded store_id store_to_base_rate store_to_order_rate subtotal
    subtotal_canceled subtotal_incl_tax subtotal_invoiced subtotal_refunded tax_amount
    tax_canceled tax_invoiced tax_refunded total_canceled total_due total_invoiced
    total_item_count total_offline_refunded total_online_refunded total_paid total_qty_ordered
    total_refunded weight
"""
ORDER_TEXTS = """
    applied_rule_ids base_currency_code coupon_code customer_dob customer_email customer_firstname
    customer_lastname customer_middlename customer_note customer_prefix customer_suffix
    customer_taxvat discount_description ext_customer_id ext_order_id global_currency_code
    hold_before_state hold_before_status increment_id order_currency_code original_increment_id
    protect_code relation_child_id relation_child_real_id relation_parent_id
    relation_parent_real_id remote_ip shipping_description state status store_currency_code
    store_name x_forwarded_for shipping_method
"""
INVOICE_NUMBERS = """
    base_discount_amount base_grand_total base_discount_tax_compensation_amount
    base_shipping_amount base_shipping_discount_tax_compensation_amnt base_shipping_incl_tax
    base_shipping_tax_amount base_subtotal base_subtotal_incl_tax base_tax_amount
    base_total_refunded base_to_global_rate base_to_order_rate billing_address_id can_void_flag
    discount_amount email_sent grand_total discount_tax_compensation_amount is_used_for_refund
    order_id shipping_address_id shipping_amount shipping_discount_tax_compensation_amount
    shipping_incl_tax shipping_tax_amount state store_id store_to_base_rate store_to_order_rate
    subtotal subtotal_incl_tax tax_amount total_qty
"""
INVOICE_TEXTS = """
    base_currency_code discount_description global_currency_code increment_id order_currency_code
    store_currency_code transaction_id
"""
CREDITMEMO_NUMBERS = """
    adjustment adjustment_negative adjustment_positive base_adjustment base_adjustment_negative
    base_adjustment_positive base_discount_amount base_grand_total
    base_discount_tax_compensation_amount base_shipping_amount
    base_shipping_discount_tax_compensation_amnt base_shipping_incl_tax base_shipping_tax_amount
    base_subtotal base_subtotal_incl_tax base_tax_amount base_to_global_rate base_to_order_rate
    billing_address_id creditmemo_status discount_amount email_sent grand_total
    discount_tax_compensation_amount invoice_id order_id shipping_address_id shipping_amount
    shipping_discount_tax_compensation_amount shipping_incl_tax shipping_tax_amount state store_id
    store_to_base_rate store_to_order_rate subtotal subtotal_incl_tax tax_amount
"""
CREDITMEMO_TEXTS = """
    base_currency_code discount_description global_currency_code increment_id order_currency_code
    store_currency_code transaction_id
"""
SHIPMENT_NUMBERS = """
    billing_address_id customer_id email_sent order_id shipment_status shipping_address_id
    store_id total_qty total_weight
"""
SHIPMENT_TEXTS = """
    increment_id shipping_label
"""
ORDER_ITEM_NUMBERS = """
    amount_refunded base_amount_refunded base_cost base_discount_amount base_discount_invoiced
    base_discount_refunded base_discount_tax_compensation_amount
    base_discount_tax_compensation_invoiced base_discount_tax_compensation_refunded
    base_original_price base_price base_price_incl_tax base_row_invoiced base_row_total
    base_row_total_incl_tax base_tax_amount base_tax_before_discount base_tax_invoiced
    base_tax_refunded base_weee_tax_applied_amount base_weee_tax_applied_row_amnt
    base_weee_tax_disposition base_weee_tax_row_disposition discount_amount discount_invoiced
    discount_percent discount_refunded free_shipping discount_tax_compensation_amount
    discount_tax_compensation_canceled discount_tax_compensation_invoiced
    discount_tax_compensation_refunded is_qty_decimal is_virtual item_id locked_do_invoice
    locked_do_ship no_discount order_id original_price parent_item_id price price_incl_tax
    product_id qty_backordered qty_canceled qty_invoiced qty_ordered qty_refunded qty_shipped
    quote_item_id row_invoiced row_total row_total_incl_tax row_weight store_id tax_amount
    tax_before_discount tax_canceled tax_invoiced tax_percent tax_refunded weee_tax_applied_amount
    weee_tax_applied_row_amount weee_tax_disposition weee_tax_row_disposition weight
"""
ORDER_ITEM_TEXTS = """
    additional_data applied_rule_ids description ext_order_item_id name product_type sku
    weee_tax_applied
"""
TRANSACTION_NUMBERS = """
    transaction_id parent_id order_id payment_id is_closed
"""
TRANSACTION_TEXTS = """
    txn_id parent_txn_id txn_type
"""

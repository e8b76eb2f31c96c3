"""Singer tap for Adobe Commerce (Magento 2): orders, invoices, credit memos and master data."""

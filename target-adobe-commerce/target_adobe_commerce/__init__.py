"""Singer target for Adobe Commerce (Magento 2): Exact Online's master data, planned first."""

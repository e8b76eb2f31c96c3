"""Adobe Commerce (Magento 2) over HTTP, as recorded."""

"""Month-end: shop, ledger and Exact side by side, every cent explained by exactly one reason."""

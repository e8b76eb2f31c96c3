"""Singer target for Exact Online: sales entries, sales orders, sales invoices and journal entries, exactly once."""

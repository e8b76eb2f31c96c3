"""Singer tap for Exact Online: master data, documents and ledger, by what changed."""

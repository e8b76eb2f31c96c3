"""One module per change of the ledger's schema, in order; never edited once released."""

"""The ledger: what happened to every document, in SQL, encrypted and chained by hash."""

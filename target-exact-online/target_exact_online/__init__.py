"""Singer target for Exact Online: sales documents, each posted exactly once."""

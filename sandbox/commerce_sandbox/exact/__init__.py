"""Exact Online over HTTP, as documented."""

"""Encrypted store of connector credentials, with locks and rotation."""

"""Migrations of the target's database; applied by ``kept.database.MIGRATIONS``."""

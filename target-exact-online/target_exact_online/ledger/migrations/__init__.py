"""Migrations of the ledger; applied by ``ledger.database.MIGRATIONS``."""

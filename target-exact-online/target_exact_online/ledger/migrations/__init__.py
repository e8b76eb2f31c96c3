"""Alembic environment of the ledger; applied by ``ledger.database.open_engine``."""

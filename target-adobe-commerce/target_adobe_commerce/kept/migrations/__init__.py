"""Alembic environment of the target's database; applied by ``kept.database.open_engine``."""

"""Alembic environment of every database; a program brings the migrations themselves."""

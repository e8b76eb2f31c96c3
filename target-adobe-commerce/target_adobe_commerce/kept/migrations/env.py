"""Run the migrations on the connection that ``open_engine`` hands over."""

from __future__ import annotations

from alembic import context

from target_adobe_commerce.kept.database import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()

"""The queue of signals, and which posted documents Exact has differently today."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Create the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "signals",
        sa.Column("source", sa.String(16), primary_key=True),
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("topic", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("order_id", sa.BigInteger),
        sa.Column("first_at", moment, nullable=False),
        sa.Column("last_at", moment, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("handled_at", moment),
    )
    waiting = sa.text("handled_at IS NULL")
    op.create_index(
        "ix_signals_waiting",
        "signals",
        ["source", "topic"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_table(
        "differences",
        sa.Column("document_key", sa.String(255), primary_key=True),
        sa.Column("division", sa.Integer, nullable=False),
        sa.Column("codes", sa.String(64), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("seen_at", moment, nullable=False),
    )

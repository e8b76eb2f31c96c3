"""The mirror of Exact's transaction lines, and what months were compared and signed off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    money = sa.String(40).with_variant(sa.Numeric(24, 4), "postgresql")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "exact_lines",
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("entry_id", sa.String(64), nullable=False),
        sa.Column("entry_number", sa.String(64)),
        sa.Column("journal", sa.String(16), nullable=False),
        sa.Column("line_no", sa.Integer),
        sa.Column("type", sa.Integer),
        sa.Column("status", sa.Integer),
        sa.Column("date", sa.String(10)),
        sa.Column("period_year", sa.Integer),
        sa.Column("period_no", sa.Integer),
        sa.Column("gl_account", sa.String(64), nullable=False),
        sa.Column("amount", money, nullable=False),
        sa.Column("amount_dc", money, nullable=False),
        sa.Column("currency", sa.String(3)),
        sa.Column("rate", sa.String(40)),
        sa.Column("vat_code", sa.String(16)),
        sa.Column("vat_amount", money),
        sa.Column("cost_center", sa.String(64)),
        sa.Column("cost_unit", sa.String(64)),
        sa.Column("reference", sa.String(64)),
        sa.Column("text_hash", sa.String(64)),
        sa.Column("payment_reference", sa.String(64)),
        sa.Column("order_number", sa.String(64)),
        sa.Column("invoice_number", sa.String(64)),
        sa.Column("relation", sa.String(64)),
        sa.Column("creator", sa.String(64)),
        sa.Column("creator_name", sa.String(255)),
        sa.Column("created", moment),
        sa.Column("modifier", sa.String(64)),
        sa.Column("modifier_name", sa.String(255)),
        sa.Column("modified", moment),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", moment),
        sa.Column("deleted_by", sa.String(64)),
    )
    op.create_index(
        "ix_exact_lines_period", "exact_lines", ["division", "period_year", "period_no", "entry_id"]
    )
    op.create_index("ix_exact_lines_entry", "exact_lines", ["division", "entry_id"])
    op.create_table(
        "exact_mirrors",
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("deleted_timestamp", sa.BigInteger, nullable=False),
        sa.Column("read_at", moment),
        sa.Column("complete", sa.Boolean, nullable=False),
    )
    op.create_table(
        "reconciliations",
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("period", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("made_at", moment, primary_key=True),
        sa.Column("inputs_hash", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("result", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("signed_by", sa.String(255)),
        sa.Column("signed_at", moment),
        sa.Column("note", sa.LargeBinary),
        sa.Column("chain_hash", sa.String(64)),
    )

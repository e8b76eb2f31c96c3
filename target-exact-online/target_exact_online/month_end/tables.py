"""Tables of the month-end: the mirror of Exact's transaction lines, comparisons and sign-offs."""

from __future__ import annotations

import sqlalchemy as sa

from target_exact_online.ledger.database import UtcDateTime
from target_exact_online.ledger.tables import Money

metadata = sa.MetaData()

exact_lines = sa.Table(
    "exact_lines",
    metadata,
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
    sa.Column("amount", Money, nullable=False),
    sa.Column("amount_dc", Money, nullable=False),
    sa.Column("currency", sa.String(3)),
    sa.Column("rate", sa.String(40)),
    sa.Column("vat_code", sa.String(16)),
    sa.Column("vat_amount", Money),
    sa.Column("cost_center", sa.String(64)),
    sa.Column("cost_unit", sa.String(64)),
    sa.Column("reference", sa.String(64)),
    sa.Column("text_hash", sa.String(64)),  # of the description, which may name a person
    sa.Column("payment_reference", sa.String(64)),
    sa.Column("order_number", sa.String(64)),
    sa.Column("invoice_number", sa.String(64)),
    sa.Column("relation", sa.String(64)),  # the debtor's GUID
    sa.Column("creator", sa.String(64)),
    sa.Column("creator_name", sa.String(255)),
    sa.Column("created", UtcDateTime),
    sa.Column("modifier", sa.String(64)),
    sa.Column("modifier_name", sa.String(255)),
    sa.Column("modified", UtcDateTime),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Column("deleted_at", UtcDateTime),
    sa.Column("deleted_by", sa.String(64)),
    sa.Index("ix_exact_lines_period", "division", "period_year", "period_no", "entry_id"),
    sa.Index("ix_exact_lines_entry", "division", "entry_id"),
)

exact_mirrors = sa.Table(
    "exact_mirrors",
    metadata,
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Column("deleted_timestamp", sa.BigInteger, nullable=False),
    sa.Column("read_at", UtcDateTime),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("moved", sa.String(80)),
)

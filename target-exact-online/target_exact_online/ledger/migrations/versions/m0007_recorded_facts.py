"""What may be in Exact, division and accounting facts of each document, and its postings.

Columns only: what the payloads tell is filled in when the ledger is opened with its key.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_NEW = (
    ("store_code", sa.String(64)),
    ("entity_id", sa.String(64)),
    ("vat_amount", sa.String(40)),
    ("net_amount", sa.String(40)),
    ("entry_date", sa.String(10)),
    ("period_year", sa.Integer()),
    ("period_no", sa.Integer()),
    ("source_created_at", sa.String(40)),
    ("newer_stream", sa.String(64)),
    ("changing_payload", sa.LargeBinary()),
    ("changing_hash", sa.String(64)),
    ("summary_group", sa.String(255)),
    ("summary_key", sa.String(255)),
    ("closes_at", sa.DateTime(timezone=True)),
    ("sent", sa.Text()),
    ("answered_at", sa.DateTime(timezone=True)),
    ("postings_hash", sa.String(64)),
)


def upgrade() -> None:
    """Add the columns; a document without an answer may be in Exact."""
    money = sa.String(40).with_variant(sa.Numeric(24, 4), "postgresql")
    for name, kind in _NEW:
        op.add_column("documents", sa.Column(name, kind))
    for name in ("may_be_in_exact", "by_person"):
        op.add_column(
            "documents", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.add_column(
        "documents", sa.Column("last_seq", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("chain", sa.Column("facts_from", sa.Integer()))
    looked_at = sa.Column("looked_at", sa.DateTime(timezone=True))
    op.add_column("known_references", looked_at)
    op.execute("UPDATE documents SET may_be_in_exact = (state = 'sending')")
    op.execute(
        "UPDATE documents SET by_person = (stream <> 'refused_documents') WHERE state = 'skipped'"
    )
    op.execute("UPDATE documents SET newer_stream = stream WHERE newer_hash IS NOT NULL")
    op.execute("UPDATE documents SET state = 'held' WHERE state = 'received'")
    op.drop_index("ix_documents_state", "documents")
    open_states = sa.text("state IN ('held', 'sending', 'failed', 'parked')")
    unsettled = sa.text("may_be_in_exact")
    changed = sa.text("newer_hash IS NOT NULL")
    known = sa.text("exact_id IS NOT NULL")
    summed = sa.text("summary_group IS NOT NULL")
    for name, columns, where in (
        ("ix_documents_open", ["state", "last_seq"], open_states),
        ("ix_documents_unsettled", ["sent_at"], unsettled),
        ("ix_documents_changed", ["stream", "state"], changed),
        ("ix_documents_exact_id", ["division", "exact_id"], known),
        ("ix_documents_summary", ["summary_group", "state"], summed),
        ("ix_documents_members", ["summary_key"], sa.text("summary_key IS NOT NULL")),
    ):
        op.create_index(name, "documents", columns, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_documents_answered", "documents", ["division", "stream", "answered_at"])
    op.create_index("ix_documents_created", "documents", ["created_at", "document_key"])
    op.create_index("ix_documents_entry_date", "documents", ["division", "entry_date"])
    op.create_table(
        "postings",
        sa.Column("document_key", sa.String(255), primary_key=True),
        sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("division", sa.Integer, nullable=False),
        sa.Column("entry_date", sa.String(10)),
        sa.Column("period_year", sa.Integer),
        sa.Column("period_no", sa.Integer),
        sa.Column("currency", sa.String(3)),
        sa.Column("gl_account", sa.String(64)),
        sa.Column("cost_center", sa.String(64)),
        sa.Column("cost_unit", sa.String(64)),
        sa.Column("vat_code", sa.String(16)),
        sa.Column("vat_percentage", money),
        sa.Column("supply", sa.String(32)),
        sa.Column("country", sa.String(2)),
        sa.Column("amount", money, nullable=False),
        sa.Column("vat_amount", money),
        sa.Column("amount_dc", money),
        sa.Column("rule", sa.String(255)),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("derived", sa.Boolean, nullable=False),
    )
    op.create_index(
        "ix_postings_account", "postings", ["division", "period_year", "period_no", "gl_account"]
    )

"""Documents, their chained events, the runs that claim them, and the sealed data key."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables of the audit trail."""
    op.create_table(
        "documents",
        sa.Column("document_key", sa.String(255), primary_key=True),
        sa.Column("stream", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32)),
        sa.Column("division", sa.Integer),
        sa.Column("your_ref", sa.String(64)),
        sa.Column("order_number", sa.String(64)),
        sa.Column("currency", sa.String(3)),
        sa.Column("amount", sa.String(40)),
        sa.Column("rules_version", sa.String(128)),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("payload_hash", sa.String(64), nullable=False),
        sa.Column("newer_payload", sa.LargeBinary),
        sa.Column("newer_hash", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("exact_id", sa.String(64)),
        sa.Column("exact_number", sa.String(64)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text),
        sa.Column("next_retry_at", sa.DateTime(timezone=True)),
        sa.Column("claimed_by", sa.String(64)),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_documents_state", "documents", ["state", "next_retry_at"])
    op.create_index("ix_documents_order_number", "documents", ["order_number"])
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("document_key", sa.String(255)),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("note", sa.LargeBinary),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("ix_events_document_key", "events", ["document_key"])
    op.create_table(
        "chain",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "ledger_runs",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "known_references",
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("stream", sa.String(64), primary_key=True),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("found", sa.Text, nullable=False),
    )

"""Which relations were created, or are about to be, without all their addresses and contacts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "unfinished_relations",
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("relation_key", sa.String(64), primary_key=True),
        sa.Column("document_key", sa.String(255), nullable=False),
        sa.Column("exact_id", sa.String(64)),
        sa.Column("ask_first", sa.Boolean, nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )

"""Copies by recorded facts: since when one may be in Exact, and which documents are due."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Replace the flag by the time; what was ever tried may be in Exact."""
    op.add_column("attachments", sa.Column("sent_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE attachments SET sent_at = updated_at WHERE ask_first")
    op.drop_column("attachments", "ask_first")
    for name in ("exact_id", "claimed_by"):  # the entry's is the document's own
        op.drop_column("attachments", name)
    op.create_table(
        "copies_since",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )

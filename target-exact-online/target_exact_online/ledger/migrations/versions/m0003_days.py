"""Which documents are behind which summary entry."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "day_documents",
        sa.Column("document_key", sa.String(255), primary_key=True),
        sa.Column("entry_key", sa.String(255), primary_key=True),
    )

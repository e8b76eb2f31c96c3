"""Changes of sales orders that were begun: parts of them may be in Exact."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "begun_changes",
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("exact_id", sa.String(64), primary_key=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )

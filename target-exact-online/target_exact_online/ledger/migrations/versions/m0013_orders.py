"""Documents are found by the shop's order: a credit memo's sale, and `documents list --order`."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the index."""
    known = sa.text("order_number IS NOT NULL")
    op.create_index(
        "ix_documents_order",
        "documents",
        ["division", "order_number"],
        sqlite_where=known,
        postgresql_where=known,
    )

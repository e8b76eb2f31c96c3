"""Whether a posting is of goods or services, and from where the goods are dispatched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the columns; nothing is known of what was posted before."""
    op.add_column("postings", sa.Column("nature", sa.String(8)))
    op.add_column("postings", sa.Column("dispatch_country", sa.String(2)))

"""A mirror of Exact's lines knows whether the company was moved since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the column; a mirror of before is read anew once."""
    op.add_column("exact_mirrors", sa.Column("moved", sa.String(80)))

"""How each run ended, and for which streams: what monitoring asks for."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add them; nothing is known of earlier runs."""
    op.add_column("ledger_runs", sa.Column("outcome", sa.String(16)))
    op.add_column("ledger_runs", sa.Column("streams", sa.Text))
    op.add_column("ledger_runs", sa.Column("calls_left", sa.Integer))

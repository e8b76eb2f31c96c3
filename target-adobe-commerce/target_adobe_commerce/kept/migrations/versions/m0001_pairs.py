"""Records of Exact, pairs with the shop, what both sides last had, and creations in flight."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "way_back_key",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sealed_key", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "exact_records",
        sa.Column("stream", sa.String(64), primary_key=True),
        sa.Column("division", sa.BigInteger, primary_key=True),
        sa.Column("exact_id", sa.String(64), primary_key=True),
        sa.Column("version", sa.BigInteger),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("deleted_at", sa.String(40)),
    )
    op.create_table(
        "pairs",
        sa.Column("instance", sa.String(255), primary_key=True),
        sa.Column("division", sa.BigInteger, primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("exact_id", sa.String(64), primary_key=True),
        sa.Column("shop_id", sa.String(255), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
        sa.UniqueConstraint("instance", "kind", "shop_id", name="uq_pairs_shop"),
    )
    op.create_table(
        "intents",
        sa.Column("instance", sa.String(255), primary_key=True),
        sa.Column("division", sa.BigInteger, primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("exact_id", sa.String(64), primary_key=True),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
    )

"""Rate windows and errors that processes share, and the cache of Exact's master data."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "call_windows",
        sa.Column("app", sa.String(64), primary_key=True),
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("minute_limit", sa.BigInteger, nullable=False),
        sa.Column("minute_left", sa.BigInteger, nullable=False),
        sa.Column("minute_ends_at", sa.Float, nullable=False),
        sa.Column("day_limit", sa.BigInteger, nullable=False),
        sa.Column("day_left", sa.BigInteger, nullable=False),
        sa.Column("day_ends_at", sa.Float, nullable=False),
        sa.Column("leased", sa.BigInteger, nullable=False),
        if_not_exists=True,  # a reader that shares the limits may have been there first
    )
    op.create_table(
        "endpoint_errors",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String(64), nullable=False),
        sa.Column("division", sa.Integer, nullable=False),
        sa.Column("endpoint", sa.String(100), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        if_not_exists=True,
    )
    columns = ["app", "division", "at"]
    op.create_index("ix_endpoint_errors_at", "endpoint_errors", columns, if_not_exists=True)
    op.create_table(
        "master_rows",
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("search_key", sa.String(64)),
        sa.Column("vat_key", sa.String(64)),
        sa.Column("email_key", sa.String(64)),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    for column in ("code", "search_key", "vat_key", "email_key"):
        op.create_index(f"ix_master_rows_{column}", "master_rows", ["division", "kind", column])
    op.create_table(
        "master_state",
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("read_at", sa.Float, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("deleted_timestamp", sa.BigInteger, nullable=False),
        sa.Column("marker", sa.String(128), nullable=False),
    )

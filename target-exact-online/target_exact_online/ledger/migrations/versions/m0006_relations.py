"""Relations, addresses, contacts and items as rows: what may be in Exact, and what is there."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table, and move what older versions left unfinished into it."""
    op.create_table(
        "relations",
        sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("what", sa.String(16), primary_key=True),
        sa.Column("identity", sa.String(64), primary_key=True),
        sa.Column("document_key", sa.String(255), nullable=False),
        sa.Column("owner_id", sa.String(64), nullable=False),
        sa.Column("exact_id", sa.String(64)),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_relations_document", "relations", ["document_key"])
    op.create_index("ix_relations_exact_id", "relations", ["division", "what", "exact_id"])
    # A relation without a GUID was about to be created, or was: it may be in Exact.
    op.execute(
        "INSERT INTO relations (division, what, identity, document_key, owner_id, exact_id, "
        "sent_at, payload, created_at) "
        "SELECT division, 'account', relation_key, document_key, '', exact_id, "
        "CASE WHEN exact_id IS NULL THEN created_at END, payload, created_at "
        "FROM unfinished_relations"
    )
    op.drop_table("unfinished_relations")
    # Addresses are recorded there now; those of the cache are asked for once more.
    op.execute("DELETE FROM master_rows WHERE kind = 'delivery_addresses'")
    op.execute("DELETE FROM master_state WHERE kind = 'delivery_addresses'")

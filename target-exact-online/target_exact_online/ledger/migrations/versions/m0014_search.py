"""Documents are found by any of their numbers, by amount and by store view."""

from alembic import op

revision = "0014"
down_revision = "0013"

_INDEXES = {
    "ix_documents_your_ref": ["your_ref"],
    "ix_documents_exact_number": ["exact_number"],
    "ix_documents_amount": ["amount"],
    "ix_documents_store": ["store_code", "created_at", "document_key"],
}


def upgrade() -> None:
    """Create the indexes."""
    for name, columns in _INDEXES.items():
        op.create_index(name, "documents", columns)

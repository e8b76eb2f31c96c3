"""Documents are found by any of their numbers, by amount, store view, state and reason."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_LISTED = ["created_at", "document_key"]  # the order of a list
_INDEXES = {
    "ix_documents_your_ref": ["your_ref"],
    "ix_documents_exact_number": ["exact_number"],
    "ix_documents_amount": ["amount"],
    "ix_documents_store": ["store_code", *_LISTED],
    "ix_documents_state_listed": ["state", *_LISTED],
}


def upgrade() -> None:
    """Create the indexes."""
    for name, columns in _INDEXES.items():
        op.create_index(name, "documents", columns)
    has_reason = sa.text("error IS NOT NULL")
    op.create_index(
        "ix_documents_reason",
        "documents",
        _LISTED,
        sqlite_where=has_reason,
        postgresql_where=has_reason,
    )

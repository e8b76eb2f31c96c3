"""Indexes of the few documents that a run asks for, whatever else the ledger holds.

A query uses a partial index only when it has the index's condition word for word: the conditions
are those of `ledger.tables`. The ones of revision 0007 never matched.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_PARTIAL = (
    (
        "ix_documents_open",
        ["last_seq", "state"],
        "state IN ('held', 'sending', 'failed', 'parked')",
    ),
    ("ix_documents_unsettled", ["sent_at"], "may_be_in_exact"),
    (
        "ix_documents_days",
        ["summary_group", "closes_at"],
        "summary_group IS NOT NULL AND state = 'held' AND summary_key IS NULL",
    ),
    (
        "ix_documents_uncompared",
        ["stream", "last_seq"],
        "state = 'posted' AND exact_number IS NULL AND answered_at IS NOT NULL",
    ),
)


def upgrade() -> None:
    """Put them in the place of those that no query used."""
    op.drop_index("ix_documents_open", "documents")
    op.drop_index("ix_documents_unsettled", "documents")
    op.drop_index("ix_documents_entry_date", "documents")
    for name, columns, words in _PARTIAL:
        where = sa.text(words)
        op.create_index(name, "documents", columns, sqlite_where=where, postgresql_where=where)
    # Month and order of a list, of one company or all, without a look at the documents themselves.
    listed = ["entry_date", "created_at", "document_key"]
    op.create_index("ix_documents_listed", "documents", listed)
    op.create_index("ix_documents_entry_date", "documents", ["division", *listed])

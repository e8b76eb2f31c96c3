"""The ledger's tables as code sees them; the migrations are what creates them."""

from __future__ import annotations

import sqlalchemy as sa

from target_exact_online.ledger.database import UtcDateTime

metadata = sa.MetaData()

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("document_key", sa.String(255), primary_key=True),
    sa.Column("stream", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(32)),
    sa.Column("division", sa.Integer),
    sa.Column("your_ref", sa.String(64)),
    sa.Column("order_number", sa.String(64)),
    sa.Column("currency", sa.String(3)),
    sa.Column("amount", sa.String(40)),  # digits as text: SQLite would keep a binary float
    sa.Column("rules_version", sa.String(128)),
    sa.Column("payload", sa.LargeBinary),
    sa.Column("payload_hash", sa.String(64), nullable=False),
    sa.Column("newer_payload", sa.LargeBinary),
    sa.Column("newer_hash", sa.String(64)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("exact_id", sa.String(64)),
    sa.Column("exact_number", sa.String(64)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("next_retry_at", UtcDateTime),
    sa.Column("claimed_by", sa.String(64)),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),  # text: the hash covers these very characters
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("document_key", sa.String(255)),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("note", sa.LargeBinary),  # words that may name a person: encrypted, erasable
    sa.Column("hash", sa.String(64), nullable=False),
)

chain = sa.Table(
    "chain",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("sealed_key", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

runs = sa.Table(
    "ledger_runs",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
)

known_references = sa.Table(
    "known_references",
    metadata,
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("stream", sa.String(64), primary_key=True),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("found", sa.Text, nullable=False),  # a JSON list of references
)

day_documents = sa.Table(
    "day_documents",
    metadata,
    sa.Column("document_key", sa.String(255), primary_key=True),
    sa.Column("entry_key", sa.String(255), primary_key=True),
)

attachments = sa.Table(
    "attachments",
    metadata,
    sa.Column("document_key", sa.String(255), primary_key=True),
    sa.Column("exact_id", sa.String(64), nullable=False),  # of the entry
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("ask_first", sa.Boolean, nullable=False),  # whether Exact may have it already
    sa.Column("exact_document_id", sa.String(64)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("next_retry_at", UtcDateTime, nullable=False),
    sa.Column("claimed_by", sa.String(64)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

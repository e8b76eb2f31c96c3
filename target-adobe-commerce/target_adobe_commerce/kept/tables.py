"""Tables of the target's database; the migrations create them."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

key = sa.Table(
    "way_back_key",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sealed_key", sa.LargeBinary, nullable=False),
)
"""The data key, sealed by the master key."""

records = sa.Table(
    "exact_records",
    metadata,
    sa.Column("stream", sa.String(64), primary_key=True),
    sa.Column("division", sa.BigInteger, primary_key=True),
    sa.Column("exact_id", sa.String(64), primary_key=True),
    sa.Column("version", sa.BigInteger),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("deleted_at", sa.String(40)),
)
"""Exact's records as last received, encrypted: they name people."""

pairs = sa.Table(
    "pairs",
    metadata,
    sa.Column("instance", sa.String(255), primary_key=True),
    sa.Column("division", sa.BigInteger, primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("exact_id", sa.String(64), primary_key=True),
    sa.Column("shop_id", sa.String(255), nullable=False),
    sa.Column("code", sa.String(64), nullable=False),
    sa.Column("seen", sa.Text, nullable=False),
    sa.UniqueConstraint("instance", "kind", "shop_id", name="uq_pairs_shop"),
)
"""Which record of Exact is which of the shop; ``seen``: keyed hashes of both sides by field."""

intents = sa.Table(
    "intents",
    metadata,
    sa.Column("instance", sa.String(255), primary_key=True),
    sa.Column("division", sa.BigInteger, primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("exact_id", sa.String(64), primary_key=True),
    sa.Column("sent_at", sa.BigInteger, nullable=False),
)
"""Creations that were sent and whose end is not known; ``sent_at`` in seconds since 1970."""

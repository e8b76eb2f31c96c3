"""The ledger's tables as code sees them; the migrations are what creates them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from target_exact_online.ledger.database import UtcDateTime

metadata = sa.MetaData()
_CENT = Decimal("0.01")


class Money(sa.types.TypeDecorator[Decimal]):
    """An exact amount: ``numeric`` on PostgreSQL, its digits as text on SQLite."""

    impl = sa.String(40)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Return the database's own exact type, or text where it has none."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.Numeric(24, 4))
        return dialect.type_descriptor(sa.String(40))

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> object:
        """Store all digits."""
        return value if value is None or dialect.name == "postgresql" else format(value, "f")

    def process_result_value(self, value: object, dialect: sa.Dialect) -> Decimal | None:
        """Return the amount, without the zeros that a database adds."""
        del dialect
        if value is None:
            return None
        amount = Decimal(str(value))
        shown = amount.quantize(_CENT)
        return shown if shown == amount else amount


documents = sa.Table(
    "documents",
    metadata,
    sa.Column("document_key", sa.String(255), primary_key=True),
    sa.Column("stream", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(32)),
    sa.Column("division", sa.Integer, nullable=False),
    sa.Column("store_code", sa.String(64)),
    sa.Column("entity_id", sa.String(64)),  # the shop's own, beside the number that it prints
    sa.Column("your_ref", sa.String(64)),
    sa.Column("order_number", sa.String(64)),
    sa.Column("currency", sa.String(3)),
    sa.Column("amount", sa.String(40)),  # digits as text: SQLite would keep a binary float
    sa.Column("vat_amount", sa.String(40)),
    sa.Column("net_amount", sa.String(40)),
    sa.Column("entry_date", sa.String(10)),  # the booking date that was asked for
    sa.Column("period_year", sa.Integer),  # Exact's, once it is booked
    sa.Column("period_no", sa.Integer),
    sa.Column("source_created_at", sa.String(40)),
    sa.Column("rules_version", sa.String(128)),
    sa.Column("payload", sa.LargeBinary),
    sa.Column("payload_hash", sa.String(64), nullable=False),
    sa.Column("newer_payload", sa.LargeBinary),
    sa.Column("newer_hash", sa.String(64)),
    sa.Column("newer_stream", sa.String(64)),
    sa.Column("changing_payload", sa.LargeBinary),  # what Exact's order is being made
    sa.Column("changing_hash", sa.String(64)),
    sa.Column("summary_group", sa.String(255)),  # the day whose entry it belongs to
    sa.Column("summary_key", sa.String(255)),  # that entry, once it is built
    sa.Column("closes_at", UtcDateTime),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("may_be_in_exact", sa.Boolean, nullable=False),  # sent, and Exact has not said
    sa.Column("sent", sa.Text),  # what was sent last, as JSON without personal data
    sa.Column("sent_at", UtcDateTime),  # when that call had begun at the latest
    sa.Column("answered_at", UtcDateTime),  # by Exact's clock: when Exact said that it has it
    sa.Column("exact_id", sa.String(64)),
    sa.Column("exact_number", sa.String(64)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("next_retry_at", UtcDateTime),
    sa.Column("claimed_by", sa.String(64)),
    sa.Column("by_person", sa.Boolean, nullable=False),
    sa.Column("postings_hash", sa.String(64)),
    sa.Column("last_seq", sa.BigInteger, nullable=False),  # of its last event
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

# Conditions of partial indexes, word for word: a bound value would not match them.
IS_OPEN = sa.text("documents.state IN ('held', 'sending', 'failed', 'parked')")
MAY_BE_IN_EXACT = sa.text("documents.may_be_in_exact")
IN_NO_ENTRY = sa.text(
    "documents.summary_group IS NOT NULL AND documents.state = 'held' "
    "AND documents.summary_key IS NULL"
)
WITHOUT_NUMBER = sa.text(
    "documents.state = 'posted' AND documents.exact_number IS NULL "
    "AND documents.answered_at IS NOT NULL"
)

postings = sa.Table(
    "postings",
    metadata,
    sa.Column("document_key", sa.String(255), primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("division", sa.Integer, nullable=False),
    sa.Column("entry_date", sa.String(10)),
    sa.Column("period_year", sa.Integer),
    sa.Column("period_no", sa.Integer),
    sa.Column("currency", sa.String(3)),
    sa.Column("gl_account", sa.String(64)),
    sa.Column("cost_center", sa.String(64)),
    sa.Column("cost_unit", sa.String(64)),
    sa.Column("vat_code", sa.String(16)),
    sa.Column("vat_percentage", Money),
    sa.Column("supply", sa.String(32)),
    sa.Column("country", sa.String(2)),
    sa.Column("amount", Money, nullable=False),
    sa.Column("vat_amount", Money),
    sa.Column("amount_dc", Money),
    sa.Column("rule", sa.String(255)),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("derived", sa.Boolean, nullable=False),  # a line that Exact makes by itself
    # NULL where an older version of the mapper did not tell
    sa.Column("nature", sa.String(8)),  # goods or services
    sa.Column("dispatch_country", sa.String(2)),  # that goods leave from
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
    sa.Column("facts_from", sa.Integer),  # the event from which all events carry facts
)

runs = sa.Table(
    "ledger_runs",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("outcome", sa.String(16)),
    sa.Column("streams", sa.Text),  # a JSON list of those that its input announced
    sa.Column("calls_left", sa.Integer),  # of the day, when Exact said so
)

known_references = sa.Table(
    "known_references",
    metadata,
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("stream", sa.String(64), primary_key=True),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("found", sa.Text, nullable=False),  # a JSON list of references
    sa.Column("looked_at", UtcDateTime),  # by Exact's clock, and a day more
)

# Comparisons of months, for `history`, sign-offs and monitoring.
reconciliations = sa.Table(
    "reconciliations",
    metadata,
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("period", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("made_at", UtcDateTime, primary_key=True),
    sa.Column("inputs_hash", sa.String(64), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("result", sa.LargeBinary, nullable=False),  # JSON, encrypted
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("signed_by", sa.String(255)),
    sa.Column("signed_at", UtcDateTime),
    sa.Column("note", sa.LargeBinary),
    sa.Column("chain_hash", sa.String(64)),
)

# What both systems said may have changed; whoever is to look at it does so once for all repeats.
signals = sa.Table(
    "signals",
    metadata,
    sa.Column("source", sa.String(16), primary_key=True),  # exact or adobe
    sa.Column("division", sa.Integer, primary_key=True, autoincrement=False),  # 0: of the shop
    sa.Column("topic", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),  # the sender's own for the record
    sa.Column("action", sa.String(16), nullable=False),  # create, update or delete, or empty
    sa.Column("order_id", sa.BigInteger),  # the shop's order that is to be read
    sa.Column("first_at", UtcDateTime, nullable=False),  # of those that nobody has looked at
    sa.Column("last_at", UtcDateTime, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("handled_at", UtcDateTime),  # when somebody looked; None: nobody has
)

# Posted documents whose entry in Exact is not what was posted, as a signal showed.
differences = sa.Table(
    "differences",
    metadata,
    sa.Column("document_key", sa.String(255), primary_key=True),
    sa.Column("division", sa.Integer, nullable=False),
    sa.Column("codes", sa.String(64), nullable=False),  # classes of the month-end comparison
    sa.Column("words", sa.Text, nullable=False),  # without names of people
    sa.Column("seen_at", UtcDateTime, nullable=False),
)

"""What the ledger knows about documents, and the few transactions that change it.

Two transactions per batch of documents make the promise "once": :meth:`Ledger.claim` commits the
intent before any call, :meth:`Ledger.record` commits what came of it.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from target_exact_online.ledger import chain, days, payload
from target_exact_online.ledger.attachments import Attachments
from target_exact_online.ledger.backlog import Backlog
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.database import disposed_on_error, open_engine, reading
from target_exact_online.ledger.entries import (
    KNOWN_NAMES,
    Known,
    arrival_event,
    describe,
    result_event,
)
from target_exact_online.ledger.keys import open_keys
from target_exact_online.ledger.runs import Run, dead_runs
from target_exact_online.ledger.tables import chain as chain_table
from target_exact_online.ledger.tables import documents
from target_exact_online.ledger.versions import Versions

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.engine import Connection, Engine

    from target_exact_online.ledger.entries import Arrival, Result
    from target_exact_online.ledger.keys import LedgerKeys

_LONG_PAST = timedelta(minutes=10)  # longer than any call waits for its minute and its answer


class Ledger:
    """The audit trail of one target, shared by all its processes.

    Attributes:
        engine: The database.
        keys: What encrypts payloads and links events.
        backlog: What waits.
        versions: Later versions of posted documents.
        attachments: PDF copies of posted documents.
    """

    def __init__(self, engine: Engine, keys: LedgerKeys) -> None:
        """Use an opened ledger; see :meth:`open`."""
        self.engine = engine
        self.keys = keys
        self.backlog = Backlog(engine, keys)
        self.versions = Versions(engine, keys)
        self.attachments = Attachments(engine, keys)

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Open a ledger, creating it when it is not there.

        Args:
            url: The setting ``ledger_url``.

        Raises:
            ConfigError: When the database or its key cannot be used.
        """
        engine = open_engine(url)
        with disposed_on_error(engine):
            return cls(engine, open_keys(engine))

    def close(self) -> None:
        """Close the database's connections."""
        self.engine.dispose()

    def known(self, document_keys: Collection[str]) -> dict[str, Known]:
        """Return what is known of these documents, by key."""
        if not document_keys:
            return {}
        with reading(self.engine) as connection:
            rows = connection.execute(
                _KNOWN.where(documents.c.document_key.in_(list(document_keys)))
            )
            return {row.document_key: Known(*row) for row in rows}

    def claim(self, run: Run, arrivals: Sequence[Arrival]) -> set[str]:
        """Take documents into the ledger, in one transaction.

        Args:
            run: The run that claims.
            arrivals: The documents and the states they enter with, each key once.

        Returns:
            The keys that this call did take; one that another process took first is not among
            them, and must not be sent.
        """
        now = datetime.now(UTC)
        with self.engine.begin() as connection:
            taken = self._insert(connection, run, [a for a in arrivals if a.replaces is None], now)
            taken |= self._replace(connection, run, [a for a in arrivals if a.replaces], now)
            entered = [a for a in arrivals if a.document.document_key in taken]
            days.remember(connection, entered)
            chain.append(
                connection, self.keys, [arrival_event(run, arrival) for arrival in entered]
            )
        return taken

    def record(self, run: Run, results: Sequence[Result]) -> None:
        """Write what came of claimed documents, in one transaction.

        Args:
            run: The run that holds the claims.
            results: One result per document.
        """
        if not results:
            return
        now = datetime.now(UTC)
        with self.engine.begin() as connection:
            written = connection.execute(
                _RECORD,
                [
                    {
                        "key": result.document_key,
                        "claimant": run.run_id,
                        "new_state": result.state,
                        "exact_id": result.exact_id,
                        "exact_number": result.exact_number,
                        "attempts": result.attempts,
                        "status": result.status,
                        "error": result.error,
                        "next_retry_at": result.next_retry_at,
                        "claimed_by": run.run_id if result.state == "sending" else None,
                        "sent_at": now,
                        "updated_at": now,
                    }
                    for result in results
                ],
            )
            if written.rowcount != len(results):
                msg = "the ledger was changed under a living run: a claim of this run is gone"
                raise RuntimeError(msg)
            self.attachments.remember(connection, results)
            chain.append(connection, self.keys, [result_event(run, result) for result in results])

    def counts(self) -> Counter[str]:
        """Return how many documents are in each state."""
        counted = sa.select(documents.c.state, sa.func.count()).group_by(documents.c.state)
        with reading(self.engine) as connection:
            return Counter(dict(connection.execute(counted).tuples().all()))

    def head(self) -> str:
        """Return the hash of the last event."""
        with reading(self.engine) as connection:
            head: str = connection.execute(sa.select(chain_table.c.hash)).scalar_one()
            return head

    def take_over(self, run: Run) -> int:
        """Take over the claims of dead runs; return how many.

        Args:
            run: The run that will settle them.
        """
        owners = self._claim_owners()
        dead = dead_runs(self.engine, owners - {run.run_id})
        if not dead:
            return 0
        now = datetime.now(UTC)
        with self.engine.begin() as connection:
            keys = connection.scalars(
                sa.select(documents.c.document_key)
                .where(documents.c.state == "sending", documents.c.claimed_by.in_(dead))
                .order_by(documents.c.sent_at, documents.c.document_key)
                .with_for_update(skip_locked=True)
            ).all()
            connection.execute(
                documents.update()
                .where(documents.c.document_key.in_(keys))
                .values(
                    claimed_by=run.run_id,
                    # The dead run's call may have begun just now; one long past stays long past.
                    sent_at=sa.case(
                        (documents.c.sent_at < now - _LONG_PAST, documents.c.sent_at), else_=now
                    ),
                    updated_at=now,
                )
            )
            detail = {"run": run.run_id, "state": "sending"}
            chain.append(connection, self.keys, [Event("taken_over", key, detail) for key in keys])
        return len(keys)

    def _claim_owners(self) -> set[str]:
        with reading(self.engine) as connection:
            return set(
                connection.scalars(
                    sa.select(documents.c.claimed_by)
                    .where(documents.c.state == "sending", documents.c.claimed_by.is_not(None))
                    .distinct()
                )
            )

    def _insert(
        self, connection: Connection, run: Run, arrivals: Sequence[Arrival], now: datetime
    ) -> set[str]:
        if not arrivals:
            return set()
        rows = [self._row(run, arrival, now) for arrival in arrivals]
        return set(connection.scalars(_insert_new(connection), rows))

    def _row(self, run: Run, arrival: Arrival, now: datetime) -> dict[str, Any]:
        sending = arrival.state == "sending"
        return describe(arrival.document) | {
            "payload": self.keys.encrypt(payload.encode(arrival.document.record)),
            "state": arrival.state,
            "attempts": 0,
            "error": arrival.error,
            "next_retry_at": arrival.next_retry_at,
            "claimed_by": run.run_id if sending else None,
            "sent_at": now if sending else None,
            "created_at": now,
            "updated_at": now,
        }

    def _replace(
        self, connection: Connection, run: Run, arrivals: Sequence[Arrival], now: datetime
    ) -> set[str]:
        if not arrivals:
            return set()
        held = connection.execute(
            _KNOWN.where(
                documents.c.document_key.in_([a.document.document_key for a in arrivals])
            ).with_for_update(skip_locked=True)  # another machine has them in hand
        )
        untouched = {row.document_key: Known(*row) for row in held}
        rows = [
            {f"new_{name}": value for name, value in self._row(run, arrival, now).items()}
            | {
                "new_attempts": known.attempts
                if known.payload_hash == arrival.document.payload_hash
                else 0
            }
            for arrival in arrivals
            if (known := arrival.replaces) and untouched.get(known.document_key) == known
        ]
        if rows:
            connection.execute(_REPLACE, rows)
        return {row["new_document_key"] for row in rows}


def _insert_new(connection: Connection) -> Any:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(documents).on_conflict_do_nothing()
    return statement.returning(documents.c.document_key)


_KNOWN = sa.select(*(documents.c[name] for name in KNOWN_NAMES))

# A newer version of a document that is not posted replaces everything but this.
_KEPT = {"document_key", "created_at", "newer_payload", "newer_hash"} | {
    "exact_id",
    "exact_number",
    "status",
}

_REPLACE = (
    documents.update()
    .where(documents.c.document_key == sa.bindparam("new_document_key"))
    .values(
        {
            column.name: sa.bindparam(f"new_{column.name}")
            for column in documents.c
            if column.name not in _KEPT
        }
    )
)

_RECORD = (
    documents.update()
    .where(
        documents.c.document_key == sa.bindparam("key"),
        documents.c.claimed_by == sa.bindparam("claimant"),
    )
    .values(
        state=sa.bindparam("new_state"),
        exact_id=sa.bindparam("exact_id"),
        exact_number=sa.bindparam("exact_number"),
        attempts=sa.bindparam("attempts"),
        status=sa.bindparam("status"),
        error=sa.bindparam("error"),
        next_retry_at=sa.bindparam("next_retry_at"),
        claimed_by=sa.bindparam("claimed_by"),
        sent_at=sa.bindparam("sent_at"),
        updated_at=sa.bindparam("updated_at"),
    )
)

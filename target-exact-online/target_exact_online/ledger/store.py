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
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.database import open_engine, reading
from target_exact_online.ledger.entries import (
    Document,
    Known,
    Waiting,
    arrival_event,
    describe,
    result_event,
)
from target_exact_online.ledger.keys import open_keys
from target_exact_online.ledger.runs import Run, dead_runs
from target_exact_online.ledger.tables import chain as chain_table
from target_exact_online.ledger.tables import documents

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
        born_at: When this ledger was created (UTC).
    """

    def __init__(self, engine: Engine, keys: LedgerKeys) -> None:
        """Use an opened ledger; see :meth:`open`."""
        self.engine = engine
        self.keys = keys
        with reading(engine) as connection:
            self.born_at: datetime = connection.execute(sa.select(chain_table.c.created_at)).one()[
                0
            ]

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Open a ledger, creating it when it is not there.

        Args:
            url: The setting ``ledger_url``.

        Raises:
            ConfigError: When the database or its key cannot be used.
        """
        engine = open_engine(url)
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
            chain.append(connection, self.keys, [result_event(run, result) for result in results])

    def hold_newer(self, run: Run, document: Document) -> None:
        """Keep a later version of a document that is posted or in another run's hands.

        Args:
            run: The run that received it.
            document: The later version; the posted one stays untouched beside it.
        """
        with self.engine.begin() as connection:
            connection.execute(
                documents.update()
                .where(documents.c.document_key == document.document_key)
                .values(
                    newer_payload=self.keys.encrypt(payload.encode(document.record)),
                    newer_hash=document.payload_hash,
                    error=None,
                    updated_at=datetime.now(UTC),
                )
            )
            detail = {"run": run.run_id, "newer_hash": document.payload_hash}
            chain.append(
                connection, self.keys, [Event("changed_in_shop", document.document_key, detail)]
            )

    def to_change(self, stream: str, *, limit: int) -> list[Waiting]:
        """Return later versions of posted documents that Exact does not have yet, oldest first.

        Args:
            stream: The stream.
            limit: How many at most.
        """
        statement = (
            sa.select(documents)
            .where(
                documents.c.stream == stream,
                documents.c.state == "posted",
                documents.c.newer_hash.is_not(None),
                documents.c.error.is_(None),
            )
            .order_by(documents.c.updated_at)
            .limit(limit)
        )
        with reading(self.engine) as connection:
            rows = connection.execute(statement).all()
        return [
            Waiting(
                Document(
                    payload.decode(self.keys.decrypt(row.newer_payload)),
                    row.stream,
                    row.document_key,
                    row.newer_hash,
                ),
                self._opened(row).known,
            )
            for row in rows
        ]

    def changed(self, run: Run, document: Document, number: int | None) -> None:
        """Note that Exact has the later version of a document now.

        Args:
            run: The run that changed it.
            document: The later version.
            number: Exact's number of it.
        """
        exact_number = None if number is None else str(number)
        values = describe(document) | {
            "payload": self.keys.encrypt(payload.encode(document.record)),
            "newer_payload": None,
            "newer_hash": None,
            "exact_number": exact_number,
            "error": None,
            "updated_at": datetime.now(UTC),
        }
        detail = {
            "run": run.run_id,
            "payload_hash": document.payload_hash,
            "exact_number": exact_number,
        }
        with self.engine.begin() as connection:
            connection.execute(
                documents.update()
                .where(documents.c.document_key == document.document_key)
                .values(**values)
            )
            chain.append(connection, self.keys, [Event("changed", document.document_key, detail)])

    def not_changed(self, run: Run, document: Document, reason: str) -> None:
        """Note why Exact keeps the posted version of a document.

        Args:
            run: The run that tried.
            document: The later version.
            reason: Why Exact does not take it.
        """
        with self.engine.begin() as connection:
            connection.execute(
                documents.update()
                .where(documents.c.document_key == document.document_key)
                .values(error=reason, updated_at=datetime.now(UTC))
            )
            event = Event("not_changed", document.document_key, {"run": run.run_id}, reason)
            chain.append(connection, self.keys, [event])

    def without_number(self, stream: str, *, limit: int) -> list[Document]:
        """Return posted documents of a stream of which Exact's number is not known yet.

        Args:
            stream: The stream.
            limit: How many at most.
        """
        statement = (
            sa.select(documents)
            .where(
                documents.c.stream == stream,
                documents.c.state == "posted",
                documents.c.exact_number.is_(None),
            )
            .order_by(documents.c.updated_at)
            .limit(limit)
        )
        with reading(self.engine) as connection:
            return [self._opened(row).document for row in connection.execute(statement)]

    def compared(
        self, run: Run, document_key: str, number: int | None, differences: Sequence[str]
    ) -> None:
        """Note how Exact booked a printed invoice.

        Args:
            run: The run that compared.
            document_key: The invoice.
            number: Exact's number, None when its entry was not found.
            differences: What Exact booked otherwise than expected.
        """
        exact_number = None if number is None else str(number)
        detail = {"run": run.run_id, "exact_number": exact_number, "differs": bool(differences)}
        with self.engine.begin() as connection:
            connection.execute(
                documents.update()
                .where(documents.c.document_key == document_key)
                .values(exact_number=exact_number, updated_at=datetime.now(UTC))
            )
            note = "; ".join(differences) or None
            chain.append(connection, self.keys, [Event("compared", document_key, detail, note)])

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

    def due(
        self, now: datetime, *, limit: int, after: Known | None, kind: str | None = None
    ) -> list[Waiting]:
        """Return documents that wait: held ones, and those whose next try is due; oldest first.

        Nothing is claimed: most of what is parked still cannot be booked, and looking at it
        must leave no trace.

        Args:
            now: The time to compare ``next_retry_at`` with (UTC).
            limit: How many at most.
            after: The last one of the page before, or None.
            kind: Only this kind, e.g. ``credit_memo``.
        """
        statement = (
            sa.select(documents)
            .where(
                documents.c.kind == kind if kind else sa.true(),
                sa.or_(
                    documents.c.state == "received",
                    sa.and_(
                        documents.c.state.in_(("failed", "parked")),
                        documents.c.next_retry_at <= now,
                    ),
                ),
                documents.c.payload.is_not(None),
            )
            .order_by(documents.c.created_at, documents.c.document_key)
            .limit(limit)
        )
        if after is not None:
            here = sa.tuple_(documents.c.created_at, documents.c.document_key)
            statement = statement.where(here > (after.created_at, after.document_key))
        with reading(self.engine) as connection:
            return [self._opened(row) for row in connection.execute(statement)]

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

    def unanswered(self, run: Run, *, sent_before: datetime, limit: int) -> list[Waiting]:
        """Return documents of this run whose answer never came, oldest first.

        Args:
            run: The run that holds the claims; none of its calls may be under way.
            sent_before: Only calls that began before this moment (UTC): a younger one may still
                be at work in Exact.
            limit: How many at most.
        """
        statement = (
            sa.select(documents)
            .where(
                documents.c.state == "sending",
                documents.c.claimed_by == run.run_id,
                documents.c.sent_at <= sent_before,
            )
            .order_by(documents.c.sent_at, documents.c.document_key)
            .limit(limit)
        )
        with reading(self.engine) as connection:
            return [self._opened(row) for row in connection.execute(statement)]

    def oldest_unanswered(self, run: Run) -> datetime | None:
        """Return when the oldest call of this run without an answer began (UTC), or None."""
        with reading(self.engine) as connection:
            oldest: datetime | None = connection.scalar(
                sa.select(documents.c.sent_at)
                .where(documents.c.state == "sending", documents.c.claimed_by == run.run_id)
                .order_by(documents.c.sent_at)
                .limit(1)
            )
            return oldest

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

    def _opened(self, row: sa.Row[Any]) -> Waiting:
        record = payload.decode(self.keys.decrypt(row.payload))
        document = Document(record, row.stream, row.document_key, row.payload_hash)
        return Waiting(document, Known(*(getattr(row, name) for name in _KNOWN_NAMES)))


def _insert_new(connection: Connection) -> Any:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(documents).on_conflict_do_nothing()
    return statement.returning(documents.c.document_key)


_KNOWN = sa.select(
    documents.c.document_key,
    documents.c.stream,
    documents.c.state,
    documents.c.payload_hash,
    documents.c.newer_hash,
    documents.c.attempts,
    documents.c.exact_id,
    documents.c.exact_number,
    documents.c.error,
    documents.c.claimed_by,
    documents.c.sent_at,
    documents.c.created_at,
)
_KNOWN_NAMES = tuple(column.name for column in _KNOWN.selected_columns)

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

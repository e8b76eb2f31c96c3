"""Later versions of posted documents, and what Exact itself made of a document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from target_exact_online.ledger import chain, payload
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.entries import describe
from target_exact_online.ledger.tables import documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Engine

    from target_exact_online.ledger.entries import Document
    from target_exact_online.ledger.keys import LedgerKeys
    from target_exact_online.ledger.runs import Run


class Versions:
    """Writes what happens to a document after it was posted; part of a :class:`.store.Ledger`."""

    def __init__(self, engine: Engine, keys: LedgerKeys) -> None:
        """Use an opened ledger's database and keys."""
        self._engine = engine
        self._keys = keys

    def hold_newer(self, run: Run, document: Document, reason: str | None = None) -> None:
        """Keep a later version of a document that is posted or in another run's hands.

        Args:
            run: The run that received it.
            document: The later version; the posted one stays untouched beside it.
            reason: Why Exact does not get it, or None when it may be sent.
        """
        with self._engine.begin() as connection:
            connection.execute(
                documents.update()
                .where(documents.c.document_key == document.document_key)
                .values(
                    newer_payload=self._keys.encrypt(payload.encode(document.record)),
                    newer_hash=document.payload_hash,
                    error=reason,
                    updated_at=datetime.now(UTC),
                )
            )
            detail = {"run": run.run_id, "newer_hash": document.payload_hash}
            event = Event("changed_in_shop", document.document_key, detail, reason)
            chain.append(connection, self._keys, [event])

    def forget_newer(self, run: Run, document: Document) -> None:
        """Note that the shop has the posted version again.

        Args:
            run: The run that received it.
            document: The posted version.
        """
        with self._engine.begin() as connection:
            connection.execute(
                documents.update()
                .where(documents.c.document_key == document.document_key)
                .values(
                    newer_payload=None, newer_hash=None, error=None, updated_at=datetime.now(UTC)
                )
            )
            event = Event("taken_back", document.document_key, {"run": run.run_id})
            chain.append(connection, self._keys, [event])

    def changed(self, run: Run, document: Document, number: int | None) -> None:
        """Note that Exact has the later version of a document now.

        Args:
            run: The run that changed it.
            document: The later version.
            number: Exact's number of it.
        """
        exact_number = None if number is None else str(number)
        values = describe(document) | {
            "payload": self._keys.encrypt(payload.encode(document.record)),
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
        with self._engine.begin() as connection:
            connection.execute(
                documents.update()
                .where(documents.c.document_key == document.document_key)
                .values(**values)
            )
            chain.append(connection, self._keys, [Event("changed", document.document_key, detail)])

    def not_changed(self, run: Run, document: Document, reason: str) -> None:
        """Note why Exact keeps the posted version of a document.

        Args:
            run: The run that tried.
            document: The later version.
            reason: Why Exact does not take it.
        """
        with self._engine.begin() as connection:
            connection.execute(
                documents.update()
                .where(documents.c.document_key == document.document_key)
                .values(error=reason, updated_at=datetime.now(UTC))
            )
            event = Event("not_changed", document.document_key, {"run": run.run_id}, reason)
            chain.append(connection, self._keys, [event])

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
        with self._engine.begin() as connection:
            connection.execute(
                documents.update()
                .where(documents.c.document_key == document_key)
                .values(exact_number=exact_number, updated_at=datetime.now(UTC))
            )
            note = "; ".join(differences) or None
            chain.append(connection, self._keys, [Event("compared", document_key, detail, note)])

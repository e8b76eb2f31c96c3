"""The target's own errors, in the tree of `exact_online.errors`: one ``except`` serves both.

Callers decide by type, never by reading messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_online.errors import (
    DocumentRefusedError,
    NotNowError,
    OutcomeUnknownError,
    RetriableError,
)

if TYPE_CHECKING:
    from datetime import datetime


class RunLostError(RetriableError):
    """The database connection that showed this run alive is gone, and so is its right to claim."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "The connection to the ledger's database was lost, so that other runs may take over "
            "what this one had in hand (setting ledger_url). Nothing is lost; run again."
        )


class NotBelievedError(OutcomeUnknownError):
    """Exact answered, and the answer is not proven to be about this document: no outage."""


class ChangedByPeopleError(DocumentRefusedError):
    """Somebody changed the document in Exact since it was sent: it is left as it is."""


class NotSeenError(DocumentRefusedError):
    """Exact does not show a document that it has: its index lags, or somebody deleted it."""


class NotYetError(NotNowError):
    """Something that a document needs may be in Exact, which does not show it yet."""

    def __init__(self, message: str, resource: str, retry_at: datetime) -> None:
        """Say what happened, where it may have been created, and when it is asked for (UTC)."""
        reason = message.removesuffix(".")
        said = f"{reason}. It is asked for again after {retry_at:%Y-%m-%d %H:%M:%S} UTC."
        super().__init__(said, retry_at=retry_at, endpoint=resource)

"""The Exact company that documents go to: its client, its budget and its master data."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from exact_online.client import open_client
from target_exact_online import documents
from target_exact_online.creating import Creating
from target_exact_online.documents import accounts
from target_exact_online.documents.prepared import DocumentSettings, Stored
from target_exact_online.exceptions import DocumentRefusedError
from target_exact_online.ledger.locks import exclusive
from target_exact_online.master_data import MasterData
from target_exact_online.references import References

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Engine

    from exact_online.client import ExactClient
    from exact_online.limits import Left
    from target_exact_online.creating import LeftOver
    from target_exact_online.documents.prepared import Found, NewAccount, Prepared
    from target_exact_online.ledger.entries import Document

_MAX_WORKERS = 4
_SECONDS_PER_CALL = 0.5  # a usual answer of Exact; more workers than this needs would only wait
_LEFT_ALONE = (
    "Exact had this relation already, and it was left as it is: compare its addresses and contacts."
)


class ExactCompany:
    """Prepares, sends and finds documents in one or more divisions of one app.

    Attributes:
        client: Makes the calls.
        division: The division of documents that name none.
        tokens: Gives the client its access tokens.
    """

    def __init__(
        self,
        client: ExactClient,
        engine: Engine,
        settings: DocumentSettings,
        settle_after: timedelta,
    ) -> None:
        """Use these; see :func:`open_company`."""
        self.client = client
        self.division = client.division
        self.tokens = client.tokens
        self._budget = client.budget
        self._engine = engine
        self._settings = settings
        self._masters: dict[int, MasterData] = {}
        self._references = References(client, engine)
        self._creating = Creating(client, engine, self.master, settle_after)

    def master(self, division: int) -> MasterData:
        """Return the master data of a division, read when it is first needed.

        Raises:
            ConfigError: The division cannot be used.
        """
        if division not in self._masters:
            self._masters[division] = MasterData.load(self.client, self._engine, division)
        return self._masters[division]

    def prepare(self, document: Document) -> Prepared:
        """Resolve and check a document without any call that writes.

        Raises:
            DocumentRefusedError: It cannot be booked as it is.
        """
        master = self.master(document.record.get("division") or self.division)
        return documents.prepare(document.stream, document.record, master, self._settings)

    def send(self, prepared: Prepared) -> Stored:
        """Store a document in Exact, and before it the debtor and the items it needs.

        A new debtor's addresses and contacts follow: what becomes of them does not hold the
        document up.

        Raises:
            TargetError: By type: nothing was stored, or it is unknown whether it was.
        """
        new = prepared.new_account
        if new is not None and prepared.resource == accounts.RESOURCE:
            stored = self._relation(prepared, new)
        else:
            stored = self._document(prepared)
        if new is not None and new.details:
            warnings = self._creating.complete(new, prepared.division)
            stored = replace(stored, warnings=(*stored.warnings, *warnings))
        return stored

    def update(self, prepared: Prepared, exact_id: str) -> Stored:
        """Make a sales order in Exact what it should be now; one process at a time.

        Raises:
            DocumentRefusedError: It cannot be changed any more.
            RetriableError: It may be changed in part: update it again.
        """
        prepared = self._with_new_master_data(prepared)
        with exclusive(self._engine, f"{prepared.division}:{exact_id}"):
            try:
                return documents.update(prepared, exact_id, self.client)
            except DocumentRefusedError as error:
                self._distrust(prepared, error)
                raise

    def complete_left_over(self) -> Iterator[LeftOver]:
        """Create the addresses and contacts that earlier runs could not create."""
        return self._creating.complete_left_over()

    def _relation(self, prepared: Prepared, new: NewAccount) -> Stored:
        """Store a record of the stream `accounts`."""
        account_id, ours = self._creating.account(new, prepared.division)
        left_alone = () if ours or not new.details else (_LEFT_ALONE,)
        return Stored(account_id, None, left_alone)

    def _document(self, prepared: Prepared) -> Stored:
        prepared = self._with_new_master_data(prepared)
        try:
            return documents.send(prepared, self.client)
        except DocumentRefusedError as error:
            self._distrust(prepared, error)
            # A number that is taken may be taken by this very document.
            found = self.find(prepared) if error.duplicate else None
            if found is None:
                raise
            return Stored(found.exact_id, found.number)

    def _distrust(self, prepared: Prepared, error: DocumentRefusedError) -> None:
        if error.by_exact:  # what the cache says is not what Exact has
            self.master(prepared.division).distrust()

    def _with_new_master_data(self, prepared: Prepared) -> Prepared:
        division = prepared.division
        if (new := prepared.new_account) is not None:
            prepared = prepared.with_account(self._creating.account(new, division)[0])
        if (address := prepared.delivery_address) is not None:
            account_id = prepared.payload["OrderedBy"]
            prepared = prepared.with_delivery_address(
                self._creating.delivery_address(address, account_id, division)
            )
        for item in prepared.new_items:
            prepared = prepared.with_item(item, self._creating.item(item.payload, division))
        return prepared

    def find(self, prepared: Prepared) -> Found | None:
        """Ask whether Exact has a document."""
        return documents.settle(prepared, self.client)

    def compare(self, printed: Sequence[Prepared]) -> dict[str, tuple[int | None, list[str]]]:
        """Return number and differences of printed invoices, by document key."""
        answers: dict[str, tuple[int | None, list[str]]] = {}
        for division in {one.division for one in printed}:
            some = [one for one in printed if one.division == division]
            answers |= documents.compare(some, self.client)
        return answers

    def foreign(
        self, claims: Sequence[tuple[Document, Prepared]]
    ) -> dict[str, Found | DocumentRefusedError]:
        """Return what Exact has, from before this ledger, of documents that are new to it."""
        return self._references.foreign(claims)

    def workers(self) -> int:
        """Return how many calls at once the minute's limit gives."""
        per_minute = self._budget.minute_limit(division=self.division)
        return max(1, min(_MAX_WORKERS, math.floor(per_minute / 60 * _SECONDS_PER_CALL)))

    def calls_left(self) -> int:
        """Return the calls left today, as far as the last answers told."""
        return self._budget.left(division=self.division).day[0]

    def limits_left(self) -> Left:
        """Return what is left of the limits, as far as the last answers told."""
        return self._budget.left(division=self.division)

    def cancel(self) -> None:
        """Let no call wait for the next minute any more, because the run ends."""
        self._budget.cancel()

    def close(self) -> None:
        """Close connections and give unused calls back."""
        self.client.close()


def open_company(config: Mapping[str, Any], engine: Engine) -> ExactCompany:
    """Connect to the company that the settings name; nothing is called yet.

    Args:
        config: The target's settings.
        engine: The ledger's engine, where budget and master data are kept.

    Raises:
        ConfigError: A setting is missing or wrong.
    """
    client = open_client(config, engine, program="target-exact-online")
    settings = DocumentSettings(
        create_accounts=config.get("create_accounts", False),
        create_items=config.get("create_items", False),
        closed_period=config.get("closed_period", "refuse"),
    )
    settle_after = timedelta(seconds=config.get("settle_after_seconds", 60))
    return ExactCompany(client, engine, settings, settle_after)

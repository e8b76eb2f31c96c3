"""The Exact company that documents go to: its client, its budget and its master data."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from exact_online.client import open_client
from exact_online.errors import DocumentRefusedError, ExactError, FatalError, OutcomeUnknownError
from target_exact_online import documents
from target_exact_online.documents import relation, sales_order
from target_exact_online.documents.begun import Begun
from target_exact_online.documents.prepared import DocumentSettings, Stored
from target_exact_online.exceptions import ChangedByPeopleError, NotSeenError, NotYetError
from target_exact_online.ledger.locks import exclusive
from target_exact_online.master_data import MasterData
from target_exact_online.master_data.shelf import PARKED_AT
from target_exact_online.relations import Relations
from target_exact_online.settings import with_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests
    from sqlalchemy.engine import Engine

    from exact_online.client import ExactClient
    from exact_online.limits import Left
    from target_exact_online.documents.prepared import Found, Prepared
    from target_exact_online.ledger.rows import Document


@dataclass(slots=True)
class Company:
    """Prepares, sends and finds documents in one or more divisions of one app."""

    client: ExactClient  # makes the calls
    engine: Engine  # the ledger's engine, where budget and master data are kept
    settings: DocumentSettings  # what may be created or moved
    absent_after: timedelta  # how long a call may be at work in Exact, and Exact's lists behind it
    _masters: dict[int, MasterData] = field(default_factory=dict)
    relations: Relations = field(init=False)
    _begun: Begun = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what is created; nothing is called yet."""
        self.relations = Relations(self.client, self.engine, self.master, self.absent_after)
        self._begun = Begun(self.engine)

    @property
    def division(self) -> int:
        """The division of documents that name none."""
        return self.client.division

    def master(self, division: int) -> MasterData:
        """Return the master data of a division, read when it is first needed.

        Raises:
            ConfigError: The division cannot be used.
        """
        if division not in self._masters:
            self._masters[division] = MasterData.load(self.client, self.engine, division)
        return self._masters[division]

    def prepare(self, document: Document, parked_at: datetime | None = None) -> Prepared:
        """Resolve and check a document, perhaps a parked one, without any call that writes.

        Raises:
            DocumentRefusedError: It cannot be booked as it is.
        """
        master = self.master(document.division)
        PARKED_AT.set(parked_at.timestamp() if parked_at else None)
        record = document.record | {"document_key": document.document_key}
        return documents.prepare(document.stream, record, master, self.settings)

    def complete(self, prepared: Prepared) -> Prepared:
        """Create the debtor, the delivery address and the items that a document needs.

        Raises:
            ExactError: By type; the document itself was not sent.
        """
        if prepared.kind is relation.KIND:
            return prepared  # it is the relation itself
        return self.relations.ensure(prepared)

    def send(self, prepared: Prepared) -> Stored:
        """Store a document in Exact; what it needs is there.

        A new debtor's addresses and contacts follow: what becomes of them does not hold the
        document up.

        Raises:
            ExactError: By type: nothing was stored, or it is unknown whether it was.
        """
        if prepared.kind is relation.KIND:
            return self.relations.create(prepared)
        try:
            stored = documents.send(prepared, self.client)
        except DocumentRefusedError as error:
            self._distrust(prepared, error)
            # A number that is taken may be taken by this very document.
            found = self._taken(prepared) if error.duplicate else None
            if found is None:
                raise
            stored = Stored(found.exact_id, found.number)
        warnings = self.relations.complete(prepared)
        return replace(stored, warnings=(*stored.warnings, *warnings))

    def update(self, before: Document, newer: Document, exact_id: str) -> Stored:
        """Make a sales order in Exact what it should be now; one process at a time.

        Raises:
            DocumentRefusedError: It cannot be changed any more, or people changed it.
            RetriableError: It may be changed in part: update it again.
        """
        try:
            sent = self.relations.known(self.prepare(before))
        except DocumentRefusedError:
            sent = None  # what it refers to has changed since
        try:
            prepared = self.complete(self.prepare(newer))
            with exclusive(self.engine, f"{prepared.division}:{exact_id}"):
                return self._update(prepared, sent, exact_id)
        except DocumentRefusedError as error:
            for_good = isinstance(error, (ChangedByPeopleError, NotSeenError))
            if for_good or not self._begun.versions(before.division, exact_id):
                raise
            msg = f"Its order in Exact may be changed in part: {error}"
            raise NotYetError(msg, sales_order.KIND.resource, self.client.now()) from error

    def _update(self, prepared: Prepared, sent: Prepared | None, exact_id: str) -> Stored:
        """Change an order once no call of an earlier change can be at work any more."""
        order = prepared.division, exact_id
        if since := self._begun.unanswered(*order):
            soon = since + self.absent_after
            if soon > self.client.now():
                msg = "A call that changes its order may still be at work in Exact"
                raise NotYetError(msg, prepared.kind.resource, soon)
        try:
            return sales_order.update(prepared, sent, exact_id, self.client, self._begun)
        except OutcomeUnknownError:
            self._begun.add(*order, self._begun.versions(*order), self.client.now())
            raise
        except ExactError as error:
            self._begun.answered(*order)
            if isinstance(error, DocumentRefusedError):
                self._distrust(prepared, error)
            raise

    def period(self, prepared: Prepared) -> tuple[int, int] | None:
        """Return Exact's financial year and period of a document, if master data has them."""
        if not prepared.kind.journal:
            return None  # an order is booked in none
        try:
            period = self.master(prepared.division).period(prepared.document_date)
        except FatalError:
            return None
        return period.year, period.period

    def limits_left(self) -> Left:
        """Return what is left of the limits, as far as the last answers told."""
        return self.client.budget.left(division=self.division)

    def close(self) -> None:
        """Close connections and give unused calls back."""
        self.client.close()

    def _taken(self, prepared: Prepared) -> Found | None:
        there = documents.find(prepared.sent(datetime.now(UTC)), self.client)
        same = [one for one in there if one.same and prepared.owner_of(one.exact_id) is None]
        return same[0] if len(same) == 1 else None

    def _distrust(self, prepared: Prepared, error: DocumentRefusedError) -> None:
        if error.by_exact:  # what the cache says is not what Exact has
            self.master(prepared.division).distrust(error)
            self.relations.distrust(prepared, error)


def open_company(
    config: Mapping[str, Any],
    engine: Engine,
    number_of: Callable[[str], int | None] = lambda _: None,
    *,
    session: requests.Session | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] | None = None,
) -> Company:
    """Connect to the company that the settings name; nothing is called yet.

    Budget and master data are kept in the ledger's database; ``number_of`` returns the number that
    Exact gave a document, by its key. The rest is as for `exact_online.client.open_client`.

    Raises:
        ConfigError: A setting is missing or wrong.
    """
    client = open_client(
        config, engine, program="target-exact-online", session=session, clock=clock, sleep=sleep
    )
    given = with_defaults(config)
    settings = DocumentSettings(
        number_of=number_of,
        **{one.name: given[one.name] for one in fields(DocumentSettings) if given.get(one.name)},
    )
    seconds = given["settle_after_seconds"] + given["index_lag_seconds"]
    return Company(client, engine, settings, timedelta(seconds=seconds))

"""The Exact company that documents go to: its client, its budget and its master data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from target_exact_online import _odata, documents
from target_exact_online.auth import app_of, build_token_source, open_login
from target_exact_online.client import ExactClient
from target_exact_online.documents import accounts
from target_exact_online.documents.prepared import DocumentSettings, Stored
from target_exact_online.exceptions import (
    ConfigError,
    DocumentRefusedError,
    OutcomeUnknownError,
    TransientApiError,
)
from target_exact_online.hosts import base_url
from target_exact_online.ledger.locks import exclusive
from target_exact_online.limits import Budget
from target_exact_online.master_data import MasterData, reading
from target_exact_online.references import References

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Engine

    from target_exact_online.auth import TokenSource
    from target_exact_online.documents.prepared import Found, Prepared
    from target_exact_online.ledger.entries import Document
    from target_exact_online.limits import Left
    from target_exact_online.master_data.reading import Kind

_MAX_WORKERS = 4
_SECONDS_PER_CALL = 0.5  # a usual answer of Exact; more workers than this needs would only wait


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
        budget: Budget,
        engine: Engine,
        division: int,
        settings: DocumentSettings,
        tokens: TokenSource,
    ) -> None:
        """Use these; see :func:`open_company`."""
        self.client = client
        self.division = division
        self.tokens = tokens
        self._budget = budget
        self._engine = engine
        self._settings = settings
        self._masters: dict[int, MasterData] = {}
        self._references = References(client, engine)

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

        Raises:
            TargetError: By type: nothing was stored, or it is unknown whether it was.
        """
        if prepared.resource == accounts.RESOURCE:
            return Stored(self._account(prepared), None)
        prepared = self._with_new_master_data(prepared)
        try:
            return documents.send(prepared, self.client)
        except DocumentRefusedError as error:
            if error.by_exact:  # what the cache says is not what Exact has
                self.master(prepared.division).distrust()
            # A number that is taken may be taken by this very document.
            found = self.find(prepared) if error.duplicate else None
            if found is None:
                raise
            return Stored(found.exact_id, found.number)

    def update(self, prepared: Prepared, exact_id: str) -> Stored:
        """Make a sales order in Exact what it should be now; one process at a time.

        Raises:
            DocumentRefusedError: It cannot be changed any more.
            RetriableError: It may be changed in part: update it again.
        """
        prepared = self._with_new_master_data(prepared)
        with exclusive(self._engine, f"{prepared.division}:{exact_id}"):
            return documents.update(prepared, exact_id, self.client)

    def _with_new_master_data(self, prepared: Prepared) -> Prepared:
        division = prepared.division
        if prepared.new_account is not None:
            prepared = prepared.with_account(self._account(prepared))
        for item in prepared.new_items:
            code = _odata.text(item.payload["Code"])
            found = self._found_or_created(
                reading.ITEMS, "logistics/Items", f"Code eq {code}", item.payload, division
            )
            prepared = prepared.with_item(item, found)
        return prepared

    def _account(self, prepared: Prepared) -> str:
        """Return the GUID of the relation that a document needs."""
        if (new := prepared.new_account) is None:
            msg = f"{prepared.document_key} needs no new relation"
            raise ValueError(msg)
        return self._found_or_created(
            reading.ACCOUNTS, accounts.RESOURCE, new.match_filter, new.payload, prepared.division
        )

    def _found_or_created(
        self, kind: Kind, resource: str, asked: str, payload: dict[str, Any], division: int
    ) -> str:
        """Return the GUID of what Exact has by now, or of what is created.

        Two documents, or two machines, may need the same new relation: one creates it, the
        others find it. The same question settles a creation whose answer was lost.
        """
        # Row versions exist only where deltas are read.
        select = kind.select.removesuffix(",Timestamp")
        with exclusive(self._engine, f"{division}:{resource}"):
            rows = list(self.client.get(resource, filter=asked, select=select, division=division))
            try:
                row = rows[0] if rows else self.client.post(resource, payload, division=division)
            except OutcomeUnknownError as error:
                # The document itself was not sent: its next try asks for the relation first.
                raise TransientApiError(str(error), status=error.status) from error
            self.master(division).remember(kind, row)
        return str(row[kind.key])

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
    if not config.get("division"):
        msg = (
            "The setting division is missing: the number of the Exact company, to be seen in the "
            "address bar of Exact Online as _Division_=123456."
        )
        raise ConfigError(msg)
    division = int(config["division"])
    _, _, login = open_login(config)
    budget = Budget(engine, app_of(login).client_id)
    tokens = build_token_source(config)
    client = ExactClient(base_url(login), division, tokens, budget)
    settings = DocumentSettings(
        create_accounts=config.get("create_accounts", False),
        create_items=config.get("create_items", False),
        closed_period=config.get("closed_period", "refuse"),
    )
    return ExactCompany(client, budget, engine, division, settings, tokens)

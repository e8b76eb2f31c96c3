"""What a document needs and Exact lacks: relations with all that belongs to them, items, addresses.

A relation's addresses and contacts come after the document that needs it: the entry matters more.
What could not be created then is created by the next run (see `target_exact_online.unfinished`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from exact_online import odata
from target_exact_online.documents import accounts, addresses, contacts
from target_exact_online.exceptions import (
    DocumentRefusedError,
    OutcomeUnknownError,
    RetriableError,
    TargetError,
    TransientApiError,
)
from target_exact_online.ledger.locks import exclusive
from target_exact_online.master_data import reading
from target_exact_online.unfinished import UnfinishedRelations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import Engine

    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import Detail, NewAccount
    from target_exact_online.master_data import MasterData
    from target_exact_online.master_data.reading import Kind, Row
    from target_exact_online.unfinished import Unfinished

_LABEL = {addresses.RESOURCE: "address", contacts.RESOURCE: "contact"}
_SELECT = {addresses.RESOURCE: addresses.SELECT, contacts.RESOURCE: contacts.SELECT}
_IS_SAME = {addresses.RESOURCE: addresses.is_same, contacts.RESOURCE: contacts.is_same}
_NEVER_CREATED = timedelta(days=1)  # longer than a lost call can be at work in Exact


@dataclass(frozen=True, slots=True)
class LeftOver:
    """What became of a relation that an earlier run left unfinished.

    Attributes:
        document_key: The document that needed it first.
        order_number: The order of that document, or None.
        warnings: What a person should know.
    """

    document_key: str
    order_number: str | None
    warnings: tuple[str, ...]


class Creating:
    """Creates master data, each once: what was created meanwhile is found."""

    def __init__(
        self,
        client: ExactClient,
        engine: Engine,
        master: Callable[[int], MasterData],
        settle_after: timedelta,
    ) -> None:
        """Prepare; nothing is called yet.

        Args:
            client: Makes the calls.
            engine: The ledger's engine.
            master: Returns the master data of a division.
            settle_after: How long an unanswered call may still be at work in Exact.
        """
        self._client = client
        self._engine = engine
        self._master = master
        self._settle_after = settle_after
        self._unfinished = UnfinishedRelations(engine)

    def item(self, payload: dict[str, Any], division: int) -> str:
        """Return the GUID of an item."""
        asked = f"Code eq {odata.text(payload['Code'])}"
        with self._alone("logistics/Items", division):
            row, _ = self._found_or_created(
                reading.ITEMS, "logistics/Items", asked, payload, division
            )
        return str(row["ID"])

    def account(self, new: NewAccount, division: int) -> tuple[str, bool]:
        """Return the GUID of a relation, and whether its details are ours to create.

        A relation that somebody else created is left as it is.
        """
        with self._alone(accounts.RESOURCE, division):
            row, created = self._found_or_created(
                reading.ACCOUNTS,
                accounts.RESOURCE,
                new.match_filter,
                new.payload,
                division,
                begin=new if new.details else None,
            )
            account_id = str(row["ID"])
            note = self._unfinished.find(new.match_filter, division) if new.details else None
            if note is not None and note.exact_id is None:
                self._unfinished.save(replace(note, exact_id=account_id, ask_first=not created))
        return account_id, note is not None

    def complete(self, new: NewAccount, division: int) -> tuple[str, ...]:
        """Create the details of a relation that is there; return what a person should know."""
        with self._alone(accounts.RESOURCE, division):
            note = self._unfinished.find(new.match_filter, division)
            return () if note is None else self._completed(note)[0]

    def complete_left_over(self) -> Iterator[LeftOver]:
        """Create what earlier runs left out, as long as Exact can be asked."""
        failure: TargetError | None = None
        for noted in self._unfinished.all():
            if isinstance(failure, RetriableError):  # the rest would fail in the same way
                warnings: tuple[str, ...] = (_postponed(noted.details, str(failure)),)
                yield LeftOver(noted.document_key, noted.order_number, warnings)
                continue
            with self._alone(accounts.RESOURCE, noted.division):
                note = self._unfinished.again(noted)
                if note is None:
                    continue  # another process completed it
                warnings, failure = self._completed_left_over(note)
            yield LeftOver(note.document_key, note.order_number, warnings)

    def _completed_left_over(self, note: Unfinished) -> tuple[tuple[str, ...], TargetError | None]:
        try:
            there = self._with_account(note)
        except TargetError as error:
            return (_postponed(note.details, str(error)),), error
        return ((), None) if there is None else self._completed(there)

    def delivery_address(self, payload: dict[str, Any], account_id: str, division: int) -> str:
        """Return the GUID of a relation's delivery address.

        Exact itself looks for an identical address and answers that one, so that a call whose
        answer was lost is simply made again.
        """
        master = self._master(division)
        with self._alone(addresses.RESOURCE, division):
            known = master.delivery_address(account_id, payload)
            if known is not None:
                return known
            row = self._post(addresses.RESOURCE, payload | {"Account": account_id}, division)
            master.remember_delivery_address(account_id, payload, str(row["ID"]))
        return str(row["ID"])

    def _alone(self, resource: str, division: int) -> AbstractContextManager[None]:
        return exclusive(self._engine, f"{division}:{resource}")

    def _found_or_created(
        self,
        kind: Kind,
        resource: str,
        asked: str,
        payload: dict[str, Any],
        division: int,
        *,
        begin: NewAccount | None = None,
    ) -> tuple[Row, bool]:
        """Return what Exact has by now, or what is created, and whether it was created.

        Two documents, or two machines, may need the same new relation: one creates it, the
        others find it. The same question settles a creation whose answer was lost.
        """
        # Row versions exist only where deltas are read.
        select = kind.select.removesuffix(",Timestamp")
        rows = list(self._client.get(resource, filter=asked, select=select, division=division))
        if not rows and begin is not None:
            self._unfinished.begin(begin, division)
        row = rows[0] if rows else self._post(resource, payload, division)
        self._master(division).remember(kind, row)
        return row, not rows

    def _post(self, resource: str, payload: dict[str, Any], division: int) -> Row:
        try:
            return self._client.post(resource, payload, division=division)
        except OutcomeUnknownError as error:
            # The document itself was not sent: its next try asks for this first.
            raise TransientApiError(str(error), status=error.status) from error

    def _with_account(self, note: Unfinished) -> Unfinished | None:
        """Return the note with its relation, or None when Exact does not have that."""
        if note.exact_id is not None:
            return note
        rows = self._client.get(
            accounts.RESOURCE, filter=note.match_filter, select="ID", division=note.division
        )
        for row in rows:
            return replace(note, exact_id=str(row["ID"]), ask_first=True)
        if note.created_at < datetime.now(UTC) - _NEVER_CREATED:
            self._unfinished.remove(note)
        return None

    def _completed(self, note: Unfinished) -> tuple[tuple[str, ...], TargetError | None]:
        """Create what a relation lacks; return what a person should know, and what ended it."""
        if note.not_before > datetime.now(UTC):
            return (_postponed(note.details, "An earlier call may still be at work."),), None
        warnings: list[str] = []
        missing = list(note.details)
        try:
            if note.ask_first:
                missing = self._missing(note)
            while missing:
                again_at = datetime.now(UTC) + self._settle_after
                self._unfinished.save(
                    replace(note, ask_first=True, not_before=again_at, details=tuple(missing))
                )
                self._create(missing[0], note, warnings)
                del missing[0]
        except TargetError as error:
            return (*warnings, _postponed(tuple(missing), str(error))), error
        self._unfinished.remove(note)
        return tuple(warnings), None

    def _create(self, detail: Detail, note: Unfinished, warnings: list[str]) -> None:
        body = detail.payload | {"Account": note.exact_id}
        try:
            self._client.post(detail.resource, body, division=note.division)
        except DocumentRefusedError as error:
            label = _LABEL[detail.resource]
            warnings.append(
                f"Its relation was created without one {label}: {error} Add the {label} in Exact."
            )

    def _missing(self, note: Unfinished) -> list[Detail]:
        """Return the details that Exact does not have."""
        missing: list[Detail] = []
        for resource in dict.fromkeys(detail.resource for detail in note.details):
            rows = list(
                self._client.get(
                    resource,
                    filter=f"Account eq {odata.guid(str(note.exact_id))}",
                    select=_SELECT[resource],
                    division=note.division,
                )
            )
            missing += [
                detail
                for detail in note.details
                if detail.resource == resource
                and not any(_IS_SAME[resource](detail.payload, row) for row in rows)
            ]
        return missing


def _postponed(details: tuple[Detail, ...], reason: str) -> str:
    labels = [_LABEL[detail.resource] for detail in details]
    counts = " and ".join(f"{labels.count(one)} {one}" for one in dict.fromkeys(labels))
    return f"Its relation still lacks {counts}, which the next run creates: {reason}"

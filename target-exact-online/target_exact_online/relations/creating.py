"""Find or create what documents need and Exact lacks, each thing once.

A relation's addresses and contacts come after the document that needs it: the entry matters more.
What could not be created then is created by a later run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from exact_online import values
from exact_online.errors import (
    DocumentRefusedError,
    ExactError,
    OutcomeUnknownError,
    RetriableError,
)
from target_exact_online.documents.prepared import Detail, Stored
from target_exact_online.documents.relation import ADDRESSES, KIND
from target_exact_online.exceptions import NotYetError
from target_exact_online.ledger.locks import exclusive
from target_exact_online.master_data import kinds
from target_exact_online.relations import things
from target_exact_online.relations.rows import EVER_SINCE, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import Engine

    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import FoundAccount, Prepared
    from target_exact_online.master_data import MasterData
    from target_exact_online.relations.rows import Row
    from target_exact_online.relations.things import Thing

_KINDS: dict[str, kinds.Kind[Any]] = {"account": kinds.ACCOUNTS, "item": kinds.ITEMS}
_A_DAY = timedelta(days=1)
_NOT_SHOWN = "Exact does not show yet what an earlier call may have created"
_LEFT_ALONE = (
    "Exact had this relation already, and it was left as it is: compare its addresses and contacts."
)


@dataclass(frozen=True, slots=True)
class Relations:
    """Finds and creates what documents need."""

    client: ExactClient  # makes the calls
    engine: Engine
    master: Callable[[int], MasterData]  # returns the master data of a division
    # How long a call may be at work in Exact, and Exact's index behind it: before that, what Exact
    # does not show may be there.
    absent_after: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # returns the time (UTC)
    _rows: Rows = field(init=False)
    _followed: set[str] = field(default_factory=set)  # documents whose relations need more
    _asked_early: set[str] = field(default_factory=set)  # things that were not shown yet

    def __post_init__(self) -> None:
        """Open the rows of this ledger."""
        object.__setattr__(self, "_rows", Rows(self.engine))

    def known(self, prepared: Prepared) -> Prepared:
        """Return a document with what it needs and is recorded, without any call."""
        return self._with_all(prepared, self._recorded)

    def ensure(self, prepared: Prepared) -> Prepared:
        """Return a document whose debtor, delivery address and items are in Exact.

        Raises:
            NotYetError: One of them may be in Exact, and is asked for later.
            ExactError: By type; the document itself was not sent.
        """
        if (found := prepared.found_account) is not None:
            self._remember(found, prepared.division)
        return self._with_all(prepared, self._there)

    def create(self, prepared: Prepared) -> Stored:
        """Store a record of the stream `accounts`; a relation that Exact has is left as it is.

        Raises:
            NotYetError: It may be in Exact, and is asked for later.
            ExactError: By type; nothing was stored.
        """
        new = prepared.new_account
        assert new is not None  # noqa: S101  # the stream's own preparation makes it
        thing = things.account(new, prepared.division)
        account_id = self._there(thing, new.document_key, new.details)
        left_alone = new.details and new.document_key not in self._followed
        return Stored(account_id, None, (_LEFT_ALONE,) if left_alone else self.complete(prepared))

    def complete(self, prepared: Prepared) -> tuple[str, ...]:
        """Create the addresses and contacts of a relation that was created for a document.

        Returns:
            What a person should know; whatever happens does not hold the document up.
        """
        if prepared.document_key not in self._followed:
            return ()
        self._followed.discard(prepared.document_key)
        with self._alone(ADDRESSES, prepared.division):
            return self._completed(self._rows.details_of(prepared.document_key))[0]

    def complete_left_over(
        self, *, of_this_run: bool = False
    ) -> Iterator[tuple[str, str | None, str]]:
        """Create what earlier runs left out, as long as Exact can be asked.

        Of this run it is only what belongs to documents that were found, not sent.

        Yields:
            What a person should know: the document that needed it, its order, and words.
        """
        failure: ExactError | None = None
        by_document: dict[tuple[str, int], list[Row]] = {}
        rows = self._rows.unfinished() if not of_this_run or self._followed else []
        for row in rows:
            if of_this_run and row.document_key not in self._followed:
                continue
            by_document.setdefault((row.document_key, row.division), []).append(row)
        for (key, division), rows in by_document.items():
            if isinstance(failure, RetriableError):  # the rest would fail in the same way
                warnings = _postponed(rows, str(failure))
            else:
                with self._alone(ADDRESSES, division):
                    warnings, failure = self._left_over(rows)
            yield from ((key, rows[0].order_number, words) for words in warnings)

    def distrust(self, prepared: Prepared, error: DocumentRefusedError) -> None:
        """Doubt what Exact refused in a document: it may have been deleted there."""
        names = {one.where for one in error.problems}
        ids: list[Any] = []
        if "debtor" in names:
            ids += [prepared.payload.get(prepared.kind.account)]
            ids += [line.get("Account") for line in prepared.lines]
        if "delivery_address" in names:
            ids.append(prepared.payload.get("DeliveryAddress"))
        if "item" in names:
            ids += [line.get("Item") for line in prepared.lines]
        if known := [str(one) for one in ids if one]:
            self._rows.doubt(prepared.division, known, self.now())

    # One thing

    def _with_all(
        self, prepared: Prepared, get: Callable[[Thing, str, tuple[Detail, ...]], str | None]
    ) -> Prepared:
        key, division = prepared.document_key, prepared.division
        if (new := prepared.new_account) is not None:
            account_id = get(things.account(new, division), key, new.details)
            prepared = prepared.with_account(account_id) if account_id else prepared
        owner_id = prepared.payload.get(prepared.kind.account)
        if (address := prepared.delivery_address) is not None and owner_id:
            one = Detail(ADDRESSES, address)
            address_id = get(things.detail(one, str(owner_id), division), key, (one,))
            prepared = prepared.with_delivery_address(address_id) if address_id else prepared
        for item in prepared.new_items:
            item_id = get(things.item(item.payload, division), key, ())
            prepared = prepared.with_item(item, item_id) if item_id else prepared
        return prepared

    def _recorded(self, thing: Thing, _: str, __: tuple[Detail, ...]) -> str | None:
        row = self._rows.find(thing)
        return row.exact_id if row else None

    def _there(self, thing: Thing, document_key: str, details: tuple[Detail, ...]) -> str:
        """Return the GUID of a thing that Exact has, by now."""
        with self._alone(thing.resource, thing.division):
            row = self._rows.find(thing)
            if row is not None and row.exact_id is not None:
                return row.exact_id
            was_sent = row is not None and row.sent_at is not None
            until = self._shown_by(row, self.now()) if row is not None else None
            if until is not None and row is not None and row.identity in self._asked_early:
                raise NotYetError(_NOT_SHOWN, thing.resource, until)
            # Exact itself looks for an identical address; others may have made the rest meanwhile.
            if was_sent or thing.what != "address":
                found = next((one for one in self._all(thing) if thing.is_same(one)), None)
                if found is not None:
                    # Made by an earlier call, or before the ledger was restored from a backup.
                    if thing.what == "account" and (was_sent or thing.is_as_sent(found)):
                        self._want(
                            details, str(found["ID"]), thing.division, document_key, EVER_SINCE
                        )
                    return self._kept(thing, document_key, found)
            if row is not None and until is not None:
                self._asked_early.add(row.identity)  # once: many documents may need it
                raise NotYetError(_NOT_SHOWN, thing.resource, until)
            return self._created(thing, document_key, details)

    def _remember(self, found: FoundAccount, division: int) -> None:
        """Record a relation of which the ledger knows nothing, although it may have created it.

        Before the ledger was restored from a backup, that is: what Exact has exactly as it would
        be sent is ours, and may lack its addresses and contacts.
        """
        if found.created < self._rows.since - _A_DAY:  # Exact tells its own time
            return
        thing, key = things.account(found.new, division), found.new.document_key
        with self._alone(thing.resource, division):
            if self._rows.find(thing) is not None:
                return
            rows = (one for one in self._all(thing) if one["ID"] == found.account_id)
            if (row := next(rows, None)) is None:
                return
            if thing.is_as_sent(row):
                self._want(found.new.details, found.account_id, division, key, EVER_SINCE)
            self._rows.there(thing, key, found.account_id)

    def _created(self, thing: Thing, document_key: str, details: tuple[Detail, ...]) -> str:
        at = self.now()
        self._rows.sending(thing, document_key, at, details)
        try:
            row = self._posted(thing)
        except OutcomeUnknownError as error:
            # The document itself was not sent; this is asked for before it is sent again.
            raise NotYetError(str(error), thing.resource, at + self.absent_after) from error
        except DocumentRefusedError:
            self._rows.not_there(thing, wanted=False)
            raise
        except ExactError:
            self._rows.not_there(thing, wanted=thing.what in {"address", "contact"})
            raise
        answered = {name: value for name, value in row.items() if value is not None}
        if thing.what == "account":  # first: a crash in between asks for the relation again
            self._want(details, str(row["ID"]), thing.division, document_key)
        return self._kept(thing, document_key, thing.body | answered)

    def _posted(self, thing: Thing) -> dict[str, Any]:
        """Send a thing, and return an answer that is this thing's: its own words, a new GUID."""
        row = self.client.post(thing.resource, thing.body, division=thing.division)
        exact_id = row.get("ID")
        ours = values.is_guid(exact_id) and thing.is_answered_by(row)
        if not ours or (thing.what != "address" and self._rows.holds(thing, str(exact_id))):
            msg = f"Exact's answer is another {thing.what}'s"
            raise OutcomeUnknownError(msg)
        return row

    def _kept(self, thing: Thing, document_key: str, row: dict[str, Any]) -> str:
        exact_id = str(row["ID"])
        self._rows.there(thing, document_key, exact_id)
        if kind := _KINDS.get(thing.what):
            self.master(thing.division).remember(kind, row)
        return exact_id

    def _want(
        self,
        details: tuple[Detail, ...],
        owner_id: str,
        division: int,
        document_key: str,
        sent_at: datetime | None = None,
    ) -> None:
        """Note what is to be created; what may be there since `sent_at` is asked for first."""
        wanted = [(things.detail(one, owner_id, division), one) for one in details]
        if wanted:
            self._rows.wanted(wanted, document_key, sent_at)
            self._followed.add(document_key)

    def _shown_by(self, row: Row, asked_at: datetime) -> datetime | None:
        """Return when absence begins to count (UTC), or None when it did as Exact was asked."""
        if row.sent_at is None:
            return None
        if row.sent_at > asked_at:  # a clock was wrong: no moment is believed before it comes
            self._rows.waits(row, asked_at)
        until = min(row.sent_at, asked_at) + self.absent_after
        return until if asked_at < until else None

    # What comes after the document

    def _left_over(self, rows: list[Row]) -> tuple[tuple[str, ...], ExactError | None]:
        """Finish what a document of an earlier run needed."""
        try:
            # The details of a relation may have rows of their own already: each counts once.
            found = [one for row in rows for one in self._open_details(row)]
            rows = list({(one.what, one.identity): one for one in found}.values())
        except ExactError as error:
            return _postponed(rows, str(error)), error
        return self._completed(rows, ask=True)

    def _open_details(self, row: Row) -> list[Row]:
        """Return the addresses and contacts that a row stands for, with rows of their own."""
        if row.what in {"address", "contact"}:
            return [row]
        resource = "logistics/Items" if row.what == "item" else KIND.resource
        with self._alone(resource, row.division):
            now = self._rows.again(row)
            if now is None:
                return []  # another process finished it
            exact_id = now.exact_id
            shown_by = self._shown_by(now, self.now())
            if exact_id is None:
                found = self.client.get(
                    resource, filter=now.question, select="ID", division=now.division
                )
                exact_id = next((str(one["ID"]) for one in found), None)
            if exact_id is None and shown_by is not None:
                return [now]
            if exact_id is None:
                self._rows.remove(now)  # it is created when a document needs it
                return []
            self._want(now.details, exact_id, now.division, now.document_key)
            self._rows.is_there(now, exact_id)
        return self._rows.details_of(now.document_key)

    def _completed(
        self, rows: list[Row], *, ask: bool = False
    ) -> tuple[tuple[str, ...], ExactError | None]:
        """Create addresses and contacts; return what a person should know, and what ended it."""
        warnings: list[str] = []
        waiting: list[Row] = []
        there: dict[str, tuple[datetime, list[dict[str, Any]]]] = {}
        for at, row in enumerate(rows):
            if row.what not in {"address", "contact"}:
                waiting.append(row)
                continue
            (one,) = row.details
            thing = things.detail(one, row.owner_id, row.division)
            try:
                asked_at = self.now()
                if ask or row.sent_at is not None:
                    asked = thing.resource + thing.question
                    if asked not in there:
                        there[asked] = asked_at, self._all(thing)
                    asked_at, others = there[asked]
                    same = next((other for other in others if thing.is_same(other)), None)
                    if same is not None:
                        self._rows.is_there(row, str(same["ID"]))
                        continue
                if self._shown_by(row, asked_at) is not None:
                    waiting.append(row)
                    continue
                self._created(thing, row.document_key, (one,))
            except DocumentRefusedError as error:
                warnings.append(
                    f"Its relation was created without one {thing.what}: {error} "
                    f"Add the {thing.what} in Exact."
                )
            except ExactError as error:
                return (*warnings, *_postponed([*waiting, *rows[at:]], str(error))), error
        return (*warnings, *(_postponed(waiting, f"{_NOT_SHOWN}.") if waiting else ())), None

    def _all(self, thing: Thing) -> list[dict[str, Any]]:
        rows = self.client.get(
            thing.resource,
            filter=thing.question,
            select=thing.select,
            division=thing.division,
            answers_it=thing.answers_question,
        )
        return list(rows)

    def _alone(self, resource: str, division: int) -> AbstractContextManager[None]:
        return exclusive(self.engine, f"{division}:{resource}")


def _postponed(rows: list[Row], reason: str) -> tuple[str, ...]:
    labels = [row.what for row in rows]
    counts = " and ".join(f"{labels.count(one)} {one}" for one in dict.fromkeys(labels))
    return (f"What it needs in Exact still lacks {counts}, which a later run creates: {reason}",)

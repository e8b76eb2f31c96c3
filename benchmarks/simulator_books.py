"""Compare Exact with the ledger and with what was fed."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import simulator_shop as shops
import sqlalchemy as sa

from commerce_sandbox.exact import store
from commerce_sandbox.exact.credentials import USER
from commerce_sandbox.exact.routes import run_late_calls
from connector_program.database import reading
from target_exact_online.ledger import chain
from target_exact_online.ledger.tables import documents

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator_shop import Fed

    from commerce_sandbox.context import SandboxContext
    from target_exact_online.ledger.store import Ledger

FIGURES = ("lost", "doubled", "wrong_company", "false_reports", "chain_broken")
_RESOURCES = {
    shops.ENTRIES: ("salesentry/SalesEntries", "EntryID", "EntryNumber"),
    shops.ORDERS: ("salesorder/SalesOrders", "OrderID", "OrderNumber"),
    shops.INVOICES: ("salesinvoice/SalesInvoices", "InvoiceID", "InvoiceNumber"),
    shops.JOURNALS: ("generaljournalentry/GeneralJournalEntries", "EntryID", "EntryNumber"),
}
_JOURNAL_LINES = "generaljournalentry/GeneralJournalEntryLines"
_CLEARING = "1240"
_OPEN = ("held", "parked", "failed", "skipped")
_PROCESSED = 50
_DIFFERS = "with the reference"
_UNKNOWN = "which this ledger does not know"


@dataclass(frozen=True)
class Thing:
    """A document in Exact.

    Attributes:
        stream: What it is.
        key: Its GUID.
        division: Whose books.
        marker: What was sent for which document.
        amount: Its total, of a journal entry the clearing account's debit.
        credit: A journal entry's credit of the clearing account.
        by_people: Somebody typed it.
        printed: An invoice is printed, or an entry is that of a printed invoice.
        name: How the ledger's reasons name it: Exact's number, or a journal entry's reference.
    """

    stream: str
    key: str
    division: int
    marker: str
    amount: Decimal
    credit: Decimal
    by_people: bool
    printed: bool
    name: str


@dataclass
class Doings:
    """What people did on purpose; none of it is the target's.

    Attributes:
        touched: Markers of documents whose entries they edited or deleted.
        skipped: Markers of documents that they skipped.
        deleted: GUIDs of what they deleted.
        edited: GUIDs of what they edited.
    """

    touched: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    edited: set[str] = field(default_factory=set)


@dataclass
class Books:
    """Compares, and keeps what it found; the same finding counts once.

    Attributes:
        context: The sandbox.
        ledger: The ledger.
        doings: What people did.
        linked: Whether sales entries carry their document's key: then none is taken for another.
        unknowing: Markers of what Exact had when an older ledger was restored: the ledger may not
            know it until it is looked at again.
        restored: An older ledger was restored at least once.
        found: By figure, what was found.
    """

    context: SandboxContext
    ledger: Ledger
    doings: Doings
    linked: bool
    unknowing: set[str] = field(default_factory=set)
    restored: bool = False
    found: dict[str, dict[str, str]] = field(default_factory=lambda: {name: {} for name in FIGURES})

    def compare(self, fed: Iterable[Fed], states: dict[int, int], when: str, *, last: bool) -> None:
        """Compare everything.

        Args:
            fed: The shops' documents.
            states: What the taps of both companies were told is safe.
            when: For the reader.
            last: Nothing is under way any more.
        """
        run_late_calls(self.context)
        with reading(self.ledger.engine) as connection:
            rows = [one._asdict() for one in connection.execute(sa.select(documents))]
        for fault in chain.verify(self.ledger.engine, self.ledger.keys).faults:
            self._note("chain_broken", fault, when)
        self.ledger.close()
        _Comparison(self, list(fed), rows, things(self.context), states, when, last).run()

    def _note(self, figure: str, what: str, when: str) -> None:
        self.found[figure].setdefault(what, when)

    def figures(self) -> dict[str, int]:
        """How many of each were found."""
        return {name: len(self.found[name]) for name in FIGURES}


@dataclass
class _Comparison:
    books: Books
    fed: list[Fed]
    rows: list[dict[str, Any]]
    things: list[Thing]
    states: dict[int, int]
    when: str
    last: bool

    def run(self) -> None:
        """Go through everything."""
        self.by_key = {one.key: one for one in self.things}
        self.by_marker: dict[str, list[Thing]] = defaultdict(list)
        for thing in self.things:
            self.by_marker[thing.marker].append(thing)
        self.row_of = {
            (row["document_key"].partition("@")[0], row["division"]): row for row in self.rows
        }
        self.entries = {row["document_key"]: row for row in self.rows if row["kind"] == "day"}
        # Only sales entries carry the link.
        self.twins = _twins(self.fed, {shops.ENTRIES} if self.books.linked else set())
        self.owners: dict[str, str] = {}
        for row in self.rows:
            key, exact_id = row["document_key"], row["exact_id"]
            if exact_id is not None and self.owners.setdefault(exact_id, key) != key:
                self._say("false_reports", f"{key} and {self.owners[exact_id]} hold {exact_id}")
        for one in self.fed:
            self._document(one, self.row_of.get((one.key, one.division)))
        for row in self.entries.values():
            self._day(row)
        self._groups()
        self._strangers()
        self._relations()

    def _say(self, figure: str, what: str) -> None:
        self.books._note(figure, what, self.when)  # noqa: SLF001

    def _document(self, one: Fed, row: dict[str, Any] | None) -> None:
        if row is None:
            if one.changed <= self.states[one.company]:
                self._say("lost", f"{one.marker} {one.key}: the ledger does not know it")
            return
        mine = [
            thing
            for thing in self.by_marker[one.marker]
            if not thing.by_people and not (thing.stream == shops.ENTRIES and thing.printed)
        ]
        for thing in mine:
            if thing.division != one.division:
                self._say("wrong_company", f"{one.marker} {one.key} is in {thing.division}")
        entry = self.entries.get(row["summary_key"] or "")
        in_day = entry is not None and entry["exact_id"] in self.by_key
        if len(mine) + in_day > 1 and one.marker not in self.twins:
            self._say("doubled", f"{one.marker} {one.key}: {len(mine)}, in a day's entry: {in_day}")
        if row["state"] == "posted":
            self._posted(one, row)
        elif mine and not row["may_be_in_exact"] and row["state"] in _OPEN:
            excused = self.books.unknowing | self.twins | self.books.doings.touched
            if one.marker not in excused:
                self._say(
                    "false_reports", f"{one.marker} {one.key}: Exact has it, not {row['state']}"
                )
        if self.last:
            self._at_last(one, row, mine)

    def _posted(self, one: Fed, row: dict[str, Any]) -> None:
        if one.stream != shops.ORDERS:
            self.books.unknowing.discard(one.marker)
        if row["stream"] == shops.DAILY:
            entry = self.entries.get(row["summary_key"] or "")
            if entry is None or entry["state"] != "posted":
                self._say("false_reports", f"{one.marker} {one.key}: posted without its entry")
            return
        self._posted_alone(one, row)

    def _posted_alone(self, one: Fed, row: dict[str, Any]) -> None:
        thing = self.by_key.get(row["exact_id"])
        if thing is None:
            if row["exact_id"] not in self.books.doings.deleted:
                self._say("false_reports", f"{one.marker} {one.key}: posted, and not in Exact")
            return
        if thing.key in self.books.doings.edited or thing.by_people:
            return
        if thing.marker != one.marker and one.marker not in self.twins:
            self._say("false_reports", f"{one.marker} {one.key}: holds what is {thing.marker}'s")
        elif thing.amount == Decimal(row["amount"]):
            self.books.unknowing.discard(one.marker)
        elif row["changing_hash"] is None and one.marker not in self.books.unknowing:
            said = f"{row['amount']}, Exact has {thing.amount}"
            self._say("false_reports", f"{one.marker} {one.key}: {said}")
        if self.last and thing.stream == shops.INVOICES:
            self._printed(one, thing)

    def _printed(self, one: Fed, thing: Thing) -> None:
        booked = [x for x in self.by_marker[thing.marker] if x.stream == shops.ENTRIES]
        if len(booked) != 1 and thing.key not in self.books.doings.deleted:
            self._say("doubled" if booked else "lost", f"{one.marker} printed: {len(booked)}")

    def _at_last(self, one: Fed, row: dict[str, Any], mine: list[Thing]) -> None:
        doings = self.books.doings
        if one.marker in doings.touched | doings.skipped or row["state"] == "posted":
            if row["state"] == "posted" and one.stream == shops.ORDERS:
                self._order(one, row)
            return
        if self._keeps_older(one, row, mine) or self._may_be_booked(row):
            return
        typed = any(thing.by_people for thing in self.by_marker[one.marker])
        if one.stream == shops.REFUSED and row["state"] == "parked":
            return
        if row["state"] == "skipped" and row["error"] and typed:
            return
        why = f"{row['state']}, may be {row['may_be_in_exact']}: {row['error']}"
        entry = self.entries.get(row["summary_key"] or "")
        if entry is not None and self._day_differs(entry):
            return
        if entry is not None:
            why += f"; entry {entry['state']}, may be {entry['may_be_in_exact']}: {entry['error']}"
        self._say("lost", f"{one.marker} {one.key} ({len(mine)} in Exact) is {why}")

    def _keeps_older(self, one: Fed, row: dict[str, Any], mine: list[Thing]) -> bool:
        """Tell whether the ledger truly says that Exact has something else of this reference.

        That is a version that a restored ledger does not know, or what people made of it.
        """
        told = _is_parked_different(row)
        unclear = self.books.unknowing | self.books.doings.touched
        alike = [
            other.marker
            for other in self.fed
            if (other.division, other.kind, other.number) == (one.division, one.kind, one.number)
        ]
        typed = any(thing.by_people for name in alike for thing in self.by_marker[name])
        return told and len(mine) <= 1 and (typed or not unclear.isdisjoint(alike))

    def _day_differs(self, entry: dict[str, Any]) -> bool:
        """Tell whether the ledger truly says that Exact has another one, or a person skipped it."""
        told = self.books.restored and _is_parked_different(entry)
        return entry["by_person"] or told or self._may_be_booked(entry)

    def _may_be_booked(self, row: dict[str, Any]) -> bool:
        """Tell whether the ledger truly says that Exact has what may be it, alone or in a day."""
        told = row["state"] == "parked" and _UNKNOWN in row["error"]
        return told and any(self._names(row, thing) for thing in self.things)

    def _names(self, row: dict[str, Any], thing: Thing) -> bool:
        """Tell whether a reason names something that belongs to no document of the ledger."""
        alone = thing.key not in self.owners and thing.division == row["division"]
        return alone and thing.name in (row["error"] or "")

    def _order(self, one: Fed, row: dict[str, Any]) -> None:
        thing = self.by_key.get(row["exact_id"])
        wanted = one.versions[-1][1]["totals"]["amount"]
        if one.marker in self.books.unknowing:  # changed since the backup, and back in the shop
            return
        if thing is not None and thing.amount != wanted and row["error"] is None:
            self._say("false_reports", f"{one.marker}: the order is {thing.amount}, not {wanted}")

    def _day(self, row: dict[str, Any]) -> None:
        """Compare a day's entry in Exact with the documents that the ledger says are in it."""
        thing = self.by_key.get(row["exact_id"] or "")
        if row["state"] != "posted":
            return
        if thing is None:
            if row["exact_id"] not in self.books.doings.deleted:
                self._say("false_reports", f"{row['document_key']}: posted, and not in Exact")
            return
        if thing.division != row["division"]:
            self._say("wrong_company", f"{row['document_key']} is in {thing.division}")
        if thing.key in self.books.doings.edited:
            return
        members = [one for one in self.rows if one["summary_key"] == row["document_key"]]
        amounts = [Decimal(one["amount"]) for one in members]
        debit = sum((x for x in amounts if x > 0), Decimal(0))
        credit = sum((x for x in amounts if x < 0), Decimal(0))
        if (debit, credit) != (thing.amount, thing.credit):
            said = f"{debit} {credit}, Exact has {thing.amount} {thing.credit}"
            self._say("false_reports", f"{row['document_key']}: {said}")

    def _groups(self) -> None:
        """Count what counts alike together, where an entry may be taken for its twin's."""
        twins = [one for one in self.fed if one.marker in self.twins]
        groups: dict[tuple[Any, ...], list[Fed]] = defaultdict(list)
        for one in twins:
            groups[one.division, one.kind, one.number].append(one)
        for name, group in groups.items():
            mine = [x for one in group for x in self.by_marker[one.marker] if not x.by_people]
            if len(mine) > len(group):
                self._say("doubled", f"{name}: {len(mine)} of {len(group)}")

    def _strangers(self) -> None:
        """At last, everything that was sent belongs to a document of the ledger, or is told."""
        if not self.last:
            return
        told = [
            (row["division"], row["your_ref"])
            for row in self.entries.values()
            if self._day_differs(row)
        ]
        for thing in self.things:
            if thing.by_people or thing.key in self.owners or thing.stream != shops.JOURNALS:
                continue
            compared = any(
                thing.division == division and thing.marker.startswith(reference)
                for division, reference in told
            ) or any(self._may_be_booked(row) and self._names(row, thing) for row in self.rows)
            if thing.marker.startswith("SIM") or self._is_of_unbooked(thing):
                continue
            if not compared:
                self._say("doubled", f"day's entry {thing.marker} {thing.key} of no document")

    def _is_of_unbooked(self, thing: Thing) -> bool:
        """Tell whether versions of documents that are booked nowhere else make up a day's entry."""
        options = [
            {
                Decimal(0),
                *(one["totals"]["amount"] for name, one in fed.versions if name == shops.DAILY),
            }
            for fed in self.fed
            if fed.division == thing.division
            and thing.marker.startswith(f"{fed.on} {fed.store} ")
            and (self.row_of.get((fed.key, fed.division)) or {}).get("state") != "posted"
        ]
        return any(
            sum(x for x in chosen if x > 0) == thing.amount
            and sum(x for x in chosen if x < 0) == thing.credit
            for chosen in itertools.product(*options)
        )

    def _relations(self) -> None:
        connection = self.books.context.database.connection()
        for division in shops.DIVISIONS:
            seen: dict[str, int] = defaultdict(int)
            for row in store.find(connection, "crm/Accounts", division):
                if str(row.get("Email") or "").startswith("sim"):
                    seen[row["Email"]] += 1
            for email, count in seen.items():
                if count > 1:
                    self._say("doubled", f"debtor {email} in {division}")


def _is_parked_different(row: dict[str, Any]) -> bool:
    return row["state"] == "parked" and row["may_be_in_exact"] and _DIFFERS in row["error"]


def things(context: SandboxContext) -> list[Thing]:
    """Read everything that is booked or ordered in both companies."""
    connection = context.database.connection()
    found = []
    for division in shops.DIVISIONS:
        lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in store.find(connection, _JOURNAL_LINES, division):
            lines[line["EntryID"]].append(line)
        gl = {
            row["ID"]: row["Code"].strip()
            for row in store.find(connection, "financial/GLAccounts", division)
        }
        for stream, (resource, key, number) in _RESOURCES.items():
            for row in store.find(connection, resource, division):
                by_people = row["CreatorFullName"] != USER.name
                marker = str(row.get("Description") or "")
                amount = Decimal(str(row.get("AmountFC") or 0))
                credit = Decimal(0)
                if stream == shops.JOURNALS:
                    mine = sorted(lines[row[key]], key=lambda x: x["LineNumber"])
                    marker = str(mine[0].get("Description") or "") if mine else ""
                    marker = marker.partition(": ")[0]
                    parts = [x for x in mine if gl.get(x["GLAccount"]) == _CLEARING]
                    values = [Decimal(str(x["AmountFC"])) for x in parts]
                    amount = sum((x for x in values if x > 0), Decimal(0))
                    credit = sum((x for x in values if x < 0), Decimal(0))
                printed = str(row.get("YourRef") or "").startswith("P") and (
                    stream == shops.ENTRIES or row.get("Status") == _PROCESSED
                )
                found.append(
                    Thing(
                        stream,
                        row[key],
                        division,
                        marker,
                        amount.quantize(Decimal("0.01")),
                        credit.quantize(Decimal("0.01")),
                        by_people,
                        printed,
                        marker if stream == shops.JOURNALS else str(row.get(number) or row[key]),
                    )
                )
    return found


def _twins(fed: list[Fed], linked: set[str]) -> set[str]:
    """Return those whose entries nobody can tell apart: all that Exact has of them is alike."""
    groups: dict[tuple[Any, ...], list[Fed]] = defaultdict(list)
    for one in fed:
        groups[one.division, one.kind, one.number].append(one)
    return {
        one.marker
        for group in groups.values()
        for one in group
        for other in group
        if one is not other
        and one.amounts() & other.amounts()
        and (one.streams & other.streams) - linked
    }

"""Ledger beside Exact, entry after entry: what has its entry, what lacks one, what is a stranger.

Memory holds sums, what differs and a few facts of each document, never all lines.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end import classes, matching, strangers
from target_exact_online.month_end.classes import finding
from target_exact_online.month_end.scopes import Moves, Tally
from target_exact_online.month_end.sides import Entry
from target_exact_online.month_end.walk import Difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from target_exact_online.month_end.books import Reader
    from target_exact_online.month_end.lines import ExactLines
    from target_exact_online.month_end.model import Finding
    from target_exact_online.month_end.people import People
    from target_exact_online.month_end.scopes import Books
    from target_exact_online.month_end.sides import Booked, Header, Month

_CHUNK = 500
_INVOICES = "sales_invoices"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of a document of the ledger.

    Attributes:
        number: The number that the shop printed.
        kind: Its kind.
        store: The store view.
        entry_date: Its day.
        currency: ISO 4217.
        ledger: The amount that was posted, or None.
        exact: The amount that Exact has, or None.
        entry: Its entry in Exact.
        state: Its state.
    """

    number: str
    kind: str
    store: str
    entry_date: str
    currency: str
    ledger: Decimal | None
    exact: Decimal | None
    entry: str
    state: str


def seen(booked: Booked, entry: Entry | None = None, *, here: bool = True) -> Seen:
    """Return what is kept of a document.

    Args:
        booked: The document.
        entry: Its entry, or None.
        here: Whether it counts in this month.
    """
    theirs = None if entry is None else matching.amount_of(entry)
    return Seen(
        booked.number,
        booked.kind,
        booked.store,
        booked.entry_date,
        booked.currency,
        booked.amount if here else None,
        booked.amount if theirs == booked.amount else theirs,  # one object for both
        "" if entry is None else entry.label,
        booked.state,
    )


@dataclass(slots=True)
class Pairing:
    """What was found of a month.

    Attributes:
        month: The month.
        books: Decides where lines count.
        reader: The ledger's documents.
        people: Tells who did something.
        ledger: Sums of the ledger.
        exact: Sums of Exact, as far as it counts.
        findings: The differences so far.
        documents: Facts of the ledger's documents, by key.
        entries: How many lines of each owned account Exact has, and their sum in its currency.
        entry_of: Entries that something was told of, by GUID.
        filed_at: When the VAT return over the month was filed, or None.
        unsure: Documents whose header is there, but whose lines were not seen.
    """

    month: Month
    books: Books
    reader: Reader
    people: People
    ledger: Tally = field(init=False)
    exact: Tally = field(init=False)
    findings: list[Finding] = field(default_factory=list)
    documents: dict[str, Seen] = field(default_factory=dict)
    entries: dict[str, list[Decimal]] = field(
        default_factory=lambda: defaultdict(lambda: [Decimal(0), Decimal(0)])
    )
    entry_of: dict[str, Entry] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    filed_at: datetime | None = None
    _labels: dict[int, str] = field(default_factory=dict)
    _strangers: list[Entry] = field(default_factory=list)
    _numbers: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        """Begin with empty sums."""
        self.ledger, self.exact = Tally(self.books), Tally(self.books)

    def read_ledger(self) -> None:
        """Add up the ledger alone, when Exact's lines are not read."""
        for booked in self.reader.where(ledger_side.posted(self.month)):
            self._count(booked)

    def read_lines(self, lines: ExactLines, *, by_number: bool) -> None:
        """Compare all entries of the month with their documents.

        Args:
            lines: Exact's lines.
            by_number: Entries have no GUID there: an audit file.
        """
        self._learn_numbers(all_streams=by_number)
        entries = lines.entries(self.month)
        while chunk := list(itertools.islice(entries, _CHUNK)):
            for entry in chunk:
                self._add_up(entry)
            known = self.reader.by_exact_id(entry.id for entry in chunk)
            rest = []
            for entry in chunk:
                booked = known.get(entry.id.lower())
                if booked is not None and booked.state == "posted":
                    self.pair(booked, entry)
                else:
                    rest.append(entry)
            self._by_number(rest)

    def _learn_numbers(self, *, all_streams: bool) -> None:
        """Remember which documents Exact knows by number only: printed invoices."""
        condition = ledger_side.posted(self.month)
        for key, stream, number in ledger_side.numbers(self.reader.ledger, condition):
            if all_streams or stream == _INVOICES:
                self._numbers[number].append(key)

    def _by_number(self, entries: list[Entry]) -> None:
        wanted = {key for entry in entries for key in self._numbers.get(entry.number, ())}
        known = self.reader.by_key(wanted - self.documents.keys())
        matched = matching.match(known.values(), entries)
        for pair in matched.pairs:
            if pair.how != "payment":
                self.pair(pair.booked, pair.entry)
        paired = {pair.entry.id for pair in matched.pairs if pair.how != "payment"}
        self._strangers += [
            entry for entry in entries if entry.id not in paired and self._matters(entry)
        ]

    def _matters(self, entry: Entry) -> bool:
        return (
            entry.journal in self.books.owned.journals
            or any(strangers.in_scope(line, entry, self.books) for line in entry.lines)
            or matching.label_of(entry) is not None
        )

    def _add_up(self, entry: Entry) -> None:
        if entry.type in classes.YEAR_END:
            return
        for line in entry.lines:
            if line.account in self.books.owned.accounts:
                sums = self.entries[line.account]
                sums[0] += 1
                sums[1] += line.amount_dc

    def _count(self, booked: Booked, entry: Entry | None = None) -> None:
        """Count a document on the ledger's side, if this is its month."""
        here = (booked.year, booked.period) == (self.month.year, self.month.period)
        if here:
            self.ledger.add(booked.lines, booked.currency, sale=booked.is_sale)
        self.documents[booked.key] = seen(booked, entry, here=here)

    def pair(self, booked: Booked, entry: Entry) -> None:
        """Compare a document with its entry.

        Args:
            booked: The document, posted.
            entry: Exact's entry.
        """
        self._count(booked, entry)
        if (label := matching.label_of_document(booked)) is not None:
            self._labels[hash(label)] = booked.key
        if (entry.year, entry.period) == (self.month.year, self.month.period):
            self.exact.add(entry.lines, entry.currency, sale=booked.is_sale)
        if entry.currency and entry.currency != booked.currency:
            self._other_currency(booked, entry)
            return
        found = classes.compare(booked, entry, self.books, self.month)
        for one in found:
            self._tell(one, booked, entry)
        if not found and self.filed_at is not None:
            self._check_filed(booked, entry, self.filed_at)

    def _check_filed(self, booked: Booked, entry: Entry, filed_at: datetime) -> None:
        """Tell that a document came after the return over its month was filed."""
        made = [one.stamp.created for one in entry.lines if one.stamp.created is not None]
        if not made or min(made) <= filed_at or not any(one.vat_code for one in entry.lines):
            return
        one = Difference(
            "B3",
            "It was posted after the VAT return over its month was filed.",
            Moves(booked.currency, booked.is_sale),
            "",
            f"filed {filed_at:%Y-%m-%d %H:%M} UTC",
            f"posted {min(made):%Y-%m-%d %H:%M} UTC",
            stamp=entry.stamp,
            proposal="File a correction (suppletie), or book it in the next period.",
        )
        self._tell(one, booked, entry)

    def _other_currency(self, booked: Booked, entry: Entry) -> None:
        """Tell that an entry is in another currency: its amounts cannot be compared by line."""
        cause = f"It was posted in {booked.currency}; Exact now has it in {entry.currency}."
        out = Moves(booked.currency, booked.is_sale, out=booked.lines)
        into = Moves(entry.currency, booked.is_sale, into=entry.lines)
        names = ("currency", booked.currency, entry.currency)
        for moves in (out, into):
            self._tell(Difference("E2", cause, moves, *names, stamp=entry.stamp), booked, entry)

    def _tell(self, one: Difference, booked: Booked | None, entry: Entry | None) -> None:
        who = self.people.changed(one.stamp)
        told = finding(one, self.books, "ledger_to_exact", booked=booked, entry=entry, who=who)
        self.findings.append(told)
        if entry is not None:
            self.entry_of[entry.id] = entry

    def missing(self) -> dict[str, Booked]:
        """Return the month's documents without an entry, after Exact was asked by reference."""
        keys = self.reader.keys(ledger_side.posted(self.month))
        left = self.reader.by_key(key for key in keys if key not in self.documents)
        matched = matching.match(left.values(), self._strangers)
        taken = set()
        for pair in matched.pairs:
            taken.add(pair.entry.id)
            self.pair(pair.booked, pair.entry)
            if pair.booked.stream != _INVOICES:
                self._tell(_replaced(pair), pair.booked, pair.entry)
        self._strangers = [entry for entry in self._strangers if entry.id not in taken]
        return {one.key: one for one in matched.documents}

    def settle_moved(self, missing: dict[str, Booked], found: Mapping[str, Entry]) -> None:
        """Tell which missing documents lie in another period.

        Args:
            missing: The documents; those that were found are taken out.
            found: Entries of other periods, by GUID (lower case).
        """
        for key, booked in list(missing.items()):
            entry = found.get(booked.exact_id.lower())
            if entry is None:
                continue
            del missing[key]
            if (entry.year, entry.period) == (self.month.year, self.month.period):
                self._count(booked)
                self.unsure.append(key)
            else:
                self.pair(booked, entry)

    def settle_deleted(
        self, missing: Iterable[Booked], lines: ExactLines, unprinted: Iterable[str] = ()
    ) -> None:
        """Tell which documents Exact does not have any more.

        Args:
            missing: The documents.
            lines: Where deletions are noted.
            unprinted: Keys of invoices that are there, but not printed.
        """
        some = list(missing)
        gone = lines.deleted(booked.exact_id for booked in some if booked.exact_id)
        open_ones = set(unprinted)
        for booked in some:
            self._count(booked)
            if booked.key in open_ones:
                self._tell(classes.not_printed(booked), booked, None)
                continue
            deletion = gone.get(booked.exact_id.lower())
            one = classes.deleted(booked, deletion)
            who = self.people.tell(deletion.by) if deletion is not None else ""
            told = finding(one, self.books, "ledger_to_exact", booked=booked, who=who)
            if deletion is not None:
                told = _at(told, deletion.at)
            self.findings.append(told)

    def judge_strangers(self, waiting: Iterable[Booked]) -> None:
        """Tell what entries without a posted document are.

        Args:
            waiting: Documents of the month that are not posted, or not in the ledger.
        """
        labels = {matching.label_of(entry) for entry in self._strangers}
        keys = [self._labels[hash(label)] for label in labels if hash(label) in self._labels]
        loaded = self.reader.by_key(keys)
        known = ((matching.label_of_document(one), one) for one in loaded.values())
        posted = {label: one for label, one in known if label is not None}
        for one in strangers.classify(self._strangers, list(waiting), posted, self.books):
            moves = one.found.moves
            self.exact.add(moves.into, moves.currency, sale=moves.sale)
            who = self.people.created(one.entry.stamp)
            told = finding(
                one.found,
                self.books,
                "ledger_to_exact",
                booked=one.booked,
                entry=one.entry,
                who=who,
            )
            self.findings.append(_at(told, one.entry.stamp.created))
            self.entry_of[one.entry.id] = one.entry
        self._strangers = []


def _replaced(pair: matching.Match) -> Difference:
    cause = (
        f"Its own entry is gone; Exact has entry {pair.entry.label} in its place, "
        f"found by {pair.how}."
    )
    moves = Moves(pair.booked.currency, pair.booked.is_sale)
    names = ("entry", f"{pair.booked.journal}/{pair.booked.entry_number}", pair.entry.label)
    return Difference("X1", cause, moves, *names, stamp=pair.entry.stamp)


def _at(told: Finding, when: datetime | None) -> Finding:
    return replace(told, when=when)


def as_entry(header: Header, currency: str) -> Entry:
    """Return an entry of which only the header was read."""
    return Entry(
        header.id,
        header.number,
        header.journal,
        0,
        header.status,
        header.date,
        header.year,
        header.period,
        currency,
    )

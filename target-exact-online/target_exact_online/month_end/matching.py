"""Which entry of Exact is which document: pass after pass, each on what the one before left."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from target_exact_online.month_end.sides import LONGEST_REFERENCE, ZERO

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from target_exact_online.month_end.sides import Booked, Entry

How = Literal["id", "number", "reference", "payment"]
NEAR_AMOUNT = Decimal("0.05")
NEAR_DAYS = 3


@dataclass(frozen=True, slots=True)
class Match:
    """A document and its entry.

    Attributes:
        booked: The document.
        entry: The entry.
        how: By which pass they were found.
    """

    booked: Booked
    entry: Entry
    how: How


@dataclass(frozen=True, slots=True)
class Matched:
    """What came of all passes.

    Attributes:
        pairs: Documents with their entries.
        documents: Documents without an entry.
        entries: Entries without a document.
    """

    pairs: tuple[Match, ...]
    documents: tuple[Booked, ...]
    entries: tuple[Entry, ...]


def amount_of(entry: Entry) -> Decimal:
    """Return an entry's amount with VAT as a shop signs it: what its debtors owe."""
    debtors = [line.amount for line in entry.lines if line.kind == "debtor"]
    if debtors:
        return sum(debtors, ZERO)
    return sum((line.amount for line in entry.lines if line.amount > 0), ZERO)


def label_of(entry: Entry) -> tuple[str, bool, str] | None:
    """Return reference, sign and journal of an entry; None when it has no reference."""
    if entry.reference:
        return _cut(entry.reference), amount_of(entry) < 0, entry.journal
    return (entry.text_hash, False, entry.journal) if entry.text_hash else None


def label_of_document(booked: Booked) -> tuple[str, bool, str] | None:
    """Return reference, sign and journal that a document's entry must have."""
    if not booked.journal:
        return None
    if booked.stream == "general_journal_entries":
        return (booked.text_hash, False, booked.journal) if booked.text_hash else None
    if not booked.reference:
        return None
    return _cut(booked.reference), (booked.amount or ZERO) < 0, booked.journal


def _cut(reference: str) -> str:
    return reference.strip()[:LONGEST_REFERENCE].strip()


def match(booked: Iterable[Booked], entries: Iterable[Entry]) -> Matched:
    """Find the entry of each document.

    Args:
        booked: Documents, in the order in which they may choose.
        entries: Entries of Exact.
    """
    documents, rest = list(booked), sorted(entries, key=_age)
    pairs: list[Match] = []
    for how, ours, theirs in _PASSES:
        by_key: dict[Hashable, list[Entry]] = defaultdict(list)
        for entry in rest:
            if (key := theirs(entry)) is not None:
                by_key[key].append(entry)
        left: list[Booked] = []
        taken: set[str] = set()
        for one in documents:
            wanted = ours(one)
            found = by_key.get(wanted) if wanted is not None else None
            if found:
                entry = found.pop(0)
                taken.add(entry.id)
                pairs.append(Match(one, entry, how))
            else:
                left.append(one)
        documents = left
        rest = [entry for entry in rest if entry.id not in taken]
    return Matched(tuple(pairs), tuple(documents), tuple(rest))


def _age(entry: Entry) -> tuple[float, str]:
    created = entry.lines[0].stamp.created if entry.lines else None
    return (created.timestamp() if created else 0.0, entry.id)


_PASSES: tuple[
    tuple[How, Callable[[Booked], Hashable | None], Callable[[Entry], Hashable | None]], ...
] = (
    ("id", lambda one: one.exact_id.casefold() or None, lambda entry: entry.id.casefold()),
    (
        "number",
        lambda one: (one.journal, one.entry_number) if one.journal and one.entry_number else None,
        lambda entry: (entry.journal, entry.number),
    ),
    ("reference", label_of_document, label_of),
    (
        "payment",
        lambda one: (
            (one.order_number, one.amount, one.currency)
            if one.order_number and one.amount is not None
            else None
        ),
        lambda entry: (
            (entry.payment_reference, amount_of(entry), entry.currency)
            if entry.payment_reference
            else None
        ),
    ),
)


def candidates(entry: Entry, documents: Sequence[Booked]) -> list[Booked]:
    """Return documents that an entry may stand for: nearly its amount, nearly its day.

    They are named to people, never taken for a match.

    Args:
        entry: An entry without a document.
        documents: Documents without an entry.
    """
    amount = amount_of(entry)
    return [
        one
        for one in documents
        if one.amount is not None
        and one.currency == entry.currency
        and abs(one.amount - amount) <= NEAR_AMOUNT
        and _days(one.entry_date, entry.date) <= NEAR_DAYS
    ]


def _days(one: str, other: str) -> int:
    try:
        return abs((date.fromisoformat(one[:10]) - date.fromisoformat(other[:10])).days)
    except ValueError:
        return NEAR_DAYS + 1

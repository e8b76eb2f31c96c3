"""Entries of Exact that belong to no posted document: who typed them, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_exact_online.month_end import matching
from target_exact_online.month_end.classes import OWN_TYPES, YEAR_END
from target_exact_online.month_end.scopes import Moves
from target_exact_online.month_end.walk import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from target_exact_online.month_end.scopes import Books
    from target_exact_online.month_end.sides import Booked, Entry, Line

_SALES_JOURNALS = frozenset({20, 21})
_MONEY_JOURNALS = frozenset({10, 12})


@dataclass(frozen=True, slots=True)
class Stranger:
    """An entry without a posted document.

    Attributes:
        entry: The entry.
        found: What it is.
        booked: The document that it stands for or repeats, or None.
    """

    entry: Entry
    found: Difference
    booked: Booked | None = None


def in_scope(line: Line, entry: Entry, books: Books) -> bool:
    """Tell whether a line of somebody else's entry counts in the bridges.

    Lines on the rules' own accounts do; what a bank or cash book puts on the balance sheet is
    money that came in, and a year's end is no sale.
    """
    if entry.type in YEAR_END or books.is_debtor(line):
        return False
    if books.chart.journal_types.get(entry.journal) in _MONEY_JOURNALS:
        return line.account in books.owned.accounts & books.chart.profit_and_loss
    return line.account in books.owned.accounts


def classify(
    entries: Sequence[Entry],
    waiting: Sequence[Booked],
    posted: Mapping[tuple[str, bool, str], Booked],
    books: Books,
) -> Iterator[Stranger]:
    """Say of each entry what it is; one that does not count is left out.

    Args:
        entries: Entries without a posted document.
        waiting: Documents that are not posted.
        posted: Posted documents that have their entry, by reference, sign and journal.
        books: Decides where lines count.
    """
    typed = [entry for entry in entries if entry.type not in OWN_TYPES | YEAR_END]
    repeated = [entry for entry in typed if _original(entry, posted) is not None]
    again = {entry.id for entry in repeated}
    matched = matching.match(waiting, [entry for entry in typed if entry.id not in again])
    for pair in matched.pairs:
        yield _stands_for(pair.booked, pair.entry)
    for entry in repeated:
        booked = _original(entry, posted)
        if booked is not None:
            yield _twice(entry, booked)
    for entry in (*matched.entries, *(one for one in entries if one.type in OWN_TYPES)):
        stranger = _other(entry, matched.documents, books)
        if stranger is not None:
            yield stranger


def _original(entry: Entry, posted: Mapping[tuple[str, bool, str], Booked]) -> Booked | None:
    label = matching.label_of(entry)
    return None if label is None else posted.get(label)


def _whole(entry: Entry, sale: bool | None) -> Moves:  # noqa: FBT001  # as everywhere here
    return Moves(entry.currency, sale, into=entry.lines)


def _stands_for(booked: Booked, entry: Entry) -> Stranger:
    amount = str(matching.amount_of(entry))
    moves = _whole(entry, booked.is_sale)
    if booked.may_be_in_exact:
        cause = "Exact has the document, although its answer never came."
        proposal = "The next run finds out by itself; nothing to do."
        found = Difference("S9", cause, moves, "", "no answer", amount, None, entry.stamp, None)
        return Stranger(entry, _proposing(found, proposal), booked)
    cause = f"The document is {booked.state or 'not in the ledger'}, and somebody typed it."
    proposal = (
        f"If it is the document: `documents skip {booked.key} --reason 'typed by hand'`."
        if booked.state
        else "Delete the entry in Exact and run the job, or leave it and keep the order out."
    )
    found = Difference(
        "X1", cause, moves, "", booked.reason or booked.state, amount, None, entry.stamp
    )
    return Stranger(entry, _proposing(found, proposal), booked)


def _proposing(found: Difference, proposal: str) -> Difference:
    return Difference(
        found.code,
        found.cause,
        found.moves,
        found.field,
        found.ours,
        found.theirs,
        found.line,
        found.stamp,
        found.severity,
        proposal,
    )


def _twice(entry: Entry, booked: Booked) -> Stranger:
    ours = f"{booked.journal}/{booked.entry_number}"
    return Stranger(
        entry,
        Difference(
            "E7",
            f"Exact has the reference {booked.number} twice: our entry {ours}, and this one.",
            _whole(entry, booked.is_sale),
            "",
            ours,
            entry.label,
            None,
            entry.stamp,
            None,
            f"Delete entry {entry.label} in Exact.",
        ),
        booked,
    )


def _other(entry: Entry, documents: Sequence[Booked], books: Books) -> Stranger | None:
    owned = tuple(line for line in entry.lines if in_scope(line, entry, books))
    amount = str(matching.amount_of(entry))
    if entry.type in OWN_TYPES:
        if not owned:
            return None
        cause = f"Exact made it by itself (type {entry.type})."
        moves = Moves(entry.currency, None, into=owned)
        return Stranger(entry, Difference("X4", cause, moves, "", "", amount, None, entry.stamp))
    is_sales = books.chart.journal_types.get(entry.journal) in _SALES_JOURNALS
    if is_sales and entry.journal in books.owned.journals:
        near = matching.candidates(entry, documents)
        cause = "Somebody typed it in a journal of the rules; no document belongs to it."
        if near:
            cause += f" It may stand for {', '.join(one.key for one in near[:3])}."
        moves = _whole(entry, sale=True)
        return Stranger(
            entry,
            Difference(
                "X2",
                cause,
                moves,
                "",
                "",
                amount,
                None,
                entry.stamp,
                None,
                "Check it with whoever typed it.",
            ),
        )
    if not owned:
        return None
    accounts = ", ".join(sorted({line.account for line in owned}))
    sums = sum((-line.amount for line in owned), start=owned[0].amount * 0)
    return Stranger(
        entry,
        Difference(
            "X3",
            f"Entry {entry.label} books on {accounts}, which the rules own.",
            Moves(entry.currency, None, into=owned),
            "gl_account",
            "",
            f"{accounts} {sums}",
            None,
            entry.stamp,
            None,
            "Check it with whoever typed it, or move it to an account of its own.",
        ),
    )

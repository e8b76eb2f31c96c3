"""The classes of difference: every cent of a pair of sides falls into exactly one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_exact_online.month_end.model import Finding
from target_exact_online.month_end.scopes import Moves, in_total
from target_exact_online.month_end.walk import Difference, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_exact_online.month_end.model import Severity, Step
    from target_exact_online.month_end.scopes import Books
    from target_exact_online.month_end.sides import Booked, Entry, Gone, Month

TITLES: dict[str, tuple[Severity, str]] = {
    "S1": ("error", "In the shop, never in the ledger"),
    "S2": ("warning", "In the ledger, not posted"),
    "S3": ("info", "Skipped"),
    "S4": ("error", "Changed in the shop after posting"),
    "S5": ("error", "Gone from the shop"),
    "S6": ("info", "Booked in another period"),
    "S7": ("error", "Booked twice"),
    "S8": ("warning", "Another rate in Exact"),
    "S9": ("warning", "Sent without an answer"),
    "E1": ("error", "Deleted in Exact"),
    "E2": ("error", "Amount edited in Exact"),
    "E3": ("error", "GL account, cost center or cost unit edited in Exact"),
    "E4": ("error", "VAT edited in Exact"),
    "E5": ("error", "Date, period or journal moved in Exact"),
    "E6": ("warning", "Debtor changed in Exact"),
    "E7": ("error", "There twice in Exact"),
    "E8": ("warning", "Not processed in Exact"),
    "X1": ("warning", "Typed by hand for a document that is not posted"),
    "X2": ("warning", "Typed by hand, without a document"),
    "X3": ("warning", "Another entry on an account of the rules"),
    "X4": ("info", "Made by Exact itself"),
    "B1": ("error", "Debtors do not agree with open items"),
    "B2": ("warning", "Balance 0, but open items"),
    "B3": ("error", "Created or changed after the VAT return was filed"),
    "B4": ("warning", "Rounding above the limit"),
    "B5": ("error", "EC sales or OSS line without what the return needs"),
}
OWN_TYPES = frozenset({50, 70, 71, 75, *range(80, 90)})
"""Types of entries that Exact makes by itself: VAT return, depreciation, differences, deferral."""
YEAR_END = frozenset({310, *range(320, 329)})
"""Types of a year's end: left out of all sums."""
_BOOKED = 20  # statuses below are drafts and rejected entries


def finding(
    found: Difference,
    books: Books,
    step: Step,
    *,
    booked: Booked | None = None,
    entry: Entry | None = None,
    who: str = "",
) -> Finding:
    """Return a difference as people read it.

    Args:
        found: The difference.
        books: Decides where its lines count.
        step: Between which sides it is.
        booked: The document.
        entry: Exact's entry.
        who: Who did it, as it may be told.
    """
    severity, title = TITLES[found.code]
    effects = found.moves.effects(books, step)
    return Finding(
        code=found.code,
        severity=found.severity or severity,
        title=title,
        cause=found.cause,
        amount=in_total(effects, books.currency),
        currency=books.currency,
        document_key=booked.key if booked else "",
        number=booked.number if booked else (entry.reference if entry else ""),
        entry=entry.label if entry else _entry_of(booked),
        entry_id=entry.id if entry else (booked.exact_id if booked else ""),
        line=found.line,
        field=found.field,
        ours=found.ours,
        theirs=found.theirs,
        who=who,
        when=found.stamp.modified or found.stamp.created,
        proposal=found.proposal,
        effects=effects,
    )


def _entry_of(booked: Booked | None) -> str:
    if booked is None or not booked.entry_number:
        return ""
    return f"{booked.journal}/{booked.entry_number}"


def compare(booked: Booked, entry: Entry, books: Books, month: Month) -> list[Difference]:
    """Return how Exact's entry differs from the document that was posted.

    Args:
        booked: The document, posted.
        entry: Its entry.
        books: Decides where lines count.
        month: The month that is compared; one of the two lies in it.
    """
    moved = _moved(booked, entry, month)
    if moved is not None:
        return [moved]
    found = [*_header(booked, entry), *Walk(booked, entry, books).differences()]
    if entry.status and entry.status < _BOOKED:
        nothing = Moves(booked.currency, booked.is_sale)
        cause = f"Exact has it with status {entry.status}: it is not booked for good."
        found.append(Difference("E8", cause, nothing, "status", "20", str(entry.status)))
    return found


def _moved(booked: Booked, entry: Entry, month: Month) -> Difference | None:
    """Return that an entry was moved to another period, seen from this month."""
    here = (month.year, month.period)
    ours, theirs = (booked.year, booked.period), (entry.year, entry.period)
    if ours == theirs or here not in (ours, theirs):
        return None
    moves = Moves(booked.currency, booked.is_sale)
    if ours == here:
        moves.out = booked.lines
        said = f"It was posted for {booked.entry_date} and now lies in {_period(theirs)}."
    else:
        moves.into = entry.lines
        said = f"It was posted for {booked.entry_date} and was moved here from {_period(ours)}."
    return Difference(
        "E5",
        said,
        moves,
        "entry_date",
        booked.entry_date,
        entry.date,
        stamp=entry.stamp,
        proposal="Move it back in Exact, or sign both months off with a note.",
    )


def _period(period: tuple[int, int]) -> str:
    return f"period {period[0]}-{period[1]:02}"


def _header(booked: Booked, entry: Entry) -> Iterable[Difference]:
    nothing = Moves(booked.currency, booked.is_sale)
    stamp = entry.stamp
    if booked.entry_date and entry.date and booked.entry_date[:10] != entry.date[:10]:
        cause = "Its date was changed within the period."
        yield Difference(
            "E5", cause, nothing, "entry_date", booked.entry_date, entry.date, stamp=stamp
        )
    if booked.journal and entry.journal and booked.journal != entry.journal:
        cause = "It lies in another journal."
        yield Difference(
            "E5", cause, nothing, "journal", booked.journal, entry.journal, stamp=stamp
        )
    if booked.relation and entry.relation and not _same(booked.relation, entry.relation):
        cause = "It is on another debtor than it was posted to."
        yield Difference(
            "E6", cause, nothing, "debtor", booked.relation, entry.relation, stamp=stamp
        )


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def deleted(booked: Booked, gone: Gone | None) -> Difference:
    """Return that Exact does not have a document's entry any more.

    Args:
        booked: The document, posted.
        gone: What is known of the deletion.
    """
    by = "" if gone is None or gone.at is None else " It was deleted there."
    cause = f"Exact does not have entry {_entry_of(booked) or booked.exact_id} any more.{by}"
    return Difference(
        "E1",
        cause,
        Moves(booked.currency, booked.is_sale, out=booked.lines),
        "",
        _amount(booked),
        "",
        proposal=f"If it was a mistake: `documents replay --again {booked.key}` books it again.",
    )


def not_printed(booked: Booked) -> Difference:
    """Return that an invoice is in Exact, but not printed, so that nothing is booked."""
    return Difference(
        "E8",
        "The invoice is in Exact, but it is not printed: nothing is booked.",
        Moves(booked.currency, booked.is_sale, out=booked.lines),
        "status",
        "printed",
        "open",
        proposal="Print it in Exact.",
    )


def _amount(booked: Booked) -> str:
    return "" if booked.amount is None else str(booked.amount)

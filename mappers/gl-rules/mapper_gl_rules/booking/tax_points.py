"""Which of several possible tax points a document is booked at; the document says which."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mapper_gl_rules.exceptions import DocumentRefusedError, UndecidedError
from mapper_gl_rules.rules.facts import DocumentFacts, at_tax_point

if TYPE_CHECKING:
    from collections.abc import Callable

    from mapper_gl_rules.booking.postings import Posting
    from mapper_gl_rules.rules.matching import Decision

__all__ = ["AtTaxPoint", "decided_tax_point"]


class AtTaxPoint(NamedTuple):
    """What the rules make of a document at one tax point."""

    facts: DocumentFacts
    decision: Decision
    postings: list[Posting]

    def books_like(self, other: AtTaxPoint) -> bool:
        """Tell whether both give the same entry."""
        same_rules = self.decision.candidates == other.decision.candidates
        return same_rules and self.postings == other.postings


def decided_tax_point(
    facts: DocumentFacts, book: Callable[[DocumentFacts], AtTaxPoint]
) -> AtTaxPoint:
    """Book a document at its tax point, without guessing where there are several.

    A credit memo of several invoices must come out alike at the days of all that allow it. Where
    no rule or VAT code fits, the day of the order is tried: the shop charges what is legal then.

    Args:
        facts: At the first tax point.
        book: Decides about the document at one tax point.

    Raises:
        DocumentRefusedError: When the tax points give different entries, or none gives one.
    """
    possible = facts.dates.tax_points
    found: list[AtTaxPoint] = []
    failed: list[UndecidedError] = []
    for number, point in enumerate(possible):
        try:
            found.append(book(at_tax_point(facts, point) if number else facts))
        except UndecidedError as error:
            failed.append(error)
    if not found:
        return _at_order(facts, book, failed[0])
    first = found[0]
    if all(first.books_like(other) for other in found[1:]):
        return first
    days = " and ".join(f"{one.facts.tax_point} ({one.facts.tax_point_of})" for one in found)
    raise DocumentRefusedError(
        reason=f"the rules book it differently by the invoice it takes back: {days}",
        where="invoice_id",
        what_to_do="Book it by hand; make credit memos from an invoice, so that they name it.",
    )


def _at_order(
    facts: DocumentFacts, book: Callable[[DocumentFacts], AtTaxPoint], error: UndecidedError
) -> AtTaxPoint:
    placed = facts.dates.order_placed
    if placed is None:
        raise error
    try:
        return book(at_tax_point(facts, placed))
    except DocumentRefusedError:
        raise error from None

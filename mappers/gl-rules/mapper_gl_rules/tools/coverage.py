"""What rules do to many documents: booked, refused by reason, skipped; and what a default takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from mapper_gl_rules.booking.booker import Booker
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO
from mapper_gl_rules.rules.facts import document_facts, line_facts
from mapper_gl_rules.source import Document, Order
from mapper_gl_rules.tools.book import book_one

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from decimal import Decimal

    from mapper_gl_rules.rules.facts import DocumentKind
    from mapper_gl_rules.rules.model import Rule, Rules

__all__ = ["Coverage", "Gap", "coverage", "is_since"]

_FIGURES = re.compile(r"-?(?!0\.00\b)\b\d+\.\d+")


class Gap(msgspec.Struct):
    """Amounts that only a default rule, or no rule at all, takes.

    Attributes:
        kind: Kind of line.
        sku: SKU or field of the shop.
        rate: Percentage, or None.
        country: Destination.
        rule: The default rule; None when nothing matches.
        lines: How many.
        net: Sum without VAT per currency.
    """

    kind: str
    sku: str
    rate: Decimal | None
    country: str | None
    rule: str | None
    lines: int = 0
    net: dict[str, Decimal] = {}


class Coverage(msgspec.Struct):
    """What becomes of documents; booked, refused and skipped are all of them.

    Attributes:
        gaps: What falls to a default or to nothing, the latter first.
        lines: How many lines were looked at.
        booked: How many documents are booked.
        refused: Documents by the reason for which they wait for a person.
        skipped: Documents by the reason for which nothing is booked.
        unwanted: Orders that these rules book nothing for; not counted.
    """

    gaps: list[Gap]
    lines: int = 0
    booked: int = 0
    refused: dict[str, list[str]] = {}
    skipped: dict[str, list[str]] = {}
    unwanted: int = 0

    @property
    def documents(self) -> int:
        """How many there are."""
        waiting = (*self.refused.values(), *self.skipped.values())
        return self.booked + sum(len(some) for some in waiting)


def coverage(
    documents: Iterable[tuple[DocumentKind, Document | Order]],
    rules: Rules,
    since: date | None = None,
) -> Coverage:
    """Book documents and count what becomes of them.

    A default is a rule without any condition but the kind of line.
    """
    booker = Booker(rules)
    found = Coverage([])
    gaps: dict[tuple[object, ...], Gap] = {}
    for kind, document in documents:
        if not is_since(kind, document, rules, since):
            continue
        booked = book_one(booker, kind, document)
        refusal = next((one.record for one in booked if one.stream == "refused_documents"), None)
        if not booked:
            found.unwanted += 1
        elif refusal is None:
            found.booked += 1
        else:
            table = found.skipped if refusal["skip"] else found.refused
            name = f"{kind.replace('_', ' ')} {document.increment_id}"
            table.setdefault(_kind_of(refusal["reason"]), []).append(name)
        if isinstance(document, Document) and document.order is not None:
            found.lines += _lines(kind, document, document.order, booker, gaps)
    found.gaps = sorted(gaps.values(), key=lambda gap: (gap.rule is not None, gap.kind, gap.sku))
    return found


def _kind_of(reason: str) -> str:
    """Leave figures out of a reason, and a sum that is written out behind it."""
    first, _, rest = reason.partition(": ")
    return _FIGURES.sub("...", first if " = " in rest else reason)


def _lines(
    kind: DocumentKind,
    document: Document,
    order: Order,
    booker: Booker,
    gaps: dict[tuple[object, ...], Gap],
) -> int:
    """Note which lines of a document fall to a default or to nothing; say how many there are."""
    settings = booker.rules.settings
    try:
        facts = document_facts(kind, document, order, settings)
        amounts = booker.postings.amounts(facts, document, order)
    except DocumentRefusedError:
        return 0  # counted as refused; its lines say nothing about rules
    lines = [line for line in amounts.lines if line.net or line.vat]
    for line in lines:
        fact = line_facts(line, facts, settings, booker.postings.vat_codes)
        found = booker.postings.matcher.match(facts, fact)
        if found is not None and not _is_default(found):
            continue
        name = found.name if found else None
        key = (line.kind, line.name, line.rate, facts.country, name)
        gap = gaps.setdefault(key, Gap(line.kind, line.name, line.rate, facts.country, name))
        gap.lines += 1
        gap.net[facts.currency] = gap.net.get(facts.currency, ZERO) + line.net
    return len(lines)


def _is_default(rule: Rule) -> bool:
    return set(rule.when) <= {"line"}


def is_since(
    kind: DocumentKind, document: Document | Order, rules: Rules, since: date | None
) -> bool:
    """Tell whether a document's booking date is not before a date; in doubt it is not."""
    order = document if isinstance(document, Order) else document.order
    if since is None or order is None:
        return True
    try:
        return document_facts(kind, document, order, rules.settings).booking_date >= since
    except DocumentRefusedError:
        return True

"""What rules do to many documents: coverage, and the effect of a change in money per GL."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from mapper_gl_rules.amounts import read_document
from mapper_gl_rules.booking.booker import Booker
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO
from mapper_gl_rules.rules.facts import document_facts, line_facts
from mapper_gl_rules.source import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from mapper_gl_rules.rules.facts import DocumentKind
    from mapper_gl_rules.rules.model import Rule, Rules
    from mapper_gl_rules.source import Order

__all__ = ["Gap", "Simulation", "coverage", "simulate"]


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


def coverage(
    documents: Iterable[tuple[DocumentKind, Document | Order]],
    rules: Rules,
    since: date | None = None,
) -> tuple[list[Gap], int]:
    """Find what falls to a default or to nothing.

    A default is a rule without any condition but the kind of line.

    Returns:
        The gaps, those without a rule first, and how many lines were looked at.
    """
    booker = Booker(rules)
    gaps: dict[tuple[object, ...], Gap] = {}
    seen = 0
    for kind, document in documents:
        if not isinstance(document, Document) or document.order is None:
            continue
        order = document.order
        try:
            facts = document_facts(kind, document, order, rules.settings)
            if since is not None and facts.entry_date < since:
                continue
            amounts = read_document(document, order, rules.settings.options)
        except DocumentRefusedError:
            continue  # a document that does not add up says nothing about rules
        for line in amounts.lines:
            if not line.net and not line.vat:
                continue
            seen += 1
            found = booker.postings.matcher.match(facts, line_facts(line, facts, rules.settings))
            if found is not None and not _is_default(found):
                continue
            name = found.name if found else None
            key = (line.kind, line.name, line.rate, facts.country, name)
            gap = gaps.setdefault(key, Gap(line.kind, line.name, line.rate, facts.country, name))
            gap.lines += 1
            gap.net[facts.currency] = gap.net.get(facts.currency, ZERO) + line.net
    return sorted(gaps.values(), key=lambda gap: (gap.rule is not None, gap.kind, gap.sku)), seen


def _is_default(rule: Rule) -> bool:
    return set(rule.when) <= {"line"}


class Simulation(msgspec.Struct):
    """What other rules would book differently.

    Attributes:
        accounts: GL account and currency to what is booked on it now and then, credit positive.
        vat: VAT code and currency to VAT now and then.
        documents: Keys of documents that would be booked differently.
        refused: Documents that only the new rules refuse, with the reason.
        accepted: Documents that only the old rules refuse.
    """

    accounts: dict[tuple[str, str], tuple[Decimal, Decimal]]
    vat: dict[tuple[str, str], tuple[Decimal, Decimal]]
    documents: list[str]
    refused: dict[str, str]
    accepted: list[str]


def simulate(
    documents: Iterable[tuple[DocumentKind, Document | Order]],
    old: Rules,
    new: Rules,
    since: date | None = None,
) -> Simulation:
    """Book documents by both rules and compare."""
    sums: list[dict[tuple[str, str, str], Decimal]] = [defaultdict(Decimal), defaultdict(Decimal)]
    bookers = (_one_by_one(old), _one_by_one(new))
    result = Simulation({}, {}, [], {}, [])
    for kind, document in documents:
        if not isinstance(document, Document) or not _is_since(document, kind, old, since):
            continue
        entries = [dict(_booked(booker, kind, document)) for booker in bookers]
        reasons = [entry.pop("refused", None) for entry in entries]
        key = f"{kind} {document.increment_id}"
        if reasons[1] and not reasons[0]:
            result.refused[key] = str(reasons[1])
        elif reasons[0] and not reasons[1]:
            result.accepted.append(key)
        if entries[0] != entries[1]:
            result.documents.append(key)
        for number, entry in enumerate(entries):
            for place, amount in entry.items():
                sums[number][place] += amount  # type: ignore[index,operator]
    for what, name, currency in sorted({*sums[0], *sums[1]}):
        before, after = sums[0][what, name, currency], sums[1][what, name, currency]
        if before != after:
            table = result.accounts if what == "gl" else result.vat
            table[name, currency] = (before, after)
    return result


def _one_by_one(rules: Rules) -> Booker:
    """Book single documents, also where the rules sum up days."""
    replace = msgspec.structs.replace
    single = tuple(
        replace(rule, book=replace(rule.book, mode=None))
        if rule.book and rule.book.mode == "daily_journal"
        else rule
        for rule in rules.rules
    )
    settings = rules.settings
    if settings.mode == "daily_journal":
        settings = replace(settings, mode="sales_entry")
    return Booker(replace(rules, settings=settings, rules=single))


def _is_since(document: Document, kind: DocumentKind, rules: Rules, since: date | None) -> bool:
    if since is None or document.order is None:
        return True
    try:
        facts = document_facts(kind, document, document.order, rules.settings)
    except DocumentRefusedError:
        return True
    return facts.entry_date >= since


def _booked(
    booker: Booker,
    kind: DocumentKind,
    document: Document,
) -> Iterator[tuple[object, object]]:
    """Give amounts by (gl or vat, code, currency), or the reason of a refusal."""
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for one in booker.document("invoice" if kind == "invoice" else "credit_memo", document):
        record = one.record
        if one.stream == "refused_documents":
            yield "refused", record["reason"]
            continue
        sign = -1 if one.stream == "general_journal_entries" else 1
        currency = record["currency"]
        for line in record["lines"]:
            sums["gl", line["gl_account"], currency] += sign * line["amount"]
            if line.get("vat_code"):
                vat = line.get("vat_amount") or ZERO
                sums["vat", line["vat_code"], currency] += sign * vat
    yield from sums.items()

"""Why a document is booked as it is: for each amount the rule, and why not the earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.amounts import AmountLine, Amounts, read_document, read_order
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import show
from mapper_gl_rules.rules.facts import document_facts, line_facts
from mapper_gl_rules.source import Order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mapper_gl_rules.booking.booker import Booker
    from mapper_gl_rules.booking.result import Booked
    from mapper_gl_rules.rules.facts import DocumentFacts, DocumentKind
    from mapper_gl_rules.source import Document

__all__ = ["explain"]


def explain(booker: Booker, kind: DocumentKind, document: Document | Order) -> Iterator[str]:
    """Give the explanation of one document, line by line."""
    rules = booker.rules
    order = document if isinstance(document, Order) else document.order
    yield f"{kind.replace('_', ' ')} {document.increment_id}, rules {rules.version}"
    if order is None:
        yield "  refused: its order is not among the documents"
        return
    try:
        facts = document_facts(kind, document, order, rules.settings)
        amounts = (
            read_order(document, rules.settings.options)
            if isinstance(document, Order)
            else read_document(document, order, rules.settings.options)
        )
    except DocumentRefusedError as error:
        yield f"  refused: {error}"
        return
    yield (
        f"  {facts.entry_date}, {facts.currency}, to {facts.country or 'no country'}, "
        f"VAT number {facts.vat_number_state}, {facts.payment_method or 'no payment method'}"
    )
    yield f"  {amounts.arithmetic}"
    yield from _lines(booker, facts, amounts)
    booked = (
        booker.order(document)
        if isinstance(document, Order)
        else booker.document("invoice" if kind == "invoice" else "credit_memo", document)
    )
    for one in booked:
        yield from _result(one)


def _lines(booker: Booker, facts: DocumentFacts, amounts: Amounts) -> Iterator[str]:
    for line in amounts.lines:
        if line.net or line.vat:
            yield from _line(booker, facts, line)


def _line(booker: Booker, facts: DocumentFacts, line: AmountLine) -> Iterator[str]:
    matcher = booker.postings.matcher
    found = line_facts(line, facts, booker.rules.settings)
    rate = "outside VAT" if line.rate is None else f"{line.rate.normalize():f} %"
    yield (
        f"  {line.kind} {line.name}: net {show(line.net)}, VAT {show(line.vat)}, {rate}, "
        f"supply {found.supply or 'none'}"
    )
    chosen = matcher.match(facts, found)
    for number, rule in enumerate(booker.rules.rules):
        if rule is chosen:
            break
        reason = matcher.why_not(number, facts, found)
        if rule.when.get("line") != "document" and reason and not reason.startswith("line is"):
            yield f"      not {rule.name!r}: {reason}"
    if chosen is None:
        yield "    no rule matches: the document is refused"
        return
    try:
        posting = booker.postings.posting(line, facts, 1)
    except DocumentRefusedError as error:
        yield f"    {chosen.name!r} (line {chosen.line}): refused, {error.reason}"
        return
    book = posting.outcome
    parts = [f"GL {book.gl}", f"VAT code {posting.code.code if posting.code else 'none'}"]
    parts += [
        f"{name} {value}"
        for name, value in (("cost center", book.cost_center), ("cost unit", book.cost_unit))
        if value
    ]
    yield f"    {chosen.name!r} (line {chosen.line}): {', '.join(parts)}"


def _result(booked: Booked) -> Iterator[str]:
    record = booked.record
    if booked.stream == "refused_documents":
        yield f"  refused: {record['reason']} ({record['where']}). {record['what_to_do']}"
        return
    total = show(record["totals"]["amount"])
    journal = f", journal {record['journal']}" if "journal" in record else ""
    if "summary" in record:
        journal = f", in the daily summary of {record['summary']['day']}"
    debtor = record.get("debtor", {})
    owes = debtor.get("code") or ", ".join(debtor.get("match", {}).values())
    owes = f", debtor {owes}" if owes else ""
    yield f"  {booked.stream}: {total} {record['currency']}{journal}{owes}"

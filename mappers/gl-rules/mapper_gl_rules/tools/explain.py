"""Why a document is booked as it is: for each amount the rule, and why not the earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mapper_gl_rules.booking.day_view import day_entries
from mapper_gl_rules.booking.ledger_view import ledger_view
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, show
from mapper_gl_rules.rules.facts import document_facts, line_facts
from mapper_gl_rules.source import Order
from mapper_gl_rules.tools.book import book_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from mapper_gl_rules.amounts import AmountLine, Amounts
    from mapper_gl_rules.booking.booker import Booker
    from mapper_gl_rules.booking.result import Booked
    from mapper_gl_rules.rules.facts import DocumentFacts, DocumentKind
    from mapper_gl_rules.source import Document

__all__ = ["ExplainedLine", "Explanation", "explain", "texts"]


class ExplainedLine(msgspec.Struct, omit_defaults=True):
    """One amount of a document.

    Attributes:
        kind: Kind of line.
        name: The shop's SKU or field.
        net: Without VAT.
        vat: As the shop charged it.
        rate: Percentage; None outside VAT.
        supply: Kind of supply.
        nature: Goods or services; None outside VAT, and where nothing is booked.
        dispatch_country: Where goods are dispatched from.
        not_matched: Earlier rules for this kind of line, and what does not hold.
        rule: The rule that decides; None when none does.
        rule_line: Its line in the file.
        books: Accounts and codes.
        refused: Why nothing is booked.
    """

    kind: str
    name: str
    net: Decimal
    vat: Decimal
    rate: Decimal | None
    supply: str | None
    not_matched: dict[str, str] = {}
    rule: str | None = None
    rule_line: int = 0
    books: dict[str, str] = {}
    refused: str | None = None
    nature: str | None = None
    dispatch_country: str | None = None


class Explanation(msgspec.Struct, omit_defaults=True):
    """How one document is booked.

    Attributes:
        kind: Order, invoice or credit memo.
        number: The shop's.
        rules_version: Which rules.
        facts: Date, currency, destination and so on, by name.
        arithmetic: How the grand total comes about.
        lines: Its amounts.
        entries: What is booked, with the lines that Exact will make.
        orders: Sales orders, which book nothing.
        refused: Reasons for which nothing is booked, or not all.
    """

    kind: str
    number: str
    rules_version: str
    facts: dict[str, str] = {}
    arithmetic: str = ""
    lines: list[ExplainedLine] = []
    entries: list[dict[str, Any]] = []
    orders: list[dict[str, Any]] = []
    refused: list[str] = []


def explain(booker: Booker, kind: DocumentKind, document: Document | Order) -> Explanation:
    """Explain one document."""
    rules = booker.rules
    order = document if isinstance(document, Order) else document.order
    found = Explanation(kind, document.increment_id, rules.version)
    try:
        if order is not None:
            facts = document_facts(kind, document, order, rules.settings)
            found.facts = {
                "booking date": facts.booking_date.isoformat(),
                "tax point": facts.tax_point.isoformat(),
                "currency": facts.currency,
                "to": facts.country or "no country",
                "VAT number": facts.vat_number_state,
                "payment method": facts.payment_method or "none",
            }
            amounts = booker.postings.amounts(facts, document, order)
            found.arithmetic = amounts.arithmetic
            found.lines = list(_lines(booker, facts, amounts))
    except DocumentRefusedError:
        pass  # booking it says so, too
    for one in book_one(booker, kind, document):
        _take(found, one, booker)
    return found


def _take(found: Explanation, booked: Booked, booker: Booker) -> None:
    record = booked.record
    if booked.stream == "refused_documents":
        found.refused.append(f"{record['reason']} ({record['where']}). {record['what_to_do']}")
    elif booked.stream == "sales_orders":
        found.orders.append({"total": record["totals"]["amount"], "currency": record["currency"]})
    elif booked.stream == "summary_documents":
        found.entries += [ledger_view(one, booker.rules) for one in day_entries([record])]
    else:
        found.entries.append(ledger_view(booked, booker.rules))


def _lines(booker: Booker, facts: DocumentFacts, amounts: Amounts) -> Iterator[ExplainedLine]:
    for line in amounts.lines:
        if line.net or line.vat:
            yield _line(booker, facts, line)


def _line(booker: Booker, facts: DocumentFacts, line: AmountLine) -> ExplainedLine:
    matcher = booker.postings.matcher
    fact = line_facts(line, facts, booker.rules.settings, booker.postings.vat_codes)
    found = ExplainedLine(
        line.kind, line.name, line.net + ZERO, line.vat + ZERO, line.rate, fact.supply
    )
    chosen = matcher.match(facts, fact)
    for number, rule in enumerate(booker.rules.rules):
        if rule is chosen:
            break
        reason = matcher.why_not(number, facts, fact)
        if rule.when.get("line") != "document" and reason and not reason.startswith("line is"):
            found.not_matched[rule.name] = reason
    if chosen is None:
        found.refused = "no rule matches: the document is refused"
        return found
    found.rule, found.rule_line = chosen.name, chosen.line
    try:
        posting = booker.postings.posting(line, facts, 1)
    except DocumentRefusedError as error:
        found.refused = error.reason
        return found
    found.nature, found.dispatch_country = posting.nature, posting.dispatch_country
    book = posting.outcome
    found.books = {
        name: value
        for name, value in (
            ("GL", book.gl),
            ("VAT code", posting.code.code if posting.code else "none"),
            ("cost center", book.cost_center),
            ("cost unit", book.cost_unit),
        )
        if value
    }
    return found


def _supplied(line: ExplainedLine) -> str:
    if line.nature is None:
        return ""
    return f", {line.nature}" + (f" from {line.dispatch_country}" * bool(line.dispatch_country))


def texts(found: Explanation) -> Iterator[str]:
    """Write an explanation line by line, without its entries."""
    yield f"{found.kind.replace('_', ' ')} {found.number}, rules {found.rules_version}"
    if found.facts:
        yield "  " + ", ".join(f"{name} {value}" for name, value in found.facts.items())
    if found.arithmetic:
        yield f"  {found.arithmetic}"
    for line in found.lines:
        rate = "outside VAT" if line.rate is None else f"{line.rate.normalize():f} %"
        yield (
            f"  {line.kind} {line.name}: net {show(line.net)}, VAT {show(line.vat)}, {rate}, "
            f"supply {line.supply or 'none'}{_supplied(line)}"
        )
        for rule, reason in line.not_matched.items():
            yield f"      not {rule!r}: {reason}"
        books = ", ".join(f"{name} {value}" for name, value in line.books.items())
        outcome = f"refused, {line.refused}" if line.rule and line.refused else line.refused
        chosen = f"{line.rule!r} (line {line.rule_line}): " if line.rule else ""
        yield f"    {chosen}{outcome or books}"
    for order in found.orders:
        yield f"  sales order: {show(order['total'])} {order['currency']}; it books nothing"
    for reason in found.refused:
        yield f"  refused: {reason}"
